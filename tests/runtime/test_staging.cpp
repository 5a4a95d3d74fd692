// SPDX-License-Identifier: Apache-2.0
//
// test_staging.cpp — bounce buffers and the locks on edge blocks: which blocks two transfers may
// not share, that a refused transfer locks nothing, and a random walk against a plain set.

#include "runtime/staging.h"

#include <array>
#include <set>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::runtime::FileState;
using bwrt::runtime::IoKind;
using bwrt::runtime::kNoIndex;
using bwrt::runtime::Region;
using bwrt::runtime::Staging;
using bwrt::runtime::Transfer;

constexpr std::uint32_t kUnit = 512;

struct File {
    explicit File(std::uint64_t inode = 1) {
        state.inode = inode;
        state.offset_align_bytes = kUnit;
        region.file = &state;
    }
    FileState state;
    Region region;
};

void aim(Transfer* transfer, File* file, std::uint64_t offset, std::uint32_t bytes,
         IoKind kind = IoKind::kWrite) {
    transfer->region = &file->region;
    transfer->offset = offset;
    transfer->bytes = bytes;
    transfer->kind = kind;
    transfer->staging = kNoIndex;
    transfer->has_edges = false;
}

bool take(Staging* staging, Transfer* transfer) {
    return staging->take_buffer(transfer) && staging->lock_edges(transfer);
}

void buffers_are_apart_and_hold_a_request_and_both_its_blocks(void**) {
    File file;
    Staging staging(3, 65536);
    Transfer a, b;
    aim(&a, &file, 0, 512);
    aim(&b, &file, 4096, 512);
    assert_true(staging.take_buffer(&a));
    assert_true(staging.take_buffer(&b));
    const std::ptrdiff_t apart = staging.buffer(a) - staging.buffer(b);

    assert_true((apart < 0 ? -apart : apart) >= 65536 + 2 * 4096);
    assert_int_equal(reinterpret_cast<std::uintptr_t>(staging.buffer(a)) % 4096, 0);
    assert_int_equal(reinterpret_cast<std::uintptr_t>(staging.buffer(b)) % 4096, 0);
    assert_int_equal(staging.free_count(), 1);
    assert_int_equal(staging.buffer_count(), 3);
}

void a_transfer_has_one_buffer_and_the_last_one_refuses(void**) {
    File file;
    Staging staging(1, 65536);
    Transfer a, b;
    aim(&a, &file, 0, 512);
    aim(&b, &file, 0, 512);

    assert_true(staging.take_buffer(&a));
    assert_true(staging.take_buffer(&a));
    assert_false(staging.take_buffer(&b));
    assert_int_equal(b.staging, kNoIndex);
    assert_false(staging.give_back(&b));
    assert_true(staging.give_back(&a));
    assert_true(staging.take_buffer(&b));
}

void writes_that_change_parts_of_one_block_wait_for_each_other(void**) {
    File file;
    Staging staging(2, 65536);
    Transfer first, second;
    aim(&first, &file, 100, 1000);   // blocks 0 and 2 in part
    aim(&second, &file, 1100, 100);  // block 2

    assert_true(take(&staging, &first));
    assert_false(take(&staging, &second));
    staging.give_back(&first);
    assert_true(take(&staging, &second));
}

void whole_blocks_reads_and_other_files_wait_for_nobody(void**) {
    File file, other(2);
    Staging staging(8, 65536);
    Transfer first, whole, read, elsewhere, beside;
    aim(&first, &file, 100, 100);
    aim(&whole, &file, 0, 512);
    aim(&read, &file, 100, 100, IoKind::kRead);
    aim(&elsewhere, &other, 100, 100);
    aim(&beside, &file, 512, 100);

    assert_true(take(&staging, &first));
    assert_true(take(&staging, &whole));
    assert_true(take(&staging, &read));
    assert_true(take(&staging, &elsewhere));
    assert_true(take(&staging, &beside));
}

void the_same_file_behind_two_regions_is_one(void**) {
    File file(7), again(7);
    Staging staging(2, 65536);
    Transfer first, second;
    aim(&first, &file, 0, 100);
    aim(&second, &again, 200, 100);

    assert_true(take(&staging, &first));
    assert_false(take(&staging, &second));
}

void a_transfer_that_gets_one_edge_only_keeps_none(void**) {
    File file;
    Staging staging(3, 65536);
    Transfer tail, both, head;
    aim(&tail, &file, 1024, 100);  // block 2
    aim(&both, &file, 100, 1000);  // blocks 0 and 2
    aim(&head, &file, 0, 50);      // block 0

    assert_true(take(&staging, &tail));
    assert_false(take(&staging, &both));
    assert_true(take(&staging, &head));
}

void asking_twice_locks_once(void**) {
    File file;
    Staging staging(2, 65536);
    Transfer first, second;
    aim(&first, &file, 10, 20);
    aim(&second, &file, 100, 20);

    assert_true(take(&staging, &first));
    assert_true(staging.lock_edges(&first));
    staging.give_back(&first);
    assert_false(first.has_edges);
    assert_true(take(&staging, &second));
}

// The blocks of which a write changes a part.
std::set<std::uint64_t> edges_of(const Transfer& transfer) {
    std::set<std::uint64_t> edges;
    const std::uint64_t end = transfer.offset + transfer.bytes;
    for (std::uint64_t block = transfer.offset / kUnit; block * kUnit < end; ++block) {
        if (block * kUnit < transfer.offset || (block + 1) * kUnit > end) edges.insert(block);
    }
    return edges;
}

void locks_agree_with_a_set_of_blocks_over_a_random_walk(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    File file;
    Staging staging(6, 65536);
    static std::array<Transfer, 6> transfers;
    std::array<std::set<std::uint64_t>, 6> held;
    for (Transfer& transfer : transfers) aim(&transfer, &file, 0, 1);
    for (int step = 0; step < 20'000; ++step) {
        const std::size_t i = random.below(6);
        Transfer& transfer = transfers[i];
        if (transfer.staging != kNoIndex) {
            assert_true(staging.give_back(&transfer));
            held[i].clear();
            continue;
        }
        aim(&transfer, &file, random.below(4000), random.between32(1, 2000));
        const std::set<std::uint64_t> wanted = edges_of(transfer);
        bool is_free = true;
        for (const std::set<std::uint64_t>& others : held) {
            for (const std::uint64_t block : wanted) is_free = is_free && others.count(block) == 0;
        }
        assert_int_equal(take(&staging, &transfer), is_free);
        if (is_free) held[i] = wanted;
        if (!is_free) assert_true(staging.give_back(&transfer));
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(buffers_are_apart_and_hold_a_request_and_both_its_blocks),
        cmocka_unit_test(a_transfer_has_one_buffer_and_the_last_one_refuses),
        cmocka_unit_test(writes_that_change_parts_of_one_block_wait_for_each_other),
        cmocka_unit_test(whole_blocks_reads_and_other_files_wait_for_nobody),
        cmocka_unit_test(the_same_file_behind_two_regions_is_one),
        cmocka_unit_test(a_transfer_that_gets_one_edge_only_keeps_none),
        cmocka_unit_test(asking_twice_locks_once),
        cmocka_unit_test(locks_agree_with_a_set_of_blocks_over_a_random_walk),
    };
    return cmocka_run_group_tests_name("runtime/staging.cpp", tests, nullptr, nullptr);
}
