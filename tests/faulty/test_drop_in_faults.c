/* SPDX-License-Identifier: Apache-2.0
 *
 * One test a fault, as a program sees it that runs on the fault-injecting library: which status,
 * which bytes, and what bwrt makes up for so that nothing is seen.  docs/faults.md has the same as
 * a table. */

#include "tests/faulty/drop_in.h"

static void assert_fails_third(const wave_outcome* outcome, bwrt_status status, int os_code) {
    assert_int_equal(outcome->completion.status, status);
    assert_int_equal(outcome->completion.os_code, os_code);
    assert_int_equal(outcome->completion.operation_index, 2);
    assert_int_equal(outcome->completion.verdict, BWRT_VERDICT_PARTIAL);
    assert_int_equal(outcome->completion.prefix_count, 2);
    assert_int_equal(outcome->completion.bytes, 7 * PIECE);
    for (uint32_t i = 0; i < 8; ++i) {
        assert_int_equal(outcome->results[i].status, i == 2 ? status : BWRT_OK);
        assert_int_equal(outcome->results[i].os_code, i == 2 ? os_code : 0);
    }
}

static void eio_of_a_read_fails_its_operation_alone(void** state) {
    faults* self = open_with(state, "read:eio@3");
    const wave_outcome outcome = read_pieces(self, 8);

    assert_fails_third(&outcome, BWRT_E_IO, EIO);
    for (uint32_t i = 0; i < 8; ++i) {
        assert_true(i == 2 ? piece_is_untouched(self, i) : piece_is_right(self, i));
    }
    assert_still_works(self);
}

static void any_errno_name_is_the_os_code_of_an_io_error(void** state) {
    faults* self = open_with(state, "read:enodev@3");
    const wave_outcome outcome = read_pieces(self, 8);

    assert_fails_third(&outcome, BWRT_E_IO, ENODEV);
}

static void enomem_is_said_as_such(void** state) {
    faults* self = open_with(state, "read:enomem@3");
    const wave_outcome outcome = read_pieces(self, 8);

    assert_fails_third(&outcome, BWRT_E_NOMEM, ENOMEM);
}

static void enospc_edquot_and_efbig_are_no_space(void** state) {
    faults* self = open_with(state, "write:enospc@3; write:edquot@11; write:efbig@19");
    wave_outcome outcome = write_pieces(self, 8);
    unsigned char stored[PIECE];

    assert_fails_third(&outcome, BWRT_E_NOSPC, ENOSPC);
    assert_int_equal(pread(self->fd, stored, PIECE, 2 * STRIDE), PIECE);
    assert_true(has_pattern(stored, 2 * STRIDE, PIECE));
    outcome = write_pieces(self, 8);
    assert_fails_third(&outcome, BWRT_E_NOSPC, EDQUOT);
    outcome = write_pieces(self, 8);
    assert_fails_third(&outcome, BWRT_E_NOSPC, EFBIG);
    outcome = write_pieces(self, 8);
    assert_int_equal(outcome.completion.status, BWRT_OK);
}

static void eintr_and_eagain_are_asked_again_and_not_seen(void** state) {
    faults* self = open_with(state, "read:eintr%30; read:eagain%30");
    const wave_outcome outcome = read_pieces(self, 32);

    assert_int_equal(outcome.completion.status, BWRT_OK);
    for (uint32_t i = 0; i < 32; ++i) assert_true(piece_is_right(self, i));
    assert_true(route_of(self, BWRT_TIER_DISK, BWRT_TIER_HOST).resubmit_count > 0);
}

static void short_counts_are_continued_and_not_seen(void** state) {
    faults* self = open_with(state, "any:short%60");
    wave_outcome outcome = read_pieces(self, 32);
    unsigned char stored[PIECE];

    assert_int_equal(outcome.completion.status, BWRT_OK);
    for (uint32_t i = 0; i < 32; ++i) assert_true(piece_is_right(self, i));
    assert_true(route_of(self, BWRT_TIER_DISK, BWRT_TIER_HOST).resubmit_count > 10);
    outcome = write_pieces(self, 32);
    assert_int_equal(outcome.completion.status, BWRT_OK);
    for (uint32_t i = 0; i < 32; ++i) {
        assert_int_equal(pread(self->fd, stored, PIECE, i * STRIDE), PIECE);
        assert_true(is_filled_with(stored, 0x5C, PIECE));
    }
}

static void a_failed_request_of_many_is_asked_for_piece_by_piece(void** state) {
    faults* self = open_with(state, "read:eio@1");
    wave_outcome outcome;

    fill_memory(self, 0xA5);
    outcome = move(self, BWRT_OP_READ, 8, PIECE);

    assert_int_equal(outcome.completion.status, BWRT_OK);
    assert_true(has_pattern(self->memory, 0, 8 * PIECE));
}

static void a_bad_byte_fails_the_operation_that_wants_it(void** state) {
    faults* self = open_with(state, "any:eio at=24575");
    wave_outcome outcome;

    fill_memory(self, 0xA5);
    outcome = move(self, BWRT_OP_READ, 8, PIECE);

    assert_int_equal(outcome.completion.status, BWRT_E_IO);
    assert_int_equal(outcome.completion.operation_index, 5);
    assert_int_equal(outcome.completion.prefix_count, 5);
    assert_int_equal(outcome.completion.bytes, 7 * PIECE);
    assert_true(has_pattern(self->memory + 6 * PIECE, 6 * PIECE, 2 * PIECE));
}

static void a_failed_flush_poisons_the_file(void** state) {
    faults* self = open_with(state, "flush:eio@1");
    wave_outcome outcome;

    assert_int_equal(flush_file(self), BWRT_E_IO);
    assert_int_equal(flush_file(self), BWRT_E_IO); /* its second would have been good */
    outcome = read_pieces(self, 1);
    assert_int_equal(outcome.completion.status, BWRT_E_IO);
    assert_int_equal(outcome.completion.os_code, EIO);
}

static void a_flip_is_for_the_callers_checksum_to_find(void** state) {
    faults* self = open_with(state, "read:flip@3");
    const wave_outcome outcome = read_pieces(self, 8);
    int differing = 0;

    assert_int_equal(outcome.completion.status, BWRT_OK);
    assert_int_equal(outcome.completion.verdict, BWRT_VERDICT_LOADED);
    for (uint32_t i = 0; i < 8; ++i) assert_int_equal(piece_is_right(self, i), i != 2);
    for (uint32_t i = 0; i < PIECE; ++i) {
        differing += __builtin_popcount((unsigned)self->memory[2 * STRIDE + i] ^
                                        (unsigned)pattern_byte(2 * STRIDE + i));
    }
    assert_int_equal(differing, 1);
}

static void torn_and_lost_writes_are_said_to_be_done(void** state) {
    faults* self = open_with(state, "write:torn@1; write:lost@2; flush:lost@1");
    const wave_outcome outcome = write_pieces(self, 3);
    unsigned char stored[PIECE];
    uint32_t prefix = 0;

    assert_int_equal(outcome.completion.status, BWRT_OK);
    assert_int_equal(flush_file(self), BWRT_OK);
    assert_int_equal(pread(self->fd, stored, PIECE, 0), PIECE);
    while (prefix < PIECE && stored[prefix] == 0x5C) ++prefix;
    assert_true(prefix < PIECE);
    assert_true(has_pattern(stored + prefix, prefix, PIECE - prefix));
    assert_int_equal(pread(self->fd, stored, PIECE, STRIDE), PIECE);
    assert_true(has_pattern(stored, STRIDE, PIECE));
    assert_int_equal(pread(self->fd, stored, PIECE, 2 * STRIDE), PIECE);
    assert_true(is_filled_with(stored, 0x5C, PIECE));
}

static void a_lost_read_leaves_the_memory_as_it_was(void** state) {
    faults* self = open_with(state, "read:lost@2");
    const wave_outcome outcome = read_pieces(self, 3);

    assert_int_equal(outcome.completion.status, BWRT_OK);
    assert_true(piece_is_right(self, 0));
    assert_true(piece_is_untouched(self, 1));
    assert_true(piece_is_right(self, 2));
}

/* What is full or in another order is right all the same. */
static void a_full_or_reordering_backend_is_not_seen(void** state) {
    faults* self = open_with(state, "start:full%40; any:reorder%40");

    for (int round = 0; round < 20; ++round) {
        wave_outcome outcome = read_pieces(self, 32);

        assert_int_equal(outcome.completion.status, BWRT_OK);
        for (uint32_t i = 0; i < 32; ++i) assert_true(piece_is_right(self, i));
        outcome = move(self, BWRT_OP_WRITE, 32, STRIDE);
        assert_int_equal(outcome.completion.status, BWRT_OK);
    }
}

static void a_rule_can_be_of_one_file(void** state) {
    faults* self = open_with(state, "read:eio file=/no/such/file; any:eio file=tmp");
    char path[256], link[64];
    wave_outcome outcome;
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", self->fd);
    length = readlink(link, path, sizeof(path) - 1);
    assert_true(length > 0);
    path[length] = '\0';
    outcome = read_pieces(self, 1);

    assert_int_equal(outcome.completion.status, strstr(path, "tmp") != NULL ? BWRT_E_IO : BWRT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FAULTS(eio_of_a_read_fails_its_operation_alone),
        WITH_FAULTS(any_errno_name_is_the_os_code_of_an_io_error),
        WITH_FAULTS(enomem_is_said_as_such),
        WITH_FAULTS(enospc_edquot_and_efbig_are_no_space),
        WITH_FAULTS(eintr_and_eagain_are_asked_again_and_not_seen),
        WITH_FAULTS(short_counts_are_continued_and_not_seen),
        WITH_FAULTS(a_failed_request_of_many_is_asked_for_piece_by_piece),
        WITH_FAULTS(a_bad_byte_fails_the_operation_that_wants_it),
        WITH_FAULTS(a_failed_flush_poisons_the_file),
        WITH_FAULTS(a_flip_is_for_the_callers_checksum_to_find),
        WITH_FAULTS(torn_and_lost_writes_are_said_to_be_done),
        WITH_FAULTS(a_lost_read_leaves_the_memory_as_it_was),
        WITH_FAULTS(a_full_or_reordering_backend_is_not_seen),
        WITH_FAULTS(a_rule_can_be_of_one_file),
    };
    int failures = 0;

    setenv("BWRT_FAULTS", "", 1);
    RUN_IN_ALL_MODES(tests, failures);
    return failures;
}
