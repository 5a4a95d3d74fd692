// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/lookup.h"

#include <algorithm>
#include <cstring>

namespace bwrt::runtime {
namespace {

// Keys asked for at once: enough that their cache misses overlap, few enough for the stack.
constexpr std::uint32_t kBatch = 256;

struct Answer {
    std::uint32_t state = BWRT_LOOKUP_HIT;
    std::uint32_t tier = BWRT_TIER_HOST;
};

// Joins a part's answer to that of the parts before: the worst counts.
void join(const BlockAnswer& answer, const BlockSeal& seal, const Lookup& lookup,
          Answer* all) noexcept {
    const std::uint16_t flags =
        answer.found == Found::kMiss ? std::uint16_t{0} : answer.fields.flags;
    const bool busy = answer.found == Found::kBusy;  // it is there, and being changed
    if (!busy && lookup.of_layout && seal.layout_digest != lookup.layout_digest) {
        all->state = BWRT_LOOKUP_MISS;
        return;
    }
    if ((flags & kInHost) != 0) return;
    if ((flags & kOnDisk) != 0) {
        all->tier = BWRT_TIER_DISK;
        return;
    }
    const bool pending = busy || (flags & kPending) != 0;
    if (!pending) {
        all->state = BWRT_LOOKUP_MISS;
    } else if (all->state == BWRT_LOOKUP_HIT) {
        all->state = BWRT_LOOKUP_PENDING;
    }
}

}  // namespace

std::uint32_t look_up(const IndexReader& reader, const Lookup& lookup, std::uint64_t pending_ns,
                      bwrt_lookup_answer* answers) noexcept {
    IndexKey keys[kBatch];
    BlockAnswer found[kBatch];
    BlockSeal seals[kBatch];
    const std::uint64_t total = std::uint64_t{lookup.identity_count} * lookup.part_count;
    std::uint32_t prefix_count = 0;
    bool in_prefix = true;
    Answer all;
    for (std::uint64_t first = 0; first < total; first += kBatch) {
        const auto count =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(kBatch, total - first));
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint64_t identity = (first + i) / lookup.part_count;
            std::memcpy(keys[i].identity, lookup.identities + identity * 32, 32);
            keys[i].part =
                lookup.part_first + static_cast<std::uint32_t>((first + i) % lookup.part_count);
            keys[i].tenant = lookup.tenant->index;
        }
        reader.find_many({keys, count}, found, lookup.of_layout ? seals : nullptr);
        for (std::uint32_t i = 0; i < count; ++i) {
            join(found[i], seals[i], lookup, &all);
            if ((first + i + 1) % lookup.part_count != 0) continue;
            const std::uint64_t identity = (first + i) / lookup.part_count;
            in_prefix = in_prefix && all.state == BWRT_LOOKUP_HIT;
            if (in_prefix) ++prefix_count;
            if (answers != nullptr) {
                const bool hit = all.state == BWRT_LOOKUP_HIT;
                answers[identity] = {all.state, hit ? all.tier : std::uint32_t{BWRT_TIER_NONE},
                                     all.state == BWRT_LOOKUP_PENDING ? pending_ns : 0};
            }
            all = {};
        }
        if (!in_prefix && answers == nullptr) break;
    }
    return prefix_count;
}

}  // namespace bwrt::runtime
