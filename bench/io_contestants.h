// SPDX-License-Identifier: Apache-2.0
//
// io_contestants.h — who takes part in bench_io, by name.
//
// A contestant is made once for each direction and size, and runs in every round.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/io_job.h"

namespace bwrt::bench {

struct ContestantOptions {
    std::uint64_t spread_bytes = std::uint64_t{256} << 20;  // that raw-staged copies to
    std::uint32_t io_bytes_max = 0;                         // of bwrt; 0: its default
    std::string calibration;                                // of bwrt, a table's path; empty: none
};

struct Contestant {
    using Run = std::function<IoResult(const IoJob&)>;
    using Make = std::function<Run(const TestFile&, const IoJob& shape, const ContestantOptions&)>;

    const char* name;
    const char* what;
    Make make;
};

// "fio-..." are fio's, "raw" is the raw loop at its best.
[[nodiscard]] const std::vector<Contestant>& contestants();

}  // namespace bwrt::bench
