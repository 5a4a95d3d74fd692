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
}

}  // namespace bwrt::fuzz
