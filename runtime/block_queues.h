// SPDX-License-Identifier: Apache-2.0
//
// block_queues.h — the queues that both block lanes have: tasks that found nothing free, and
// flights that wait for the same.
//
// Links are in what is queued, so nothing is allocated and nothing can be in two queues of a kind.

#pragma once

#include <cstdint>
#include <vector>

#include "runtime/block_task.h"

namespace bwrt::runtime {

// First come, first served.
template <typename Flight>
class FlightQueue {
 public:
    FlightQueue() = default;
    FlightQueue(const FlightQueue&) = delete;
    FlightQueue& operator=(const FlightQueue&) = delete;

    [[nodiscard]] bool is_empty() const noexcept { return head_ == nullptr; }
    [[nodiscard]] Flight* head() const noexcept { return head_; }
    void push(Flight* flight) noexcept {
        flight->next = nullptr;
        *end_ = flight;
        end_ = &flight->next;
    }
    void push_front(Flight* flight) noexcept {
        flight->next = head_;
        if (head_ == nullptr) end_ = &flight->next;
        head_ = flight;
    }
    Flight* pop() noexcept {
        Flight* flight = head_;
        head_ = flight->next;
        if (head_ == nullptr) end_ = &head_;
        return flight;
    }
    void take_all(FlightQueue* from) noexcept {
        while (!from->is_empty()) push(from->pop());
    }

 private:
    Flight* head_ = nullptr;
    Flight** end_ = &head_;
};

// Those that are to be begun when something was given back, in the order in which they came; those
// that are to look at everything again come before them, in their own order.
//
//   [ pushed again ... | pushed ... ]
//                      ▲ again_end_
class StarvedTasks {
 public:
    StarvedTasks() = default;
    StarvedTasks(const StarvedTasks&) = delete;
    StarvedTasks& operator=(const StarvedTasks&) = delete;

    [[nodiscard]] bool is_empty() const noexcept { return head_ == nullptr; }

    void push(BlockTask* task) noexcept {
        task->state = BlockTask::State::kNew;
        task->waiting = nullptr;
        *end_ = task;
        end_ = &task->waiting;
    }
    void push_again(BlockTask* task) noexcept {
        task->state = BlockTask::State::kNew;
        task->waiting = *again_end_;
        if (*again_end_ == nullptr) end_ = &task->waiting;
        *again_end_ = task;
        again_end_ = &task->waiting;
    }
    // True when there were any of that wave's.
    bool remove_of(const Wave* wave) noexcept {
        bool any = false;
        BlockTask** link = &head_;
        while (*link != nullptr) {
            if ((*link)->wave == wave) {
                if (again_end_ == &(*link)->waiting) again_end_ = link;
                *link = (*link)->waiting;
                any = true;
            } else {
                link = &(*link)->waiting;
            }
        }
        end_ = link;
        return any;
    }

    // begin(task) says whether it was begun; resolved(wave) is told of its wave afterwards, which
    // must not be over meanwhile.  Until one finds nothing again.
    template <typename Begin, typename Resolved>
    void retry(const Begin& begin, const Resolved& resolved) noexcept {
        while (head_ != nullptr) {
            BlockTask* task = head_;
            const bool again = again_end_ != &head_;
            head_ = task->waiting;
            if (head_ == nullptr) end_ = &head_;
            if (again_end_ == &task->waiting) again_end_ = &head_;
            Wave* wave = task->wave;
            ++wave->inflight_count;
            const bool begun = begin(task);
            --wave->inflight_count;
            if (!begun) {
                put_back(task, again);
                return;
            }
            resolved(wave);
        }
    }

 private:
    void put_back(BlockTask* task, bool again) noexcept {
        task->state = BlockTask::State::kNew;
        task->waiting = head_;
        if (head_ == nullptr) end_ = &task->waiting;
        if (again && again_end_ == &head_) again_end_ = &task->waiting;
        head_ = task;
    }

    BlockTask* head_ = nullptr;
    BlockTask** again_end_ = &head_;
    BlockTask** end_ = &head_;
};

// In the order in which they came, so many at most.
template <typename T>
class BoundedRing {
 public:
    BoundedRing() = default;
    explicit BoundedRing(std::uint32_t count_max) : items_(count_max) {}

    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    [[nodiscard]] bool is_full() const noexcept { return count_ == items_.size(); }
    [[nodiscard]] const T& front() const noexcept { return items_[first_]; }
    void push(const T& item) noexcept {
        items_[(first_ + count_) % items_.size()] = item;
        ++count_;
    }
    void pop() noexcept {
        first_ = (first_ + 1) % items_.size();
        --count_;
    }

 private:
    std::vector<T> items_;
    std::size_t first_ = 0, count_ = 0;
};

}  // namespace bwrt::runtime
