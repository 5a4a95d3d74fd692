// SPDX-License-Identifier: Apache-2.0
//
// test_store_files.cpp — what others do to a store's files, and what they find there: bits that
// change, blocks at another's place, files that are cut, emptied, removed or replaced, a second
// writer, a folder that is something else.  What is damaged is told and gone, the rest is served.

#include <sys/stat.h>

#include "tests/blocks/segment_places.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;

const StoreOf kDiskOnly(0, kDiskBytes);
void put_chains(BlockWorld* world, std::uint32_t count, std::uint64_t length = kLength) {
    for (std::uint32_t chain = 0; chain < count; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 1, length), BWRT_OK);
    }
}

// ---- bits

void a_bit_that_has_changed_is_seen_wherever_it_is(void** state) {
    BlockWorld* world = world_of(state);
    Random random(test_seed());
    constexpr std::uint64_t kBytes = 200'000;  // four chunks, and their sums behind them
    constexpr std::uint32_t kCount = 40;
    world->open(kDiskOnly);
    put_chains(world, kCount, kBytes);
    for (std::uint32_t chain = 0; chain < kCount; chain += 2) {
        const std::uint64_t edges[] = {0, 65535, 65536, kBytes - 1};
        const std::uint64_t at = chain / 2 < 4 ? edges[chain / 2] : random.below(kBytes);
        flip(place_of({chain, 0}, kBytes), at, random.between32(0, 7));
    }

    for (std::uint32_t chain = 0; chain < kCount; ++chain) {
        const bwrt_status expected = chain % 2 == 0 ? BWRT_E_CORRUPT : BWRT_OK;
        assert_int_equal(get(world, {chain, 0}, 1, kBytes), expected);
        if (expected != BWRT_OK) {
            assert_int_equal(get(world, {chain, 0}, 1, kBytes), BWRT_E_MISS);
        }
    }
    assert_int_equal(sample_store(world).corrupt_count, kCount / 2);
    assert_int_equal(sample_store(world).disk.block_count, kCount / 2);
    assert_int_equal(put(world, {0, 0}, 1, kBytes), BWRT_OK);
    assert_int_equal(get(world, {0, 0}, 1, kBytes), BWRT_OK);
}

void sums_that_have_changed_are_seen(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}, 1, 200'000), BWRT_OK);
    const Place place = place_of({1, 0}, 200'000);
    flip(place, 200'704, 3);  // the first sum, behind 49 units

    assert_int_equal(get(world, {1, 0}, 1, 200'000), BWRT_E_CORRUPT);
    assert_int_equal(get(world, {1, 0}, 1, 200'000), BWRT_E_MISS);
}

void another_blocks_bytes_are_not_taken_for_it(void** state) {
    BlockWorld* world = world_of(state);
    for (const std::uint64_t length : {4096u, 65536u, 200'000u}) {
        world->open(kDiskOnly);
        const auto chain = static_cast<std::uint32_t>(length);
        assert_int_equal(put(world, {chain, 0}, 2, length), BWRT_OK);
        const Place first = place_of({chain, 0}, length);
        const Place second = place_of({chain, 1}, length);
        const std::string image =
            bwrt::test::bytes_of(second.path)
                .substr(second.offset,
                        bwrt::runtime::place_bytes(static_cast<std::uint32_t>(length)));
        overwrite(first, 0, image.data(), image.size());

        assert_int_equal(get(world, {chain, 0}, 1, length), BWRT_E_CORRUPT);
        assert_int_equal(get(world, {chain, 1}, 1, length), BWRT_OK);
        world->close();
    }
}

void what_was_damaged_between_two_processes_is_seen(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    put_chains(world, 10);
    world->close();
    for (std::uint32_t chain = 0; chain < 10; chain += 3) flip(place_of({chain, 0}), 777, 0);
    world->open(kDiskOnly);

    for (std::uint32_t chain = 0; chain < 10; ++chain) {
        assert_int_equal(get(world, {chain, 0}), chain % 3 == 0 ? BWRT_E_CORRUPT : BWRT_OK);
    }
}

// ---- files

enum class Deed { kCut, kEmptied, kRemoved, kReplaced, kClosedToAll, kFolder, kLinked };

void do_to(const std::string& path, Deed deed) {
    namespace fs = std::filesystem;
    switch (deed) {
        case Deed::kCut:
            assert_int_equal(truncate(path.c_str(), 100'000), 0);
            return;
        case Deed::kEmptied:
            assert_int_equal(truncate(path.c_str(), 0), 0);
            return;
        case Deed::kRemoved:
            assert_true(fs::remove(path));
            return;
        case Deed::kReplaced:
            fs::remove(path);
            put_bytes(path, std::string(16 << 20, 'x'));
            return;
        case Deed::kClosedToAll:
            assert_int_equal(chmod(path.c_str(), 0), 0);
            return;
        case Deed::kFolder:
            fs::remove(path);
            fs::create_directory(path);
            return;
        case Deed::kLinked:
            fs::remove(path);
            put_bytes("outside", std::string(16 << 20, 'o'));
            fs::create_symlink("../../../outside", path);
            return;
    }
}

void check_deed(BlockWorld* world, Deed deed, bool while_open) {
    world->open(kDiskOnly);
    for (std::uint32_t i = 0; i < 24; ++i) {
        assert_int_equal(put(world, {i, 0}, 1, 1 * kMib), BWRT_OK);
    }
    assert_int_equal(segments().size(), 2);
    if (!while_open) world->close();
    do_to(segments()[0], deed);
    if (!while_open) world->open(kDiskOnly);

    std::uint32_t right = 0;
    for (std::uint32_t i = 0; i < 24; ++i) {
        Request reader(world, BWRT_OP_GET, {i, 0}, 1, 1 * kMib);
        if (reader.run() == BWRT_OK) {
            assert_true(reader.holds(0));
            ++right;
        } else {
            assert_true(reader.is_right_so_far(0));
            assert_int_equal(get(world, {i, 0}, 1, 1 * kMib), BWRT_E_MISS);
        }
    }
    assert_true(right >= 8);  // those of the other file
    assert_int_equal(put(world, {100, 0}), BWRT_OK);
    assert_int_equal(get(world, {100, 0}), BWRT_OK);
    for (std::uint32_t i = 0; i < share_of(120); ++i) {  // all segments are come to again
        Request writer(world, BWRT_OP_PUT, {200 + i, 0}, 1, 1 * kMib);
        if (writer.run() == BWRT_OK) {
            assert_int_equal(get(world, {200 + i, 0}, 1, 1 * kMib), BWRT_OK);
        }
    }
    if (deed == Deed::kLinked) {
        assert_true(bwrt::test::bytes_of("outside") == std::string(16 << 20, 'o'));
    }
    world->close();
    std::filesystem::remove_all("s");
}

void a_segment_that_others_change_while_it_is_open_costs_its_blocks(void** state) {
    for (const Deed deed : {Deed::kCut, Deed::kEmptied, Deed::kRemoved, Deed::kReplaced,
                            Deed::kClosedToAll, Deed::kFolder, Deed::kLinked}) {
        check_deed(world_of(state), deed, true);
    }
}

// Segments are shorter for shorter blocks, and what the lost log had would be in the way.
void a_store_that_lost_its_log_writes_where_longer_segments_lay(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t i = 0; i < 24; ++i) {
        assert_int_equal(put(world, {i, 0}, 1, 1 * kMib), BWRT_OK);
    }
    world->close();
    std::vector<std::filesystem::path> logs;
    for (const auto& file : std::filesystem::recursive_directory_iterator("s")) {
        if (file.path().filename().string().rfind("log.", 0) == 0) logs.push_back(file.path());
    }
    assert_true(!logs.empty());
    for (const auto& log : logs) std::filesystem::remove(log);

    world->open(StoreOf(0, kDiskBytes, 0, kLength));

    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
    for (std::uint32_t i = 0; i < 200; ++i) {
        assert_int_equal(put(world, {100 + i, 0}), BWRT_OK);
        assert_int_equal(get(world, {100 + i, 0}), BWRT_OK);
    }
}

void a_segment_that_others_changed_before_it_was_opened_costs_its_blocks(void** state) {
    for (const Deed deed : {Deed::kCut, Deed::kEmptied, Deed::kRemoved, Deed::kReplaced,
                            Deed::kClosedToAll, Deed::kFolder, Deed::kLinked}) {
        check_deed(world_of(state), deed, false);
    }
}

// ---- budgets

// Which of so many blocks of 1 MiB are there, and right; none may fail otherwise.
std::uint32_t count_right(BlockWorld* world, std::uint32_t count) {
    std::uint32_t right = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const bwrt_status status = get(world, {i, 0}, 1, 1 * kMib);
        if (status == BWRT_OK) ++right;
        if (status != BWRT_OK) assert_int_equal(status, BWRT_E_MISS);
    }
    return right;
}

void a_smaller_budget_is_kept_from_the_first_moment_on(void** state) {
    BlockWorld* world = world_of(state);
    constexpr std::uint32_t kCount = 160;
    const StoreOf large(0, 2 * kDiskBytes);
    world->open(large);
    put_chains(world, kCount, 1 * kMib);
    put_bytes("s/shards/0/segment.0000000f.kept", "not a writer's");
    put_bytes("s/shards/0/segment.00001000", "of the next directory");
    assert_true(segments().size() > 9);
    world->open_again(kDiskOnly);

    assert_true(disk_bytes_of("s") <= kDiskBytes);
    std::vector<std::string> left = segments();
    assert_true(left.size() <= 9);  // seven, and those two
    assert_int_equal(std::count(left.begin(), left.end(), "s/shards/0/segment.00001000"), 1);
    assert_int_equal(std::count(left.begin(), left.end(), "s/shards/0/segment.0000000f.kept"), 1);
    const std::uint32_t right = count_right(world, kCount);
    assert_true(right >= 60 && right <= 112);
    world->open_again(large);  // the log still says what was in the others
    const bwrt_store_counters counters = sample_store(world);
    assert_int_equal(counters.disk.block_count, right);
    assert_int_equal(count_right(world, kCount), right);
    put_chains(world, kCount, 1 * kMib);
    assert_true(count_right(world, kCount) > right);
    assert_int_equal(sample_store(world).failed_count + sample_store(world).corrupt_count, 0);
}

// As where more directories leave each fewer places.
void a_segment_behind_the_last_is_removed(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    world->close();
    const std::string beyond = "s/shards/0/segment.00000007";  // the eighth of seven
    std::filesystem::copy_file(segments()[0], beyond);
    world->open(kDiskOnly);
    assert_false(std::filesystem::exists(beyond));
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
}

// ---- folders

void a_folder_that_holds_something_else_is_left_alone(void** state) {
    BlockWorld* world = world_of(state);
    std::filesystem::create_directory("s");
    put_bytes("s/precious", "a");

    assert_int_equal(world->try_open(kDiskOnly), BWRT_E_FORMAT);

    assert_string_equal(world->error.field, "store.directories");
    assert_true(bwrt::test::bytes_of("s/precious") == "a");
    assert_int_equal(std::distance(std::filesystem::directory_iterator("s"), {}), 1);
}

void a_newer_or_damaged_format_is_left_alone(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    put_chains(world, 3);
    world->close();
    const std::string before = bwrt::test::bytes_of("s/bwrt-store");
    std::string newer = before;
    newer[offsetof(bwrt::runtime::Superblock, version)] = 2;
    std::string damaged = before;
    damaged[100] = static_cast<char>(damaged[100] ^ 1);
    for (const std::string& bytes : {newer, damaged, std::string(4096, '\0'), std::string()}) {
        put_bytes("s/bwrt-store", bytes);
        assert_int_equal(world->try_open(kDiskOnly), BWRT_E_FORMAT);
        const bool says_newer = std::strstr(world->error.message, "store format 2") != nullptr;
        assert_true(says_newer == (bytes == newer));
        assert_true(bwrt::test::bytes_of("s/bwrt-store") == bytes);
    }
    put_bytes("s/bwrt-store", before);
    world->open(kDiskOnly);
    for (std::uint32_t chain = 0; chain < 3; ++chain) {
        assert_int_equal(get(world, {chain, 0}), BWRT_OK);
    }
}

void a_second_writer_is_told_who_the_first_one_is(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    put_chains(world, 3);
    char pid[32];
    std::snprintf(pid, sizeof pid, " %d", static_cast<int>(getpid()));

    BlockWorld second;
    assert_int_equal(second.try_open(kDiskOnly), BWRT_E_LOCKED);
    assert_string_equal(second.error.field, "store.shard");
    assert_non_null(std::strstr(second.error.message, "by this process"));
    const int status = in_a_child([&] {
        BlockWorld child;
        if (child.try_open(kDiskOnly) != BWRT_E_LOCKED) return 1;
        return std::strstr(child.error.message, pid) != nullptr ? 0 : 2;
    });
    assert_int_equal(status, 0);

    StoreOf other = kDiskOnly;
    other.store.shard = "other";
    second.open(other);
    assert_int_equal(get(&second, {1, 0}), BWRT_E_MISS);
    assert_int_equal(put(&second, {1, 0}), BWRT_OK);
    second.close();
    delete second.clock;
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
}

void nobody_else_can_look_into_a_store(void** state) {
    BlockWorld* world = world_of(state);
    umask(0);
    world->open(kDiskOnly);
    put_chains(world, 2);
    for (const auto& file : std::filesystem::recursive_directory_iterator("s")) {
        struct stat about = {};
        assert_int_equal(lstat(file.path().c_str(), &about), 0);
        assert_int_equal(about.st_mode & 07777, file.is_directory() ? 0700 : 0600);
    }
    umask(022);
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_bit_that_has_changed_is_seen_wherever_it_is),
    IN_BLOCK_WORLD(sums_that_have_changed_are_seen),
    IN_BLOCK_WORLD(another_blocks_bytes_are_not_taken_for_it),
    IN_BLOCK_WORLD(what_was_damaged_between_two_processes_is_seen),
    IN_BLOCK_WORLD(a_segment_behind_the_last_is_removed),
    IN_BLOCK_WORLD(a_store_that_lost_its_log_writes_where_longer_segments_lay),
    IN_BLOCK_WORLD(a_folder_that_holds_something_else_is_left_alone),
    IN_BLOCK_WORLD(a_newer_or_damaged_format_is_left_alone),
    IN_BLOCK_WORLD(a_second_writer_is_told_who_the_first_one_is),
    IN_BLOCK_WORLD(nobody_else_can_look_into_a_store),
};

// Whoever drives; and each writes gigabytes.
const CMUnitTest kTestsOnce[] = {
    IN_BLOCK_WORLD(a_segment_that_others_change_while_it_is_open_costs_its_blocks),
    IN_BLOCK_WORLD(a_segment_that_others_changed_before_it_was_opened_costs_its_blocks),
    IN_BLOCK_WORLD(a_smaller_budget_is_kept_from_the_first_moment_on),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES(kTestsOnce, 1, failures);
    RUN_IN_MODES(kTests, 2, failures);
    return failures;
}
