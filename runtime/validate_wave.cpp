// SPDX-License-Identifier: Apache-2.0
//
// validate_wave.cpp — what concerns the wave as a whole, once its operations are read: targets
// that overlap, the order of groups, and the tables in which the executor will account.

#include <algorithm>
#include <cstring>

#include "runtime/pieces.h"
#include "runtime/validate.h"

namespace bwrt::runtime {
namespace {

// In a command beside the kind, which is a byte: the driver need not look the regions up.
constexpr std::uint16_t kOnDevice = 1u << 15;

}  // namespace

void WaveBuilder::note_target(const Operation& operation) {
    const Progression target = target_of(operation);
    if (target.count == 0) return;
    if (last_target_.count != 0) {
        const bool same_space = target.space == last_target_.space;
        if (!same_space || Wide{target.low} < last_target_.high()) ascending_ = false;
        if (!same_space || target.high() > Wide{last_target_.low}) descending_ = false;
    }
    last_target_ = target;
}

// Operations in order of their targets' first bytes: one that overlaps an earlier interval
// overlaps the one that reaches furthest.  Rows with gaps are compared with the last few.
bwrt_status WaveBuilder::check_targets() {
    if (ascending_ || descending_) return BWRT_OK;
    const auto before = [](const Operation& a, const Operation& b) {
        const Progression x = target_of(a), y = target_of(b);
        return x.space != y.space ? x.space < y.space : x.low < y.low;
    };
    Operation* all = nullptr;
    for (OperationList& list : wave_.lists) {
        while (!list.is_empty()) {
            Operation* operation = list.pop_front();
            operation->next = all;
            all = operation;
        }
    }
    Operation* signals = wave_.signals;
    while (signals != nullptr) {
        Operation* following = signals->next;
        signals->next = all;
        all = signals;
        signals = following;
    }
    wave_.signals = nullptr;
    all = sort_operations(all, before);

    constexpr std::size_t kRecent = 8;
    Progression recent[kRecent], furthest;
    std::size_t seen = 0;
    bwrt_status status = BWRT_OK;
    for (Operation* op = all; op != nullptr && status == BWRT_OK; op = op->next) {
        const Progression target = target_of(*op);
        if (target.count == 0) continue;
        bool overlaps = overlap_is_proved(furthest, target);
        for (const Progression& other : recent) overlaps |= overlap_is_proved(other, target);
        if (overlaps) {
            sink_.operation_index = op->index;
            status = fail(sink_, BWRT_E_OVERLAP, "operations[].target",
                          "its target shares bytes with another operation's");
            break;
        }
        recent[seen++ % kRecent] = target;
        if (furthest.count == 0 || furthest.space != target.space ||
            target.high() > furthest.high()) {
            furthest = target;
        }
    }
    // Back into their lists, in the order they were given.
    all = sort_operations(all,
                          [](const Operation& a, const Operation& b) { return a.index < b.index; });
    while (all != nullptr) {
        Operation* operation = all;
        all = all->next;
        if (operation->kind == BWRT_OP_SIGNAL) {
            operation->next = wave_.signals;
            wave_.signals = operation;
        } else {
            wave_.list(operation->lane).append(operation);
        }
    }
    return status;
}

bwrt_status WaveBuilder::finish(const bwrt_wave& wave) {
    if (wave_.operation_count > 1) {
        if (const bwrt_status status = check_targets()) return status;
        const auto by_group = [](const Operation& a, const Operation& b) {
            return a.serve_group < b.serve_group;
        };
        for (std::uint32_t lane = 0; lane < kLaneCount; ++lane) {
            if (groups_ascend_[lane]) continue;
            OperationList& list = wave_.lists[lane];
            list.head = sort_operations(list.head, by_group);
            for (list.tail = list.head; list.tail->next != nullptr;) list.tail = list.tail->next;
        }
        wave_.signals = sort_operations(wave_.signals, by_group);
    }
    wave_.unresolved += wave_.bytes_total;
    if (const bwrt_status status = make_groups(wave)) return status;
    if (const bwrt_status status = make_results(wave)) return status;
    return (wave.flags & BWRT_WAVE_PLANNED) != 0 ? make_plan_rows() : BWRT_OK;
}

bwrt_status WaveBuilder::make_groups(const bwrt_wave& wave) {
    if (wave.groups != nullptr && wave.group_count < group_end_) {
        return fail(sink_, BWRT_E_RANGE, "wave.group_count", "%u groups do not fit group_count %u",
                    group_end_, wave.group_count);
    }
    wave_.group_count = group_end_;
    if (group_end_ <= 1 && wave.groups == nullptr && !has_signal_) return BWRT_OK;

    Page* root = wave_.pages.grow(&tables_.pages);
    if (root == nullptr) return full("groups");
    wave_.group_root = root;
    const std::uint32_t per_page = 1u << kGroupsPerPageShift;
    for (std::uint32_t first = 0; first < group_end_; first += per_page) {
        Page* page = wave_.pages.grow(&tables_.pages);
        if (page == nullptr) return full("groups");
        root->as<Page*>()[first >> kGroupsPerPageShift] = page;
        for (std::uint32_t i = 0; i < per_page; ++i) {
            page->as<GroupState>()[i] = {0, 0, wave_.entry_count, BWRT_OK};
        }
    }
    for (const OperationList& list : wave_.lists) {
        for (const Operation* op = list.head; op != nullptr; op = op->next) count_group(*op);
    }
    for (const BlockTask* task = wave_.blocks; task != nullptr; task = task->next) {
        count_group(task->operation);
    }
    return BWRT_OK;
}

void WaveBuilder::count_group(const Operation& op) noexcept {
    if (counts_as_one(op.kind)) {
        wave_.group(op.group).unresolved += 1;
    } else if (!op.is_indexed()) {
        const std::uint64_t rows = op.shape != nullptr ? op.shape->row_count : 1;
        wave_.group(op.group).unresolved += op.length_bytes * rows;
    } else {
        const Shape& shape = *op.shape;
        for (std::uint32_t plane = shape.plane_first; plane < shape.plane_end; ++plane) {
            wave_.group(op.group + shape.lead->block_side[plane].group).unresolved +=
                plane_bytes(shape, plane) * shape.moving_count;
        }
    }
}

bwrt_status WaveBuilder::make_results(const bwrt_wave& wave) {
    wave_.results = wave.results;
    wave_.result_bytes = wave.result_bytes;
    wave_.groups = wave.groups;
    wave_.group_bytes = wave.group_bytes;
    if (wave.results == nullptr) return BWRT_OK;
    if (wave.result_count < wave_.entry_count) {
        return fail(sink_, BWRT_E_RANGE, "wave.result_count",
                    "%u entries do not fit result_count %u", wave_.entry_count, wave.result_count);
    }
    return BWRT_OK;
}

// ---- the command

void pack(const Operation& operation, ringbuf::Command* command) noexcept {
    command->op_kind = operation.kind;
    if (operation.lane == Lane::kDevice) command->op_kind |= kOnDevice;
    command->group = operation.group;
    command->source = operation.source_region;
    command->target = operation.target_region;
    command->source_offset = operation.source;
    command->target_offset = operation.target;
    command->length = operation.length_bytes;
}

void unpack(const ringbuf::Command& command, Operation* operation_out) noexcept {
    Operation operation;
    operation.kind = static_cast<std::uint8_t>(command.op_kind & ~kOnDevice);
    operation.lane = (command.op_kind & kOnDevice) != 0 ? Lane::kDevice
                     : command.op_kind == BWRT_OP_COPY  ? Lane::kHost
                                                        : Lane::kStorage;
    operation.group = operation.serve_group = command.group;
    operation.source_region = static_cast<std::uint16_t>(command.source);
    operation.target_region = static_cast<std::uint16_t>(command.target);
    operation.source = command.source_offset;
    operation.target = command.target_offset;
    operation.length_bytes = command.length;
    *operation_out = operation;
}

}  // namespace bwrt::runtime
