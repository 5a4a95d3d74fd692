// SPDX-License-Identifier: Apache-2.0
//
// plan_text.h — a text that somebody sends as a plan, taken through everything that reads plans.
//
// Whatever the bytes are: what is taken is printed, and what was printed is taken again and is the
// same, as a value and as a text; it is judged alike both times; and cJSON reads it, too.  A tuning
// file has the same reader, and what one says is in force.

#pragma once

#include <cstddef>
#include <cstdint>

namespace bwrt::fuzz {

// Prints what is not so and aborts.
void try_plan_text(const std::uint8_t* bytes, std::size_t count);

}  // namespace bwrt::fuzz
