// SPDX-License-Identifier: Apache-2.0
//
// world.cpp — the one world, what was noted in it, and its end.

#include "tests/device/fake_driver/world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define FAKE_CUDA_API __attribute__((visibility("default")))

namespace fake_cuda {
namespace {

constexpr std::size_t kMisuseCountMax = 100;

World* make_world() {
    auto* const made = new World;
    const char* const text = std::getenv("FAKE_CUDA");
    const std::string wrong = text == nullptr ? "" : parse_plan(text, &made->plan);
    if (!wrong.empty()) {
        std::fprintf(stderr, "FAKE_CUDA: %s\n", wrong.c_str());
        std::abort();
    }
    made->random = made->plan.seed;
    return made;
}

bool is_any_running() {
    const std::vector<StreamPointer> all = streams_of(-1);
    return std::any_of(all.begin(), all.end(),
                       [](const StreamPointer& stream) { return stream->is_running; });
}

const char* kind_name(Kind kind) {
    switch (kind) {
        case Kind::kDevice:
            return "device memory";
        case Kind::kMapped:
            return "mapped device memory";
        case Kind::kImported:
            return "imported device memory";
        case Kind::kRegistered:
            return "registered host memory";
        case Kind::kHostAllocated:
            return "allocated host memory";
        case Kind::kHostView:
            return "";
    }
    return "";
}

void report_ranges(std::string* text) {
    for (const auto& [address, range] : world().ranges) {
        const bool is_own = range.backing != nullptr && range.kind != Kind::kHostView;
        if (is_own && !canaries_stand(*range.backing))
            *text += "a canary of device memory is dead\n";
        if (range.kind == Kind::kHostView) continue;
        *text += "left behind: " + std::to_string(range.bytes) + " bytes of " +
                 kind_name(range.kind) + "\n";
    }
}

void report_count(std::string* text, std::size_t count, const char* of_what) {
    if (count != 0) *text += "left behind: " + std::to_string(count) + " " + of_what + "\n";
}

}  // namespace

World& world() {
    static World* const only = make_world();
    return *only;
}

void note_misuse(const std::string& line) {
    World& here = world();
    const std::lock_guard<std::mutex> lock(here.misuse_mutex);
    if (here.misuses.size() < kMisuseCountMax) here.misuses.push_back(line);
}

// Steele and Vigna's splitmix64: each number by one step of a counter.
std::uint64_t draw(std::uint64_t below) {
    std::uint64_t value = world().random += 0x9E3779B97F4A7C15u;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return (value ^ (value >> 31)) % below;
}

std::uint64_t make_handle() { return 0xFA4E000000000000u + 16 * world().next_handle++; }

void forget_all(Lock* lock) {
    World& here = world();
    here.changed.wait(*lock, [] { return !is_any_running(); });
    for (const StreamPointer& stream : streams_of(-1)) {
        stream->operations.clear();
        stream->done = stream->enqueued;
        stream->is_destroyed = true;
    }
    for (Context& context : here.contexts) context = {};
    for (const auto& [address, range] : here.ranges) {
        if (range.mapping != 0) release_addresses(range.mapping, range.mapping_bytes);
    }
    for (const auto& [address, bytes] : here.reserved) release_addresses(address, bytes);
    here.ranges.clear();
    here.reserved.clear();
    here.allocations.clear();
    here.streams.clear();
    here.events.clear();
    here.captures.clear();
    here.graphs.clear();
    here.libraries.clear();
    here.kernels_given.clear();
    here.counts.clear();
    std::memset(here.device_bytes, 0, sizeof here.device_bytes);
    const std::lock_guard<std::mutex> misuse_lock(here.misuse_mutex);
    here.misuses.clear();
    here.changed.notify_all();
}

}  // namespace fake_cuda

using namespace fake_cuda;

FAKE_CUDA_API const char* fake_cuda_configure(const char* text) {
    static std::string wrong;
    Plan plan;
    Lock lock(world().mutex);
    wrong = parse_plan(text, &plan);
    if (!wrong.empty()) return wrong.c_str();
    forget_all(&lock);
    world().plan = plan;
    world().random = plan.seed;
    return nullptr;
}

FAKE_CUDA_API const char* fake_cuda_report(void) {
    static std::string text;
    World& here = world();
    const Lock lock(here.mutex);
    text.clear();
    {
        const std::lock_guard<std::mutex> misuse_lock(here.misuse_mutex);
        for (const std::string& line : here.misuses) text += line + "\n";
    }
    report_ranges(&text);
    int retain_count = 0;
    for (const Context& context : here.contexts) retain_count += context.retain_count;
    report_count(&text, here.streams.size(), "streams");
    report_count(&text, here.events.size(), "events");
    report_count(&text, here.captures.size(), "captures");
    report_count(&text, here.graphs.size(), "graphs");
    report_count(&text, here.libraries.size(), "libraries");
    report_count(&text, here.allocations.size(), "handles of memory");
    report_count(&text, here.reserved.size(), "reserved runs of addresses");
    report_count(&text, static_cast<std::size_t>(retain_count), "retained contexts");
    return text.c_str();
}

FAKE_CUDA_API std::uint64_t fake_cuda_count(const char* name) {
    const Lock lock(world().mutex);
    const auto found = world().counts.find(name);
    return found == world().counts.end() ? 0 : found->second;
}

FAKE_CUDA_API void fake_cuda_hold(int device, int is_held) {
    const Lock lock(world().mutex);
    world().contexts[device].is_held = is_held != 0;
    world().contexts[device].let_count = 0;
    world().changed.notify_all();
}

FAKE_CUDA_API void fake_cuda_let(int device, unsigned int count) {
    const Lock lock(world().mutex);
    world().contexts[device].let_count += count;
    world().changed.notify_all();
}

FAKE_CUDA_API void fake_cuda_lose(int device, int code) {
    const Lock lock(world().mutex);
    lose(device, static_cast<CUresult>(code));
}

FAKE_CUDA_API void fake_cuda_add_kernel(const char* name, fake_cuda_kernel kernel,
                                        const std::size_t* parameter_bytes,
                                        std::size_t parameter_count) {
    const Lock lock(world().mutex);
    world().kernels[name] = {kernel, {parameter_bytes, parameter_bytes + parameter_count}};
}
