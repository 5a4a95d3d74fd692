// SPDX-License-Identifier: Apache-2.0

#include "planner/radix_sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <utility>

namespace bwrt::planner {

void RadixSort::sort(std::vector<KeyedRow>& rows) noexcept {
    constexpr std::size_t kDigitCount = std::size_t{1} << kDigitBits;
    if (rows.size() < 2) return;
    std::uint64_t differing_bits = 0;
    bool is_sorted = true;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        differing_bits |= rows[i].key ^ rows[0].key;
        is_sorted &= rows[i - 1].key <= rows[i].key;
    }
    if (is_sorted) return;

    KeyedRow* from = rows.data();
    KeyedRow* to = &spare_[0];
    std::array<std::uint32_t, kDigitCount> starts;
    auto shift = static_cast<std::uint32_t>(std::countr_zero(differing_bits));
    for (; shift < 64; shift += kDigitBits) {
        if (((differing_bits >> shift) & (kDigitCount - 1)) == 0) continue;
        starts.fill(0);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            ++starts[(from[i].key >> shift) & (kDigitCount - 1)];
        }
        std::uint32_t start = 0;
        for (std::uint32_t& count : starts) start += std::exchange(count, start);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            to[starts[(from[i].key >> shift) & (kDigitCount - 1)]++] = from[i];
        }
        std::swap(from, to);
    }
    if (from != rows.data()) std::copy(from, from + rows.size(), rows.data());
}

}  // namespace bwrt::planner
