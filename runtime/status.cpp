// SPDX-License-Identifier: Apache-2.0

#include "runtime/status.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace bwrt::runtime {
namespace {

void fill(const ErrorSink& sink, bwrt_status status, int os_code, const char* field,
          const char* format, std::va_list arguments) noexcept {
    if (sink.error == nullptr) return;
    bwrt_error* error = sink.error;
    std::memset(error, 0, sizeof *error);
    error->status = status;
    error->operation_index = sink.operation_index;
    error->os_code = os_code;
    std::snprintf(error->field, sizeof error->field, "%s", field);
    std::vsnprintf(error->message, sizeof error->message, format, arguments);
}

}  // namespace

static_assert(sizeof(bwrt_error) == 256, "bwrt_error never changes size");

bwrt_status fail(const ErrorSink& sink, bwrt_status status, const char* field, const char* format,
                 ...) noexcept {
    std::va_list arguments;
    va_start(arguments, format);
    fill(sink, status, 0, field, format, arguments);
    va_end(arguments);
    return status;
}

bwrt_status fail_os(const ErrorSink& sink, bwrt_status status, int os_code, const char* field,
                    const char* format, ...) noexcept {
    std::va_list arguments;
    va_start(arguments, format);
    fill(sink, status, os_code, field, format, arguments);
    va_end(arguments);
    return status;
}

const char* errno_name(int os_code) noexcept {
    const char* name = strerrorname_np(os_code);
    return name != nullptr ? name : "unknown errno";
}

bwrt_status status_of_io_errno(int os_code) noexcept {
    switch (os_code) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return BWRT_E_NOSPC;
        case ENOMEM:
            return BWRT_E_NOMEM;
        default:
            return BWRT_E_IO;
    }
}

}  // namespace bwrt::runtime

extern "C" const char* bwrt_status_name(bwrt_status status) {
// clang-format off
#define BWRT_STATUS_TABLE(X)                                                                \
    X(OK)                                                                                   \
    X(E_INVAL) X(E_ABI) X(E_HANDLE) X(E_RANGE) X(E_OVERLAP) X(E_BUSY) X(E_CLOSED)           \
    X(E_FORKED)                                                                             \
    X(E_AGAIN) X(E_TIMEOUT)                                                                 \
    X(E_CANCELLED) X(E_LATE) X(E_WINDOW) X(E_DEPENDENCY)                                    \
    X(E_MISS) X(E_CORRUPT) X(E_CONFLICT)                                                    \
    X(E_IO) X(E_TRUNCATED) X(E_NOSPC) X(E_NOMEM) X(E_DEVICE) X(E_DEVICE_LOST) X(E_LOCKED)   \
    X(E_FORMAT) X(E_PARSE) X(E_UNSUPPORTED)                                                 \
    X(E_INTERNAL)
    // clang-format on
#define BWRT_STATUS_CASE(name) \
    case BWRT_##name:          \
        return #name;
    switch (status) {
        BWRT_STATUS_TABLE(BWRT_STATUS_CASE)
        default:
            return "unknown";
    }
#undef BWRT_STATUS_CASE
#undef BWRT_STATUS_TABLE
}
