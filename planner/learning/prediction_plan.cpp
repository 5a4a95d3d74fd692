// SPDX-License-Identifier: Apache-2.0
//
// prediction_plan.cpp — the half of Predictor that decides: how probable a chain's next use is,
// when it is looked at again, what is fetched in a window, and how a fetch has ended.

#include <algorithm>
#include <limits>

#include "planner/learning/prediction.h"

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::int64_t kLeastStepPico = 8'000'000;  // for each thousandth of the allowed share
constexpr std::int64_t kOpenCountFew = 16;
constexpr std::uint64_t kOpenCountMax = 1u << 24;
constexpr std::int64_t kMilliPico = 1'000'000'000;
constexpr std::int64_t kLeastPicoMin = 100 * kMilliPico;

// The longest step is a number, and a step of one thousandth with all fetches open is still one.
static_assert(kLeastStepPico * kOpenCountFew <= std::numeric_limits<std::int64_t>::max() / 1000);
static_assert(kLeastStepPico * kOpenCountFew / (kOpenCountFew + kOpenCountMax) > 0);

std::uint32_t milli_of(std::uint64_t part, std::uint64_t whole) noexcept {
    return whole == 0 ? 0 : static_cast<std::uint32_t>(Wide{part} * 1000 / whole);
}

}  // namespace

std::uint32_t PredictionReport::accuracy_milli() const noexcept {
    return milli_of(right.bytes, right.bytes + late.bytes + wasted.bytes);
}

std::uint32_t PredictionReport::coverage_milli() const noexcept {
    return milli_of(right.count, right.count + returned_gone.count);
}

std::uint32_t PredictionReport::wasted_milli() const noexcept {
    return milli_of(wasted.bytes, right.bytes + late.bytes + wasted.bytes);
}

std::uint64_t PredictionReport::lead_mean_ns() const noexcept {
    return right.count == 0 ? 0 : lead_ns / right.count;
}

// By its age, or because it follows another one: what is more probable.
Predictor::Expected Predictor::expect(const Chain& chain) const noexcept {
    Expected hint = {};
    if (chain.hint_milli > 0 && now_ns_ < chain.hint_until_ns) {
        hint = {chain.hint_milli, std::max(chain.hint_ns, now_ns_), chain.hint_until_ns};
    }
    const Return found =
        times_.predict(chain.rest, now_ns_ - chain.rests_ns, rule_.horizon_ns, least_milli());
    if (hint.probability_milli >= found.probability_milli) return hint;
    return {found.probability_milli, add_saturating(chain.rests_ns, found.expected_age_ns),
            add_saturating(chain.rests_ns, found.until_age_ns)};
}

void Predictor::pass_bins(Chain& chain) noexcept {
    const std::uint32_t bin = rest_bin(now_ns_ - chain.rests_ns);
    for (; chain.bin < bin; ++chain.bin) times_.add_passed(chain.rest, chain.bin);
}

// At the next bin, or when it is waited for no more.
void Predictor::set_timer(std::uint32_t entry) noexcept {
    const Chain& chain = chains_[entry];
    std::uint64_t next_ns = add_saturating(chain.rests_ns, rest_bin_end_ns(chain.bin));
    if (chain.place == Place::kNear) next_ns = std::min(next_ns, chain.until_ns);
    if (next_ns == kNever) {
        timers_.take_out(entry);
    } else {
        timers_.put(entry, next_ns);
    }
}

void Predictor::judge(std::uint32_t entry) noexcept {
    const Chain& chain = chains_[entry];
    candidates_.take_out(entry);
    if (chain.place != Place::kGone || chain.is_busy) return;
    const Expected expected = expect(chain);
    if (expected.probability_milli < least_milli()) return;
    candidates_.put(entry, expected.at_ns);
}

void Predictor::begin_fetch(std::uint32_t entry, const Prediction& prediction) noexcept {
    Chain& chain = chains_[entry];
    set_place(chain, Place::kOrdered);
    chain.order_bytes = prediction.bytes;
    chain.until_ns = prediction.until_ns;
    held_bytes_ += prediction.bytes;
    report_.ordered.add(prediction.bytes);
    report_.open.add(prediction.bytes);
}

// Of a chain that is fetched or to be: its fetch has ended so.  Of any other: it is there now.
void Predictor::end_fetch(Chain& chain, PredictionSum& sum, Place place) noexcept {
    const Place before = chain.place;
    set_place(chain, place);
    if (before == Place::kHere || before == Place::kGone) return;
    sum.add(chain.order_bytes);
    --report_.open.count;
    report_.open.bytes -= chain.order_bytes;
    if (before != Place::kLetGo) held_bytes_ -= chain.order_bytes;
    if (&sum == &report_.right || &sum == &report_.wasted) adjust(&sum == &report_.wasted);
}

// Up by a step where it was wasted, down by one where not, so large that both cancel out when the
// share of wasted ones is what the rule allows.  With many fetches open, what is learnt now comes
// after them, so the steps are smaller, or they would swing from end to end.
void Predictor::adjust(bool was_wasted) noexcept {
    const std::int64_t wasted_milli = std::min(rule_.wasted_milli_max, 1000u);
    const auto open_count = static_cast<std::int64_t>(std::min(report_.open.count, kOpenCountMax));
    const std::int64_t share_milli = was_wasted ? 1000 - wasted_milli : -wasted_milli;
    least_pico_ += kLeastStepPico * kOpenCountFew * share_milli / (kOpenCountFew + open_count);
    const std::int64_t most_pico = kMilliPico * (1000 - wasted_milli / 2);
    least_pico_ = std::clamp(least_pico_, kLeastPicoMin, std::max(most_pico, kLeastPicoMin));
}

// How many are let go.
std::uint32_t Predictor::step_timers(const PredictionWindow& window) noexcept {
    const std::span<std::uint64_t> let_go_out = window.let_go_out;
    std::uint32_t let_go_count = 0;
    for (std::uint32_t looks = 0; is_behind() && looks < window.look_count_max; ++looks) {
        const std::uint32_t entry = timers_.first();
        Chain& chain = chains_[entry];
        if (chain.place == Place::kNear && chain.until_ns <= now_ns_) {
            if (let_go_count == let_go_out.size()) break;
            let_go_out[let_go_count++] = chain.key;
            set_place(chain, Place::kLetGo);
            held_bytes_ -= chain.order_bytes;
        }
        pass_bins(chain);
        set_timer(entry);
        judge(entry);
    }
    return let_go_count;
}

PredictionCounts Predictor::plan(const PredictionWindow& window) noexcept {
    tell(window.now_ns);
    PredictionCounts counts;
    counts.let_go_count = step_timers(window);
    if (is_behind()) return counts;
    std::uint64_t left_bytes = window.bytes_max;
    std::uint32_t passed_over_count = 0;
    while (!candidates_.is_empty() && counts.fetch_count < window.fetch_out.size() &&
           passed_over_count < kPassedOverCount) {
        const std::uint32_t entry = candidates_.first();
        candidates_.take_out(entry);
        Chain& chain = chains_[entry];
        const Expected expected = expect(chain);
        if (expected.probability_milli < least_milli()) continue;
        const std::uint64_t bytes = window.missing_bytes(window.store, chain.key, chain.mark);
        if (bytes == 0) {
            set_place(chain, Place::kHere);
            continue;
        }
        const std::uint64_t held_left =
            rule_.held_bytes_max - std::min(held_bytes_, rule_.held_bytes_max);
        std::uint64_t unlimited = kNever;
        std::uint64_t& credit = chain.tenant < window.tenant_bytes.size()
                                    ? window.tenant_bytes[chain.tenant]
                                    : unlimited;
        if (bytes > left_bytes || bytes > held_left || bytes > credit) {
            passed_over_[passed_over_count++] = entry;
            continue;
        }
        left_bytes -= bytes;
        credit -= bytes;
        Prediction& out = window.fetch_out[counts.fetch_count++];
        out = {.key = chain.key,
               .bytes = bytes,
               .mark = chain.mark,
               .expected_ns = expected.at_ns,
               .until_ns = expected.until_ns,
               .probability_milli = expected.probability_milli,
               .tenant = chain.tenant};
        begin_fetch(entry, out);
    }
    for (std::uint32_t i = 0; i < passed_over_count; ++i) judge(passed_over_[i]);
    return counts;
}

}  // namespace bwrt::planner
