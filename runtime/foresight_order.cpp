// SPDX-License-Identifier: Apache-2.0
//
// foresight_order.cpp — the life of an order, from what was foretold to where nobody waits for it.

#include <algorithm>

#include "runtime/foresight.h"

namespace bwrt::runtime {

std::uint64_t Foresight::key_of(std::uint32_t entry) const noexcept {
    const IndexKey key = store_.index().key_of(entry);
    return chain_key(key.identity, key.part, key.tenant);
}

// Of the path that was found last, parents first.
void Foresight::make_order(const planner::Prediction& prediction) noexcept {
    std::uint32_t place = 0;
    while (orders_[place].state != State::kFree) ++place;
    Order& order = orders_[place];
    order = {};
    order.key = prediction.key;
    order.id = kAheadId | (++serial_ % (std::uint64_t{1} << 40)) << 8 | place;
    order.until_ns = std::min(prediction.until_ns, path_until_ns_);
    order.block_next = kNone;
    order.left_count = static_cast<std::uint32_t>(path_.size());
    order.lease =
        path_there_ != kNoHostBlock ? store_.host().lease(path_there_) : planner::kNoLease;
    order.held_bytes = path_bytes_;
    held_bytes_ += path_bytes_;
    order.next = kNone;
    order.state = State::kAsked;
    std::uint32_t depth = order.left_count;
    for (const std::uint32_t entry : path_) {
        const std::uint32_t block = free_block_;
        free_block_ = blocks_[block].next;
        --free_block_count_;
        blocks_[block] = {key_of(entry), entry, place, depth--, order.block_next};
        order.block_next = block;
    }
    (order_last_ != kNone ? orders_[order_last_].next : order_first_) = place;
    order_last_ = place;
    ++order_count_;
    plans_.ask_ahead(order.id, prediction.bytes, prediction.tenant, store_.now_ns());
}

// ---- the planner

Foresight::Order* Foresight::asked(std::uint64_t id) noexcept {
    Order* const order = &orders_[id % 256];
    return order->state == State::kAsked && order->id == id ? order : nullptr;
}

bool Foresight::moves(std::uint64_t id) noexcept {
    Order* const order = asked(id);
    if (order == nullptr) return false;
    order->state = State::kReading;
    return true;
}

bool Foresight::refused(std::uint64_t id) noexcept {
    Order* const order = asked(id);
    if (order == nullptr) return false;
    order->state = State::kReading;  // the planner has forgotten it
    fail(order);
    return true;
}

// ---- its blocks

std::uint32_t Foresight::next_block() const noexcept {
    for (std::uint32_t i = order_first_; i != kNone; i = orders_[i].next) {
        const Order& order = orders_[i];
        if (order.state == State::kReading && order.block_next != kNone) return order.block_next;
    }
    return kNone;
}

// The number may be another block's by now.
std::uint32_t Foresight::entry_of(std::uint32_t block) const noexcept {
    const std::uint32_t entry = blocks_[block].entry;
    return store_.index().is_used(entry) && key_of(entry) == blocks_[block].key ? entry : kNoEntry;
}

void Foresight::begun(std::uint32_t block) noexcept {
    Order& order = orders_[blocks_[block].order];
    order.block_next = blocks_[block].next;
    ++order.out_count;
}

// Of one that had begun: whatever else happens, it has ended.
void Foresight::arrived(std::uint32_t block, std::uint32_t host_block) noexcept {
    const std::uint32_t depth = blocks_[block].depth;
    Order* const order = &orders_[blocks_[block].order];
    free_block(block);
    --order->out_count;
    if (order->state == State::kReading) {
        if (depth > order->lease_depth) {
            const std::uint32_t lease = store_.host().lease(host_block);
            if (order->lease != planner::kNoLease) store_.host().end_lease(order->lease);
            order->lease = lease;
            order->lease_depth = depth;
        }
        if (--order->left_count == 0) {
            order->state = State::kNear;
            predictor_.fetched(order->key, store_.now_ns());
            must_check_ = true;  // it may have been used meanwhile
        }
    }
    free_if_over(order);
}

void Foresight::failed(std::uint32_t block) noexcept {
    Order* const order = &orders_[blocks_[block].order];
    free_block(block);
    --order->out_count;
    if (order->state == State::kReading) {
        fail(order);
    } else {
        free_if_over(order);
    }
}

// ---- its end

// Who does not wait for it any more has not been told, and does not listen.
void Foresight::fail(Order* order) noexcept {
    predictor_.failed(order->key, store_.now_ns());
    finish(order);
}

void Foresight::finish(Order* order) noexcept {
    if (order->state == State::kAsked) plans_.leave_ahead(order->id);
    if (order->lease != planner::kNoLease) store_.host().end_lease(order->lease);
    order->lease = planner::kNoLease;
    held_bytes_ -= order->held_bytes;
    while (order->block_next != kNone) {
        const std::uint32_t block = order->block_next;
        order->block_next = blocks_[block].next;
        free_block(block);
    }
    order->state = State::kOver;
    has_news_ = true;
    free_if_over(order);
}

void Foresight::free_if_over(Order* order) noexcept {
    if (order->state != State::kOver || order->out_count != 0) return;
    std::uint32_t before = kNone;
    std::uint32_t place = order_first_;
    for (; &orders_[place] != order; place = orders_[place].next) before = place;
    (before != kNone ? orders_[before].next : order_first_) = order->next;
    if (order_last_ == place) order_last_ = before;
    --order_count_;
    order->state = State::kFree;
}

void Foresight::free_block(std::uint32_t block) noexcept {
    blocks_[block].next = free_block_;
    free_block_ = block;
    ++free_block_count_;
}

void Foresight::end_all() noexcept {
    for (std::uint32_t i = order_first_; i != kNone;) {
        Order* const order = &orders_[i];
        i = order->next;
        if (order->state == State::kNear) {
            finish(order);
        } else if (order->state != State::kOver) {
            fail(order);
        }
    }
}

// What the planner was only asked for goes, too: it holds what is there of its chain.
bool Foresight::yield() noexcept {
    bool any = false;
    for (std::uint32_t i = order_first_; i != kNone; i = orders_[i].next) {
        any = any || orders_[i].lease != planner::kNoLease;
    }
    end_all();
    // Or what was let go would come back at once, and push out what it made room for.
    if (any) due_ns_ = store_.now_ns() + kYieldNs;
    return any;
}

void Foresight::rest() noexcept {
    rests_ = true;
    end_all();
}

}  // namespace bwrt::runtime
