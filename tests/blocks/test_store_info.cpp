// SPDX-License-Identifier: Apache-2.0
//
// test_store_info.cpp — what bwrt_store_info tells of each kind of store: what is in force,
// and why the rest is not.

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <mutex>

#include "runtime/store/shared_index.h"
#include "tests/blocks/pair_world.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::Access;
using bwrt::runtime::SharedHeader;
using bwrt::runtime::SharedName;
using bwrt::runtime::StoreRoot;

struct Told {
    std::mutex mutex;
    std::vector<std::string> warnings;
};

Told told;

void hear(void*, std::int32_t level, const char* sentence) {
    const std::lock_guard<std::mutex> lock(told.mutex);
    if (level == BWRT_LOG_WARNING) told.warnings.emplace_back(sentence);
}

void a_host_tier_tells_where_it_lies_and_has_no_disk(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(16 * kMib, 0));
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    Request pin(world, BWRT_OP_PIN, {1, 0}, 1);
    assert_int_equal(pin.run(), BWRT_OK);

    const bwrt_store_info info = info_of(world);
    const auto address = reinterpret_cast<std::uintptr_t>(info.host_address);
    assert_int_equal(info.host_bytes, 16 * kMib);
    assert_in_range(pin.results[0].address, address, address + info.host_bytes - kLength);
    assert_int_equal(info.host_fd, -1);
    assert_int_equal(info.block_count_max, 1 << 14);
    assert_int_equal(info.block_bytes_max, 2 * kMib);
    assert_int_equal(info.flight_count_max, 64);
    assert_int_equal(info.tenant_count_max, 64);
    assert_int_equal(info.lease_count_max, 65536);
    assert_true(std::string("AVX2") == info.checksum || std::string("SSE2") == info.checksum);
    assert_int_equal(info.flags | info.transit_bytes | info.disk_bytes | info.segment_bytes, 0);
    assert_int_equal(info.log_bytes | info.log_bytes_max | info.disk_block_count_max, 0);
    assert_int_equal(info.directory_count | info.segment_count | info.reserved_count, 0);
    for (const char* reason : {info.huge_reason, info.disk_reason, info.direct_reason,
                               info.reserve_reason, info.striping_reason}) {
        assert_null(reason);
    }
}

// 128 MiB less two logs of 2 MiB are seven segments of 16; a quarter of a log has 2,048 records of
// 256 bytes.
void a_disk_tier_tells_what_it_is_made_of(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(0, kDiskBytes));

    const bwrt_store_info info = info_of(world);
    assert_int_equal(info.segment_bytes, 16 * kMib);
    assert_int_equal(info.segment_count, 7);
    assert_int_equal(info.disk_bytes, 7 * 16 * kMib);
    assert_true(info.disk_bytes + 2 * info.log_bytes_max <= kDiskBytes);
    assert_int_equal(info.log_bytes_max, 2 * kMib);
    assert_int_equal(info.disk_block_count_max, 2048);
    assert_int_equal(info.block_count_max, 1 << 14);
    assert_int_equal(info.transit_bytes, 16 * kMib);
    assert_int_equal(info.directory_count, 1);
    assert_null(info.host_address);
    assert_int_equal(info.host_bytes, 0);
    assert_int_equal(info.host_fd, -1);
    assert_null(info.disk_reason);
    assert_non_null(std::strstr(info.striping_reason, "not on Lustre"));

    assert_int_equal(info.reserved_count + info.unreserved_count, 0);
    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    settle(world);
    const bwrt_store_info filled = info_of(world);
    assert_int_equal(filled.reserved_count + filled.unreserved_count, 1);
    assert_int_equal(filled.unreserved_count != 0, filled.reserve_reason != nullptr);
    assert_int_equal(filled.striped_count | filled.stripe_count | filled.stripe_bytes, 0);
    assert_true(filled.log_bytes > info.log_bytes);
    assert_ptr_equal(filled.striping_reason, info.striping_reason);  // the same words
}

// Two logs of a 16th of it: a record for each 16 KiB.  Shorter blocks get no more.
void a_disk_of_short_blocks_has_a_longer_log(void** state) {
    for (const std::uint32_t block_bytes : {16u << 10, 4u << 10}) {
        BlockWorld* world = world_of(state);
        StoreOf with(0, kDiskBytes);
        with.store.block_bytes_max = block_bytes;
        block_bytes == 16u << 10 ? world->open(with) : world->open_again(with);

        const bwrt_store_info info = info_of(world);
        assert_int_equal(info.log_bytes_max, 8 * kMib);
        assert_int_equal(info.disk_block_count_max, 8192);
        assert_true(info.disk_bytes + 2 * info.log_bytes_max <= kDiskBytes);
    }
}

// 80 GiB would be segments of 1,280 MiB; those of 16 are at most 4,096 in a directory.
void disk_that_an_earlier_writer_s_segments_cannot_fill_is_said(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(0, kDiskBytes));
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    world->open_again(StoreOf(0, 80 * 1024 * kMib));

    const bwrt_store_info info = info_of(world);
    assert_int_equal(info.segment_bytes, 16 * kMib);
    assert_int_equal(info.segment_count, 4096);
    assert_int_equal(info.disk_bytes, 4096 * 16 * kMib);
    assert_string_equal(info.disk_reason,
                        "segments are of 16 MiB, made for a smaller disk_bytes, and a directory "
                        "has at most 4096");
    // What an earlier life has made this one knows nothing of.
    assert_int_equal(info.reserved_count + info.unreserved_count, 0);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
}

// Its own reason beside another one; blocks that do not fit stay in memory.
void blocks_that_an_earlier_writer_s_segments_cannot_hold_are_said(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(0, kDiskBytes));
    assert_null(info_of(world).disk_reason);
    StoreOf longer(256 * kMib, 80 * 1024 * kMib, 256 * kMib, 16 * kMib);
    world->open_again(longer);

    assert_string_equal(info_of(world).disk_reason,
                        "segments are of 16 MiB, made for a smaller disk_bytes, and a directory "
                        "has at most 4096; blocks that are longer than a segment of 16 MiB, as an "
                        "earlier writer made them, are not written to the disk");
    assert_int_equal(put(world, {1, 0}, 1, 16 * kMib), BWRT_OK);
    settle(world);
    assert_int_equal(tier_of_get(world, {1, 0}, 16 * kMib), BWRT_TIER_HOST);
    assert_int_equal(sample_store(world).disk.block_count, 0);
    Request to_disk(world, BWRT_OP_PUT, {2, 0}, 1, 16 * kMib);
    to_disk.operation.tier = BWRT_TIER_DISK;
    assert_int_equal(to_disk.run(), BWRT_E_NOSPC);

    longer.store.block_bytes_max = 15 * kMib;
    longer.store.disk_bytes = kDiskBytes;
    world->open_again(longer);
    assert_null(info_of(world).disk_reason);
}

// ---- what an earlier life had and this one has not

std::uint32_t recovered_count(BlockWorld* world) {
    return static_cast<std::uint32_t>(sample_store(world).recovered_count);
}

// 256 MiB hold more segments than 128 have.
void blocks_that_a_smaller_budget_cuts_off_are_counted(void** state) {
    BlockWorld* world = world_of(state);
    told.warnings.clear();
    world->log = hear;
    StoreOf large(0, 256 * kMib);
    world->open(large);
    for (std::uint32_t chain = 1; chain <= 60; ++chain) {
        assert_int_equal(put(world, {chain, 0}, 1, 2 * kMib), BWRT_OK);
    }
    assert_int_equal(ask(world, BWRT_OP_DROP, {60, 0}), BWRT_OK);
    world->open_again(large);
    assert_int_equal(recovered_count(world), 59);
    assert_null(info_of(world).disk_reason);

    world->open_again(StoreOf(0, kDiskBytes));
    const std::uint32_t left = recovered_count(world);
    assert_in_range(left, 1, 58);
    const std::string cut = "disk_bytes is less than it was: it leaves " +
                            std::to_string(59 - left) + " blocks of the log out";
    assert_string_equal(info_of(world).disk_reason, cut.c_str());
    assert_int_equal(told.warnings.size(), 1);
    assert_string_equal(told.warnings[0].c_str(), cut.c_str());

    // Put again they are lost no more; with as much as before they do not come back.
    Request again(world, BWRT_OP_PUT, {59, 0}, 1, 2 * kMib);
    assert_int_equal(again.run(), BWRT_OK);
    const bool was_lost = again.results[0].flags == 0;
    settle(world);
    const std::uint64_t kept = sample_store(world).disk.block_count;
    world->open_again(large);
    assert_int_equal(recovered_count(world), kept);
    const std::string gone = "directory 0 has no files of the segments with " +
                             std::to_string(59 - left - (was_lost ? 1 : 0)) + " blocks";
    assert_string_equal(info_of(world).disk_reason, gone.c_str());
}

void a_directory_that_is_not_given_is_named(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf three(0, kDiskBytes);
    three.directories = {"s", "t", "u"};
    world->open(three);
    for (std::uint32_t chain = 1; chain <= 30; ++chain) {
        assert_int_equal(put(world, {chain, 0}), BWRT_OK);
    }
    StoreOf two = three;
    two.directories = {"s", "t"};
    world->open_again(two);
    assert_int_equal(recovered_count(world), 20);
    assert_string_equal(info_of(world).disk_reason, "directory 2 was not given: 10 blocks in it");

    world->open_again(three);  // nothing of it was lost
    assert_int_equal(recovered_count(world), 30);
    assert_null(info_of(world).disk_reason);
    world->close();
    std::filesystem::remove_all("t");
    world->open(three);
    assert_int_equal(recovered_count(world), 20);
    assert_string_equal(info_of(world).disk_reason,
                        "directory 1 has no files of the segments with 10 blocks");
}

void blocks_for_which_the_index_has_no_room_are_counted(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf few(0, kDiskBytes);
    few.store.block_count_max = 64;
    world->open(few);
    assert_int_equal(put(world, {1, 0}, 40), BWRT_OK);
    few.store.block_count_max = 16;
    world->open_again(few);
    const std::uint32_t left = recovered_count(world);
    const std::string said = "block_count_max is less than it was: there is no room for " +
                             std::to_string(40 - left) + " blocks";
    assert_string_equal(info_of(world).disk_reason, said.c_str());
}

void huge_pages_are_in_force_or_it_is_said_why_not(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf store(16 * kMib, kDiskBytes);
    world->open(store);
    bwrt_store_info info = info_of(world);
    assert_int_equal(info.flags, 0);
    assert_null(info.huge_reason);

    store.store.flags = BWRT_STORE_HUGE;
    world->open_again(store);
    bwrt_caps caps = {};
    caps.struct_size = sizeof caps;
    assert_int_equal(bwrt_get_caps(world->runtime, &caps, nullptr), BWRT_OK);
    info = info_of(world);
    if ((caps.features & BWRT_FEATURE_HUGE_PAGES) != 0) {
        assert_int_equal(info.flags, BWRT_STORE_HUGE);
        assert_null(info.huge_reason);
    } else {
        assert_int_equal(info.flags, 0);
        assert_string_equal(info.huge_reason, caps.huge_pages_reason);
    }
}

void a_reader_tells_what_it_has_and_nothing_of_the_shards(void** state) {
    Pair* pair = pair_of(state);
    pair->open(16 * kMib);
    const bwrt_store_info writer = info_of(&pair->writer);
    assert_int_equal(writer.flags, BWRT_STORE_SHARED);
    assert_int_equal(writer.host_bytes, 16 * kMib);

    const bwrt_store_info info = info_of(&pair->reader);
    assert_int_equal(info.flags, BWRT_STORE_READER);
    assert_int_equal(info.transit_bytes, 16 * kMib);
    assert_int_equal(info.directory_count, 1);
    assert_int_equal(info.block_bytes_max, 2 * kMib);
    assert_int_equal(info.flight_count_max, 64);
    assert_non_null(info.checksum);
    assert_null(info.host_address);
    assert_int_equal(info.host_fd, -1);
    assert_int_equal(info.host_bytes | info.disk_bytes | info.segment_bytes | info.log_bytes, 0);
    assert_int_equal(info.block_count_max | info.disk_block_count_max | info.segment_count, 0);
    assert_null(info.striping_reason);
}

// ---- shards that are not read

std::size_t warning_count() {
    const std::lock_guard<std::mutex> lock(told.mutex);
    return told.warnings.size();
}

void a_shard_whose_index_is_refused_is_told_once(void** state) {
    Pair* pair = pair_of(state);
    told.warnings.clear();
    pair->reader.log = hear;
    pair->open();
    const std::string index = indices_of(*pair)[0];
    pair->reader.close();
    pair->writer.close();
    const std::string good = bwrt::test::bytes_of(index);
    put_bytes(index, std::string(8192, 'x'));
    pair->reader.open(pair->reading());
    for (int i = 0; i < 3; ++i) pair->let_reader_look();

    assert_int_equal(warning_count(), 1);
    const char* sentence =
        "shard 0 is not read: its index is damaged, of another version or user, or cannot be "
        "opened";
    assert_string_equal(told.warnings[0].c_str(), sentence);
    assert_string_equal(info_of(&pair->reader).disk_reason, sentence);
    put_bytes(index, good);
    pair->let_reader_look();
    assert_null(info_of(&pair->reader).disk_reason);
    pair->reader.close();
    assert_int_equal(warning_count(), 1);
}

// A writer that shares nothing; then it does.
void a_shard_without_an_index_is_told_until_it_has_one(void** state) {
    Pair* pair = pair_of(state);
    told.warnings.clear();
    pair->reader.log = hear;
    StoreOf apart = pair->shared();
    apart.store.flags = 0;
    apart.store.index_directory = nullptr;
    pair->writer.open(apart);
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    pair->reader.open(pair->reading());
    for (int i = 0; i < 3; ++i) pair->let_reader_look();

    assert_int_equal(warning_count(), 1);
    const std::string sentence = std::string("shard 0 is not read: it has no index in ") +
                                 pair->indices +
                                 "; its writer has not BWRT_STORE_SHARED, or another "
                                 "index_directory";
    assert_string_equal(told.warnings[0].c_str(), sentence.c_str());
    assert_string_equal(info_of(&pair->reader).disk_reason, sentence.c_str());

    pair->writer.open_again(pair->shared());
    pair->let_reader_look();
    assert_null(info_of(&pair->reader).disk_reason);
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
    pair->reader.close();
    assert_int_equal(warning_count(), 1);
}

// An index of another name's is one when it says so itself: holes are no pages.
void copy_index(const Pair& pair, const std::string& from, const char* shard) {
    StoreRoot root;
    assert_int_equal(open_root("s", 0, nullptr, Access::kRead, &root, {}), BWRT_OK);
    const SharedName name(root, shard);
    const std::string path = std::string(pair.indices) + "/" + name.file;
    const int source = open(from.c_str(), O_RDONLY);
    const int target = open(path.c_str(), O_RDWR | O_CREAT, 0600);
    struct stat about = {};
    assert_int_equal(fstat(source, &about), 0);
    assert_int_equal(ftruncate(target, about.st_size), 0);
    std::vector<char> page(4096);
    for (off_t at = 0; at < about.st_size; at += 4096) {
        assert_int_equal(pread(source, page.data(), 4096, at), 4096);
        if (at == 0) std::strcpy(&page[offsetof(SharedHeader, shard)], shard);
        if (std::any_of(page.begin(), page.end(), [](char byte) { return byte != 0; })) {
            assert_int_equal(pwrite(target, page.data(), 4096, at), 4096);
        }
    }
    close(source);
    close(target);
    std::filesystem::create_directory(std::string("s/shards/") + shard);
    assert_int_equal(chmod((std::string("s/shards/") + shard).c_str(), 0700), 0);
}

void shards_for_which_there_is_no_place_are_told_and_come_when_there_is(void** state) {
    // 257 shards take half a minute each time, and begin no thread of theirs.
    if (kThreadSanitizer) skip();
    Pair* pair = pair_of(state);
    told.warnings.clear();
    pair->reader.log = hear;
    pair->writer.open(pair->shared());
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    pair->writer.close();
    const std::string index = indices_of(*pair)[0];
    for (int i = 1; i <= 256; ++i) {  // with the first one too many
        copy_index(*pair, index, ("copy-" + std::to_string(i)).c_str());
    }
    pair->reader.open(pair->reading());
    for (int i = 0; i < 2; ++i) pair->let_reader_look();
    assert_int_equal(warning_count(), 1);
    const std::string sentence = told.warnings[0];
    assert_non_null(std::strstr(sentence.c_str(), " is not read: a reader has at most 256"));
    assert_string_equal(info_of(&pair->reader).disk_reason, sentence.c_str());

    const std::string late = sentence.substr(6, sentence.find(' ', 6) - 6);
    const std::string other = late == "copy-7" ? "copy-8" : "copy-7";
    std::filesystem::remove_all("s/shards/" + other);
    pair->let_reader_look();
    assert_int_equal(warning_count(), 1);
    put_bytes("s/shards/copy-300", "");  // no index: nothing is wrong with it
    copy_index(*pair, index, "copy-301");
    pair->let_reader_look();
    assert_int_equal(warning_count(), 2);  // so the place was taken
    assert_string_equal(told.warnings[1].c_str(),
                        "shard copy-301 is not read: a reader has at most 256");
    pair->reader.close();
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_host_tier_tells_where_it_lies_and_has_no_disk),
    IN_BLOCK_WORLD(a_disk_tier_tells_what_it_is_made_of),
    IN_BLOCK_WORLD(a_disk_of_short_blocks_has_a_longer_log),
    IN_BLOCK_WORLD(disk_that_an_earlier_writer_s_segments_cannot_fill_is_said),
    IN_BLOCK_WORLD(blocks_that_an_earlier_writer_s_segments_cannot_hold_are_said),
    IN_BLOCK_WORLD(blocks_that_a_smaller_budget_cuts_off_are_counted),
    IN_BLOCK_WORLD(a_directory_that_is_not_given_is_named),
    IN_BLOCK_WORLD(blocks_for_which_the_index_has_no_room_are_counted),
    IN_BLOCK_WORLD(huge_pages_are_in_force_or_it_is_said_why_not),
    IN_PAIR(a_reader_tells_what_it_has_and_nothing_of_the_shards),
    IN_PAIR(a_shard_whose_index_is_refused_is_told_once),
    IN_PAIR(a_shard_without_an_index_is_told_until_it_has_one),
    IN_PAIR(shards_for_which_there_is_no_place_are_told_and_come_when_there_is),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
