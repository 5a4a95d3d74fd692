// SPDX-License-Identifier: Apache-2.0

#include "planner/coalesce.h"

#include <algorithm>

#include "planner/saturating.h"
#include "planner/serve.h"

namespace bwrt::planner {
namespace {

constexpr std::size_t kAhead = 12;  // rows, as long as memory takes to answer

// An operation in the making, in registers: it is written once, when the next one begins.
struct Open {
    std::uint64_t page_first = 0;
    std::uint64_t page_end = 0;
    std::uint64_t page_bytes = 0;
    std::uint64_t deadline_ns = kNoDeadline;
    std::uint64_t urgency = ~std::uint64_t{0};
    std::int64_t slack_milli = kSlackMax;
    std::uint64_t popularity_milli = 0;
    std::uint32_t group = 0;
    std::uint32_t row = 0;
    std::uint32_t fan_out = 0;
    std::uint8_t age = 0;
    RequestClass request_class = RequestClass::kPrediction;
};

void write(const PageGroups& groups, const Open& open, Operation& operation_out,
           Coalesced& result) noexcept {
    begin_operation(groups, open.group, open.page_first, open.page_end, open.page_bytes,
                    operation_out);
    operation_out.deadline_ns = open.deadline_ns;
    operation_out.urgency = open.urgency;
    operation_out.slack_milli = open.slack_milli;
    operation_out.popularity_milli = open.popularity_milli;
    operation_out.row = open.row;
    operation_out.fan_out = open.fan_out;
    operation_out.age = open.age;
    operation_out.request_class = open.request_class;
    const std::uint64_t page_count = open.page_end - open.page_first;
    if (__builtin_mul_overflow(page_count, open.page_bytes, &operation_out.bytes) ||
        operation_out.bytes > RequestWindow::kBytesMax) {
        result.is_whole = false;
    }
    result.bytes = add_saturating(result.bytes, operation_out.bytes);
}

// Whether the row goes on where the operation ends; it is then as long as both.
bool extend(const ScoredRow& row, std::uint64_t gap_bytes_max, Open& open,
            Coalesced& result) noexcept {
    if (row.group != open.group) return false;
    if (row.page_bytes != open.page_bytes) {
        result.is_whole &= gap_bytes_max == 0;
        result.is_own = false;
    }
    // A division is slower than all the rest, and nearly every row would wait for it.
    const std::uint64_t gap_pages = gap_bytes_max == 0 ? 0 : gap_bytes_max / row.page_bytes;
    if (row.page_first > open.page_end && row.page_first - open.page_end > gap_pages) return false;
    result.is_own &= row.page_first == open.page_end;
    open.page_end = std::max(open.page_end, row.page_end);
    open.page_bytes = std::max(open.page_bytes, row.page_bytes);
    return true;
}

}  // namespace

Coalesced coalesce(const PageGroups& groups, const Zeroed<ScoredRow>& scored,
                   const std::vector<KeyedRow>& rows_by_page, std::uint64_t gap_bytes_max,
                   std::vector<Operation>& operations_out) noexcept {
    Coalesced result;
    std::size_t made = 0;
    const std::size_t count = rows_by_page.size();
    for (std::size_t i = 0; i < count;) {
        const ScoredRow* row = &scored[rows_by_page[i].row];
        Open open{.page_first = row->page_first,
                  .page_end = row->page_end,
                  .page_bytes = row->page_bytes,
                  .group = row->group};
        do {
            // The order of pages is none in memory: what comes is fetched meanwhile.
            __builtin_prefetch(&scored[rows_by_page[std::min(i + kAhead, count - 1)].row]);
            serve(open, rows_by_page[i].row, *row);
            if (++i == count) break;
            row = &scored[rows_by_page[i].row];
        } while (extend(*row, gap_bytes_max, open, result));
        if (made == operations_out.size()) operations_out.emplace_back();
        write(groups, open, operations_out[made++], result);
    }
    operations_out.resize(made);
    return result;
}

}  // namespace bwrt::planner
