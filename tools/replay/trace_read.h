// SPDX-License-Identifier: Apache-2.0
//
// trace_read.h — traces in Mooncake's form, from a file that is plain or zstd: a request a line,
// in order of arrival.
//
//   {"timestamp": ms, "input_length": tokens, "output_length": tokens,
//    "hash_ids": [ids of the prompt's blocks, root first],
//    "session_id": name, "tenant": name}                     these two where there are any
//
// A line is scanned wholly before anything of it is believed, by the planner's scanner: no number
// goes through a double, ids are whole up to 2^64 - 1.  A name is a string or a whole number.  Keys
// that are not known are passed over, for other traces have more.
//
// Refused, with line and field: what is no JSON object, a field that is missing or of another kind,
// ids beyond 64 bits, an id twice in a request, an id whose parent is another than before (equal
// ids must be equal prefixes), more than TraceLimits, a time more than 3 s before one above it, a
// file that ends within a frame of zstd, and one without a request or without a block.
// Taken, and counted (TraceTolerated): a time up to 3 s before one above it, which is what several
// front ends with bins of 3 s write, and a number of blocks that is not that of the tokens.

#pragma once

#include <string>

#include "tools/replay/trace.h"

namespace bwrt::replay {

// Of the path "-" standard input.  `block_tokens` 0: as they are inferred.  On an error `trace_out`
// is what it was.
[[nodiscard]] TraceError read_trace(const std::string& path, std::uint32_t block_tokens,
                                    const TraceLimits& limits, Trace& trace_out);

}  // namespace bwrt::replay
