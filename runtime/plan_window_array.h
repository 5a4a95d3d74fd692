// SPDX-License-Identifier: Apache-2.0
//
// plan_window_array.h — the arrays of a window of requests: read at the caller's stride, and blamed
// by the element, "requests[3].page_bytes".

#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "runtime/boundary.h"
#include "runtime/plan_window.h"

namespace bwrt::runtime {

// An array as the errors name it.
struct ArrayName {
    const char* elements;
    const char* array;
    const char* element_bytes;
};

[[gnu::format(printf, 5, 6)]] inline bwrt_status blame(const ErrorSink& sink, const ArrayName& name,
                                                       std::uint32_t index, const char* field,
                                                       const char* format, ...) noexcept {
    char sentence[160];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    char place[48];
    std::snprintf(place, sizeof place, "%s[%u].%s", name.elements, index, field);
    return fail(sink, BWRT_E_INVAL, place, "%s %s", field, sentence);
}

// Calls take(index, element) for each, until one is refused.
template <typename Element, typename Take>
bwrt_status read_array(const Element* array, std::uint32_t count, std::uint32_t element_bytes,
                       const ArrayName& name, const ErrorSink& sink, Take&& take) {
    if (count == 0) return BWRT_OK;
    if (array == nullptr) return fail(sink, BWRT_E_INVAL, name.array, "NULL");
    if (const bwrt_status status = check_array(array, name.array, element_bytes, sizeof(Element),
                                               name.element_bytes, sink)) {
        return status;
    }
    const auto* source = reinterpret_cast<const std::byte*>(array);
    for (std::uint32_t index = 0; index < count; ++index, source += element_bytes) {
        Element element;
        if (const bwrt_status status = copy_in(&element, source, element_bytes, sizeof element,
                                               name.element_bytes, sink)) {
            return status;
        }
        if (const bwrt_status status = take(index, element)) return status;
    }
    return BWRT_OK;
}

inline bool is_tier(std::uint32_t tier) noexcept {
    return tier != BWRT_TIER_NONE && tier < WindowPlanner::kTierCount;
}

}  // namespace bwrt::runtime
