/* SPDX-License-Identifier: Apache-2.0
 *
 * Regions while waves want them: quiesce and resume, release when busy, memory that another
 * process maps, and what is told of memory that could not be all it was asked to be. */

#include <sys/mman.h>

#include "tests/fault/child.h"

enum { BYTES = 65536 };

static bwrt_layout layout_over(const bwrt_plane* plane, uint32_t slot_count) {
    bwrt_layout layout;

    memset(&layout, 0, sizeof(layout));
    layout.struct_size = sizeof(layout);
    layout.slot_count = slot_count;
    layout.block_bytes = plane->length_bytes;
    layout.planes = plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof(*plane);
    return layout;
}

static bwrt_status set(faults* self, bwrt_handle region, uint32_t action) {
    return bwrt_region_set(self->runtime, region, action, kPatienceNs, &self->error);
}

static void a_quiesced_region_refuses_waves_until_it_is_resumed(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_handle handle = 77;

    for (int i = 0; i < 2; ++i) { /* twice the same is no different */
        assert_int_equal(set(self, self->memory_region, BWRT_REGION_QUIESCE), BWRT_OK);
    }
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_AGAIN);
    assert_refused(&self->error, BWRT_E_AGAIN, "operations[].target", 0);
    assert_int_equal(handle, 77);

    for (int i = 0; i < 2; ++i) {
        assert_int_equal(set(self, self->memory_region, BWRT_REGION_RESUME), BWRT_OK);
    }
    assert_still_works(self);
}

/* An engine that sleeps: unmap when quiesced, map again, resume. */
static void memory_may_go_away_while_its_region_rests(void** state) {
    faults* self = *state;
    unsigned char* memory =
        mmap(NULL, 4 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bwrt_region host = host_region_of(memory, 4 * BYTES);
    bwrt_handle region = 0;

    assert_true(memory != MAP_FAILED);
    assert_int_equal(bwrt_region_add(self->runtime, &host, &region, NULL, NULL), BWRT_OK);
    for (int round = 0; round < 50; ++round) {
        bwrt_operation operation = read_of(self, 0, BYTES, 2 * BYTES);
        bwrt_wave wave = wave_of(&operation, 1);
        bwrt_handle handle = 0;
        bwrt_completion completion;

        operation.target = region;
        assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
        assert_int_equal(set(self, region, BWRT_REGION_QUIESCE), BWRT_OK);
        assert_int_equal(mprotect(memory, 4 * BYTES, PROT_NONE), 0);
        /* Quiesced is over: no waiting. */
        assert_int_equal(bwrt_wait(self->runtime, handle, 0, &completion, NULL), BWRT_OK);
        assert_int_equal(completion.status, BWRT_OK);
        assert_int_equal(mprotect(memory, 4 * BYTES, PROT_READ | PROT_WRITE), 0);
        assert_true(has_pattern(memory + BYTES, 0, 2 * BYTES));
        memset(memory, 0, 4 * BYTES);
        assert_int_equal(set(self, region, BWRT_REGION_RESUME), BWRT_OK);
    }
    assert_int_equal(bwrt_release(self->runtime, region, NULL), BWRT_OK);
    munmap(memory, 4 * BYTES);
}

/* The driver lets go of a wave's regions, starts those that wait for it, and only then can its
 * completion be had: here they are many, and the quiesce looks several times meanwhile. */
static void a_quiesce_returns_behind_the_completions(void** state) {
    enum { DEPENDENTS = 16000 };
    static unsigned char memory[4096];
    bwrt_config config = config_of_mode();
    const bwrt_region host = host_region_of(memory, sizeof(memory));
    bwrt_completion completion;
    bwrt_handle region = 0, first = 0, handle = 0;
    faults self;

    (void)state;
    config.wave_count_max = DEPENDENTS + 1;
    assert_int_equal(faults_open(&self, &config), 0);
    assert_int_equal(bwrt_region_add(self.runtime, &host, &region, NULL, NULL), BWRT_OK);
    bwrt_operation operation = read_of(&self, 0, 0, sizeof(memory));
    bwrt_wave wave = wave_of(&operation, 1);

    operation.target = region;
    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = monotonic_ns() + 100000000;
    assert_int_equal(bwrt_submit_wave(self.runtime, &wave, &first, NULL), BWRT_OK);
    operation = copy_of(&self, 0, BYTES, 64);
    wave.window = BWRT_WINDOW_NONE;
    wave.window_start = 0;
    wave.wait_for[0] = first;
    wave.delivery = BWRT_DELIVER_DETACHED;
    for (int i = 0; i < DEPENDENTS; ++i) {
        assert_int_equal(bwrt_submit_wave(self.runtime, &wave, &handle, NULL), BWRT_OK);
    }
    assert_int_equal(set(&self, region, BWRT_REGION_QUIESCE), BWRT_OK);
    assert_int_equal(bwrt_wait(self.runtime, first, 0, &completion, NULL), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(bwrt_release(self.runtime, region, NULL), BWRT_OK);
    assert_int_equal(faults_close(&self), 0);
}

static void a_layout_rests_with_its_region(void** state) {
    faults* self = *state;
    bwrt_plane plane;
    bwrt_layout layout;
    bwrt_operation operation = read_of(self, 0, 0, 0);
    const bwrt_wave wave = wave_of(&operation, 1);
    const uint32_t slot = 3;
    bwrt_handle handle = 0;
    bwrt_completion completion;

    memset(&plane, 0, sizeof(plane));
    plane.region = self->memory_region;
    plane.length_bytes = 4096;
    layout = layout_over(&plane, 8);
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &operation.target, NULL), BWRT_OK);
    operation.target_slots = &slot;
    operation.slot_count = 1;

    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
    assert_int_equal(set(self, self->memory_region, BWRT_REGION_QUIESCE), BWRT_OK);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_E_AGAIN);
    assert_int_equal(set(self, self->memory_region, BWRT_REGION_RESUME), BWRT_OK);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
}

/* A wave that waits for its window uses its regions, a layout its planes'. */
static void what_is_in_use_is_not_released(void** state) {
    faults* self = *state;
    const bwrt_operation operation = read_of(self, 0, 0, BYTES);
    bwrt_wave wave = wave_of(&operation, 1);
    bwrt_plane plane;
    bwrt_layout layout;
    bwrt_handle handle = 0, layout_handle = 0;
    bwrt_completion completion;

    wave.window = BWRT_WINDOW_TIME;
    wave.window_start = monotonic_ns() + 3600000000000u;
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, self->memory_region, &self->error), BWRT_E_BUSY);
    assert_refused(&self->error, BWRT_E_BUSY, "handle", BWRT_NONE);
    assert_int_equal(bwrt_release(self->runtime, self->file_region, NULL), BWRT_E_BUSY);
    assert_still_works(self); /* being asked does not harm it */

    assert_int_equal(bwrt_cancel(self->runtime, handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_wait(self->runtime, handle, kPatienceNs, &completion, NULL), BWRT_OK);
    memset(&plane, 0, sizeof(plane));
    plane.region = self->memory_region;
    plane.length_bytes = 4096;
    layout = layout_over(&plane, 8);
    assert_int_equal(bwrt_layout_add(self->runtime, &layout, &layout_handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, self->memory_region, NULL), BWRT_E_BUSY);
    assert_int_equal(bwrt_release(self->runtime, layout_handle, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, self->memory_region, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, self->memory_region, &self->error), BWRT_E_HANDLE);
    assert_int_equal(bwrt_submit_wave(self->runtime, &wave, &handle, &self->error), BWRT_E_HANDLE);
}

static void a_read_only_region_is_no_target(void** state) {
    faults* self = *state;
    const bwrt_region file = file_region_of(self->fd, BWRT_REGION_READ_ONLY, 0);
    bwrt_operation operation = write_of(self, 0, 0, 64);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;

    assert_int_equal(bwrt_region_add(self->runtime, &file, &operation.target, NULL, NULL), BWRT_OK);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_E_INVAL);
    assert_refused(&self->error, BWRT_E_INVAL, "operations[].target", 0);
    operation = read_of(self, 0, 0, 64);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
}

/* The caller's description is his: its position, its flags, and closing it. */
static void the_callers_descriptor_is_left_alone(void** state) {
    faults* self = *state;
    const int fd = pattern_file(BYTES);
    const bwrt_region file = file_region_of(fd, 0, 0);
    bwrt_operation operation = write_of(self, 0, 0, 4096);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_completion completion;
    unsigned char byte = 0;

    assert_int_equal(lseek(fd, 1234, SEEK_SET), 1234);
    assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
    assert_int_equal(bwrt_region_add(self->runtime, &file, &operation.target, NULL, NULL), 0);
    memset(self->memory, 0x42, 4096);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    assert_int_equal(lseek(fd, 0, SEEK_CUR), 1234);
    assert_true(fcntl(fd, F_GETFL) & O_APPEND);
    assert_int_equal(lseek(fd, 0, SEEK_END), BYTES); /* written in place, not at the end */
    assert_int_equal(pread(fd, &byte, 1, 4095), 1);
    assert_int_equal(byte, 0x42);
    close(fd);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);
}

static int exported_fd;

static int child_sees_the_memory(void) {
    unsigned char* shared = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, exported_fd, 0);

    EXPECT(shared != MAP_FAILED);
    EXPECT(has_pattern(shared, 0, BYTES));
    memset(shared, 0x99, BYTES);
    return 0;
}

static void an_exported_region_is_one_memory_with_another_process(void** state) {
    faults* self = *state;
    const bwrt_region memory = allocated_region_of(BWRT_REGION_EXPORT, BYTES);
    bwrt_operation operation = read_of(self, 0, 0, BYTES);
    const bwrt_wave wave = wave_of(&operation, 1);
    bwrt_region_info info;
    bwrt_completion completion;

    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    assert_int_equal(bwrt_region_add(self->runtime, &memory, &operation.target, &info, NULL), 0);
    assert_int_equal(info.flags, BWRT_REGION_EXPORT);
    assert_true(info.fd >= 0);
    assert_int_equal(run_wave(self, &wave, &completion), BWRT_OK);

    exported_fd = info.fd;
    run_in_child(child_sees_the_memory);
    assert_true(is_filled_with(info.address, 0x99, BYTES));

    /* Whoever keeps the descriptor keeps the memory. */
    const int kept = dup(info.fd);
    unsigned char byte = 0;

    assert_int_equal(bwrt_release(self->runtime, operation.target, NULL), BWRT_OK);
    assert_int_equal(pread(kept, &byte, 1, 100), 1);
    assert_int_equal(byte, 0x99);
    close(kept);
}

static void memory_says_what_became_of_it(void** state) {
    faults* self = *state;
    const uint32_t wishes[4] = {0, BWRT_REGION_PREFAULT, BWRT_REGION_HUGE,
                                BWRT_REGION_HUGE | BWRT_REGION_EXPORT | BWRT_REGION_PREFAULT};

    for (int i = 0; i < 4; ++i) {
        const bwrt_region memory = allocated_region_of(wishes[i], 3 << 20);
        bwrt_region_info info;
        bwrt_handle region = 0;
        unsigned char resident[(3 << 20) / 4096];

        memset(&info, 0xA5, sizeof(info));
        info.struct_size = sizeof(info);
        assert_int_equal(bwrt_region_add(self->runtime, &memory, &region, &info, NULL), BWRT_OK);
        assert_int_equal((uintptr_t)info.address % (2 << 20), 0);
        assert_int_equal(info.length_bytes, 3 << 20);
        assert_true(is_filled_with(info.address, 0, 3 << 20) || wishes[i] == 0);
        assert_int_equal(info.flags & ~wishes[i], 0);
        /* What is not in force has its reason, and only that. */
        assert_int_equal(info.flags == wishes[i], info.reason[0] == '\0');
        assert_int_equal(info.fd >= 0, (wishes[i] & BWRT_REGION_EXPORT) != 0);
        if ((wishes[i] & BWRT_REGION_PREFAULT) != 0) {
            assert_int_equal(mincore(info.address, 3 << 20, resident), 0);
            for (size_t page = 0; page < sizeof(resident); ++page) assert_true(resident[page] & 1);
        }
        assert_int_equal(bwrt_release(self->runtime, region, NULL), BWRT_OK);
    }
}

static void a_full_region_table_is_tried_again_after_a_release(void** state) {
    bwrt_config config = config_of_mode();
    bwrt_handle handle = 77;
    faults small;

    (void)state;
    config.region_count_max = 2;
    assert_int_equal(faults_open(&small, &config), 0);
    const bwrt_region memory = allocated_region_of(0, 4096);

    assert_int_equal(bwrt_region_add(small.runtime, &memory, &handle, NULL, &small.error),
                     BWRT_E_AGAIN);
    assert_refused(&small.error, BWRT_E_AGAIN, "config.region_count_max", BWRT_NONE);
    assert_int_equal(handle, 77);
    assert_still_works(&small);
    assert_int_equal(bwrt_release(small.runtime, small.memory_region, NULL), BWRT_OK);
    assert_int_equal(bwrt_region_add(small.runtime, &memory, &handle, NULL, NULL), BWRT_OK);
    assert_int_not_equal(handle, small.memory_region);
    assert_int_equal(faults_close(&small), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_quiesced_region_refuses_waves_until_it_is_resumed),
        IN_WORLD(memory_may_go_away_while_its_region_rests),
        IN_WORLD(a_quiesce_returns_behind_the_completions),
        IN_WORLD(a_layout_rests_with_its_region),
        IN_WORLD(what_is_in_use_is_not_released),
        IN_WORLD(a_read_only_region_is_no_target),
        IN_WORLD(the_callers_descriptor_is_left_alone),
        IN_WORLD(an_exported_region_is_one_memory_with_another_process),
        IN_WORLD(memory_says_what_became_of_it),
        IN_WORLD(a_full_region_table_is_tried_again_after_a_release),
    };
    int failures = 0;

    RUN_IN_ALL_MODES(tests, failures)
    return failures;
}
