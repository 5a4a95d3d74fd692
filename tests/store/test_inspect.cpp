// SPDX-License-Identifier: Apache-2.0
//
// test_inspect.cpp — what is found in a store that was planted is what was planted, what is not
// there is not found, and to look changes nothing.

#include "runtime/store/inspect.h"

#include <sys/file.h>
#include <sys/wait.h>

#include <set>

#include "runtime/store/drop.h"
#include "tests/store/folder.h"
#include "tests/store/planted_store.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::bytes_of;
using bwrt::test::enter_folder;
using bwrt::test::leave_folder;
using bwrt::test::plant_blocks;
using bwrt::test::PlantedStore;
using bwrt::test::put_bytes;

constexpr const char* kLogPath = "store/shards/0/log.0000000000000003";

// Plants in its own scope: the lock is free again.
void plant(bool second_directory = false) {
    std::vector<std::string> paths = {"store"};
    if (second_directory) paths.push_back("further");
    PlantedStore store(paths);
    plant_blocks(&store, second_directory);
}

struct Opened {
    StoreDirectories store;
    Shard shard;
    ShardContents contents;
    bwrt_error error = {};

    explicit Opened(const std::vector<std::string>& paths = {"store"}, bool lock = false) {
        if (open_store(paths, &store, {&error}) != BWRT_OK ||
            open_shard(store.roots[0], "0", Access::kRead, lock, &shard, {&error}) != BWRT_OK) {
            fail_msg("%s", error.message);
        }
    }
    bwrt_status read() { return contents.read(store, shard, {&error}); }
};

// By the first byte of the identity, as plant_blocks() names them.
std::set<int> names_in(const ShardContents& contents) {
    std::set<int> names;
    for (const Record* record : contents.blocks_by_place()) names.insert(record->key.identity[0]);
    return names;
}

void the_blocks_are_those_of_the_writer(void**) {
    PlantedStore store({"store", "further"});
    plant_blocks(&store, true);
    Opened opened({"store", "further"});
    assert_int_equal(opened.read(), BWRT_OK);
    assert_int_equal(opened.contents.block_count(), store.live().size());
    for (const auto& [name, record] : store.live()) {
        const Record* found = opened.contents.find(record.key);
        assert_non_null(found);
        assert_memory_equal(found, &record, sizeof record);
    }
    assert_true(opened.contents.log().found);
    assert_int_equal(opened.contents.log().end.sequence, store.end().sequence);
    assert_int_equal(opened.contents.segment_bytes(), 1 << 20);
}

void blocks_come_in_the_order_of_their_places(void**) {
    plant();
    Opened opened;
    assert_int_equal(opened.read(), BWRT_OK);
    const int expected[] = {1, 2, 3, 4, 5, 6, 8, 9};
    const std::vector<const Record*> blocks = opened.contents.blocks_by_place();
    assert_int_equal(blocks.size(), 8);
    for (std::size_t i = 0; i < 8; ++i) assert_int_equal(blocks[i]->key.identity[0], expected[i]);
}

void what_is_not_there_is_not_found(void**) {
    PlantedStore store({"store"});
    plant_blocks(&store, false);
    Opened opened;
    assert_int_equal(opened.read(), BWRT_OK);
    BlockKey key = store.live().at(8).key;
    assert_non_null(opened.contents.find(key));
    key.part = 0;
    assert_null(opened.contents.find(key));
    key.part = 3;
    key.space += 1;
    assert_null(opened.contents.find(key));
}

void a_shard_without_a_log_is_empty(void**) {
    plant();
    std::filesystem::remove(kLogPath);
    Opened opened;
    assert_int_equal(opened.read(), BWRT_OK);
    assert_false(opened.contents.log().found);
    assert_int_equal(opened.contents.block_count(), 0);
    assert_int_equal(opened.contents.segment_bytes(), 0);
    assert_true(opened.contents.blocks_by_place().empty());
}

// One reading forgets the one before.
void a_second_reading_sees_what_changed(void**) {
    PlantedStore store({"store"});
    plant_blocks(&store, false);
    Opened opened;
    assert_int_equal(opened.read(), BWRT_OK);
    store.begin_segment(0);
    store.next_log();
    assert_int_equal(opened.read(), BWRT_OK);
    assert_true((names_in(opened.contents) == std::set<int>{8, 9}));
    assert_int_equal(opened.contents.log().end.log_number, 4);
}

void more_blocks_than_there_was_room_for_are_all_found(void**) {
    PlantedStore store({"store"});
    const TenantKeys keys = store.tenant(0);
    store.begin_segment(0);
    for (std::uint32_t name = 1; name <= 200; ++name) store.put(keys, name, 10, 0);
    Opened opened;
    assert_int_equal(opened.contents.read(opened.store, opened.shard, {}, 3), BWRT_OK);
    assert_int_equal(opened.contents.block_count(), 200);
    assert_int_equal(opened.contents.counts().no_room, 0);
}

void a_header_of_impossible_segments_is_refused(void**) {
    plant();
    const std::string log = bytes_of(kLogPath);
    LogHeader header = {};
    for (const std::uint64_t bytes : {std::uint64_t{4097}, (std::uint64_t{1} << 32) + 4096}) {
        std::memcpy(&header, log.data(), sizeof header);
        header.segment_bytes = bytes;
        seal(&header);
        put_bytes(kLogPath, std::string(reinterpret_cast<const char*>(&header), sizeof header) +
                                log.substr(sizeof header));
        Opened opened;
        assert_int_equal(opened.read(), BWRT_E_FORMAT);
    }
}

void a_store_has_1_to_16_directories_in_their_order(void**) {
    plant(true);
    StoreDirectories store;
    assert_int_equal(open_store({}, &store, {}), BWRT_E_INVAL);
    assert_int_equal(open_store(std::vector<std::string>(17, "store"), &store, {}), BWRT_E_INVAL);
    assert_int_equal(open_store({"further", "store"}, &store, {}), BWRT_E_FORMAT);
    { const PlantedStore other({"other", "others"}); }
    assert_int_equal(open_store({"store", "others"}, &store, {}), BWRT_E_FORMAT);
    assert_true(store.roots.empty());
    assert_int_equal(open_store({"store", "further"}, &store, {}), BWRT_OK);
    assert_int_equal(store.roots.size(), 2);
}

void shards_are_listed_and_what_is_none_is_not(void**) {
    plant();
    std::filesystem::create_directory("store/shards/b");
    std::filesystem::create_directory("store/shards/.hidden");
    StoreDirectories store;
    std::vector<std::string> names = {"before"};
    assert_int_equal(open_store({"store"}, &store, {}), BWRT_OK);
    assert_int_equal(list_shards(store, &names, {}), BWRT_OK);
    assert_true((names == std::vector<std::string>{"0", "b"}));
    std::filesystem::remove_all("store/shards");
    assert_int_equal(list_shards(store, &names, {}), BWRT_OK);
    assert_true(names.empty());
    put_bytes("store/shards", "a file");
    assert_int_not_equal(list_shards(store, &names, {}), BWRT_OK);
}

void the_writer_is_seen_while_it_holds_the_lock(void**) {
    {
        PlantedStore store({"store"});
        const Opened opened;
        const ShardWriter writer = find_writer(opened.shard);
        assert_true(writer.is_there);
        assert_int_equal(writer.pid, getpid());
    }
    const Opened opened;
    ShardWriter writer = find_writer(opened.shard);
    assert_false(writer.is_there);
    assert_int_equal(writer.pid, getpid());
    std::filesystem::remove("store/shards/0/lock");
    writer = find_writer(opened.shard);
    assert_false(writer.is_there);
    assert_int_equal(writer.pid, 0);
    assert_false(std::filesystem::exists("store/shards/0/lock"));
}

// To look for the writer is not to be one for a moment.
void nobody_is_locked_out_by_those_who_look(void**) {
    plant();
    const pid_t looker = fork();
    if (looker == 0) {
        const Opened opened;
        for (;;) static_cast<void>(find_writer(opened.shard));
    }
    int refused = 0;
    for (int i = 0; i < 2000; ++i) {
        StoreDirectories store;
        Shard shard;
        refused += open_store({"store"}, &store, {}) != BWRT_OK;
        refused += open_shard(store.roots[0], "0", Access::kRead, true, &shard, {}) != BWRT_OK;
    }
    kill(looker, SIGKILL);
    waitpid(looker, nullptr, 0);
    assert_int_equal(refused, 0);
}

LogTail tail_of(const Opened& opened) {
    LogTail tail;
    assert_true(look_behind(opened.shard, opened.contents.log().end, &tail));
    return tail;
}

void what_lies_behind_the_end_is_told_apart(void**) {
    plant();
    const std::string log = bytes_of(kLogPath);
    Opened opened;
    assert_int_equal(opened.read(), BWRT_OK);
    LogTail tail = tail_of(opened);
    assert_true(tail.length_bytes == 0 && tail.zeros && tail.whole_records == 0 && !tail.goes_on);

    put_bytes(kLogPath, log + std::string(1000, '\0'));
    tail = tail_of(opened);
    assert_true(tail.length_bytes == 1000 && tail.zeros);

    for (const std::size_t at : {std::size_t{0}, std::size_t{300}, std::size_t{700}}) {
        std::string behind(701, '\0');
        behind[at] = 'x';
        put_bytes(kLogPath, log + behind);
        tail = tail_of(opened);
        assert_true(tail.length_bytes == 701 && !tail.zeros && tail.whole_records == 0);
    }

    std::string damaged = log;  // the third record from the end
    damaged[log.size() - 3 * 256 + 24] ^= 1;
    put_bytes(kLogPath, damaged);
    assert_int_equal(opened.read(), BWRT_OK);
    tail = tail_of(opened);
    assert_true(tail.length_bytes == 3 * 256 && !tail.zeros && !tail.goes_on);
    assert_int_equal(tail.whole_records, 2);

    put_bytes(kLogPath, log);  // as if a writer had been in the middle of it
    assert_true(tail_of(opened).goes_on);

    std::filesystem::remove(kLogPath);
    assert_false(look_behind(opened.shard, opened.contents.log().end, &tail));
    assert_int_equal(errno, ENOENT);
}

void whole_records_are_known_across_lives(void**) {
    plant();
    std::uint64_t damaged_at = 0;
    {
        Opened opened({"store"}, true);
        assert_int_equal(opened.read(), BWRT_OK);
        const LogEnd end = opened.contents.log().end;
        damaged_at = end.offset_bytes() - 256;
        const std::vector<BlockKey> keys = {opened.contents.blocks_by_place()[0]->key};
        assert_int_equal(drop_blocks(opened.shard, end, keys, {}), BWRT_OK);
    }
    std::string log = bytes_of(kLogPath);
    log[damaged_at] ^= 1;
    put_bytes(kLogPath, log);
    Opened opened;
    assert_int_equal(opened.read(), BWRT_OK);
    assert_int_equal(tail_of(opened).whole_records, 2);  // opened, and removed in its life
}

void dropped_blocks_are_gone_and_others_are_not(void**) {
    plant();
    {
        Opened opened({"store"}, true);
        assert_int_equal(opened.read(), BWRT_OK);
        std::vector<BlockKey> keys;
        for (const Record* record : opened.contents.blocks_by_place()) {
            if (record->key.identity[0] % 2 == 0) keys.push_back(record->key);
        }
        assert_int_equal(keys.size(), 4);
        assert_int_equal(drop_blocks(opened.shard, opened.contents.log().end, keys, {}), BWRT_OK);
    }
    Opened opened;
    assert_int_equal(opened.read(), BWRT_OK);
    assert_true((names_in(opened.contents) == std::set<int>{1, 3, 5, 9}));
    assert_int_equal(opened.contents.log().ignored_bytes, 0);
}

// More than are written at once.
void many_blocks_are_dropped_by_many_writes(void**) {
    constexpr std::uint32_t kCount = 9000;
    {
        PlantedStore store({"store"}, std::uint64_t{kCount} * 4096);
        const TenantKeys keys = store.tenant(0);
        store.begin_segment(0);
        for (std::uint32_t name = 1; name <= kCount; ++name) store.put(keys, name, 10, 0);
    }
    Opened opened({"store"}, true);
    assert_int_equal(opened.read(), BWRT_OK);
    std::vector<BlockKey> keys;
    for (const Record* record : opened.contents.blocks_by_place()) keys.push_back(record->key);
    const BlockKey kept = keys.back();
    keys.pop_back();
    assert_int_equal(drop_blocks(opened.shard, opened.contents.log().end, keys, {}), BWRT_OK);
    assert_int_equal(opened.read(), BWRT_OK);
    assert_int_equal(opened.contents.block_count(), 1);
    assert_non_null(opened.contents.find(kept));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_blocks_are_those_of_the_writer, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(blocks_come_in_the_order_of_their_places, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_not_found, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_shard_without_a_log_is_empty, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_second_reading_sees_what_changed, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(more_blocks_than_there_was_room_for_are_all_found,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_header_of_impossible_segments_is_refused, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_store_has_1_to_16_directories_in_their_order,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(shards_are_listed_and_what_is_none_is_not, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(the_writer_is_seen_while_it_holds_the_lock, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(nobody_is_locked_out_by_those_who_look, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(what_lies_behind_the_end_is_told_apart, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(whole_records_are_known_across_lives, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(dropped_blocks_are_gone_and_others_are_not, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(many_blocks_are_dropped_by_many_writes, enter_folder,
                                        leave_folder),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
