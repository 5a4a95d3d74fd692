// SPDX-License-Identifier: Apache-2.0
//
// batch.cpp — many copies by one call, by either of its two ABIs.
//
// They run in a drawn order.  Of one that fails some are out all the same, as many as was drawn,
// since nothing says that none is.  A batch of 51,828 ends as it has been seen to end on a real
// driver: not at all well.

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

struct Batch {
    CUdeviceptr* targets;
    CUdeviceptr* sources;
    std::size_t* lengths;
    std::size_t count;
    CUmemcpyAttributes* attributes;
    std::size_t* firsts;
    std::size_t attribute_count;
};

// Up to the first that cannot be made, whose place comes back; SIZE_MAX: all can.
std::size_t find_copies(const Call& call, const Batch& batch, std::vector<Copy>* copies,
                        bool* reads_now) {
    std::size_t group = 0;
    for (std::size_t i = 0; i < batch.count; ++i) {
        if (group + 1 < batch.attribute_count && batch.firsts[group + 1] == i) ++group;
        *reads_now |= batch.attributes[group].srcAccessOrder != CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
        Copy copy;
        if (batch.lengths[i] == 0 ||
            !find_place(call.name(), batch.targets[i], batch.lengths[i], &copy.target) ||
            !find_place(call.name(), batch.sources[i], batch.lengths[i], &copy.source)) {
            return i;
        }
        copies->push_back(std::move(copy));
    }
    return SIZE_MAX;
}

CUresult fail_in_part(Call* call, CUstream stream, std::vector<Copy> copies, bool reads_now,
                      CUresult code) {
    copies.resize(draw(copies.size() + 1));
    if (!copies.empty()) {
        static_cast<void>(enqueue_copies(call, stream, std::move(copies), reads_now));
    }
    return code;
}

CUresult copy_batch(const Batch& batch, std::size_t* failed_out, CUstream stream) {
    Call call("cuMemcpyBatchAsync", kContext | kEnqueues);
    const bool is_planned =
        call.is_refused() && !loses_context(call.code()) && call.context().lost == CUDA_SUCCESS;
    if (call.is_refused() && !is_planned) return call.code();
    if (failed_out != nullptr) *failed_out = SIZE_MAX;
    if (stream == nullptr || stream == CU_STREAM_LEGACY) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "in stream 0");
    }
    if (batch.count >= kBatchCountMax) {
        lose(call.device(), CUDA_ERROR_LAUNCH_FAILED);
        return call.fail(CUDA_ERROR_LAUNCH_FAILED, "more copies than real drivers survive");
    }
    if (batch.count == 0 ||
        !attributes_fit(batch.attributes, batch.firsts, batch.attribute_count, batch.count)) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "count or attributes");
    }
    std::vector<Copy> copies;
    bool reads_now = false;
    const std::size_t failed = find_copies(call, batch, &copies, &reads_now);
    if (failed != SIZE_MAX) {
        if (failed_out != nullptr) *failed_out = failed;
        return fail_in_part(&call, stream, std::move(copies), reads_now, CUDA_ERROR_INVALID_VALUE);
    }
    if (is_planned) {
        return fail_in_part(&call, stream, std::move(copies), reads_now, call.code());
    }
    return enqueue_copies(&call, stream, std::move(copies), reads_now);
}

}  // namespace

CUresult memcpy_batch_async_12080(CUdeviceptr* targets, CUdeviceptr* sources, std::size_t* lengths,
                                  std::size_t count, CUmemcpyAttributes* attributes,
                                  std::size_t* firsts, std::size_t attribute_count,
                                  std::size_t* failed_out, CUstream stream) {
    return copy_batch({targets, sources, lengths, count, attributes, firsts, attribute_count},
                      failed_out, stream);
}

CUresult memcpy_batch_async_13000(CUdeviceptr* targets, CUdeviceptr* sources, std::size_t* lengths,
                                  std::size_t count, CUmemcpyAttributes* attributes,
                                  std::size_t* firsts, std::size_t attribute_count,
                                  CUstream stream) {
    return copy_batch({targets, sources, lengths, count, attributes, firsts, attribute_count},
                      nullptr, stream);
}

}  // namespace fake_cuda
