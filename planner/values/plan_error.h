// SPDX-License-Identifier: Apache-2.0
//
// plan_error.h — why a plan was not taken: where in the text, which field, and a sentence.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace bwrt::planner {

struct PlanError {
    static constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

    std::uint64_t offset = kNoOffset;  // of the byte in the text; kNoOffset: it is not of a text
    std::string field;                 // "ops[3].length"; empty: the whole
    std::string sentence;              // empty: there is no error

    explicit operator bool() const noexcept { return !sentence.empty(); }

    // "ops[3].length: is above 2^53, so it must be a string (at byte 117)"
    [[nodiscard]] std::string text() const {
        std::string all = field.empty() ? sentence : field + ": " + sentence;
        if (offset != kNoOffset) all += " (at byte " + std::to_string(offset) + ")";
        return all;
    }
};

inline PlanError plan_error(std::string field, std::string sentence) {
    return {PlanError::kNoOffset, std::move(field), std::move(sentence)};
}

}  // namespace bwrt::planner
