// SPDX-License-Identifier: Apache-2.0
//
// validate_memory.cpp — what a wave takes on its way in and gives back when it is refused: places
// for its operations, and the gates of the regions and layouts that they name.

#include <algorithm>
#include <new>

#include "runtime/validate.h"

namespace bwrt::runtime {

// Units that new_units() gives without or, when nothing is left, with a new page.
std::uint32_t WaveBuilder::room() const noexcept {
    if (units_ == nullptr || units_->used == Page::kUnitCount) return Page::kUnitCount;
    return Page::kUnitCount - units_->used;
}

void* WaveBuilder::new_units(std::uint32_t count) {
    if (units_ == nullptr || units_->used + count > Page::kUnitCount) {
        Page* page = wave_.pages.grow(&tables_.pages);
        if (page == nullptr) return nullptr;
        units_ = page;
    }
    void* units = units_->payload + std::size_t{units_->used} * kPageUnitBytes;
    units_->used += count;
    return units;
}

Operation* WaveBuilder::new_operation() {
    if (sink_.operation_index == 0) return new (&wave_.inline_operation) Operation();
    void* units = new_units(1);
    return units == nullptr ? nullptr : new (units) Operation();
}

Shape* WaveBuilder::new_shape() {
    if (sink_.operation_index == 0) return new (&wave_.inline_shape) Shape();
    void* units = new_units(sizeof(Shape) / kPageUnitBytes);
    return units == nullptr ? nullptr : new (units) Shape();
}

bwrt_status WaveBuilder::full(const char* what) {
    return fail(sink_, BWRT_E_AGAIN, "", "no room for the wave's %s now", what);
}

// Takes the gate for the wave, once per run of operations that name it.
bwrt_status WaveBuilder::use(Gate* gate, std::uint64_t generation, const char* field) {
    const std::uint32_t known = std::min(wave_.use_count, kInlineUseCount);
    for (std::uint32_t i = 0; i < known; ++i) {
        // Held already; but a handle of an earlier generation is still a stale handle.
        if (wave_.uses[i].gate == gate && gate->is_open(generation)) return BWRT_OK;
    }
    switch (gate->take(generation)) {
        case Gate::Answer::kTaken:
            break;
        case Gate::Answer::kStale:
            return fail(sink_, BWRT_E_HANDLE, field, "the handle is not live");
        case Gate::Answer::kClosed:
            return fail(sink_, BWRT_E_AGAIN, field, "quiesced, or being released");
    }
    if (wave_.use_count < kInlineUseCount) {
        wave_.uses[wave_.use_count++] = {gate, 1};
        return BWRT_OK;
    }
    Page* page = wave_.more_uses;
    if (page != nullptr && page->used > 0 && page->as<Use>()[page->used - 1].gate == gate) {
        ++page->as<Use>()[page->used - 1].count;
        return BWRT_OK;
    }
    if (page == nullptr || page->used == kUsesPerPage) {
        page = wave_.pages.grow(&tables_.pages);
        if (page == nullptr) {
            gate->put_back();
            return full("regions");
        }
        page->next = wave_.more_uses;
        wave_.more_uses = page;
    }
    page->as<Use>()[page->used++] = {gate, 1};
    ++wave_.use_count;
    return BWRT_OK;
}

void WaveBuilder::roll_back() noexcept {
    const std::uint32_t known = std::min(wave_.use_count, kInlineUseCount);
    for (std::uint32_t i = 0; i < known; ++i) wave_.uses[i].gate->put_back(wave_.uses[i].count);
    for (Page* page = wave_.more_uses; page != nullptr; page = page->next) {
        for (std::uint32_t i = 0; i < page->used; ++i) {
            page->as<Use>()[i].gate->put_back(page->as<Use>()[i].count);
        }
    }
    wave_.more_uses = nullptr;
    wave_.use_count = 0;
    wave_.pages.give_back(&tables_.pages);
}

}  // namespace bwrt::runtime
