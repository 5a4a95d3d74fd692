// SPDX-License-Identifier: Apache-2.0
//
// capture.cpp — graphs that are captured from streams, as far as others notice.
//
// What is enqueued in a stream meanwhile goes into the graph, which nobody can launch here.  Who
// calls something unsafe, and may not, is refused and breaks every capture that forbids it him:
//
//   mode of the calling thread   a capture of its own       captures of others
//   GLOBAL, the default          unless it is RELAXED       those that are GLOBAL
//   THREAD_LOCAL                 unless it is RELAXED       none
//   RELAXED                      none                       none
//
// A mode is a thread's, whatever world there is.

#include <algorithm>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

thread_local CUstreamCaptureMode mode_of_thread = CU_STREAM_CAPTURE_MODE_GLOBAL;

bool is_mode(CUstreamCaptureMode mode) {
    return mode == CU_STREAM_CAPTURE_MODE_GLOBAL || mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL ||
           mode == CU_STREAM_CAPTURE_MODE_RELAXED;
}

bool minds(const Capture& capture) {
    if (mode_of_thread == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
    if (capture.thread == std::this_thread::get_id()) {
        return capture.mode != CU_STREAM_CAPTURE_MODE_RELAXED;
    }
    return mode_of_thread == CU_STREAM_CAPTURE_MODE_GLOBAL &&
           capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
}

}  // namespace

bool breaks_captures() {
    bool is_any = false;
    for (Capture& capture : world().captures) {
        if (!minds(capture)) continue;
        capture.is_broken = is_any = true;
    }
    return is_any;
}

CUresult exchange_capture_mode(CUstreamCaptureMode* mode) {
    Call call("cuThreadExchangeStreamCaptureMode", kInit);
    if (call.is_refused()) return call.code();
    if (!is_mode(*mode)) return call.fail(CUDA_ERROR_INVALID_VALUE, "no such mode");
    std::swap(*mode, mode_of_thread);
    return CUDA_SUCCESS;
}

CUresult stream_begin_capture(CUstream handle, CUstreamCaptureMode mode) {
    Call call("cuStreamBeginCapture", kContext);
    StreamPointer stream;
    if (call.is_refused()) return call.code();
    const CUresult code = find_stream(&call, handle, &stream);
    if (code != CUDA_SUCCESS) return code;
    if (handle == nullptr || handle == CU_STREAM_LEGACY || stream->is_captured || !is_mode(mode)) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, "stream 0, one that is captured, or no mode");
    }
    stream->is_captured = true;
    world().captures.push_back({stream, std::this_thread::get_id(), mode, false});
    return CUDA_SUCCESS;
}

CUresult stream_end_capture(CUstream handle, CUgraph* graph_out) {
    Call call("cuStreamEndCapture", kContext);
    StreamPointer stream;
    if (call.is_refused()) return call.code();
    const CUresult code = find_stream(&call, handle, &stream);
    if (code != CUDA_SUCCESS) return code;
    std::vector<Capture>& all = world().captures;
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const Capture& capture) { return capture.stream == stream; });
    if (found == all.end()) return call.fail(CUDA_ERROR_INVALID_VALUE, "a stream not captured");
    const bool is_its_thread = found->thread == std::this_thread::get_id();
    if (!is_its_thread && found->mode != CU_STREAM_CAPTURE_MODE_RELAXED) {
        return call.fail(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "not the thread that began it");
    }
    const bool is_broken = found->is_broken;
    stream->is_captured = false;
    all.erase(found);
    *graph_out = nullptr;
    if (is_broken) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    const std::uint64_t graph = make_handle();
    world().graphs.insert(graph);
    *graph_out = reinterpret_cast<CUgraph>(graph);
    return CUDA_SUCCESS;
}

CUresult stream_is_capturing(CUstream handle, CUstreamCaptureStatus* status_out) {
    Call call("cuStreamIsCapturing", kContext);
    StreamPointer stream;
    if (call.is_refused()) return call.code();
    const CUresult code = find_stream(&call, handle, &stream);
    if (code != CUDA_SUCCESS) return code;
    const bool is_legacy = handle == nullptr || handle == CU_STREAM_LEGACY;
    for (const Capture& capture : world().captures) {
        const bool waits_for_legacy = (capture.stream->flags & CU_STREAM_NON_BLOCKING) == 0;
        if (is_legacy && waits_for_legacy) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
    *status_out =
        stream->is_captured ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
    return CUDA_SUCCESS;
}

CUresult graph_destroy(CUgraph handle) {
    Call call("cuGraphDestroy", kInit);
    if (call.is_refused()) return call.code();
    if (world().graphs.erase(reinterpret_cast<std::uint64_t>(handle)) == 1) return CUDA_SUCCESS;
    return call.fail(CUDA_ERROR_INVALID_VALUE, "a graph that is not there (any more)");
}

}  // namespace fake_cuda
