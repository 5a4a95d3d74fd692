// SPDX-License-Identifier: Apache-2.0
//
// test_reference_window.cpp — what other tests compare with is what was recorded, faults and all.

#include "tests/support/reference_window.h"

#include <cstring>

#include "tests/support/oracle.h"

namespace {

using namespace bwrt::test;

double number(const cJSON* row, const char* name) {
    const cJSON* item = cJSON_GetObjectItemCaseSensitive(row, name);
    assert_non_null(item);
    return item->valuedouble;
}

std::int64_t whole(const cJSON* row, const char* name) {
    return static_cast<std::int64_t>(number(row, name));
}

// "n1" and "D" sort as their last letters do.
std::int64_t letter(const cJSON* row, const char* name) {
    const char* text = cJSON_GetObjectItemCaseSensitive(row, name)->valuestring;
    return text[std::strlen(text) - 1];
}

const cJSON* list(const cJSON* of, const char* name) {
    const cJSON* found = cJSON_GetObjectItemCaseSensitive(of, name);
    assert_true(cJSON_IsArray(found));
    return found;
}

template <typename Row, typename Read>
std::vector<Row> read_all(const cJSON* rows, Read&& read) {
    std::vector<Row> all;
    const cJSON* row = nullptr;
    cJSON_ArrayForEach(row, rows) all.push_back(read(row));
    return all;
}

ReferenceHeat read_heat(const cJSON* row) {
    ReferenceHeat heat{whole(row, "layer"), whole(row, "page_id"), whole(row, "decay_hits")};
    if (cJSON_HasObjectItem(row, "tenant_weight")) heat.weight = number(row, "tenant_weight");
    if (cJSON_HasObjectItem(row, "size_bytes")) heat.size_bytes = whole(row, "size_bytes");
    return heat;
}

ReferenceRequest read_request(const cJSON* row) {
    ReferenceRequest request;
    request.id = whole(row, "req_id");
    request.node = letter(row, "node");
    request.cluster = whole(row, "pcluster");
    request.layer = whole(row, "layer");
    request.page_first = whole(row, "page_start");
    request.page_last = whole(row, "page_end");
    request.tier_src = whole(row, "tier_src");
    request.tier_dst = whole(row, "tier_dst");
    request.deadline_ms = whole(row, "deadline_ms");
    request.page_bytes = whole(row, "page_bytes");
    request.tenant = letter(row, "tenant");
    request.fill_ms = number(row, "est_fill_ms");
    return request;
}

ReferenceInputs read_inputs(const cJSON* record) {
    const cJSON* in = cJSON_GetObjectItemCaseSensitive(record, "inputs");
    ReferenceInputs inputs;
    inputs.requests = read_all<ReferenceRequest>(list(in, "requests"), read_request);
    inputs.heat = read_all<ReferenceHeat>(list(in, "heat"), read_heat);
    inputs.tiers = read_all<ReferenceTierCap>(list(in, "tier_caps"), [](const cJSON* row) {
        return ReferenceTierCap{whole(row, "tier"), whole(row, "bandwidth_caps"),
                                whole(row, "free_bytes")};
    });
    inputs.tenants = read_all<ReferenceTenantCap>(list(in, "tenant_caps"), [](const cJSON* row) {
        return ReferenceTenantCap{letter(row, "tenant"), whole(row, "tier"),
                                  whole(row, "bandwidth_caps")};
    });
    inputs.latencies = read_all<ReferenceLatency>(list(in, "layer_lat"), [](const cJSON* row) {
        return ReferenceLatency{whole(row, "layer"), number(row, "lat_ms")};
    });
    return inputs;
}

// Whether a run is as it is recorded; with its place where the record has it.
bool is_recorded(const ReferenceRun& run, const cJSON* row) {
    bool same = run.run == whole(row, "run_id") && run.bytes == whole(row, "bytes") &&
                run.deadline_ms == whole(row, "deadline_ms") &&
                run.fan_out == whole(row, "fanout") && run.page_first == whole(row, "start_pid") &&
                run.page_last == whole(row, "end_pid") &&
                run.page_bytes == whole(row, "page_bytes");
    if (cJSON_HasObjectItem(row, "node")) {
        same = same && run.node == letter(row, "node") && run.layer == whole(row, "layer") &&
               run.tier_src == whole(row, "tier_src") && run.tier_dst == whole(row, "tier_dst") &&
               run.cluster == whole(row, "pcluster");
    }
    const bool has_overlap = cJSON_HasObjectItem(row, "overlap");
    if (has_overlap) same = same && run.overlap == whole(row, "overlap");
    return same && run.urgency == number(row, has_overlap ? "priority" : "urgency_min");
}

void assert_runs(const std::vector<ReferenceRun>& runs, const cJSON* rows) {
    assert_int_equal(runs.size(), cJSON_GetArraySize(rows));
    for (std::size_t i = 0; i < runs.size(); ++i) {
        assert_true(is_recorded(runs[i], cJSON_GetArrayItem(rows, static_cast<int>(i))));
    }
}

void assert_pages(const std::vector<ReferencePage>& pages, const cJSON* rows) {
    assert_int_equal(pages.size(), cJSON_GetArraySize(rows));
    for (std::size_t i = 0; i < pages.size(); ++i) {
        const cJSON* row = cJSON_GetArrayItem(rows, static_cast<int>(i));
        assert_true(pages[i] == ReferencePage(whole(row, "layer"), whole(row, "page_id")));
    }
}

ReferenceRule read_rule(const cJSON* record) {
    const cJSON* knobs = cJSON_GetObjectItemCaseSensitive(record, "knobs");
    ReferenceRule rule;
    rule.now_ms = whole(record, "now_ms");
    rule.alpha = number(knobs, "alpha");
    rule.beta = number(knobs, "beta");
    rule.pmin = number(knobs, "pmin");
    rule.umin = number(knobs, "umin");
    rule.min_io_bytes = whole(knobs, "min_io_bytes");
    rule.window_ms = whole(knobs, "window_ms");
    rule.operation_count_max = whole(knobs, "max_ops_per_tier");
    return rule;
}

void each_stage_of_the_recorded_window_is_as_it_was(void**) {
    cJSON* record = read_oracle("01_bcache_window.json");
    if (record == nullptr) skip();
    const ReferenceInputs inputs = read_inputs(record);
    const ReferenceRule rule = read_rule(record);
    const cJSON* stages = cJSON_GetObjectItemCaseSensitive(record, "stages");

    const std::vector<ReferenceRow> scored = reference_score(inputs, rule);
    const cJSON* rows = list(stages, "score_and_filter");
    assert_int_equal(scored.size(), cJSON_GetArraySize(rows));
    for (std::size_t i = 0; i < scored.size(); ++i) {
        const cJSON* row = cJSON_GetArrayItem(rows, static_cast<int>(i));
        assert_int_equal(scored[i].request.id, whole(row, "req_id"));
        assert_int_equal(scored[i].hits, whole(row, "decay_hits"));
        assert_true(scored[i].weight == number(row, "tenant_weight"));
        assert_true(scored[i].popularity == number(row, "pop"));
        assert_true(scored[i].urgency == number(row, "urgency"));
    }
    const std::vector<ReferenceRow> limited = reference_limit_tenants(scored, inputs.tenants);
    rows = list(stages, "apply_tenant_caps");
    assert_int_equal(limited.size(), cJSON_GetArraySize(rows));
    for (std::size_t i = 0; i < limited.size(); ++i) {
        const cJSON* row = cJSON_GetArrayItem(rows, static_cast<int>(i));
        assert_int_equal(limited[i].request.id, whole(row, "req_id"));
        assert_int_equal(limited[i].bytes, whole(row, "bytes_row"));
        assert_true(limited[i].cap_bytes == number(row, "tenant_cap"));
        assert_int_equal(limited[i].sum_bytes, whole(row, "cum_bytes_tenant"));
    }
    const std::vector<ReferenceRun> runs = reference_coalesce(limited, rule.min_io_bytes);
    assert_runs(runs, list(stages, "coalesce_intervals"));
    assert_runs(reference_limit_tiers(runs, inputs, rule), list(stages, "apply_caps"));
    cJSON_Delete(record);
}

void the_recorded_window_as_a_whole_is_as_it_was(void**) {
    cJSON* record = read_oracle("01_bcache_window.json");
    if (record == nullptr) skip();
    const ReferencePlan plan = reference_window(read_inputs(record), read_rule(record));
    const cJSON* outputs = cJSON_GetObjectItemCaseSensitive(record, "outputs");
    assert_runs(plan.runs, list(outputs, "plan"));
    assert_pages(plan.evicted, list(outputs, "evict"));
    assert_pages(plan.admitted, list(outputs, "admission"));
    cJSON_Delete(record);
}

// A row of the record: first and last page, bytes of a page, milliseconds to its deadline, urgency.
void assert_edge(const cJSON* one) {
    std::vector<ReferenceRow> rows;
    const cJSON* in = nullptr;
    cJSON_ArrayForEach(in, list(one, "in")) {
        ReferenceRow row;
        row.request.page_first = static_cast<std::int64_t>(cJSON_GetArrayItem(in, 0)->valuedouble);
        row.request.page_last = static_cast<std::int64_t>(cJSON_GetArrayItem(in, 1)->valuedouble);
        row.request.page_bytes = static_cast<std::int64_t>(cJSON_GetArrayItem(in, 2)->valuedouble);
        row.request.deadline_ms =
            1'700'000'000'000 + static_cast<std::int64_t>(cJSON_GetArrayItem(in, 3)->valuedouble);
        row.urgency = cJSON_GetArrayItem(in, 4)->valuedouble;
        rows.push_back(row);
    }
    assert_runs(reference_coalesce(rows, 0), list(one, "out"));
}

void each_recorded_edge_of_a_union_is_as_it_was(void**) {
    cJSON* record = read_oracle("02_bcache_coalesce_edges.json");
    if (record == nullptr) skip();
    int edge_count = 0;
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, record) {
        const cJSON* each = nullptr;
        if (!cJSON_IsArray(one)) assert_edge(one);
        if (cJSON_IsArray(one)) cJSON_ArrayForEach(each, one) assert_edge(each);
        edge_count += cJSON_IsArray(one) ? cJSON_GetArraySize(one) : 1;
    }
    assert_int_equal(edge_count, 8);
    cJSON_Delete(record);
}

void each_recorded_eviction_is_as_it_was(void**) {
    cJSON* record = read_oracle("05_bcache_evict.json");
    if (record == nullptr) skip();
    const auto runs = read_all<ReferenceRun>(list(record, "plan"), [](const cJSON* row) {
        ReferenceRun run;
        run.node = letter(row, "node");
        run.tier_dst = whole(row, "tier_dst");
        run.bytes = whole(row, "bytes");
        return run;
    });
    const auto heat = read_all<ReferenceHeat>(list(record, "heat"), read_heat);
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, list(record, "cases")) {
        const cJSON* free = cJSON_GetObjectItemCaseSensitive(one, "free");
        assert_pages(
            reference_evict(runs, heat, {{1, 0, whole(free, "1")}, {2, 0, whole(free, "2")}}),
            list(one, "evict"));
    }
    cJSON_Delete(record);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_stage_of_the_recorded_window_is_as_it_was),
        cmocka_unit_test(the_recorded_window_as_a_whole_is_as_it_was),
        cmocka_unit_test(each_recorded_edge_of_a_union_is_as_it_was),
        cmocka_unit_test(each_recorded_eviction_is_as_it_was),
    };
    return cmocka_run_group_tests_name("the reference's window", tests, nullptr, nullptr);
}
