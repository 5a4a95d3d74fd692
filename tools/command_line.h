// SPDX-License-Identifier: Apache-2.0
//
// command_line.h — what is written behind `bwrt`.

#pragma once

namespace bwrt::tools {

// Runs the command that the line asks for, or prints the help or the version, or what is wrong with
// the line; returns the exit status.  `json_out` is whether --json was given, also when it throws:
// what commands throw, or a Failure for a command that there is not.
int run_command_line(int argc, const char* const* argv, bool* json_out);

}  // namespace bwrt::tools
