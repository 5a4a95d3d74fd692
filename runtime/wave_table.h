// SPDX-License-Identifier: Apache-2.0
//
// wave_table.h — all wave slots, the free ones on a stack, and how a handle finds its slot.

#pragma once

#include <cstdint>

#include "ringbuf/index_stack.h"
#include "runtime/memory.h"
#include "runtime/wave.h"

namespace bwrt::runtime {

class WaveTable {
 public:
    // Behind the `count` of the callers lie `own_count` that are never taken (own_io.h).
    WaveTable(std::uint32_t count, std::uint64_t first_generation, std::uint32_t own_count = 0);
    ~WaveTable();
    WaveTable(const WaveTable&) = delete;
    WaveTable& operator=(const WaveTable&) = delete;

    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint32_t place_count() const noexcept {
        return static_cast<std::uint32_t>(waves_.count());
    }
    [[nodiscard]] Wave& at(std::uint32_t index) const noexcept { return waves_[index]; }

    // Null for what cannot be a wave's handle; the ticket decides whether it is live.
    [[nodiscard]] Wave* find(bwrt_handle handle) const noexcept {
        if (!is_kind(handle, HandleKind::kWave) || slot_of(handle) >= count_) {
            return nullptr;
        }
        return &waves_[slot_of(handle)];
    }

    // Any thread.  Null when all are in use.
    [[nodiscard]] Wave* take() noexcept {
        std::uint32_t index;
        return free_.pop(&index) ? &waves_[index] : nullptr;
    }

    // Keeps the slot of a live handle from being reused until release(); false when it is not live.
    [[nodiscard]] bool hold(bwrt_handle handle) noexcept;

    // Drops one reference; the last one frees the slot.
    void release(Wave* wave) noexcept {
        if (wave->references.fetch_sub(1, std::memory_order_acq_rel) == 1) put_back(wave);  // W4
    }

    // Gives back a slot that was taken and not published.
    void put_back(Wave* wave) noexcept { free_.push(wave->index); }

    // Slots that are not free; for close and tests, at rest.
    [[nodiscard]] std::uint32_t count_taken() const noexcept;

 private:
    Table<Wave> waves_;
    std::uint32_t count_;
    ringbuf::IndexStack free_;
};

}  // namespace bwrt::runtime
