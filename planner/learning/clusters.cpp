// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/clusters.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>

#include "planner/mix.h"

namespace bwrt::planner {
namespace {

std::uint64_t pair_of(const MinHash& hash, std::uint32_t row) noexcept {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(hash.minima[row])) << 32 |
           static_cast<std::uint32_t>(hash.minima[row + 1]);
}

std::array<std::uint64_t, PrefixClusters::kBands> hash_bands(const MinHash& hash) noexcept {
    std::array<std::uint64_t, PrefixClusters::kBands> bands;
    for (std::uint32_t band = 0; band < PrefixClusters::kBands; ++band) {
        const std::uint32_t row = band * PrefixClusters::kRows;
        bands[band] = mix(mix(pair_of(hash, row) + kGolden) ^ pair_of(hash, row + 2));
    }
    return bands;
}

// A way: the low half of a band's hash, whose high bits choose the set, and 1 + the cluster.
std::uint64_t way_of(std::uint64_t band_hash, std::uint32_t cluster) noexcept {
    return band_hash << 32 | (cluster + 1);
}

}  // namespace

static_assert(PrefixClusters::kBands * PrefixClusters::kRows == kMinima);
static_assert(PrefixClusters::kRows == 4);  // hash_bands() takes two pairs

PrefixClusters::PrefixClusters(const ClusterLimits& limits)
    : capacity_(std::bit_ceil(limits.prefix_count)),
      token_count_max_(limits.token_count_max),
      set_bits_(std::max(std::bit_width(capacity_), 3u) - 3),
      entries_(capacity_),
      slots_(capacity_),
      founders_(capacity_),
      member_counts_(capacity_),
      next_free_(capacity_),
      sets_(std::size_t{kBands} << set_bits_) {
    assert(limits.prefix_count > 0 && limits.prefix_count <= 1u << 26);
    assert(limits.token_count_max > 0);
}

std::uint32_t PrefixClusters::see(std::uint32_t prefix,
                                  std::span<const std::uint32_t> tokens) noexcept {
    const std::uint32_t known = entry_of(prefix);
    if (known != kNone) {
        unlink(known);
        link_newest(known);
        return entries_[known].cluster;
    }
    if (tokens.empty()) return kNoCluster;

    const MinHash hash =
        min_hash_of(tokens.first(std::min<std::size_t>(tokens.size(), token_count_max_)));
    const Bands bands = hash_bands(hash);
    for (std::uint32_t band = 0; band < kBands; ++band) __builtin_prefetch(&set_of(bands, band));
    // Counted as a member before room is made, so that its cluster does not go just then.
    std::uint32_t cluster = find_like(hash, bands);
    if (cluster != kNone) ++member_counts_[cluster];
    const std::uint32_t entry = used_count_ < capacity_ ? used_count_++ : forget_oldest();
    if (cluster == kNone) cluster = found(hash);
    const Bands founder_bands = hash_bands(founders_[cluster]);
    for (std::uint32_t band = 0; band < kBands; ++band) {
        if (founder_bands[band] == bands[band]) put_first(bands, band, cluster);
    }
    slots_.insert(prefix, entry, PrefixOf{entries_});
    entries_[entry].prefix = prefix;
    entries_[entry].cluster = cluster;
    link_newest(entry);
    return cluster;
}

std::uint32_t PrefixClusters::cluster_of(std::uint32_t prefix) const noexcept {
    const std::uint32_t known = entry_of(prefix);
    return known == kNone ? kNoCluster : entries_[known].cluster;
}

std::uint32_t PrefixClusters::entry_of(std::uint32_t prefix) const noexcept {
    return slots_.find(prefix, PrefixOf{entries_});
}

void PrefixClusters::link_newest(std::uint32_t entry) noexcept {
    entries_[entry].newer = kNone;
    entries_[entry].older = newest_;
    (newest_ == kNone ? oldest_ : entries_[newest_].newer) = entry;
    newest_ = entry;
}

void PrefixClusters::unlink(std::uint32_t entry) noexcept {
    const Entry& one = entries_[entry];
    (one.newer == kNone ? newest_ : entries_[one.newer].older) = one.older;
    (one.older == kNone ? oldest_ : entries_[one.older].newer) = one.newer;
}

std::uint32_t PrefixClusters::forget_oldest() noexcept {
    const std::uint32_t entry = oldest_;
    slots_.erase(entries_[entry].prefix, PrefixOf{entries_});
    unlink(entry);
    const std::uint32_t cluster = entries_[entry].cluster;
    if (--member_counts_[cluster] == 0) dissolve(cluster);
    return entry;
}

void PrefixClusters::dissolve(std::uint32_t cluster) noexcept {
    const Bands bands = hash_bands(founders_[cluster]);
    for (std::uint32_t band = 0; band < kBands; ++band) drop(bands, band, cluster);
    next_free_[cluster] = free_cluster_;
    free_cluster_ = cluster;
    --cluster_count_;
}

PrefixClusters::Set& PrefixClusters::set_of(const Bands& bands, std::uint32_t band) const noexcept {
    const std::uint64_t set = (bands[band] >> 32) & ((std::uint64_t{1} << set_bits_) - 1);
    return sets_[(std::uint64_t{band} << set_bits_) + set];
}

std::uint32_t PrefixClusters::find_like(const MinHash& hash, const Bands& bands) const noexcept {
    std::uint32_t best = kNone;
    std::uint32_t best_equal = kEqualMin - 1;
    for (std::uint32_t band = 0; band < kBands; ++band) {
        for (const std::uint64_t way : set_of(bands, band).ways) {
            const std::uint32_t cluster = static_cast<std::uint32_t>(way) - 1;  // empty: kNone
            if (cluster == kNone || cluster == best) continue;
            if (way != way_of(bands[band], cluster)) continue;
            const std::uint32_t equal = equal_minima(hash, founders_[cluster]);
            if (equal > best_equal || (equal == best_equal && best != kNone && cluster < best)) {
                best = cluster;
                best_equal = equal;
            }
        }
    }
    return best;
}

void PrefixClusters::put_first(const Bands& bands, std::uint32_t band,
                               std::uint32_t cluster) noexcept {
    std::uint64_t* const ways = set_of(bands, band).ways;
    const std::uint64_t way = way_of(bands[band], cluster);
    std::uint32_t place = 0;
    while (place < kWays - 1 && ways[place] != way) ++place;
    for (; place > 0; --place) ways[place] = ways[place - 1];
    ways[0] = way;
}

void PrefixClusters::drop(const Bands& bands, std::uint32_t band, std::uint32_t cluster) noexcept {
    std::uint64_t* const ways = set_of(bands, band).ways;
    std::uint64_t* const end = ways + kWays;
    std::fill(std::remove(ways, end, way_of(bands[band], cluster)), end, 0);
}

std::uint32_t PrefixClusters::found(const MinHash& hash) noexcept {
    std::uint32_t cluster = free_cluster_;
    if (cluster == kNone) {
        cluster = fresh_cluster_++;
    } else {
        free_cluster_ = next_free_[cluster];
    }
    founders_[cluster] = hash;
    member_counts_[cluster] = 1;
    ++cluster_count_;
    return cluster;
}

}  // namespace bwrt::planner
