// SPDX-License-Identifier: Apache-2.0
//
// world.cpp — draws what a run consists of: its faults, memory, files and
// layouts.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/sim/simulation.h"

namespace bwrt::sim {
namespace {

constexpr std::uint64_t kSpaceBytesMax = 160 << 10;
constexpr std::uint64_t kCanaryBytes = 4096;

// Aligned alike in every run, so that what is aligned is the seed's choice alone.
std::byte* memory_of(std::uint32_t index) {
    constexpr std::uint64_t kPitchBytes = kSpaceBytesMax + 4 * kCanaryBytes;
    alignas(4096) static std::byte arena[kMemoryCount * kPitchBytes];
    static_assert(kPitchBytes % 4096 == 0);
    return arena + index * kPitchBytes;
}

// Only what fstat() says of these is real: bytes live in the images.
int file_of(std::uint32_t index) {
    static int fds[kFileCount] = {-1, -1, -1};
    if (fds[index] < 0) fds[index] = memfd_create("bwrt-sim", MFD_CLOEXEC);
    if (fds[index] < 0) std::abort();
    return fds[index];
}

bwrt_status need(bwrt_status status, const char* what, const bwrt_error& error, Verdict* verdict) {
    if (status != BWRT_OK) verdict->wrong("%s: %s", what, error.message);
    return status;
}

}  // namespace

// A third of the runs has all faults, a third one kind, a third none but what
// callers do.
void Simulation::draw_options() {
    options_.latency_ns_mean = random_.between(3'000, 300'000);
    options_.cancel_too_late = static_cast<std::uint32_t>(random_.below(700));
    const std::uint64_t mood = random_.below(13);
    const auto some = [&](std::uint32_t most) {
        return static_cast<std::uint32_t>(1 + random_.below(most));
    };
    const bool all = mood < 5;
    if (all || mood == 5) options_.short_count = some(250);
    if (all && random_.chance(500)) options_.zero_count = some(30);
    if (all || mood == 6) options_.eio = some(40);
    if (all || mood == 6) options_.enospc = some(20);
    if (all || mood == 7) options_.eintr = some(100);
    if (all || mood == 7) options_.eagain = some(100);
    if (all && random_.chance(400)) options_.einval = some(40);
    if (all || mood == 8) options_.lost = some(30);
    if (all || mood == 9) options_.full = some(200);
    if (all || mood == 9) options_.duplicate = some(50);
    if (all || mood == 9) options_.unknown = some(50);
    if (all && random_.chance(500)) options_.host_failed = some(60);
    if (mood == 10 || (all && random_.chance(300)))
        options_.bad_block_count = some(mood == 10 ? 12 : 3);
    expectation_.faults = all || mood == 6 || mood == 10;
    expectation_.only_bad_blocks = mood == 10;
    // All write into the same few blocks of a file that ceases to take direct I/O.
    tight_ = mood == 12;
    if (tight_) options_.einval = some(25);
    narrow_ = tight_ || random_.chance(350);
    gentle_ = mood == 11 || mood == 5 || mood == 7;  // and no caller who ends waves early
}

void Simulation::open() {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.progress = BWRT_PROGRESS_CALLER;
    config.wave_count_max = static_cast<std::uint32_t>(random_.between(4, 24));
    config.operation_count_max = random_.chance(500) ? 16 : 512;
    config.slot_count_max = random_.chance(500) ? 512 : 4096;
    config.region_count_max = 16;
    config.layout_count_max = 8;
    config.group_count_max = random_.chance(500) ? 20 : 200;
    config.queue_depth = static_cast<std::uint32_t>(random_.between(1, 16));
    config.io_bytes_max = 64 << 10;
    config.staging_count = static_cast<std::uint32_t>(random_.between(1, 4));
    bwrt_error error = {};
    storage_.world_states = host_.world_states = [this] { return world_states(); };
    storage_.is_callers_memory = [this](const void* address) {
        for (const auto& space : spaces_) {
            const auto* place = static_cast<const std::byte*>(address);
            if (!space->is_file && place >= space->actual && place < space->actual + space->bytes) {
                return true;
            }
        }
        return false;
    };
    storage_.is_target = [this](std::uint32_t image, std::uint64_t first, std::uint64_t last) {
        for (const auto& space : spaces_) {
            if (space->image != static_cast<std::int32_t>(image)) continue;
            for (std::uint64_t k = first; k < last; ++k) {
                if (space->writer[k] != 0) return true;
            }
        }
        return false;
    };
    const bwrt_status status = runtime::open_runtime(
        &config, runtime::World{&clock_, &storage_, &host_}, &runtime_, &error);
    if (need(status, "open", error, &verdict_) != BWRT_OK) return;
    for (std::uint32_t i = 0; i < kMemoryCount; ++i) make_memory(i);
    for (std::uint32_t i = 0; i < kFileCount; ++i) make_file(i);
    for (const auto& space : spaces_) model_.spaces.push_back(space.get());
    make_layouts();
}

// Values everywhere, canaries included, and no two places alike for long.
void Simulation::finish_space(Space* space) {
    space->value.resize(space->bytes);
    for (std::uint64_t k = 0; k + 8 <= space->bytes; k += 8) {
        const std::uint64_t word = random_.next();
        std::memcpy(space->value.data() + k, &word, 8);
    }
    if (space->image >= 0) {  // past its end a file has nothing
        const std::uint64_t length =
            storage_.image(static_cast<std::uint32_t>(space->image)).length_bytes;
        std::fill(space->value.begin() + static_cast<std::ptrdiff_t>(length), space->value.end(),
                  std::byte{0});
    }
    std::memcpy(space->actual, space->value.data(), space->bytes);
    space->writer.assign(space->bytes, 0);
    space->readers.assign(space->bytes, 0);
}

void Simulation::add_region(Space* space) {
    bwrt_error error = {};
    bwrt_region_info info = {};
    info.struct_size = sizeof info;
    if (need(bwrt_region_add(runtime_, &space->region, &space->handle, &info, &error), "region",
             error, &verdict_) != BWRT_OK) {
        return;
    }
    if (space->region.kind == BWRT_REGION_ALLOCATED) {
        space->actual = static_cast<std::byte*>(info.address);
    }
    if (!space->is_direct) return;
    // Direct I/O is the simulated device's, whatever file system the test runs
    // on; and so is its alignment.
    take_direct(*space, space->handle);
    if (!space->has_twin || space->twin != 0) return;
    if (need(bwrt_region_add(runtime_, &space->region, &space->twin, nullptr, &error), "region",
             error, &verdict_) == BWRT_OK) {
        take_direct(*space, space->twin);
    }
}

void Simulation::take_direct(const Space& space, bwrt_handle handle) {
    runtime::FileState& file = *runtime_->runtime.tables().regions.find(handle)->file;
    if (file.direct_file < 0) {
        file.direct_file = file.direct_attached =
            storage_.attach_direct(static_cast<std::uint32_t>(space.image));
    }
    file.offset_align_bytes = space.offset_align;
    file.memory_align_bytes = space.memory_align;
    file.stage_from_bytes = space.stage_from_bytes;
    storage_.set_alignment(file.direct_file, space.offset_align, space.memory_align);
}

void Simulation::make_memory(std::uint32_t index) {
    auto space = std::make_unique<Space>();
    space->name = "memory " + std::to_string(index);
    const bool allocated = index == 2;
    space->length_bytes = random_.between(96 << 10, kSpaceBytesMax);
    space->region.struct_size = sizeof space->region;
    space->region.kind = allocated ? BWRT_REGION_ALLOCATED : BWRT_REGION_HOST;
    if (allocated) {
        space->length_bytes = space->length_bytes / 8 * 8;
        space->bytes = space->length_bytes;
        space->region.length_bytes = space->length_bytes;
        add_region(space.get());
        if (space->actual == nullptr) return;
    } else {
        space->actual = memory_of(index);
        space->base = kCanaryBytes + (random_.chance(700) ? 0 : random_.below(64));
        space->bytes = (space->base + space->length_bytes + kCanaryBytes) / 8 * 8;
        space->region.address = space->actual + space->base;
        space->region.length_bytes = space->length_bytes;
    }
    finish_space(space.get());
    if (!allocated) add_region(space.get());
    spaces_.push_back(std::move(space));
}

void Simulation::make_file(std::uint32_t index) {
    auto space = std::make_unique<Space>();
    space->name = "file " + std::to_string(index);
    space->is_file = true;
    space->is_direct = index == 0 || (index == 1 && random_.chance(500));
    space->has_twin = space->is_direct && random_.chance(500);
    space->offset_align = random_.chance(500) ? 512 : 4096;
    constexpr std::uint32_t kMemoryAligns[] = {4, 512, 4096};
    space->memory_align = std::min(kMemoryAligns[random_.below(3)], space->offset_align);
    if (space->is_direct && random_.chance(300)) {
        space->stage_from_bytes = static_cast<std::uint32_t>(1 + random_.below(16 << 10));
    }
    space->length_bytes = random_.between(96 << 10, kSpaceBytesMax);
    // A buffered file may be shorter than its region: reads past its end are cut,
    // writes extend it.
    const bool cut = !space->is_direct && !expectation_.only_bad_blocks && random_.chance(300);
    const std::uint64_t length = cut ? space->length_bytes * 3 / 4 : space->length_bytes;
    space->bytes = (space->length_bytes + kCanaryBytes) / 8 * 8;
    const int fd = file_of(index);
    if (ftruncate(fd, static_cast<off_t>(length)) != 0) std::abort();
    const std::uint32_t image = storage_.add_image(fd, space->bytes, length);
    space->image = static_cast<std::int32_t>(image);
    space->actual = storage_.image(image).bytes.data();
    for (std::uint32_t i = 0; i < options_.bad_block_count; ++i) {
        const std::uint64_t first = random_.below(space->length_bytes);
        space->bad.push_back({first, first + 1 + random_.below(600)});
    }
    storage_.image(image).bad = space->bad;
    space->region.struct_size = sizeof space->region;
    space->region.kind = BWRT_REGION_FILE;
    space->region.fd = fd;
    space->region.flags = space->is_direct ? BWRT_REGION_DIRECT : 0;
    space->region.length_bytes = space->length_bytes;
    finish_space(space.get());
    add_region(space.get());
    spaces_.push_back(std::move(space));
}

}  // namespace bwrt::sim
