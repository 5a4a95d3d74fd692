// SPDX-License-Identifier: Apache-2.0
//
// store_report.h — the figures of the stores that bench_store_peers compares, and how they are
// printed: a line for each store, its ratio to the fastest of others formed inside each round, and
// goals for ours.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/peer.h"

namespace bwrt::bench {

struct StoreRow {
    const PeerKind* kind;
    std::string folder;
    std::unique_ptr<Peer> peer;
    std::string failure;  // of one that is out
    // By round.
    std::vector<double> get_gb_per_s, get_cpu, put_gb_per_s, put_cpu, flushed_gb_per_s, flush_ms;

    [[nodiscard]] bool runs() const { return failure.empty(); }
};

[[nodiscard]] std::string size_text(std::uint64_t bytes);

void print_result(const std::vector<StoreRow>& rows, const std::string& tier,
                  std::uint64_t block_bytes);

}  // namespace bwrt::bench
