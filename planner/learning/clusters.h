// SPDX-License-Identifier: Apache-2.0
//
// clusters.h — which prefixes are nearly the same, so that they are put near each other.
//
// A cluster says where to put things, and nothing else: only pages that are identical are ever
// shared, and what identical is, is not asked here.
//
// A prefix gets its cluster when it is first seen, and keeps it.  Its 32 minima (minhash.h) are
// eight bands of four.  Two prefixes that agree in all of one band, whichever, are candidates, and
// are nearly the same if at least 19 of their minima are equal:
//
//              1 - (1 - J^4)^8    and 19 of 32        J: grams in both / grams in one
//   J = 0.2              1.3 %        0.0001 %
//   J = 0.4             18.7 %        1.5 %
//   J = 0.6             67.1 %        50.1 %
//   J = 0.78            97.5 %        97.3 %
//   J = 0.9            100.0 %       100.0 %
//
// 19 / 32 = 0.594 is (1/8)^(1/4) = 0.595, where the curve of the bands is steep: what agrees in a
// band by chance goes, and of what is alike nearly all stays.
//
// A newcomer is compared with the founder of a cluster, the first that was in it, alive or
// forgotten.  So all of a cluster are like one of them, and a long chain of prefixes, each like the
// next, is many clusters and not one; and a million copies of a prefix are one entry in the index
// and one comparison.  Of several founders it joins the one with most equal minima, of equally like
// ones that with the lower number.
//
//   prefix ──▶ [cluster, newer, older] ──▶ [founder's minima, members]
//                 forgotten: the one not seen for longest           ▲
//   band b of a newcomer ──hash──▶ set: [tag founder] x 8 ──────────┘
//
// The index keeps, in each set, eight founders that live, the newest first.  Sets are half full at
// most on average; from one that is overfull the oldest drops out, and has seven more bands to be
// found by.  A founder is put first again in each band that it shares with who joins.
//
// Numbers of clusters lie below the prefix count, and one is used again when none of its prefixes
// is remembered.  The same calls give the same numbers on every machine.
//
// A prefix takes 288 bytes, of them 24 if it founds no cluster: memory that is not used is not
// touched.

#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "planner/learning/key_slots.h"
#include "planner/learning/minhash.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

constexpr std::uint32_t kNoCluster = 0xFFFF'FFFF;

struct ClusterLimits {
    std::uint32_t prefix_count = 65'536;    // remembered; rounded up to a power of two, to 2^26
    std::uint32_t token_count_max = 4'096;  // of a longer prefix, the first so many are looked at
};

class PrefixClusters {
 public:
    static constexpr std::uint32_t kBands = 8;
    static constexpr std::uint32_t kRows = 4;
    static constexpr std::uint32_t kEqualMin = 19;

    explicit PrefixClusters(const ClusterLimits& limits);

    // The cluster of a prefix, which is one of these tokens if it is new.  Without tokens a new one
    // has none and is not remembered; one that is known is not looked at again.
    std::uint32_t see(std::uint32_t prefix, std::span<const std::uint32_t> tokens) noexcept;

    // kNoCluster if it has not been seen, or is forgotten.
    [[nodiscard]] std::uint32_t cluster_of(std::uint32_t prefix) const noexcept;

    [[nodiscard]] std::uint32_t prefix_count() const noexcept { return used_count_; }
    [[nodiscard]] std::uint32_t cluster_count() const noexcept { return cluster_count_; }

 private:
    static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
    static constexpr std::uint32_t kWays = 8;

    struct Entry {
        std::uint32_t prefix;
        std::uint32_t cluster;
        std::uint32_t newer;
        std::uint32_t older;
    };
    struct PrefixOf {
        const Zeroed<Entry>& entries;
        std::uint64_t operator()(std::uint32_t entry) const noexcept {
            return entries[entry].prefix;
        }
    };
    struct Set {
        std::uint64_t ways[kWays];  // tag, 1 + cluster; 0: empty
    };
    using Bands = std::array<std::uint64_t, kBands>;  // a hash of each

    [[nodiscard]] std::uint32_t entry_of(std::uint32_t prefix) const noexcept;
    void link_newest(std::uint32_t entry) noexcept;
    void unlink(std::uint32_t entry) noexcept;
    [[nodiscard]] std::uint32_t forget_oldest() noexcept;
    void dissolve(std::uint32_t cluster) noexcept;

    [[nodiscard]] Set& set_of(const Bands& bands, std::uint32_t band) const noexcept;
    [[nodiscard]] std::uint32_t find_like(const MinHash& hash, const Bands& bands) const noexcept;
    void drop(const Bands& bands, std::uint32_t band, std::uint32_t cluster) noexcept;
    void put_first(const Bands& bands, std::uint32_t band, std::uint32_t cluster) noexcept;
    [[nodiscard]] std::uint32_t found(const MinHash& hash) noexcept;

    std::uint32_t capacity_;
    std::uint32_t token_count_max_;
    std::uint32_t set_bits_;  // sets of a band: 2^set_bits_
    std::uint32_t used_count_ = 0;
    std::uint32_t cluster_count_ = 0;
    std::uint32_t fresh_cluster_ = 0;     // none of a higher number has been used
    std::uint32_t free_cluster_ = kNone;  // the last that was freed
    std::uint32_t newest_ = kNone;
    std::uint32_t oldest_ = kNone;
    Zeroed<Entry> entries_;
    KeySlots slots_;
    Zeroed<MinHash> founders_;             // by cluster
    Zeroed<std::uint32_t> member_counts_;  // 0: free
    Zeroed<std::uint32_t> next_free_;
    Zeroed<Set> sets_;  // of band 0, of band 1, ...
};

}  // namespace bwrt::planner
