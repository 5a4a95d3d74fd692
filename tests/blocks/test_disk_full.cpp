// SPDX-License-Identifier: Apache-2.0
//
// test_disk_full.cpp — a disk that is full, by the store's own doing and by others': a file system
// of 64 MiB under a store that was told it had 128.  What is there is served, what comes is refused
// or kept in memory, and when there is room again there is a store again.
//
// It is a tmpfs, mounted where only this process sees it; where that is forbidden the tests are
// skipped.

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdio>

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;

const StoreOf kDiskOnly(0, kDiskBytes);
const StoreOf kBoth(128 * kMib, kDiskBytes);

int enter_disk(void** state) {
    if (enter_world(state) != 0) return -1;
    std::filesystem::create_directory("s");
    return mount("none", "s", "tmpfs", 0, "size=64m,mode=0700");
}

int leave_disk(void** state) {
    BlockWorld* world = world_of(state);
    const int failed = world->close_with(BWRT_SHUTDOWN_CANCEL);
    const int left = umount2("s", MNT_DETACH);
    return leave_world(state) | failed | left;
}

void make_room() { assert_int_equal(mount("none", "s", nullptr, MS_REMOUNT, "size=256m"), 0); }

// As many blocks of a MiB as the disk takes, and a good many that it does not.
constexpr std::uint32_t kTried = 60;

void what_comes_to_a_full_disk_is_refused_and_what_is_there_is_served(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    std::vector<std::uint32_t> stored, refused;
    for (std::uint32_t chain = 1; chain <= kTried; ++chain) {
        Request request(world, BWRT_OP_PUT, {chain, 0}, 1, 1 * kMib);
        const bwrt_status status = request.run();
        if (status != BWRT_OK) {
            assert_int_equal(status, BWRT_E_NOSPC);
            assert_int_equal(request.completion.os_code, ENOSPC);
            assert_int_equal(request.completion.tier, BWRT_TIER_DISK);
        }
        (status == BWRT_OK ? stored : refused).push_back(chain);
    }
    assert_in_range(stored.size(), 30, 60);
    assert_in_range(refused.size(), 1, 30);
    const auto all_are_right = [&] {
        for (const std::uint32_t chain : stored) {
            assert_int_equal(get(world, {chain, 0}, 1, 1 * kMib), BWRT_OK);
        }
        assert_int_equal(sample_store(world).corrupt_count, 0);
    };
    all_are_right();
    for (const std::uint32_t chain : refused) {
        assert_int_equal(get(world, {chain, 0}, 1, 1 * kMib), BWRT_E_MISS);
    }
    assert_true(sample_store(world).failed_count >= refused.size());

    make_room();
    for (const std::uint32_t chain : {refused.front(), refused.back()}) {
        assert_int_equal(put(world, {chain, 0}, 1, 1 * kMib), BWRT_OK);
        assert_int_equal(get(world, {chain, 0}, 1, 1 * kMib), BWRT_OK);
    }
    all_are_right();
    world->open_again(kDiskOnly);
    all_are_right();
}

void what_a_full_disk_does_not_take_is_in_memory(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    for (std::uint32_t chain = 1; chain <= kTried; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 1, 1 * kMib), BWRT_OK);
        settle(world);
    }
    const bwrt_store_counters counters = sample_store(world);
    assert_int_equal(counters.host.block_count, kTried);
    assert_in_range(counters.disk.block_count, 30, kTried - 1);
    assert_true(counters.failed_count != 0);
    for (std::uint32_t chain = 1; chain <= kTried; ++chain) {
        assert_int_equal(get(world, {chain, 0}, 1, 1 * kMib), BWRT_OK);
    }

    make_room();  // who is asked for again goes there now
    for (std::uint32_t chain = 1; chain <= kTried; ++chain) {
        assert_int_equal(get(world, {chain, 0}, 1, 1 * kMib), BWRT_OK);
        settle(world);
    }
    assert_true(sample_store(world).disk.block_count > counters.disk.block_count);
}

// Segments have their space; the log has not, and whoever has filled the disk is somebody else.
// Nothing is put behind a record that may be there in part: the next life cuts that off.
void a_log_that_cannot_grow_ends_what_is_written_until_the_next_open(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    std::FILE* filler = std::fopen("s/filler", "w");
    const Bytes bytes(kMib);
    while (std::fwrite(bytes.data(), 1, bytes.size(), filler) == bytes.size()) {
    }
    std::fclose(filler);

    std::vector<std::uint32_t> stored;
    bwrt_status status = BWRT_OK;
    for (std::uint32_t chain = 2; status == BWRT_OK && chain < 100; ++chain) {
        status = put(world, {chain, 0}, 1, 4096);
        if (status == BWRT_OK) stored.push_back(chain);
    }
    assert_int_equal(status, BWRT_E_NOSPC);
    assert_int_equal(get(world, {1, 0}, 4), BWRT_OK);
    std::filesystem::remove("s/filler");
    assert_int_equal(put(world, {200, 0}), BWRT_E_IO);
    assert_int_equal(get(world, {1, 0}, 4), BWRT_OK);

    world->open_again(kDiskOnly);
    assert_int_equal(get(world, {1, 0}, 4), BWRT_OK);
    for (const std::uint32_t chain : stored) {
        assert_int_equal(get(world, {chain, 0}, 1, 4096), BWRT_OK);
    }
    assert_int_equal(put(world, {200, 0}), BWRT_OK);
    assert_int_equal(get(world, {200, 0}), BWRT_OK);
}

#define ON_A_SMALL_DISK(sentence) cmocka_unit_test_setup_teardown(sentence, enter_disk, leave_disk)

const CMUnitTest kTests[] = {
    ON_A_SMALL_DISK(what_comes_to_a_full_disk_is_refused_and_what_is_there_is_served),
    ON_A_SMALL_DISK(what_a_full_disk_does_not_take_is_in_memory),
    ON_A_SMALL_DISK(a_log_that_cannot_grow_ends_what_is_written_until_the_next_open),
};

// Before there is a thread: only such a process may have a user namespace.
bool can_mount() {
    return unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace

int main() {
    if (!can_mount()) {
        std::printf("skipped: no file system may be mounted here: %s\n", std::strerror(errno));
        return 77;
    }
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
