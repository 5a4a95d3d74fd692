// SPDX-License-Identifier: Apache-2.0
//
// trace_write.h — a trace in the form that trace_read.h reads, a request a line.
//
// Times are whole milliseconds after the first request, as Mooncake's are; sessions are numbered,
// tenants named.  Quotas have no place in this form.

#pragma once

#include <cstddef>
#include <string>

#include "tools/replay/trace.h"

namespace bwrt::replay {

// With a new line at its end, appended.
void append_line(const Trace& trace, std::size_t request, std::string& text_out);

}  // namespace bwrt::replay
