// SPDX-License-Identifier: Apache-2.0
//
// reuse.h — what each block did so far, and thereby how soon it may be used again.
//
// A block's class is how often and how fast it was used:
//
//   class 0      never again since it came
//   1 to 14      twice, or more often; by its pace, the mean of its rests, in steps of two octaves
//
// The mean is of octaves, not of seconds, so that one night does not count as much as all uses of a
// day, and each rest has a quarter of it.  reuse_rates.h learns what a class is worth by age.
//
// What is used twice within a tick is used once, and so is what is asked for again because there
// was no room for it (`since`: when it was asked for first).  Within no longer: agents return
// within a second, and where that counted as one use, what is learnt is learnt of nothing but long
// rests.
//
// Whoever goes is remembered by a fingerprint, a *shadow*: its rest goes on, and one that returns
// has its history again.  Without shadows nothing would be learnt of ages at which blocks are no
// longer there.  There should be four for each block: with two the rates are those of what returns
// early.  Eight lie in a bucket, the last to go first; the first to go is forgotten, and its rest
// no longer followed.
//
// The rates know ages from half a second on.  A tier that is filled anew in less would keep
// whatever was used twice, for good.  So where it tells of that (fill), who was not used while it
// was filled once is worth nothing as long as he has not rested for a second, and of those the
// least recently used goes.
//
// 16 bytes a block, 16 a shadow, 0.5 MiB for the rates.

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "planner/tiers/eviction.h"
#include "planner/tiers/reuse_rates.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

class Reuse {
 public:
    Reuse(std::uint32_t block_count, std::uint32_t shadow_count);

    // `block` comes, with the history that its fingerprint has; 0: none.  use() follows.
    void come(std::uint32_t block, std::uint64_t fingerprint, Tick now,
              Tick since = kTickMax) noexcept;

    // It is used; `used_at`: last time, 0 where it has just come or does not rest.  What does not
    // count begins its rest again, too.
    void use(std::uint32_t block, Tick used_at, Tick now, bool counts = true) noexcept;

    // It goes, and leaves a shadow that rests since `used_at`.
    void go(std::uint32_t block, Tick used_at) noexcept;

    // It does not rest any more, without a use.
    void stop(std::uint32_t block, Tick used_at) noexcept;

    // Of a tier of that capacity so much is taken by who comes.
    void fill(std::uint64_t bytes, std::uint64_t capacity_bytes) noexcept;

    // What has this fingerprint was used, and is not here.
    void miss(std::uint64_t fingerprint, Tick now, Tick since = kTickMax) noexcept;

    [[nodiscard]] std::uint32_t class_of(std::uint32_t block) const noexcept {
        return class_of(blocks_[block].past);
    }
    // Of a block that rests since then; of any of that class; of one that is used now and has this
    // fingerprint.
    [[nodiscard]] std::uint64_t value_of(std::uint32_t block, Tick used_at, Tick now) noexcept {
        return is_too_fast_for(block, used_at, now) ? 0 : value(class_of(block), used_at, now);
    }
    [[nodiscard]] std::uint64_t value(std::uint32_t reuse_class, Tick used_at, Tick now) noexcept {
        rates_.advance(now);
        return rates_.value(reuse_class, used_at);
    }
    [[nodiscard]] std::uint32_t class_of_new(std::uint64_t fingerprint, Tick now,
                                             Tick since = kTickMax) const noexcept;
    [[nodiscard]] std::uint64_t value_of_new(std::uint64_t fingerprint, Tick now,
                                             Tick since = kTickMax) noexcept;

 private:
    static constexpr std::uint32_t kWays = 8;
    static constexpr std::uint32_t kFillCount = 64;  // a tier is filled in so many steps
    static constexpr std::uint32_t kSecondSlots = 2;

    struct Past {
        std::uint8_t use_count;  // 0, 1, 2, 3 or more
        std::uint8_t pace_8;     // mean rest, in eighths of an octave of half seconds
    };
    struct Block {
        std::uint64_t fingerprint;
        Past past;
        std::uint32_t used_at_fill;
    };
    struct Shadow {
        std::uint64_t fingerprint;  // 0: none; those lie behind the others
        Tick used_at;
        Past past;
    };
    static_assert(sizeof(Block) == 16 && sizeof(Shadow) == 16);

    [[nodiscard]] static std::uint32_t class_of(Past past) noexcept;
    [[nodiscard]] static Past used(Past past, Tick used_at, Tick now) noexcept;
    [[nodiscard]] static bool is_same(Tick used_at, Tick now, Tick since = kTickMax) noexcept {
        return used_at >= std::min(now, since);
    }
    [[nodiscard]] bool is_too_fast_for(std::uint32_t block, Tick used_at, Tick now) const noexcept {
        return ReuseRates::slot_of(now) - ReuseRates::slot_of(used_at) < kSecondSlots &&
               fill_ - blocks_[block].used_at_fill >= kFillCount;
    }
    [[nodiscard]] static Past past_now(const Shadow& shadow, Tick now, Tick since) noexcept;
    [[nodiscard]] Shadow* bucket_of(std::uint64_t fingerprint) const noexcept;
    [[nodiscard]] Shadow* find(std::uint64_t fingerprint) const noexcept;
    [[nodiscard]] Past take(std::uint64_t fingerprint, Tick now, Tick since) noexcept;
    void leave(const Shadow& shadow) noexcept;

    std::uint64_t bucket_count_;
    std::uint64_t fill_bytes_ = 0;  // since its last step
    std::uint32_t fill_ = 0;        // steps
    Zeroed<Block> blocks_;
    Zeroed<Shadow> shadows_;
    ReuseRates rates_;
};

}  // namespace bwrt::planner
