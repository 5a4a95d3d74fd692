// SPDX-License-Identifier: Apache-2.0
//
// events.h — what came and went, kept for a while for whoever follows it.
//
//   driver ── put() ──▶ [ ring of the last 65,536 ] ── take(cursor) ──▶ any thread
//
// Events are numbered from 2, so that no reader who has had a snapshot is at 0 again.  A reader's
// cursor is the number of the last event it has had; one that is too old, or 0, is told so and
// begins anew with a snapshot.  A mutex and no more: the driver holds it for a store of 64 bytes, a
// reader for as long as it copies what it asked for.

#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "include/bwrt.h"

namespace bwrt::runtime {

class Events {
 public:
    static constexpr std::uint32_t kCount = 1 << 16;
    static constexpr std::uint32_t kTakeMax = 4096;  // under the lock at a time

    Events() : ring_(kCount) {}

    void put(const bwrt_event& event) {
        const std::lock_guard<std::mutex> lock(mutex_);
        ring_[(last_ + 1) % kCount] = event;
        ++last_;
    }

    // False when events behind the cursor are lost, or it is none of ours.
    bool take(std::uint64_t* cursor, bwrt_event* events, std::uint32_t capacity,
              std::uint32_t* count_out) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (*cursor > last_ || last_ - *cursor > kCount) return false;
        std::uint64_t count = last_ - *cursor;
        if (count > capacity) count = capacity;
        for (std::uint64_t i = 1; i <= count; ++i) events[i - 1] = ring_[(*cursor + i) % kCount];
        *cursor += count;
        *count_out = static_cast<std::uint32_t>(count);
        return true;
    }

    // Whoever follows begins anew: what he would have to be told is not known.
    void lose() {
        const std::lock_guard<std::mutex> lock(mutex_);
        last_ += kCount + 1;
    }

    [[nodiscard]] std::uint64_t last() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return last_;
    }

 private:
    std::mutex mutex_;
    std::vector<bwrt_event> ring_;
    std::uint64_t last_ = 1;
};

}  // namespace bwrt::runtime
