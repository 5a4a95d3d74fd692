// SPDX-License-Identifier: Apache-2.0
//
// model_clock.h — time that passes when it is told to: by who waits for the disk, who copies, and
// who lets it pass.

#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/clock.h"

namespace bwrt::runtime {

class ModelClock final : public Clock {
 public:
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return now_ns_; }

    void advance(std::uint64_t by_ns) noexcept { now_ns_ += by_ns; }
    void advance_to(std::uint64_t to_ns) noexcept { now_ns_ = std::max(now_ns_, to_ns); }

 private:
    std::uint64_t now_ns_ = 1'000'000'000;  // 0 is no time to many
};

}  // namespace bwrt::runtime
