// SPDX-License-Identifier: Apache-2.0
//
// versioned.h — some words that one writer changes together and any number of readers copy whole.
//
//   writer   version.begin()  word.set() ...  version.end()     even -> odd -> the next even
//   reader   n = version.get()  word.get() ...  version.is_still(n)?  else once more
//
// A reader writes nothing, so the words may lie in a mapping that is read-only to it, of another
// process.  It never waits either: what it copied is whole or is thrown away, and how often it
// tries again is its caller's business, for a writer can die between begin() and end().
//
// Memory order, by label:
//   V1 -> V2   set() releases each word, get() acquires it: who has a word of an update sees, in
//              is_still(), that the update had begun.  So the look back may be relaxed.
//   V3 -> V4   end() releases the version, get() acquires it: who starts from an even version
//              sees every word of the update that it ends.
// begin() is relaxed: V1 carries it.  There are no stand-alone fences, for ThreadSanitizer does not
// understand them.  The orders are a table, so that the model check in tests/relacy can weaken each
// of them and demand to see a copy of two updates.
//
// A word that is set outside begin() and end() is a statement by itself.

#pragma once

#include <atomic>
#include <cstdint>

#include "ringbuf/memory_orders.h"

namespace bwrt::runtime {

enum class VersionedOrder : std::uint8_t { kV1, kV2, kV3, kV4 };

// The Memory of production; the model check has another one.
struct VersionedMemory {
    template <typename T>
    using Atomic = ringbuf::StdMemory::Atomic<T>;

    static consteval std::memory_order order(VersionedOrder label) {
        const bool is_store = label == VersionedOrder::kV1 || label == VersionedOrder::kV3;
        return is_store ? std::memory_order::release : std::memory_order::acquire;
    }
};

template <typename Memory = VersionedMemory>
class BasicWord {
 public:
    // Writer only.
    void set(std::uint64_t value) noexcept {
        value_.store(value, Memory::order(VersionedOrder::kV1));
    }
    // What the writer itself has set.
    [[nodiscard]] std::uint64_t own() const noexcept {
        return value_.load(std::memory_order::relaxed);
    }

    // Readers.
    [[nodiscard]] std::uint64_t get() const noexcept {
        return value_.load(Memory::order(VersionedOrder::kV2));
    }

 private:
    typename Memory::template Atomic<std::uint64_t> value_{0};
};

template <typename Memory = VersionedMemory>
class BasicVersion {
 public:
    // Writer only.
    void begin() noexcept { number_.store(own() + 1, std::memory_order::relaxed); }
    void end() noexcept { number_.store(own() + 1, Memory::order(VersionedOrder::kV3)); }

    // Readers.
    [[nodiscard]] std::uint32_t get() const noexcept {
        return number_.load(Memory::order(VersionedOrder::kV4));
    }
    // Whether all words read since get() are of one state.
    [[nodiscard]] bool is_still(std::uint32_t number) const noexcept {
        return number % 2 == 0 && number_.load(std::memory_order::relaxed) == number;
    }

 private:
    [[nodiscard]] std::uint32_t own() const noexcept {
        return number_.load(std::memory_order::relaxed);
    }

    typename Memory::template Atomic<std::uint32_t> number_{0};
};

using Word = BasicWord<>;
using Version = BasicVersion<>;

}  // namespace bwrt::runtime
