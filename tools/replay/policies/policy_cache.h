// SPDX-License-Identifier: Apache-2.0
//
// policy_cache.h — a policy as the cache of a replay: no byte is moved, and a device's table says
// how long a load takes.
//
//   look up   the leading blocks that the policy has; after that it is told of the whole request
//   load      those in memory are copied, those on disk read meanwhile
//   store     is done by then: nobody waits for a write, and none is in the way of a read
//
// A read is of a block, or, where the policy merges, of blocks that were written one after the
// other and are asked for one after the other, of 1 MiB at most.  That is more than a disk could
// give on which what is new lies where there is room; it costs no carrying of what still lives.

#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "tools/replay/cache.h"
#include "tools/replay/policies/device.h"
#include "tools/replay/policies/policy.h"
#include "tools/replay/trace.h"

namespace bwrt::replay {

struct PolicyCacheOptions {
    std::uint64_t block_bytes = 65'536;
    bool merges = false;
    DeviceTable device;
};

class PolicyCache final : public Cache {
 public:
    PolicyCache(const Trace& trace, std::unique_ptr<Policy> policy,
                const PolicyCacheOptions& options);

    // The trace's requests, each once, in their order.
    Located look_up(std::span<const std::uint32_t> blocks, const Asker& asker) override;
    Loaded load(std::span<const std::uint32_t> blocks, const Asker& asker,
                std::uint64_t deadline_ns) override;
    void store(std::span<const std::uint32_t>, std::uint32_t, const Asker&) override {}
    void settle() override {}
    CacheFigures figures() override { return figures_; }
    // Time passes where somebody waits for a load or an arrival.
    [[nodiscard]] std::uint64_t now_ns() const override { return now_ns_; }
    void sleep_until(std::uint64_t due_ns) override { now_ns_ = std::max(now_ns_, due_ns); }

 private:
    static constexpr std::uint64_t kInMemory = ~std::uint64_t{0};

    void take(const Came& came);
    [[nodiscard]] std::uint32_t run_length(std::size_t first, std::size_t count) const;

    std::unique_ptr<Policy> policy_;
    PolicyCacheOptions options_;
    std::uint32_t run_max_;                 // blocks of an operation
    std::vector<std::uint64_t> log_place_;  // of each block that was ever written, its last one
    std::uint64_t log_end_ = 0;
    std::size_t request_count_ = 0;
    std::uint64_t now_ns_ = 0;
    std::vector<std::uint64_t> located_;  // of the request: kInMemory, or the place on disk
    Came came_;
    CacheFigures figures_;
};

}  // namespace bwrt::replay
