// SPDX-License-Identifier: Apache-2.0
//
// zeroed.h — an array of zeros.  A large one comes from the system untouched, so that a table
// sized for the worst case costs what is used of it.

#pragma once

#include <cstddef>
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
    explicit Zeroed(std::size_t count) : items_(static_cast<T*>(std::calloc(count, sizeof(T)))) {
        if (items_ == nullptr && count > 0) throw std::bad_alloc();
    }
    [[nodiscard]] T& operator[](std::size_t index) const noexcept { return items_.get()[index]; }

 private:
    struct Free {
        void operator()(T* items) const noexcept { std::free(items); }
    };
    std::unique_ptr<T, Free> items_;
};

}  // namespace bwrt::planner
