// SPDX-License-Identifier: Apache-2.0
// cache_line.h — how far apart words of different threads lie.
#pragma once

#include <cstddef>

namespace bwrt::ringbuf {

inline constexpr size_t kCacheLineBytes = 64;

// Two lines, not one: Intel's adjacent-line prefetcher pulls pairs.  On an EPYC 64 and 128 came out
// alike (bench/ring.cpp); it costs a ring 128 bytes.
inline constexpr size_t kFalseSharingBytes = 128;

}  // namespace bwrt::ringbuf
