// SPDX-License-Identifier: Apache-2.0
//
// stream_copy.h — a copy whose target is not wanted in the cache.
//
// What comes off a disk through staging memory goes to pages that nobody has looked at.  Ordinary
// stores would first fetch each of their lines only to overwrite it; streaming ones write past the
// cache, two trips to memory a byte instead of three.

#pragma once

#include <cstddef>

namespace bwrt::runtime {

// Everything is visible to whoever sees a later release by this thread.
void stream_copy(void* target, const void* source, std::size_t length_bytes) noexcept;

}  // namespace bwrt::runtime
