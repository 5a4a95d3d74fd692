// SPDX-License-Identifier: Apache-2.0
//
// runtime.cpp — see runtime.h.

#include "bench/runtime.h"

#include <cstddef>
#include <cstring>
#include <string>

#include "bench/measure.h"

namespace bwrt::bench {

void must(bwrt_status status, const bwrt_error& error) {
    if (status != BWRT_OK) throw Failure(bwrt_status_name(status), error.message);
}

void must(const bwrt_completion& completion) {
    if (completion.status == BWRT_OK) return;
    std::string sentence = std::string("a wave ended with ") + bwrt_status_name(completion.status);
    if (completion.os_code != 0) sentence += std::string(": ") + std::strerror(completion.os_code);
    throw Failure(bwrt_status_name(completion.status), sentence);
}

Runtime::Runtime(const bwrt_config& config) {
    bwrt_config sized = config;
    sized.struct_size = sizeof sized;
    bwrt_error error = {};
    must(bwrt_open(&sized, &runtime_, &error), error);
}

Runtime::~Runtime() {
    bwrt_shutdown(runtime_, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
    bwrt_close(runtime_, nullptr);
}

bwrt_handle Runtime::add(bwrt_region region, std::byte** address_out) {
    bwrt_error error = {};
    bwrt_handle handle = 0;
    bwrt_region_info info = {};
    region.struct_size = sizeof region;
    info.struct_size = sizeof info;
    must(bwrt_region_add(runtime_, &region, &handle, &info, &error), error);
    if (address_out != nullptr) *address_out = static_cast<std::byte*>(info.address);
    return handle;
}

bwrt_handle Runtime::add_file(int fd, bool direct) {
    bwrt_region region = {};
    region.kind = BWRT_REGION_FILE;
    region.flags = direct ? std::uint32_t{BWRT_REGION_DIRECT} : 0;
    region.fd = fd;
    return add(region, nullptr);
}

bwrt_handle Runtime::add_allocated(std::uint64_t length_bytes, std::byte** address_out,
                                   bool huge_pages) {
    bwrt_region region = {};
    region.kind = BWRT_REGION_ALLOCATED;
    region.flags = BWRT_REGION_PREFAULT | (huge_pages ? BWRT_REGION_HUGE : 0);
    region.length_bytes = length_bytes;
    return add(region, address_out);
}

bwrt_handle Runtime::add_host(std::byte* address, std::uint64_t length_bytes) {
    bwrt_region region = {};
    region.kind = BWRT_REGION_HOST;
    region.address = address;
    region.length_bytes = length_bytes;
    return add(region, nullptr);
}

bwrt_handle Runtime::add_layout(const std::vector<bwrt_plane>& planes, std::uint32_t slot_count,
                                std::uint64_t block_bytes) {
    bwrt_layout layout = {};
    layout.struct_size = sizeof layout;
    layout.slot_count = slot_count;
    layout.block_bytes = block_bytes;
    layout.planes = planes.data();
    layout.plane_count = static_cast<std::uint32_t>(planes.size());
    layout.plane_bytes = sizeof planes[0];
    bwrt_error error = {};
    bwrt_handle handle = 0;
    must(bwrt_layout_add(runtime_, &layout, &handle, &error), error);
    return handle;
}

bwrt_handle Runtime::add_block_layout(bwrt_handle region, std::uint32_t slot_count,
                                      std::uint64_t block_bytes) {
    bwrt_plane plane = {};
    plane.region = region;
    plane.length_bytes = block_bytes;
    return add_layout({plane}, slot_count, block_bytes);
}

void Runtime::release(bwrt_handle handle) {
    bwrt_error error = {};
    must(bwrt_release(runtime_, handle, &error), error);
}

bwrt_handle Runtime::submit(const bwrt_operation* operations, std::uint32_t count,
                            std::uint32_t delivery, std::uint64_t user_data) {
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = operations;
    wave.operation_count = count;
    wave.operation_bytes = sizeof *operations;
    wave.delivery = delivery;
    wave.user_data = user_data;
    bwrt_error error = {};
    bwrt_handle handle = 0;
    must(bwrt_submit_wave(runtime_, &wave, &handle, &error), error);
    return handle;
}

void Runtime::finish(bwrt_handle wave) {
    bwrt_completion completion;
    bwrt_error error = {};
    must(bwrt_wait(runtime_, wave, -1, &completion, &error), error);
    must(completion);
}

}  // namespace bwrt::bench
