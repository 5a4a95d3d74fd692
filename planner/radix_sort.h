// SPDX-License-Identifier: Apache-2.0
//
// radix_sort.h — rows by a 64-bit key, in time that grows with their number alone.
//
// Least digit first, so rows of equal keys stay as they stood.  The bits in which keys differ are
// cut into digits: at most so wide that counting a digit's values does not take longer than the
// rows, and no wider than is needed for as few passes.  Page numbers below 4,096 cost one pass.
//
// Between the first pass and the last, a row is one word where its digits and its number fit into
// one, which they nearly always do: half of what would go through the cache.
//
//   KeyedRow | 0001 digit 0000 digit 01 | row |  <->  word | digit | digit | row |

#pragma once

#include <array>
#include <cstddef>
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
    static constexpr std::uint32_t kDigitBitsMax = 12;
    static constexpr std::uint32_t kCountsMax = 6u << 11;  // of 64 bits in digits of 11; 48 KiB

    struct Digits {
        std::uint32_t bits = 0;
        std::uint32_t count = 0;
        std::array<std::uint32_t, 64> shifts = {};
    };
    [[nodiscard]] static Digits digits_of(std::uint64_t differing_bits,
                                          std::size_t row_count) noexcept;
    template <std::uint32_t kDigitCount>
    void sort_words(std::vector<KeyedRow>& rows, const Digits& digits, std::uint32_t row_bits,
                    std::uint64_t differing_bits) noexcept;
    void sort_rows(std::vector<KeyedRow>& rows, const Digits& digits) noexcept;
    void find_starts(const Digits& digits) noexcept;

    Zeroed<KeyedRow> spare_;  // or two words each
    std::array<std::uint32_t, kCountsMax> counts_ = {};
};

}  // namespace bwrt::planner
