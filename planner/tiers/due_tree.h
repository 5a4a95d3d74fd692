// SPDX-License-Identifier: Apache-2.0
//
// due_tree.h — finds a block whose time has come among millions, most of which have none.
//
// The times lie with the blocks.  Over each 64 of them stands their earliest, over each 64 of
// those the earliest again, up to one word: a sixteenth of a byte a block, where a heap or a
// timer wheel would take eight.  A word may be too early, never too late: what is taken away is
// not told, and found out by the search that looks there in vain, once.
//
// Words are kept as ~time, and 0 is "none": memory of zeros is an empty tree, and pages of it
// that no block with a time lies under are never touched.

#pragma once

#include <algorithm>
#include <cstdint>

#include "planner/zeroed.h"

namespace bwrt::planner {

class DueTree {
 public:
    static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

    explicit DueTree(std::uint32_t block_count) : block_count_(block_count) {
        std::uint32_t word_count = 0;
        for (std::uint32_t count = block_count; depth_ == 0 || count > 1;) {
            count = count / kFanOut + (count % kFanOut != 0 ? 1 : 0);
            count = std::max(count, 1u);
            first_[depth_] = word_count;
            count_[depth_] = count;
            word_count += count;
            ++depth_;
        }
        words_ = Zeroed<std::uint32_t>(word_count);
    }

    // `block` will be due at `due`, which is not 0.
    void add(std::uint32_t block, std::uint32_t due) noexcept {
        for (std::uint32_t level = 0; level < depth_; ++level) {
            block /= kFanOut;
            std::uint32_t& word = words_[first_[level] + block];
            if (word >= ~due) return;
            word = ~due;
        }
    }

    // Before it nothing is due; 0 when nothing will be.
    [[nodiscard]] std::uint32_t earliest() const noexcept {
        const std::uint32_t word = words_[first_[depth_ - 1]];
        return word == 0 ? 0 : ~word;
    }

    // The first block by number that is due, or kNone.  `due_of(block)` is its time, 0 for none.
    template <typename DueOf>
    [[nodiscard]] std::uint32_t find(std::uint32_t now, const DueOf& due_of) noexcept {
        const auto block_word = [&](std::uint32_t block) noexcept {
            const std::uint32_t due = due_of(block);
            return due == 0 ? 0 : ~due;
        };
        while (is_due(words_[first_[depth_ - 1]], now)) {
            std::uint32_t place = 0;
            std::uint32_t level = depth_;
            while (level > 0) {
                const std::uint32_t below = first_due_below(level - 1, place, now, block_word);
                if (below == kNone) break;
                place = below;
                --level;
            }
            if (level == 0) return place;
            for (--level; level < depth_; ++level, place /= kFanOut) {
                words_[first_[level] + place] = latest_below(level, place, block_word);
            }
        }
        return kNone;
    }

 private:
    static constexpr std::uint32_t kFanOut = 64;
    static constexpr std::uint32_t kDepthMax = 6;  // 64^6 > 2^32

    static bool is_due(std::uint32_t word, std::uint32_t now) noexcept {
        return word != 0 && word >= ~now;
    }
    [[nodiscard]] std::uint32_t end_below(std::uint32_t level, std::uint32_t place) const noexcept {
        const std::uint64_t count = level == 0 ? block_count_ : count_[level - 1];
        return static_cast<std::uint32_t>(std::min(count, (std::uint64_t{place} + 1) * kFanOut));
    }
    template <typename BlockWord>
    std::uint32_t word_below(std::uint32_t level, std::uint32_t below,
                             const BlockWord& block_word) const noexcept {
        return level == 0 ? block_word(below) : words_[first_[level - 1] + below];
    }
    template <typename BlockWord>
    std::uint32_t first_due_below(std::uint32_t level, std::uint32_t place, std::uint32_t now,
                                  const BlockWord& block_word) const noexcept {
        const std::uint32_t end = end_below(level, place);
        for (std::uint32_t below = place * kFanOut; below < end; ++below) {
            if (is_due(word_below(level, below, block_word), now)) return below;
        }
        return kNone;
    }
    template <typename BlockWord>
    std::uint32_t latest_below(std::uint32_t level, std::uint32_t place,
                               const BlockWord& block_word) const noexcept {
        std::uint32_t word = 0;
        const std::uint32_t end = end_below(level, place);
        for (std::uint32_t below = place * kFanOut; below < end; ++below) {
            word = std::max(word, word_below(level, below, block_word));
        }
        return word;
    }

    std::uint32_t block_count_;
    std::uint32_t depth_ = 0;
    std::uint32_t first_[kDepthMax] = {};  // where each level begins in words_
    std::uint32_t count_[kDepthMax] = {};
    Zeroed<std::uint32_t> words_;
};

}  // namespace bwrt::planner
