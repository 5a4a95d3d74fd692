// SPDX-License-Identifier: Apache-2.0

#include "runtime/fences.h"

#include <algorithm>

namespace bwrt::runtime {

void Fences::watch(Wave* wave, std::uint64_t now_ns) noexcept {
    DeviceFence* const fence = wave->fence;
    fence->wave = wave;
    fence->set_ns = fence->due_ns = now_ns;
    fence->unasked_count = 0;
    fence->next = first_;
    first_ = fence;
    next_poll_ns_ = now_ns;
}

void Fences::leave(Wave* wave) noexcept {
    if (wave->fence != nullptr) wave->fence->wave = nullptr;
    wave->fence = nullptr;
}

bool Fences::turn(std::uint64_t now_ns) noexcept {
    DeviceFence* over = nullptr;
    next_poll_ns_ = kNeverNs;
    for (DeviceFence** link = &first_; *link != nullptr;) {
        DeviceFence* const fence = *link;
        if (fence->due_ns <= now_ns && ask(fence, now_ns)) {
            *link = fence->next;
            fence->next = over;
            over = fence;
            continue;
        }
        next_poll_ns_ = std::min(next_poll_ns_, fence->due_ns);
        link = &fence->next;
    }
    // Off the list first: a wave that goes on may be all that another one waits for.
    const bool is_any = over != nullptr;
    while (over != nullptr) {
        DeviceFence* const fence = over;
        over = fence->next;
        settle(fence, fence->answer);
    }
    return is_any;
}

// True when no more is to be asked of it.
bool Fences::ask(DeviceFence* fence, std::uint64_t now_ns) noexcept {
    fence->answer = fence->room->device->ask_fence(fence->number);
    const bwrt_status status = fence->answer.status;
    if (status == BWRT_OK || status == BWRT_E_DEVICE_LOST) return true;
    if (status == BWRT_E_AGAIN) {
        fence->unasked_count = 0;
    } else {
        if (fence->unasked_count++ == 0) fence->unasked_from_ns = now_ns;
        if (fence->unasked_count >= kFenceUnaskedCountMax &&
            now_ns - fence->unasked_from_ns >= kFenceUnaskedNsMax) {
            return true;
        }
    }
    const std::uint64_t waited_ns = now_ns - fence->set_ns;
    fence->due_ns = now_ns + std::clamp(waited_ns / 16, kFencePollMinNs, kFencePollMaxNs);
    return false;
}

// A fence that cannot be asked is not given to others: nobody knows what it waits for.
void Fences::settle(DeviceFence* fence, const DeviceAnswer& answer) noexcept {
    Wave* const wave = fence->wave;
    if (answer.status == BWRT_OK) fence->room->free_fences.push(fence->number);
    if (wave == nullptr) return;
    wave->fence = nullptr;
    if (answer.status == BWRT_OK) {
        owner_.fence_over(wave);
    } else {
        owner_.fence_failed(wave, answer);
    }
}

}  // namespace bwrt::runtime
