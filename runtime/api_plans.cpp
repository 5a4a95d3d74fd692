// SPDX-License-Identifier: Apache-2.0
//
// api_plans.cpp — the exported functions of plans; see api.cpp.

#include "runtime/api_entry.h"
#include "runtime/boundary.h"
#include "runtime/runtime.h"

using bwrt::runtime::Call;
using bwrt::runtime::enter;
using bwrt::runtime::ErrorSink;
using bwrt::runtime::fail;
using bwrt::runtime::guard;
using bwrt::runtime::need;

extern "C" {

bwrt_status bwrt_plan_parse(bwrt_runtime* runtime, uint32_t kind, const char* text,
                            uint64_t text_bytes, bwrt_handle* plan_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    const ErrorSink sink{error, BWRT_NONE};
    if (plan_out == nullptr) return fail(sink, BWRT_E_INVAL, "plan_out", "NULL");
    if (text == nullptr && text_bytes != 0) return fail(sink, BWRT_E_INVAL, "text", "NULL");
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] {
        return runtime->runtime.parse_plan(kind, {text, text_bytes}, plan_out, sink);
    });
}

bwrt_status bwrt_plan_print(bwrt_runtime* runtime, bwrt_handle plan, char* text,
                            uint64_t* text_bytes, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    const ErrorSink sink{error, BWRT_NONE};
    if (text_bytes == nullptr) return fail(sink, BWRT_E_INVAL, "text_bytes", "NULL");
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] { return runtime->runtime.print_plan(plan, text, text_bytes, sink); });
}

bwrt_status bwrt_plan_submit(bwrt_runtime* runtime, bwrt_handle plan, const bwrt_plan_run* run,
                             bwrt_handle* waves_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(need(run, "run", error));
    if (waves_out == nullptr) {
        return fail({error, BWRT_NONE}, BWRT_E_INVAL, "waves_out", "NULL");
    }
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] { return runtime->runtime.submit_plan(plan, *run, waves_out, error); });
}

bwrt_status bwrt_plan_window(bwrt_runtime* runtime, bwrt_request_window* window,
                             bwrt_handle* plan_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(need(window, "window", error));
    const ErrorSink sink{error, BWRT_NONE};
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] { return runtime->runtime.plan_window(window, plan_out, sink); });
}

}  // extern "C"
