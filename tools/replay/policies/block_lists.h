// SPDX-License-Identifier: Apache-2.0
//
// block_lists.h — lists of blocks, newest first.  A block is in one of them or in none.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/replay/trace.h"

namespace bwrt::replay {

class BlockLists {
 public:
    static constexpr std::uint32_t kNone = Trace::kNoBlock;

    BlockLists(std::uint32_t block_count, std::uint8_t list_count)
        : links_(std::size_t{block_count} + list_count), lists_(block_count, kNoList) {
        for (std::uint32_t list = 0; list < list_count; ++list) {
            links_[block_count + list] = {block_count + list, block_count + list};
        }
        counts_.resize(list_count);
    }
    [[nodiscard]] bool is_in(std::uint32_t block, std::uint8_t list) const {
        return lists_[block] == list;
    }
    [[nodiscard]] std::uint32_t count(std::uint8_t list) const { return counts_[list]; }
    // Not of an empty list.
    [[nodiscard]] std::uint32_t oldest(std::uint8_t list) const {
        return links_[lists_.size() + list].newer;
    }
    // Out of the list in which it is, if any.
    void remove(std::uint32_t block) {
        if (lists_[block] == kNoList) return;
        --counts_[lists_[block]];
        lists_[block] = kNoList;
        links_[links_[block].newer].older = links_[block].older;
        links_[links_[block].older].newer = links_[block].newer;
    }
    void move_to(std::uint32_t block, std::uint8_t list) {
        remove(block);
        const std::uint32_t head = static_cast<std::uint32_t>(lists_.size()) + list;
        links_[block] = {head, links_[head].older};
        links_[links_[block].older].newer = block;
        links_[head].older = block;
        lists_[block] = list;
        ++counts_[list];
    }

 private:
    static constexpr std::uint8_t kNoList = 0xFF;

    // Rings; behind the blocks is a head for each list, older than its oldest.
    struct Link {
        std::uint32_t newer = kNone;
        std::uint32_t older = kNone;
    };
    std::vector<Link> links_;
    std::vector<std::uint8_t> lists_;
    std::vector<std::uint32_t> counts_;
};

}  // namespace bwrt::replay
