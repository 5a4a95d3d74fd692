// SPDX-License-Identifier: Apache-2.0
//
// table_world.h — the tables of a runtime and nobody who empties the ring: what a submission
// puts there stays to be looked at, and what a refused one left behind would be seen.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/limits.h"
#include "runtime/submit.h"
#include "runtime/validate.h"
#include "tests/support/cmocka.h"

namespace bwrt::test {

using runtime::Tables;
using runtime::Wave;

struct FixedClock final : runtime::Clock {
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return now; }
    std::uint64_t now = 1'000'000'000;
};

constexpr std::uint64_t kRegionBytes = 1 << 16;
constexpr std::uint64_t kGeneration = 1000;

inline bwrt_config small_config() {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.wave_count_max = 4;
    config.operation_count_max = 64;
    config.slot_count_max = 4096;
    config.region_count_max = 16;
    config.layout_count_max = 8;
    config.plane_count_max = 8;
    config.group_count_max = 16;
    return config;
}

inline bwrt_config checked(const bwrt_config& config) {
    bwrt_config result = {};
    runtime::Calibration none;
    if (runtime::check_config(&config, &result, &none, {}) != BWRT_OK) std::abort();
    return result;
}

// What must be the same before and after a refusal.
struct Holdings {
    std::uint32_t pages;
    std::uint32_t waves;
    std::uint32_t busy_gates;
    std::size_t commands;

    friend bool operator==(const Holdings& a, const Holdings& b) {
        return a.pages == b.pages && a.waves == b.waves && a.busy_gates == b.busy_gates &&
               a.commands == b.commands;
    }
};

class TableWorld {
 public:
    explicit TableWorld(const bwrt_config& config = small_config())
        : tables(checked(config), {}, kGeneration), bytes_(2 * kRegionBytes + 4096) {
        char path[] = "bwrt-test-XXXXXX";
        fd_ = mkstemp(path);
        if (fd_ < 0 || ftruncate(fd_, kRegionBytes) != 0) std::abort();
        unlink(path);
        auto start = reinterpret_cast<std::uintptr_t>(bytes_.data());
        start = (start + 4095) / 4096 * 4096;
        base = reinterpret_cast<std::uint8_t*>(start);
        memory = add_host(base, 0);
        other_memory = add_host(base + kRegionBytes, 0);
        read_only = add_host(base, BWRT_REGION_READ_ONLY);
        file = add_file(0);
        other_file = add_file(0);
    }
    ~TableWorld() { close(fd_); }
    TableWorld(const TableWorld&) = delete;
    TableWorld& operator=(const TableWorld&) = delete;

    bwrt_handle add_host(void* address, std::uint32_t flags) {
        bwrt_region region = {};
        region.struct_size = sizeof region;
        region.kind = BWRT_REGION_HOST;
        region.flags = flags;
        region.address = address;
        region.length_bytes = kRegionBytes;
        return add(region);
    }
    bwrt_handle add_file(std::uint32_t flags) {
        bwrt_region region = {};
        region.struct_size = sizeof region;
        region.kind = BWRT_REGION_FILE;
        region.flags = flags;
        region.fd = fd_;
        return add(region);
    }
    bwrt_handle add(const bwrt_region& region) {
        std::uint32_t slot = 0;
        runtime::Region* added = nullptr;
        char reason[160] = {};
        if (tables.regions.add(region, &slot, &added, reason, sizeof reason, {}) != BWRT_OK) {
            std::abort();
        }
        regions_.push_back(added);
        return tables.regions.publish(slot);
    }

    // Two planes of 24 and 40 bytes, groups 1 and 0, in blocks of 64; ten slots.
    bwrt_handle add_layout(bwrt_handle region, std::uint64_t offset = 0) {
        bwrt_plane planes[2] = {};
        planes[0].region = planes[1].region = region;
        planes[0].offset_bytes = offset;
        planes[0].slot_stride_bytes = 64;
        planes[0].length_bytes = 24;
        planes[0].group = 1;
        planes[1].offset_bytes = offset + 24;
        planes[1].slot_stride_bytes = 64;
        planes[1].length_bytes = 40;
        planes[1].block_offset_bytes = 24;
        bwrt_layout layout = {};
        layout.struct_size = sizeof layout;
        layout.slot_count = 10;
        layout.block_bytes = 64;
        layout.planes = planes;
        layout.plane_count = 2;
        layout.plane_bytes = sizeof(bwrt_plane);
        bwrt_handle handle = 0;
        if (tables.layouts.add(layout, tables.regions, 8, &handle, {}) != BWRT_OK) std::abort();
        gates_.push_back(&tables.layouts.find(handle)->gate);
        return handle;
    }

    bwrt_status submit(const bwrt_wave& wave, bwrt_handle* handle_out, bwrt_error* error) {
        bool wake = false;
        return submit_wave(&tables, clock, &wave, handle_out, &wake, error);
    }

    // Submits and takes the command from the ring; the wave as the executor would begin with it.
    Wave* accept(const bwrt_wave& wave) {
        bwrt_handle handle = 0;
        bwrt_error error = {};
        if (submit(wave, &handle, &error) != BWRT_OK) {
            fail_msg("operation %u: %s: %s", error.operation_index, error.field, error.message);
        }
        ringbuf::Command command;
        if (!tables.ring.pop(&command)) fail_msg("no command");
        Wave* accepted = tables.waves.find(handle);
        if (command.op_kind != 0) {
            runtime::unpack(command, &accepted->inline_operation);
            accepted->list(accepted->inline_operation.lane).append(&accepted->inline_operation);
        }
        return accepted;
    }

    Holdings holdings() {
        Holdings held = {tables.pages.count_free(), 0, 0, tables.ring.size_approximate()};
        std::vector<Wave*> waves;
        while (Wave* wave = tables.waves.take()) waves.push_back(wave);
        held.waves = static_cast<std::uint32_t>(waves.size());
        for (auto wave = waves.rbegin(); wave != waves.rend(); ++wave) {
            tables.waves.put_back(*wave);
        }
        for (const runtime::Region* region : regions_) {
            held.busy_gates += region->gate.is_idle() ? 0 : 1;
        }
        for (const runtime::Gate* gate : gates_) held.busy_gates += gate->is_idle() ? 0 : 1;
        return held;
    }

    Tables tables;
    FixedClock clock;
    std::uint8_t* base = nullptr;  // of `memory`, on a page
    bwrt_handle memory = 0;        // kRegionBytes each
    bwrt_handle other_memory = 0;
    bwrt_handle read_only = 0;
    bwrt_handle file = 0;
    bwrt_handle other_file = 0;

 private:
    std::vector<std::uint8_t> bytes_;
    int fd_ = -1;
    std::vector<const runtime::Region*> regions_;
    std::vector<const runtime::Gate*> gates_;
};

inline bwrt_operation copy_of(const TableWorld& world, std::uint64_t length = 64) {
    bwrt_operation op = {};
    op.kind = BWRT_OP_COPY;
    op.source = world.memory;
    op.target = world.other_memory;
    op.length_bytes = length;
    return op;
}

inline bwrt_wave wave_of(const bwrt_operation* operations, std::uint32_t count) {
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = operations;
    wave.operation_count = count;
    wave.operation_bytes = sizeof(bwrt_operation);
    return wave;
}

// Submits what must be refused: with this status, this field, this operation, and no trace.
inline void expect_refusal(TableWorld* world, const bwrt_wave& wave, bwrt_status status,
                           const char* field, std::uint32_t operation_index = BWRT_NONE) {
    const Holdings before = world->holdings();
    bwrt_handle handle = 77;
    bwrt_error error = {};
    const bwrt_status got = world->submit(wave, &handle, &error);
    if (got != status || std::strcmp(error.field, field) != 0) {
        fail_msg("%s at \"%s\" (%s), not %s at \"%s\"", bwrt_status_name(got), error.field,
                 error.message, bwrt_status_name(status), field);
    }
    assert_int_equal(error.status, status);
    assert_int_equal(error.operation_index, operation_index);
    assert_true(error.message[0] != '\0');
    assert_int_equal(handle, 77);
    assert_true(world->holdings() == before);
}

// Submits with no page left, then one, two and so on, until the wave is taken; each refusal says
// E_AGAIN and leaves no trace.  Returns how many it needed.
inline std::uint32_t expect_again_until_pages_suffice(TableWorld* world, const bwrt_wave& wave) {
    for (std::uint32_t spare = 0;; ++spare) {
        runtime::PageChain others;
        for (std::uint32_t kept = spare; kept < world->tables.pages.count(); ++kept) {
            if (others.grow(&world->tables.pages) == nullptr) fail_msg("a page was lost");
        }
        const Holdings before = world->holdings();
        bwrt_handle handle = 77;
        const bwrt_status status = world->submit(wave, &handle, nullptr);
        const Holdings after = world->holdings();
        others.give_back(&world->tables.pages);
        if (status == BWRT_OK) return spare;
        assert_int_equal(status, BWRT_E_AGAIN);
        assert_int_equal(handle, 77);
        assert_true(after == before);
    }
}

}  // namespace bwrt::test
