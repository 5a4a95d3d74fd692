// SPDX-License-Identifier: Apache-2.0
//
// plan_synthetic.cpp — windows drawn at random; see plan_file.h.
//
// The sizes are those of BCache's synthetic_requests() and of the demo around it: heat is the
// number of requests of each first page, a layer takes 5 + layer / 2 ms.  Its draws are Python's
// and were never seeded, so its very windows cannot be drawn again: these are of the same kind.

#include <algorithm>
#include <random>
#include <tuple>

#include "tools/plan_file.h"

namespace bwrt::tools {
namespace {

using planner::JsonDecimal;
using planner::JsonName;

constexpr std::uint64_t kNowMs = 1'700'000'000'000;
constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint32_t kLayerCount = 8;
constexpr const char* kTenants[] = {"A", "B", "C"};

JsonDecimal decimal(std::uint64_t whole) { return {.whole = whole}; }

// Nothing of the standard library but the engine, whose numbers are laid down.
class Dice {
 public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    std::uint32_t below(std::uint32_t count) {
        return static_cast<std::uint32_t>(engine_() % count);
    }

 private:
    std::mt19937_64 engine_;
};

RequestRow draw_request(Dice& dice, std::uint32_t number) {
    constexpr std::uint64_t kFillsMs[] = {1, 2, 5, 10, 20};
    RequestRow row;
    row.req_id = JsonName{std::to_string(number)};
    row.node = "node-" + std::to_string(dice.below(4));
    row.model_id = "model";
    row.prefix_id = "pfx-" + std::to_string(dice.below(10));
    *row.prefix_id += "-" + std::to_string(dice.below(4));
    row.layer = dice.below(kLayerCount);
    const std::uint32_t page_count = 1u << dice.below(5);
    row.page_start = dice.below(1025 - page_count);
    row.page_end = *row.page_start + page_count - 1;
    row.tier_src = 0;
    row.tier_dst = 1;
    row.deadline_ms = decimal(kNowMs + 10 * (5 + dice.below(56)));
    row.page_bytes = (128 * 1024u) << dice.below(3);
    row.tenant = kTenants[dice.below(3)];
    row.est_fill_ms = decimal(kFillsMs[dice.below(5)]);
    return row;
}

std::vector<HeatRow> count_hits(const std::vector<RequestRow>& requests) {
    std::vector<std::tuple<std::uint32_t, std::uint64_t>> pages;
    for (const RequestRow& row : requests) pages.emplace_back(*row.layer, *row.page_start);
    std::sort(pages.begin(), pages.end());
    std::vector<HeatRow> heat;
    for (const auto& [layer, page] : pages) {
        if (heat.empty() || *heat.back().layer != layer || *heat.back().page_id != page) {
            heat.emplace_back().layer = layer;
            heat.back().page_id = page;
            heat.back().decay_hits = decimal(0);
        }
        ++heat.back().decay_hits->whole;
    }
    return heat;
}

}  // namespace

WindowFile draw_window(std::uint32_t request_count, std::uint64_t seed) {
    Dice dice(seed);
    WindowFile file;
    file.now_ms = decimal(kNowMs);
    for (std::uint32_t i = 0; i < request_count; ++i) {
        file.requests.push_back(draw_request(dice, i));
    }
    file.heat = count_hits(file.requests);
    file.tier_caps = {{0, decimal(64 * kMib), decimal(64 * kMib), {}},
                      {1, decimal(16 * kMib), decimal(16 * kMib), {}}};
    for (const char* tenant : kTenants) {
        file.tenant_caps.push_back({tenant, 1, decimal(32 * kMib)});
    }
    for (std::uint32_t layer = 0; layer < kLayerCount; ++layer) {
        file.layer_lat.push_back(
            {layer, JsonDecimal{.whole = 5 + layer / 2, .millionths = layer % 2 * 500'000}});
    }
    return file;
}

}  // namespace bwrt::tools
