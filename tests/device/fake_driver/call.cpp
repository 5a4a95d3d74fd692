// SPDX-License-Identifier: Apache-2.0
//
// call.cpp — what every function of the fake does first: it is counted, meets its faults, and needs
// a process that called cuInit(), a context that is current, and one that is not lost.

#include <unistd.h>

#include <thread>

#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

thread_local CUcontext current_context = nullptr;

}  // namespace

CUcontext* current_of_thread() { return &current_context; }

bool loses_context(int code) { return code == 700 || code == 710 || (code >= 714 && code <= 719); }

// Handles of contexts are small numbers, each device's the same for ever, as primary ones are.
CUcontext handle_of(int device) {
    return reinterpret_cast<CUcontext>(static_cast<std::uintptr_t>(0xC0 + device * 16));
}

int device_of(CUcontext context) {
    for (int device = 0; device < kDeviceCountMax; ++device) {
        if (context == handle_of(device)) return device;
    }
    return -1;
}

// What was enqueued never runs; who waits for it sees the code.
void lose(int device, CUresult code) {
    World& here = world();
    if (here.contexts[device].lost != CUDA_SUCCESS) return;
    here.contexts[device].lost = code;
    here.changed.notify_all();
}

Call::Call(const char* name, unsigned needs) : name_(name), lock_(world().mutex) {
    meet_faults(needs);
    if (code_ == CUDA_SUCCESS) check_state(needs);
}

CUresult Call::fail(CUresult code, const std::string& why) {
    note_misuse(std::string(name_) + ": " + why);
    return code;
}

void Call::meet_faults(unsigned needs) {
    World& here = world();
    const std::uint64_t number = ++here.counts[name_];
    const int current = device_of(current_context);
    if (current >= 0) device_ = current;
    std::uint64_t slow_us = 0;
    for (const Fault& fault : here.plan.faults) {
        if (fault.name != name_ || number < fault.first || number > fault.last) continue;
        slow_us += fault.slow_us;
        if (fault.code == 0) continue;
        const auto code = static_cast<CUresult>(fault.code);
        if (loses_context(fault.code) && (needs & kEnqueues) != 0) {
            later_ = code;
        } else {
            code_ = code;
            if (loses_context(fault.code) && current >= 0) lose(current, code);
        }
    }
    if (slow_us == 0) return;
    lock_.unlock();
    std::this_thread::sleep_for(std::chrono::microseconds(slow_us));
    lock_.lock();
}

void Call::check_state(unsigned needs) {
    const World& here = world();
    if ((needs & kInit) == 0) return;
    if (here.pid != getpid()) {
        if (here.pid != 0) note_misuse(std::string(name_) + ": in a child of fork()");
        code_ = CUDA_ERROR_NOT_INITIALIZED;
        return;
    }
    if ((needs & kUnsafe) != 0 && breaks_captures()) {
        code_ = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        return;
    }
    if ((needs & kContext) != kContext) return;
    device_ = device_of(current_context);
    if (device_ < 0) {
        device_ = 0;
        code_ = fail(CUDA_ERROR_INVALID_CONTEXT, "no context is current to this thread");
    } else if (context().retain_count == 0) {
        code_ = fail(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the current context was released");
    } else if ((needs & kAlsoWhenLost) == 0) {
        code_ = context().lost;
    }
}

}  // namespace fake_cuda
