/* SPDX-License-Identifier: Apache-2.0
 *
 * Direct I/O of any offset, length and address against a model that knows no blocks: every start
 * and end near the edges of the first blocks and of the file, and writes that share a block, in one
 * wave and in two.  Where the file system has no direct I/O the same bytes go through the page
 * cache and the test says so. */

#include "tests/fault/faults.h"

/* Not a multiple of a block, so that the last one is cut. */
enum { FILE_BYTES = 4 * 65536 + 1000, ROUNDS = 1500 };

typedef struct direct {
    faults base;
    unsigned char* model; /* the file as it must be */
    uint32_t unit;
} direct;

static int direct_setup(void** state) {
    direct* self = calloc(1, sizeof(*self));
    bwrt_config config = config_of_mode();
    bwrt_region file;
    bwrt_region_info info;

    if (self == NULL || faults_open(&self->base, &config) != 0) return -1;
    *state = self;
    self->model = malloc(FILE_BYTES);
    close(self->base.fd);
    self->base.fd = pattern_file(FILE_BYTES);
    for (uint64_t i = 0; i < FILE_BYTES; ++i) self->model[i] = pattern_byte(i);
    file = file_region_of(self->base.fd, BWRT_REGION_DIRECT, 0);
    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    if (bwrt_release(self->base.runtime, self->base.file_region, NULL) != BWRT_OK ||
        bwrt_region_add(self->base.runtime, &file, &self->base.file_region, &info,
                        &self->base.error) != BWRT_OK) {
        return -1;
    }
    self->unit = info.offset_align_bytes > 1 ? info.offset_align_bytes : 512;
    if ((info.flags & BWRT_REGION_DIRECT) == 0) print_message("not direct: %s\n", info.reason);
    return 0;
}

static int direct_teardown(void** state) {
    direct* self = *state;
    const int failed = faults_close(&self->base);

    free(self->model);
    free(self);
    return failed;
}

/* The file as the page cache has it, after the direct writes. */
static void assert_file_is_the_model(direct* self) {
    unsigned char* bytes = malloc(FILE_BYTES + 1);

    assert_non_null(bytes);
    assert_int_equal(pread(self->base.fd, bytes, FILE_BYTES + 1, 0), FILE_BYTES);
    const int is_equal = memcmp(bytes, self->model, FILE_BYTES) == 0; /* seen as a whole */
    for (uint64_t i = 0; !is_equal && i < FILE_BYTES; ++i) {
        if (bytes[i] != self->model[i]) {
            fail_msg("byte %llu is %u and not %u", (unsigned long long)i, bytes[i], self->model[i]);
        }
    }
    free(bytes);
}

static void reads_around_every_edge_bring_the_right_bytes(void** state) {
    direct* self = *state;
    const uint64_t unit = self->unit;
    const uint64_t starts[] = {0,
                               1,
                               unit - 1,
                               unit,
                               unit + 1,
                               4096 - 1,
                               4096,
                               4096 + 1,
                               FILE_BYTES - 4096 - 7,
                               FILE_BYTES - 1001,
                               FILE_BYTES - 3};
    const uint64_t lengths[] = {1,        2,         unit - 1,     unit,         unit + 1,
                                2 * unit, 4096 - 1,  4096,         4096 + 1,     8192 + 511,
                                65536,    65536 + 1, 65536 + 4095, 2 * 65536 + 5};

    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); ++s) {
        for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); ++l) {
            for (uint64_t shift = 0; shift < 3; ++shift) { /* of the address */
                const uint64_t at = 4096 + (shift == 1 ? starts[s] % unit : shift == 2 ? 3 : 0);
                const bwrt_operation operation = read_of(&self->base, starts[s], at, lengths[l]);
                const bwrt_wave wave = wave_of(&operation, 1);
                bwrt_completion completion;

                if (starts[s] + lengths[l] > FILE_BYTES) continue;
                memset(self->base.memory, 0xEE, at + lengths[l] + 4096);
                assert_int_equal(run_wave(&self->base, &wave, &completion), BWRT_OK);
                assert_memory_equal(self->base.memory + at, self->model + starts[s], lengths[l]);
                assert_true(is_filled_with(self->base.memory, 0xEE, at));
                assert_true(is_filled_with(self->base.memory + at + lengths[l], 0xEE, 4096));
            }
        }
    }
}

static void writes_around_every_edge_change_their_bytes_alone(void** state) {
    direct* self = *state;
    const uint64_t unit = self->unit;
    const uint64_t starts[] = {0,
                               1,
                               unit - 1,
                               unit,
                               unit + 1,
                               4096 - 1,
                               4096,
                               FILE_BYTES - 4096 - 7,
                               FILE_BYTES - 1001,
                               FILE_BYTES - 3};
    const uint64_t lengths[] = {1, unit - 1, unit, unit + 1, 4096, 4096 + 1, 65536, 65536 + 4095};
    unsigned value = 0;

    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); ++s) {
        for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); ++l) {
            const uint64_t at = (s + l) % 2 == 0 ? starts[s] % unit : 0;
            const bwrt_operation operation = write_of(&self->base, at, starts[s], lengths[l]);
            const bwrt_wave wave = wave_of(&operation, 1);
            bwrt_completion completion;

            if (starts[s] + lengths[l] > FILE_BYTES) continue;
            memset(self->base.memory, (int)++value, at + lengths[l]);
            memset(self->model + starts[s], (int)value, lengths[l]);
            assert_int_equal(run_wave(&self->base, &wave, &completion), BWRT_OK);
            assert_file_is_the_model(self);
        }
    }
}

/* Neighbours that meet inside a block, each with a part of it, all in one wave. */
static void writes_that_share_a_block_in_one_wave_lose_nothing(void** state) {
    direct* self = *state;
    enum { PIECES = 64 };
    uint64_t random = seed_of_test();

    for (int round = 0; round < 30; ++round) {
        bwrt_operation operations[PIECES];
        bwrt_wave wave = wave_of(operations, PIECES);
        bwrt_completion completion;
        uint64_t offset = next_random(&random) % 700;

        for (uint64_t i = 0; i < PIECES; ++i) {
            const uint64_t length = 1 + next_random(&random) % (self->unit * 3 / 2);

            operations[i] =
                write_of(&self->base, i * 8192 + next_random(&random) % 512, offset, length);
            for (uint64_t k = 0; k < length; ++k) {
                const unsigned char byte = (unsigned char)next_random(&random);

                self->base.memory[operations[i].source_offset_bytes + k] = byte;
                self->model[offset + k] = byte;
            }
            offset += length + next_random(&random) % 3;
        }
        for (uint64_t i = PIECES - 1; i > 0; --i) { /* in any order */
            const uint64_t other = next_random(&random) % (i + 1);
            const bwrt_operation one = operations[i];

            operations[i] = operations[other];
            operations[other] = one;
        }
        assert_int_equal(run_wave(&self->base, &wave, &completion), BWRT_OK);
        assert_file_is_the_model(self);
    }
}

static void writes_that_share_a_block_in_two_waves_lose_nothing(void** state) {
    direct* self = *state;
    enum { WAVES = 32 };
    uint64_t random = seed_of_test();

    for (int round = 0; round < 50; ++round) {
        bwrt_handle handles[WAVES];
        uint64_t offset = next_random(&random) % 4096;

        for (uint64_t i = 0; i < WAVES; ++i) {
            const uint64_t length = 1 + next_random(&random) % (self->unit + self->unit / 2);
            const bwrt_operation operation =
                write_of(&self->base, i * 8192 + next_random(&random) % 512, offset, length);
            const bwrt_wave wave = wave_of(&operation, 1);

            memset(self->base.memory + operation.source_offset_bytes, (int)(round + (int)i),
                   length);
            memset(self->model + offset, (int)(round + (int)i), length);
            assert_int_equal(bwrt_submit_wave(self->base.runtime, &wave, &handles[i], NULL), 0);
            offset += length;
        }
        for (uint64_t i = 0; i < WAVES; ++i) {
            bwrt_completion completion;

            assert_int_equal(
                bwrt_wait(self->base.runtime, handles[i], kPatienceNs, &completion, NULL), 0);
            assert_int_equal(completion.status, BWRT_OK);
        }
        assert_file_is_the_model(self);
    }
}

static void random_reads_and_writes_agree_with_the_model(void** state) {
    direct* self = *state;
    uint64_t random = seed_of_test();

    for (int round = 0; round < ROUNDS; ++round) {
        const uint64_t length = 1 + next_random(&random) % (round % 8 == 0 ? 150000 : 6000);
        const uint64_t offset = next_random(&random) % (FILE_BYTES - length + 1);
        const uint64_t at = next_random(&random) % 8192;
        const int writes = next_random(&random) % 2 == 0;
        const bwrt_operation operation = writes ? write_of(&self->base, at, offset, length)
                                                : read_of(&self->base, offset, at, length);
        const bwrt_wave wave = wave_of(&operation, 1);
        bwrt_completion completion;

        if (writes) {
            const unsigned char byte = (unsigned char)next_random(&random);

            for (uint64_t i = 0; i < length; ++i) {
                self->base.memory[at + i] = (unsigned char)(byte + i);
                self->model[offset + i] = (unsigned char)(byte + i);
            }
        }
        assert_int_equal(run_wave(&self->base, &wave, &completion), BWRT_OK);
        assert_int_equal(completion.bytes, length);
        if (!writes) assert_memory_equal(self->base.memory + at, self->model + offset, length);
    }
    assert_file_is_the_model(self);
}

/* A direct write moves whole blocks: it may not make the file longer. */
static void a_direct_region_beyond_the_end_of_its_file_is_refused(void** state) {
    direct* self = *state;
    const bwrt_region longer = file_region_of(self->base.fd, BWRT_REGION_DIRECT, FILE_BYTES + 1);
    bwrt_handle handle = 77;

    assert_int_equal(bwrt_region_add(self->base.runtime, &longer, &handle, NULL, &self->base.error),
                     BWRT_E_RANGE);
    assert_refused(&self->base.error, BWRT_E_RANGE, "region.length_bytes", BWRT_NONE);
    assert_int_equal(handle, 77);
}

/* Cut behind our back, it ends where it ends, to the byte. */
static void a_direct_read_past_the_end_says_where_it_ended(void** state) {
    direct* self = *state;
    const bwrt_operation operation = read_of(&self->base, 1, 3, 65536);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;

    assert_int_equal(ftruncate(self->base.fd, 5000), 0);
    assert_int_equal(run_wave(&self->base, &wave, &completion), BWRT_E_TRUNCATED);
    assert_int_equal(completion.bytes, 4999);
    assert_memory_equal(self->base.memory + 3, self->model + 1, 4999);
}

#define IN_DIRECT_WORLD(test) cmocka_unit_test_setup_teardown(test, direct_setup, direct_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIRECT_WORLD(reads_around_every_edge_bring_the_right_bytes),
        IN_DIRECT_WORLD(writes_around_every_edge_change_their_bytes_alone),
        IN_DIRECT_WORLD(writes_that_share_a_block_in_one_wave_lose_nothing),
        IN_DIRECT_WORLD(writes_that_share_a_block_in_two_waves_lose_nothing),
        IN_DIRECT_WORLD(random_reads_and_writes_agree_with_the_model),
        IN_DIRECT_WORLD(a_direct_region_beyond_the_end_of_its_file_is_refused),
        IN_DIRECT_WORLD(a_direct_read_past_the_end_says_where_it_ended),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
