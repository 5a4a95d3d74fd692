// SPDX-License-Identifier: Apache-2.0
//
// Where the pages of a row go that is taken: to an operation beside them, or into a new one.

#include <algorithm>
#include <iterator>

#include "planner/placement_asking.h"

namespace bwrt::planner {

// What moves already may move with smaller pages: the largest that is asked for counts.
bool Placement::widen(Asking& asking) noexcept {
    auto place = runs_.at_or_before(asking.group, asking.pages.first);
    if (place == runs_.end()) place = runs_.from(asking.group, asking.pages.first);
    while (place != runs_.end() && place->first.first == asking.group &&
           place->first.second < asking.pages.end) {
        const PageInterval pages{place->first.second, place->second.end};
        const bool is_wide = making_[place->second.operation].page_bytes >= asking.page_bytes;
        if (!is_wide && pages.end > asking.pages.first && !join_at(asking, place, pages)) {
            return false;
        }
        place = runs_.from(asking.group, pages.end);  // where it was, others may have joined it
    }
    return true;
}

// What moves for it must be there for it, whatever joins later.
void Placement::hasten(const Asking& asking) noexcept {
    auto place = runs_.at_or_before(asking.group, asking.pages.first);
    if (place == runs_.end()) place = runs_.from(asking.group, asking.pages.first);
    for (; place != runs_.end() && place->first.first == asking.group; ++place) {
        if (place->first.second >= asking.pages.end) break;
        if (place->second.end > asking.pages.first) {
            bound(asking, making_[place->second.operation]);
        }
    }
}

void Placement::bound(const Asking& asking, Making& making) noexcept {
    if (making.movable_bytes <= asking.movable_bytes) return;
    const std::int64_t margin = asking.movable_bytes - end_bytes(*asking.queue, making);
    making.movable_bytes = asking.movable_bytes;
    asking.queue->bound(making.position, margin);
}

// Makes a neighbour longer by the piece, and by the gap between them: the one that is in front
// first, for that leaves the fewest operations.
bool Placement::join(Asking& asking, PageInterval piece) noexcept {
    if (!inputs_->joins) return false;
    const auto left = runs_.at_or_before(asking.group, piece.first);
    const auto right = runs_.from(asking.group, piece.end);
    const auto is_near = [&](PageRuns::Place place) {
        if (place == runs_.end()) return false;
        const std::uint64_t gap = place->second.end <= piece.first
                                      ? piece.first - place->second.end
                                      : place->first.second - piece.end;
        const std::uint64_t page_bytes =
            std::max(asking.page_bytes, making_[place->second.operation].page_bytes);
        return gap <= gap_pages(page_bytes);
    };
    const bool has_left = is_near(left);
    const bool has_right = is_near(right);
    const auto join_left = [&] {
        return has_left && join_at(asking, left, {left->first.second, piece.end});
    };
    const auto join_right = [&] {
        return has_right && join_at(asking, right, {piece.first, right->second.end});
    };
    const bool is_left_first =
        !has_right || (has_left && making_[left->second.operation].position <
                                       making_[right->second.operation].position);
    return is_left_first ? join_left() || join_right() : join_right() || join_left();
}

bool Placement::join_at(Asking& asking, PageRuns::Place place, PageInterval pages) noexcept {
    Making& making = making_[place->second.operation];
    BusQueue& queue = *asking.queue;
    const std::uint64_t page_bytes = std::max(making.page_bytes, asking.page_bytes);
    const std::uint64_t bytes = bytes_of(pages, page_bytes);
    const std::uint64_t more = bytes - making.bytes;
    if (bytes > RequestWindow::kBytesMax || !pays(asking, more)) return false;
    const std::uint64_t own_more = more + extra_bytes(*asking.route, *asking.bus, bytes) -
                                   extra_bytes(*asking.route, *asking.bus, making.bytes);
    const auto taken = static_cast<std::int64_t>(more);
    const auto own_taken = static_cast<std::int64_t>(own_more);
    const std::int64_t end = end_bytes(queue, making) + own_taken;
    if (end > std::min(making.movable_bytes, asking.movable_bytes)) return false;
    if (queue.least_margin(making.position + 1, queue.count()) < taken) return false;
    if (!fits_behind(asking, more, asking.reserved_bytes)) return false;

    queue.take(making.position, making.position + 1, own_taken);
    queue.take(making.position + 1, queue.count(), taken);
    queue.lengthen(more);
    making.page_first = pages.first;
    making.page_end = pages.end;
    making.page_bytes = page_bytes;
    making.bytes = bytes;
    bound(asking, making);
    pay(asking, more);
    unite(asking, runs_.resize(place, pages));
    return true;
}

// The run at `place` has grown: with its neighbours, it may now be one.
void Placement::unite(Asking& asking, PageRuns::Place place) noexcept {
    if (!inputs_->joins) return;
    const auto next = std::next(place);
    if (next != runs_.end() && next->first.first == asking.group) {
        (void)unite_two(asking, place, next);
    }
    const auto before = runs_.before(place);
    if (before != runs_.end()) (void)unite_two(asking, before, place);
}

bool Placement::unite_two(Asking& asking, PageRuns::Place left, PageRuns::Place right) noexcept {
    Making& left_making = making_[left->second.operation];
    Making& right_making = making_[right->second.operation];
    const std::uint64_t page_bytes = std::max(left_making.page_bytes, right_making.page_bytes);
    if (right->first.second - left->second.end > gap_pages(page_bytes)) return false;
    const bool is_left_first = left_making.position < right_making.position;
    Making& front = is_left_first ? left_making : right_making;
    Making& back = is_left_first ? right_making : left_making;
    const PageInterval pages{left->first.second, right->second.end};
    const std::uint64_t bytes = bytes_of(pages, page_bytes);
    const std::uint64_t gap_bytes = bytes - front.bytes - back.bytes;
    if (bytes > RequestWindow::kBytesMax || !pays(asking, gap_bytes) ||
        !fits_behind(asking, gap_bytes, asking.reserved_bytes)) {
        return false;
    }

    // Those between the two wait for the one behind, too; those behind it for the gap alone.
    BusQueue& queue = *asking.queue;
    const std::uint64_t moved = back.bytes + gap_bytes;
    const auto own_taken =
        static_cast<std::int64_t>(moved + extra_bytes(*asking.route, *asking.bus, bytes) -
                                  extra_bytes(*asking.route, *asking.bus, front.bytes));
    const auto taken = static_cast<std::int64_t>(moved);
    const auto gap_taken = static_cast<std::int64_t>(gap_bytes);
    const std::int64_t movable = std::min(front.movable_bytes, back.movable_bytes);
    const std::int64_t end = end_bytes(queue, front) + own_taken;
    if (end > movable || queue.least_margin(front.position + 1, back.position) < taken ||
        queue.least_margin(back.position + 1, queue.count()) < gap_taken) {
        return false;
    }
    queue.take(front.position + 1, back.position, taken);
    queue.take(back.position + 1, queue.count(), gap_taken);
    queue.take(front.position, front.position + 1, own_taken);
    queue.bound(front.position, movable - end);
    queue.forget(back.position);
    queue.lengthen(gap_bytes);
    pay(asking, gap_bytes);
    front.page_first = pages.first;
    front.page_end = pages.end;
    front.page_bytes = page_bytes;
    front.bytes = bytes;
    front.movable_bytes = movable;
    back.bytes = 0;
    left->second.operation = static_cast<std::uint32_t>(&front - &making_[0]);
    runs_.erase(right);
    (void)runs_.resize(left, pages);
    ++asking.budget->operation_count;
    return true;
}

void Placement::append(Asking& asking, PageInterval piece) noexcept {
    BusQueue& queue = *asking.queue;
    const std::uint64_t bytes = bytes_of(piece, asking.page_bytes);
    const std::uint64_t end =
        queue.bytes() + bytes + extra_bytes(*asking.route, *asking.bus, bytes);
    const std::uint32_t position =
        queue.append(bytes, asking.movable_bytes - static_cast<std::int64_t>(end));
    const std::uint32_t index = making_count_++;
    making_[index] = {piece.first,          piece.end, asking.page_bytes, bytes,
                      asking.movable_bytes, position};
    runs_.insert(asking.group, piece, index);
    --asking.budget->operation_count;
    pay(asking, bytes);
}

std::uint64_t Placement::gap_pages(std::uint64_t page_bytes) const noexcept {
    return inputs_->gap_bytes_max / page_bytes;
}

// How many bytes have gone over the bus when it is done.
std::int64_t Placement::end_bytes(const BusQueue& queue, const Making& making) const noexcept {
    return making.movable_bytes - queue.least_margin(making.position, making.position + 1);
}

// What is still to be taken of the row must be left, too.
bool Placement::pays(const Asking& asking, std::uint64_t bytes) const noexcept {
    const std::uint64_t all = bytes + asking.reserved_bytes;
    return all <= *asking.credit && all <= asking.budget->bytes;
}

void Placement::pay(Asking& asking, std::uint64_t bytes) noexcept {
    if (*asking.credit != ~std::uint64_t{0}) *asking.credit -= bytes;
    if (asking.budget->bytes != ~std::uint64_t{0}) asking.budget->bytes -= bytes;
    paid_[asking.row] += bytes;
}

}  // namespace bwrt::planner
