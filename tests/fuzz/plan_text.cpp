// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/plan_text.h"

#include <cjson/cJSON.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "planner/values/json_scan.h"
#include "planner/values/json_string.h"
#include "planner/values/plan_check.h"
#include "planner/values/plan_json.h"
#include "runtime/planner_options.h"
#include "runtime/store/store.h"
#include "runtime/tuning.h"

namespace bwrt::fuzz {
namespace {

using namespace bwrt::planner;

void expect(bool is_so, const char* sentence, const std::string& text) {
    if (is_so) return;
    std::fprintf(stderr, "found: %s\n%s\n", sentence, text.c_str());
    std::abort();
}

template <typename Plan>
void try_as(std::string_view text) {
    Plan plan, again;
    const PlanError error = parse(text, plan);
    if (error) {
        expect(error.offset == PlanError::kNoOffset || error.offset <= text.size(),
               "an error is behind the text", error.text());
        expect(is_text(error.text()), "a sentence is no text", error.text());
        expect(plan == Plan{}, "a refused text changed the plan", error.text());
        return;
    }
    const std::string printed = print(plan);
    const PlanError error_again = parse(printed, again);
    expect(!error_again, "what was printed is refused", error_again.text() + "\n" + printed);
    expect(again == plan, "what was printed is another plan", printed);
    expect(print(again) == printed, "a plan has two texts", printed);
    expect(check(plan).text() == check(again).text(), "a plan is judged in two ways", printed);
}

// What the file sets is set where the caller said nothing, and nobody refuses him for its sake.
void try_as_tuning(const std::string& text) {
    runtime::Tuning tuning;
    PlanError error;
    if (runtime::parse_tuning(text, &tuning, &error) != BWRT_OK) {
        expect(error.offset == PlanError::kNoOffset || error.offset <= text.size(),
               "an error is behind the text", error.text());
        expect(is_text(error.text()), "a sentence is no text", error.text());
        return;
    }
    bwrt_error refusal = {};
    bwrt_planner planner = {}, checked_planner = {};
    planner.struct_size = sizeof planner;
    const bwrt_status planner_status =
        runtime::read_planner(&planner, &tuning, &checked_planner, runtime::ErrorSink{&refusal});
    expect(planner_status == BWRT_OK, "a planner is refused for a file's sake", refusal.message);
    bwrt_store store = {}, checked_store = {};
    store.struct_size = sizeof store;
    store.host_bytes = 2 << 20;
    tuning.fill_in(&store);
    std::uint32_t own_count = 0;
    const bwrt_status store_status =
        runtime::Store::check(store, &checked_store, &own_count, runtime::ErrorSink{&refusal});
    expect(store_status == BWRT_OK, "a store is refused for a file's sake", refusal.message);
    expect(tuning.store.eviction == 0 || checked_store.eviction == tuning.store.eviction,
           "what the file sets is not in force", text);
}

}  // namespace

void try_plan_text(const std::uint8_t* bytes, std::size_t count) {
    const std::string text(reinterpret_cast<const char*>(bytes), count);
    JsonText scanned;
    if (!scanned.scan(text)) {
        cJSON* other = cJSON_ParseWithLengthOpts(text.c_str(), text.size() + 1, nullptr, 1);
        expect(other != nullptr, "cJSON refuses what is taken here", text);
        cJSON_Delete(other);
    }
    try_as<CachePlan>(text);
    try_as<SwapPlan>(text);
    try_as<WaveSpec>(text);
    try_as_tuning(text);
}

}  // namespace bwrt::fuzz
