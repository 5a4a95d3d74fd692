// SPDX-License-Identifier: Apache-2.0
//
// copies.cpp — copies that are enqueued, from and to memory of any kind.
//
//   host memory that is registered   read and written when the copy runs, and no earlier
//   pageable, to the device          read during the call; the rest later
//   pageable, from the device        the call returns when it is over
//
// A target is filled with garbage from the moment on that the copy could have begun.  The copies of
// a batch run in a drawn order, and one batch of more than 51,828 copies ends as it has been seen
// to end on a real driver: not at all well.

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

constexpr unsigned char kUnfinished = 0xCD;
constexpr unsigned char kSpoiled = 0xDB;

// Bytes of a source as they are now; they live as long as the place does.
Place staged(const Place& source) {
    Place copy = source;
    copy.kept = std::make_shared<std::vector<unsigned char>>();
    for (const Span& span : source.spans) {
        copy.kept->insert(copy.kept->end(), span.here, span.here + span.bytes);
    }
    copy.spans = {{copy.kept->data(), copy.kept->size()}};
    copy.backings.clear();
    copy.bytes = 0;  // nobody waits for the original
    return copy;
}

void fill(const Place& place, unsigned char value) {
    for (const Span& span : place.spans) std::memset(span.here, value, span.bytes);
}

void move_bytes(const Place& target, const Place& source) {
    std::size_t to = 0;
    std::size_t from = 0;
    std::size_t to_offset = 0;
    std::size_t from_offset = 0;
    while (to < target.spans.size() && from < source.spans.size()) {
        const Span& target_span = target.spans[to];
        const Span& source_span = source.spans[from];
        const std::size_t bytes =
            std::min(target_span.bytes - to_offset, source_span.bytes - from_offset);
        std::memmove(target_span.here + to_offset, source_span.here + from_offset, bytes);
        to_offset += bytes;
        from_offset += bytes;
        if (to_offset == target_span.bytes) ++to, to_offset = 0;
        if (from_offset == source_span.bytes) ++from, from_offset = 0;
    }
}

bool overlap(const Copy& copy) {
    for (const Span& target : copy.target.spans) {
        for (const Span& source : copy.source.spans) {
            if (target.here < source.here + source.bytes &&
                source.here < target.here + target.bytes) {
                return true;
            }
        }
    }
    return false;
}

void run_all(const std::vector<Copy>& copies, const std::vector<std::uint32_t>& order,
             bool spoils_sources) {
    for (const std::uint32_t i : order) move_bytes(copies[i].target, copies[i].source);
    if (!spoils_sources) return;
    for (const Copy& copy : copies) {
        if (copy.source.is_host && !copy.source.is_pageable) fill(copy.source, kSpoiled);
    }
}

std::vector<std::uint32_t> drawn_order(std::size_t count) {
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0u);
    for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[draw(i)]);
    return order;
}

}  // namespace

// One operation of a stream for all of them.
CUresult enqueue_copies(Call* call, CUstream handle, std::vector<Copy> copies, bool reads_now) {
    StreamPointer stream;
    const CUresult code = find_stream(call, handle, &stream);
    if (code != CUDA_SUCCESS) return code;
    bool is_synchronous = false;
    bool is_overlapping = false;
    for (Copy& copy : copies) {
        const bool is_pageable = copy.source.is_pageable || copy.target.is_pageable;
        if (is_pageable) ++world().counts["pageable"];
        if (copy.source.is_pageable || reads_now) copy.source = staged(copy.source);
        is_synchronous |= copy.target.is_pageable;
        is_overlapping |= overlap(copy);
    }
    if (is_overlapping) note_misuse(std::string(call->name()) + ": target and source overlap");

    Operation operation;
    for (const Copy& copy : copies) {
        operation.places.push_back(copy.target);
        operation.places.push_back(copy.source);
    }
    const auto shared = std::make_shared<const std::vector<Copy>>(std::move(copies));
    if (!is_overlapping) {
        operation.spoil = [shared] {
            for (const Copy& copy : *shared) fill(copy.target, kUnfinished);
        };
    }
    operation.run = [shared, order = drawn_order(shared->size()),
                     spoils = world().plan.spoils_sources] {
        run_all(*shared, order, spoils);
        return CUDA_SUCCESS;
    };
    const MarkPointer mark = enqueue(*call, stream, std::move(operation));
    return is_synchronous ? wait_for(call, mark) : CUDA_SUCCESS;
}

namespace {

enum class Side { kHost, kDevice, kEither };

bool find_side(const Call& call, Side side, std::uint64_t address, std::size_t bytes,
               Place* place) {
    if (!find_place(call.name(), address, bytes, place)) return false;
    if (side == Side::kEither || place->is_host == (side == Side::kHost)) return true;
    note_misuse(std::string(call.name()) +
                (side == Side::kHost ? ": not the host's memory" : ": not the device's memory"));
    return false;
}

CUresult copy_one(const char* name, CUstream stream, std::uint64_t target, Side target_side,
                  std::uint64_t source, Side source_side, std::size_t bytes) {
    Call call(name, kContext | kEnqueues);
    if (call.is_refused()) return call.code();
    if (bytes == 0) return CUDA_SUCCESS;
    std::vector<Copy> copies(1);
    if (!find_side(call, target_side, target, bytes, &copies[0].target) ||
        !find_side(call, source_side, source, bytes, &copies[0].source)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    return enqueue_copies(&call, stream, std::move(copies), false);
}

std::uint64_t address_of(const void* host) { return reinterpret_cast<std::uint64_t>(host); }

// Row after row of one side of a rectangle.
bool find_rows(const Call& call, CUmemorytype type, const void* host, CUdeviceptr device,
               std::size_t x_bytes, std::size_t y, std::size_t pitch_bytes, std::size_t width_bytes,
               std::size_t row_count, Place* place_out) {
    const Side side = type == CU_MEMORYTYPE_HOST     ? Side::kHost
                      : type == CU_MEMORYTYPE_DEVICE ? Side::kDevice
                                                     : Side::kEither;
    if (type == CU_MEMORYTYPE_ARRAY || pitch_bytes < width_bytes + x_bytes) {
        note_misuse(std::string(call.name()) + ": an array, or a pitch below the width");
        return false;
    }
    const std::uint64_t base = (type == CU_MEMORYTYPE_HOST ? address_of(host) : device) + x_bytes;
    for (std::size_t row = 0; row < row_count; ++row) {
        Place place;
        const std::uint64_t address = base + (y + row) * pitch_bytes;
        if (!find_side(call, side, address, width_bytes, &place)) return false;
        if (row == 0) *place_out = place;
        if (row == 0) continue;
        place_out->spans.insert(place_out->spans.end(), place.spans.begin(), place.spans.end());
        place_out->bytes = address + width_bytes - place_out->address;
    }
    return true;
}

}  // namespace

CUresult memcpy_h2d_async(CUdeviceptr target, const void* source, std::size_t bytes,
                          CUstream stream) {
    return copy_one("cuMemcpyHtoDAsync", stream, target, Side::kDevice, address_of(source),
                    Side::kHost, bytes);
}

CUresult memcpy_d2h_async(void* target, CUdeviceptr source, std::size_t bytes, CUstream stream) {
    return copy_one("cuMemcpyDtoHAsync", stream, address_of(target), Side::kHost, source,
                    Side::kDevice, bytes);
}

CUresult memcpy_d2d_async(CUdeviceptr target, CUdeviceptr source, std::size_t bytes,
                          CUstream stream) {
    return copy_one("cuMemcpyDtoDAsync", stream, target, Side::kDevice, source, Side::kDevice,
                    bytes);
}

CUresult memcpy_peer_async(CUdeviceptr target, CUcontext, CUdeviceptr source, CUcontext,
                           std::size_t bytes, CUstream stream) {
    return copy_one("cuMemcpyPeerAsync", stream, target, Side::kDevice, source, Side::kDevice,
                    bytes);
}

CUresult memcpy_2d_async(const CUDA_MEMCPY2D* copy, CUstream stream) {
    Call call("cuMemcpy2DAsync", kContext | kEnqueues);
    if (call.is_refused()) return call.code();
    if (copy->WidthInBytes == 0 || copy->Height == 0) return CUDA_SUCCESS;
    std::vector<Copy> copies(1);
    if (!find_rows(call, copy->dstMemoryType, copy->dstHost, copy->dstDevice, copy->dstXInBytes,
                   copy->dstY, copy->dstPitch, copy->WidthInBytes, copy->Height,
                   &copies[0].target) ||
        !find_rows(call, copy->srcMemoryType, copy->srcHost, copy->srcDevice, copy->srcXInBytes,
                   copy->srcY, copy->srcPitch, copy->WidthInBytes, copy->Height,
                   &copies[0].source)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    return enqueue_copies(&call, stream, std::move(copies), false);
}

namespace {

CUresult memset_async(const char* name, CUdeviceptr address, std::size_t bytes, CUstream handle,
                      const std::function<void(const Place&)>& fill_place) {
    Call call(name, kContext | kEnqueues);
    StreamPointer stream;
    Place place;
    if (call.is_refused()) return call.code();
    const CUresult code = find_stream(&call, handle, &stream);
    if (code != CUDA_SUCCESS || bytes == 0) return code;
    if (!find_side(call, Side::kDevice, address, bytes, &place)) return CUDA_ERROR_INVALID_VALUE;
    Operation operation;
    operation.places.push_back(place);
    operation.run = [place, fill_place] {
        fill_place(place);
        return CUDA_SUCCESS;
    };
    enqueue(call, stream, std::move(operation));
    return CUDA_SUCCESS;
}

}  // namespace

CUresult memset_d8_async(CUdeviceptr address, unsigned char value, std::size_t bytes,
                         CUstream stream) {
    return memset_async("cuMemsetD8Async", address, bytes, stream,
                        [value](const Place& place) { fill(place, value); });
}

CUresult memset_d32_async(CUdeviceptr address, unsigned int value, std::size_t count,
                          CUstream stream) {
    if (address % sizeof value != 0) return CUDA_ERROR_INVALID_VALUE;
    return memset_async("cuMemsetD32Async", address, count * sizeof value, stream,
                        [value](const Place& place) {
                            for (const Span& span : place.spans) {
                                for (std::size_t at = 0; at < span.bytes; at += sizeof value) {
                                    std::memcpy(span.here + at, &value, sizeof value);
                                }
                            }
                        });
}

}  // namespace fake_cuda
