// SPDX-License-Identifier: Apache-2.0

#include "planner/page_runs.h"

#include <iterator>

namespace bwrt::planner {

PageRuns::PageRuns(std::uint32_t insertion_count_max)
    : insertion_count_max_(insertion_count_max),
      memory_(kNodeBytes * insertion_count_max + kNodeBytes),
      resource_(&memory_[0], kNodeBytes * insertion_count_max + kNodeBytes,
                std::pmr::null_memory_resource()),
      runs_(&resource_) {}

void PageRuns::clear() noexcept {
    runs_.clear();
    resource_.release();
    inserted_count_ = 0;
}

PageRuns::Place PageRuns::at_or_before(std::uint32_t group, std::uint64_t page) noexcept {
    const Place after = runs_.upper_bound({group, page});
    if (after == runs_.begin()) return runs_.end();
    const Place before = std::prev(after);
    return before->first.first == group ? before : runs_.end();
}

PageRuns::Place PageRuns::from(std::uint32_t group, std::uint64_t page) noexcept {
    const Place place = runs_.lower_bound({group, page});
    return place != runs_.end() && place->first.first == group ? place : runs_.end();
}

PageRuns::Place PageRuns::before(Place place) noexcept {
    if (place == runs_.begin()) return runs_.end();
    const Place previous = std::prev(place);
    return previous->first.first == place->first.first ? previous : runs_.end();
}

void PageRuns::insert(std::uint32_t group, PageInterval pages, std::uint32_t operation) noexcept {
    ++inserted_count_;
    runs_.insert({{group, pages.first}, {pages.end, operation}});
}

PageRuns::Place PageRuns::resize(Place place, PageInterval pages) noexcept {
    if (place->first.second != pages.first) {
        auto node = runs_.extract(place);
        node.key().second = pages.first;
        place = runs_.insert(std::move(node)).position;
    }
    place->second.end = pages.end;
    return place;
}

}  // namespace bwrt::planner
