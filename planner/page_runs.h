// SPDX-License-Identifier: Apache-2.0
//
// page_runs.h — which pages of each group some operation moves already: disjoint runs, in order.
//
// A map whose nodes come from memory taken once, and are all given back at `clear`: windows make
// and merge runs, nothing lives longer.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <utility>

#include "planner/zeroed.h"

namespace bwrt::planner {

struct PageInterval {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
};

class PageRuns {
 public:
    struct Run {
        std::uint64_t end;
        std::uint32_t operation;
    };
    using Key = std::pair<std::uint32_t, std::uint64_t>;  // group and first page
    using Map = std::pmr::map<Key, Run>;
    using Place = Map::iterator;

    // `insertion_count_max` between two calls of clear.  Throws std::bad_alloc.
    explicit PageRuns(std::uint32_t insertion_count_max);

    void clear() noexcept;
    [[nodiscard]] std::uint32_t room() const noexcept {
        return insertion_count_max_ - inserted_count_;
    }

    // The run that holds `page` or is the last one before it, or end().
    [[nodiscard]] Place at_or_before(std::uint32_t group, std::uint64_t page) noexcept;
    // The first run of the group that begins at `page` or after, or end().
    [[nodiscard]] Place from(std::uint32_t group, std::uint64_t page) noexcept;
    // The run before this one in its group, or end().
    [[nodiscard]] Place before(Place place) noexcept;
    [[nodiscard]] Place end() noexcept { return runs_.end(); }

    // Overlaps no other run.
    void insert(std::uint32_t group, PageInterval pages, std::uint32_t operation) noexcept;
    void erase(Place place) noexcept { runs_.erase(place); }
    // The run at `place`, which may grow but not meet another one; where it is then.
    Place resize(Place place, PageInterval pages) noexcept;

    [[nodiscard]] Map& all() noexcept { return runs_; }

 private:
    // Of a node of the map; more than any library takes for three pointers, a colour and a pair.
    static constexpr std::size_t kNodeBytes = 96;

    std::uint32_t insertion_count_max_;
    std::uint32_t inserted_count_ = 0;
    Zeroed<std::byte> memory_;
    std::pmr::monotonic_buffer_resource resource_;
    Map runs_;
};

}  // namespace bwrt::planner
