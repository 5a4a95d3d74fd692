// SPDX-License-Identifier: Apache-2.0
//
// stream.cpp — streams and their threads: when something that was enqueued runs.
//
//   enqueue ─▶ [ waits for marks of others ] ─▶ [ demanded, or its time is over ] ─▶ runs ─▶ over
//
// To demand an operation is to demand all before it in its stream and all that those wait for, so
// whoever synchronises does not wait for the clock, and an operation nobody asks for does.

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

constexpr std::uint64_t kPatienceMax = 5;

bool waits_are_over(const Operation& operation) {
    return std::all_of(operation.waits.begin(), operation.waits.end(),
                       [](const MarkPointer& mark) { return is_over(*mark); });
}

void check_canaries(const Operation& operation) {
    for (const Place& place : operation.places) {
        for (const BackingPointer& backing : place.backings) {
            if (!canaries_stand(*backing)) {
                note_misuse(std::string(operation.name) + ": wrote beyond device memory");
            }
        }
    }
}

// The bytes move without the lock.
void run_first(const StreamPointer& stream, Lock* lock) {
    Operation& first = stream->operations.front();  // a deque: stays where it is
    stream->is_running = true;
    lock->unlock();
    if (first.spoil) {
        first.spoil();
        std::this_thread::yield();
    }
    const CUresult code = first.run();
    check_canaries(first);
    lock->lock();
    stream->is_running = false;
    stream->done = first.sequence;
    stream->operations.pop_front();
    if (code != CUDA_SUCCESS) lose(stream->device, code);
    world().changed.notify_all();
}

void work(const StreamPointer& stream) {
    World& here = world();
    Lock lock(here.mutex);
    for (;;) {
        if (stream->operations.empty()) {
            if (stream->is_destroyed) break;
            here.changed.wait(lock);
            continue;
        }
        const Operation& first = stream->operations.front();
        Context& context = here.contexts[stream->device];
        const bool is_held = context.is_held && context.let_count == 0;
        if (context.lost != CUDA_SUCCESS) {
            stream->operations.clear();
            stream->done = stream->enqueued;
            here.changed.notify_all();
        } else if (!waits_are_over(first) || is_held) {
            here.changed.wait(lock);
        } else if (first.sequence > stream->demanded && Clock::now() < first.due) {
            here.changed.wait_until(lock, first.due);
        } else {
            if (context.is_held) --context.let_count;
            run_first(stream, &lock);
        }
    }
    std::erase(here.leaving, stream);
}

void start_thread(const StreamPointer& stream) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([stream] { work(stream); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Stream 0 waits for all streams that do not say that they want nothing to do with it, and they
// for it.
void add_legacy_waits(const StreamPointer& stream, Operation* operation) {
    const World& here = world();
    const StreamPointer& legacy = here.contexts[stream->device].legacy;
    if (legacy == nullptr || (stream->flags & CU_STREAM_NON_BLOCKING) != 0) return;
    if (stream != legacy) {
        operation->waits.push_back(end_of(legacy));
        return;
    }
    for (const auto& [handle, other] : here.streams) {
        const bool is_blocking = (other->flags & CU_STREAM_NON_BLOCKING) == 0;
        if (other->device == stream->device && is_blocking) {
            operation->waits.push_back(end_of(other));
        }
    }
}

}  // namespace

bool is_over(const Mark& mark) { return mark.stream->done >= mark.sequence; }

MarkPointer end_of(const StreamPointer& stream) {
    return std::make_shared<Mark>(Mark{stream, stream->enqueued, {}});
}

StreamPointer make_stream(int device, unsigned int flags) {
    const auto stream = std::make_shared<Stream>();
    stream->handle = reinterpret_cast<CUstream>(make_handle());
    stream->device = device;
    stream->flags = flags;
    stream->patience = static_cast<int>(1 + draw(kPatienceMax));
    start_thread(stream);
    return stream;
}

CUresult find_stream(Call* call, CUstream handle, StreamPointer* stream_out) {
    if (handle == CU_STREAM_PER_THREAD) {
        return call->fail(CUDA_ERROR_INVALID_HANDLE, "the fake has no stream for each thread");
    }
    if (handle == nullptr || handle == CU_STREAM_LEGACY) {
        StreamPointer& legacy = call->context().legacy;
        if (legacy == nullptr) legacy = make_stream(call->device(), CU_STREAM_DEFAULT);
        *stream_out = legacy;
        return CUDA_SUCCESS;
    }
    const auto found = world().streams.find(reinterpret_cast<std::uint64_t>(handle));
    if (found == world().streams.end()) {
        return call->fail(CUDA_ERROR_INVALID_HANDLE, "a stream that is not there (any more)");
    }
    *stream_out = found->second;
    if (found->second->device == call->device()) return CUDA_SUCCESS;
    return call->fail(CUDA_ERROR_INVALID_HANDLE, "a stream of another context");
}

MarkPointer enqueue(const Call& call, const StreamPointer& stream, Operation operation) {
    if (stream->is_captured) return end_of(stream);
    const CUresult fault = call.later_fault();
    if (fault != CUDA_SUCCESS) {
        operation.spoil = nullptr;
        operation.run = [fault] { return fault; };
    }
    add_legacy_waits(stream, &operation);
    operation.name = call.name();
    operation.sequence = ++stream->enqueued;
    operation.due = Clock::now() + std::chrono::microseconds(draw(world().plan.delay_us + 1));
    if (operation.spoil && stream->operations.empty() && waits_are_over(operation)) {
        operation.spoil();  // it could have begun
        operation.spoil = nullptr;
    }
    stream->operations.push_back(std::move(operation));
    world().changed.notify_all();
    return end_of(stream);
}

void demand(const Mark& mark) {
    Stream& stream = *mark.stream;
    if (is_over(mark) || stream.demanded >= mark.sequence) return;
    stream.demanded = mark.sequence;
    for (const Operation& operation : stream.operations) {
        if (operation.sequence > mark.sequence) break;
        for (const MarkPointer& wait : operation.waits) demand(*wait);
    }
    world().changed.notify_all();
}

CUresult wait_for(Call* call, const MarkPointer& mark) {
    World& here = world();
    const Context& context = here.contexts[mark->stream->device];
    demand(*mark);
    here.changed.wait(call->lock(), [&] { return is_over(*mark) || context.lost != CUDA_SUCCESS; });
    return context.lost;
}

CUresult ask_for(Call*, const MarkPointer& mark) {
    Stream& stream = *mark->stream;
    const CUresult lost = world().contexts[stream.device].lost;
    if (lost != CUDA_SUCCESS || is_over(*mark)) return lost;
    if (--stream.patience <= 0) {
        stream.patience = static_cast<int>(1 + draw(kPatienceMax));
        demand(*mark);
    }
    return CUDA_ERROR_NOT_READY;
}

CUresult drain(Call* call, int device) {
    for (const StreamPointer& stream : streams_of(device)) {
        const CUresult code = wait_for(call, end_of(stream));
        if (code != CUDA_SUCCESS) return code;
    }
    return CUDA_SUCCESS;
}

std::vector<StreamPointer> streams_of(int device) {
    const World& here = world();
    std::vector<StreamPointer> found;
    for (const Context& context : here.contexts) {
        if (context.legacy != nullptr) found.push_back(context.legacy);
    }
    for (const auto& [handle, stream] : here.streams) found.push_back(stream);
    found.insert(found.end(), here.leaving.begin(), here.leaving.end());
    std::erase_if(found, [&](const StreamPointer& stream) {
        return device >= 0 && stream->device != device;
    });
    return found;
}

CUresult stream_create_with_priority(CUstream* stream_out, unsigned int flags, int) {
    Call call("cuStreamCreateWithPriority", kContext | kUnsafe);
    if (call.is_refused()) return call.code();
    if (flags > CU_STREAM_NON_BLOCKING) return call.fail(CUDA_ERROR_INVALID_VALUE, "flags");
    const StreamPointer stream = make_stream(call.device(), flags);
    world().streams[reinterpret_cast<std::uint64_t>(stream->handle)] = stream;
    *stream_out = stream->handle;
    return CUDA_SUCCESS;
}

// What it has enqueued still runs, as late as it would have.
CUresult stream_destroy(CUstream handle) {
    Call call("cuStreamDestroy", kContext | kAlsoWhenLost | kUnsafe);
    if (call.is_refused()) return call.code();
    const auto found = world().streams.find(reinterpret_cast<std::uint64_t>(handle));
    if (found == world().streams.end()) {
        return call.fail(CUDA_ERROR_INVALID_HANDLE, "a stream that is not there (any more)");
    }
    found->second->is_destroyed = true;
    world().leaving.push_back(found->second);
    world().streams.erase(found);
    world().changed.notify_all();
    return call.context().lost;
}

CUresult stream_query(CUstream handle) {
    Call call("cuStreamQuery", kContext | kUnsafe);
    StreamPointer stream;
    if (call.is_refused()) return call.code();
    const CUresult code = find_stream(&call, handle, &stream);
    return code != CUDA_SUCCESS ? code : ask_for(&call, end_of(stream));
}

CUresult stream_synchronize(CUstream handle) {
    Call call("cuStreamSynchronize", kContext | kUnsafe);
    StreamPointer stream;
    if (call.is_refused()) return call.code();
    const CUresult code = find_stream(&call, handle, &stream);
    return code != CUDA_SUCCESS ? code : wait_for(&call, end_of(stream));
}

CUresult stream_get_ctx(CUstream handle, CUcontext* context_out) {
    Call call("cuStreamGetCtx", kInit);
    if (call.is_refused()) return call.code();
    const auto found = world().streams.find(reinterpret_cast<std::uint64_t>(handle));
    if (found == world().streams.end()) return CUDA_ERROR_INVALID_HANDLE;
    *context_out = handle_of(found->second->device);
    return CUDA_SUCCESS;
}

CUresult ctx_synchronize() {
    Call call("cuCtxSynchronize", kContext | kUnsafe);
    return call.is_refused() ? call.code() : drain(&call, call.device());
}

}  // namespace fake_cuda
