// SPDX-License-Identifier: Apache-2.0

#include "planner/radix_sort.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

namespace bwrt::planner {
namespace {

// Digits of so many bits, each from the next bit on in which any keys differ.
std::uint32_t find_shifts(std::uint64_t differing_bits, std::uint32_t digit_bits,
                          std::uint32_t* shifts_out) noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t shift = 0; shift < 64 && differing_bits >> shift != 0;) {
        shift += static_cast<std::uint32_t>(std::countr_zero(differing_bits >> shift));
        shifts_out[count++] = shift;
        shift += digit_bits;
    }
    return count;
}

}  // namespace

// What is counted must be cleared and summed: few rows, few digits' values.
RadixSort::Digits RadixSort::digits_of(std::uint64_t differing_bits,
                                       std::size_t row_count) noexcept {
    const std::uint32_t widest = row_count < 512 ? 8 : row_count < 4'096 ? 10 : kDigitBitsMax;
    Digits digits;
    digits.bits = widest;
    digits.count = find_shifts(differing_bits, widest, digits.shifts.data());
    if (digits.count << widest > kCountsMax) {
        digits.bits = kDigitBitsMax - 1;
        digits.count = find_shifts(differing_bits, digits.bits, digits.shifts.data());
    }
    // As narrow as as many passes allow.
    Digits narrower = digits;
    while (narrower.bits > 1) {
        narrower.count = find_shifts(differing_bits, --narrower.bits, narrower.shifts.data());
        if (narrower.count > digits.count) break;
        digits = narrower;
    }
    return digits;
}

// For each digit where the rows of each of its values begin.
void RadixSort::find_starts(const std::vector<KeyedRow>& rows, const Digits& digits) noexcept {
    const std::size_t value_count = std::size_t{1} << digits.bits;
    const std::uint64_t mask = value_count - 1;
    std::fill_n(counts_.begin(), digits.count * value_count, 0u);
    for (const KeyedRow& row : rows) {
        for (std::uint32_t i = 0; i < digits.count; ++i) {
            ++counts_[i * value_count + ((row.key >> digits.shifts[i]) & mask)];
        }
    }
    for (std::uint32_t i = 0; i < digits.count; ++i) {
        std::uint32_t start = 0;
        for (std::size_t value = 0; value < value_count; ++value) {
            start += std::exchange(counts_[i * value_count + value], start);
        }
    }
}

void RadixSort::sort(std::vector<KeyedRow>& rows) noexcept {
    if (rows.size() < 2) return;
    std::uint64_t differing_bits = 0;
    bool is_sorted = true;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        differing_bits |= rows[i].key ^ rows[0].key;
        is_sorted &= rows[i - 1].key <= rows[i].key;
    }
    if (is_sorted) return;

    const Digits digits = digits_of(differing_bits, rows.size());
    find_starts(rows, digits);
    const std::uint64_t mask = (std::uint64_t{1} << digits.bits) - 1;
    KeyedRow* from = rows.data();
    KeyedRow* to = &spare_[0];
    for (std::uint32_t digit = 0; digit < digits.count; ++digit) {
        std::uint32_t* const starts = &counts_[std::size_t{digit} << digits.bits];
        const std::uint32_t shift = digits.shifts[digit];
        for (std::size_t i = 0; i < rows.size(); ++i) {
            to[starts[(from[i].key >> shift) & mask]++] = from[i];
        }
        std::swap(from, to);
    }
    if (from != rows.data()) std::copy(from, from + rows.size(), rows.data());
}

}  // namespace bwrt::planner
