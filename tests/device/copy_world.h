// SPDX-License-Identifier: Apache-2.0
//
// copy_world.h — waves of copies from, to and on devices, in both ways of progress, and the
// driver's own copies to compare with.

#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/device/page_kernel_twin.h"
#include "tests/device/runtime_world.h"

namespace bwrt::test {

using Bytes = std::vector<unsigned char>;

inline Bytes pattern(std::size_t length_bytes, std::uint32_t seed) {
    Bytes bytes(length_bytes);
    std::uint32_t value = seed * 2654435761u + 1;
    for (unsigned char& byte : bytes) {
        value = value * 1664525u + 1013904223u;
        byte = static_cast<unsigned char>(value >> 24);
    }
    return bytes;
}

struct DeviceMemory {
    bwrt_handle region = 0;
    CUdeviceptr address = 0;
};

struct CopyWorld : RuntimeWorld {
    CUcontext context = nullptr;

    void start_copies(void** state, const char* plan) {
        give_page_kernel();
        start_on_any(plan, *static_cast<const std::uint32_t*>(*state));
        assert_int_equal(driver.primary_ctx_retain(&context, 0), CUDA_SUCCESS);
    }
    void end_copies() {
        close();
        assert_int_equal(driver.primary_ctx_release(0), CUDA_SUCCESS);
        assert_nothing_reported();
    }

    DeviceMemory memory(std::size_t length_bytes, std::uint32_t device = 0) {
        bwrt_region_info info = {};
        DeviceMemory made;
        made.region = added(device_region(length_bytes, 0, device), &info);
        made.address = reinterpret_cast<CUdeviceptr>(info.address);
        return made;
    }

    // What lies there, by the driver, of device 0.
    Bytes look(CUdeviceptr address, std::size_t length_bytes) {
        Bytes bytes(length_bytes);
        CUstream stream = nullptr;
        assert_int_equal(driver.ctx_set_current(context), CUDA_SUCCESS);
        assert_int_equal(driver.stream_create_with_priority(&stream, CU_STREAM_NON_BLOCKING, 0), 0);
        assert_int_equal(driver.memcpy_d2h_async(bytes.data(), address, length_bytes, stream), 0);
        assert_int_equal(driver.stream_synchronize(stream), CUDA_SUCCESS);
        assert_int_equal(driver.stream_destroy(stream), CUDA_SUCCESS);
        assert_int_equal(driver.ctx_set_current(nullptr), CUDA_SUCCESS);
        return bytes;
    }

    bwrt_status submit(bwrt_wave wave, const std::vector<bwrt_operation>& operations,
                       bwrt_handle* handle_out) {
        wave.struct_size = sizeof wave;
        wave.operations = operations.data();
        wave.operation_count = static_cast<std::uint32_t>(operations.size());
        wave.operation_bytes = sizeof operations[0];
        error = {};
        return bwrt_submit_wave(runtime, &wave, handle_out, &error);
    }
    bwrt_handle submitted(const std::vector<bwrt_operation>& operations,
                          const bwrt_wave& wave = {}) {
        bwrt_handle handle = 0;
        const bwrt_status status = submit(wave, operations, &handle);
        if (status != BWRT_OK) print_error("%s: %s\n", error.field, error.message);
        assert_int_equal(status, BWRT_OK);
        return handle;
    }
    bwrt_completion outcome(bwrt_handle wave) const {
        bwrt_completion completion = {};
        assert_int_equal(bwrt_wait(runtime, wave, 60'000'000'000, &completion, nullptr), BWRT_OK);
        return completion;
    }
    bwrt_completion run(const std::vector<bwrt_operation>& operations, const bwrt_wave& wave = {}) {
        return outcome(submitted(operations, wave));
    }
    void assert_runs(const std::vector<bwrt_operation>& operations, const bwrt_wave& wave = {}) {
        const bwrt_completion completion = run(operations, wave);
        assert_int_equal(completion.status, BWRT_OK);
        assert_int_equal(completion.verdict, BWRT_VERDICT_LOADED);
    }
};

inline bwrt_operation copy(bwrt_handle source, std::uint64_t source_offset, bwrt_handle target,
                           std::uint64_t target_offset, std::uint64_t length_bytes) {
    bwrt_operation operation = {};
    operation.kind = BWRT_OP_COPY;
    operation.source = source;
    operation.source_offset_bytes = source_offset;
    operation.target = target;
    operation.target_offset_bytes = target_offset;
    operation.length_bytes = length_bytes;
    return operation;
}

inline bwrt_operation copy_in(const Bytes& source, bwrt_handle target, std::uint64_t offset = 0) {
    return copy(BWRT_PROCESS_MEMORY, reinterpret_cast<std::uint64_t>(source.data()), target, offset,
                source.size());
}

inline bwrt_operation copy_out(bwrt_handle source, Bytes* target, std::uint64_t offset = 0) {
    return copy(source, offset, BWRT_PROCESS_MEMORY,
                reinterpret_cast<std::uint64_t>(target->data()), target->size());
}

inline std::uint32_t progress_ways[] = {BWRT_PROGRESS_THREAD, BWRT_PROGRESS_CALLER};

// A test for each way of progress.
#define BWRT_IN_BOTH_WAYS(test)                                                            \
    CMUnitTest{#test " (thread)", test, nullptr, nullptr, &progress_ways[0]}, CMUnitTest { \
#test " (caller)", test, nullptr, nullptr, &progress_ways[1]                       \
    }

}  // namespace bwrt::test
