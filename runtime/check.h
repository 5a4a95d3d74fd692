// SPDX-License-Identifier: Apache-2.0
//
// check.h — what we do when bwrt breaks an invariant of its own.
//
// A caller's mistake is a status, the world's failure is a status; this is for the
// third case only.  Going on with a corrupt table would hand one request another's
// bytes, so stopping is the kinder failure.  Checks are O(1) and always on.

#pragma once

namespace bwrt::runtime {

[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace bwrt::runtime

#define BWRT_CHECK(condition)                          \
    (__builtin_expect(static_cast<bool>(condition), 1) \
         ? static_cast<void>(0)                        \
         : ::bwrt::runtime::check_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define BWRT_DEBUG_CHECK(condition) static_cast<void>(0)
#else
#define BWRT_DEBUG_CHECK(condition) BWRT_CHECK(condition)
#endif
