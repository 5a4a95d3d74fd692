// SPDX-License-Identifier: Apache-2.0

#include "planner/admission_list.h"

#include <algorithm>
#include <tuple>

namespace bwrt::planner {
namespace {

constexpr std::uint32_t kNoRun = 0xFFFF'FFFF;

auto key_of(const AdmittedRun& run) noexcept {
    return std::tuple(run.node, run.model, run.prefix, run.layer);
}

// Pages of several sizes that overlap may be more than 64 bits of the largest: then it is all.
void set_end(AdmittedRun& run, std::uint64_t page_end) noexcept {
    run.page_end = page_end;
    if (__builtin_mul_overflow(page_end - run.page_first, run.page_bytes, &run.bytes)) {
        run.bytes = ~std::uint64_t{0};
    }
}

}  // namespace

AdmissionList::AdmissionList(const WindowLimits& limits, const AdmissionRule& rule)
    : limits_(limits),
      rule_(rule),
      budgets_(limits.node_count, TokenBucket(rule.writes, rule.writes.burst_bytes, 0)) {
    if (limits.resident_count_max == 0) return;
    runs_.reserve(limits.row_count_max * kRunsPerRow);
    order_.reserve(limits.row_count_max * kRunsPerRow);
    present_.reserve(limits.resident_count_max);
}

void AdmissionList::add(const RequestColumns& rows, std::uint32_t row, std::uint64_t page_first,
                        std::uint64_t page_end, std::uint64_t heat_milli) noexcept {
    if (!is_hot(heat_milli) || runs_.size() == runs_.capacity()) return;
    if (rows.tier_src[row] == rule_.tier || rows.tier_dst[row] == rule_.tier) return;
    runs_.push_back({.page_first = page_first,
                     .page_bytes = rows.page_bytes[row],
                     .heat_milli = heat_milli,
                     .model = rows.model[row],
                     .prefix = rows.prefix[row],
                     .layer = rows.layer[row],
                     .node = rows.node[row],
                     .tier = rule_.tier});
    set_end(runs_.back(), page_end);
}

void AdmissionList::make(const Residents& residents, std::uint64_t now_ns,
                         std::vector<AdmittedRun>& list_out) noexcept {
    list_out.clear();
    if (runs_.empty()) return;
    unite();
    leave_out(residents, list_out);
    if (rule_.writes.bytes != 0) pay(now_ns, list_out);
}

// A run is as hot as its hottest page, and its pages are as large as the largest of those that
// overlap.
void AdmissionList::unite() noexcept {
    std::sort(runs_.begin(), runs_.end(), [](const AdmittedRun& one, const AdmittedRun& other) {
        return std::tuple(key_of(one), one.page_first, one.page_bytes) <
               std::tuple(key_of(other), other.page_first, other.page_bytes);
    });
    std::size_t kept = 0;
    for (const AdmittedRun& next : runs_) {
        if (kept > 0 && key_of(runs_[kept - 1]) == key_of(next)) {
            AdmittedRun& last = runs_[kept - 1];
            const bool meets = last.page_bytes == next.page_bytes ? next.page_first <= last.page_end
                                                                  : next.page_first < last.page_end;
            if (meets) {
                last.heat_milli = std::max(last.heat_milli, next.heat_milli);
                last.page_bytes = std::max(last.page_bytes, next.page_bytes);
                set_end(last, std::max(last.page_end, next.page_end));
                continue;
            }
        }
        runs_[kept++] = next;
    }
    runs_.resize(kept);
}

// Cuts the pages out that are on the tier already.
void AdmissionList::leave_out(const Residents& residents,
                              std::vector<AdmittedRun>& list_out) noexcept {
    present_.clear();
    const std::uint32_t count = std::min(residents.count, limits_.resident_count_max);
    for (std::uint32_t resident = 0; resident < count; ++resident) {
        if (residents.tier[resident] != rule_.tier) continue;
        const std::uint32_t run = run_of(residents, resident);
        if (run != kNoRun) present_.push_back({residents.page[resident], run});
    }
    std::sort(present_.begin(), present_.end(), [](const KeyedRow& one, const KeyedRow& other) {
        return std::tie(one.row, one.key) < std::tie(other.row, other.key);
    });
    auto present = present_.begin();
    const auto add = [&](AdmittedRun piece, std::uint64_t page_end) {
        if (piece.page_first >= page_end || list_out.size() == runs_.capacity()) return;
        set_end(piece, page_end);
        list_out.push_back(piece);
    };
    for (std::uint32_t run = 0; run < runs_.size(); ++run) {
        AdmittedRun rest = runs_[run];
        for (; present != present_.end() && present->row == run; ++present) {
            add(rest, present->key);
            rest.page_first = present->key + 1;
        }
        add(rest, rest.page_end);
    }
}

// The hottest first; the list stays in its order.
void AdmissionList::pay(std::uint64_t now_ns, std::vector<AdmittedRun>& list_out) noexcept {
    order_.clear();
    for (std::uint32_t i = 0; i < list_out.size(); ++i) {
        order_.push_back({list_out[i].heat_milli, i});
    }
    std::sort(order_.begin(), order_.end(), [](const KeyedRow& one, const KeyedRow& other) {
        return one.key != other.key ? one.key > other.key : one.row < other.row;
    });
    for (const KeyedRow& keyed : order_) {
        AdmittedRun& run = list_out[keyed.row];
        TokenBucket& budget = budgets_[run.node];
        const std::uint64_t pages_left = budget.left_bytes(now_ns) / run.page_bytes;
        set_end(run, run.page_first + std::min(run.page_end - run.page_first, pages_left));
        budget.charge(run.bytes, now_ns);
    }
    std::erase_if(list_out, [](const AdmittedRun& run) { return run.page_first == run.page_end; });
}

std::uint32_t AdmissionList::run_of(const Residents& residents,
                                    std::uint32_t resident) const noexcept {
    const auto key = std::tuple(residents.node[resident], residents.model[resident],
                                residents.prefix[resident], residents.layer[resident]);
    const std::uint64_t page = residents.page[resident];
    const auto behind = std::upper_bound(
        runs_.begin(), runs_.end(), page, [&](std::uint64_t at, const AdmittedRun& run) {
            return std::tuple(key, at) < std::tuple(key_of(run), run.page_first);
        });
    if (behind == runs_.begin()) return kNoRun;
    const AdmittedRun& before = *(behind - 1);
    const bool has_page = key_of(before) == key && page < before.page_end;
    return has_page ? static_cast<std::uint32_t>(behind - 1 - runs_.begin()) : kNoRun;
}

}  // namespace bwrt::planner
