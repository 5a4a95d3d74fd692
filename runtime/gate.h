// SPDX-License-Identifier: Apache-2.0
//
// gate.h — may this region or layout be used, and does anything use it still?
//
// Submitters take() on their way in, the executor gives back when a wave is over, and
// whoever wants to release closes the gate and compares the two counts.  The counts live on
// lines of their own: a submitter's stays in its cache while the executor finishes other
// waves, so taking costs one uncontended locked add.
//
// Memory order, by pair:
//   G1 seq_cst add to taken_ in take()  and  G2 seq_cst load of word_ after it
//   G3 seq_cst CAS of word_ in close()  and  G4 seq_cst load of taken_ after it
//      Dekker: of a taker and a closer that meet, at least one sees the other.  The taker
//      that sees a closed gate undoes its count; the closer that sees a count reopens.
//   G5 release-store of given_back_  ->  G6 acquire-load in is_idle()
//      whoever sees the count sees all that the wave wrote.

#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/handle.h"

namespace bwrt::runtime {

class Gate {
 public:
    enum class Answer { kTaken, kStale, kClosed };

    // Any thread.
    Answer take(std::uint64_t generation, std::uint64_t count = 1) noexcept {
        const std::uint64_t open = word(generation, kOpen);
        if (word_.load(std::memory_order_acquire) != open) return why_not(generation);
        taken_.fetch_add(count, std::memory_order_seq_cst);                        // G1
        if (word_.load(std::memory_order_seq_cst) == open) return Answer::kTaken;  // G2
        taken_.fetch_sub(count, std::memory_order_seq_cst);
        return why_not(generation);
    }

    // Undoes take() on the thread that took; the executor uses give_back().
    void put_back(std::uint64_t count = 1) noexcept {
        taken_.fetch_sub(count, std::memory_order_seq_cst);
    }

    // Executor only.
    void give_back(std::uint64_t count = 1) noexcept {
        given_back_.store(given_back_.load(std::memory_order_relaxed) + count,
                          std::memory_order_release);  // G5
    }

    // Control plane, under its lock.
    void open(std::uint64_t generation) noexcept {
        word_.store(word(generation, kOpen), std::memory_order_release);
    }
    // False when the handle is stale or the gate is closed already.
    [[nodiscard]] bool close(std::uint64_t generation) noexcept {
        std::uint64_t expected = word(generation, kOpen);
        return word_.compare_exchange_strong(expected, word(generation, kClosed),
                                             std::memory_order_seq_cst);  // G3
    }
    // Of a closed gate: nothing that was let in is still inside.  given_back_ is read first:
    // an old value of it errs towards "in use".
    [[nodiscard]] bool is_idle() const noexcept {
        const std::uint64_t given_back = given_back_.load(std::memory_order_acquire);  // G6
        return taken_.load(std::memory_order_seq_cst) == given_back;                   // G4
    }
    void reopen(std::uint64_t generation) noexcept { open(generation); }
    void free() noexcept { word_.store(0, std::memory_order_release); }

    [[nodiscard]] bool is_open(std::uint64_t generation) const noexcept {
        return word_.load(std::memory_order_acquire) == word(generation, kOpen);
    }
    [[nodiscard]] bool is_closed(std::uint64_t generation) const noexcept {
        return word_.load(std::memory_order_acquire) == word(generation, kClosed);
    }

 private:
    enum State : std::uint64_t { kOpen = 1, kClosed = 2 };

    static constexpr std::uint64_t word(std::uint64_t generation, State state) {
        return generation << 2 | state;
    }
    [[nodiscard]] Answer why_not(std::uint64_t generation) const noexcept {
        return is_closed(generation) ? Answer::kClosed : Answer::kStale;
    }

    std::atomic<std::uint64_t> word_{0};
    alignas(64) std::atomic<std::uint64_t> taken_{0};       // submitters' line
    alignas(64) std::atomic<std::uint64_t> given_back_{0};  // executor's line
};

}  // namespace bwrt::runtime
