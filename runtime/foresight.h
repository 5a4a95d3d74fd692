// SPDX-License-Identifier: Apache-2.0
//
// foresight.h — chains of blocks that are brought back into host memory before they are asked for:
// where planner/learning/prediction.h meets the running store.
//
//   waves: GET, PIN ──used──▶ ┌───────────┐ ──foretells──▶ order ──asks──▶ a window of the planner
//          PUT ────extended─▶ │ Predictor │                  │ ▲                │
//   store: not in memory ───▶ └───────────┘                  │ └───── moves ────┘
//                                   ▲                        ▼
//                                   └─ fetched, failed ── block lane: reads them (block_ahead.cpp)
//
// A chain is known by its head, 64 bits of the name of its last block; other parts of the same
// blocks are chains of their own.  A run of blocks of a wave, each the child of the one before, is
// a use of one where they are read, and goes on with it where they are stored.  What is missing of
// a chain lies between its head and the first ancestor that is in memory, as the disk tier knows
// them; an order is these blocks, parents first.
//
//   listed ──▶ asked ──▶ reading ──all there──▶ near ──used, let go, evicted──▶ over
//                 └─ refused ─┴── one failed, too late, yields ──▶ over
//
// An order is a row of the planner's window, of the lowest class, so credits and budgets bind it
// as they bind waves.  What is there of the chain is kept by one lease, of its deepest block, which
// keeps the others as a child keeps its parents: so all of the chain counts as held, and DROP, MOVE
// and expiry find nothing in their way.  Who needs room for a demand takes it, by yield().
//
// It runs on the driver: a use costs a microsecond, and no more than kLookCount chains whose time
// has come are looked at in a turn (docs/planner.md has the figures).  All memory is taken when it
// is made.
//
// The driver's alone.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/learning/prediction.h"
#include "runtime/block_task.h"
#include "runtime/plan_lane.h"
#include "runtime/store/store.h"

namespace bwrt::runtime {

class Foresight final : public HostWatcher {
 public:
    static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

    // Of tables->store, which has both tiers.  Throws std::bad_alloc.
    Foresight(Tables* tables, PlanLane* plans);
    ~Foresight();
    Foresight(const Foresight&) = delete;
    Foresight& operator=(const Foresight&) = delete;

    // The wave's blocks have been begun.
    void started(const Wave& wave) noexcept;
    void not_in_host(std::uint32_t entry) noexcept override;

    // True when it should be called again at once.
    bool turn(std::uint64_t now_ns) noexcept;
    [[nodiscard]] std::uint64_t next_timer_ns() const noexcept;

    // Of an order that was asked for: false where nobody wants it any more.
    [[nodiscard]] bool moves(std::uint64_t id) noexcept;
    [[nodiscard]] bool refused(std::uint64_t id) noexcept;

    // The next block that is to be read, or kNone, and its entry in the index, or kNoEntry where it
    // has gone.  It stays the next one until it has begun, arrived or failed.
    [[nodiscard]] std::uint32_t next_block() const noexcept;
    [[nodiscard]] std::uint32_t entry_of(std::uint32_t block) const noexcept;
    void begun(std::uint32_t block) noexcept;
    void arrived(std::uint32_t block, std::uint32_t host_block) noexcept;
    void failed(std::uint32_t block) noexcept;

    // A demand finds no room: all that is held is let go.  False when nothing was.
    bool yield() noexcept;
    // No wave will come any more.
    void rest() noexcept;

    // Its part of them.
    void snapshot(bwrt_counters* counters_out) const noexcept;

 private:
    static constexpr std::uint32_t kOrderCount = 32;
    static constexpr std::uint32_t kBlockCount = 16'384;   // of all orders
    static constexpr std::uint32_t kPathCountMax = 4'096;  // of one chain
    static constexpr std::uint32_t kLookCount = 32;        // chains looked at in a turn: some 10 us
    static constexpr std::uint32_t kKeyCount = 256;        // of a run, as far as they are searched
    static constexpr std::uint32_t kLetGoCount = 32;
    static constexpr std::uint64_t kYieldNs = 1'000'000'000;

    enum class State : std::uint8_t { kFree, kAsked, kReading, kNear, kOver };

    // Over is one whose last reads are on their way.
    struct Order {
        std::uint64_t key;
        std::uint64_t id;
        std::uint64_t until_ns;
        std::uint64_t held_bytes;
        std::uint32_t block_next;  // that is to be read
        std::uint32_t out_count;   // that are
        std::uint32_t left_count;  // not there yet
        std::uint32_t lease;
        std::uint32_t lease_depth;  // of the leased block; 0: of what was there before
        std::uint32_t next;         // in the order in which they came
        State state;
    };
    struct Block {
        std::uint64_t key;
        std::uint32_t entry;
        std::uint32_t order;
        std::uint32_t depth;  // from 1
        std::uint32_t next;   // of its order, or free
    };
    // Of a run of blocks: the last keys, as many as are looked at.
    enum class Use : std::uint8_t { kNone, kReads, kStores };
    struct Run {
        Use use = Use::kNone;
        const BlockTask* last = nullptr;
        std::uint64_t bytes = 0;
    };

    // foresight.cpp
    [[nodiscard]] static std::uint64_t chain_key(const void* identity, std::uint32_t part,
                                                 std::uint16_t tenant) noexcept;
    void add_key(std::uint64_t key) noexcept;
    void end_run(Run* run, const Wave& wave) noexcept;
    void drop_orders() noexcept;
    bool list_one() noexcept;
    [[nodiscard]] bool wants_list() const noexcept;
    static std::uint64_t missing_bytes(void* self, std::uint64_t key, std::uint32_t mark) noexcept;
    [[nodiscard]] std::uint64_t find_missing(std::uint64_t key, std::uint32_t mark) noexcept;
    [[nodiscard]] planner::Arrival arrival_of(std::uint32_t entry,
                                              const BlockFields& fields) const noexcept;

    // foresight_order.cpp
    [[nodiscard]] std::uint64_t key_of(std::uint32_t entry) const noexcept;
    void make_order(const planner::Prediction& prediction) noexcept;
    [[nodiscard]] Order* asked(std::uint64_t id) noexcept;
    void fail(Order* order) noexcept;
    void finish(Order* order) noexcept;
    void end_all() noexcept;
    void free_if_over(Order* order) noexcept;
    void free_block(std::uint32_t block) noexcept;

    Store& store_;
    PlanLane& plans_;
    const std::uint64_t window_ns_;
    const std::uint64_t bytes_max_;
    planner::Predictor predictor_;
    std::vector<std::uint64_t> keys_;  // of the run, the last ones last
    // What was found last: what is missing, head first, what is there of it, and all of it.
    std::vector<std::uint32_t> path_;
    std::uint32_t path_there_ = kNoHostBlock;
    std::uint64_t path_bytes_ = 0;
    std::uint64_t path_until_ns_ = 0;  // when the first of it expires
    std::vector<Order> orders_;
    std::vector<Block> blocks_;
    std::uint32_t free_block_ = kNone;
    std::uint32_t free_block_count_ = kBlockCount;
    std::uint32_t order_first_ = kNone, order_last_ = kNone;
    std::uint32_t order_count_ = 0;
    std::uint64_t held_bytes_ = 0;  // by orders
    std::uint32_t path_left_ = 0;   // blocks that may be looked at in this turn
    std::uint64_t serial_ = 0;
    std::uint64_t due_ns_ = 0;  // the next list
    bool has_news_ = false;     // since the last one
    bool must_check_ = false;   // orders, whether they are still waited for
    bool rests_ = false;
};

}  // namespace bwrt::runtime
