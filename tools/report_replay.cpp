// SPDX-License-Identifier: Apache-2.0

#include "tools/report_replay.h"

#include <cstdio>

#include "tools/output.h"

namespace bwrt::tools {
namespace {

using namespace bwrt::replay;

std::string with_number(const char* format, double number) {
    char text[256];
    std::snprintf(text, sizeof text, format, number);
    return text;
}

std::string note_of_bytes(const RuntimeCacheOptions& cache, std::uint64_t wrong_block_count) {
    std::string note =
        "Blocks of " + format_bytes(cache.block_bytes) + " were stored and loaded by the library";
    if (cache.is_modelled) return note + " in a modelled world: no byte was moved, none compared.";
    note += ", and ";
    note += cache.checked == Checked::kAll
                ? "every delivered byte was compared with what the block's id says"
                : "three words of each delivered 4 KiB were compared with what the block's id says";
    return note + (wrong_block_count == 0 ? ": all were right." : ": WRONG BYTES WERE DELIVERED.");
}

std::string note_of_time(const ReplayRule& rule) {
    if (rule.speed > 0) {
        return "Requests arrived " + speed_text(rule.speed) +
               "; times to first token are on the trace's clock" +
               (rule.speed == 1 ? "."
                                : ", where a load counts so many times the time that it took.");
    }
    return "Nobody waited for an arrival: each request was begun when the loads before it were "
           "done.";
}

std::string note_of_prefill(const PrefillRule& rule) {
    return "What was not loaded was computed by " +
           counted(rule.stream_count, "simulated processor") + " of " +
           counted(rule.tokens_per_s, "token") + " a second" +
           (rule.stream_count == 1 ? "." : " each.");
}

}  // namespace

std::string speed_text(double speed) {
    if (speed <= 0) return "as fast as it goes";
    return speed == 1 ? "as fast as recorded" : with_number("%g times as fast as recorded", speed);
}

std::vector<std::string> notes_of(const RuntimeCacheOptions& cache, const ReplayRule& rule,
                                  std::uint64_t wrong_block_count) {
    std::vector<std::string> notes = {note_of_bytes(cache, wrong_block_count), note_of_time(rule),
                                      note_of_prefill(rule.prefill)};
    if (rule.deadline_ns != 0) {
        notes.push_back(with_number("Requests had %g ms until their first token.",
                                    static_cast<double>(rule.deadline_ns) / 1e6));
    }
    return notes;
}

ReportContent report_of_replay(const std::string& trace_name, const Trace& trace,
                               const RuntimeCacheOptions& cache, const ReplayRule& rule,
                               const ReplayResult& result, const std::vector<Figure>& figures) {
    ReportContent content;
    content.title = "Replay of " + trace_name.substr(trace_name.rfind('/') + 1);
    content.trace_name = trace_name;
    content.trace = &trace;
    content.runs.push_back({"bwrt",
                            figures,
                            {&result, cache.block_bytes, cache.host_bytes, cache.disk_bytes,
                             result.cache.write_touch_count, rule.speed}});
    content.notes = notes_of(cache, rule, result.wrong_block_count);
    return content;
}

}  // namespace bwrt::tools
