// SPDX-License-Identifier: Apache-2.0
//
// report.h — a replay, or several side by side, as one HTML file that opens without any network.
//
//   ReplayResult ──▶ replay/series.h     over time ─┐
//   Trace        ──▶ replay/miss_curve.h any size  ─┼─▶ one JSON object ─▶ page.html
//                    replay/advice.h     in words  ─┘   (report_data.h)     + page.css, page.js
//                                                                           + Chart.js
//
// The page is text of ours with the object in it; what is shown is made of the object by the page's
// script when it is opened, so that whoever wants the numbers finds them in one place.  Page and
// library are inside the command.

#pragma once

#include <string>
#include <vector>

#include "tools/draft_file.h"
#include "tools/replay/advice.h"
#include "tools/replay/figures.h"
#include "tools/replay/trace.h"

namespace bwrt::tools {

// One replay of the trace.
struct ReportRun {
    std::string title;                    // "bwrt", or a policy
    std::vector<replay::Figure> figures;  // of all runs the same keys in the same order
    replay::Measured measured;
};

struct ReportContent {
    std::string title;  // "Replay of trace.jsonl"
    std::string trace_name;
    const replay::Trace* trace = nullptr;
    std::vector<ReportRun> runs;     // one at least
    std::size_t subject = 0;         // of the runs, the one that the advice is for
    std::vector<std::string> notes;  // sentences on how it was measured
};

class Report {
 public:
    // Throws where no such file can be made: before anything is measured.
    explicit Report(const std::string& path) : file_(path) {}

    // The file is whole then, or, when this throws, as it was before.
    void write(const ReportContent& content);
    // Likewise, when the figures are printed already: a failure is told on standard error alone, so
    // that a program still reads one object, and ends the command with status 1.
    void write_at_end(const ReportContent& content);

 private:
    DraftFile file_;
};

}  // namespace bwrt::tools
