// SPDX-License-Identifier: Apache-2.0
//
// plan_window.cpp — see plan_window.h.

#include "tools/plan_window.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "tools/plan_caps.h"
#include "tools/plan_heat.h"
#include "tools/plan_settings.h"

namespace bwrt::tools {
namespace {

using planner::JsonDecimal;
using planner::plan_error;
using planner::PlanError;
using planner::Request;

constexpr std::uint64_t kMsNs = 1'000'000;
constexpr std::uint64_t kPageBytes = 262'144;
constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

template <typename Value>
Value narrow(std::uint64_t value) {
    return static_cast<Value>(std::min<std::uint64_t>(value, std::numeric_limits<Value>::max()));
}

// Numbers for names, from 0, by first appearance.
template <typename Name>
class Numbers {
 public:
    std::uint32_t of(const Name& name) {
        return numbers_.try_emplace(name, static_cast<std::uint32_t>(numbers_.size()))
            .first->second;
    }
    [[nodiscard]] std::size_t count() const { return numbers_.size(); }
    [[nodiscard]] std::vector<Name> names() const {
        std::vector<Name> all(numbers_.size());
        for (const auto& [name, number] : numbers_) all[number] = name;
        return all;
    }

 private:
    std::map<Name, std::uint32_t> numbers_;
};

using ModelName = std::pair<std::string, std::string>;  // with its version

ModelName model_of(const std::optional<std::string>& id,
                   const std::optional<std::string>& version) {
    return {id.value_or(""), version.value_or("")};
}

std::string row_field(const char* table, std::size_t row, const char* column) {
    return std::string(table) + "[" + std::to_string(row) + "]." + column;
}

// One window on its way to the planner.
class WindowPlanner {
 public:
    WindowPlanner(const WindowFile& file, const PlanSettings& settings)
        : file_(file), settings_(settings) {}

    PlanError run(PlannedWindow& out) {
        if (PlanError error = settle(file_, settings_, settled_)) return error;
        made_.now_ns = settled_.now_ns;
        made_.window_ns = settled_.rule.window_ns;
        if (PlanError error = number_rows()) return error;
        if (PlanError error = number_residents()) return error;
        if (PlanError error = read_tiers(file_.tier_caps, settled_, leaving_bytes(), caps_)) {
            return error;
        }
        if (PlanError error = read_layers(file_.layer_lat, made_.layer_ns)) return error;
        planner::Planner planner(limits(), settled_.rule);
        if (PlanError error = give_credits(planner)) return error;
        if (PlanError error = request_all(planner)) return error;
        const planner::Residents residents = residents_of();
        made_.plan = planner.plan({.now_ns = made_.now_ns,
                                   .budgets = caps_.budgets.data(),
                                   .routes = caps_.routes.data(),
                                   .buses = caps_.buses.data(),
                                   .heat_milli = heat_milli_.data(),
                                   .layer_ns = made_.layer_ns.data(),
                                   .layer_count = narrow<std::uint32_t>(made_.layer_ns.size()),
                                   .residents = &residents,
                                   .free_bytes = caps_.free_bytes.data()});
        made_.rows = planner.rows();
        keep_names();
        measure_room();
        out = std::move(made_);
        return {};
    }

 private:
    PlanError number_rows() {
        std::set<std::string> nodes;  // by name, since a plan is shown by nodes
        for (const RequestRow& row : file_.requests) nodes.insert(*row.node);
        for (const std::string& node : nodes) nodes_.of(node);
        if (nodes_.count() > kNumberMax) return too_many(0, "node");
        bool are_numbers = true;
        Numbers<std::string> ids;
        for (std::size_t i = 0; i < file_.requests.size(); ++i) {
            const RequestRow& row = file_.requests[i];
            Request& request = requests_.emplace_back();
            request.node = number(nodes_, *row.node);
            request.tenant = number(tenants_, row.tenant.value_or("default"));
            request.model = models_.of(model_of(row.model_id, row.model_version));
            request.prefix = prefixes_.of(*row.prefix_id);
            if (tenants_.count() > kNumberMax) return too_many(i, "tenant");
            made_.ids.push_back(row.req_id.has_value() ? row.req_id->text : std::to_string(i));
            request.id = ids.of(made_.ids.back());
            are_numbers &= is_number(made_.ids.back());
            fill_in(row, request);
            if (row.pcluster.has_value()) clusters_.try_emplace(request.prefix, *row.pcluster);
        }
        for (std::size_t i = 0; are_numbers && i < requests_.size(); ++i) {
            requests_[i].id = std::stoull(made_.ids[i]);
        }
        return {};
    }

    void fill_in(const RequestRow& row, Request& request) const {
        request.page_first = *row.page_start;
        request.page_count = *row.page_end - *row.page_start + 1;
        request.page_bytes = row.page_bytes.value_or(kPageBytes);
        request.arrival_ns = made_.now_ns;
        if (row.deadline_ms.has_value()) request.deadline_ns = row.deadline_ms->in(kMsNs);
        request.fill_ns = row.est_fill_ms.has_value() ? row.est_fill_ms->in(kMsNs) : kMsNs;
        request.layer_first = static_cast<std::uint16_t>(*row.layer);
        request.tier_src = static_cast<std::uint8_t>(row.tier_src.value_or(0));
        request.tier_dst = static_cast<std::uint8_t>(row.tier_dst.value_or(2));
        request.request_class = row.request_source.value_or(planner::RequestClass::kDemand);
    }

    // What lies somewhere.
    PlanError number_residents() {
        for (std::size_t i = 0; i < file_.heat.size(); ++i) {
            const HeatRow& row = file_.heat[i];
            if (!row.tier.has_value()) continue;
            if (!row.node.has_value() && nodes_.count() > 1) {
                return plan_error(row_field("heat", i, "node"),
                                  "is missing: the tier is of one of several nodes");
            }
            resident_node_.push_back(
                number(nodes_, row.node.has_value() ? *row.node : only_node()));
            if (nodes_.count() > kNumberMax) {
                return plan_error(row_field("heat", i, "node"), "is one of more than 65,535");
            }
            resident_tier_.push_back(static_cast<std::uint8_t>(*row.tier));
            resident_model_.push_back(models_.of(model_of(row.model_id, row.model_version)));
            resident_prefix_.push_back(prefixes_.of(row.prefix_id.value_or("")));
            resident_layer_.push_back(static_cast<std::uint16_t>(*row.layer));
            resident_page_.push_back(*row.page_id);
            resident_bytes_.push_back(row.size_bytes.value_or(kPageBytes));
            resident_heat_.push_back(decayed_heat_milli(row, settled_.half_life_ns, made_.now_ns));
            resident_used_.push_back(row.as_of_ms.has_value() ? row.as_of_ms->in(kMsNs) : 0);
        }
        return {};
    }

    // [node][tier]; there is always a node.
    [[nodiscard]] std::vector<std::uint64_t> leaving_bytes() const {
        std::vector<std::uint64_t> sums(std::max<std::size_t>(1, nodes_.count()) * kTierCount);
        for (std::size_t i = 0; settled_.rule.has_eviction && i < resident_node_.size(); ++i) {
            std::uint64_t& sum =
                sums[std::size_t{resident_node_[i]} * kTierCount + resident_tier_[i]];
            sum = saturating_add(sum, resident_bytes_[i]);
        }
        return sums;
    }

    [[nodiscard]] planner::WindowLimits limits() const {
        return {.row_count_max = std::max(1u, narrow<std::uint32_t>(requests_.size())),
                .tenant_count = std::max(1u, narrow<std::uint32_t>(tenants_.count())),
                .node_count = std::max(1u, narrow<std::uint32_t>(nodes_.count())),
                .tier_count = kTierCount,
                .resident_count_max = std::max(1u, narrow<std::uint32_t>(resident_node_.size()))};
    }

    PlanError give_credits(planner::Planner& planner) {
        std::map<std::pair<std::string, std::uint32_t>, std::uint64_t> caps;
        for (std::size_t i = 0; i < file_.tenant_caps.size(); ++i) {
            const TenantCapRow& row = file_.tenant_caps[i];
            const auto key = std::pair(*row.tenant, *row.tier);
            if (!caps.try_emplace(key, row.bandwidth_caps->in(1)).second) {
                return twice("tenant_caps", i, "tenant");
            }
        }
        const std::uint64_t otherwise = settled_.tenant_credits_bytes;
        std::map<std::pair<std::uint16_t, std::uint8_t>, bool> asked;
        std::vector<std::uint64_t> credits(tenants_.count());
        const std::vector<std::string> names = tenants_.names();
        for (const Request& request : requests_) {
            if (!asked.try_emplace({request.tenant, request.tier_dst}, true).second) continue;
            const auto cap = caps.find({names[request.tenant], request.tier_dst});
            std::uint64_t& credit = credits[request.tenant];
            credit = saturating_add(credit, cap == caps.end() ? otherwise : cap->second);
        }
        for (std::size_t tenant = 0; tenant < credits.size(); ++tenant) {
            if (credits[tenant] == kNoLimit) continue;
            // A rate of nothing would be no limit: a byte in 584 years, for a bucket of none.
            const bool has_any = credits[tenant] > 0;
            planner.credits().set(static_cast<std::uint16_t>(tenant),
                                  {has_any ? credits[tenant] : 1,
                                   has_any ? settled_.rule.window_ns : kNoLimit, credits[tenant]},
                                  made_.now_ns);
        }
        return {};
    }

    PlanError request_all(planner::Planner& planner) {
        const HeatTable table(file_.heat, settled_.half_life_ns, made_.now_ns);
        for (std::size_t i = 0; i < requests_.size(); ++i) {
            const HeatRow* heat = table.hottest(file_.requests[i]);
            heat_milli_.push_back(heat == nullptr ? 0 : table.heat_milli(*heat));
            if (heat != nullptr && heat->tenant_weight.has_value()) {
                requests_[i].weight_milli = narrow<std::uint32_t>(heat->tenant_weight->in(1'000));
            }
            if (const planner::Refusal refusal = planner.request(requests_[i])) {
                return plan_error(row_field("requests", i, refusal.field), refusal.rule);
            }
        }
        return {};
    }

    [[nodiscard]] planner::Residents residents_of() const {
        return {.count = narrow<std::uint32_t>(resident_node_.size()),
                .node = resident_node_.data(),
                .tier = resident_tier_.data(),
                .model = resident_model_.data(),
                .prefix = resident_prefix_.data(),
                .layer = resident_layer_.data(),
                .page = resident_page_.data(),
                .bytes = resident_bytes_.data(),
                .heat_milli = resident_heat_.data(),
                .used_ns = resident_used_.data()};
    }

    void keep_names() {
        made_.nodes = nodes_.names();
        made_.prefixes = prefixes_.names();
        for (const auto& [id, version] : models_.names()) {
            made_.models.push_back(version.empty() ? id : id + ":" + version);
        }
        if (clusters_.empty()) return;
        // A prefix without one is a cluster of its own, which no other has.
        std::uint32_t most = 0;
        for (const auto& [prefix, cluster] : clusters_) most = std::max(most, cluster);
        for (std::uint32_t prefix = 0; prefix < prefixes_.count(); ++prefix) {
            const auto entry = clusters_.find(prefix);
            made_.cluster_of_prefix.push_back(entry != clusters_.end() ? entry->second
                                                                       : most + 1 + prefix);
        }
    }

    void measure_room() {
        std::vector<std::uint64_t> needed(caps_.free_bytes.size()), leaves(caps_.free_bytes.size());
        for (const planner::Operation& each : made_.plan.operations) {
            needed[std::size_t{each.node} * kTierCount + each.tier_dst] += each.bytes;
        }
        for (const planner::EvictedPage& each : made_.plan.evict) {
            std::uint64_t& sum = leaves[std::size_t{each.node} * kTierCount + each.tier];
            sum = saturating_add(sum, each.bytes);
        }
        for (std::size_t cell = 0; cell < needed.size(); ++cell) {
            const std::uint64_t room = saturating_add(caps_.free_bytes[cell], leaves[cell]);
            made_.room_short_bytes += needed[cell] - std::min(needed[cell], room);
        }
    }

    static constexpr std::size_t kNumberMax = 65'535;

    static std::uint16_t number(Numbers<std::string>& numbers, const std::string& name) {
        return static_cast<std::uint16_t>(numbers.of(name));
    }
    [[nodiscard]] std::string only_node() const {
        return nodes_.count() == 1 ? nodes_.names().front() : "";
    }
    static bool is_number(const std::string& id) {
        const bool has_digits =
            std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
        return !id.empty() && id.size() < 20 && has_digits;
    }
    static PlanError too_many(std::size_t row, const char* column) {
        return plan_error(row_field("requests", row, column), "is one of more than 65,535");
    }
    static PlanError twice(const char* table, std::size_t row, const char* column) {
        return plan_error(row_field(table, row, column), "is there twice");
    }

    const WindowFile& file_;
    const PlanSettings& settings_;
    SettledPlan settled_;
    Numbers<std::string> nodes_, tenants_, prefixes_;
    Numbers<ModelName> models_;
    std::map<std::uint32_t, std::uint32_t> clusters_;  // by prefix
    std::vector<Request> requests_;
    std::vector<std::uint64_t> heat_milli_;
    std::vector<std::uint16_t> resident_node_, resident_layer_;
    std::vector<std::uint8_t> resident_tier_;
    std::vector<std::uint32_t> resident_model_, resident_prefix_;
    std::vector<std::uint64_t> resident_page_, resident_bytes_, resident_heat_, resident_used_;
    PlanCaps caps_;
    PlannedWindow made_;
};

}  // namespace

PlanError plan_window(const WindowFile& file, const PlanSettings& settings, PlannedWindow& out) {
    return WindowPlanner(file, settings).run(out);
}

}  // namespace bwrt::tools
