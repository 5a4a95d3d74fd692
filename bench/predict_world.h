// SPDX-License-Identifier: Apache-2.0
//
// predict_world.h — a host tier over a disk, a trace that uses them, and somebody who foresees.
//
//   host     a share of the trace's blocks, PrefixLru; what was fetched unasked is under a lease
//            until it is used or let go
//   disk     has every block that was ever seen; moves four times as many blocks a second as the
//            trace references on the average.  What a request misses goes first, the rest of a
//            window is the foresight's, and what it orders is there at the end of the window in
//            which its last block moved
//   request  its whole blocks, as engines keep no others.  The leading run of them in the host is
//            hit; those after it that the disk has are the demand misses: somebody waits for them.
//            All are then used
//   end      of a request's use: 20 ms for each token of the answer, for traces do not tell it
//
// A block fetched unasked is right when the request that uses it finds it, and wasted when it left
// the host before, or was never used.  That is counted here for each block, whatever the foresight
// thinks of itself.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "planner/tiers/prefix_lru.h"
#include "tools/replay/trace.h"

namespace bwrt::bench {

struct Order {
    std::uint32_t head = 0;  // the path to it is fetched, as far as it is missing
};

class Foresight {
 public:
    virtual ~Foresight() = default;
    virtual void used(std::size_t request, std::span<const std::uint32_t> blocks,
                      std::uint64_t now_ns) = 0;
    virtual void ended(std::uint32_t /*head*/, std::uint64_t /*now_ns*/) {}
    virtual void evicted(std::uint32_t /*block*/, std::uint64_t /*now_ns*/) {}
    virtual void fetched(std::uint32_t /*head*/, std::uint64_t /*now_ns*/) {}
    // It will not come, for a request needed the blocks before.
    virtual void failed(std::uint32_t /*head*/, std::uint64_t /*now_ns*/) {}
    // What to fetch, at most so many blocks, and whom to wait for no longer.
    virtual void plan(std::uint64_t now_ns, std::uint64_t blocks_max,
                      std::vector<Order>& orders_out, std::vector<std::uint32_t>& let_go_out) = 0;
};

// In blocks; the last three of those that were fetched unasked.
struct Outcome {
    std::uint64_t hit = 0, missed = 0;
    std::uint64_t fetched = 0, right = 0, wasted = 0;
};

class PredictWorld {
 public:
    static constexpr std::uint64_t kWindowNs = 250'000'000;
    static constexpr std::uint64_t kTokenNs = 20'000'000;

    PredictWorld(const replay::Trace& trace, std::uint32_t capacity);

    // Before run(), and while it lives.
    void set_foresight(Foresight* foresight) { foresight_ = foresight; }
    Outcome run();

    // How many blocks of the path to it the host lacks.
    [[nodiscard]] std::uint64_t missing_count(std::uint32_t head) const;

 private:
    struct Fetch {
        std::uint32_t head;
        std::uint64_t block_count;  // still to move
    };
    struct End {
        std::uint64_t at_ns;
        std::uint32_t head;
    };

    void step_until(std::uint64_t now_ns);
    void move(std::uint64_t now_ns);
    [[nodiscard]] std::uint64_t queued_count() const;
    void plan();
    void land(std::uint32_t head);
    void serve(std::size_t request);
    bool put(std::uint32_t block);
    void let_go(std::uint32_t head);
    void tell_ends(std::uint64_t now_ns);

    const replay::Trace& trace_;
    planner::PrefixLru policy_;
    Foresight* foresight_ = nullptr;
    Outcome outcome_;
    planner::Tick tick_ = 1;
    std::uint64_t now_ns_ = 0;
    std::uint64_t window_ns_ = 0;  // the end of this window
    std::uint64_t window_blocks_;  // that the disk moves in one
    std::int64_t disk_left_ = 0;   // of this window; below 0: of those that come
    std::vector<char> is_seen_, is_here_, is_unasked_, is_wanted_;
    std::vector<std::uint32_t> leases_;  // by head
    std::vector<Fetch> fetches_;         // in order
    std::vector<End> ends_;              // a heap
    std::vector<Order> orders_;
    std::vector<std::uint32_t> let_go_;
};

}  // namespace bwrt::bench
