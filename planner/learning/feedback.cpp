// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/feedback.h"

#include <algorithm>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kMsNs = 1'000'000;

// Shifts of means: see the head of feedback.h.
constexpr std::uint32_t kUp = 2, kDown = 4, kOther = 3, kCorrection = 2;

// No measured number is as large.
std::uint64_t narrow(Wide value) noexcept {
    return static_cast<std::uint64_t>(std::min<Wide>(value, WindowMean::kSampleMax));
}

std::uint64_t bytes_per_ms(const RouteSample& fresh) noexcept {
    return std::max<std::uint64_t>(narrow(Wide{fresh.bytes} * kMsNs / fresh.busy_ns), 1);
}

void follow_best(WindowMean& mean, std::uint64_t rate, bool may_fall) noexcept {
    const bool rises = rate > mean.value();
    if (rises || may_fall) mean.add(rate, rises ? kUp : kDown);
}

// Saturated: a sum that does not fit is learnt from as far as it does.
void add_to(std::uint64_t& sum, std::uint64_t value) noexcept { sum += std::min(value, ~sum); }

}  // namespace

Feedback::Feedback(const FeedbackRule& rule, std::span<const MeasuredRoute> routes)
    : rule_(rule), routes_(routes.size()) {
    for (BusState& bus : buses_) bus.full_milli = rule.full_milli;
    for (std::size_t i = 0; i < routes.size(); ++i) {
        RouteState& state = routes_[i];
        state.place = routes[i];
        state.min_io_bytes = SteadyValue(rule.min_io_bytes);
        state.gap_bytes_max = SteadyValue(rule.gap_bytes_max);
        state.tuned = {.route = {.bus = routes[i].bus},
                       .min_io_bytes = rule.min_io_bytes,
                       .gap_bytes_max = rule.gap_bytes_max};
        BusState& bus = buses_[routes[i].bus];
        bus.full_milli = std::min(bus.full_milli, routes[i].stream_count_max * 1000u);
    }
}

void Feedback::observe(std::span<const RouteSample> samples,
                       const FinishSamples& finishes) noexcept {
    if (rule_.is_frozen) {
        for (std::size_t i = 0; i < routes_.size(); ++i) routes_[i].last = samples[i];
        last_finishes_ = finishes;
        return;
    }
    for (BusState& bus : buses_) {
        bus.fresh = {};
        bus.half_bytes = 0;
    }
    for (std::size_t i = 0; i < routes_.size(); ++i) take(routes_[i], samples[i]);
    for (BusState& bus : buses_) learn_bus(bus);
    for (RouteState& state : routes_) learn_route(state);
    for (RouteState& state : routes_) follow(state);
    for (BusState& bus : buses_) {
        if (bus.fresh.request_count == 0 || bus.request_count < rule_.request_count_min) continue;
        bus.bytes_per_ms.follow(bus.rate.value(), rule_.steady);
    }
    learn_lead(finishes.shorts);
    learn_correction(finishes.longs);
    apply_correction();
}

void Feedback::take(RouteState& state, const RouteSample& sample) noexcept {
    const RouteSample& last = state.last;
    state.fresh = {};
    const bool is_anew = sample.request_count < last.request_count || sample.bytes < last.bytes ||
                         sample.busy_ns < last.busy_ns || sample.latency_ns < last.latency_ns;
    const std::uint64_t busy_ns = sample.busy_ns - last.busy_ns;
    if (is_anew) {
        state.last = sample;
        return;
    }
    const std::uint64_t busy_ns_min = std::max<std::uint64_t>(rule_.busy_ns_min, 1);
    if (busy_ns < busy_ns_min || sample.request_count == last.request_count) return;
    state.fresh = {.request_count = sample.request_count - last.request_count,
                   .bytes = sample.bytes - last.bytes,
                   .busy_ns = busy_ns,
                   .latency_ns = sample.latency_ns - last.latency_ns};
    state.last = sample;
    add_to(state.request_count, state.fresh.request_count);
    buses_[state.place.bus].half_bytes +=
        Wide{state.half_bytes.value()} * state.fresh.request_count;
    RouteSample& sum = buses_[state.place.bus].fresh;
    add_to(sum.request_count, state.fresh.request_count);
    add_to(sum.bytes, state.fresh.bytes);
    add_to(sum.busy_ns, state.fresh.busy_ns);
    add_to(sum.latency_ns, state.fresh.latency_ns);
}

bool Feedback::is_alone(const RouteSample& fresh) const noexcept {
    return Wide{fresh.latency_ns} * 1000 < Wide{fresh.busy_ns} * rule_.alone_milli;
}

void Feedback::learn_bus(BusState& bus) noexcept {
    if (bus.fresh.request_count == 0) return;
    add_to(bus.request_count, bus.fresh.request_count);
    const bool is_full =
        Wide{bus.fresh.latency_ns} * 1000 >= Wide{bus.fresh.busy_ns} * bus.full_milli;
    if (!is_full && !bus.rate.is_known()) return;
    follow_best(bus.rate, bytes_per_ms(bus.fresh), is_full && bus.fresh.bytes >= bus.half_bytes);
}

void Feedback::learn_route(RouteState& state) noexcept {
    const RouteSample& fresh = state.fresh;
    const std::uint64_t count = fresh.request_count;
    if (count == 0) return;
    state.request_bytes.add(fresh.bytes / count, kOther);
    std::uint64_t reference = buses_[state.place.bus].rate.value();
    if (is_alone(fresh)) {
        follow_best(state.stream, bytes_per_ms(fresh),
                    fresh.bytes >= Wide{state.half_bytes.value()} * count);
        reference = std::max<std::uint64_t>(state.stream.value(), 1);
        const Wide own_ns = Wide{fresh.bytes} * kMsNs / reference;
        const Wide beyond_ns = fresh.latency_ns > own_ns ? fresh.latency_ns - own_ns : 0;
        if (own_ns > beyond_ns && own_ns > Wide{state.fixed_ns.value()} * count) return;
        state.fixed_ns.add(narrow(beyond_ns / count), kOther);
    }
    const Wide could = Wide{reference} * fresh.busy_ns / kMsNs;
    const Wide unused = could > fresh.bytes ? could - fresh.bytes : 0;
    state.half_bytes.add(narrow(unused / count), kOther);
}

// Whether enough has ended since the last look; what has not is looked at again.
bool Feedback::take(FinishSample& last, const FinishSample& sample,
                    FinishSample& fresh_out) const noexcept {
    const bool is_anew = sample.count < last.count || sample.actual_ns < last.actual_ns ||
                         sample.predicted_ns < last.predicted_ns;
    if (!is_anew && sample.count - last.count < rule_.finish_count_min) return false;
    fresh_out = {.count = sample.count - last.count,
                 .predicted_ns = sample.predicted_ns - last.predicted_ns,
                 .actual_ns = sample.actual_ns - last.actual_ns};
    last = sample;
    return !is_anew && fresh_out.count != 0;
}

void Feedback::learn_lead(const FinishSample& shorts) noexcept {
    FinishSample fresh;
    if (!take(last_finishes_.shorts, shorts, fresh)) return;
    const std::uint64_t more_ns =
        fresh.actual_ns > fresh.predicted_ns ? fresh.actual_ns - fresh.predicted_ns : 0;
    mean_lead_ns_.add(std::min(more_ns / fresh.count, rule_.lead_ns_max), kOther);
    lead_ns_.follow(mean_lead_ns_.value(), rule_.steady);
}

void Feedback::learn_correction(const FinishSample& longs) noexcept {
    FinishSample fresh;
    if (!take(last_finishes_.longs, longs, fresh)) return;
    const Wide expected_ns = Wide{fresh.count} * mean_lead_ns_.value() + fresh.predicted_ns;
    if (expected_ns == 0) return;
    const std::uint64_t ratio_milli =
        std::clamp<std::uint64_t>(narrow(Wide{fresh.actual_ns} * 1000 / expected_ns),
                                  rule_.correction_milli_min, rule_.correction_milli_max);
    mean_correction_.add(ratio_milli, kCorrection);
    correction_.follow(mean_correction_.value(), rule_.steady);
}

void Feedback::follow(RouteState& state) noexcept {
    if (state.fresh.request_count == 0 || state.request_count < rule_.request_count_min) return;
    const std::uint64_t half_bytes = state.half_bytes.value();
    state.min_io_bytes.follow(std::min(half_bytes, rule_.min_io_bytes_most), rule_.steady);
    state.gap_bytes_max.follow(std::min(half_bytes, rule_.gap_bytes_most), rule_.steady);
    const std::uint64_t bus = buses_[state.place.bus].rate.value();
    const std::uint64_t stream = state.stream.is_known() ? state.stream.value() : bus;
    const std::uint64_t bytes = std::max<std::uint64_t>(state.request_bytes.value(), 1);
    const std::uint64_t fixed_ns = std::min(state.fixed_ns.value(), rule_.latency_ns_max);
    state.latency_ns.follow(fixed_ns, rule_.steady);
    state.stream_bytes_per_ms.follow(stream, rule_.steady);
    const Wide delayed =
        Wide{bus} * fixed_ns / kMsNs + Wide{bus} * bytes / std::max<std::uint64_t>(stream, 1);
    const Wide count = (delayed + bytes - 1) / bytes;
    state.stream_count.follow(
        static_cast<std::uint64_t>(std::clamp<Wide>(count, 1, state.place.stream_count_max)),
        rule_.steady);
}

void Feedback::apply_correction() noexcept {
    const std::uint64_t milli = std::max<std::uint64_t>(correction_.value(), 1);
    const auto slower = [&](std::uint64_t rate) -> std::uint64_t {
        return rate == 0 ? 0 : std::max<std::uint64_t>(narrow(Wide{rate} * 1000 / milli), 1);
    };
    for (RouteState& state : routes_) {
        state.tuned.route.latency_ns =
            std::min(narrow((Wide{state.latency_ns.value()} + lead_ns_.value()) * milli / 1000),
                     rule_.latency_ns_max);
        state.tuned.route.stream_bytes_per_ms = slower(state.stream_bytes_per_ms.value());
        state.tuned.route.stream_count = static_cast<std::uint8_t>(state.stream_count.value());
        state.tuned.min_io_bytes = state.min_io_bytes.value();
        state.tuned.gap_bytes_max = state.gap_bytes_max.value();
    }
    for (BusState& bus : buses_) bus.tuned_bytes_per_ms = slower(bus.bytes_per_ms.value());
}

std::uint64_t Feedback::uncorrected_ns(std::uint64_t predicted_ns) const noexcept {
    const std::uint64_t milli = std::max<std::uint64_t>(correction_.value(), 1);
    const std::uint64_t with_lead_ns = narrow(Wide{predicted_ns} * 1000 / milli);
    return with_lead_ns - std::min(with_lead_ns, lead_ns_.value());
}

}  // namespace bwrt::planner
