// SPDX-License-Identifier: Apache-2.0
//
// fio.h — the same job by fio (Debian's), run as a child, at its best: io_uring, a registered file,
// no time stamps it can do without, no scrambling of what it writes.
//
// Its buffers are plain pages, or huge ones registered with the ring.  `--iomem=mmaphuge` needs
// pages reserved by the system's administrator; glibc's malloc asks for transparent ones instead
// when GLIBC_TUNABLES says so, which any user may.

#pragma once

#include <string>

#include "bench/io_job.h"

namespace bwrt::bench {

enum class FioMemory { kPlain, kPlainFixed, kHugeFixed };

// "fio-3.33"; empty when there is none.
[[nodiscard]] std::string find_fio();

// CPU is fio's own account of the thread that does the I/O, without the kernel's workers: those of
// ours count them.  Throws when fio fails.
[[nodiscard]] IoResult run_fio(const TestFile& file, const IoJob& job, FioMemory memory);

}  // namespace bwrt::bench
