// SPDX-License-Identifier: Apache-2.0
//
// tune_runs.h — replays of `bwrt tune`, several at a time, each in a process of its own.
//
//   parent ──fork──▶ child: replay in a modelled world ──▶ scores, through a pipe, at once
//      │                └── ends with the parent, cleanly when it is told to
//      └── waits for pipes; an interrupt is passed on to all children, and all are waited for
//
// A world that is modelled has no thread and no clock but its own, so that how many run at a time
// changes no score.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/replay_scene.h"
#include "tools/tune_choice.h"

namespace bwrt::tools {

struct TuneRun {
    std::string tuning;     // the file's path; empty: the default
    bool is_whole = false;  // else it ends with the first part
};

// Of both parts; of the rest only where the run is whole.
struct TuneScores {
    TuneScore first;
    TuneScore rest;
};

// `split`: requests of the first part.  Throws the Failure of a run, or of an interrupt.
[[nodiscard]] std::vector<TuneScores> run_all(const Scene& scene, std::size_t split,
                                              const std::vector<TuneRun>& runs,
                                              std::uint32_t job_count);

}  // namespace bwrt::tools
