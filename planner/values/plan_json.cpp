// SPDX-License-Identifier: Apache-2.0

#include "planner/values/plan_json.h"

#include <utility>

#include "planner/values/json_print.h"
#include "planner/values/json_read.h"
#include "planner/values/plan_fields.h"
#include "planner/values/wave_fields.h"

namespace bwrt::planner {
namespace {

template <typename Message>
PlanError parse_message(std::string_view text, const JsonLimits& limits, Message& out) {
    JsonText scanned;
    if (PlanError error = scanned.scan(text, limits)) return error;
    JsonReader reader(scanned);
    Message message;
    if (!reader.read(0, JsonPath{}, message)) return std::move(reader.error());
    out = std::move(message);
    return {};
}

}  // namespace

PlanError parse(std::string_view text, CachePlan& out, const JsonLimits& limits) {
    return parse_message(text, limits, out);
}

PlanError parse(std::string_view text, SwapPlan& out, const JsonLimits& limits) {
    return parse_message(text, limits, out);
}

PlanError parse(std::string_view text, WaveSpec& out, const JsonLimits& limits) {
    WaveForms forms;
    if (PlanError error = parse_message(text, limits, forms)) return error;
    if (PlanError error = merge_forms(forms)) return error;
    out = std::move(forms.nested);
    return {};
}

std::string print(const CachePlan& plan) { return JsonPrinter::text_of(plan); }

std::string print(const SwapPlan& plan) { return JsonPrinter::text_of(plan); }

std::string print(const WaveSpec& spec) {
    WaveForms forms;
    forms.nested = spec;
    return JsonPrinter::text_of(forms);
}

}  // namespace bwrt::planner
