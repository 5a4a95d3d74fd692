// SPDX-License-Identifier: Apache-2.0
//
// machine.h — what a modelled world's disk can do, by what `bwrt calibrate` measured of a real one.
//
//   rate       the best of all rows
//   requests   a second: the most of any row, where its bytes are clearly below that rate
//   latency    of the row with the fewest bytes in flight, where these do not reach it either:
//              bytes in flight / rate of the row = time on the bus + latency
//
// What no row tells is the default: all of writing, which is not measured, and is never faster than
// reading here.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/model/bwrt_model.h"

namespace bwrt::replay {

// A row of the table: blocks of that length, so many in flight.
struct MeasuredRow {
    std::uint64_t block_bytes = 0;
    std::uint32_t depth = 0;
    double bytes_per_s = 0;
};

[[nodiscard]] bwrt_model_machine machine_of(const std::vector<MeasuredRow>& rows);

// By the table in that file: the device that the folder lies on, or else the only one there is.
// Throws a tools::Failure.
[[nodiscard]] bwrt_model_machine read_machine(const std::string& file, const std::string& folder);

}  // namespace bwrt::replay
