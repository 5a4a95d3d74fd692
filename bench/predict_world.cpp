// SPDX-License-Identifier: Apache-2.0

#include "bench/predict_world.h"

#include <algorithm>

namespace bwrt::bench {
namespace {

using namespace bwrt::planner;

constexpr double kDiskSpeed = 4;             // of what is referenced on the average
constexpr std::uint64_t kQueueWindows = 16;  // so many windows' blocks may wait for the disk

constexpr auto kEndsLater = [](const auto& left, const auto& right) {
    return left.at_ns > right.at_ns;
};

}  // namespace

PredictWorld::PredictWorld(const replay::Trace& trace, std::uint32_t capacity)
    : trace_(trace),
      policy_({trace.block_count(), 1, trace.block_count(), capacity}),
      is_seen_(trace.block_count()),
      is_here_(trace.block_count()),
      is_unasked_(trace.block_count()),
      is_wanted_(trace.block_count()),
      leases_(trace.block_count(), kNoLease) {
    const std::uint64_t span_ns = trace.arrival_ns(trace.request_count() - 1) - trace.arrival_ns(0);
    const double per_ns =
        kDiskSpeed * static_cast<double>(trace.reference_count()) / static_cast<double>(span_ns);
    window_blocks_ = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(per_ns * static_cast<double>(kWindowNs)));
    now_ns_ = trace.arrival_ns(0);
    window_ns_ = now_ns_ + kWindowNs;
}

std::uint64_t PredictWorld::missing_count(std::uint32_t head) const {
    std::uint64_t count = 0;
    for (std::uint32_t at = head; at != kNoBlock && is_here_[at] == 0; at = trace_.parent(at)) {
        ++count;
    }
    return count;
}

Outcome PredictWorld::run() {
    for (std::size_t i = 0; i < trace_.request_count(); ++i) {
        step_until(trace_.arrival_ns(i));
        serve(i);
    }
    for (const char is_unasked : is_unasked_) outcome_.wasted += is_unasked != 0 ? 1 : 0;
    return outcome_;
}

void PredictWorld::step_until(std::uint64_t now_ns) {
    while (window_ns_ <= now_ns) {
        now_ns_ = window_ns_;
        tell_ends(now_ns_);
        disk_left_ += static_cast<std::int64_t>(window_blocks_);
        move(now_ns_);
        disk_left_ = std::min<std::int64_t>(disk_left_, 0);
        if (foresight_ != nullptr) plan();
        window_ns_ += kWindowNs;
    }
    now_ns_ = now_ns;
    tell_ends(now_ns_);
}

std::uint64_t PredictWorld::queued_count() const {
    std::uint64_t count = 0;
    for (const Fetch& fetch : fetches_) count += fetch.block_count;
    return count;
}

void PredictWorld::plan() {
    const std::uint64_t most = kQueueWindows * window_blocks_;
    orders_.clear();
    let_go_.clear();
    foresight_->plan(now_ns_, most - std::min(queued_count(), most), orders_, let_go_);
    for (const std::uint32_t head : let_go_) let_go(head);
    for (const Order& order : orders_) {
        is_wanted_[order.head] = 1;
        fetches_.push_back({order.head, missing_count(order.head)});
    }
}

void PredictWorld::tell_ends(std::uint64_t now_ns) {
    while (!ends_.empty() && ends_.front().at_ns <= now_ns) {
        if (foresight_ != nullptr) foresight_->ended(ends_.front().head, ends_.front().at_ns);
        std::pop_heap(ends_.begin(), ends_.end(), kEndsLater);
        ends_.pop_back();
    }
}

// What the window has left of the disk goes into fetches, the first first.
void PredictWorld::move(std::uint64_t now_ns) {
    std::size_t done = 0;
    for (; done < fetches_.size() && disk_left_ > 0; ++done) {
        Fetch& fetch = fetches_[done];
        if (is_wanted_[fetch.head] == 0) fetch.block_count = 0;  // a request was faster
        const std::uint64_t count =
            std::min(fetch.block_count, static_cast<std::uint64_t>(disk_left_));
        disk_left_ -= static_cast<std::int64_t>(count);
        fetch.block_count -= count;
        if (fetch.block_count > 0) break;
        if (is_wanted_[fetch.head] == 0) {
            foresight_->failed(fetch.head, now_ns);
            continue;
        }
        is_wanted_[fetch.head] = 0;
        land(fetch.head);
        foresight_->fetched(fetch.head, now_ns);
    }
    fetches_.erase(fetches_.begin(), fetches_.begin() + static_cast<std::ptrdiff_t>(done));
}

void PredictWorld::land(std::uint32_t head) {
    std::vector<std::uint32_t> path;
    for (std::uint32_t at = head; at != kNoBlock && is_here_[at] == 0; at = trace_.parent(at)) {
        path.push_back(at);
    }
    for (std::size_t i = path.size(); i > 0; --i) {
        if (!put(path[i - 1])) return;
        is_unasked_[path[i - 1]] = 1;
        ++outcome_.fetched;
    }
    if (!path.empty()) leases_[head] = policy_.lease(head, kTickMax);
    while (policy_.take_free() != kNoBlock) {
    }
}

void PredictWorld::let_go(std::uint32_t head) {
    if (leases_[head] == kNoLease) return;
    policy_.release(leases_[head]);
    leases_[head] = kNoLease;
    while (policy_.take_free() != kNoBlock) {
    }
}

bool PredictWorld::put(std::uint32_t block) {
    Arrival arrival;
    arrival.parent = trace_.parent(block);
    arrival.bytes = 1;
    for (;;) {
        const Room room = policy_.make_room(arrival, tick_);
        if (room.verdict == RoomVerdict::kFull) return false;
        if (room.verdict == RoomVerdict::kFits) break;
        policy_.remove(room.block, 1);
        while (policy_.take_free() != kNoBlock) {
        }
        is_here_[room.block] = 0;
        outcome_.wasted += is_unasked_[room.block] != 0 ? 1 : 0;
        is_unasked_[room.block] = 0;
        if (foresight_ != nullptr) foresight_->evicted(room.block, now_ns_);
    }
    policy_.insert(block, arrival, tick_);
    is_here_[block] = 1;
    return true;
}

void PredictWorld::serve(std::size_t index) {
    const auto request = trace_.blocks_of(index).first(trace_.full_count(index));
    if (request.empty()) return;
    ++tick_;
    std::size_t used = 0;
    for (; used < request.size() && is_here_[request[used]] != 0; ++used) {
        const std::uint32_t block = request[used];
        policy_.touch(block, tick_);
        let_go(block);
        outcome_.right += is_unasked_[block] != 0 ? 1 : 0;
        is_unasked_[block] = 0;
    }
    outcome_.hit += used;
    std::size_t known = used;
    while (known < request.size() && is_seen_[request[known]] != 0) ++known;
    outcome_.missed += known - used;
    disk_left_ -= static_cast<std::int64_t>(known - used);
    const std::size_t full_count = trace_.full_count(index);
    if (foresight_ != nullptr && full_count > 0) {
        foresight_->used(index, request.first(full_count), now_ns_);
    }
    for (std::size_t k = used; k < request.size() && put(request[k]); ++k) {
    }
    for (const std::uint32_t block : request) {
        is_seen_[block] = 1;
        is_wanted_[block] = 0;
    }
    if (foresight_ != nullptr && full_count > 0) {
        const std::uint64_t work_ns = trace_.request(index).output_tokens * kTokenNs;
        ends_.push_back({now_ns_ + work_ns, request[full_count - 1]});
        std::push_heap(ends_.begin(), ends_.end(), kEndsLater);
    }
}

}  // namespace bwrt::bench
