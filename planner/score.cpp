// SPDX-License-Identifier: Apache-2.0

#include "planner/score.h"

#include <algorithm>

namespace bwrt::planner {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::uint64_t kFillNsMin = 1'000'000;
constexpr std::uint64_t kFillNsMax = ~std::uint64_t{0} >> 1;

// Deadlines further from now than this, nine years either way, are all equally far.
constexpr std::uint64_t kHorizonNs = std::uint64_t{1} << 58;
constexpr std::uint32_t kDeadlineBits = 60;

// Where a thousand times the distance fits into 64 bits, whose division takes a tenth of the time.
bool is_near(std::uint64_t deadline_ns, std::uint64_t now_ns) noexcept {
    const std::uint64_t distance_ns =
        deadline_ns > now_ns ? deadline_ns - now_ns : now_ns - deadline_ns;
    return distance_ns < kHorizonNs >> 8;
}

std::int64_t slack_of(std::uint64_t deadline_ns, std::uint64_t fill_ns,
                      std::uint64_t now_ns) noexcept {
    if (deadline_ns == kNoDeadline) return kSlackMax;
    if (is_near(deadline_ns, now_ns)) {
        return static_cast<std::int64_t>(deadline_ns - now_ns) * 1'000 /
               static_cast<std::int64_t>(std::clamp(fill_ns, kFillNsMin, kFillNsMax));
    }
    const Wide left = (Wide{deadline_ns} - now_ns) * 1'000;
    const Wide slack = left / static_cast<Wide>(std::max(fill_ns, kFillNsMin));
    return static_cast<std::int64_t>(std::clamp<Wide>(slack, -kSlackMax, kSlackMax));
}

std::uint64_t popularity_of(std::uint64_t heat_milli, std::uint32_t weight_milli,
                            const ScoreRule& rule) noexcept {
    const std::uint64_t weight = std::uint64_t{weight_milli} * rule.beta_milli / 1'000;
    if (heat_milli == 0) return weight;
    const Wide sum = Wide{heat_milli} * rule.alpha_milli / 1'000 + weight;
    return static_cast<std::uint64_t>(std::min<Wide>(sum, ~std::uint64_t{0}));
}

std::uint64_t urgency_of(std::uint64_t deadline_ns, RequestClass request_class, bool has_waited,
                         std::uint64_t now_ns) noexcept {
    const std::uint64_t rank = has_waited ? 0 : 1 + static_cast<std::uint64_t>(request_class);
    if (deadline_ns >= now_ns) {
        return rank << kDeadlineBits | (kHorizonNs + std::min(deadline_ns - now_ns, kHorizonNs));
    }
    return rank << kDeadlineBits | (kHorizonNs - std::min(now_ns - deadline_ns, kHorizonNs));
}

}  // namespace

void score(const RequestColumns& rows, std::uint32_t row_end, const std::uint64_t* heat_milli,
           const ScoreRule& rule, std::uint8_t age_first, std::uint64_t now_ns,
           Zeroed<ScoredRow>& scored_out, std::uint32_t row_first) noexcept {
    for (std::uint32_t row = row_first; row < row_end; ++row) {
        const std::uint64_t deadline_ns = rows.deadline_ns[row];
        const std::uint64_t heat = heat_milli == nullptr ? 0 : heat_milli[row];
        const std::int64_t slack = slack_of(deadline_ns, rows.fill_ns[row], now_ns);
        const std::uint64_t popularity = popularity_of(heat, rows.weight_milli[row], rule);
        const RequestClass request_class = rows.request_class[row];
        const std::uint8_t age = rows.age[row];
        scored_out[row] = {
            .page_first = rows.page_first[row],
            .page_end = rows.page_end(row),
            .page_bytes = rows.page_bytes[row],
            .deadline_ns = deadline_ns,
            .urgency = urgency_of(deadline_ns, request_class, age >= age_first, now_ns),
            .popularity_milli = popularity,
            .slack_milli = slack,
            .group = 0,
            .request_class = request_class,
            .age = age,
            .stays = !rule.filters || popularity > rule.pmin_milli || slack > rule.umin_milli};
    }
}

}  // namespace bwrt::planner
