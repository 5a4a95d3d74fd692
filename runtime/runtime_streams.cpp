// SPDX-License-Identifier: Apache-2.0
//
// runtime_streams.cpp — bwrt_stream_wait(): the caller's side of stream_wait.h.

#include <algorithm>

#include "runtime/device_room.h"
#include "runtime/futex.h"
#include "runtime/runtime.h"

namespace bwrt::runtime {
namespace {

// How long a caller drives before he looks whether it is done, and sleeps where another one drives.
constexpr std::int64_t kStreamLookNs = 50'000;

}  // namespace

bwrt_status Runtime::check_stream_wait(const StreamWait& wait, bwrt_handle handle,
                                       std::uint32_t device, const ErrorSink& sink) const noexcept {
    if (wait.wave->delivery.load(std::memory_order_relaxed) == BWRT_DELIVER_DETACHED) {
        return fail(sink, BWRT_E_HANDLE, "wave", "0x%llx is DETACHED", ull(handle));
    }
    if (wait.group >= wait.wave->group_count) {
        return fail(sink, BWRT_E_RANGE, "group", "group %u, and the wave has %u", wait.group,
                    wait.wave->group_count);
    }
    if (wait.room == nullptr) {
        return fail(sink, BWRT_E_INVAL, "device", "device %u has no region of this runtime",
                    device);
    }
    if (!wait.room->device->is_for_all_threads(wait.stream)) {
        return fail(sink, BWRT_E_INVAL, "stream",
                    "0x%llx is another stream for each thread, and not this one enqueues the wait",
                    ull(wait.stream));
    }
    return BWRT_OK;
}

void Runtime::wait_until_done(StreamWait* wait, std::uint64_t deadline_ns) noexcept {
    while (wait->done.load(std::memory_order_acquire) == 0) {
        const std::uint64_t now_ns = clock_.now_ns();
        if (now_ns >= deadline_ns) return;
        const std::int64_t left_ns = timeout_until(deadline_ns, now_ns);
        if (tables_.limits.progress == BWRT_PROGRESS_THREAD) {
            futex_wait(&wait->done, 0, left_ns);
        } else {
            progress_.pass_time(left_ns < 0 ? kStreamLookNs : std::min(left_ns, kStreamLookNs));
        }
    }
}

bwrt_status Runtime::stream_wait(bwrt_handle handle, std::uint32_t group, std::uint32_t device,
                                 std::uint64_t stream, std::int64_t timeout_ns,
                                 const ErrorSink& sink) noexcept {
    if (!tables_.waves.hold(handle)) {
        return fail(sink, BWRT_E_HANDLE, "wave", "0x%llx is not an undelivered wave", ull(handle));
    }
    StreamWait wait;
    wait.wave = tables_.waves.find(handle);
    wait.group = group;
    wait.room = tables_.regions.find_device(device);
    wait.stream = stream;
    bwrt_status status = check_stream_wait(wait, handle, device, sink);
    if (status == BWRT_OK) {
        progress_.on_driver([&] {
            progress_.executor().accept_all();  // the wave's own submission, where nobody drove
            progress_.executor().add_stream_wait(&wait);
        });
        wait_until_done(&wait, deadline_after(clock_.now_ns(), timeout_ns));
        progress_.on_driver([&] { progress_.executor().drop_stream_wait(&wait); });
        if (wait.done.load(std::memory_order_acquire) == 0) {
            status = fail(sink, BWRT_E_TIMEOUT, "timeout_ns", "the group is not enqueued yet");
        } else if (wait.answer.code != 0) {
            status =
                fail_os(sink, wait.answer.status, wait.answer.code, "stream",
                        "device %u: the stream 0x%llx cannot be made to wait", device, ull(stream));
        } else if (wait.answer.status != BWRT_OK) {
            status = fail(sink, wait.answer.status, "group", "group %u has failed: %s", group,
                          bwrt_status_name(wait.answer.status));
        }
    }
    tables_.waves.release(wait.wave);
    return status;
}

}  // namespace bwrt::runtime
