// SPDX-License-Identifier: Apache-2.0
//
// The Nth read, write or flush fails with EIO, ENOSPC or ENOMEM, or says EINTR and EAGAIN: through
// a backend that does as it is told around a real one.  An error stays where it happened, also
// when the operation was asked for together with its neighbours in the file.

#include <cerrno>

#include "tests/fault/scripted_storage.h"

namespace {

using bwrt::test::Action;
using bwrt::test::IoKind;
using bwrt::test::IoRequest;
using bwrt::test::ScriptedStorage;
using bwrt::test::ScriptedWorld;

constexpr std::uint32_t kCount = 8;
constexpr std::uint64_t kBytes = 16384;

// Covers a byte of the file that cannot be read or written.
ScriptedStorage::Script bad_byte(IoKind kind, std::uint64_t offset, int os_code) {
    return [=](const IoRequest& request, std::uint64_t) {
        std::uint64_t end = request.offset_bytes;
        for (std::uint32_t i = 0; i < request.iovec_count; ++i) end += request.iovecs[i].iov_len;
        const bool hit = request.kind == kind && request.offset_bytes <= offset && offset < end;
        return hit ? Action::answer(-os_code) : Action::pass();
    };
}

// Reads that lie together in the file and apart in memory.
void neighbours(const faults* self, bwrt_operation* operations) {
    for (std::uint32_t i = 0; i < kCount; ++i) {
        operations[i] = read_of(self, i * kBytes, (kCount - 1 - i) * 2 * kBytes, kBytes);
    }
}

void a_bad_block_among_merged_reads_spoils_its_own_operation_only(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    for (std::uint32_t bad = 0; bad < kCount; ++bad) {
        bwrt_operation operations[kCount];
        bwrt_result results[kCount];
        bwrt_completion completion;
        bwrt_wave wave = wave_of(operations, kCount);
        neighbours(self, operations);
        with_results(&wave, results, kCount);
        std::memset(self->memory, 0, FAULTS_BYTES);
        world->storage->script = bad_byte(IoKind::kRead, bad * kBytes + 100, EIO);

        assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_IO);

        assert_int_equal(completion.operation_index, bad);
        assert_int_equal(completion.os_code, EIO);
        assert_int_equal(completion.tier, BWRT_TIER_DISK);
        assert_int_equal(completion.bytes, (kCount - 1) * kBytes);
        assert_int_equal(completion.prefix_count, bad);
        assert_int_equal(completion.verdict,
                         bad == 0 ? BWRT_VERDICT_RECOMPUTE : BWRT_VERDICT_PARTIAL);
        for (std::uint32_t i = 0; i < kCount; ++i) {
            assert_int_equal(results[i].status, i == bad ? BWRT_E_IO : BWRT_OK);
            assert_int_equal(results[i].os_code, i == bad ? EIO : 0);
            assert_int_equal(results[i].bytes, i == bad ? 0 : kBytes);
            assert_int_equal(results[i].address, 0);
            if (i == bad) continue;
            assert_true(
                has_pattern(self->memory + (kCount - 1 - i) * 2 * kBytes, i * kBytes, kBytes));
        }
        world->storage->script = nullptr;
        assert_still_works(self);
    }
}

void two_bad_blocks_are_two_failures_and_the_first_is_named(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    bwrt_operation operations[kCount];
    bwrt_result results[kCount];
    bwrt_completion completion;
    bwrt_wave wave = wave_of(operations, kCount);
    neighbours(self, operations);
    with_results(&wave, results, kCount);
    const auto third = bad_byte(IoKind::kRead, 2 * kBytes, EIO);
    const auto sixth = bad_byte(IoKind::kRead, 6 * kBytes - 1, ENOMEM);
    world->storage->script = [=](const IoRequest& request, std::uint64_t number) {
        const Action action = third(request, number);
        return action.kind == Action::Kind::kPass ? sixth(request, number) : action;
    };

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_IO);

    assert_int_equal(completion.operation_index, 2);
    assert_int_equal(completion.prefix_count, 2);
    assert_int_equal(completion.bytes, (kCount - 2) * kBytes);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        assert_int_equal(results[i].status, i == 2 ? BWRT_E_IO : i == 5 ? BWRT_E_NOMEM : BWRT_OK);
    }
}

// For N = 1, 2, ... until none is left to fail: reads that cannot be merged.
void the_nth_read_fails_and_the_others_are_right(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    for (std::uint64_t nth = 0; nth <= kCount; ++nth) {
        bwrt_operation operations[kCount];
        bwrt_result results[kCount];
        bwrt_completion completion;
        bwrt_wave wave = wave_of(operations, kCount);
        for (std::uint32_t i = 0; i < kCount; ++i) {
            operations[i] = read_of(self, i * 2 * kBytes, i * kBytes, kBytes);
        }
        with_results(&wave, results, kCount);
        const std::uint64_t before = world->storage->count(IoKind::kRead);
        world->storage->script = [=](const IoRequest&, std::uint64_t number) {
            return number - before == nth ? Action::answer(-EIO) : Action::pass();
        };

        const bwrt_status status = run_wave(self, &wave, &completion);

        assert_int_equal(status, nth == kCount ? BWRT_OK : BWRT_E_IO);
        std::uint32_t failed_count = 0;
        for (std::uint32_t i = 0; i < kCount; ++i) {
            if (results[i].status != BWRT_OK) {
                assert_int_equal(completion.operation_index, i);
                ++failed_count;
            } else {
                assert_true(has_pattern(self->memory + i * kBytes, i * 2 * kBytes, kBytes));
            }
        }
        assert_int_equal(failed_count, nth == kCount ? 0 : 1);
    }
}

void the_nth_write_fails_and_the_others_are_in_the_file(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    std::memset(self->memory, 0x5A, kCount * kBytes);
    bwrt_operation operations[kCount];
    bwrt_result results[kCount];
    bwrt_completion completion;
    bwrt_wave wave = wave_of(operations, kCount);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        operations[i] = write_of(self, i * kBytes, i * kBytes, kBytes);  // merged
    }
    with_results(&wave, results, kCount);
    world->storage->script = bad_byte(IoKind::kWrite, 3 * kBytes, EIO);

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_IO);

    assert_int_equal(completion.operation_index, 3);
    assert_int_equal(completion.prefix_count, 3);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        unsigned char bytes[kBytes];
        assert_int_equal(pread(self->fd, bytes, kBytes, static_cast<off_t>(i * kBytes)),
                         static_cast<int>(kBytes));
        assert_int_equal(results[i].status, i == 3 ? BWRT_E_IO : BWRT_OK);
        assert_true(i == 3 ? has_pattern(bytes, 3 * kBytes, kBytes)
                           : is_filled_with(bytes, 0x5A, kBytes));
    }
}

void the_errno_of_a_full_disk_has_its_own_status(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_operation operation = write_of(self, 0, 0, kBytes);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;
    for (const int os_code : {ENOSPC, EDQUOT, EFBIG}) {
        world->storage->script = bad_byte(IoKind::kWrite, 0, os_code);

        assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_NOSPC);

        assert_int_equal(completion.os_code, os_code);
        assert_int_equal(completion.bytes, 0);
    }
    world->storage->script = nullptr;
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
}

void interrupted_and_busy_requests_are_repeated_unseen(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    bwrt_operation operations[3] = {read_of(self, 0, 0, kBytes),
                                    write_of(self, 4 * kBytes, 8 * kBytes, kBytes), flush_of(self)};
    const bwrt_wave wave = wave_of(operations, 3);
    bwrt_completion completion;
    std::memset(self->memory + 4 * kBytes, 0x77, kBytes);
    world->storage->script = [](const IoRequest&, std::uint64_t number) {
        return number < 50 ? Action::answer(number % 2 == 0 ? -EINTR : -EAGAIN) : Action::pass();
    };

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    assert_true(has_pattern(self->memory, 0, kBytes));
    assert_int_equal(world->storage->count(IoKind::kFlush), 51);
    bwrt_route routes[4] = {};
    bwrt_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.routes = routes;
    counters.route_capacity = 4;
    counters.route_bytes = sizeof(bwrt_route);
    assert_int_equal(bwrt_sample(self->runtime, &counters, nullptr), BWRT_OK);
    std::uint64_t resubmitted = 0;
    for (const bwrt_route& route : routes) resubmitted += route.resubmit_count;
    assert_int_equal(resubmitted, 150);
}

// The kernel calls the pages clean after a failed flush: a second would prove nothing.
void a_failed_flush_poisons_the_region_and_is_never_tried_again(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    bwrt_operation operations[2] = {write_of(self, 0, 8 * kBytes, kBytes), flush_of(self)};
    bwrt_wave wave = wave_of(operations, 1);
    bwrt_completion completion;
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
    world->storage->script = [](const IoRequest& request, std::uint64_t number) {
        const bool first_flush = request.kind == IoKind::kFlush && number == 0;
        return first_flush ? Action::answer(-EIO) : Action::pass();
    };
    wave = wave_of(&operations[1], 1);

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_IO);
    assert_int_equal(completion.os_code, EIO);
    assert_int_equal(completion.operation_index, 0);

    const std::uint64_t reads = world->storage->count(IoKind::kRead);
    const std::uint64_t writes = world->storage->count(IoKind::kWrite);
    const bwrt_operation later[3] = {flush_of(self), write_of(self, 0, 8 * kBytes, kBytes),
                                     read_of(self, 0, 0, kBytes)};
    for (const bwrt_operation& operation : later) {
        const bwrt_wave one = wave_of(&operation, 1);
        assert_int_equal(run_wave(self, &one, &completion), BWRT_E_IO);
        assert_int_equal(completion.os_code, EIO);
    }
    assert_int_equal(world->storage->count(IoKind::kFlush), 1);
    assert_int_equal(world->storage->count(IoKind::kRead), reads);
    assert_int_equal(world->storage->count(IoKind::kWrite), writes);

    // The same file in a new region is a new beginning: its owner knows what he does.
    const bwrt_region again = file_region_of(self->fd, 0, 0);
    bwrt_handle file_region = 0;
    assert_int_equal(bwrt_region_add(self->runtime, &again, &file_region, nullptr, nullptr), 0);
    assert_int_equal(bwrt_release(self->runtime, self->file_region, nullptr), BWRT_OK);
    self->file_region = file_region;
    assert_still_works(self);
}

// What is in flight when the flush fails ends too, and once.
void waves_under_way_when_a_flush_fails_end_truthfully(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    constexpr std::uint32_t kWaves = 32;
    bwrt_handle handles[kWaves + 1];
    const bwrt_operation flush = flush_of(self);
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return request.kind == IoKind::kFlush ? Action::answer(-EIO) : Action::pass();
    };
    for (std::uint32_t i = 0; i <= kWaves; ++i) {
        const bwrt_operation read = read_of(self, i * kBytes, i * kBytes, kBytes);
        const bwrt_wave wave = wave_of(i == kWaves / 2 ? &flush : &read, 1);
        assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handles[i], nullptr), BWRT_OK);
    }
    for (std::uint32_t i = 0; i <= kWaves; ++i) {
        bwrt_completion completion;
        assert_int_equal(bwrt_wait(self->runtime, handles[i], kPatienceNs, &completion, nullptr),
                         BWRT_OK);
        if (i == kWaves / 2) {
            assert_int_equal(completion.status, BWRT_E_IO);
        } else if (completion.status == BWRT_OK) {
            assert_true(has_pattern(self->memory + i * kBytes, i * kBytes, kBytes));
        } else {
            assert_int_equal(completion.status, BWRT_E_IO);
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_SCRIPTED_WORLD(a_bad_block_among_merged_reads_spoils_its_own_operation_only),
        IN_SCRIPTED_WORLD(two_bad_blocks_are_two_failures_and_the_first_is_named),
        IN_SCRIPTED_WORLD(the_nth_read_fails_and_the_others_are_right),
        IN_SCRIPTED_WORLD(the_nth_write_fails_and_the_others_are_in_the_file),
        IN_SCRIPTED_WORLD(the_errno_of_a_full_disk_has_its_own_status),
        IN_SCRIPTED_WORLD(interrupted_and_busy_requests_are_repeated_unseen),
        IN_SCRIPTED_WORLD(a_failed_flush_poisons_the_region_and_is_never_tried_again),
        IN_SCRIPTED_WORLD(waves_under_way_when_a_flush_fails_end_truthfully),
    };
    int failures = 0;
    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
