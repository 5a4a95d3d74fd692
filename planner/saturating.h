// SPDX-License-Identifier: Apache-2.0
//
// saturating.h — a sum that does not fit is the largest number there is: of times that is "never",
// and of bytes nobody has more.

#pragma once

#include <cstdint>

namespace bwrt::planner {

[[nodiscard]] constexpr std::uint64_t add_saturating(std::uint64_t left,
                                                     std::uint64_t right) noexcept {
    return left > ~std::uint64_t{0} - right ? ~std::uint64_t{0} : left + right;
}

}  // namespace bwrt::planner
