// SPDX-License-Identifier: Apache-2.0
//
// trace_source.h — the trace that a command line names: from a file, or drawn.

#pragma once

#include <string>

#include "tools/commands.h"
#include "tools/replay/trace.h"

namespace bwrt::tools {

// What to call it: the file, or "chat, seed 7".
std::string name_of(const TraceSource& source);

// Throws a Failure, also where there is not either a file or a kind.
replay::Trace trace_of(const TraceSource& source);

// Throws where what `option` names is the very file that the trace is read from.
void refuse_trace_as_output(const TraceSource& source, const std::string& path, const char* option);

}  // namespace bwrt::tools
