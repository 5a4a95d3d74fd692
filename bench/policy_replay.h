// SPDX-License-Identifier: Apache-2.0
//
// policy_replay.h — what the reference policies share: how hits are counted, how requests are
// replayed, and lists of blocks.
//
// Hits are counted when a request arrives: its resident blocks, and the leading run of those, which
// is what a prefix cache can use.  A policy that knows nothing of prefixes gets a request's blocks
// *tail first*, one access a block from the last to the first, so that no parent is ever older than
// its children.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/policy_reference.h"
#include "bench/policy_trace.h"

namespace bwrt::bench {

template <typename IsResident>
void count_hits(std::span<const std::uint32_t> request, const IsResident& is_resident, Hits* hits) {
    bool is_leading = true;
    for (const std::uint32_t block : request) {
        const bool is_hit = is_resident(block);
        is_leading = is_leading && is_hit;
        hits->blocks += is_hit ? 1 : 0;
        hits->prefix += is_leading ? 1 : 0;
    }
}

// `cache` has is_resident(block) and access(block).
template <typename Cache>
Hits replay_tail_first(const replay::Trace& trace, Cache&& cache) {
    Hits hits;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const auto request = trace.blocks_of(i);
        count_hits(
            request, [&](std::uint32_t block) { return cache.is_resident(block); }, &hits);
        for (std::size_t k = request.size(); k-- > 0;) cache.access(request[k]);
    }
    return hits;
}

// Lists of blocks, newest first.  A block is in one of them or in none.
class BlockLists {
 public:
    static constexpr std::uint32_t kNone = replay::Trace::kNoBlock;

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

}  // namespace bwrt::bench
