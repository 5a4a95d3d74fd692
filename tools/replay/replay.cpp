// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/replay.h"

#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <span>
#include <utility>

#include "tools/replay/queue.h"

namespace bwrt::replay {
namespace {

constexpr double kCacheNsMax = 9e18;  // never; it can be added to a time

std::uint64_t time_of(clockid_t clock) {
    timespec now;
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

class Replay {
 public:
    Replay(const Trace& trace, const ReplayRule& rule, Cache& cache)
        : trace_(trace),
          rule_(rule),
          cache_(cache),
          prefill_(rule.prefill),
          queue_(trace, cache, rule.lookahead_ns,
                 [this](std::uint64_t trace_ns) { return to_cache(trace_ns); }) {
        result_.served.reserve(trace.request_count());
        result_.stream_count = static_cast<std::uint32_t>(prefill_.stream_count());
        result_.has_deadline = rule.deadline_ns != 0;
        result_.part_ns = rule.part_ns;
    }

    ReplayResult run(const ReplayProgress& progress) {
        const std::uint64_t cpu_ns = time_of(CLOCK_PROCESS_CPUTIME_ID);
        const std::uint64_t wall_ns = time_of(CLOCK_MONOTONIC);
        begun_ns_ = cache_.now_ns();
        for (std::size_t i = 0; i < trace_.request_count(); ++i) {
            if (!await_arrival(i, progress)) {
                result_.is_interrupted = true;
                break;
            }
            if (rule_.settles) cache_.settle();
            if (begins_part(i)) sample(arrival_ns(i) / rule_.part_ns);
            serve(i);
        }
        result_.cache_ns = cache_.now_ns() - begun_ns_;
        result_.wall_ns = time_of(CLOCK_MONOTONIC) - wall_ns;
        cache_.settle();
        if (!result_.samples.empty()) sample(result_.samples.back().part + 1);
        result_.cpu_ns = time_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
        rusage usage = {};
        getrusage(RUSAGE_SELF, &usage);
        result_.memory_peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1'024;
        result_.prefill_busy_ns = prefill_.busy_ns();
        result_.prefill_end_ns = prefill_.end_ns();
        result_.cache = cache_.figures();
        return std::move(result_);
    }

 private:
    [[nodiscard]] std::uint64_t arrival_ns(std::size_t request) const {
        return trace_.request(request).arrival_us * 1'000;
    }
    [[nodiscard]] std::uint64_t to_trace(std::uint64_t cache_ns) const {
        const double factor = rule_.speed > 0 ? rule_.speed : 1;
        return static_cast<std::uint64_t>(static_cast<double>(cache_ns) * factor);
    }
    [[nodiscard]] std::uint64_t to_cache(std::uint64_t trace_ns) const {
        return static_cast<std::uint64_t>(
            std::min(static_cast<double>(trace_ns) / rule_.speed, kCacheNsMax));
    }

    // In slices, since a signal may come to another thread, or just before this one sleeps.  False
    // when the replay is to end.
    [[nodiscard]] bool await_arrival(std::size_t request, const ReplayProgress& progress) const {
        const std::uint64_t due_ns =
            rule_.speed > 0 ? begun_ns_ + to_cache(arrival_ns(request)) : begun_ns_;
        for (;;) {
            if (progress && !progress(result_)) return false;
            const std::uint64_t now = cache_.now_ns();
            if (now >= due_ns) return true;
            cache_.sleep_until(std::min(due_ns, now + cache_.slice_ns()));
        }
    }

    // On the trace's clock: where nobody waits for arrivals, each request comes when the loads
    // before it are done.
    [[nodiscard]] std::uint64_t begin_ns(std::size_t request) const {
        const std::uint64_t arrival = arrival_ns(request);
        if (rule_.speed <= 0) return std::max(arrival, loaded_ns_);
        return std::max(arrival, to_trace(cache_.now_ns() - begun_ns_));
    }

    [[nodiscard]] bool begins_part(std::size_t request) const {
        if (rule_.part_ns == 0) return false;
        const std::vector<ReplaySample>& samples = result_.samples;
        return samples.empty() || arrival_ns(request) / rule_.part_ns != samples.back().part;
    }

    void sample(std::uint64_t part) {
        result_.samples.push_back({part, cache_.now_ns() - begun_ns_, cache_.figures()});
    }

    void serve(std::size_t request) {
        const std::span<const std::uint32_t> blocks = trace_.blocks_of(request);
        Served served;
        served.arrival_ns = arrival_ns(request);
        served.tenant = trace_.request(request).tenant;
        served.block_count = static_cast<std::uint32_t>(blocks.size());
        served.begun_ns = begin_ns(request);
        const Asker asker = {served.tenant, trace_.request(request).session};
        if (rule_.lookahead_ns != 0) queue_.come_to(request);
        const Located located = cache_.look_up(blocks, asker);
        served.host_count = located.host_count;
        served.disk_count = located.disk_count;
        served.loaded_ns = served.begun_ns;
        if (located.block_count != 0) load(blocks.first(located.block_count), asker, served);
        loaded_ns_ = served.loaded_ns;

        served.computed_tokens = tokens_left(request, served.delivered_count);
        served.first_token_ns = prefill_.compute(served.loaded_ns, served.computed_tokens);
        served.is_late = rule_.deadline_ns != 0 && served.wait_ns() > rule_.deadline_ns;
        if (served.delivered_count < blocks.size()) {
            cache_.store(blocks, served.delivered_count, asker);
            if (rule_.lookahead_ns != 0) queue_.stored(blocks, served.delivered_count);
        }
        result_.served.push_back(served);
    }

    void load(std::span<const std::uint32_t> blocks, const Asker& asker, Served& served) {
        const Loaded loaded = cache_.load(blocks, asker, left_ns(served));
        served.delivered_count = loaded.block_count;
        served.loaded_ns += to_trace(loaded.took_ns);
        result_.wrong_block_count += loaded.wrong_count;
        result_.late_load_count += loaded.is_late;
        result_.failed_load_count += loaded.is_failed;
        result_.load_ns += loaded.took_ns;
        // What was cut off has a time, and nobody knows what of the disk came in it.
        const bool is_whole = loaded.block_count == blocks.size();
        if (served.disk_count != 0 && is_whole) result_.disk_load_ns += loaded.took_ns;
    }

    // Until the deadline of a request that begins now, by the cache's clock; 0: it has none.
    [[nodiscard]] std::uint64_t left_ns(const Served& served) const {
        if (rule_.deadline_ns == 0) return 0;
        const std::uint64_t due = served.arrival_ns + rule_.deadline_ns;
        const std::uint64_t left = due > served.loaded_ns ? due - served.loaded_ns : 0;
        return std::max<std::uint64_t>(rule_.speed > 0 ? to_cache(left) : left, 1);
    }

    [[nodiscard]] std::uint32_t tokens_left(std::size_t request, std::uint32_t delivered) const {
        const std::uint64_t all = trace_.request(request).input_tokens;
        const std::uint64_t there = std::uint64_t{delivered} * trace_.block_tokens();
        return static_cast<std::uint32_t>(all > there ? all - there : 0);
    }

    const Trace& trace_;
    const ReplayRule& rule_;
    Cache& cache_;
    Prefill prefill_;
    Queue queue_;
    ReplayResult result_;
    std::uint64_t begun_ns_ = 0;   // on the cache's clock
    std::uint64_t loaded_ns_ = 0;  // the last request's blocks, on the trace's clock
};

}  // namespace

ReplayResult replay(const Trace& trace, const ReplayRule& rule, Cache& cache,
                    const ReplayProgress& progress) {
    return Replay(trace, rule, cache).run(progress);
}

}  // namespace bwrt::replay
