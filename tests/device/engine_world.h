// SPDX-License-Identifier: Apache-2.0
//
// engine_world.h — an engine with streams of its own beside a runtime, on device 0.

#pragma once

#include "tests/device/copy_world.h"

namespace bwrt::test {

struct EngineWorld : CopyWorld {
    CUstream stream = nullptr;

    void start_engine(void** state, const char* plan) {
        start_copies(state, plan);
        stream = new_stream();
    }
    void end_engine() {
        destroy(&stream);
        end_copies();
    }

    CUstream new_stream() {
        CUstream made = nullptr;
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.stream_create_with_priority(&made, CU_STREAM_NON_BLOCKING, 0), 0);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
        return made;
    }
    void destroy(CUstream* one) {
        if (*one == nullptr) return;
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.stream_destroy(*one), CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
        *one = nullptr;
    }
    CUevent new_event() {
        CUevent made = nullptr;
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.event_create(&made, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
        return made;
    }
    void destroy(CUevent* event) {
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.event_destroy(*event), CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
    }
    void record(CUevent event, CUstream in) {
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.event_record(event, in), CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
    }

    // The engine computes: its stream fills memory, or copies it, some time.
    void compute(const DeviceMemory& memory, unsigned char value, std::size_t bytes,
                 CUstream in = nullptr) {
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(
            driver.memset_d8_async(memory.address, value, bytes, in != nullptr ? in : stream),
            CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
    }
    void use(const DeviceMemory& source, const DeviceMemory& target, std::size_t bytes) {
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.memcpy_d2d_async(target.address, source.address, bytes, stream),
                         CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
    }
    void synchronize() {
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.stream_synchronize(stream), CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
    }

    [[nodiscard]] bwrt_wave after_stream() const {
        bwrt_wave wave = {};
        wave.after_kind = BWRT_AFTER_STREAM;
        wave.after = reinterpret_cast<std::uint64_t>(stream);
        return wave;
    }
    [[nodiscard]] static bwrt_wave after_event(CUevent event) {
        bwrt_wave wave = {};
        wave.after_kind = BWRT_AFTER_EVENT;
        wave.after = reinterpret_cast<std::uint64_t>(event);
        return wave;
    }
    void assert_refused_after(const bwrt_wave& wave, bwrt_status status, const char* field) {
        bwrt_handle handle = 77;
        unsigned char from = 1, to = 0;
        const bwrt_operation one =
            copy(BWRT_PROCESS_MEMORY, reinterpret_cast<std::uint64_t>(&from), BWRT_PROCESS_MEMORY,
                 reinterpret_cast<std::uint64_t>(&to), 1);
        assert_int_equal(submit(wave, {one}, &handle), status);
        assert_string_equal(error.field, field);
        assert_int_equal(handle, 77);
    }

    bwrt_status let_wait(bwrt_handle wave, std::uint32_t group, std::int64_t timeout_ns = -1) {
        error = {};
        return bwrt_stream_wait(runtime, wave, group, 0, reinterpret_cast<std::uint64_t>(stream),
                                timeout_ns, &error);
    }
    [[nodiscard]] std::uint64_t undelivered_count() const {
        bwrt_counters counters = {};
        counters.struct_size = sizeof counters;
        assert_int_equal(bwrt_sample(runtime, &counters, nullptr), BWRT_OK);
        return counters.undelivered;
    }
    // In caller mode whoever polls does.
    void drive() const {
        bwrt_completion completion = {};
        std::uint32_t count = 0;
        assert_int_equal(bwrt_poll(runtime, &completion, 1, &count, nullptr), BWRT_OK);
    }
    void assert_runs_still(bwrt_handle wave) const {
        bwrt_completion completion = {};
        assert_int_equal(bwrt_wait(runtime, wave, 0, &completion, nullptr), BWRT_E_TIMEOUT);
    }
};

}  // namespace bwrt::test
