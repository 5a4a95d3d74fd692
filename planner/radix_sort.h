// SPDX-License-Identifier: Apache-2.0
//
// radix_sort.h — rows by a 64-bit key, in time that grows with their number alone.
//
// Least digit first, eleven bits at a time, so rows of equal keys stay as they stood.  Digits that
// all keys share are passed over: page numbers below 1,024 cost one pass and not six.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/zeroed.h"

namespace bwrt::planner {

struct KeyedRow {
    std::uint64_t key;
    std::uint32_t row;
};

class RadixSort {
 public:
    // Takes the memory for that many.
    explicit RadixSort(std::uint32_t row_count_max) : spare_(row_count_max) {}

    void sort(std::vector<KeyedRow>& rows) noexcept;

 private:
    static constexpr std::uint32_t kDigitBits = 11;

    Zeroed<KeyedRow> spare_;
};

}  // namespace bwrt::planner
