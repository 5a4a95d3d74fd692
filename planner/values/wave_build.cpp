// SPDX-License-Identifier: Apache-2.0

#include "planner/values/wave_build.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace bwrt::planner {
namespace {

// As many as a window has rows: tiles and tokens stay far below an int32's most.
constexpr std::size_t kOperationCountMax = RequestWindow::kRowCountMax;
constexpr std::int32_t kTmemColumns = 8;
constexpr std::int32_t kTmemPhases = 4;

// Which wave is whose, and which layers it has.
class WaveIndex {
 public:
    // The wave of a node and tier; a new one is numbered.
    std::size_t add(const WaveOperation& operation) {
        const auto [place, is_new] =
            waves_.try_emplace({operation.node, operation.tier_dst}, waves_.size());
        layers_.emplace_back(place->second, operation.layer);
        return place->second;
    }
    void close() {
        std::sort(layers_.begin(), layers_.end());
        layers_.erase(std::unique(layers_.begin(), layers_.end()), layers_.end());
    }
    // False when no wave has its node, tier and layer.
    bool find(const WaveRequest& request, std::size_t& wave_out) const {
        const auto place = waves_.find({request.node, request.tier_dst});
        if (place == waves_.end()) return false;
        wave_out = place->second;
        return std::binary_search(layers_.begin(), layers_.end(),
                                  std::pair<std::size_t, std::uint16_t>(wave_out, request.layer));
    }
    [[nodiscard]] std::size_t count() const noexcept { return waves_.size(); }

 private:
    std::map<std::pair<std::uint16_t, std::uint8_t>, std::size_t> waves_;
    std::vector<std::pair<std::size_t, std::uint16_t>> layers_;
};

// The ids by cluster and deadline, and as they came where these are equal; each once, where it is
// first.
std::vector<std::uint64_t> order_of(std::vector<WaveRequest>& requests) {
    std::stable_sort(
        requests.begin(), requests.end(), [](const WaveRequest& a, const WaveRequest& b) {
            return std::tie(a.cluster, a.deadline_ns) < std::tie(b.cluster, b.deadline_ns);
        });
    std::vector<std::pair<std::uint64_t, std::size_t>> places;  // of each id
    places.reserve(requests.size());
    for (const WaveRequest& request : requests) places.emplace_back(request.id, places.size());
    std::sort(places.begin(), places.end());
    const auto has_same_id = [](const auto& a, const auto& b) { return a.first == b.first; };
    places.erase(std::unique(places.begin(), places.end(), has_same_id), places.end());
    std::sort(places.begin(), places.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    std::vector<std::uint64_t> order;
    order.reserve(places.size());
    for (const auto& place : places) order.push_back(place.first);
    return order;
}

WaveSpec spec_of(std::vector<IoExtent> extents, std::vector<std::uint64_t> pack_order,
                 const TileConfig& tile) {
    const auto extent_count = static_cast<std::int64_t>(extents.size());
    WaveSpec spec;
    spec.pack_order = std::move(pack_order);
    spec.tile_order =
        snake_order(std::max<std::uint32_t>(1, static_cast<std::uint32_t>(extent_count)));
    spec.bm = tile.bm;
    spec.bn = tile.bn;
    spec.bk = tile.bk;
    spec.cluster_shape = tile.cluster;
    spec.tmem_layout = {kTmemColumns, kTmemPhases, true, tile.stage};
    spec.io_extents = std::move(extents);
    spec.swap_window = {extent_count,
                        extent_count + static_cast<std::int64_t>(spec.tile_order->size())};
    return spec;
}

}  // namespace

PlanError build_waves(std::span<const WaveOperation> operations,
                      std::span<const WaveRequest> requests, const TileRule& rule,
                      std::vector<WaveSpec>& out) {
    const TileConfig* tile = pick_tile(rule);
    if (tile == nullptr) return plan_error("configs", "has no tile whose bk fills 32 bytes");
    if (operations.size() > kOperationCountMax) return plan_error("ops", "has more than 2^26");
    WaveIndex index;
    std::vector<std::vector<IoExtent>> extents;
    for (const WaveOperation& operation : operations) {
        const std::size_t wave = index.add(operation);
        extents.resize(index.count());
        if (operation.page_last < operation.page_first) continue;
        extents[wave].push_back(
            {std::to_string(operation.layer), operation.page_first, operation.page_last});
    }
    index.close();
    std::vector<std::vector<WaveRequest>> packed(index.count());
    for (const WaveRequest& request : requests) {
        std::size_t wave = 0;
        if (index.find(request, wave)) packed[wave].push_back(request);
    }
    std::vector<WaveSpec> made;
    made.reserve(index.count());
    for (std::size_t i = 0; i < index.count(); ++i) {
        made.push_back(spec_of(std::move(extents[i]), order_of(packed[i]), *tile));
    }
    out = std::move(made);
    return {};
}

PlanError waves_of(const Plan& plan, const RequestColumns& rows,
                   std::span<const std::uint32_t> cluster_of_prefix, const TileRule& rule,
                   std::vector<WaveSpec>& out) {
    std::vector<WaveOperation> operations;
    operations.reserve(plan.operations.size());
    for (const Operation& each : plan.operations) {
        operations.push_back(
            {each.page_first, each.page_end - 1, each.layer, each.node, each.tier_dst});
    }
    std::vector<WaveRequest> requests;
    for (std::uint32_t row = 0; row < plan.verdicts.size(); ++row) {
        if (plan.verdicts[row] > Verdict::kPlannedPart) continue;
        const std::uint32_t prefix = rows.prefix[row];
        const bool has_cluster = prefix < cluster_of_prefix.size();
        const std::uint64_t cluster =
            has_cluster ? cluster_of_prefix[prefix] : (std::uint64_t{1} << 32) + prefix;
        requests.push_back({rows.id[row], rows.deadline_ns[row], cluster, rows.layer[row],
                            rows.node[row], rows.tier_dst[row]});
    }
    return build_waves(operations, requests, rule, out);
}

}  // namespace bwrt::planner
