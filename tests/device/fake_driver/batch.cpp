// SPDX-License-Identifier: Apache-2.0
//
// batch.cpp — many copies by one call, by either of its two ABIs.
//
// They run in a drawn order.  A batch of 51,828 ends as it has been seen to end on a real driver:
// not at all well.

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

constexpr std::size_t kBatchCountMax = 51'828;  // as reported of driver 580: a crash or a hang

bool attributes_fit(const CUmemcpyAttributes* attributes, const std::size_t* firsts,
                    std::size_t attribute_count, std::size_t count) {
    if (attribute_count == 0 || attribute_count > count || firsts[0] != 0) return false;
    for (std::size_t i = 0; i < attribute_count; ++i) {
        if (i > 0 && firsts[i] <= firsts[i - 1]) return false;
        if (firsts[i] >= count) return false;
        const CUmemcpySrcAccessOrder order = attributes[i].srcAccessOrder;
        if (order < CU_MEMCPY_SRC_ACCESS_ORDER_STREAM || order > CU_MEMCPY_SRC_ACCESS_ORDER_ANY) {
            return false;
        }
    }
    return true;
}

CUresult copy_batch(CUdeviceptr* targets, CUdeviceptr* sources, std::size_t* lengths,
                    std::size_t count, CUmemcpyAttributes* attributes, std::size_t* firsts,
                    std::size_t attribute_count, std::size_t* failed_out, CUstream stream) {
    Call call("cuMemcpyBatchAsync", kContext | kEnqueues);
    if (call.is_refused()) return call.code();
    if (failed_out != nullptr) *failed_out = SIZE_MAX;
    if (stream == nullptr || stream == CU_STREAM_LEGACY) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "in stream 0");
    }
    if (count >= kBatchCountMax) {
        lose(call.device(), CUDA_ERROR_LAUNCH_FAILED);
        return call.fail(CUDA_ERROR_LAUNCH_FAILED, "more copies than real drivers survive");
    }
    if (count == 0 || !attributes_fit(attributes, firsts, attribute_count, count)) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "count or attributes");
    }
    std::vector<Copy> copies(count);
    std::size_t group = 0;
    bool reads_now = false;
    for (std::size_t i = 0; i < count; ++i) {
        if (group + 1 < attribute_count && firsts[group + 1] == i) ++group;
        reads_now |= attributes[group].srcAccessOrder != CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
        if (lengths[i] != 0 && find_place(call.name(), targets[i], lengths[i], &copies[i].target) &&
            find_place(call.name(), sources[i], lengths[i], &copies[i].source)) {
            continue;
        }
        if (failed_out != nullptr) *failed_out = i;
        return CUDA_ERROR_INVALID_VALUE;
    }
    return enqueue_copies(&call, stream, std::move(copies), reads_now);
}

}  // namespace

CUresult memcpy_batch_async_12080(CUdeviceptr* targets, CUdeviceptr* sources, std::size_t* lengths,
                                  std::size_t count, CUmemcpyAttributes* attributes,
                                  std::size_t* firsts, std::size_t attribute_count,
                                  std::size_t* failed_out, CUstream stream) {
    return copy_batch(targets, sources, lengths, count, attributes, firsts, attribute_count,
                      failed_out, stream);
}

CUresult memcpy_batch_async_13000(CUdeviceptr* targets, CUdeviceptr* sources, std::size_t* lengths,
                                  std::size_t count, CUmemcpyAttributes* attributes,
                                  std::size_t* firsts, std::size_t attribute_count,
                                  CUstream stream) {
    return copy_batch(targets, sources, lengths, count, attributes, firsts, attribute_count,
                      nullptr, stream);
}

}  // namespace fake_cuda
