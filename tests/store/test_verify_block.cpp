// SPDX-License-Identifier: Apache-2.0
//
// test_verify_block.cpp — a block is right when nothing is wrong with it, and else what is said to
// be wrong is what was done to it.

#include "runtime/store/verify_block.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/store/folder.h"
#include "tests/store/planted_store.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::bytes_of;
using bwrt::test::enter_folder;
using bwrt::test::leave_folder;
using bwrt::test::plant_blocks;
using bwrt::test::PlantedStore;
using bwrt::test::put_bytes;
using bwrt::test::Random;

struct World {
    PlantedStore planted{{"store"}};
    StoreDirectories store;
    BlockVerifier verifier;

    World() {
        plant_blocks(&planted, false);
        if (open_store({"store"}, &store, {}) != BWRT_OK ||
            verifier.attach(store, "0", {}) != BWRT_OK) {
            fail_msg("the store cannot be opened");
        }
    }
    [[nodiscard]] const Record& block(std::uint32_t name) const { return planted.live().at(name); }
    BlockFinding verify(const Record& record) {
        const bool others = record.key.space != planted.tenant(0).space();
        verifier.forget();
        return verifier.verify(record, planted.tenant(others ? 7 : 0));
    }
    BlockFault fault_of(std::uint32_t name) { return verify(block(name)).fault; }
};

std::string path_of(std::uint32_t segment) {
    char path[48];
    std::snprintf(path, sizeof path, "store/shards/0/segment.%08x", segment);
    return path;
}

void flip(const Record& record, std::uint64_t at) {
    std::string bytes = bytes_of(path_of(record.segment));
    bytes[record.offset_bytes + at] ^= 4;
    put_bytes(path_of(record.segment), bytes);
}

void a_block_that_nothing_happened_to_is_right(void**) {
    World world;
    for (const auto& [name, record] : world.planted.live()) {
        assert_int_equal(world.fault_of(name), BlockFault::kNone);
    }
    // And with the segment that the one before was in still open.
    const TenantKeys own = world.planted.tenant(0);
    for (const std::uint32_t name : {1u, 2u, 8u, 3u}) {
        assert_int_equal(world.verifier.verify(world.block(name), own).fault, BlockFault::kNone);
    }
}

// At every length about the bounds of units, chunks and reads.
void blocks_of_every_length_are_right(void**) {
    PlantedStore planted({"store"}, 8 << 20);
    const TenantKeys keys = planted.tenant(0);
    planted.begin_segment(0);
    StoreDirectories store;
    BlockVerifier verifier;
    std::vector<Record> records;
    for (const std::uint32_t bound : {4096u, 65536u, 131072u, 1u << 20, 3u << 20}) {
        for (const std::uint32_t length : {bound - 1, bound, bound + 1}) {
            if (!planted.has_room(0, length)) planted.begin_segment(0);
            const Record record = planted.put(keys, length, length, 0);
            assert_int_equal(open_store({"store"}, &store, {}), BWRT_OK);
            assert_int_equal(verifier.attach(store, "0", {}), BWRT_OK);
            assert_int_equal(verifier.verify(record, keys).fault, BlockFault::kNone);
            flip(record, length - 1);
            verifier.forget();
            const BlockFinding finding = verifier.verify(record, keys);
            assert_int_equal(finding.fault, BlockFault::kChunks);
            assert_int_equal(finding.chunks.size(), 1);
            assert_int_equal(finding.chunks[0], (length - 1) / 65536);
        }
    }
}

void the_chunks_that_do_not_fit_are_named(void**) {
    Random random(bwrt::test::test_seed());
    World world;
    const Record& record = world.block(8);  // five chunks
    flip(record, random.between(0, 65535));
    flip(record, random.between(3 * 65536, 4 * 65536 - 1));
    const BlockFinding finding = world.verify(record);
    assert_int_equal(finding.fault, BlockFault::kChunks);
    assert_true((finding.chunks == std::vector<std::uint32_t>{0, 3}));
    assert_string_equal(describe(finding, record).c_str(),
                        "chunks 0, 3 of 5 do not fit their sums");
}

void damaged_sums_are_told_from_a_damaged_payload(void**) {
    World world;
    const Record& record = world.block(3);
    flip(record, payload_bytes_on_disk(record.length_bytes) + 9);
    assert_int_equal(world.fault_of(3), BlockFault::kSums);
    flip(record, 0);
    assert_int_equal(world.fault_of(3), BlockFault::kEverything);
}

// Padding is nobody's.
void bytes_behind_payload_and_sums_do_not_matter(void**) {
    World world;
    flip(world.block(1), 100);
    flip(world.block(3), 200000);
    flip(world.block(3), payload_bytes_on_disk(200000) + 4 * 8);
    assert_int_equal(world.fault_of(1), BlockFault::kNone);
    assert_int_equal(world.fault_of(3), BlockFault::kNone);
}

// Unharmed bytes of another block, with another's sums beside them: what its tag covers fits.
void another_blocks_place_is_wrong(void**) {
    World world;
    Record record = world.block(3);
    record.offset_bytes = world.block(4).offset_bytes;
    assert_int_equal(world.verify(record).fault, BlockFault::kEverything);
}

void a_record_that_its_tenant_did_not_make_is_planted(void**) {
    World world;
    Record record = world.block(3);
    record.layout_digest ^= 1;
    assert_int_equal(world.verify(record).fault, BlockFault::kTag);
    record = world.block(3);
    record.tag[15] ^= 1;
    assert_int_equal(world.verify(record).fault, BlockFault::kTag);
}

void a_file_that_ends_before_the_block_is_short(void**) {
    World world;
    const Record& last = world.block(9);
    const std::uint64_t end = last.offset_bytes + place_bytes(last.length_bytes);
    std::filesystem::resize_file(path_of(1), end);
    assert_int_equal(world.fault_of(9), BlockFault::kNone);
    std::filesystem::resize_file(path_of(1), end - 1);
    const BlockFinding finding = world.verify(last);
    assert_int_equal(finding.fault, BlockFault::kShort);
    assert_true(finding.file_bytes == end - 1);
    assert_int_equal(world.fault_of(8), BlockFault::kNone);
    assert_true(world.verifier.file_bytes_of(1) == end - 1);
}

void what_is_no_file_is_not_read(void**) {
    World world;
    const std::string path = path_of(1);
    std::filesystem::rename(path, "aside");
    assert_int_equal(world.fault_of(8), BlockFault::kMissing);
    assert_false(world.verifier.file_bytes_of(1).has_value());
    std::filesystem::create_directory(path);
    assert_int_equal(world.fault_of(8), BlockFault::kNotAFile);
    std::filesystem::remove(path);
    std::filesystem::create_symlink("../../../aside", path);
    assert_int_equal(world.fault_of(8), BlockFault::kNotAFile);
    std::filesystem::remove(path);
    assert_int_equal(mkfifo(path.c_str(), 0600), 0);
    assert_int_equal(world.fault_of(8), BlockFault::kNotAFile);
    std::filesystem::remove(path);
    std::filesystem::rename("aside", path);
    assert_int_equal(world.fault_of(8), BlockFault::kNone);
}

void a_directory_that_was_not_given_is_named(void**) {
    PlantedStore planted({"store", "further"});
    plant_blocks(&planted, true);
    StoreDirectories store;
    BlockVerifier verifier;
    const Record& record = planted.live().at(11);
    assert_int_equal(open_store({"store"}, &store, {}), BWRT_OK);
    assert_int_equal(verifier.attach(store, "0", {}), BWRT_OK);
    assert_int_equal(verifier.verify(record, planted.tenant(0)).fault, BlockFault::kNoDirectory);
    assert_int_equal(open_store({"store", "further"}, &store, {}), BWRT_OK);
    assert_int_equal(verifier.attach(store, "0", {}), BWRT_OK);
    assert_int_equal(verifier.verify(record, planted.tenant(0)).fault, BlockFault::kNone);
    // Nobody wrote the shard there, or not yet.
    std::filesystem::remove_all("further/shards");
    assert_int_equal(verifier.attach(store, "0", {}), BWRT_OK);
    assert_int_equal(verifier.verify(record, planted.tenant(0)).fault, BlockFault::kMissing);
    std::filesystem::create_directory("further/shards");
    std::filesystem::permissions("further/shards", std::filesystem::perms::all);
    assert_int_equal(verifier.attach(store, "0", {}), BWRT_E_INVAL);
}

void what_cannot_be_read_is_named_with_its_errno(void**) {
    World world;
    const int status = bwrt::test::where_a_call_fails(SYS_pread64, EIO, [&] {
        const BlockFinding finding = world.verify(world.block(3));
        const bool right =
            finding.fault == BlockFault::kUnreadable && finding.os_code == EIO &&
            finding.chunks == std::vector<std::uint32_t>{0, 1, 2, 3} &&
            describe(finding, world.block(3)) == "chunks 0, 1, 2, 3 cannot be read: EIO";
        return right ? 0 : 1;
    });
    assert_int_equal(status, 0);
}

void many_chunks_are_not_all_said(void**) {
    const Record record = [] {
        Record one = {};
        one.length_bytes = 20 * 65536;
        return one;
    }();
    BlockFinding finding;
    finding.fault = BlockFault::kChunks;
    for (std::uint32_t i = 0; i < 20; ++i) finding.chunks.push_back(i);
    assert_string_equal(describe(finding, record).c_str(),
                        "chunks 0, 1, 2, 3, 4, 5, 6, 7 and 12 more of 20 do not fit their sums");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_block_that_nothing_happened_to_is_right, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(blocks_of_every_length_are_right, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(the_chunks_that_do_not_fit_are_named, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(damaged_sums_are_told_from_a_damaged_payload, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(bytes_behind_payload_and_sums_do_not_matter, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(another_blocks_place_is_wrong, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_record_that_its_tenant_did_not_make_is_planted,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_file_that_ends_before_the_block_is_short, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_not_read, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_directory_that_was_not_given_is_named, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_named_with_its_errno, enter_folder,
                                        leave_folder),
        cmocka_unit_test(many_chunks_are_not_all_said),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
