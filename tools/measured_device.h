// SPDX-License-Identifier: Apache-2.0
//
// measured_device.h — what the disk behind a folder gives right now, as the table that a policy's
// loads take their time from: a few tenths of a second of reads, by the loops of `bwrt bench io`.

#pragma once

#include <optional>
#include <string>

#include "tools/replay/policies/device.h"

namespace bwrt::tools {

// In a file of 128 MiB that is removed again.  None where there is no direct I/O, and so no disk to
// measure.  Throws a Failure.
[[nodiscard]] std::optional<replay::DeviceTable> measured_device(const std::string& folder);

}  // namespace bwrt::tools
