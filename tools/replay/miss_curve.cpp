// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/miss_curve.h"

#include <algorithm>
#include <span>

namespace bwrt::replay {
namespace {

// The blocks in the order of their last use.  Each lies in a slot, later uses in later ones, and a
// Fenwick tree over the slots counts who is behind one.  Slots are twice the blocks: when the last
// is taken, the blocks close up, which is paid for by as many touches.
class UseOrder {
 public:
    explicit UseOrder(std::uint32_t block_count)
        : slot_of_(block_count, 0),
          block_at_(2 * std::size_t{block_count} + 1, Trace::kNoBlock),
          tree_(block_at_.size(), 0) {}

    // From 1, for the one that was used last; 0: it never was.
    [[nodiscard]] std::uint32_t rank_of(std::uint32_t block) const {
        const std::size_t slot = slot_of_[block];
        return slot == 0 ? 0 : live_count_ - count_up_to(slot) + 1;
    }

    void touch(std::uint32_t block) {
        if (next_slot_ == block_at_.size()) close_up();
        if (const std::size_t before = slot_of_[block]; before != 0) {
            block_at_[before] = Trace::kNoBlock;
            add(before, ~std::uint32_t{0});
        } else {
            ++live_count_;
        }
        place(block, next_slot_++);
        add(slot_of_[block], 1);
    }

 private:
    void place(std::uint32_t block, std::size_t slot) {
        slot_of_[block] = static_cast<std::uint32_t>(slot);
        block_at_[slot] = block;
    }
    // One less is ~0 more: counts wrap.
    void add(std::size_t slot, std::uint32_t change) {
        for (; slot < tree_.size(); slot += slot & -slot) tree_[slot] += change;
    }
    [[nodiscard]] std::uint32_t count_up_to(std::size_t slot) const {
        std::uint32_t count = 0;
        for (; slot != 0; slot &= slot - 1) count += tree_[slot];
        return count;
    }
    void close_up() {
        std::size_t to = 1;
        for (std::size_t slot = 1; slot < block_at_.size(); ++slot) {
            const std::uint32_t block = block_at_[slot];
            block_at_[slot] = Trace::kNoBlock;
            if (block != Trace::kNoBlock) place(block, to++);
        }
        next_slot_ = to;
        std::fill(tree_.begin(), tree_.end(), 0);
        for (std::size_t slot = 1; slot < to; ++slot) add(slot, 1);
    }

    std::vector<std::uint32_t> slot_of_;   // from 1; 0: none yet
    std::vector<std::uint32_t> block_at_;  // of each slot; [0] is none
    std::vector<std::uint32_t> tree_;
    std::size_t next_slot_ = 1;
    std::uint32_t live_count_ = 0;
};

}  // namespace

MissCurve::MissCurve(const Trace& trace, std::size_t request_count) {
    UseOrder order(trace.block_count());
    hits_.assign(std::size_t{trace.block_count()} + 1, 0);
    std::vector<bool> is_again(trace.block_count());
    for (std::size_t i = 0; i < request_count; ++i) {
        const std::span<const std::uint32_t> blocks = trace.blocks_of(i);
        reference_count_ += blocks.size();
        for (const std::uint32_t block : blocks) {  // all, before the first of them moves
            const std::uint32_t rank = order.rank_of(block);
            if (rank == 0) {
                ++block_count_;
                ++single_count_;
                continue;
            }
            ++hits_[rank];
            if (!is_again[block]) --single_count_;
            is_again[block] = true;
        }
        for (std::size_t k = blocks.size(); k-- > 0;) order.touch(blocks[k]);
    }
    for (std::size_t n = 1; n < hits_.size(); ++n) hits_[n] += hits_[n - 1];
}

std::uint64_t MissCurve::hit_count(std::uint64_t capacity_blocks) const {
    return hits_[std::min<std::uint64_t>(capacity_blocks, hits_.size() - 1)];
}

double MissCurve::hit_percent(std::uint64_t capacity_blocks) const {
    if (reference_count_ == 0) return 0;
    return 100 * static_cast<double>(hit_count(capacity_blocks)) /
           static_cast<double>(reference_count_);
}

std::uint64_t MissCurve::capacity_for(std::uint64_t hits) const {
    const auto at = std::lower_bound(hits_.begin(), hits_.end(), hits);
    return static_cast<std::uint64_t>(at - hits_.begin());
}

}  // namespace bwrt::replay
