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

// Of counts, for each digit where the rows of each of its values begin.
void RadixSort::find_starts(const Digits& digits) noexcept {
    const std::size_t value_count = std::size_t{1} << digits.bits;
    for (std::uint32_t i = 0; i < digits.count; ++i) {
        std::uint32_t* const counts = &counts_[i * value_count];
        std::uint32_t start = 0;
        for (std::size_t value = 0; value < value_count; ++value) {
            start += std::exchange(counts[value], start);
        }
    }
}

// The number of digits is a constant, so that no pass has a loop within the loop over rows.
template <std::uint32_t kDigitCount>
void RadixSort::sort_words(std::vector<KeyedRow>& rows, const Digits& digits,
                           std::uint32_t row_bits, std::uint64_t differing_bits) noexcept {
    const std::uint32_t bits = digits.bits;
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    const std::size_t count = rows.size();
    std::uint32_t shifts[kDigitCount];
    std::copy_n(digits.shifts.begin(), kDigitCount, shifts);
    auto* from = reinterpret_cast<std::uint64_t*>(&spare_[0]);
    std::uint64_t* to = from + count;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t word = rows[i].row;
        for (std::uint32_t digit = 0; digit < kDigitCount; ++digit) {
            const std::uint64_t value = (rows[i].key >> shifts[digit]) & mask;
            ++counts_[(std::size_t{digit} << bits) + value];
            word |= value << (row_bits + digit * bits);
        }
        from[i] = word;
    }
    find_starts(digits);
    std::uint32_t shift = row_bits;
    std::uint32_t* starts = counts_.data();
    for (std::uint32_t digit = 0; digit + 1 < kDigitCount; ++digit) {
        for (std::size_t i = 0; i < count; ++i) to[starts[(from[i] >> shift) & mask]++] = from[i];
        std::swap(from, to);
        shift += bits;
        starts += mask + 1;
    }
    const std::uint64_t shared = rows[0].key & ~differing_bits;
    const std::uint64_t row_mask = (std::uint64_t{1} << row_bits) - 1;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t word = from[i];
        std::uint64_t key = shared;
        for (std::uint32_t digit = 0; digit < kDigitCount; ++digit) {
            key |= ((word >> (row_bits + digit * bits)) & mask) << shifts[digit];
        }
        rows[starts[(word >> shift) & mask]++] = {key, static_cast<std::uint32_t>(word & row_mask)};
    }
}

void RadixSort::sort_rows(std::vector<KeyedRow>& rows, const Digits& digits) noexcept {
    const std::uint64_t mask = (std::uint64_t{1} << digits.bits) - 1;
    for (const KeyedRow& row : rows) {
        for (std::uint32_t i = 0; i < digits.count; ++i) {
            ++counts_[(std::size_t{i} << digits.bits) + ((row.key >> digits.shifts[i]) & mask)];
        }
    }
    find_starts(digits);
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

void RadixSort::sort(std::vector<KeyedRow>& rows) noexcept {
    if (rows.size() < 2) return;
    std::uint64_t differing_bits = 0;
    std::uint32_t row_union = rows[0].row;
    bool is_sorted = true;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        differing_bits |= rows[i].key ^ rows[0].key;
        row_union |= rows[i].row;
        is_sorted &= rows[i - 1].key <= rows[i].key;
    }
    if (is_sorted) return;

    const Digits digits = digits_of(differing_bits, rows.size());
    const auto row_bits = static_cast<std::uint32_t>(std::bit_width(row_union));
    std::fill_n(counts_.begin(), std::size_t{digits.count} << digits.bits, 0u);
    const bool fits = digits.count * digits.bits + row_bits <= 64;
    if (fits && digits.count == 1) return sort_words<1>(rows, digits, row_bits, differing_bits);
    if (fits && digits.count == 2) return sort_words<2>(rows, digits, row_bits, differing_bits);
    if (fits && digits.count == 3) return sort_words<3>(rows, digits, row_bits, differing_bits);
    sort_rows(rows, digits);
}

}  // namespace bwrt::planner
