// SPDX-License-Identifier: Apache-2.0
//
// store_load.h — the blocks that every store is given, and what is done with them.
//
// Values lie one behind the other in one piece of memory, so that a PUT has nothing to compute and
// a check is one comparison.  GETs go to slots that move on through more memory than the caches
// hold, for all contestants alike; keys and the order of GETs look like chance and depend on the
// seed alone.
//
// Nothing is compared while the clock runs.  check() does that, for every value.

#pragma once

#include <cstdint>
#include <vector>

#include "bench/memory.h"
#include "bench/peer.h"

namespace bwrt::bench {

// What one pass over all blocks took.
struct Pass {
    std::uint64_t bytes = 0;
    std::uint64_t wall_ns = 0;
    std::uint64_t cpu_ns = 0;

    [[nodiscard]] double gb_per_s() const {
        return static_cast<double>(bytes) / static_cast<double>(wall_ns);
    }
    [[nodiscard]] double cpu_ms_per_gb() const {
        return 1e3 * static_cast<double>(cpu_ns) / static_cast<double>(bytes);
    }
};

class StoreLoad {
 public:
    // Blocks of several sizes share the values' memory.
    StoreLoad(std::uint64_t total_bytes, std::uint32_t wave_count);

    void cut_into(std::uint64_t block_bytes);
    [[nodiscard]] std::uint64_t total_bytes() const { return total_bytes_; }
    [[nodiscard]] std::uint64_t block_bytes() const { return block_bytes_; }
    [[nodiscard]] std::size_t block_count() const { return keys_.size(); }

    // The flush is no part of the time of the puts, but what it costs is of their CPU time: a peer
    // may do its work in either.
    [[nodiscard]] Pass put_all(Peer* peer, std::uint64_t* flush_ns_out) const;
    // In random order.  Throws when a value is not found.
    [[nodiscard]] Pass get_all(Peer* peer, std::uint32_t seed);
    // How many values are not there with all their bytes.
    [[nodiscard]] std::size_t check(Peer* peer);
    // How many of some keys, half of them never stored, contains() is wrong about.
    [[nodiscard]] std::size_t check_contains(Peer* peer) const;

 private:
    [[nodiscard]] const std::byte* value(std::size_t index) const {
        return values_.data() + index * block_bytes_;
    }
    // The requests of the wave of these blocks, each with a slot.
    void fill_wave(const std::uint32_t* blocks, std::size_t count, std::vector<GetRequest>* wave);

    std::uint64_t total_bytes_;
    std::uint32_t wave_count_;
    Memory values_;
    Memory slots_;
    std::uint64_t block_bytes_ = 0;
    std::size_t slot_count_ = 0, next_slot_ = 0;
    std::vector<Key> keys_, absent_keys_;
};

}  // namespace bwrt::bench
