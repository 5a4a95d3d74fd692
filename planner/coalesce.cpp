// SPDX-License-Identifier: Apache-2.0

#include "planner/coalesce.h"

#include <algorithm>

#include "planner/serve.h"

namespace bwrt::planner {
namespace {

constexpr std::size_t kAhead = 12;  // rows, as long as memory takes to answer

}  // namespace

Coalesced coalesce(const PageGroups& groups, const Zeroed<ScoredRow>& scored,
                   const std::vector<KeyedRow>& rows_by_page, std::uint64_t gap_bytes_max,
                   std::vector<Operation>& operations_out) noexcept {
    Coalesced result;
    operations_out.clear();
    const std::size_t count = rows_by_page.size();
    for (std::size_t i = 0; i < count; ++i) {
        // The order of pages is none in memory: what comes is fetched while this one is looked at.
        __builtin_prefetch(&scored[rows_by_page[std::min(i + kAhead, count - 1)].row]);
        const ScoredRow& row = scored[rows_by_page[i].row];
        if (!operations_out.empty() && operations_out.back().group == row.group) {
            Operation& last = operations_out.back();
            if (row.page_bytes != last.page_bytes) {
                result.is_whole &= gap_bytes_max == 0;
                result.is_own = false;
            }
            if (row.page_first <= last.page_end ||
                row.page_first - last.page_end <= gap_bytes_max / row.page_bytes) {
                result.is_own &= row.page_first == last.page_end;
                last.page_end = std::max(last.page_end, row.page_end);
                last.page_bytes = std::max(last.page_bytes, row.page_bytes);
                serve(last, rows_by_page[i].row, row);
                continue;
            }
        }
        operations_out.push_back(
            operation_for(groups, row.group, row.page_first, row.page_end, row.page_bytes));
        serve(operations_out.back(), rows_by_page[i].row, row);
    }
    for (Operation& operation : operations_out) {
        const std::uint64_t page_count = operation.page_end - operation.page_first;
        if (__builtin_mul_overflow(page_count, operation.page_bytes, &operation.bytes) ||
            operation.bytes > RequestWindow::kBytesMax) {
            result.is_whole = false;
        }
    }
    return result;
}

}  // namespace bwrt::planner
