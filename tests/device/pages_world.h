// SPDX-License-Identifier: Apache-2.0
//
// pages_world.h — waves of pages that lie apart on a device, and which calls of the driver they
// become.
//
// A process has one driver, so what kind it is a variable says, BWRT_TEST_DRIVER, a part of a plan
// for the fake: tests of which are run once for each.

#pragma once

#include <cstdlib>
#include <string>

#include "tests/device/copy_world.h"

namespace bwrt::test {

struct Calls {
    std::uint64_t launches = 0;
    std::uint64_t batches = 0;
    std::uint64_t copies = 0;
    std::uint64_t marks = 0;
};

struct PagesWorld : CopyWorld {
    bool has_kernel = false;
    bool has_batch = false;
    Calls before;

    // Unless the plan says that the kernel is not to be had.
    void start_pages(void** state, const std::string& plan, bool is_kernel_taken = true) {
        const char* const kind = std::getenv("BWRT_TEST_DRIVER");
        start_copies(state, ((kind != nullptr ? std::string(kind) + ";" : "") + plan).c_str());
        has_kernel = is_kernel_taken && driver.library_load_data != nullptr &&
                     runtime::cuda::kernel_image().fat_binary != nullptr;
        has_batch = driver.batch_copy_abi != 0;
    }

    // Every second page of the device's, from or to host memory without gaps.
    bwrt_operation pages_in(const Bytes& source, const DeviceMemory& device,
                            std::uint64_t page_bytes) {
        bwrt_operation operation = copy_in(source, device.region);
        operation.length_bytes = page_bytes;
        operation.row_count = static_cast<std::uint32_t>(source.size() / page_bytes);
        operation.source_stride_bytes = static_cast<std::int64_t>(page_bytes);
        operation.target_stride_bytes = static_cast<std::int64_t>(2 * page_bytes);
        return operation;
    }
    bwrt_operation pages_out(const DeviceMemory& device, Bytes* target, std::uint64_t page_bytes) {
        bwrt_operation operation = copy_out(device.region, target);
        operation.length_bytes = page_bytes;
        operation.row_count = static_cast<std::uint32_t>(target->size() / page_bytes);
        operation.source_stride_bytes = static_cast<std::int64_t>(2 * page_bytes);
        operation.target_stride_bytes = static_cast<std::int64_t>(page_bytes);
        return operation;
    }

    bool are_there(const DeviceMemory& device, const Bytes& source, std::uint64_t page_bytes) {
        const Bytes found = look(device.address, 2 * source.size());
        for (std::size_t at = 0; at < source.size(); at += page_bytes) {
            if (std::memcmp(&found[2 * at], &source[at], page_bytes) != 0) return false;
        }
        return true;
    }

    // From now on.
    void count_calls() { before = calls_of_all(); }
    void assert_calls(const Calls& calls) const {
        if (fake_driver() == nullptr) return;
        const Calls now = calls_of_all();
        assert_int_equal(now.launches - before.launches, calls.launches);
        assert_int_equal(now.batches - before.batches, calls.batches);
        assert_int_equal(now.copies - before.copies, calls.copies);
        assert_int_equal(now.marks - before.marks, calls.marks);
    }

 private:
    static Calls calls_of_all() {
        if (fake_driver() == nullptr) return {};
        const auto count = fake_driver()->count;
        return {
            count("cuLaunchKernel"), count("cuMemcpyBatchAsync"),
            count("cuMemcpyHtoDAsync") + count("cuMemcpyDtoHAsync") + count("cuMemcpyDtoDAsync"),
            count("cuEventRecord")};
    }
};

}  // namespace bwrt::test
