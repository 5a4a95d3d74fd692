// SPDX-License-Identifier: Apache-2.0
//
// context.h — the primary context of a device: held, made current, and found to be lost.
//
// It is the one that the CUDA runtime uses, so memory of an engine and ours lie in the same one. It
// is retained and released, never reset: others live in it.
//
//   calling thread:  [ whatever was current ] ── Current ──▶ [ ours ] ── ~Current ──▶ [ as before ]
//
// An engine may be capturing a graph meanwhile, in the calling thread or, where its mode is GLOBAL,
// in any other.  A call that the driver thinks unsafe then, a question for an event among them, is
// refused, and the capture is broken.  What we do has no part in anybody's graph, so it is done in
// the thread's mode RELAXED, which takes both away.
//
// A driver says of some failures that the process can use the device no more: a copy that went to
// an address which is none, memory whose bits fell over, a link that broke.  Every call fails from
// then on, whatever it asks for, so the first such answer is kept and none is asked again.

#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "runtime/backend/cuda/driver.h"
#include "runtime/status.h"

namespace bwrt::runtime::cuda {

[[nodiscard]] bool loses_device(CUresult error) noexcept;
[[nodiscard]] bwrt_status status_of(CUresult error) noexcept;  // of a failure

// What the driver forbids while a graph is captured, though we call beside captures: it says no
// more than that, so what was asked is neither so nor not, and may be asked again.
[[nodiscard]] bool is_of_a_capture(CUresult error) noexcept;

class Context {
 public:
    // Retains it.
    static bwrt_status hold(const Driver& driver, int number, Context* context_out,
                            const ErrorSink& sink);

    Context() = default;
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context();

    [[nodiscard]] const Driver& driver() const noexcept { return *driver_; }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] CUdevice device() const noexcept { return device_; }

    // What the driver said when it was lost; CUDA_SUCCESS: it was not.  Any thread.
    [[nodiscard]] CUresult loss() const noexcept {
        return lost_.load(std::memory_order_relaxed);  // nothing else comes with it
    }
    // Keeps `error` where it says that the device is lost.
    CUresult noted(CUresult error) noexcept {
        if (loses_device(error)) lost_.store(error, std::memory_order_relaxed);
        return error;
    }

    void give_up(CUresult error) noexcept { lost_.store(error, std::memory_order_relaxed); }

    // What a call named `call` said, as the refusal of `field`.
    bwrt_status refuse(const ErrorSink& sink, CUresult error, const char* field,
                       const char* call) const noexcept;

 private:
    friend class Current;

    const Driver* driver_ = nullptr;
    CUdevice device_ = 0;
    CUcontext handle_ = nullptr;
    int number_ = 0;
    std::atomic<CUresult> lost_{CUDA_SUCCESS};
};

// As long as it lives, no capture of anybody's minds what this thread calls.
class BesideCaptures {
 public:
    explicit BesideCaptures(const Driver& driver) noexcept;
    ~BesideCaptures();
    BesideCaptures(const BesideCaptures&) = delete;
    BesideCaptures& operator=(const BesideCaptures&) = delete;

    // Not CUDA_SUCCESS: a capture would mind.
    [[nodiscard]] CUresult error() const noexcept { return error_; }

 private:
    const Driver& driver_;
    CUstreamCaptureMode before_ = CU_STREAM_CAPTURE_MODE_RELAXED;
    CUresult error_;
};

// As long as it lives, the context is current to this thread, beside captures.
class Current {
 public:
    explicit Current(Context* context) noexcept;
    ~Current();
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

    // Not CUDA_SUCCESS: it is not current, or it is lost; nothing must be called.
    [[nodiscard]] CUresult error() const noexcept { return error_; }

 private:
    Context& context_;
    std::optional<BesideCaptures> beside_captures_;  // none of a device that is lost
    CUcontext before_ = nullptr;
    bool is_changed_ = false;
    CUresult error_ = CUDA_SUCCESS;
};

}  // namespace bwrt::runtime::cuda
