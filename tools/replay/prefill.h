// SPDX-License-Identifier: Apache-2.0
//
// prefill.h — the engine's side of a replay: processors that compute what no cache had.
//
// `stream_count` processors take requests in the order in which they come and compute
// `tokens_per_s` prompt tokens each, one request at a time.  A request that lacks nothing still
// computes one token: the first of its answer comes from somewhere.  Times are of the trace, in
// nanoseconds; nothing sleeps.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bwrt::replay {

struct PrefillRule {
    std::uint32_t stream_count = 1;
    std::uint64_t tokens_per_s = 28'000;  // 70B parameters on eight H100 at half their peak
};

class Prefill {
 public:
    explicit Prefill(const PrefillRule& rule)
        : tokens_per_s_(std::max<std::uint64_t>(rule.tokens_per_s, 1)),
          free_ns_(std::max(rule.stream_count, 1u)) {}

    // When the first token of a request is there whose blocks are loaded at `ready_ns`.
    std::uint64_t compute(std::uint64_t ready_ns, std::uint64_t token_count) {
        std::uint64_t& free = *std::min_element(free_ns_.begin(), free_ns_.end());
        const std::uint64_t took_ns = duration_ns(std::max<std::uint64_t>(token_count, 1));
        free = std::max(free, ready_ns) + took_ns;
        busy_ns_ += took_ns;
        return free;
    }

    [[nodiscard]] std::uint64_t duration_ns(std::uint64_t token_count) const {
        constexpr std::uint64_t kSecond = 1'000'000'000;
        return token_count / tokens_per_s_ * kSecond +
               token_count % tokens_per_s_ * kSecond / tokens_per_s_;
    }
    // Of all streams together.
    [[nodiscard]] std::uint64_t busy_ns() const { return busy_ns_; }
    [[nodiscard]] std::size_t stream_count() const { return free_ns_.size(); }
    // When the last of them is free.
    [[nodiscard]] std::uint64_t end_ns() const {
        return *std::max_element(free_ns_.begin(), free_ns_.end());
    }

 private:
    std::uint64_t tokens_per_s_;
    std::vector<std::uint64_t> free_ns_;  // of each stream
    std::uint64_t busy_ns_ = 0;
};

}  // namespace bwrt::replay
