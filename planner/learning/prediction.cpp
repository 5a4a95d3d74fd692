// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/prediction.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "planner/mix.h"

namespace bwrt::planner {
namespace {

constexpr std::uint32_t kNone = KeySlots::kNone;
constexpr std::uint32_t kSessionCountMax = 1u << 24;
constexpr std::uint16_t kFollowMemory = 32;  // tries, then all are halved

std::uint32_t check_chains(std::uint32_t count) {
    if (count == 0 || count > Predictor::kChainCountMax) {
        throw std::length_error("chain_count must be 1 to 2^24");
    }
    return count;
}

std::uint32_t mask_of(std::uint32_t session_count) {
    if (session_count > kSessionCountMax) {
        throw std::length_error("session_count must be at most 2^24");
    }
    return std::bit_ceil(std::max(session_count, 1u)) - 1;
}

}  // namespace

Predictor::Predictor(const PredictionLimits& limits, const PredictionRule& rule)
    : rule_(rule),
      chain_count_max_(check_chains(limits.chain_count)),
      session_count_(limits.session_count),
      session_mask_(mask_of(limits.session_count)),
      least_pico_(1'000'000'000 * (1000 - std::int64_t{std::min(rule.wasted_milli_max, 1000u)})),
      newest_(kNone),
      oldest_(kNone),
      chains_(chain_count_max_),
      slots_(chain_count_max_),
      timers_(chain_count_max_),
      candidates_(chain_count_max_),
      sessions_(std::size_t{session_mask_} + 1),
      passed_over_(kPassedOverCount) {}

void Predictor::tell(std::uint64_t now_ns) noexcept { now_ns_ = std::max(now_ns_, now_ns); }

std::uint32_t Predictor::find(std::uint64_t key) const noexcept {
    return slots_.find(key, [this](std::uint32_t entry) { return chains_[entry].key; });
}

std::uint32_t Predictor::find_last(std::span<const std::uint64_t> blocks) const noexcept {
    const std::size_t count = std::min<std::size_t>(blocks.size(), rule_.look_count_max);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t entry = find(blocks[blocks.size() - 1 - i]);
        if (entry != kNone) return entry;
    }
    return kNone;
}

void Predictor::link_newest(std::uint32_t entry) noexcept {
    chains_[entry].newer = kNone;
    chains_[entry].older = newest_;
    (newest_ == kNone ? oldest_ : chains_[newest_].newer) = entry;
    newest_ = entry;
}

void Predictor::unlink(std::uint32_t entry) noexcept {
    const Chain& chain = chains_[entry];
    (chain.newer == kNone ? newest_ : chains_[chain.newer].older) = chain.older;
    (chain.older == kNone ? oldest_ : chains_[chain.older].newer) = chain.newer;
}

// One that is free, else that of the chain that was used longest ago.
std::uint32_t Predictor::take_entry() noexcept {
    if (used_count_ < chain_count_max_) return used_count_++;
    const std::uint32_t entry = oldest_;
    Chain& chain = chains_[entry];
    if (!chain.is_busy) pass_bins(chain);
    end_fetch(chain, report_.wasted, Place::kHere);
    unlink(entry);
    timers_.take_out(entry);
    candidates_.take_out(entry);
    slots_.erase(chain.key, [this](std::uint32_t other) { return chains_[other].key; });
    return entry;
}

std::uint32_t Predictor::begin_chain(std::uint64_t head) noexcept {
    const std::uint32_t entry = take_entry();
    Chain& chain = chains_[entry];
    chain = {};
    chain.key = head;
    chain.number = ++number_ == 0 ? ++number_ : number_;
    slots_.insert(head, entry, [this](std::uint32_t other) { return chains_[other].key; });
    return entry;
}

void Predictor::set_place(Chain& chain, Place place) noexcept {
    if (is_expected(chain.place)) --expected_count_;
    if (is_expected(place)) ++expected_count_;
    chain.place = place;
}

void Predictor::rename(std::uint32_t entry, std::uint64_t key) noexcept {
    const auto key_of = [this](std::uint32_t other) { return chains_[other].key; };
    if (chains_[entry].key == key) return;
    slots_.erase(chains_[entry].key, key_of);
    chains_[entry].key = key;
    slots_.insert(key, entry, key_of);
}

void Predictor::used(const ChainUse& use, std::uint64_t now_ns) noexcept {
    if (use.blocks.empty()) return;
    tell(now_ns);
    const std::uint64_t head = use.blocks.back();
    std::uint32_t entry = find_last(use.blocks);
    if (entry == kNone) {
        entry = begin_chain(head);
    } else {
        come_back(entry);
        unlink(entry);
        rename(entry, head);
    }
    link_newest(entry);
    timers_.take_out(entry);
    candidates_.take_out(entry);
    Chain& chain = chains_[entry];
    chain.rest.growth = growth_class(chain.bytes, use.bytes);
    chain.bytes = use.bytes;
    chain.tenant = use.tenant;
    chain.used_ns = now_ns_;
    set_place(chain, Place::kHere);
    chain.is_busy = true;
    chain.hint_milli = 0;
    follow(use.session, entry);
    if (!rule_.ends_are_told) begin_rest(entry);
}

// A chain that rested until now has not returned by then, and that is all that is known of that
// rest.
void Predictor::extended(const ChainUse& use, std::uint64_t now_ns) noexcept {
    if (use.blocks.empty()) return;
    tell(now_ns);
    const std::uint64_t head = use.blocks.back();
    std::uint32_t entry = find_last(use.blocks);
    const bool is_new = entry == kNone;
    if (is_new) {
        entry = begin_chain(head);
        chains_[entry].used_ns = now_ns_;
    } else {
        if (!chains_[entry].is_busy) pass_bins(chains_[entry]);
        end_fetch(chains_[entry], report_.wasted, Place::kHere);
        unlink(entry);
        rename(entry, head);
    }
    link_newest(entry);
    Chain& chain = chains_[entry];
    const std::uint64_t bytes = add_saturating(chain.bytes, use.bytes);
    chain.rest.growth = growth_class(chain.bytes, bytes);
    chain.bytes = bytes;
    chain.tenant = use.tenant;
    chain.hint_milli = 0;
    if (!chain.is_busy) begin_rest(entry);
}

// What its rest has taught, and what became of its fetch.
void Predictor::come_back(std::uint32_t entry) noexcept {
    Chain& chain = chains_[entry];
    ++report_.return_count;
    if (!chain.is_busy) {
        pass_bins(chain);
        times_.add_returned(chain.rest, chain.bin);
        const std::uint32_t bin_16 = 16u * chain.bin;
        chain.mean_bin_16 = chain.has_returned ? (3 * chain.mean_bin_16 + bin_16) / 4 : bin_16;
        chain.has_returned = true;
    }
    switch (chain.place) {
        case Place::kHere:
            break;
        case Place::kGone:
            report_.returned_gone.add(chain.bytes);
            break;
        case Place::kOrdered:
            report_.returned_gone.add(chain.bytes);
            end_fetch(chain, report_.late, Place::kHere);
            break;
        case Place::kNear:
        case Place::kLetGo:
            report_.lead_ns = add_saturating(report_.lead_ns, now_ns_ - chain.arrived_ns);
            end_fetch(chain, report_.right, Place::kHere);
            break;
    }
}

// What the session used before has a follower now, and what follows this one is expected.
void Predictor::follow(std::uint64_t session, std::uint32_t entry) noexcept {
    if (session == 0 || session_count_ == 0) return;
    Session& last = sessions_[mix(session) & session_mask_];
    if (last.key == session && is_alive(last.last)) {
        learn_follower(chains_[last.last.entry], entry);
    }
    last = {session, {entry, chains_[entry].number}};
    const Chain& chain = chains_[entry];
    const Link next = chain.follower;
    if (!is_alive(next) || next.entry == entry || chain.follow_gap_ns > rule_.horizon_ns) return;
    Chain& follower = chains_[next.entry];
    follower.hint_milli = 1000 * (chain.follow_hits + 1u) / (chain.follow_tries + 2u);
    follower.hint_ns = add_saturating(now_ns_, chain.follow_gap_ns);
    follower.hint_until_ns = add_saturating(now_ns_, rule_.horizon_ns);
    judge(next.entry);
}

void Predictor::learn_follower(Chain& chain, std::uint32_t follower) noexcept {
    const std::uint64_t gap_ns = now_ns_ - chain.used_ns;
    if (chain.follow_tries == kFollowMemory) {
        chain.follow_tries /= 2;
        chain.follow_hits /= 2;
    }
    ++chain.follow_tries;
    if (is_alive(chain.follower) && chain.follower.entry == follower) {
        ++chain.follow_hits;
        chain.follow_gap_ns = chain.follow_gap_ns / 4 * 3 + gap_ns / 4;
    } else if (!is_alive(chain.follower) || 2 * chain.follow_hits < chain.follow_tries) {
        chain.follower = {follower, chains_[follower].number};
        chain.follow_hits = 1;
        chain.follow_tries = 1;
        chain.follow_gap_ns = gap_ns;
    }
}

void Predictor::ended(std::uint64_t head, std::uint64_t now_ns) noexcept {
    tell(now_ns);
    const std::uint32_t entry = find(head);
    if (entry == kNone || !rule_.ends_are_told || !chains_[entry].is_busy) return;
    begin_rest(entry);
}

void Predictor::begin_rest(std::uint32_t entry) noexcept {
    Chain& chain = chains_[entry];
    chain.is_busy = false;
    chain.rests_ns = now_ns_;
    chain.bin = 0;
    chain.rest.work = work_class(now_ns_ - chain.used_ns);
    chain.rest.pace = chain.has_returned ? pace_class(chain.mean_bin_16) : std::uint8_t{0};
    set_timer(entry);
    judge(entry);
}

void Predictor::evicted(std::uint64_t key, std::uint64_t now_ns, std::uint32_t mark) noexcept {
    tell(now_ns);
    const std::uint32_t entry = find(key);
    if (entry == kNone) return;
    Chain& chain = chains_[entry];
    if (chain.place == Place::kGone || chain.place == Place::kOrdered) return;
    end_fetch(chain, report_.wasted, Place::kGone);
    chain.mark = mark;
    judge(entry);
}

bool Predictor::waits_for(std::uint64_t head) const noexcept {
    const std::uint32_t entry = find(head);
    if (entry == kNone) return false;
    return chains_[entry].place == Place::kOrdered || chains_[entry].place == Place::kNear;
}

void Predictor::fetched(std::uint64_t head, std::uint64_t now_ns) noexcept {
    tell(now_ns);
    const std::uint32_t entry = find(head);
    if (entry == kNone || chains_[entry].place != Place::kOrdered) return;
    set_place(chains_[entry], Place::kNear);
    chains_[entry].arrived_ns = now_ns_;
    set_timer(entry);
}

void Predictor::failed(std::uint64_t head, std::uint64_t now_ns) noexcept {
    tell(now_ns);
    const std::uint32_t entry = find(head);
    if (entry == kNone || chains_[entry].place != Place::kOrdered) return;
    end_fetch(chains_[entry], report_.failed, Place::kGone);
    // It is a candidate again in its next bin, not at once.
}

}  // namespace bwrt::planner
