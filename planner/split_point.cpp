// SPDX-License-Identifier: Apache-2.0

#include "planner/split_point.h"

#include <algorithm>
#include <array>

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kSecondPs = 1'000'000'000'000;
constexpr std::uint64_t kNsPs = 1'000;

std::uint64_t narrow(Wide value) noexcept {
    return static_cast<std::uint64_t>(std::min<Wide>(value, ~std::uint64_t{0}));
}

std::uint64_t plus(std::uint64_t one, std::uint64_t other) noexcept {
    return one + std::min(other, ~one);
}

std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) noexcept {
    return value / by + (value % by != 0 ? 1 : 0);
}

// Of all tokens from `first` on.  Below 2^127 ps: 2^32 tokens, each of less than 2^40 ps and, for
// fewer than 2^63 pairs, 2^64.
std::uint64_t prefill_ns(const SplitQuestion& question, std::uint64_t first) noexcept {
    const std::uint64_t rate = question.prefill.tokens_per_s;
    const std::uint64_t end = question.token_count;
    if (rate == 0 || first >= end) return 0;
    const Wide token_ps = divided_up(kSecondPs, rate);
    const std::uint64_t pairs = (first + end - 1) * (end - first) / 2;
    const Wide all_ps = token_ps * (end - first) + Wide{pairs} * question.prefill.attention_ps;
    return narrow((all_ps + kNsPs - 1) / kNsPs);
}

// What of the leading blocks is under way, and when it is there.
class Loading {
 public:
    explicit Loading(const SplitQuestion& question) noexcept
        : question_(question), loaded_ns_(question.now_ns), first_ns_(question.now_ns) {
        ways_.fill({0, 0, 0});
    }

    void add(const LoadableBlock& block) noexcept {
        if (block.tier == question_.tier_dst) return;
        const Route& route =
            question_.routes[std::size_t{block.tier} * question_.tier_count + question_.tier_dst];
        const Bus& bus = question_.buses[route.bus];
        Way& way = ways_[route.bus];
        const std::uint64_t now_ns = question_.now_ns;
        way.begin_ns = std::max(way.begin_ns, finish_ns(route, bus, now_ns, 0, 0));
        way.loaded_ns =
            std::max(way.loaded_ns, finish_ns(route, bus, now_ns, way.bytes, block.bytes));
        way.bytes = plus(way.bytes, block.bytes);
        bytes_ = plus(bytes_, block.bytes);
        loaded_ns_ = std::max(loaded_ns_, way.loaded_ns);
        const std::uint64_t layer_ns =
            divided_up(way.loaded_ns - way.begin_ns, std::max(question_.layer_count, 1u));
        first_ns_ = std::max(first_ns_, plus(way.begin_ns, layer_ns));
    }

    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t loaded_ns() const noexcept { return loaded_ns_; }

    // With a prefill of so long behind it.
    [[nodiscard]] std::uint64_t done_ns(std::uint64_t compute_ns) const noexcept {
        if (question_.model == SplitModel::kInTurn) return plus(loaded_ns_, compute_ns);
        const std::uint64_t last_ns = divided_up(compute_ns, std::max(question_.layer_count, 1u));
        return std::max(plus(first_ns_, compute_ns), plus(loaded_ns_, last_ns));
    }

 private:
    struct Way {
        std::uint64_t begin_ns;  // when its first byte comes at the latest
        std::uint64_t loaded_ns;
        std::uint64_t bytes;
    };

    const SplitQuestion& question_;
    std::array<Way, kBusCountMax> ways_;
    std::uint64_t bytes_ = 0;
    std::uint64_t loaded_ns_;
    std::uint64_t first_ns_;  // when the pages of the first layer are there
};

}  // namespace

SplitPoint find_split_point(const SplitQuestion& question) noexcept {
    const std::uint64_t block_tokens = std::max(question.block_tokens, 1u);
    const std::uint64_t block_count = std::min<std::uint64_t>(
        question.block_count, divided_up(question.token_count, block_tokens));
    const bool knows_prefill = question.prefill.tokens_per_s != 0;
    const bool may_wait = question.aim == SplitAim::kLeastCompute;

    Loading loading(question);
    SplitPoint best;
    best.loaded_ns = question.now_ns;
    best.compute_finish_ns = best.finish_ns = loading.done_ns(prefill_ns(question, 0));
    std::uint64_t done_ns = best.finish_ns;
    for (std::uint32_t count = 1; count <= block_count; ++count) {
        loading.add(question.block_at(question.blocks, count - 1));
        done_ns = loading.done_ns(prefill_ns(question, count * block_tokens));
        const bool is_in_time =
            may_wait && question.deadline_ns != kNoDeadline && done_ns <= question.deadline_ns;
        const bool is_better =
            best.finish_ns >= done_ns || is_in_time || (!knows_prefill && count == block_count);
        if (!is_better) continue;
        best.load_count = count;
        best.load_bytes = loading.bytes();
        best.loaded_ns = loading.loaded_ns();
        best.finish_ns = done_ns;
    }
    best.load_finish_ns = done_ns;
    best.is_late = best.finish_ns > question.deadline_ns;
    if (best.load_count > 0) {
        best.verdict =
            best.load_count == block_count ? SplitVerdict::kLoad : SplitVerdict::kPartial;
    }
    return best;
}

}  // namespace bwrt::planner
