// SPDX-License-Identifier: Apache-2.0
//
// choice.cpp — which rules a request suffers, and what they make of it before it starts.

#include <algorithm>
#include <cerrno>

#include "runtime/faulty/faulty_storage.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint32_t kDirectUnitBytes = 4096;  // no direct file needs more

// Draws of one rule for one request, told apart by salt; 0 is whether it is chosen at all.
enum : std::uint64_t { kDrawDetail = 1 };

}  // namespace

bool FaultyStorage::meets(std::size_t rule_index, const IoRequest& request,
                          std::uint64_t bytes) const noexcept {
    const FaultRule& rule = plan_.rules[rule_index];
    if ((rule.kinds & kind_bit(request.kind)) == 0) return false;
    const File& file = files_[static_cast<std::uint32_t>(request.file)];
    if ((file.rules >> rule_index & 1) == 0) return false;
    // Unsigned: a byte below the request's first is far above its last.
    return !rule.at_byte || rule.at_offset_bytes - request.offset_bytes < bytes;
}

// The rules of start() count every call.
bool FaultyStorage::has_room(const IoRequest& request, std::uint64_t bytes) noexcept {
    bool room = true;
    for (std::size_t i = 0; i < plan_.rules.size(); ++i) {
        if (plan_.rules[i].fault != FaultKind::kFull || !meets(i, request, bytes)) continue;
        if (!chooses(plan_, i, ++counts_[i].seen) || !room) continue;
        ++counts_[i].injected;
        room = false;
    }
    return room;
}

FaultyStorage::Choice FaultyStorage::choose(const IoRequest& request,
                                            std::uint64_t bytes) const noexcept {
    Choice choice;
    for (std::size_t i = 0; i < plan_.rules.size(); ++i) {
        const FaultKind fault = plan_.rules[i].fault;
        if (fault == FaultKind::kFull || !meets(i, request, bytes)) continue;
        choice.counted_rules |= 1u << i;
        if (!chooses(plan_, i, counts_[i].seen + 1)) continue;
        const bool says_when =
            fault == FaultKind::kDelay || fault == FaultKind::kHang || fault == FaultKind::kReorder;
        std::int32_t& place = says_when ? choice.when_index : choice.what_index;
        if (place < 0) place = static_cast<std::int32_t>(i);
    }
    return choice;
}

// From least_bytes to one below all, in units of the file; 0 when there is no such number.
std::uint32_t FaultyStorage::cut(std::uint64_t draw, std::uint32_t least_bytes,
                                 const Slot& slot) const noexcept {
    if (slot.bytes <= least_bytes) return 0;
    const std::uint32_t bytes =
        least_bytes + static_cast<std::uint32_t>(draw % (slot.bytes - least_bytes));
    const bool is_direct = files_[static_cast<std::uint32_t>(slot.request.file)].is_direct;
    return is_direct ? bytes / kDirectUnitBytes * kDirectUnitBytes : bytes;
}

void FaultyStorage::spoil(std::int32_t rule_index, Slot* slot) noexcept {
    if (rule_index < 0) return;
    const auto index = static_cast<std::uint32_t>(rule_index);
    const FaultRule& rule = plan_.rules[index];
    slot->fault = rule.fault;
    slot->rule_index = index;
    slot->has_rule = true;
    slot->draw = fault_draw(plan_, index, counts_[index].seen + 1, kDrawDetail);
    const auto all = static_cast<std::int32_t>(slot->bytes);
    switch (rule.fault) {
        case FaultKind::kErrno:
            slot->is_answered = true;
            slot->answer = -rule.os_code;
            return;
        case FaultKind::kLost:
            slot->is_answered = true;
            slot->answer = all;
            return;
        case FaultKind::kTorn:
            slot->cut_bytes = cut(slot->draw, 0, *slot);
            slot->is_answered = slot->cut_bytes == 0;
            slot->answer = all;
            return;
        case FaultKind::kShort:
            slot->cut_bytes = cut(slot->draw, 1, *slot);
            slot->has_rule = slot->cut_bytes != 0;
            return;
        default:  // kFlip: when the bytes are there
            return;
    }
}

void FaultyStorage::hold(std::int32_t rule_index, std::uint64_t now, Slot* slot) noexcept {
    if (rule_index < 0) return;
    const FaultRule& rule = plan_.rules[static_cast<std::uint32_t>(rule_index)];
    slot->place = Place::kHeld;
    slot->due_ns = now + rule.time_ns;
    slot->is_reordered = rule.fault == FaultKind::kReorder;
    if (slot->is_reordered) {
        slot->due_ns += kReorderNs;
    } else if (rule.fault == FaultKind::kHang) {
        slot->is_answered = true;
        slot->answer = -ETIMEDOUT;
        slot->has_rule = false;  // whatever the other one says, it does not come to it
        if (rule.time_ns == 0) slot->due_ns = kNeverNs;
    }
}

// The request was taken.  A flip is counted when there was something to flip.
void FaultyStorage::count(const Choice& choice, const Slot& slot) noexcept {
    ++request_counts_[static_cast<std::size_t>(slot.request.kind)];
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        counts_[i].seen += choice.counted_rules >> i & 1;
    }
    if (slot.has_rule && slot.fault != FaultKind::kFlip) ++counts_[slot.rule_index].injected;
    if (choice.when_index >= 0) ++counts_[static_cast<std::uint32_t>(choice.when_index)].injected;
}

}  // namespace bwrt::runtime
