// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/statistics.h"

#include <algorithm>
#include <cmath>

namespace bwrt::replay {
namespace {

constexpr std::uint32_t kNever = 0xFFFF'FFFF;
constexpr std::array<std::uint64_t, 3> kWindowUs = {60'000'000, 300'000'000, 900'000'000};

// A quantile is the sample at that rank; the samples are put in order for it.
template <typename Number>
Spread spread_of(std::vector<Number>& samples, double unit = 1) {
    if (samples.empty()) return {};
    std::sort(samples.begin(), samples.end());
    double sum = 0;
    for (const Number sample : samples) sum += static_cast<double>(sample);
    const auto at = [&](std::size_t percent) {
        const std::size_t rank = std::min(samples.size() * percent / 100, samples.size() - 1);
        return static_cast<double>(samples[rank]) * unit;
    };
    return {sum / static_cast<double>(samples.size()) * unit, at(50), at(90), at(99)};
}

double share_of(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// How many places hold a mark, from one on: a Fenwick tree.
class Marks {
 public:
    explicit Marks(std::size_t place_count) : sums_(place_count + 1) {}

    void set(std::size_t place) { add(place, 1); }
    void clear(std::size_t place) { add(place, kNever); }  // - 1, modulo 2^32

    [[nodiscard]] std::uint32_t count_before(std::size_t place) const {
        std::uint32_t sum = 0;
        for (std::size_t i = place; i > 0; i &= i - 1) sum += sums_[i];
        return sum;
    }

 private:
    void add(std::size_t place, std::uint32_t step) {
        for (std::size_t i = place + 1; i < sums_.size(); i += i & (0 - i)) sums_[i] += step;
    }

    std::vector<std::uint32_t> sums_;
};

// One pass over the requests, for everything that looks back.
class Pass {
 public:
    Pass(const Trace& trace, TraceStatistics& out)
        : trace_(trace),
          out_(out),
          counts_(trace.block_count()),
          last_us_(trace.block_count()),
          last_place_(trace.block_count()),
          last_request_(trace.block_count()),
          places_(trace.reference_count()) {
        out_.tenants.resize(trace.tenants().size());
    }

    void run() {
        for (std::size_t i = 0; i < trace_.request_count(); ++i) {
            look_at_prefix(i);
            touch(i);
        }
    }

    void finish() {
        count_live();
        out_.hit_blocks = spread_of(hits_);
        out_.shared_share = spread_of(shared_);
        out_.reuse_s = spread_of(reuse_ms_, 1e-3);
        out_.stack_share = spread_of(distances_, share_of(1, trace_.block_count()));
        out_.runs_per_prefix = share_of(run_count_, hit_prefix_count_);
        out_.blocks_per_run = share_of(hit_count_, run_count_);
        std::uint64_t once_count = 0;
        for (const std::uint32_t count : counts_) once_count += count == 1 ? 1 : 0;
        out_.never_again_share = share_of(once_count, counts_.size());
        out_.hottest_reuse_share = hottest_share();
        for (std::size_t i = 0; i < windows_.size(); ++i) {
            out_.working_set[i] = mean_window(windows_[i], kWindowUs[i]);
        }
    }

 private:
    void look_at_prefix(std::size_t index) {
        const auto blocks = trace_.blocks_of(index);
        std::size_t hit = 0;
        std::uint64_t runs = 0;
        for (; hit < blocks.size() && counts_[blocks[hit]] > 0; ++hit) {
            runs += hit == 0 || blocks[hit] != blocks[hit - 1] + 1 ? 1 : 0;
        }
        hits_.push_back(static_cast<std::uint32_t>(hit));
        shared_.push_back(static_cast<float>(share_of(hit, blocks.size())));
        few_hits_count_ += hit <= 1 ? 1 : 0;
        hit_count_ += hit;
        run_count_ += runs;
        hit_prefix_count_ += hit > 0 ? 1 : 0;
        TenantStatistics& tenant = out_.tenants[trace_.request(index).tenant];
        ++tenant.request_count;
        tenant.reference_count += blocks.size();
        tenant.hit_count += hit;
        out_.few_hits_share = share_of(few_hits_count_, index + 1);
    }

    // Last to first, as a cache keeps prefixes whole.
    void touch(std::size_t index) {
        const auto blocks = trace_.blocks_of(index);
        const std::uint64_t now_us = trace_.request(index).arrival_us;
        for (std::size_t i = blocks.size(); i > 0; --i, ++place_) {
            const std::uint32_t block = blocks[i - 1];
            if (counts_[block]++ > 0) {
                const std::uint64_t reuse_us = now_us - last_us_[block];
                reuse_ms_.push_back(
                    static_cast<std::uint32_t>(std::min<std::uint64_t>(reuse_us / 1000, kNever)));
                distances_.push_back(seen_count_ - places_.count_before(last_place_[block]));
                places_.clear(last_place_[block]);
                live_us_ += reuse_us;
                add_to_windows(now_us, last_us_[block]);
            } else {
                ++seen_count_;
                add_to_windows(now_us, ~std::uint64_t{0});
            }
            places_.set(place_);
            last_place_[block] = place_;
            last_us_[block] = now_us;
            last_request_[block] = static_cast<std::uint32_t>(index);
        }
    }

    // Where the block was not yet in the window that it is asked for in.
    void add_to_windows(std::uint64_t now_us, std::uint64_t last_us) {
        for (std::size_t i = 0; i < windows_.size(); ++i) {
            const std::uint64_t window = now_us / kWindowUs[i];
            if (last_us / kWindowUs[i] == window) continue;
            windows_[i].resize(std::max<std::size_t>(windows_[i].size(), window + 1));
            ++windows_[i][window];
        }
    }

    // The last one counts when the trace covers three quarters of it, or there is no other.
    [[nodiscard]] double mean_window(const std::vector<std::uint64_t>& counts,
                                     std::uint64_t window_us) const {
        const bool has_last =
            counts.size() == 1 || trace_.duration_us() % window_us * 4 >= window_us * 3;
        const std::size_t count = std::max<std::size_t>(1, counts.size() - (has_last ? 0 : 1));
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < count; ++i) sum += counts[i];
        return share_of(sum, count);
    }

    // A block lives from its first request until before its last one.
    void count_live() {
        std::vector<std::uint32_t> gone(trace_.request_count());
        for (std::uint32_t block = 0; block < trace_.block_count(); ++block) {
            ++gone[last_request_[block]];
        }
        std::uint64_t live = 0;
        std::uint32_t next = 0;  // the first block that no request had yet
        for (std::size_t i = 0; i < trace_.request_count(); ++i) {
            for (const std::uint32_t block : trace_.blocks_of(i)) {
                if (block < next) continue;
                ++next;
                ++live;
            }
            live -= gone[i];
            out_.live_peak = std::max(out_.live_peak, live);
        }
        out_.live_mean = share_of(live_us_, trace_.duration_us());
    }

    [[nodiscard]] double hottest_share() {
        const std::size_t hottest = std::max<std::size_t>(1, counts_.size() / 100);
        std::sort(counts_.begin(), counts_.end(), std::greater<>());
        std::uint64_t all = 0, theirs = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            all += counts_[i] - 1;
            if (i < hottest) theirs += counts_[i] - 1;
        }
        return share_of(theirs, all);
    }

    const Trace& trace_;
    TraceStatistics& out_;
    std::vector<std::uint32_t> counts_;  // of each block, as the next three
    std::vector<std::uint64_t> last_us_;
    std::vector<std::uint32_t> last_place_;  // among all references
    std::vector<std::uint32_t> last_request_;
    Marks places_;  // where blocks were touched last
    std::uint32_t place_ = 0, seen_count_ = 0;
    std::vector<std::uint32_t> hits_, reuse_ms_, distances_;
    std::vector<float> shared_;
    std::uint64_t few_hits_count_ = 0, hit_count_ = 0, run_count_ = 0, hit_prefix_count_ = 0;
    std::uint64_t live_us_ = 0;                                         // of all blocks
    std::array<std::vector<std::uint64_t>, kWindowUs.size()> windows_;  // blocks in each
};

void count_requests(const Trace& trace, TraceStatistics& out) {
    std::vector<std::uint32_t> inputs, outputs;
    std::vector<std::uint64_t> steps_us;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const TraceRequest& request = trace.request(i);
        inputs.push_back(request.input_tokens);
        outputs.push_back(request.output_tokens);
        if (i > 0) steps_us.push_back(request.arrival_us - trace.request(i - 1).arrival_us);
    }
    out.input_tokens = spread_of(inputs);
    out.output_tokens = spread_of(outputs);
    out.interarrival_s = spread_of(steps_us, 1e-6);
    double squares = 0;
    for (const std::uint64_t step_us : steps_us) {
        const double off_s = 1e-6 * static_cast<double>(step_us) - out.interarrival_s.mean;
        squares += off_s * off_s;
    }
    if (out.interarrival_s.mean > 0) {
        out.interarrival_variation =
            std::sqrt(squares / static_cast<double>(steps_us.size())) / out.interarrival_s.mean;
    }
}

}  // namespace

TraceStatistics count_statistics(const Trace& trace) {
    TraceStatistics out;
    out.request_count = trace.request_count();
    out.reference_count = trace.reference_count();
    out.block_count = trace.block_count();
    out.session_count = trace.session_count();
    out.seconds = 1e-6 * static_cast<double>(trace.duration_us());
    out.hit_ceiling = 1 - share_of(out.block_count, out.reference_count);
    count_requests(trace, out);
    Pass pass(trace, out);
    pass.run();
    pass.finish();
    return out;
}

}  // namespace bwrt::replay
