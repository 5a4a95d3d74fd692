// SPDX-License-Identifier: Apache-2.0

#include "runtime/plan_run.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace bwrt::runtime {
namespace {

using planner::TransferKind;

class PlanWorkBuilder {
 public:
    PlanWorkBuilder(const std::vector<PlanBinding>& bindings, std::uint64_t page_bytes,
                    const RegionTable& regions, PlanWork* work, const ErrorSink& sink)
        : page_bytes_(page_bytes), regions_(regions), work_(*work), sink_(sink) {
        for (const PlanBinding& binding : bindings) by_name_.emplace(binding.name, &binding.given);
    }

    bwrt_status operator()(const planner::CachePlan& plan) { return read_transfers(plan.ops); }

    bwrt_status operator()(const planner::SwapPlan& plan) {
        if (plan.window) {
            work_.window = BWRT_WINDOW_TIME;
            work_.window_start = plan.window->t_start_ns;
            work_.window_end = plan.window->t_deadline_ns;
        }
        return read_transfers(plan.ops);
    }

    bwrt_status operator()(const planner::WaveSpec& spec) {
        if (spec.swap_window) {
            work_.window = BWRT_WINDOW_TOKEN;
            work_.window_start = static_cast<std::uint64_t>(spec.swap_window->begin);
            work_.window_end = static_cast<std::uint64_t>(spec.swap_window->end);
        }
        if (spec.page_bytes && *spec.page_bytes != 0) page_bytes_ = *spec.page_bytes;
        if (spec.io_extents) {
            for (std::size_t i = 0; i < spec.io_extents->size(); ++i) {
                const std::string field = "io_extents[" + std::to_string(i) + "]";
                if (const bwrt_status status = read_extent((*spec.io_extents)[i], field)) {
                    return status;
                }
            }
        }
        return read_tiles(spec);
    }

 private:
    const bwrt_plan_binding* find(const std::string& name) const {
        const auto found = by_name_.find(name);
        return found != by_name_.end() ? found->second : nullptr;
    }
    bwrt_status refuse(bwrt_status status, const std::string& field, const char* what,
                       const std::string& name) const {
        return fail(sink_, status, field.c_str(), "\"%s\" %s", name.c_str(), what);
    }
    // Under the control plane's mutex, so that it stays.
    const Region* live(bwrt_handle handle) const {
        const Region* region = regions_.find(handle);
        const bool is_it = region != nullptr && region->generation == generation_of(handle);
        return is_it ? region : nullptr;
    }
    bool is_file(bwrt_handle handle) const {
        const Region* region = live(handle);
        return region != nullptr && region->is_file();
    }

    // Source and target as the bindings have them, and the kind that their regions make.
    bwrt_status append(const bwrt_plan_binding& source, std::uint64_t source_offset,
                       const bwrt_plan_binding& target, std::uint64_t target_offset,
                       std::uint64_t length, const std::string& field) {
        bwrt_operation operation = {};
        const bool reads = is_file(source.source), writes = is_file(target.target);
        operation.kind = reads ? BWRT_OP_READ : writes ? BWRT_OP_WRITE : BWRT_OP_COPY;
        operation.source = source.source;
        operation.target = target.target;
        operation.length_bytes = length;
        if (__builtin_add_overflow(source.source_offset_bytes, source_offset,
                                   &operation.source_offset_bytes) ||
            __builtin_add_overflow(target.target_offset_bytes, target_offset,
                                   &operation.target_offset_bytes)) {
            return fail(sink_, BWRT_E_RANGE, field.c_str(), "its offset passes 2^64");
        }
        work_.moves.push_back(operation);
        return BWRT_OK;
    }

    bwrt_status read_transfers(const std::vector<planner::TransferOp>& transfers) {
        work_.moves.reserve(transfers.size());
        for (std::size_t i = 0; i < transfers.size(); ++i) {
            const planner::TransferOp& transfer = transfers[i];
            const std::string field = "ops[" + std::to_string(i) + "]";
            const bwrt_plan_binding* const source = find(transfer.src);
            const bwrt_plan_binding* const target = find(transfer.dst);
            if (source == nullptr || source->source == 0) {
                return refuse(BWRT_E_INVAL, field + ".src", "is not bound as a source",
                              transfer.src);
            }
            if (target == nullptr || target->target == 0) {
                return refuse(BWRT_E_INVAL, field + ".dst", "is not bound as a target",
                              transfer.dst);
            }
            for (const bwrt_handle handle : {source->source, target->target}) {
                if (handle != BWRT_PROCESS_MEMORY && live(handle) == nullptr) {
                    return fail(sink_, BWRT_E_HANDLE, field.c_str(), "0x%llx is no region",
                                ull(handle));
                }
            }
            const bool from_storage = transfer.kind == TransferKind::kStorageToHost ||
                                      transfer.kind == TransferKind::kStorageToDevice;
            const bool to_storage = transfer.kind == TransferKind::kHostToStorage ||
                                    transfer.kind == TransferKind::kDeviceToStorage;
            if (from_storage != is_file(source->source)) {
                return refuse(BWRT_E_INVAL, field + ".kind",
                              from_storage ? "is bound to memory, and the kind says storage"
                                           : "is bound to a file, and the kind says memory",
                              transfer.src);
            }
            if (to_storage != is_file(target->target)) {
                return refuse(BWRT_E_INVAL, field + ".kind",
                              to_storage ? "is bound to memory, and the kind says storage"
                                         : "is bound to a file, and the kind says memory",
                              transfer.dst);
            }
            if (const bwrt_status status = append(*source, transfer.src_offset, *target,
                                                  transfer.dst_offset, transfer.length, field)) {
                return status;
            }
        }
        return BWRT_OK;
    }

    bwrt_status read_extent(const planner::IoExtent& extent, const std::string& field) {
        const bwrt_plan_binding* const layer = find(extent.layer);
        if (layer == nullptr || layer->source == 0 || layer->target == 0) {
            return refuse(BWRT_E_INVAL, field + ".layer", "is not bound as source and target",
                          extent.layer);
        }
        if (page_bytes_ == 0) {
            return fail(sink_, BWRT_E_INVAL, "run.page_bytes", "0, and the spec does not say");
        }
        std::uint64_t first = 0, length = 0;
        if (extent.end_pid < extent.start_pid) {
            return fail(sink_, BWRT_E_INVAL, (field + ".end_pid").c_str(), "is before start_pid");
        }
        if (__builtin_mul_overflow(extent.start_pid, page_bytes_, &first) ||
            extent.end_pid - extent.start_pid == ~std::uint64_t{0} ||
            __builtin_mul_overflow(extent.end_pid - extent.start_pid + 1, page_bytes_, &length)) {
            return fail(sink_, BWRT_E_RANGE, field.c_str(), "its bytes pass 2^64");
        }
        return append(*layer, first, *layer, first, length, field);
    }

    // The product of the matrices that the tiles cover: one tile without an order.
    bwrt_status read_tiles(const planner::WaveSpec& spec) {
        const bwrt_plan_binding *const a = find("a"), *const b = find("b"), *const c = find("c");
        if (a == nullptr && b == nullptr && c == nullptr) return BWRT_OK;
        if (a == nullptr || b == nullptr || c == nullptr || a->source == 0 || b->source == 0 ||
            c->target == 0) {
            return fail(sink_, BWRT_E_INVAL, "run.bindings",
                        "a and b need a source and c a target, or none of them is bound");
        }
        std::uint64_t rows = 1, columns = 1;
        if (spec.tile_order) {
            for (const planner::TileCoord& tile : *spec.tile_order) {
                rows = std::max(rows, static_cast<std::uint64_t>(std::max(tile.m, 0)) + 1);
                columns = std::max(columns, static_cast<std::uint64_t>(std::max(tile.n, 0)) + 1);
            }
        }
        const auto side = [](std::uint64_t count, std::int32_t tile) {
            const std::uint64_t all = count * static_cast<std::uint64_t>(std::max(tile, 0));
            return static_cast<std::uint32_t>(std::min<std::uint64_t>(all, UINT32_MAX));
        };
        work_.shape.struct_size = sizeof work_.shape;
        work_.shape.m = side(rows, *spec.bm);
        work_.shape.n = side(columns, *spec.bn);
        work_.shape.k = side(1, *spec.bk);
        work_.shape.b = b->source;
        work_.shape.b_offset_bytes = b->source_offset_bytes;
        work_.gemm.kind = BWRT_OP_GEMM;
        work_.gemm.source = a->source;
        work_.gemm.source_offset_bytes = a->source_offset_bytes;
        work_.gemm.target = c->target;
        work_.gemm.target_offset_bytes = c->target_offset_bytes;
        return BWRT_OK;
    }

    std::unordered_map<std::string_view, const bwrt_plan_binding*> by_name_;
    std::uint64_t page_bytes_;
    const RegionTable& regions_;
    PlanWork& work_;
    const ErrorSink& sink_;
};

}  // namespace

bwrt_status make_plan_work(const PlanValue& plan, const std::vector<PlanBinding>& bindings,
                           std::uint64_t page_bytes, const RegionTable& regions, PlanWork* work_out,
                           const ErrorSink& sink) {
    const bwrt_status status =
        std::visit(PlanWorkBuilder(bindings, page_bytes, regions, work_out, sink), plan);
    if (status != BWRT_OK) return status;
    if (work_out->moves.empty() && work_out->gemm.kind == 0) {
        return fail(sink, BWRT_E_INVAL, "plan", "there is nothing to move or to compute");
    }
    return BWRT_OK;
}

}  // namespace bwrt::runtime
