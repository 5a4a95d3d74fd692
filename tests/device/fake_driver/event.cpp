// SPDX-License-Identifier: Apache-2.0
//
// event.cpp — events: a mark in the stream in which they were recorded last.
//
// One that was never recorded is over, and to wait for it is to wait for nothing: so says CUDA, and
// so goes the wait of a stream that was enqueued before the record.

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

CUresult find_event(Call* call, CUevent handle, Event** event_out) {
    const auto found = world().events.find(reinterpret_cast<std::uint64_t>(handle));
    if (found == world().events.end()) {
        return call->fail(CUDA_ERROR_INVALID_HANDLE, "an event that is not there (any more)");
    }
    *event_out = &found->second;
    return CUDA_SUCCESS;
}

}  // namespace

CUresult event_create(CUevent* event_out, unsigned int flags) {
    Call call("cuEventCreate", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    constexpr unsigned kKnown =
        CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
    if ((flags & ~kKnown) != 0) return call.fail(CUDA_ERROR_INVALID_VALUE, "flags");
    const std::uint64_t handle = make_handle();
    world().events[handle] = {flags, call.device(), nullptr};
    *event_out = reinterpret_cast<CUevent>(handle);
    return CUDA_SUCCESS;
}

// Whoever waits for it has its mark.
CUresult event_destroy(CUevent handle) {
    Call call("cuEventDestroy", kContext | kAlsoWhenLost | kUnsafe);
    Event* event = nullptr;
    if (call.is_refused()) return call.code();
    const CUresult code = find_event(&call, handle, &event);
    if (code != CUDA_SUCCESS) return code;
    world().events.erase(reinterpret_cast<std::uint64_t>(handle));
    return call.context().lost;
}

CUresult event_record(CUevent handle, CUstream stream_handle) {
    Call call("cuEventRecord", kContext | kEnqueues);
    Event* event = nullptr;
    StreamPointer stream;
    if (call.is_refused()) return call.code();
    CUresult code = find_event(&call, handle, &event);
    if (code == CUDA_SUCCESS) code = find_stream(&call, stream_handle, &stream);
    if (code != CUDA_SUCCESS) return code;
    if (event->device != stream->device) {
        return call.fail(CUDA_ERROR_INVALID_HANDLE, "event and stream are of two contexts");
    }
    const auto mark = std::make_shared<Mark>();
    Operation operation;
    operation.run = [mark] {
        const Lock lock(world().mutex);
        mark->time = Clock::now();
        return CUDA_SUCCESS;
    };
    const MarkPointer end = enqueue(call, stream, std::move(operation));
    mark->stream = end->stream;
    mark->sequence = end->sequence;
    event->mark = mark;
    event->is_captured = stream->is_captured;
    return CUDA_SUCCESS;
}

CUresult event_query(CUevent handle) {
    Call call("cuEventQuery", kContext | kUnsafe);
    Event* event = nullptr;
    if (call.is_refused()) return call.code();
    const CUresult code = find_event(&call, handle, &event);
    if (code != CUDA_SUCCESS || event->mark == nullptr) return code;
    if (event->is_captured) return CUDA_ERROR_CAPTURED_EVENT;
    return ask_for(&call, event->mark);
}

CUresult event_synchronize(CUevent handle) {
    Call call("cuEventSynchronize", kContext | kUnsafe);
    Event* event = nullptr;
    if (call.is_refused()) return call.code();
    const CUresult code = find_event(&call, handle, &event);
    if (code != CUDA_SUCCESS || event->mark == nullptr) return code;
    const MarkPointer mark = event->mark;  // the event may be destroyed meanwhile
    return wait_for(&call, mark);
}

CUresult event_elapsed_time(float* milliseconds_out, CUevent first_handle, CUevent last_handle) {
    Call call("cuEventElapsedTime", kContext | kUnsafe);
    Event* first = nullptr;
    Event* last = nullptr;
    if (call.is_refused()) return call.code();
    CUresult code = find_event(&call, first_handle, &first);
    if (code == CUDA_SUCCESS) code = find_event(&call, last_handle, &last);
    if (code != CUDA_SUCCESS) return code;
    if (((first->flags | last->flags) & CU_EVENT_DISABLE_TIMING) != 0) {
        return call.fail(CUDA_ERROR_INVALID_HANDLE, "an event without times");
    }
    if (first->mark == nullptr || last->mark == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (!is_over(*first->mark) || !is_over(*last->mark)) return CUDA_ERROR_NOT_READY;
    const std::chrono::duration<float, std::milli> elapsed = last->mark->time - first->mark->time;
    *milliseconds_out = elapsed.count();
    return CUDA_SUCCESS;
}

CUresult stream_wait_event(CUstream stream_handle, CUevent handle, unsigned int flags) {
    Call call("cuStreamWaitEvent", kContext | kEnqueues);
    Event* event = nullptr;
    StreamPointer stream;
    if (call.is_refused()) return call.code();
    if (flags != 0) return call.fail(CUDA_ERROR_INVALID_VALUE, "flags");
    CUresult code = find_event(&call, handle, &event);
    if (code == CUDA_SUCCESS) code = find_stream(&call, stream_handle, &stream);
    if (code != CUDA_SUCCESS || event->mark == nullptr) return code;
    if (stream->is_captured && !event->is_captured) return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    if (event->is_captured) stream->is_captured = true;  // drawn into the graph, for good
    Operation operation;
    operation.run = [] { return CUDA_SUCCESS; };
    operation.waits.push_back(event->mark);
    enqueue(call, stream, std::move(operation));
    return CUDA_SUCCESS;
}

}  // namespace fake_cuda
