// SPDX-License-Identifier: Apache-2.0
//
// overlap.h — when two operations can be proved to share bytes.
//
// The bytes of one side are a progression: count rows of length bytes, stride apart.  For an
// interval against a progression and for two progressions of one stride the question has an
// exact answer in O(1); for two different strides it is left to the caller (bwrt.h says so).

#pragma once

#include <cstdint>

#include "runtime/operation.h"

namespace bwrt::runtime {

__extension__ typedef __int128 Wide;

struct Progression {
    std::uint64_t space = 0;  // 0: host memory; else the file region's slot + 1
    std::uint64_t low = 0;    // first byte of the lowest row
    std::uint64_t length_bytes = 0;
    std::uint64_t stride_bytes = 0;  // positive; irrelevant when count is 1
    std::uint64_t count = 0;         // 0: unknown or nothing, overlaps nothing provably

    [[nodiscard]] Wide high() const noexcept {
        return Wide{low} + Wide{stride_bytes} * (count - 1) + length_bytes;
    }
};

// The rows at `start`, `stride` apart (either sign); rows that touch become one interval.
[[nodiscard]] Progression make_progression(std::uint64_t space, std::uint64_t start,
                                           std::int64_t stride_bytes, std::uint64_t count,
                                           std::uint64_t length_bytes) noexcept;

[[nodiscard]] bool overlap_is_proved(const Progression& a, const Progression& b) noexcept;

// What the operation writes, where bounds and strides tell; count 0 otherwise.
[[nodiscard]] Progression target_of(const Operation& operation) noexcept;

// Sorts a list linked through Operation::next; stable, O(n log n), no memory.
template <typename Before>
Operation* sort_operations(Operation* list, Before before) noexcept {
    Operation* runs[40] = {};  // runs[k]: null or 2^k operations, sorted
    const auto merge = [&](Operation* a, Operation* b) {
        Operation* head = nullptr;
        Operation** link = &head;
        while (a != nullptr && b != nullptr) {
            Operation*& first = before(*b, *a) ? b : a;
            *link = first;
            link = &first->next;
            first = first->next;
        }
        *link = a != nullptr ? a : b;
        return head;
    };
    while (list != nullptr) {
        Operation* run = list;
        list = list->next;
        run->next = nullptr;
        int k = 0;
        for (; runs[k] != nullptr; ++k) {
            run = merge(runs[k], run);
            runs[k] = nullptr;
        }
        runs[k] = run;
    }
    Operation* sorted = nullptr;
    for (Operation* run : runs) {
        if (run != nullptr) sorted = sorted == nullptr ? run : merge(run, sorted);
    }
    return sorted;
}

}  // namespace bwrt::runtime
