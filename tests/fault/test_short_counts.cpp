// SPDX-License-Identifier: Apache-2.0
//
// Counts below what was asked for.  A short one is continued where it ended, at every length; none
// at all is the end of the file, and the bytes before it are counted and right.

#include <cerrno>

#include "tests/fault/scripted_storage.h"

namespace {

using bwrt::test::Action;
using bwrt::test::IoKind;
using bwrt::test::IoRequest;
using bwrt::test::ScriptedWorld;

// Three pieces that are asked for together: 3 + 5 + 4 bytes.
constexpr std::uint64_t kLengths[] = {3, 5, 4};
constexpr std::uint64_t kTotal = 12;

void three_pieces(const faults* self, bwrt_operation* operations) {
    std::uint64_t offset = 1000;
    for (int i = 0; i < 3; ++i) {
        operations[i] = read_of(self, offset, static_cast<std::uint64_t>(i) * 64, kLengths[i]);
        offset += kLengths[i];
    }
}

void a_short_read_of_every_length_is_continued(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    for (std::size_t cut = 1; cut <= kTotal; ++cut) {
        bwrt_operation operations[3];
        bwrt_result results[3];
        bwrt_wave wave = wave_of(operations, 3);
        bwrt_completion completion;
        three_pieces(self, operations);
        with_results(&wave, results, 3);
        std::memset(self->memory, 0, 256);
        world->storage->script = [=](const IoRequest&, std::uint64_t) { return Action::cut(cut); };

        assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

        assert_int_equal(completion.bytes, kTotal);
        std::uint64_t offset = 1000;
        for (std::size_t i = 0; i < 3; ++i) {
            assert_int_equal(results[i].bytes, kLengths[i]);
            assert_true(has_pattern(self->memory + i * 64, offset, kLengths[i]));
            assert_true(is_filled_with(self->memory + i * 64 + kLengths[i], 0, 64 - kLengths[i]));
            offset += kLengths[i];
        }
    }
}

void short_writes_leave_each_byte_in_its_place(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    for (std::size_t cut = 1; cut <= kTotal; ++cut) {
        bwrt_operation operations[3];
        const bwrt_wave wave = wave_of(operations, 3);
        bwrt_completion completion;
        unsigned char bytes[kTotal + 2];
        std::uint64_t offset = 1000;
        for (std::uint64_t i = 0; i < 3; ++i) {
            operations[i] = write_of(self, i * 64, offset, kLengths[i]);
            std::memset(self->memory + i * 64, static_cast<int>(cut * 16 + i), 64);
            offset += kLengths[i];
        }
        world->storage->script = [=](const IoRequest&, std::uint64_t) { return Action::cut(cut); };

        assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

        assert_int_equal(pread(self->fd, bytes, sizeof bytes, 999), sizeof bytes);
        assert_int_equal(bytes[0], pattern_byte(999));
        assert_true(is_filled_with(bytes + 1, static_cast<int>(cut * 16), 3));
        assert_true(is_filled_with(bytes + 4, static_cast<int>(cut * 16 + 1), 5));
        assert_true(is_filled_with(bytes + 9, static_cast<int>(cut * 16 + 2), 4));
        assert_int_equal(bytes[13], pattern_byte(1012));
    }
}

// The end comes after `end` of the 12 bytes: in the middle of a piece, and between two.
void no_bytes_before_the_end_are_a_truncated_file(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    for (std::uint64_t end = 0; end < kTotal; ++end) {
        bwrt_operation operations[3];
        bwrt_result results[3];
        bwrt_wave wave = wave_of(operations, 3);
        bwrt_completion completion;
        three_pieces(self, operations);
        with_results(&wave, results, 3);
        world->storage->script = [=](const IoRequest& request, std::uint64_t) {
            const std::uint64_t done = request.offset_bytes - 1000;
            return done >= end ? Action::answer(0) : Action::cut(end - done);
        };

        assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_TRUNCATED);

        assert_int_equal(completion.bytes, end);
        assert_int_equal(completion.os_code, 0);
        std::uint64_t offset = 0;
        std::uint32_t whole_count = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            const std::uint64_t before = end > offset ? end - offset : 0;
            const std::uint64_t good = before < kLengths[i] ? before : kLengths[i];
            assert_int_equal(results[i].bytes, good);
            assert_int_equal(results[i].status, good == kLengths[i] ? BWRT_OK : BWRT_E_TRUNCATED);
            assert_true(has_pattern(self->memory + i * 64, 1000 + offset, good));
            whole_count += good == kLengths[i];
            offset += kLengths[i];
        }
        assert_int_equal(completion.operation_index, whole_count);
        assert_int_equal(completion.prefix_count, whole_count);
    }
}

void a_write_that_moves_nothing_is_a_full_disk(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_operation operation = write_of(self, 0, 0, 8192);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;
    world->storage->script = [](const IoRequest&, std::uint64_t number) {
        return number == 0 ? Action::cut(4096) : Action::answer(0);
    };

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_NOSPC);

    assert_int_equal(completion.bytes, 4096);
}

void an_error_after_a_short_read_keeps_the_bytes_before_it(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    const bwrt_operation operation = read_of(self, 0, 0, 8192);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_result result;
    bwrt_completion completion;
    with_results(&wave, &result, 1);
    world->storage->script = [](const IoRequest&, std::uint64_t number) {
        return number == 0 ? Action::cut(1000) : Action::answer(-EIO);
    };

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_IO);

    assert_int_equal(result.bytes, 1000);
    assert_true(has_pattern(self->memory, 0, 1000));
}

// The real thing: the file shrinks behind the region's back.
void reads_past_the_end_of_a_real_file_say_where_it_ended(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    faults* self = &world->base;
    bwrt_operation operations[3] = {read_of(self, 0, 0, 4096), read_of(self, 4096, 65536, 8192),
                                    read_of(self, 16384, 131072, 4096)};
    bwrt_wave wave = wave_of(operations, 3);
    bwrt_result results[3];
    bwrt_completion completion;
    with_results(&wave, results, 3);
    assert_int_equal(ftruncate(self->fd, 5000), 0);

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_TRUNCATED);

    assert_int_equal(completion.bytes, 5000);
    assert_int_equal(completion.prefix_count, 1);
    assert_int_equal(results[0].status, BWRT_OK);
    assert_int_equal(results[1].status, BWRT_E_TRUNCATED);
    assert_int_equal(results[1].bytes, 904);
    assert_int_equal(results[2].status, BWRT_E_TRUNCATED);
    assert_int_equal(results[2].bytes, 0);
    assert_true(has_pattern(self->memory, 0, 4096));
    assert_true(has_pattern(self->memory + 65536, 4096, 904));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_SCRIPTED_WORLD(a_short_read_of_every_length_is_continued),
        IN_SCRIPTED_WORLD(short_writes_leave_each_byte_in_its_place),
        IN_SCRIPTED_WORLD(no_bytes_before_the_end_are_a_truncated_file),
        IN_SCRIPTED_WORLD(a_write_that_moves_nothing_is_a_full_disk),
        IN_SCRIPTED_WORLD(an_error_after_a_short_read_keeps_the_bytes_before_it),
        IN_SCRIPTED_WORLD(reads_past_the_end_of_a_real_file_say_where_it_ended),
    };
    int failures = 0;
    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
