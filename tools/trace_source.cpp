// SPDX-License-Identifier: Apache-2.0

#include "tools/trace_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tools/output.h"
#include "tools/replay/generate.h"
#include "tools/replay/trace_read.h"

namespace bwrt::tools {

std::string name_of(const TraceSource& source) {
    if (!source.kind.has_value()) return source.file;
    return std::string(replay::kTraceKindNames[*source.kind]) + ", seed " +
           std::to_string(source.seed);
}

replay::Trace trace_of(const TraceSource& source) {
    if (source.kind.has_value() == !source.file.empty()) {
        const std::string both = source.file.empty() ? "" : ", not " + source.file + " and that";
        throw Failure("E_INVAL",
                      source.command + " takes either a trace in a file or --generate" + both, 2);
    }
    replay::Trace trace;
    replay::TraceError error;
    if (source.kind.has_value()) {
        error = generate_trace({.kind = static_cast<replay::TraceKind>(*source.kind),
                                .seed = source.seed,
                                .seconds = source.seconds,
                                .rate_milli = source.rate_milli,
                                .block_tokens = source.block_tokens},
                               {}, trace);
    } else {
        if (source.file != "-" && access(source.file.c_str(), R_OK) != 0) {
            fail_system(source.file, errno);
        }
        error = replay::read_trace(source.file, source.block_tokens, {}, trace);
    }
    if (error) throw Failure("E_FORMAT", name_of(source) + ": " + error.text(), 2);
    return trace;
}

void refuse_trace_as_output(const TraceSource& source, const std::string& path,
                            const char* option) {
    struct stat trace = {}, output = {};
    if (source.file.empty() || path.empty() || stat(source.file.c_str(), &trace) != 0 ||
        stat(path.c_str(), &output) != 0) {
        return;
    }
    if (trace.st_dev != output.st_dev || trace.st_ino != output.st_ino) return;
    throw Failure("E_INVAL",
                  std::string(option) + ": " + path + " is the trace, and stays as it is", 2);
}

}  // namespace bwrt::tools
