// SPDX-License-Identifier: Apache-2.0

#include "runtime/lookup_split.h"

#include "planner/split_point.h"
#include "runtime/boundary.h"

namespace bwrt::runtime {
namespace {

constexpr std::size_t kSplitBytesMin = sizeof(bwrt_split);
constexpr std::uint32_t kSplitFlags = BWRT_SPLIT_BY_LAYER | BWRT_SPLIT_LEAST_COMPUTE;

// The planner's tiers of this question.
enum : std::uint8_t { kFromHost, kFromDisk, kHere, kTierCount };

// What lies on the disk goes through the storage lane; that it is copied as well is hidden behind
// the reads of the blocks after it.
struct Ways {
    planner::Route routes[kTierCount * kTierCount];
    planner::Bus buses[planner::kBusCountMax];

    Ways(const LoadEstimate& load, std::uint64_t now_ns) noexcept {
        const auto take = [&](std::uint32_t tier, Lane lane) {
            const auto index = static_cast<std::uint32_t>(lane);
            routes[tier * kTierCount + kHere].bus = static_cast<std::uint8_t>(index);
            const std::uint64_t measured_ns =
                load.measured_ns[index].load(std::memory_order_relaxed);
            if (now_ns > measured_ns && now_ns - measured_ns > kRateAgeNsMax) return;
            buses[index] = {load.bytes_per_ms[index].load(std::memory_order_relaxed),
                            load.queued_bytes[index].load(std::memory_order_relaxed)};
        };
        take(kFromHost, Lane::kHost);
        take(kFromDisk, Lane::kStorage);
    }

    [[nodiscard]] std::uint64_t bytes_per_s(Lane lane) const noexcept {
        const std::uint64_t rate = buses[static_cast<std::uint32_t>(lane)].bytes_per_ms;
        return rate < ~std::uint64_t{0} / 1000 ? rate * 1000 : ~std::uint64_t{0};
    }
};

struct Hits {
    const bwrt_lookup_answer* answers;
    std::uint64_t block_bytes;
};

planner::LoadableBlock block_of_answer(const void* hits, std::uint32_t index) noexcept {
    const Hits& of = *static_cast<const Hits*>(hits);
    return {of.block_bytes, of.answers[index].tier == BWRT_TIER_DISK ? kFromDisk : kFromHost};
}

}  // namespace

bwrt_status read_split(const bwrt_split* split, const bwrt_lookup_answer* answers,
                       bwrt_split* checked_out, const ErrorSink& sink) noexcept {
    bwrt_split given;
    if (const bwrt_status status =
            copy_in(&given, split, split->struct_size, kSplitBytesMin, "split.struct_size", sink)) {
        return status;
    }
    if ((given.flags & ~kSplitFlags) != 0) {
        return fail(sink, BWRT_E_INVAL, "split.flags", "flags 0x%x: unknown ones", given.flags);
    }
    if (given.token_count == 0) return fail(sink, BWRT_E_INVAL, "split.token_count", "0");
    if (given.block_tokens == 0) return fail(sink, BWRT_E_INVAL, "split.block_tokens", "0");
    if (given.block_bytes == 0) return fail(sink, BWRT_E_INVAL, "split.block_bytes", "0");
    if (given.prefill_tokens_per_s == 0) {
        return fail(sink, BWRT_E_INVAL, "split.prefill_tokens_per_s", "0");
    }
    const bool is_by_layer = (given.flags & BWRT_SPLIT_BY_LAYER) != 0;
    if (is_by_layer != (given.layer_count != 0)) {
        return fail(sink, BWRT_E_INVAL, "split.layer_count", "%u %s BWRT_SPLIT_BY_LAYER",
                    given.layer_count, is_by_layer ? "with" : "without");
    }
    if (given.reserved != 0) return fail(sink, BWRT_E_INVAL, "split.reserved", "not zero");
    if (answers == nullptr) {
        return fail(sink, BWRT_E_INVAL, "answers", "NULL, and query.split asks what they say");
    }
    *checked_out = given;
    return BWRT_OK;
}

void find_split(const bwrt_split& checked, const LoadEstimate& load, std::uint64_t now_ns,
                const bwrt_lookup_answer* answers, std::uint32_t prefix_count,
                bwrt_split* split_out) noexcept {
    const Ways ways(load, now_ns);
    const Hits hits{answers, checked.block_bytes};
    const bool is_by_layer = (checked.flags & BWRT_SPLIT_BY_LAYER) != 0;
    const bool is_least = (checked.flags & BWRT_SPLIT_LEAST_COMPUTE) != 0;
    const planner::SplitPoint found = planner::find_split_point(
        {.now_ns = now_ns,
         .deadline_ns = checked.deadline_ns != 0 ? checked.deadline_ns : planner::kNoDeadline,
         .token_count = checked.token_count,
         .block_tokens = checked.block_tokens,
         .layer_count = checked.layer_count,
         .block_count = prefix_count,
         .blocks = &hits,
         .block_at = block_of_answer,
         .prefill = {.tokens_per_s = checked.prefill_tokens_per_s,
                     .attention_ps = checked.attention_ps},
         .model = is_by_layer ? planner::SplitModel::kByLayer : planner::SplitModel::kInTurn,
         .aim = is_least ? planner::SplitAim::kLeastCompute : planner::SplitAim::kEarliest,
         .tier_count = kTierCount,
         .tier_dst = kHere,
         .routes = ways.routes,
         .buses = ways.buses});
    split_out->load_count = found.load_count;
    split_out->is_late = found.is_late ? 1 : 0;
    split_out->loaded_ns = found.loaded_ns;
    split_out->finish_ns = found.finish_ns;
    split_out->load_finish_ns = found.load_finish_ns;
    split_out->compute_finish_ns = found.compute_finish_ns;
    split_out->disk_bytes_per_s = ways.bytes_per_s(Lane::kStorage);
    split_out->host_bytes_per_s = ways.bytes_per_s(Lane::kHost);
}

}  // namespace bwrt::runtime
