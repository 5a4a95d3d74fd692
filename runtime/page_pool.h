// SPDX-License-Identifier: Apache-2.0
//
// page_pool.h — where accepted waves keep what does not fit in their slot.
//
// Operations, slot indices and group states of all waves live in 4 KiB pages from one bounded
// pool, so that one limit is neither starved nor wasted by the shape of another and no
// allocator is needed.  A wave owns a chain of pages and gives it back whole.

#pragma once

#include <cstddef>
#include <cstdint>

#include "ringbuf/index_stack.h"
#include "runtime/memory.h"

namespace bwrt::runtime {

constexpr std::size_t kPageUnitBytes = 64;

struct alignas(64) Page {
    static constexpr std::uint32_t kBytes = 4096;
    static constexpr std::uint32_t kUnitCount = kBytes / kPageUnitBytes - 1;
    static constexpr std::uint32_t kPayloadBytes = kUnitCount * kPageUnitBytes;

    Page* owned;          // the next page of the same owner
    Page* next;           // the next in a sequence, of slot indices say
    std::uint32_t index;  // in the pool
    std::uint32_t used;   // units, or entries, taken from the front
    std::byte padding[40];
    std::byte payload[kPayloadBytes];

    template <typename T>
    [[nodiscard]] T* as() noexcept {
        return reinterpret_cast<T*>(payload);
    }
};
static_assert(sizeof(Page) == Page::kBytes);

class PagePool {
 public:
    explicit PagePool(std::uint32_t count) : pages_(count), free_(count) {}

    // Any thread.  Null when there is none left.
    [[nodiscard]] Page* take() noexcept {
        std::uint32_t index;
        if (!free_.pop(&index)) return nullptr;
        Page* page = &pages_[index];
        page->owned = page->next = nullptr;
        page->index = index;
        page->used = 0;
        return page;
    }

    // Any thread.  Takes back a chain linked through owned.
    void give_back(Page* first) noexcept {
        if (first == nullptr) return;
        Page* last = first;
        for (; last->owned != nullptr; last = last->owned) {
            free_.link(last->index, last->owned->index);
        }
        free_.push_chain(first->index, last->index);
    }

    [[nodiscard]] std::uint32_t count() const noexcept {
        return static_cast<std::uint32_t>(pages_.count());
    }

    // For tests, at rest.
    [[nodiscard]] std::uint32_t count_free() const noexcept;

 private:
    Table<Page> pages_;
    ringbuf::IndexStack free_;
};

// All pages of one wave, whatever for.
class PageChain {
 public:
    // Null when the pool is empty.
    [[nodiscard]] Page* grow(PagePool* pool) noexcept {
        Page* page = pool->take();
        if (page == nullptr) return nullptr;
        page->owned = first_;
        first_ = page;
        return page;
    }
    void give_back(PagePool* pool) noexcept {
        pool->give_back(first_);
        first_ = nullptr;
    }

 private:
    Page* first_ = nullptr;
};

}  // namespace bwrt::runtime
