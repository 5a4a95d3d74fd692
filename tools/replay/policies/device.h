// SPDX-License-Identifier: Apache-2.0
//
// device.h — how long reads and copies take, of which only how many and how large they are is
// known.
//
// Memory copies one after the other.  An operation on a disk waits until fewer than `depth` are
// under way, takes its turn on the one bus, for its bytes at that rate or a share of a second,
// whichever is longer, and is there after the latency: a lone read takes the latency, many small
// ones are limited by their number, and large ones by the rate.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bwrt::replay {

// An NVMe drive of a data centre, about, and copies by one thread: what a modelled world has where
// it is told nothing else (docs/operations.md, Replays).
struct DeviceTable {
    std::uint64_t depth = 256;
    std::uint64_t read_bytes_per_s = 6'500'000'000;
    std::uint64_t read_latency_ns = 65'000;
    std::uint64_t requests_per_s = 900'000;
    std::uint64_t copy_bytes_per_s = 12'000'000'000;
};

[[nodiscard]] inline double ns_of(std::uint64_t amount, std::uint64_t per_s) {
    return 1e9 * static_cast<double>(amount) / static_cast<double>(per_s);
}

// Operations in the order in which they are asked for, all at once; times from then on.
class DiskTimes {
 public:
    explicit DiskTimes(const DeviceTable& table)
        : table_(table), due_ns_(std::max<std::uint64_t>(table.depth, 1)) {}

    // When its bytes are there.
    std::uint64_t read(std::uint64_t bytes) {
        std::uint64_t& due_ns = due_ns_[count_++ % due_ns_.size()];  // of the oldest under way
        const double bus_ns =
            std::max(ns_of(bytes, table_.read_bytes_per_s), ns_of(1, table_.requests_per_s));
        bus_free_ns_ = std::max(bus_free_ns_, due_ns) + static_cast<std::uint64_t>(bus_ns);
        due_ns = bus_free_ns_ + table_.read_latency_ns;
        return due_ns;
    }

 private:
    const DeviceTable& table_;
    std::vector<std::uint64_t> due_ns_;  // a ring
    std::uint64_t count_ = 0;
    std::uint64_t bus_free_ns_ = 0;
};

}  // namespace bwrt::replay
