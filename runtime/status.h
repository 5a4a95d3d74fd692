// SPDX-License-Identifier: Apache-2.0
//
// status.h — how a refusal gets its sentence.
//
// The function that first decides which error it is calls one of these; everyone above
// passes the status on.  Nothing is stored: the sentence goes straight into the caller's
// bwrt_error, so there is no thread-local state for Go or asyncio to trip over.

#pragma once

#include <cstdint>

#include "include/bwrt.h"

namespace bwrt::runtime {

// Where a fault is reported: the caller's optional error, and which operation is being read.
struct ErrorSink {
    bwrt_error* error = nullptr;
    std::uint32_t operation_index = BWRT_NONE;
};

// For %llu in a sentence.
constexpr unsigned long long ull(std::uint64_t value) { return value; }

// Fills sink.error when there is one; returns `status`.
[[gnu::format(printf, 4, 5)]] bwrt_status fail(const ErrorSink& sink, bwrt_status status,
                                               const char* field, const char* format, ...) noexcept;

// As fail(), for a system call that failed with `os_code` (positive errno).
[[gnu::format(printf, 5, 6)]] bwrt_status fail_os(const ErrorSink& sink, bwrt_status status,
                                                  int os_code, const char* field,
                                                  const char* format, ...) noexcept;

// "EPERM" for EPERM; "errno 4095" style text for what has no name.
const char* errno_name(int os_code) noexcept;

// The status for a failed read, write or flush.
bwrt_status status_of_io_errno(int os_code) noexcept;

}  // namespace bwrt::runtime
