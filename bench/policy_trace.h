// SPDX-License-Identifier: Apache-2.0
//
// policy_trace.h — the trace of requests that a benchmark of a policy is given.

#pragma once

#include "bench/measure.h"
#include "tools/replay/trace_read.h"

namespace bwrt::bench {

// Throws Failure, with the line and field that are not understood.
inline replay::Trace trace_from_stdin() {
    replay::Trace trace;
    if (const replay::TraceError error = replay::read_trace("-", 0, {}, trace)) {
        throw Failure("E_PARSE", error.text());
    }
    return trace;
}

}  // namespace bwrt::bench
