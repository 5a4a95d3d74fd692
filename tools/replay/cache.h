// SPDX-License-Identifier: Apache-2.0
//
// cache.h — what a replay asks of whatever keeps blocks: where are they, bring them, keep these.
//
// Blocks are numbers of the trace (trace.h), a prompt's in the order of its prefix.  One request
// at a time: what was kept by one is there for the next.

#pragma once

#include <cstdint>
#include <span>

namespace bwrt::replay {

// Whose request it is, by the trace's numbers.
struct Asker {
    std::uint32_t tenant = 0;
    std::uint32_t session = 0;  // 0: none
};

// The leading blocks of a prompt that are somewhere, by the tier that each is to be had from.
struct Located {
    std::uint32_t block_count = 0;
    std::uint32_t host_count = 0;
    std::uint32_t disk_count = 0;
};

struct Loaded {
    std::uint32_t block_count = 0;  // leading ones, delivered and compared
    std::uint64_t wrong_count = 0;  // delivered as right, and not what they have to be
    std::uint64_t took_ns = 0;      // until the last of them was there and compared
    bool is_late = false;           // the rest was not there by the deadline
    bool is_failed = false;         // or did not verify, could not be read, or had gone
};

// What moved below, as the library and the kernel count it.
struct CacheFigures {
    bool is_modelled = false;  // the kernel counts none of it then, and no byte is compared
    std::uint64_t host_hit_count = 0, disk_hit_count = 0, miss_count = 0;  // blocks that GETs found
    std::uint64_t stored_count = 0, refused_count = 0, corrupt_count = 0;
    std::uint64_t host_evicted_count = 0, disk_evicted_count = 0;
    std::uint64_t disk_read_bytes = 0, disk_written_bytes = 0;  // by the library's requests
    std::uint64_t disk_read_count = 0, disk_written_count = 0;  // requests, after merging
    std::uint64_t disk_piece_count = 0;                         // read, before it
    std::uint64_t disk_written_piece_count = 0;
    // Those of the disk, above, include what was carried over so that its segments could be used
    // again; what was delivered is of loads alone.
    std::uint64_t carried_bytes = 0, disk_delivered_bytes = 0;
    std::uint64_t host_read_bytes = 0, host_written_bytes = 0;        // of blocks, by the tier
    std::uint64_t process_read_bytes = 0, process_written_bytes = 0;  // /proc/self/io
    std::uint64_t host_used_bytes = 0, disk_used_bytes = 0;           // now
    std::uint64_t disk_room_bytes = 0;  // of blocks that the disk can have now; 0: it is not known
    std::uint32_t eviction = 0, write_touch_count = 0;  // in force; 0: of no store
    bool foretells = false;                             // where it does:
    // What was read before it was asked for, and what of it was right or in vain.
    std::uint64_t prefetch_bytes = 0, prefetch_right_bytes = 0, prefetch_wasted_bytes = 0;
};

class Cache {
 public:
    virtual ~Cache() = default;

    [[nodiscard]] virtual Located look_up(std::span<const std::uint32_t> blocks,
                                          const Asker& asker) = 0;
    // All of them, by the deadline if it is not 0: nanoseconds from now.
    [[nodiscard]] virtual Loaded load(std::span<const std::uint32_t> blocks, const Asker& asker,
                                      std::uint64_t deadline_ns) = 0;
    // Those from `first` on; what there is no room for is not kept.
    virtual void store(std::span<const std::uint32_t> blocks, std::uint32_t first,
                       const Asker& asker) = 0;
    // They will have been asked for within so long: what is there of them should stay.
    virtual void expect(std::span<const std::uint32_t> blocks, const Asker& asker,
                        std::uint64_t within_ns);
    // Waits for what is still being written.
    virtual void settle() = 0;
    [[nodiscard]] virtual CacheFigures figures() = 0;

    // The clock that all of this takes its time on: the wall's, unless its world is modelled.
    [[nodiscard]] virtual std::uint64_t now_ns() const;
    virtual void sleep_until(std::uint64_t due_ns);
    // Of it what is slept at a time, so that who wants to end it is heard soon.
    [[nodiscard]] virtual std::uint64_t slice_ns() const { return 100'000'000; }
};

}  // namespace bwrt::replay
