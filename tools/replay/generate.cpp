// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/generate.h"

#include <string>

#include "tools/replay/traffic.h"

namespace bwrt::replay {
namespace {

struct Kind {
    std::unique_ptr<Traffic> (*traffic)(const TrafficSettings&, BlockIds&);
    std::uint32_t rate_milli;
    std::uint32_t block_tokens;
    std::uint64_t before_seconds;  // that go before the trace
};
// In the order of TraceKind.  The first two rates are those of the recorded traces.
constexpr Kind kKinds[] = {
    {chat_traffic, 3400, 512, 3600},    {agent_traffic, 2890, 512, 7200},
    {rollout_traffic, 4000, 64, 0},     {eval_traffic, 8000, 64, 0},
    {tenants_traffic, 4000, 512, 7200},
};

// By rank, also where one of them never asks: its number is its index then.
void add_tenants(TraceBuilder& builder) {
    for (std::uint32_t k = 1; k <= kTenantCount; ++k) {
        static_cast<void>(builder.tenant("tenant-" + std::to_string(k), 1000 / kTenantCount));
    }
}

// Of all that is drawn, what goes before the trace among it: that has no other limit, and what
// lives at such a rate takes gigabytes.
TraceError too_many(const Kind& kind, const TrafficSettings& settings, std::uint64_t seconds,
                    const TraceLimits& limits) {
    const std::uint64_t count = settings.rate_milli * (kind.before_seconds + seconds) / 1'000;
    if (count <= limits.request_count_max) return {};
    std::string sentence =
        std::to_string(settings.rate_milli / 1'000) + " requests a second are more than " +
        std::to_string(limits.request_count_max) + " in " + std::to_string(seconds) + " s";
    if (kind.before_seconds != 0) {
        sentence += " and the " + std::to_string(kind.before_seconds) + " s before them";
    }
    return {0, "--rate", sentence};
}

}  // namespace

TraceError generate_trace(const GenerateOptions& options, const TraceLimits& limits,
                          Trace& trace_out) {
    const Kind& kind = kKinds[static_cast<std::size_t>(options.kind)];
    TrafficSettings settings{options.seed, kind.rate_milli, kind.block_tokens};
    if (options.rate_milli != 0) settings.rate_milli = options.rate_milli;
    if (options.block_tokens != 0) settings.block_tokens = options.block_tokens;

    if (TraceError error = too_many(kind, settings, options.seconds, limits)) return error;

    BlockIds ids;
    const std::unique_ptr<Traffic> traffic = kind.traffic(settings, ids);
    TraceBuilder builder(limits);
    if (options.kind == TraceKind::kTenants) add_tenants(builder);
    const std::uint64_t begin_us = kind.before_seconds * kSecondUs;
    const std::uint64_t end_us = begin_us + options.seconds * kSecondUs;
    for (Asked asked; traffic->next_us() < end_us;) {
        traffic->take(asked);
        if (asked.at_us < begin_us) continue;
        // To the millisecond, as they are written: what is read back is the same trace.
        TraceRequest request{.arrival_us = asked.at_us / 1000 * 1000,
                             .input_tokens = asked.input_tokens,
                             .output_tokens = asked.output_tokens,
                             .tenant = asked.tenant};
        if (asked.session != 0) request.session = builder.session(std::to_string(asked.session));
        if (TraceError error = builder.add(request, asked.ids)) return error;
    }
    return builder.finish(settings.block_tokens, trace_out);
}

}  // namespace bwrt::replay
