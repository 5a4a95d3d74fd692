// SPDX-License-Identifier: Apache-2.0
//
// boundary.h — the wall between C and C++.
//
// guard() turns whatever a body throws into a status, so that no exception enters a C, Go,
// Python or Rust frame that cannot unwind.  copy_in() and copy_out() are the whole of how
// structs grow: the rules of Linux's copy_struct_from_user, stated in bwrt.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>

#include "runtime/status.h"

namespace bwrt::runtime {

template <typename Body>
[[nodiscard]] bwrt_status guard(bwrt_error* error, Body&& body) noexcept {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return fail({error, BWRT_NONE}, BWRT_E_NOMEM, "", "out of memory");
    } catch (const std::exception& exception) {
        return fail({error, BWRT_NONE}, BWRT_E_INTERNAL, "", "unexpected: %s", exception.what());
    } catch (...) {
        return fail({error, BWRT_NONE}, BWRT_E_INTERNAL, "", "unexpected exception");
    }
}

inline bool is_zero(const void* bytes, std::size_t count) noexcept {
    const auto* byte = static_cast<const unsigned char*>(bytes);
    for (std::size_t i = 0; i < count; ++i) {
        if (byte[i] != 0) return false;
    }
    return true;
}

// A size that no release had: 0 is what a caller forgot, so it is not compared with anything.
[[nodiscard]] inline bwrt_status fail_short(std::size_t bytes, std::size_t oldest_bytes,
                                            const char* field, const ErrorSink& sink) noexcept {
    if (bytes == 0) return fail(sink, BWRT_E_ABI, field, "size 0: it was not set");
    return fail(sink, BWRT_E_ABI, field, "size %zu is below %zu, that of the first release", bytes,
                oldest_bytes);
}

// No struct of any release is near as long: a larger size was never set.
constexpr std::size_t kStructBytesMax = 65536;

// Checks an array of the caller's, whose elements he knows by `element_bytes`: we read and write
// at that stride, so neither it nor the address may lead to where no element can lie.
[[nodiscard]] inline bwrt_status check_array(const void* array, const char* array_field,
                                             std::size_t element_bytes, std::size_t oldest_bytes,
                                             const char* size_field,
                                             const ErrorSink& sink) noexcept {
    constexpr std::size_t kAlignment = alignof(std::uint64_t);
    if (reinterpret_cast<std::uintptr_t>(array) % kAlignment != 0) {
        return fail(sink, BWRT_E_INVAL, array_field, "not aligned to %zu bytes", kAlignment);
    }
    if (element_bytes < oldest_bytes) {
        return fail_short(element_bytes, oldest_bytes, size_field, sink);
    }
    if (element_bytes > kStructBytesMax || element_bytes % kAlignment != 0) {
        return fail(sink, BWRT_E_ABI, size_field, "size %zu is no element's", element_bytes);
    }
    return BWRT_OK;
}

// Reads a struct, or one element of an array, of a caller compiled against another bwrt.h.
// `source_bytes` is the size he knows it by, `oldest_bytes` that of the first release.
//   older caller:  the fields he does not know become zero, the default
//   newer caller:  accepted only while the fields we do not know are zero
template <typename Struct>
[[nodiscard]] bwrt_status copy_in(Struct* target, const void* source, std::size_t source_bytes,
                                  std::size_t oldest_bytes, const char* field,
                                  const ErrorSink& sink) noexcept {
    if (source_bytes == sizeof(Struct)) [[likely]] {  // a copy of known length, without a call
        std::memcpy(target, source, sizeof(Struct));
        return BWRT_OK;
    }
    if (source_bytes < oldest_bytes) {
        return fail_short(source_bytes, oldest_bytes, field, sink);
    }
    if (source_bytes > sizeof(Struct)) {
        const auto* tail = static_cast<const unsigned char*>(source) + sizeof(Struct);
        if (source_bytes > kStructBytesMax || !is_zero(tail, source_bytes - sizeof(Struct))) {
            return fail(sink, BWRT_E_ABI, field,
                        "size %zu with fields this library (%zu) does not know set", source_bytes,
                        sizeof(Struct));
        }
    }
    const std::size_t known = source_bytes < sizeof(Struct) ? source_bytes : sizeof(Struct);
    std::memcpy(target, source, known);
    std::memset(reinterpret_cast<unsigned char*>(target) + known, 0, sizeof(Struct) - known);
    return BWRT_OK;
}

// Writes a struct to a caller who knows it by `target_bytes`; his unknown tail becomes zero.
template <typename Struct>
void copy_out(void* target, std::size_t target_bytes, const Struct& source) noexcept {
    const std::size_t known = target_bytes < sizeof(Struct) ? target_bytes : sizeof(Struct);
    std::memcpy(target, &source, known);
    std::memset(static_cast<unsigned char*>(target) + known, 0, target_bytes - known);
}

}  // namespace bwrt::runtime
