// SPDX-License-Identifier: Apache-2.0
//
// signals.h — how a command ends cleanly when it is interrupted: it looks, and takes back what is
// half done.

#pragma once

namespace bwrt::tools {

// From here on SIGINT, SIGTERM and SIGHUP end nothing but is_interrupted(), and a file that grows
// beyond the process's limit is an error of the write.
void catch_signals();

// Whether one of them came.
[[nodiscard]] bool is_interrupted();

}  // namespace bwrt::tools
