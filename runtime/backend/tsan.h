// SPDX-License-Identifier: Apache-2.0
//
// tsan.h — tells ThreadSanitizer of an order that it cannot see: what the kernel read before a
// completion was taken, it read after the request was made.

#pragma once

#if defined(__SANITIZE_THREAD__)
#define BWRT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BWRT_TSAN 1
#endif
#endif
#if defined(BWRT_TSAN)
#include <sanitizer/tsan_interface.h>
#define BWRT_TSAN_RELEASE(address) __tsan_release(address)
#define BWRT_TSAN_ACQUIRE(address) __tsan_acquire(address)
#else
#define BWRT_TSAN_RELEASE(address) static_cast<void>(0)
#define BWRT_TSAN_ACQUIRE(address) static_cast<void>(0)
#endif
