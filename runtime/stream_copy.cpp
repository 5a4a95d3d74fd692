// SPDX-License-Identifier: Apache-2.0

#include "runtime/stream_copy.h"

#include <cstdint>
#include <cstring>

// The sanitizers see what memcpy() touches and nothing of streaming stores.
#if defined(__SSE2__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BWRT_STREAMS 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef BWRT_STREAMS
#endif
#endif
#endif

#if defined(BWRT_STREAMS)
#include <emmintrin.h>
#endif

namespace bwrt::runtime {

#if defined(BWRT_STREAMS)

namespace {

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kWorthItBytes = 4096;  // below, the fence costs what the stores save

void stream_line(std::byte* target, const std::byte* source) noexcept {
    const auto* from = reinterpret_cast<const __m128i*>(source);
    auto* to = reinterpret_cast<__m128i*>(target);
    const __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
    const __m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
    _mm_stream_si128(to, a);
    _mm_stream_si128(to + 1, b);
    _mm_stream_si128(to + 2, c);
    _mm_stream_si128(to + 3, d);
}

}  // namespace

void stream_copy(void* target, const void* source, std::size_t length_bytes) noexcept {
    if (length_bytes < kWorthItBytes) {
        std::memcpy(target, source, length_bytes);
        return;
    }
    auto* to = static_cast<std::byte*>(target);
    const auto* from = static_cast<const std::byte*>(source);
    const std::size_t head = (0 - reinterpret_cast<std::uintptr_t>(to)) % kLineBytes;
    std::memcpy(to, from, head);
    const std::size_t last = length_bytes - (length_bytes - head) % kLineBytes;
    for (std::size_t at = head; at < last; at += kLineBytes) stream_line(to + at, from + at);
    std::memcpy(to + last, from + last, length_bytes - last);
    // Streaming stores are not ordered by a release store that comes after them.
    _mm_sfence();
}

#else

void stream_copy(void* target, const void* source, std::size_t length_bytes) noexcept {
    std::memcpy(target, source, length_bytes);
}

#endif

}  // namespace bwrt::runtime
