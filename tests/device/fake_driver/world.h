// SPDX-License-Identifier: Apache-2.0
//
// world.h — a driver that does everything as badly as its interface allows.
//
// It keeps what CUDA promises and nothing that it merely does.  Where a GPU is usually done by the
// time that somebody looks, this one has not begun:
//
//   - What is enqueued runs when somebody synchronises with it, has asked for it a few times, or
//     when a drawn time is over; each stream has a thread, and streams go as they like.
//   - A wait for an event that was never recorded passes at once, and such an event is over.
//   - A copy's target is garbage from the earliest moment that the copy might begin.  Copies of one
//     batch run in a drawn order.
//   - Device memory cannot be touched by the host: at its address lies a mapping without rights,
//   the
//     bytes lie elsewhere.  New memory is garbage, and has canaries on either side.
//   - Registered host memory has another address on the device.  What is not registered is copied
//     as CUDA says: to the device from a copy made during the call, from it before the call
//     returns.
//   - While a graph is captured, every call that allocates, makes or ends something, waits or asks
//     whether something is over counts as unsafe: it is refused, and the graph is lost.
//   - What is out of its bounds is refused, what is forbidden is noted: fake_cuda_report().
//
//   table ─▶ Call (forked? counted, fault? context? lost?) ─▶ memory, streams, events, copies
//                                                               │ enqueue()
//                                                 a stream's thread runs it, outside the lock
//
// One lock for all of it.  It is not held while bytes move, so that the thread sanitizer sees a
// program touch them meanwhile.  Nothing is destroyed at exit: threads may still run then.

#pragma once

#include <cuda.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/device/fake_driver/fake_cuda.h"
#include "tests/device/fake_driver/plan.h"

namespace fake_cuda {

using Lock = std::unique_lock<std::mutex>;
using Clock = std::chrono::system_clock;  // gcc's thread sanitizer knows no wait by another one

constexpr int kDeviceCountMax = 8;

// The memory behind device addresses, where the fake reaches it.
struct Backing {
    int fd = -1;
    unsigned char* here = nullptr;
    std::size_t bytes = 0;
    std::size_t user_offset = 0;  // canaries before and after the user's part, where not all is his
    std::size_t user_bytes = 0;
    int device = 0;

    Backing() = default;
    Backing(const Backing&) = delete;
    Backing& operator=(const Backing&) = delete;
    ~Backing();
};
using BackingPointer = std::shared_ptr<Backing>;

enum class Kind { kDevice, kMapped, kImported, kRegistered, kHostAllocated, kHostView };

// A run of addresses that one call made usable.
struct Range {
    Kind kind = Kind::kDevice;
    std::uint64_t address = 0;
    std::size_t bytes = 0;
    unsigned char* here = nullptr;
    int device = 0;
    BackingPointer backing;     // of what is not the caller's
    std::uint64_t mapping = 0;  // what to unmap, with its length
    std::size_t mapping_bytes = 0;
    std::uint64_t view = 0;        // of host memory: its address on the device
    bool is_accessible = true;     // mapped memory has to be made so
    std::uint64_t allocation = 0;  // mapped memory: its handle
};

struct Span {
    unsigned char* here;
    std::size_t bytes;
};

// Where an operand of a copy lies, in as many pieces as were mapped.
struct Place {
    std::uint64_t address = 0;
    std::size_t bytes = 0;
    bool is_host = false;
    bool is_pageable = false;
    std::vector<Span> spans;
    std::vector<BackingPointer> backings;
    std::shared_ptr<std::vector<unsigned char>> kept;  // a copy of what was there
};

struct Stream;
using StreamPointer = std::shared_ptr<Stream>;

// A place in a stream: over when the stream has done so much.
struct Mark {
    StreamPointer stream;
    std::uint64_t sequence = 0;
    Clock::time_point time;  // when it was over
};
using MarkPointer = std::shared_ptr<Mark>;

struct Operation {
    std::uint64_t sequence = 0;
    const char* name = "";
    std::function<void()> spoil;  // what may become of its targets as soon as it could begin
    std::function<CUresult()> run;
    std::vector<MarkPointer> waits;
    std::vector<Place> places;  // must stay until it is over
    Clock::time_point due;
};

struct Stream {
    CUstream handle = nullptr;
    int device = 0;
    unsigned int flags = 0;
    std::deque<Operation> operations;
    std::uint64_t enqueued = 0;
    std::uint64_t done = 0;
    std::uint64_t demanded = 0;  // run without waiting for its time up to here
    int patience = 0;            // questions until it is demanded
    bool is_running = false;
    bool is_destroyed = false;
    bool is_captured = false;  // what is enqueued goes into a graph, and never runs here
};

struct Event {
    unsigned int flags = 0;
    int device = 0;
    MarkPointer mark;          // null: never recorded
    bool is_captured = false;  // recorded in a graph
};

struct Context {
    int retain_count = 0;
    CUresult lost = CUDA_SUCCESS;  // what every call says from then on
    bool is_held = false;          // nothing runs
    std::uint64_t let_count = 0;   // but for so many
    std::set<int> peers;
    StreamPointer legacy;  // stream 0
};

struct Allocation {  // of cuMemCreate()
    BackingPointer backing;
    int reference_count = 0;
    bool is_exportable = false;
    bool is_own = false;  // not imported
};

struct Capture {
    StreamPointer stream;
    std::thread::id thread;
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    bool is_broken = false;  // something unsafe was called
};

struct Kernel {
    fake_cuda_kernel function = nullptr;
    std::vector<std::size_t> parameter_bytes;
};

struct KernelGiven {
    std::string name;
    std::uint64_t library = 0;
};

struct World {
    std::mutex mutex;
    std::condition_variable changed;
    Plan plan;
    int pid = 0;  // of the process that called cuInit(); 0: none has
    Context contexts[kDeviceCountMax];
    std::map<std::uint64_t, Range> ranges;          // by address
    std::map<std::uint64_t, std::size_t> reserved;  // by address: length
    std::map<std::uint64_t, Allocation> allocations;
    std::map<std::uint64_t, StreamPointer> streams;
    std::vector<StreamPointer> leaving;  // destroyed, with something still to do
    std::map<std::uint64_t, Event> events;
    std::vector<Capture> captures;
    std::set<std::uint64_t> graphs;
    std::set<std::uint64_t> libraries;
    std::map<std::uint64_t, KernelGiven> kernels_given;
    std::map<std::string, Kernel> kernels;
    std::map<std::string, std::uint64_t> counts;
    std::uint64_t device_bytes[kDeviceCountMax] = {};
    std::uint64_t next_handle = 1;
    std::uint64_t random = 1;

    std::mutex misuse_mutex;
    std::vector<std::string> misuses;
};

World& world();
void note_misuse(const std::string& line);
std::uint64_t draw(std::uint64_t below);  // with the lock
std::uint64_t make_handle();              // never given out before, and never an address

// The world without what a program made in it.
void forget_all(Lock* lock);

// call.cpp
enum Need : unsigned {
    kNothing = 0,
    kInit = 1,
    kContext = 3,
    kEnqueues = 4,
    kAlsoWhenLost = 8,
    kUnsafe = 16,  // while a graph is captured
};

// What every function does first.  It holds the lock until it goes.
class Call {
 public:
    Call(const char* name, unsigned needs);

    [[nodiscard]] bool is_refused() const { return code_ != CUDA_SUCCESS; }
    [[nodiscard]] CUresult code() const { return code_; }
    [[nodiscard]] CUresult fail(CUresult code, const std::string& why);  // and notes it
    [[nodiscard]] const char* name() const { return name_; }
    [[nodiscard]] int device() const { return device_; }  // of the current context
    [[nodiscard]] Context& context() const { return world().contexts[device_]; }
    [[nodiscard]] CUresult later_fault() const { return later_; }
    [[nodiscard]] Lock& lock() { return lock_; }

 private:
    void meet_faults(unsigned needs);
    void check_state(unsigned needs);

    const char* name_;
    Lock lock_;
    int device_ = 0;
    CUresult code_ = CUDA_SUCCESS;
    CUresult later_ = CUDA_SUCCESS;  // for what this call enqueues
};

bool loses_context(int code);
void lose(int device, CUresult code);
CUcontext* current_of_thread();
CUcontext handle_of(int device);
int device_of(CUcontext context);  // -1: of none

// capture.cpp
bool breaks_captures();  // does it, where a call of this thread that is unsafe is forbidden

// memory.cpp
bool find_place(const char* name, std::uint64_t address, std::size_t bytes, Place* place_out);
bool canaries_stand(const Backing& backing);
BackingPointer make_backing(std::size_t bytes, std::size_t guard_bytes);
BackingPointer backing_of_fd(int fd);
std::uint64_t reserve_addresses(std::size_t bytes, std::size_t align_bytes);
void release_addresses(std::uint64_t address, std::size_t bytes);
void add_range(const Range& range);
bool is_in_use(std::uint64_t address, std::size_t bytes);  // by what was enqueued

// copies.cpp
struct Copy {
    Place target;
    Place source;
};
CUresult enqueue_copies(Call* call, CUstream handle, std::vector<Copy> copies, bool reads_now);

// stream.cpp
StreamPointer make_stream(int device, unsigned int flags);
CUresult find_stream(Call* call, CUstream handle, StreamPointer* stream_out);
MarkPointer enqueue(const Call& call, const StreamPointer& stream, Operation operation);
bool is_over(const Mark& mark);
void demand(const Mark& mark);
CUresult wait_for(Call* call, const MarkPointer& mark);
CUresult ask_for(Call* call, const MarkPointer& mark);  // CUDA_ERROR_NOT_READY, a few times
CUresult drain(Call* call, int device);
std::vector<StreamPointer> streams_of(
    int device);  // also stream 0 and those that leave; -1: of all
MarkPointer end_of(const StreamPointer& stream);

}  // namespace fake_cuda
