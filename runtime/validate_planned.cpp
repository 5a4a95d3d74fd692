// SPDX-License-Identifier: Apache-2.0
//
// validate_planned.cpp — the rows of a planned wave: what it moves, from where to where.
//
// Where blocks are is asked here, once, by who submits: it costs what a lookup costs, and the
// driver has other things to do.  It is a prediction.  A block that is somewhere else by the time
// the wave starts moves all the same, and is paid for as it was thought to be.

#include <cstring>

#include "runtime/plan_row.h"
#include "runtime/store/store.h"
#include "runtime/validate.h"

namespace bwrt::runtime {
namespace {

// Blocks asked for at once, so that their cache misses overlap.
constexpr std::uint32_t kBatch = 64;

std::uint64_t pages_of(std::uint64_t bytes) noexcept {
    return bytes / kPlanPageBytes + (bytes % kPlanPageBytes != 0 ? 1 : 0);
}

std::uint64_t moving_bytes(const Operation& operation) noexcept {
    if (operation.kind == BWRT_OP_FLUSH || operation.kind == BWRT_OP_GEMM) return 0;
    if (!operation.is_indexed()) {
        return operation.length_bytes *
               (operation.shape != nullptr ? operation.shape->row_count : 1);
    }
    const Shape& shape = *operation.shape;
    return shape.entry_bytes * shape.moving_count;
}

struct Way {
    PlanTier source, target;
};

// COPY, READ and WRITE.
Way way_of(const Operation& operation) noexcept {
    return {operation.kind == BWRT_OP_READ ? kInDiskTier : kFromCaller,
            operation.kind == BWRT_OP_WRITE ? kInDiskTier : kToCaller};
}

}  // namespace

// Appends a row, or lengthens the last one where it goes on.
bool WaveBuilder::add_plan_row(const PlanRow& row) {
    if (PlanRow* const last = last_plan_row_; last != nullptr) {
        const bool goes_on = last->pages == row.pages && last->prefix == row.prefix &&
                             last->tier_src == row.tier_src && last->tier_dst == row.tier_dst &&
                             last->page_first + last->page_count == row.page_first;
        if (goes_on) {
            last->page_count += row.page_count;
            return true;
        }
    }
    Page* page = wave_.plan_rows_last;
    if (page == nullptr || page->used == kPlanRowsPerPage) {
        page = wave_.pages.grow(&tables_.pages);
        if (page == nullptr) return false;
        (wave_.plan_rows_last != nullptr ? wave_.plan_rows_last->next : wave_.plan_rows) = page;
        wave_.plan_rows_last = page;
    }
    last_plan_row_ = &page->as<PlanRow>()[page->used++];
    *last_plan_row_ = row;
    ++wave_.plan_row_count;
    return true;
}

// Where the task's block is, as a row of the disk's pages or as bytes of the wave's own.
bool WaveBuilder::add_plan_block(const BlockTask& task, const BlockAnswer& answer, PlanBytes& own) {
    const bool is_hit = answer.found == Found::kHit;
    const bool in_host = is_hit && (answer.fields.flags & kInHost) != 0;
    const bool on_disk = is_hit && (answer.fields.flags & kOnDisk) != 0;
    const std::uint64_t bytes = is_hit ? answer.fields.length_bytes : task.length_bytes;
    if (task.kind == BWRT_OP_PUT) {
        const bool to_disk = tables_.blocks.has_disk && task.tier != BWRT_TIER_HOST;
        own[kFromCaller][to_disk ? kInDiskTier : kInHostTier] += bytes;
        return true;
    }
    if (task.kind == BWRT_OP_MOVE && task.tier == BWRT_TIER_DISK) {
        if (in_host && !on_disk) own[kInHostTier][kInDiskTier] += bytes;
        return true;
    }
    if (task.kind == BWRT_OP_DROP || task.kind == BWRT_OP_UNPIN) return true;
    const bool to_caller = task.kind == BWRT_OP_GET;
    if (in_host || (!on_disk && is_hit)) {  // on its way: in memory by then
        if (to_caller) own[kInHostTier][kToCaller] += bytes;
        return true;
    }
    if (!on_disk) return true;  // a miss moves nothing
    const PlanTier target = to_caller ? kToCaller : kInHostTier;
    if (wave_.plan_row_count >= kPlanRowsMax) {
        own[kInDiskTier][target] += bytes;
        return true;
    }
    const std::uint64_t page =
        std::uint64_t{answer.fields.disk_segment} * kDiskPageCountMax + answer.fields.disk_page;
    return add_plan_row(
        {page, pages_of(bytes), 0, wave_.plan_tenant, kPagesOfDisk, kInDiskTier, target, {}});
}

bool WaveBuilder::add_plan_blocks(PlanBytes& own) {
    if (tables_.store == nullptr) {  // a reader's blocks are looked for when the wave starts
        for (const BlockTask* task = wave_.blocks; task != nullptr; task = task->next) {
            own[kInDiskTier][kToCaller] += task->length_bytes;
        }
        return true;
    }
    IndexKey keys[kBatch];
    BlockAnswer answers[kBatch];
    for (const BlockTask* first = wave_.blocks; first != nullptr;) {
        std::uint32_t count = 0;
        const BlockTask* task = first;
        for (; task != nullptr && count < kBatch; task = task->next, ++count) {
            std::memcpy(keys[count].identity, task->name.identity, sizeof keys[count].identity);
            keys[count].part = task->name.part;
            keys[count].tenant = task->tenant->index;
        }
        tables_.store->reader().find_many({keys, count}, answers);
        for (std::uint32_t i = 0; i < count; ++i, first = first->next) {
            if (!add_plan_block(*first, answers[i], own)) return false;
        }
    }
    return true;
}

bwrt_status WaveBuilder::make_plan_rows() {
    wave_.plan_tenant = tenant_ != nullptr ? tenant_->index : std::uint16_t{0};
    PlanBytes own = {};
    if (!add_plan_blocks(own)) return full("rows");
    for (const OperationList& list : wave_.lists) {
        for (const Operation* one = list.head; one != nullptr; one = one->next) {
            const Way way = way_of(*one);
            own[way.source][way.target] += moving_bytes(*one);
        }
    }
    for (std::uint8_t source = 0; source < kPlanTierCount; ++source) {
        for (std::uint8_t target = 0; target < kPlanTierCount; ++target) {
            const std::uint64_t bytes = own[source][target];
            if (bytes == 0) continue;
            if (!add_plan_row({0,
                               pages_of(bytes),
                               wave_.index,
                               wave_.plan_tenant,
                               kPagesOfWave,
                               source,
                               target,
                               {}})) {
                return full("rows");
            }
        }
    }
    return BWRT_OK;
}

}  // namespace bwrt::runtime
