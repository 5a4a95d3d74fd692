// SPDX-License-Identifier: Apache-2.0
//
// calls_window.cpp — the engine's steps, and windows of its own queue: small ones of few prefixes,
// so that rows meet, then one field of one struct overwritten with any number.
//
// Of a plan it is known which rows it has to decide, in which order, and that what it says of them
// agrees with the transfers: what is planned moves, whole and inside of one transfer or more, and
// what is carried comes again.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr std::uint32_t kRowCountMax = 2048;  // draw_planner()'s

constexpr Field kRequestFields[] = {
    BWRT_FUZZ_FIELD(bwrt_request, page_first),  BWRT_FUZZ_FIELD(bwrt_request, page_count),
    BWRT_FUZZ_FIELD(bwrt_request, page_bytes),  BWRT_FUZZ_FIELD(bwrt_request, deadline_ns),
    BWRT_FUZZ_FIELD(bwrt_request, fill_ns),     BWRT_FUZZ_FIELD(bwrt_request, tenant),
    BWRT_FUZZ_FIELD(bwrt_request, layer_first), BWRT_FUZZ_FIELD(bwrt_request, node),
    BWRT_FUZZ_FIELD(bwrt_request, source_tier), BWRT_FUZZ_FIELD(bwrt_request, target_tier),
    BWRT_FUZZ_FIELD(bwrt_request, priority),    BWRT_FUZZ_FIELD(bwrt_request, weight_milli),
    BWRT_FUZZ_FIELD(bwrt_request, reserved),
};
constexpr Field kBudgetFields[] = {
    BWRT_FUZZ_FIELD(bwrt_tier_budget, node),
    BWRT_FUZZ_FIELD(bwrt_tier_budget, tier),
    BWRT_FUZZ_FIELD(bwrt_tier_budget, bytes),
    BWRT_FUZZ_FIELD(bwrt_tier_budget, operation_count_max),
};
constexpr Field kRouteFields[] = {
    BWRT_FUZZ_FIELD(bwrt_tier_route, source_tier),
    BWRT_FUZZ_FIELD(bwrt_tier_route, target_tier),
    BWRT_FUZZ_FIELD(bwrt_tier_route, latency_ns),
    BWRT_FUZZ_FIELD(bwrt_tier_route, stream_bytes_per_s),
    BWRT_FUZZ_FIELD(bwrt_tier_route, stream_count),
    BWRT_FUZZ_FIELD(bwrt_tier_route, bus),
};
constexpr Field kBusFields[] = {
    BWRT_FUZZ_FIELD(bwrt_bus, node),
    BWRT_FUZZ_FIELD(bwrt_bus, bus),
    BWRT_FUZZ_FIELD(bwrt_bus, bytes_per_s),
    BWRT_FUZZ_FIELD(bwrt_bus, queued_bytes),
};
constexpr Field kCreditFields[] = {
    BWRT_FUZZ_FIELD(bwrt_tenant_credit, tenant),
    BWRT_FUZZ_FIELD(bwrt_tenant_credit, bytes_per_s),
    BWRT_FUZZ_FIELD(bwrt_tenant_credit, burst_bytes),
};
constexpr Field kWindowFields[] = {
    BWRT_FUZZ_FIELD(bwrt_request_window, flags),
    BWRT_FUZZ_FIELD(bwrt_request_window, now_ns),
    BWRT_FUZZ_FIELD(bwrt_request_window, request_bytes),
    BWRT_FUZZ_FIELD(bwrt_request_window, tier_bytes),
    BWRT_FUZZ_FIELD(bwrt_request_window, route_bytes),
    BWRT_FUZZ_FIELD(bwrt_request_window, bus_bytes),
    BWRT_FUZZ_FIELD(bwrt_request_window, tenant_bytes),
    BWRT_FUZZ_FIELD(bwrt_request_window, decision_bytes),
    BWRT_FUZZ_FIELD(bwrt_request_window, transfer_bytes),
    BWRT_FUZZ_FIELD(bwrt_request_window, reserved),
};

bool moves(std::uint32_t verdict) {
    return verdict == BWRT_DECISION_PLANNED || verdict == BWRT_DECISION_PLANNED_PART;
}

// PLANNED_PART to TOO_SMALL.
bool is_carried(std::uint32_t verdict) {
    return verdict >= BWRT_DECISION_PLANNED_PART && verdict <= BWRT_DECISION_TOO_SMALL;
}

}  // namespace

// A window and all that it points to.
struct Runner::WindowPlan {
    bwrt_request_window window = {};
    std::vector<bwrt_request> requests;
    std::vector<std::uint64_t> cancelled;
    std::vector<bwrt_tier_budget> tiers;
    std::vector<bwrt_tier_route> routes;
    std::vector<bwrt_bus> buses;
    std::vector<bwrt_tenant_credit> tenants;
    std::vector<std::uint64_t> layer_ns;
    std::unique_ptr<bwrt_decision[]> decisions;
    std::unique_ptr<bwrt_transfer[]> transfers;
    std::vector<CarriedRow> rows;  // that it has, in the order of their decisions
};

// The engine goes on, or back; all windows of steps may begin and end by it.
void Runner::advance(Bytecode* code) {
    const std::uint8_t step = code->byte();
    std::uint64_t token = 0, before = 0;
    {
        const Lock lock(machine_.mutex);
        if (session().runtime == nullptr) return;
        before = session().token;
        token = step >= 0xF0 ? code->wild(before) : before + step % 4;
        session().token = std::max(before, token);
    }
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_advance(session().runtime, token, answer.place()), "bwrt_advance");
    if (!alone_ || session().is_closing) return;
    if (status != (token >= before ? BWRT_OK : BWRT_E_INVAL)) found("a step: %d", status);
}

void Runner::draw_request(Bytecode* code, bwrt_request* request) {
    const std::uint8_t form = code->byte();
    request->id = code->byte() % 16;
    request->page_first = code->byte() % 64;
    request->page_count = 1 + code->byte() % 32;
    request->page_bytes = 4096u << form % 4;
    request->prefix = (form >> 2) % 4;
    request->source_tier = BWRT_TIER_DISK;
    request->target_tier = (form & 0x10) != 0 ? BWRT_TIER_DEVICE : BWRT_TIER_HOST;
    if ((form & 0x20) != 0) request->layer_count = code->byte() % 4;
    if ((form & 0x40) != 0) {
        const std::uint8_t more = code->byte();
        request->priority = more % 4 % 3;
        request->tenant = (more >> 2) % 4;
        request->node = more >> 7;
        if ((more & 0x10) != 0) request->deadline_ns = now_ns() + 10'000u * code->word();
        if ((more & 0x20) != 0) request->weight_milli = code->word();
        if ((more & 0x40) != 0) request->layer_first = code->byte();
    }
    if ((form & 0x80) != 0) break_field(request, kRequestFields, code);
}

void Runner::draw_window(Bytecode* code, WindowPlan* plan) {
    const std::uint8_t shape = code->byte();
    const std::uint8_t tables = code->byte();
    bwrt_request_window& window = plan->window;
    window.struct_size = sizeof window;
    plan->requests.resize(shape % 8);
    for (bwrt_request& request : plan->requests) draw_request(code, &request);
    if ((tables & 0x01) != 0) {
        plan->tiers.push_back({0, BWRT_TIER_HOST, std::uint64_t{code->word()} << 8, 0, 0});
        if ((tables & 0x80) != 0) break_field(&plan->tiers[0], kBudgetFields, code);
    }
    if ((tables & 0x02) != 0) {
        plan->routes.push_back({BWRT_TIER_DISK, BWRT_TIER_HOST, code->word(), 0, 0, 1});
        if ((tables & 0x80) != 0) break_field(&plan->routes[0], kRouteFields, code);
    }
    if ((tables & 0x04) != 0) {
        plan->buses.push_back({0, BWRT_TIER_DISK, std::uint64_t{code->word()} << 12, 0});
        if ((tables & 0x80) != 0) break_field(&plan->buses[0], kBusFields, code);
    }
    if ((tables & 0x08) != 0) {
        plan->tenants.push_back({1u + code->byte() % 3, std::uint64_t{code->word()} << 8, 0});
        if ((tables & 0x80) != 0) break_field(&plan->tenants[0], kCreditFields, code);
    }
    if ((tables & 0x10) != 0) plan->cancelled = {code->byte() % 16u, code->byte() % 16u};
    if ((tables & 0x20) != 0) plan->layer_ns = {code->word(), code->wide()};
    if ((tables & 0x40) != 0) window.flags = BWRT_REQUEST_WINDOW_MEASURED;
    window.requests = plan->requests.data();
    window.request_count = static_cast<std::uint32_t>(plan->requests.size());
    window.request_bytes = sizeof(bwrt_request);
    window.cancelled_ids = plan->cancelled.data();
    window.cancelled_count = static_cast<std::uint32_t>(plan->cancelled.size());
    window.tiers = plan->tiers.data();
    window.tier_count = static_cast<std::uint32_t>(plan->tiers.size());
    window.tier_bytes = sizeof(bwrt_tier_budget);
    window.routes = plan->routes.data();
    window.route_count = static_cast<std::uint32_t>(plan->routes.size());
    window.route_bytes = sizeof(bwrt_tier_route);
    window.buses = plan->buses.data();
    window.bus_count = static_cast<std::uint32_t>(plan->buses.size());
    window.bus_bytes = sizeof(bwrt_bus);
    window.tenants = plan->tenants.data();
    window.tenant_count = static_cast<std::uint32_t>(plan->tenants.size());
    window.tenant_bytes = sizeof(bwrt_tenant_credit);
    window.layer_ns = plan->layer_ns.data();
    window.layer_count = static_cast<std::uint32_t>(plan->layer_ns.size());
    window.decision_bytes = sizeof(bwrt_decision);
    window.transfer_bytes = sizeof(bwrt_transfer);
    if ((shape & 0x80) != 0) break_field(&window, kWindowFields, code);
}

// Which rows there are: those that were carried and not cancelled, then each layer of each request.
void Runner::plan_window(Bytecode* code) {
    WindowPlan plan;
    draw_window(code, &plan);
    const std::uint8_t room = code->byte();
    if (session().runtime == nullptr || !alone_ || !session().is_carried_known) return;
    for (const CarriedRow& row : session().carried) {
        if (std::count(plan.cancelled.begin(), plan.cancelled.end(), row.id) == 0) {
            plan.rows.push_back(row);
        }
    }
    for (const bwrt_request& request : plan.requests) {
        const std::uint32_t layer_count = std::max(request.layer_count, 1u);
        for (std::uint32_t i = 0; i < layer_count; ++i) {
            plan.rows.push_back({request.id, request.layer_first + i});
        }
    }
    bwrt_request_window& window = plan.window;
    const auto row_count = static_cast<std::uint32_t>(plan.rows.size());
    // The rows of this window, or one decision or transfer too few; carried ones count, cancelled
    // or not.
    const auto all = row_count + static_cast<std::uint32_t>(session().carried.size());
    window.decision_capacity = room % 16 == 1 && row_count > 0 ? row_count - 1 : all;
    window.transfer_capacity = 2 * all;
    plan.decisions = untouched<bwrt_decision>(all);
    plan.transfers = untouched<bwrt_transfer>(2 * std::size_t{all});
    if (room % 16 != 2) window.decisions = plan.decisions.get();
    if (room % 16 != 3) window.transfers = plan.transfers.get();
    // At another stride what is written would lie elsewhere.
    if (window.decision_bytes > sizeof(bwrt_decision)) window.decisions = nullptr;
    if (window.transfer_bytes > sizeof(bwrt_transfer)) window.transfers = nullptr;
    const auto is_known = [](std::uint32_t bytes, std::size_t ours) {
        return bytes <= ours || bytes > 65536;
    };
    if (!is_known(window.request_bytes, sizeof(bwrt_request)) ||
        !is_known(window.tier_bytes, sizeof(bwrt_tier_budget)) ||
        !is_known(window.route_bytes, sizeof(bwrt_tier_route)) ||
        !is_known(window.bus_bytes, sizeof(bwrt_bus)) ||
        !is_known(window.tenant_bytes, sizeof(bwrt_tenant_credit))) {
        return;  // arrays are not so long
    }
    bwrt_handle handle = 0xABCDEF;
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_plan_window(session().runtime, &window,
                                      (room & 0x10) != 0 ? &handle : nullptr, answer.place()),
                     "bwrt_plan_window");
    if (status != BWRT_OK) {
        if (window.decision_count != 0 || window.carried_count != 0 || handle != 0xABCDEF ||
            !is_untouched(plan.decisions.get(), all) ||
            !is_untouched(plan.transfers.get(), 2 * std::size_t{all})) {
            found("a refused window has a plan");
        }
        return;
    }
    if (!session().has_planner) found("a window was planned without a planner");
    check_window(plan);
    if ((room & 0x10) == 0 || handle == 0) return;
    print_plan(handle);
    if (bwrt_release(session().runtime, handle, nullptr) != BWRT_OK) found("a plan stays");
}

void Runner::check_window(const WindowPlan& plan) {
    const bwrt_request_window& window = plan.window;
    const std::size_t count = plan.rows.size();
    if (window.decision_count != count || window.carried_count > count || count > kRowCountMax ||
        window.transfer_count > 2 * count) {
        found("a window of %zu rows has %u decisions, %u transfers, and %u are carried", count,
              window.decision_count, window.transfer_count, window.carried_count);
    }
    if (window.decisions == nullptr) {  // which of them are carried is not known
        session().carried.clear();
        session().is_carried_known = window.carried_count == 0;
        return;
    }
    std::vector<CarriedRow> carried;
    for (std::size_t i = 0; i < count; ++i) {
        const bwrt_decision& decision = plan.decisions[i];
        if (decision.id != plan.rows[i].id || decision.layer != plan.rows[i].layer ||
            decision.verdict < BWRT_DECISION_PLANNED || decision.verdict > BWRT_DECISION_WAITED ||
            decision.reserved != 0) {
            found("decision %zu is odd", i);
        }
        const bool has_transfer = decision.transfer_index != BWRT_NONE;
        if (has_transfer != moves(decision.verdict) ||
            (has_transfer &&
             (decision.transfer_index >= window.transfer_count || decision.transfer_count == 0))) {
            found("decision %zu: verdict %u, transfer %u", i, decision.verdict,
                  decision.transfer_index);
        }
        if (is_carried(decision.verdict)) carried.push_back(plan.rows[i]);
    }
    if (carried.size() != window.carried_count) {
        found("%zu rows are to be carried, %u are", carried.size(), window.carried_count);
    }
    session().carried = std::move(carried);
    if (window.transfers == nullptr) return;
    for (std::uint32_t i = 0; i < window.transfer_count; ++i) {
        const bwrt_transfer& transfer = plan.transfers[i];
        if (transfer.page_count == 0 || transfer.served_count == 0 || transfer.overlap == 0 ||
            transfer.bytes != transfer.page_count * transfer.page_bytes) {
            found("transfer %u is odd", i);
        }
    }
}

void Runner::print_plan(bwrt_handle handle) {
    std::uint64_t bytes = 0;
    if (bwrt_plan_print(session().runtime, handle, nullptr, &bytes, nullptr) != BWRT_OK) {
        found("a plan has no text");
    }
    std::vector<char> text(bytes);
    Answer answer(ask_error_);
    const bwrt_status status = answer.check(
        bwrt_plan_print(session().runtime, handle, text.data(), &bytes, answer.place()),
        "bwrt_plan_print");
    if (status != BWRT_OK || bytes != text.size()) found("a plan's text is not as long");
    bwrt_handle again = 0;
    if (bwrt_plan_parse(session().runtime, BWRT_PLAN_CACHE, text.data(), bytes, &again, nullptr) !=
            BWRT_OK ||
        bwrt_release(session().runtime, again, nullptr) != BWRT_OK) {
        found("a printed plan cannot be read");
    }
}

void Runner::call_planner(Bytecode* code) {
    const std::uint8_t which = code->byte();
    if (which % 4 == 3) {
        submit_plan(code);
    } else if (which % 4 == 2) {
        plan_window(code);
    } else {
        advance(code);
    }
}

}  // namespace bwrt::fuzz
