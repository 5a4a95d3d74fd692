// SPDX-License-Identifier: Apache-2.0
//
// runtime_plans.cpp — plans of other programs: taken as text, printed, run as waves; and windows of
// an engine that asks for a plan.

#include <cstring>

#include "planner/values/plan_check.h"
#include "planner/values/plan_json.h"
#include "runtime/boundary.h"
#include "runtime/plan_run.h"
#include "runtime/runtime.h"

namespace bwrt::runtime {
namespace {

constexpr std::size_t kRunBytesMin = sizeof(bwrt_plan_run);
constexpr std::uint32_t kBindingCountMax = 65536;

bwrt_status refuse(const ErrorSink& sink, bwrt_status status, const planner::PlanError& error) {
    const char* const field = error.field.empty() ? "text" : error.field.c_str();
    if (error.offset == planner::PlanError::kNoOffset) {
        return fail(sink, status, field, "%s", error.sentence.c_str());
    }
    return fail(sink, status, field, "%s (at byte %llu)", error.sentence.c_str(),
                ull(error.offset));
}

bwrt_status fail_full(const ErrorSink& sink) {
    return fail(sink, BWRT_E_AGAIN, "plan", "%u plans are held", PlanTable::kCountMax);
}

// A value that the text says and that makes sense.
template <typename Value>
bwrt_status parse_as(std::string_view text, PlanValue* plan_out, const ErrorSink& sink) {
    Value value;
    if (const planner::PlanError error = planner::parse(text, value)) {
        return refuse(sink, BWRT_E_PARSE, error);
    }
    if (const planner::PlanError error = planner::check(value)) {
        return refuse(sink, BWRT_E_INVAL, error);
    }
    *plan_out = std::move(value);
    return BWRT_OK;
}

bwrt_status read_bindings(const bwrt_plan_run& run, std::vector<PlanBinding>* bindings_out,
                          const ErrorSink& sink) {
    if (run.binding_count == 0) return BWRT_OK;
    if (run.binding_count > kBindingCountMax) {
        return fail(sink, BWRT_E_RANGE, "run.binding_count", "%u passes %u", run.binding_count,
                    kBindingCountMax);
    }
    if (run.bindings == nullptr) return fail(sink, BWRT_E_INVAL, "run.bindings", "NULL");
    if (const bwrt_status status =
            check_array(run.bindings, "run.bindings", run.binding_bytes, sizeof(bwrt_plan_binding),
                        "run.binding_bytes", sink)) {
        return status;
    }
    const auto* source = reinterpret_cast<const std::byte*>(run.bindings);
    for (std::uint32_t i = 0; i < run.binding_count; ++i, source += run.binding_bytes) {
        bwrt_plan_binding given;
        if (const bwrt_status status = copy_in(&given, source, run.binding_bytes, sizeof given,
                                               "run.binding_bytes", sink)) {
            return status;
        }
        if (given.name == nullptr) {
            return fail(sink, BWRT_E_INVAL, "bindings[].name", "binding %u: NULL", i);
        }
        bindings_out->push_back({given.name, given});
    }
    return BWRT_OK;
}

// The wave that the caller would have all waves be like; what the plan says it may not.
bwrt_status read_template(const bwrt_plan_run& run, const PlanWork& work, bwrt_wave* wave_out,
                          const ErrorSink& sink) {
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    if (run.wave != nullptr) {
        constexpr std::size_t kWaveBytesMin = 136;
        if (const bwrt_status status = copy_in(&wave, run.wave, run.wave->struct_size,
                                               kWaveBytesMin, "wave.struct_size", sink)) {
            return status;
        }
        wave.struct_size = sizeof wave;
    }
    if (wave.operations != nullptr || wave.operation_count != 0 || wave.results != nullptr ||
        wave.groups != nullptr || wave.blocks != nullptr) {
        return fail(sink, BWRT_E_INVAL, "wave.operations",
                    "operations, results, groups and blocks of a plan's wave are the plan's");
    }
    if (work.window != BWRT_WINDOW_NONE) {
        if (wave.window != BWRT_WINDOW_NONE) {
            return fail(sink, BWRT_E_INVAL, "wave.window", "set, and the plan has a window");
        }
        wave.window = work.window;
        wave.window_start = work.window_start;
        wave.window_end = work.window_end;
    }
    const bool has_both = !work.moves.empty() && work.gemm.kind != 0;
    if (has_both && wave.delivery != BWRT_DELIVER_WAIT) {
        return fail(sink, BWRT_E_INVAL, "wave.delivery",
                    "not WAIT, and one wave waits for another");
    }
    wave.operation_bytes = sizeof(bwrt_operation);
    *wave_out = wave;
    return BWRT_OK;
}

}  // namespace

bwrt_status Runtime::parse_plan(std::uint32_t kind, std::string_view text, bwrt_handle* plan_out,
                                const ErrorSink& sink) {
    auto plan = std::make_unique<PlanValue>();
    bwrt_status status = BWRT_OK;
    switch (kind) {
        case BWRT_PLAN_CACHE:
            status = parse_as<planner::CachePlan>(text, plan.get(), sink);
            break;
        case BWRT_PLAN_SWAP:
            status = parse_as<planner::SwapPlan>(text, plan.get(), sink);
            break;
        case BWRT_PLAN_WAVE_SPEC:
            status = parse_as<planner::WaveSpec>(text, plan.get(), sink);
            break;
        default:
            return fail(sink, BWRT_E_INVAL, "kind", "kind %u is not a BWRT_PLAN_*", kind);
    }
    if (status != BWRT_OK) return status;
    const std::lock_guard<std::mutex> lock(control_);
    const bwrt_handle handle = plans_.add(std::move(plan));
    if (handle == 0) return fail_full(sink);
    *plan_out = handle;
    return BWRT_OK;
}

bwrt_status Runtime::print_plan(bwrt_handle handle, char* text, std::uint64_t* text_bytes,
                                const ErrorSink& sink) {
    std::string printed;
    {
        const std::lock_guard<std::mutex> lock(control_);
        const PlanValue* const plan = plans_.find(handle);
        if (plan == nullptr) {
            return fail(sink, BWRT_E_HANDLE, "plan", "0x%llx is no plan", ull(handle));
        }
        printed = std::visit([](const auto& value) { return planner::print(value); }, *plan);
    }
    const std::uint64_t capacity = *text_bytes;
    if (text == nullptr && capacity != 0) return fail(sink, BWRT_E_INVAL, "text", "NULL");
    *text_bytes = printed.size();
    if (text == nullptr) return BWRT_OK;
    if (capacity < printed.size()) {
        return fail(sink, BWRT_E_RANGE, "text_bytes", "%llu, and the text has %zu", ull(capacity),
                    printed.size());
    }
    std::memcpy(text, printed.data(), printed.size());
    return BWRT_OK;
}

// The planner has a mutex of its own, so that a large window keeps nobody from anything else.
bwrt_status Runtime::plan_window(bwrt_request_window* window, bwrt_handle* plan_out,
                                 const ErrorSink& sink) {
    if (windows_ == nullptr) {
        return fail(sink, BWRT_E_UNSUPPORTED, "runtime", "it was opened without a planner");
    }
    if (plan_out == nullptr) return windows_->plan(window, nullptr, sink);
    {
        const std::lock_guard<std::mutex> lock(control_);
        if (plans_.is_full()) return fail_full(sink);
    }
    std::unique_ptr<PlanValue> value;
    if (const bwrt_status status = windows_->plan(window, &value, sink)) return status;
    const std::lock_guard<std::mutex> lock(control_);
    *plan_out = value != nullptr ? plans_.add(std::move(value)) : 0;
    return BWRT_OK;
}

bwrt_status Runtime::submit_plan(bwrt_handle handle, const bwrt_plan_run& given,
                                 bwrt_handle* waves_out, bwrt_error* error) {
    const ErrorSink sink{error, BWRT_NONE};
    bwrt_plan_run run;
    if (const bwrt_status status =
            copy_in(&run, &given, given.struct_size, kRunBytesMin, "run.struct_size", sink)) {
        return status;
    }
    if (run.reserved != 0) return fail(sink, BWRT_E_INVAL, "run.reserved", "not zero");
    std::vector<PlanBinding> bindings;
    if (const bwrt_status status = read_bindings(run, &bindings, sink)) return status;
    PlanWork work;
    {
        const std::lock_guard<std::mutex> lock(control_);
        const PlanValue* const plan = plans_.find(handle);
        if (plan == nullptr) {
            return fail(sink, BWRT_E_HANDLE, "plan", "0x%llx is no plan", ull(handle));
        }
        if (const bwrt_status status =
                make_plan_work(*plan, bindings, run.page_bytes, tables_.regions, &work, sink)) {
            return status;
        }
    }
    bwrt_wave wave;
    if (const bwrt_status status = read_template(run, work, &wave, sink)) return status;
    bwrt_handle moving = 0, computing = 0;
    if (!work.moves.empty()) {
        wave.operations = work.moves.data();
        wave.operation_count = static_cast<std::uint32_t>(work.moves.size());
        if (const bwrt_status status = submit(&wave, &moving, error)) return status;
        std::memset(wave.wait_for, 0, sizeof wave.wait_for);
        wave.wait_for[0] = moving;
    }
    bwrt_status status = BWRT_OK;
    if (work.gemm.kind != 0) {
        work.gemm.gemm = &work.shape;
        wave.operations = &work.gemm;
        wave.operation_count = 1;
        status = submit(&wave, &computing, error);
    }
    // What runs must be told of, though the call fails.
    if (status == BWRT_OK || moving != 0) {
        waves_out[0] = moving;
        waves_out[1] = computing;
    }
    return status;
}

}  // namespace bwrt::runtime
