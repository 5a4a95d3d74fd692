// SPDX-License-Identifier: Apache-2.0

#include "runtime/wave_table.h"

#include <new>

namespace bwrt::runtime {

WaveTable::WaveTable(std::uint32_t count, std::uint64_t first_generation, std::uint32_t own_count)
    : waves_(std::size_t{count} + own_count), count_(count), free_(count) {
    for (std::uint32_t index = 0; index < count + own_count; ++index) {
        Wave* wave = new (&waves_[index]) Wave();
        wave->index = index;
        wave->generation = first_generation;
    }
}

WaveTable::~WaveTable() = default;

bool WaveTable::hold(bwrt_handle handle) noexcept {
    Wave* wave = find(handle);
    if (wave == nullptr || wave->ticket.load(std::memory_order_acquire) != handle) return false;
    std::uint32_t references = wave->references.load(std::memory_order_relaxed);
    do {
        if (references == 0) return false;
    } while (!wave->references.compare_exchange_weak(
        references, references + 1, std::memory_order_acq_rel, std::memory_order_relaxed));
    // Held now, so the slot cannot change hands: if the ticket still fits, it will stay ours.
    if (wave->ticket.load(std::memory_order_acquire) == handle) return true;
    release(wave);
    return false;
}

std::uint32_t WaveTable::count_taken() const noexcept {
    std::uint32_t taken = 0;
    for (std::uint32_t index = 0; index < count(); ++index) {
        if (waves_[index].references.load(std::memory_order_acquire) != 0) ++taken;
    }
    return taken;
}

std::uint32_t PagePool::count_free() const noexcept {
    auto& free = const_cast<ringbuf::IndexStack&>(free_);
    std::uint32_t free_count = 0, first = kNoIndex, index = 0;
    while (free.pop(&index)) {
        free.link(index, first);
        first = index;
        ++free_count;
    }
    while (first != kNoIndex) {
        const std::uint32_t following = free.next(first);
        free.push(first);
        first = following;
    }
    return free_count;
}

}  // namespace bwrt::runtime
