// SPDX-License-Identifier: Apache-2.0
//
// admission.h — what is worth writing to disk.
//
// Three quarters of the blocks of a chat trace are never used again, and each write wears the
// flash: what a cache writes for every block that it reads back is the number to keep small.  Two
// independent limits, both off by default:
//
//   touches     a block is written when its identity has been seen that often.  What has been seen
//               is remembered in a doorkeeper of 64-bit fingerprints, 8 bytes an identity and one
//               cache line a look: eight to a bucket, the newest first, the oldest forgotten.  So
//               it ages by what comes after, is exact but for 60 equal bits, and needs no reset
//               (a sketch of counters would have to be halved, and forgets everything at once).
//   budget      bytes per day, as a token bucket whose level comes in at the start, so that a store
//               which keeps it does not get a new day by restarting.
//
// The store asks for a block that is not on disk, when it is PUT and when it is hit in memory.

#pragma once

#include <cstdint>

#include "planner/token_bucket.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

class Doorkeeper {
 public:
    static constexpr std::uint32_t kTouchesMax = 15;

    // Remembers about `identity_count` of those that came last.
    explicit Doorkeeper(std::uint64_t identity_count);

    // How often it has been seen, this time included, up to kTouchesMax.
    std::uint32_t see(std::uint64_t fingerprint) noexcept;

 private:
    static constexpr std::uint32_t kWays = 8;

    std::uint64_t bucket_count_;
    Zeroed<std::uint64_t> entries_;  // 60 bits of the fingerprint, 4 of the count; 0: empty
};

struct AdmissionLimits {
    std::uint32_t touches_min = 1;     // 1: everything; 2: what is seen a second time; up to 15
    std::uint64_t identity_count = 0;  // remembered, for touches_min above 1
    std::uint64_t bytes_per_day = 0;   // 0: no limit
    std::uint64_t burst_bytes = 0;
    std::uint64_t left_bytes = ~std::uint64_t{0};  // of the burst, at the start
};

enum class Admittance : std::uint8_t { kWrite, kSeenTooRarely, kNoBudget };

class Admission {
 public:
    Admission(const AdmissionLimits& limits, std::uint64_t now_ns);

    // `fingerprint` is any 64 bits of a good hash of the key.  What must be written (a durable
    // PUT) need not have been seen, but has no budget of its own.  kWrite has spent the bytes.
    [[nodiscard]] Admittance decide(std::uint64_t fingerprint, std::uint64_t bytes, bool must_write,
                                    std::uint64_t now_ns) noexcept;

    // As decide() of one that is not to be written now, whatever the answer were.
    void see(std::uint64_t fingerprint) noexcept {
        if (touches_min_ > 1) static_cast<void>(doorkeeper_.see(fingerprint));
    }

    void charge(std::uint64_t bytes, std::uint64_t now_ns) noexcept {
        budget_.charge(bytes, now_ns);
    }
    // What decide() has let through is not written after all.
    void give_back(std::uint64_t bytes) noexcept { budget_.give_back(bytes); }
    [[nodiscard]] std::uint64_t left_bytes(std::uint64_t now_ns) noexcept {
        return budget_.left_bytes(now_ns);
    }

 private:
    std::uint32_t touches_min_;
    Doorkeeper doorkeeper_;
    TokenBucket budget_;
};

}  // namespace bwrt::planner
