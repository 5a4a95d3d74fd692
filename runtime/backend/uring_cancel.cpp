// SPDX-License-Identifier: Apache-2.0
//
// uring_cancel.cpp — the rare ways a request of io_uring ends: asked back, or lost by a kernel that
// had no memory for its completion (uring.cpp says under "Slots" and "Bound" what holds for both).

#include "runtime/backend/uring.h"

namespace bwrt::runtime {

// Rare, so a walk over the slots beats an index that every request would have to keep.
void Uring::cancel(std::uint32_t tag) noexcept {
    for (std::uint32_t i = 0; i < slot_count_; ++i) {
        if (slots_[i].tag == tag) want_cancel(i);
    }
    issue_cancels();
}

void Uring::want_cancel(std::uint32_t index) noexcept {
    Slot& slot = slots_[index];
    if ((slot.state & kSlotBusy) == 0) return;
    if ((slot.state & (kSlotCancelWanted | kSlotCancelSent)) != 0) return;
    slot.state |= kSlotCancelWanted;
    ++cancel_backlog_count_;
}

void Uring::issue_cancels() noexcept {
    const std::uint32_t cancel_max =
        ring_.cq.ring_entries - in_flight_max_ - 1;  // 1: the wake read
    for (std::uint32_t i = 0; i < slot_count_ && cancel_backlog_count_ != 0; ++i) {
        Slot& slot = slots_[i];
        if ((slot.state & kSlotCancelWanted) == 0) continue;
        io_uring_sqe* const entry = cancel_count_ < cancel_max ? next_entry() : nullptr;
        if (entry == nullptr) return;
        io_uring_prep_cancel64(entry, pack(slot.generation, i, kKindRequest), 0);
        entry->user_data = pack(slot.generation, i, kKindCancel);
        slot.state = kSlotBusy | kSlotCancelSent;
        ++cancel_count_;
        --cancel_backlog_count_;
    }
}

void Uring::finish_cancel(std::uint64_t user_data) noexcept {
    const std::uint32_t index = index_of(user_data);
    if (index >= slot_count_ || slots_[index].generation != generation_of(user_data) ||
        (slots_[index].state & kSlotCancelSent) == 0) {
        ++unknown_count_;
        return;
    }
    --cancel_count_;
    if (slots_[index].state == kSlotCancelSent) {
        free_slot(index);
    } else {
        slots_[index].state = kSlotBusy | kSlotCancelKnown;
    }
}

std::uint32_t Uring::owed_count() const noexcept {
    return in_flight_count_ + cancel_count_ + (wake_armed_ ? 1 : 0);
}

// Nothing is left in the kernel: as much is owed as was dropped.
bool Uring::lost_are_settled() const noexcept {
    const std::uint32_t dropped = IO_URING_READ_ONCE(*ring_.cq.koverflow);
    return owed_count() == dropped - dropped_settled_count_;
}

std::uint32_t Uring::reap_lost(IoResult* results, std::uint32_t capacity) noexcept {
    if (io_uring_smp_load_acquire(ring_.cq.ktail) != *ring_.cq.khead) return 0;
    if (!lost_are_settled()) return 0;
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < slot_count_ && count < capacity; ++i) {
        Slot& slot = slots_[i];
        if ((slot.state & kSlotCancelSent) != 0) {
            --cancel_count_;
            ++dropped_settled_count_;
        }
        if ((slot.state & kSlotCancelWanted) != 0) --cancel_backlog_count_;
        if ((slot.state & kSlotBusy) != 0) {
            results[count++] = {slot.tag, -EIO};
            --in_flight_count_;
            ++dropped_settled_count_;
        }
        if (slot.state != 0) free_slot(i);
    }
    if (in_flight_count_ + cancel_count_ != 0) return count;
    if (wake_armed_) ++dropped_settled_count_;
    wake_armed_ = false;
    lossy_ = false;
    return count;
}

}  // namespace bwrt::runtime
