// SPDX-License-Identifier: Apache-2.0

#include "planner/tiers/reuse_rates.h"

#include <algorithm>

namespace bwrt::planner {
namespace {

// In the first slot in which a bin has an age, and how many it has.
constexpr std::uint32_t bin_begin(std::uint32_t bin) { return (1u << bin) - 1; }
constexpr std::uint64_t bin_width(std::uint32_t bin) { return std::uint64_t{1} << bin; }

}  // namespace

ReuseRates::ReuseRates() : begun_(std::size_t{kClassCount} * kRingCount) {
    for (std::uint32_t which = 0; which < kClassCount; ++which) reckon(which, Bins{});
}

void ReuseRates::advance(Tick now) noexcept {
    const std::uint32_t slot = slot_of(now);
    if (slot == slot_) return;
    // After a pause of the whole ring nothing is left that is followed.
    const std::uint32_t step_count = std::min(slot - slot_, kRingCount);
    for (std::uint32_t i = 0; i < step_count; ++i) step();
    slot_ = slot;
    reckon_changed();
}

// Each edge is crossed by those of one slot; who crosses the last is not followed further.
void ReuseRates::step() noexcept {
    ++slot_;
    for (std::uint32_t which = 0; which < kClassCount; ++which) {
        for (std::uint32_t bin = 0; bin < kBinCount; ++bin) {
            std::uint32_t& count = begun(which, slot_ - bin_begin(bin + 1));
            if (count == 0) continue;
            Bin& left = bins_[which][bin];
            left.seen += count;
            left.resting -= count;
            bins_[which].new_count += count;
            if (bin + 1 < kBinCount) {
                bins_[which][bin + 1].resting += count;
            } else {
                count = 0;
            }
        }
    }
    if (slot_ % kRingCount == 0) halve();
}

void ReuseRates::halve() noexcept {
    for (Bins& bins : bins_) {
        for (Bin& bin : bins) {
            bin.ended /= 2;
            bin.seen /= 2;
        }
        bins.change_count /= 2;
    }
}

void ReuseRates::begin(std::uint32_t reuse_class) noexcept {
    ++begun(reuse_class, slot_);
    ++bins_[reuse_class][0].resting;
}

void ReuseRates::end(std::uint32_t reuse_class, Tick begun_at, bool by_use) noexcept {
    const std::uint32_t slot = slot_of(begun_at);
    if (slot_ - slot >= kSlotCount) return;
    --begun(reuse_class, slot);
    Bin& bin = bins_[reuse_class][bin_of(slot_ - slot)];
    --bin.resting;
    if (!by_use) return;
    ++bin.ended;
    ++bin.seen;
    ++bins_[reuse_class].new_count;
}

std::uint64_t ReuseRates::value(std::uint32_t reuse_class, Tick begun_at) const noexcept {
    const std::uint32_t age = slot_ - slot_of(begun_at);
    if (age >= kSlotCount) return values_[reuse_class][kBinCount];
    const std::uint32_t bin = bin_of(age);
    const std::uint64_t left = values_[reuse_class][bin];
    const std::uint64_t right = values_[reuse_class][bin + 1];
    const std::uint64_t part = age - bin_begin(bin);
    return (left * (bin_width(bin) - part) + right * part) >> bin;
}

void ReuseRates::reckon_changed() noexcept {
    const auto has_changed = [](const Bins& bins) {
        return bins.new_count * 8 > bins.change_count + kBlendCount;
    };
    if (std::none_of(bins_.begin(), bins_.end(), has_changed)) return;
    Bins all = {};
    for (const Bins& bins : bins_) {
        for (std::uint32_t bin = 0; bin < kBinCount; ++bin) {
            all[bin].ended += bins[bin].ended;
            all[bin].seen += bins[bin].seen;
            all[bin].resting += bins[bin].resting;
        }
    }
    for (std::uint32_t which = 0; which < kClassCount; ++which) {
        Bins& bins = bins_[which];
        if (!has_changed(bins)) continue;
        bins.change_count += bins.new_count;
        bins.new_count = 0;
        reckon(which, all);
    }
}

void ReuseRates::reckon(std::uint32_t reuse_class, const Bins& all) noexcept {
    // What a single rest more would say that was never seen: a tenth return in each octave, and of
    // those that never did a hundredth.
    const std::uint64_t first = reuse_class == 0 ? kOne / 100 : kOne / 10;
    std::array<std::uint64_t, kBinCount> rates;
    for (std::uint32_t bin = 0; bin < kBinCount; ++bin) {
        const Bin& own = bins_[reuse_class][bin];
        const std::uint64_t of_all =
            (all[bin].ended * kOne + first) / (all[bin].seen + all[bin].resting / 2 + 1);
        rates[bin] =
            (own.ended * kOne + kBlendCount * of_all) / (own.seen + own.resting / 2 + kBlendCount);
    }
    for (std::uint32_t from = 0; from < kBinCount; ++from) {
        std::uint64_t left = kOne;  // of one, how much still rests
        std::uint64_t uses = 0;
        std::uint64_t time = 0;
        std::uint64_t best = 0;
        for (std::uint32_t bin = from; bin < kBinCount; ++bin) {
            const std::uint64_t used = (left * std::min(rates[bin], kOne - 1)) >> 32;
            uses += used;
            time += (left - used / 2) << bin;
            left -= used;
            best = std::max(best, (uses << 31) / ((time >> 8) + 1));
        }
        values_[reuse_class][from] = best;
    }
    values_[reuse_class][kBinCount] = values_[reuse_class][kBinCount - 1] / 2;
}

}  // namespace bwrt::planner
