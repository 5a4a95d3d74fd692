// SPDX-License-Identifier: Apache-2.0
//
// feedback.h — what was measured sets what the next window is planned with.
//
//   counters, once a window ──▶ observe() ──▶ means ──a share away, for some windows──▶ in force
//                                                     steady_value.h
//
// From one window to the next a route has finished n requests of so many bytes, that were under way
// for `latency` in sum, in `busy` time with at least one of them under way.  So, by Little's law,
// latency / busy of them were under way at a time, which says what the window tells:
//
//   alone, below 1.5     what one request takes    stream  = bytes / busy, the best of late
//                                                  fixed   = latency / n - bytes / n / stream
//   full, 8 or more      what the bus carries      bus     = bytes / busy, the best of late
//   each                 what a request costs      half    = (reference x busy - bytes) / n
//                        beyond its bytes          reference: the stream's alone, else the bus's
//
// Until a bus was full its rate is not known, and nothing is predicted to be late: a short read now
// and then says nothing of how fast a long one would be, and what is refused is never measured.
//
// "The best of late" is a mean that follows upwards by 1/4 of the distance, and downwards by 1/16
// of it, but not for requests shorter than half, which say nothing of long ones, nor on a bus that
// was not full.  (BBR keeps a maximum and a minimum over some time for the same reason; Cardwell et
// al. 2016.)  What cannot be told from the time of the bytes, as all requests are of one length,
// counts as theirs: rates are then lower and fixed times 0, and what was measured is predicted just
// so.  Of requests alone whose bytes take longer than what else they take, and than `fixed` as
// known, neither it nor half is learnt: a stream's rate that is a little wrong would be a fixed
// time that is very wrong.  From these, in force for the next window:
//
//   latency        (fixed + lead) x correction
//   rates          stream and bus / correction
//   min_io_bytes   half: the length at which half of the reference is reached, since as long goes
//                  for the request as for its bytes (n-half; Hockney 1985)
//   gap_bytes_max  half: to read on over a gap costs its bytes' time, and saves a request
//   stream_count   bus x (fixed + b / stream) / b, for b bytes a request, rounded up: the
//                  bandwidth-delay product in requests
//
//   lead           of plans predicted to end within 2 ms: actual - predicted.  What planning,
//   waking
//                  and telling take, which no request knows of
//   correction     of the others: actual / (predicted + lead), as where requests are too short for
//                  the bus
//
// Other means move by 1/8 of the distance, the correction's by 1/4, a window in which less than a
// millisecond was busy counts with the next one, and what has finished fewer than 32 requests is
// not believed.  These weights, counts and bounds are ours, chosen and not measured, but for those
// of RateEstimate (predict.h): 1/4 and 1 ms.
//
// A value like the planner: the same samples give the same knobs, to the bit.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "planner/learning/steady_value.h"
#include "planner/routes.h"

namespace bwrt::planner {

// Of a route, counted since it began.  Failures say nothing of a rate: who counts leaves them out.
struct RouteSample {
    std::uint64_t request_count = 0;
    std::uint64_t bytes = 0;
    std::uint64_t busy_ns = 0;     // at least one request was under way; routes of one bus share it
    std::uint64_t latency_ns = 0;  // sum over requests
};

// Of plans that have ended, counted likewise; both times from the window's beginning to the end.
struct FinishSample {
    std::uint64_t count = 0;
    std::uint64_t predicted_ns = 0;  // sum, without lead and correction: see uncorrected_ns()
    std::uint64_t actual_ns = 0;     // sum
};

struct FinishSamples {
    static constexpr std::uint64_t kLongNs = 2'000'000;

    void add(std::uint64_t predicted_ns, std::uint64_t actual_ns) noexcept {
        FinishSample& sample = predicted_ns < kLongNs ? shorts : longs;
        ++sample.count;
        sample.predicted_ns += predicted_ns;
        sample.actual_ns += actual_ns;
    }

    FinishSample shorts, longs;
};

struct MeasuredRoute {
    std::uint8_t bus = 0;                // below kBusCountMax
    std::uint8_t stream_count_max = 64;  // 1: each request is alone and fills the bus
};

struct FeedbackRule {
    SteadyRule steady = {};
    std::uint64_t busy_ns_min = 1'000'000;
    std::uint32_t request_count_min = 32;
    std::uint32_t finish_count_min = 8;
    std::uint32_t alone_milli = 1500;  // requests under way, and fewer
    std::uint32_t full_milli = 8000;   // and more
    // In force until it is measured.
    std::uint64_t min_io_bytes = 524'288;
    std::uint64_t gap_bytes_max = 0;
    // Bounds.
    std::uint64_t latency_ns_max = 1'000'000'000;
    std::uint64_t min_io_bytes_most = 4'194'304;
    std::uint64_t gap_bytes_most = 262'144;
    std::uint32_t correction_milli_min = 500;
    std::uint32_t correction_milli_max = 4000;
    std::uint64_t lead_ns_max = 100'000'000;
    bool is_frozen = false;
};

struct TunedRoute {
    Route route;  // stream_count 0 and nothing else known until it is measured
    std::uint64_t min_io_bytes = 0;
    std::uint64_t gap_bytes_max = 0;
};

class Feedback {
 public:
    // Throws std::bad_alloc.
    Feedback(const FeedbackRule& rule, std::span<const MeasuredRoute> routes);

    // Before a window is planned: one sample of each route.  One that is below the last has begun
    // anew, and is learnt from the next time.
    void observe(std::span<const RouteSample> samples, const FinishSamples& finishes) noexcept;

    // Frozen, everything stays in force, and what happens meanwhile is not learnt later either.
    void freeze(bool is_frozen) noexcept { rule_.is_frozen = is_frozen; }

    // In force.
    [[nodiscard]] const TunedRoute& route(std::size_t index) const noexcept {
        return routes_[index].tuned;
    }
    [[nodiscard]] std::uint64_t bus_bytes_per_ms(std::uint8_t bus) const noexcept {
        return buses_[bus].tuned_bytes_per_ms;  // 0: not known
    }
    [[nodiscard]] bool is_measured(std::size_t index) const noexcept {
        return routes_[index].request_count >= rule_.request_count_min;
    }
    [[nodiscard]] std::uint32_t correction_milli() const noexcept {
        return static_cast<std::uint32_t>(correction_.value());
    }
    [[nodiscard]] std::uint64_t lead_ns() const noexcept { return lead_ns_.value(); }
    // What would have been predicted but for the lead and the correction in force.
    [[nodiscard]] std::uint64_t uncorrected_ns(std::uint64_t predicted_ns) const noexcept;

 private:
    __extension__ typedef unsigned __int128 Wide;

    struct RouteState {
        RouteSample last;
        RouteSample fresh;  // of this window; no requests: nothing to learn
        WindowMean stream, fixed_ns, half_bytes, request_bytes;
        SteadyValue latency_ns, stream_bytes_per_ms, min_io_bytes, gap_bytes_max, stream_count;
        std::uint64_t request_count = 0;  // learnt from
        MeasuredRoute place;
        TunedRoute tuned;
    };
    struct BusState {
        RouteSample fresh;    // of all its routes
        Wide half_bytes = 0;  // that these requests would have, each as long as its route's half
        WindowMean rate;
        SteadyValue bytes_per_ms;
        std::uint64_t request_count = 0;
        std::uint32_t full_milli = 0;
        std::uint64_t tuned_bytes_per_ms = 0;
    };

    [[nodiscard]] bool is_alone(const RouteSample& fresh) const noexcept;
    void take(RouteState& state, const RouteSample& sample) noexcept;
    [[nodiscard]] bool take(FinishSample& last, const FinishSample& sample,
                            FinishSample& fresh_out) const noexcept;
    void learn_bus(BusState& bus) noexcept;
    void learn_route(RouteState& state) noexcept;
    void learn_lead(const FinishSample& shorts) noexcept;
    void learn_correction(const FinishSample& longs) noexcept;
    void follow(RouteState& state) noexcept;
    void apply_correction() noexcept;

    FeedbackRule rule_;
    std::vector<RouteState> routes_;
    BusState buses_[kBusCountMax];
    FinishSamples last_finishes_;
    WindowMean mean_lead_ns_, mean_correction_;
    SteadyValue lead_ns_;
    SteadyValue correction_{1000};  // thousandths
};

}  // namespace bwrt::planner
