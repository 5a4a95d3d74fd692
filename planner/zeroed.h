// SPDX-License-Identifier: Apache-2.0
//
// zeroed.h — an array of zeros.  A large one comes from the system untouched, so that a table
// sized for the worst case costs what is used of it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace bwrt::planner {

template <typename T>
class Zeroed {
    static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T>);

 public:
    Zeroed() = default;
    // Throws std::bad_alloc.
    explicit Zeroed(std::size_t count) : memory_(std::calloc(count + 1, sizeof(T))) {
        if (memory_ == nullptr) throw std::bad_alloc();
        // calloc knows nothing of cache lines: the item more is what the first one moves up in.
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
        items_ = reinterpret_cast<T*>((address + alignof(T) - 1) / alignof(T) * alignof(T));
    }
    [[nodiscard]] T& operator[](std::size_t index) const noexcept { return items_[index]; }

 private:
    struct Free {
        void operator()(void* memory) const noexcept { std::free(memory); }
    };
    std::unique_ptr<void, Free> memory_;
    T* items_ = nullptr;
};

}  // namespace bwrt::planner
