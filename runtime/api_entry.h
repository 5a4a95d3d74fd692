// SPDX-License-Identifier: Apache-2.0
//
// api_entry.h — what every exported function does first: looks at its pointers and at the runtime.

#pragma once

#include <cstdint>

#include "runtime/runtime.h"
#include "runtime/status.h"

#define BWRT_RETURN_IF(expression) \
    if (const bwrt_status status_ = (expression); status_ != BWRT_OK) return status_

namespace bwrt::runtime {

[[nodiscard]] inline bwrt_status need(const void* pointer, const char* field, bwrt_error* error) {
    constexpr std::uint32_t kAlignment = alignof(std::uint64_t);
    if (pointer == nullptr) return fail({error, BWRT_NONE}, BWRT_E_INVAL, field, "NULL");
    if (reinterpret_cast<std::uintptr_t>(pointer) % kAlignment != 0) {
        return fail({error, BWRT_NONE}, BWRT_E_INVAL, field, "not aligned to %u bytes", kAlignment);
    }
    return BWRT_OK;
}

// A runtime that may be used from here.
[[nodiscard]] inline bwrt_status enter(bwrt_runtime* runtime, bwrt_error* error) {
    if (runtime == nullptr) return fail({error, BWRT_NONE}, BWRT_E_INVAL, "runtime", "NULL");
    if (runtime->runtime.fork_guard().is_child()) {
        return fail({error, BWRT_NONE}, BWRT_E_FORKED, "runtime",
                    "it was opened by the parent of this process");
    }
    return BWRT_OK;
}

}  // namespace bwrt::runtime
