// SPDX-License-Identifier: Apache-2.0
//
// calls.h — who is inside the library.
//
// Shutdown must know that no submitter is half way, close that nobody is in any call.  A
// single counter would be one line that all submitters fight over, so there are sixteen, chosen
// by thread.
//
//   K1 seq_cst add in enter(), then K2 seq_cst load of closing by the caller
//   K3 seq_cst store of closing by shutdown, then K4 seq_cst loads in count()
//      Dekker: a submitter and a shutdown that meet see each other, or one of them does.

#pragma once

#include <atomic>
#include <cstdint>

namespace bwrt::runtime {

class CallCount {
 public:
    std::atomic<std::uint32_t>& enter() noexcept {
        // The thread pointer differs by thread and costs one instruction.
        const auto thread = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
        const std::uint64_t mixed = thread * 0x9E3779B97F4A7C15u;
        auto& count = stripes_[mixed >> 60].count;
        count.fetch_add(1, std::memory_order_seq_cst);  // K1
        return count;
    }
    [[nodiscard]] std::uint32_t count() const noexcept {
        std::uint32_t sum = 0;
        for (const Stripe& stripe : stripes_) {
            sum += stripe.count.load(std::memory_order_seq_cst);  // K4
        }
        return sum;
    }

 private:
    struct alignas(64) Stripe {
        std::atomic<std::uint32_t> count{0};
    };
    Stripe stripes_[16];
};

// A call, for as long as it lasts.
class Call {
 public:
    explicit Call(CallCount* calls) noexcept : count_(calls->enter()) {}
    ~Call() { count_.fetch_sub(1, std::memory_order_release); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

 private:
    std::atomic<std::uint32_t>& count_;
};

}  // namespace bwrt::runtime
