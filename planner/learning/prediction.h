// SPDX-License-Identifier: Apache-2.0
//
// prediction.h — which chains of blocks come back, and when: what to bring near before it is asked
// for, as background work that nobody waits for.
//
// A chain is the path from a root to a block, its *head*, as a session uses it: it grows from use
// to use and is known by its head's key.  Between two uses it rests; then a tier lets go of it, and
// the next use waits for it.  Two things are learnt:
//
//   returns     how soon chains of this kind have been used again after such a rest
//               (return_times.h)
//   followers   which chain a session uses after this one, how often it was that one, and when:
//               agents that ask two prompts in turn.  P = (hits + 1) / (tries + 2), Laplace's rule
//
// A chain that is gone is worth a fetch when it is used again within the horizon with a probability
// of at least `least`.  It is waited for as long as it takes to become that probable, so what comes
// soon holds memory for a short time, and goes first.  Limits are the window's bytes, the tenant's
// credit, and the bytes that are held for predictions in all.
//
// `least` is not set but found.  It begins at 1 - the share that may be wasted, which is right
// where the probabilities are; it rises when a fetch was wasted and falls when one was right, by
// steps that cancel out when just that share is wasted (stochastic approximation, Robbins and Monro
// 1951).  It stays between a tenth and 1 - half the share: where nothing can be foretold, hardly
// anything is that probable, and fetching ends.
//
//   busy --ended--> resting --evicted--> gone --plan--> ordered --fetched--> near
//    ^                                    ^                | used: late        | used: right
//    +--------------- used ---------------+-- evicted -----+-------------------+
//                                         ^                                    v waited in vain
//                                         +--------- evicted: wasted ------ let go
//
// What a use has added to its chain, extended() says: the chain has another head, and its rest
// begins anew.  That is no return, and what was fetched for one was wasted.
//
// So each fetch ends in one way, and the sums of the report add up:
//
//   ordered = right + late + wasted + failed + open
//
// The caller says who uses what and what a tier drops, and holds what was fetched (a lease) until
// plan() says that the wait was in vain.  All memory is there after construction: some 180 bytes a
// chain and 16 a session.  Of too many chains the one that was used longest ago is forgotten, of
// too many sessions the one whose place another takes.  An event costs O(log chains).  One thread
// at a time.

#pragma once

#include <cstdint>
#include <span>

#include "planner/learning/key_slots.h"
#include "planner/learning/ranked.h"
#include "planner/learning/return_times.h"
#include "planner/saturating.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

struct PredictionLimits {
    std::uint32_t chain_count = 65'536;    // up to 2^24
    std::uint32_t session_count = 16'384;  // up to 2^24; 0: followers are not learnt
};

struct PredictionRule {
    std::uint32_t wasted_milli_max = 200;       // of what is fetched, in the long run
    std::uint64_t horizon_ns = 20'000'000'000;  // nothing is waited for longer; measured, see docs
    std::uint64_t held_bytes_max = ~std::uint64_t{0};  // ordered or near, and not used yet
    std::uint32_t look_count_max = 256;  // how far blocks of a use are searched for a known head
    bool ends_are_told = false;          // else a chain rests as soon as its use begins
};

// A use of a chain, root first.  Keys are 64 bits of a good hash, equal for equal prefixes.
struct ChainUse {
    std::span<const std::uint64_t> blocks;
    std::uint64_t bytes = 0;
    std::uint64_t session = 0;  // whose use it is; 0: not known
    std::uint16_t tenant = 0;
};

struct Prediction {
    std::uint64_t key = 0;  // of the head; what of its path is missing is to be fetched
    std::uint64_t bytes = 0;
    std::uint32_t mark = 0;         // as told when it was evicted
    std::uint64_t expected_ns = 0;  // when it will be used, if it is
    std::uint64_t until_ns = 0;     // from then on it is not waited for any more
    std::uint32_t probability_milli = 0;
    std::uint16_t tenant = 0;
};

struct PredictionWindow {
    std::uint64_t now_ns = 0;
    std::uint64_t bytes_max = 0;  // of this window
    // What each may still move, and is charged; tenants beyond it have no limit.
    std::span<std::uint64_t> tenant_bytes = {};
    // How many bytes of the head's path are missing; 0: it is there.
    std::uint64_t (*missing_bytes)(void* store, std::uint64_t key, std::uint32_t mark) = nullptr;
    void* store = nullptr;
    // Chains whose time has come; while there are more, nothing is fetched by what is half learnt.
    std::uint32_t look_count_max = ~0u;
    std::span<Prediction> fetch_out = {};
    std::span<std::uint64_t> let_go_out = {};  // heads that were waited for in vain
};

struct PredictionCounts {
    std::uint32_t fetch_count = 0;
    std::uint32_t let_go_count = 0;
};

// Counts of chains and their bytes.
struct PredictionSum {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;

    void add(std::uint64_t more_bytes) noexcept {
        ++count;
        bytes = add_saturating(bytes, more_bytes);
    }
};

struct PredictionReport {
    std::uint64_t return_count = 0;  // uses of a chain that was known
    PredictionSum returned_gone;     // of these: it was gone or on its way, so somebody waited
    PredictionSum ordered;
    PredictionSum right;        // near when it was used
    PredictionSum late;         // used while it was on its way
    PredictionSum wasted;       // dropped before it was used
    PredictionSum failed;       // never arrived
    PredictionSum open;         // ordered, near or let go, and not ended
    std::uint64_t lead_ns = 0;  // of those that were right, from arrival to use, in all

    // In thousandths: right of what has ended, right of what was needed.
    [[nodiscard]] std::uint32_t accuracy_milli() const noexcept;
    [[nodiscard]] std::uint32_t coverage_milli() const noexcept;
    [[nodiscard]] std::uint32_t wasted_milli() const noexcept;  // of the bytes that have arrived
    [[nodiscard]] std::uint64_t lead_mean_ns() const noexcept;
};

class Predictor {
 public:
    static constexpr std::uint32_t kChainCountMax = 1u << 24;

    // Throws std::bad_alloc, and std::length_error for more chains than kChainCountMax or none.
    Predictor(const PredictionLimits& limits, const PredictionRule& rule);

    // The chain is used from now on; it is the one whose head is the last known of its blocks.
    void used(const ChainUse& use, std::uint64_t now_ns) noexcept;
    // What a use has added, behind blocks of its chain, if it had any: no use by itself.
    void extended(const ChainUse& use, std::uint64_t now_ns) noexcept;
    // The use is over, and the chain rests.
    void ended(std::uint64_t head, std::uint64_t now_ns) noexcept;

    // Of any block: it left the tier.  Heads that are not known are nobody's.  The mark is the
    // caller's: where the block is to be found.
    void evicted(std::uint64_t key, std::uint64_t now_ns, std::uint32_t mark = 0) noexcept;
    // What plan() ordered is there, or will not come.
    void fetched(std::uint64_t head, std::uint64_t now_ns) noexcept;
    void failed(std::uint64_t head, std::uint64_t now_ns) noexcept;

    // Time never goes back.
    [[nodiscard]] PredictionCounts plan(const PredictionWindow& window) noexcept;

    // It was fetched, or is, and nothing has come of that yet.
    [[nodiscard]] bool waits_for(std::uint64_t head) const noexcept;
    // When plan() has something to do whatever happens until then; ~0: not before something does.
    [[nodiscard]] std::uint64_t next_look_ns() const noexcept {
        return expected_count_ == 0 || timers_.is_empty() ? ~std::uint64_t{0}
                                                          : timers_.rank(timers_.first());
    }
    // plan() has left something of what it has to look at.
    [[nodiscard]] bool is_behind() const noexcept {
        return !timers_.is_empty() && timers_.rank(timers_.first()) <= now_ns_;
    }
    [[nodiscard]] bool has_candidates() const noexcept { return !candidates_.is_empty(); }

    [[nodiscard]] PredictionReport report() const noexcept { return report_; }
    [[nodiscard]] std::uint32_t chain_count() const noexcept { return used_count_; }
    [[nodiscard]] std::uint64_t held_bytes() const noexcept { return held_bytes_; }

 private:
    static constexpr std::uint32_t kPassedOverCount = 64;  // that do not fit into a window

    enum class Place : std::uint8_t { kHere, kGone, kOrdered, kNear, kLetGo };

    // A chain, as long as its entry has not become another's.
    struct Link {
        std::uint32_t entry;
        std::uint32_t number;  // 0: none
    };
    struct Session {
        std::uint64_t key;
        Link last;
    };
    struct Expected {
        std::uint32_t probability_milli;
        std::uint64_t at_ns;
        std::uint64_t until_ns;
    };

    struct Chain {
        std::uint64_t key;
        std::uint64_t bytes;
        std::uint64_t used_ns;
        std::uint64_t rests_ns;     // since when
        std::uint64_t until_ns;     // ordered or near: waited for
        std::uint64_t arrived_ns;   // near
        std::uint64_t order_bytes;  // of the fetch
        std::uint32_t newer;        // by use
        std::uint32_t older;
        std::uint64_t follow_gap_ns;  // until its follower, 1/4 the last
        std::uint64_t hint_ns;        // when it should follow another one
        std::uint64_t hint_until_ns;
        std::uint32_t number;  // of all chains that ever were
        std::uint32_t mark;
        std::uint32_t mean_bin_16;   // of its rests, 1/4 the last
        std::uint32_t hint_milli;    // how probably it follows
        Link follower;               // what its session used next
        std::uint16_t follow_hits;   // how often it was that one
        std::uint16_t follow_tries;  // of so many times
        std::uint16_t tenant;
        RestClass rest;
        std::uint8_t bin;  // of its age, as far as it was counted
        Place place;
        bool is_busy;
        bool has_returned;
    };

    [[nodiscard]] std::uint32_t find(std::uint64_t key) const noexcept;
    [[nodiscard]] std::uint32_t find_last(std::span<const std::uint64_t> blocks) const noexcept;
    [[nodiscard]] std::uint32_t take_entry() noexcept;
    [[nodiscard]] std::uint32_t begin_chain(std::uint64_t head) noexcept;
    void set_place(Chain& chain, Place place) noexcept;
    // Chains of which plan() has to look at the clock, not only at what happens.
    [[nodiscard]] static bool is_expected(Place place) noexcept {
        return place == Place::kGone || place == Place::kNear;
    }
    void tell(std::uint64_t now_ns) noexcept;
    void rename(std::uint32_t entry, std::uint64_t key) noexcept;
    void come_back(std::uint32_t entry) noexcept;
    void follow(std::uint64_t session, std::uint32_t entry) noexcept;
    void learn_follower(Chain& chain, std::uint32_t follower) noexcept;
    [[nodiscard]] bool is_alive(const Link& link) const noexcept {
        return link.number != 0 && chains_[link.entry].number == link.number;
    }
    [[nodiscard]] std::uint32_t least_milli() const noexcept {
        return static_cast<std::uint32_t>(least_pico_ / 1'000'000'000);
    }
    void adjust(bool was_wasted) noexcept;
    [[nodiscard]] Expected expect(const Chain& chain) const noexcept;
    void begin_rest(std::uint32_t entry) noexcept;
    void pass_bins(Chain& chain) noexcept;
    void set_timer(std::uint32_t entry) noexcept;
    void judge(std::uint32_t entry) noexcept;
    void link_newest(std::uint32_t entry) noexcept;
    void unlink(std::uint32_t entry) noexcept;
    void begin_fetch(std::uint32_t entry, const Prediction& prediction) noexcept;
    void end_fetch(Chain& chain, PredictionSum& sum, Place place) noexcept;
    [[nodiscard]] std::uint32_t step_timers(const PredictionWindow& window) noexcept;

    PredictionRule rule_;
    std::uint32_t chain_count_max_;
    std::uint32_t session_count_;
    std::uint32_t session_mask_;
    std::uint32_t number_ = 0;
    std::uint32_t used_count_ = 0;
    std::uint32_t expected_count_ = 0;
    std::int64_t least_pico_;  // of the probability, where wasted_milli_max is kept
    std::uint32_t newest_;
    std::uint32_t oldest_;
    std::uint64_t now_ns_ = 0;  // the latest told
    std::uint64_t held_bytes_ = 0;
    PredictionReport report_;
    ReturnTimes times_;
    Zeroed<Chain> chains_;
    KeySlots slots_;
    Ranked timers_;             // by the time of the next look
    Ranked candidates_;         // the most probable first
    Zeroed<Session> sessions_;  // one that comes to a place taken takes it
    Zeroed<std::uint32_t> passed_over_;
};

}  // namespace bwrt::planner
