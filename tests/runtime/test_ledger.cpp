// SPDX-License-Identifier: Apache-2.0
//
// test_ledger.cpp — the account of a wave: prefixes, first failures, results, groups and signals,
// told by hand what became of each piece; then random waves resolved in random order and
// compared with a model that keeps one verdict a byte.

#include "runtime/ledger.h"

#include <algorithm>
#include <vector>

#include "tests/runtime/table_world.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::Failure;
using bwrt::runtime::Ledger;

constexpr Failure kDiskError = {BWRT_E_IO, 5, BWRT_TIER_DISK, 1};

// Three copies of 64 bytes in groups 0, 1, 0, and room for a signal.
struct Account {
    Account() {
        for (std::uint32_t i = 0; i < 3; ++i) {
            operations[i] = copy_of(world);
            operations[i].target_offset_bytes = 64 * i;
            operations[i].group = i % 2;
        }
        operations[3].kind = BWRT_OP_SIGNAL;
        operations[3].target = world.memory;
        operations[3].length_bytes = 4;
        operations[3].value_done = 7;
        operations[3].value_failed = 8;
        *word() = 1;
    }
    void open(std::uint32_t count = 3) {
        bwrt_wave given = wave_of(operations, count);
        given.user_data = 99;
        given.deadline_ns = 2'000'000'000;
        given.results = results;
        given.result_count = 4;
        given.result_bytes = sizeof(bwrt_result);
        given.groups = groups;
        given.group_count = 4;
        given.group_bytes = sizeof(bwrt_group_result);
        wave = world.accept(given);
        ledger.open(wave);
        ledger.start(wave);
    }
    const bwrt_completion& close(std::uint64_t now_ns = 1'500'000'000) {
        ledger.close(wave, now_ns);
        return wave->completion;
    }
    [[nodiscard]] std::uint32_t* word() const {
        return reinterpret_cast<std::uint32_t*>(world.base);
    }

    TableWorld world;
    Ledger ledger;
    bwrt_operation operations[4] = {};
    bwrt_result results[4];
    bwrt_group_result groups[4];
    Wave* wave = nullptr;
};

void a_wave_of_which_all_is_good_is_loaded(void**) {
    Account account;
    account.open();
    account.ledger.good(account.wave, 2, 0, 64);
    account.ledger.good(account.wave, 0, 0, 10);
    account.ledger.good(account.wave, 1, 1, 64);
    account.ledger.good(account.wave, 0, 0, 54);

    const bwrt_completion& done = account.close();

    assert_int_equal(done.status, BWRT_OK);
    assert_int_equal(done.verdict, BWRT_VERDICT_LOADED);
    assert_int_equal(done.operation_index, BWRT_NONE);
    assert_int_equal(done.bytes, 192);
    assert_int_equal(done.prefix_count, 3);
    assert_int_equal(done.user_data, 99);
    assert_true(done.wave == account.wave->handle);
    assert_int_equal(done.submitted_ns, account.world.clock.now);
    assert_int_equal(done.finished_ns, 1'500'000'000);
    assert_int_equal(done.flags, 0);
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(account.results[i].status, BWRT_OK);
        assert_int_equal(account.results[i].bytes, 64);
        assert_int_equal(account.results[i].address, 0);
    }
    assert_int_equal(account.groups[0].bytes, 128);
    assert_int_equal(account.groups[1].bytes, 64);
    assert_int_equal(account.groups[0].prefix_count, 3);
}

void the_prefix_ends_before_the_lowest_entry_that_failed(void**) {
    Account account;
    account.open();
    account.ledger.failed(account.wave, kDiskError, 2, 0, 64);
    account.ledger.good(account.wave, 0, 0, 64);
    account.ledger.failed(account.wave, {BWRT_E_TRUNCATED, 0, BWRT_TIER_DISK, 7}, 1, 1, 64);

    const bwrt_completion& done = account.close();

    assert_int_equal(done.prefix_count, 1);
    assert_int_equal(done.verdict, BWRT_VERDICT_PARTIAL);
    assert_int_equal(done.status, BWRT_E_IO);  // the first in time
    assert_int_equal(done.os_code, 5);
    assert_int_equal(done.tier, BWRT_TIER_DISK);
    assert_int_equal(done.operation_index, 1);
    assert_int_equal(done.bytes, 64);
    assert_int_equal(account.groups[0].status, BWRT_E_IO);
    assert_int_equal(account.groups[0].prefix_count, 2);
    assert_int_equal(account.groups[1].status, BWRT_E_TRUNCATED);
    assert_int_equal(account.groups[1].prefix_count, 1);
    assert_int_equal(account.results[1].status, BWRT_E_TRUNCATED);
    assert_int_equal(account.results[2].os_code, 5);
    assert_int_equal(account.results[2].tier, BWRT_TIER_DISK);
}

void a_wave_whose_first_entry_failed_is_to_be_recomputed(void**) {
    Account account;
    account.open();
    account.ledger.good(account.wave, 0, 0, 63);
    account.ledger.failed(account.wave, kDiskError, 0, 0, 1);
    account.ledger.good(account.wave, 1, 1, 64);
    account.ledger.good(account.wave, 2, 0, 64);

    const bwrt_completion& done = account.close();

    assert_int_equal(done.verdict, BWRT_VERDICT_RECOMPUTE);
    assert_int_equal(done.prefix_count, 0);
    assert_int_equal(account.results[0].status, BWRT_E_IO);
    assert_int_equal(account.results[0].bytes, 63);
    assert_int_equal(account.results[0].address, 0);
    assert_int_equal(account.groups[1].prefix_count, 3);
}

void an_entrys_first_failure_is_its_status(void**) {
    Account account;
    account.open();
    account.ledger.failed(account.wave, kDiskError, 0, 0, 32);
    account.ledger.failed(account.wave, {BWRT_E_NOSPC, 28, BWRT_TIER_HOST, 0}, 0, 0, 32);
    account.wave->list(bwrt::runtime::Lane::kHost).head->length_bytes = 0;  // served, both halves
    account.ledger.abandon(account.wave, BWRT_E_CANCELLED);

    assert_int_equal(account.results[0].status, BWRT_E_IO);
    assert_int_equal(account.results[0].os_code, 5);
}

void a_wave_that_ends_after_its_deadline_says_so(void**) {
    Account on_time, late;
    on_time.open();
    late.open();
    on_time.ledger.abandon(on_time.wave, BWRT_E_CANCELLED);
    late.ledger.abandon(late.wave, BWRT_E_CANCELLED);

    assert_int_equal(on_time.close(2'000'000'000).flags, 0);
    assert_int_equal(late.close(2'000'000'001).flags, BWRT_COMPLETION_LATE);
}

void what_is_left_of_a_wave_can_be_abandoned(void**) {
    Account account;
    account.operations[1] = {};
    account.operations[1].kind = BWRT_OP_FLUSH;
    account.operations[1].target = account.world.file;
    account.operations[1].group = 1;
    account.open();
    // The first half of entry 0 has been served and is good.
    bwrt::runtime::Operation* first = account.wave->list(bwrt::runtime::Lane::kHost).head;
    first->source += 32;
    first->target += 32;
    first->length_bytes -= 32;
    account.ledger.good(account.wave, 0, 0, 32);

    account.ledger.abandon(account.wave, BWRT_E_LATE);

    assert_int_equal(account.wave->unresolved, 0);
    const bwrt_completion& done = account.close();
    assert_int_equal(done.status, BWRT_E_LATE);
    assert_int_equal(done.operation_index, BWRT_NONE);
    assert_int_equal(done.bytes, 32);
    for (int i = 0; i < 3; ++i) assert_int_equal(account.results[i].status, BWRT_E_LATE);
    assert_int_equal(account.results[0].bytes, 32);
    assert_int_equal(account.results[1].address, 0);
    assert_int_equal(account.groups[1].status, BWRT_E_LATE);
}

void a_flush_moves_no_bytes_and_is_an_entry(void**) {
    Account account;
    account.operations[1] = {};
    account.operations[1].kind = BWRT_OP_FLUSH;
    account.operations[1].target = account.world.file;
    account.open(2);
    account.ledger.good(account.wave, 0, 0, 64);
    assert_int_equal(account.wave->unresolved, 1);

    account.ledger.flushed(account.wave, 1, 0);

    const bwrt_completion& done = account.close();
    assert_int_equal(done.bytes, 64);
    assert_int_equal(done.prefix_count, 2);
    assert_int_equal(account.results[1].status, BWRT_OK);
    assert_int_equal(account.results[1].bytes, 0);
    assert_int_equal(account.results[1].address, 0);
}

void a_signal_is_written_when_the_last_byte_of_its_group_is_there(void**) {
    Account account;
    account.open(4);
    account.ledger.good(account.wave, 0, 0, 64);
    account.ledger.good(account.wave, 1, 1, 64);
    account.ledger.good(account.wave, 2, 0, 63);
    assert_int_equal(*account.word(), 1);

    account.ledger.good(account.wave, 2, 0, 1);
    assert_int_equal(*account.word(), 7);

    *account.word() = 1;  // who used it may set it back: it is not written again
    assert_int_equal(account.close().prefix_count, 4);
    assert_int_equal(*account.word(), 1);
    assert_int_equal(account.results[3].status, BWRT_OK);
}

void a_signal_of_a_failed_group_says_failed_once_all_of_it_is_over(void**) {
    Account account;
    account.open(4);
    account.ledger.failed(account.wave, kDiskError, 0, 0, 64);
    assert_int_equal(*account.word(), 1);
    account.ledger.good(account.wave, 2, 0, 64);
    assert_int_equal(*account.word(), 8);

    account.ledger.good(account.wave, 1, 1, 64);
    account.close();
    assert_int_equal(account.results[3].status, BWRT_E_IO);
    assert_int_equal(account.results[3].address, 0);
}

void a_signal_that_says_failed_is_no_right_entry_of_its_group(void**) {
    Account account;
    std::swap(account.operations[0], account.operations[3]);  // entry 0 now
    account.open(4);
    account.ledger.good(account.wave, 1, 1, 64);
    account.ledger.good(account.wave, 2, 0, 64);
    account.ledger.failed(account.wave, kDiskError, 3, 0, 64);

    assert_int_equal(account.close().prefix_count, 0);
    assert_int_equal(account.groups[0].prefix_count, 0);
    assert_int_equal(account.groups[1].prefix_count, 4);
}

void a_signal_of_another_groups_failure_says_done(void**) {
    Account account;
    account.operations[3].group = 1;
    account.open(4);
    account.ledger.failed(account.wave, kDiskError, 0, 0, 64);
    account.ledger.good(account.wave, 2, 0, 64);
    assert_int_equal(*account.word(), 1);

    account.ledger.good(account.wave, 1, 1, 64);
    assert_int_equal(*account.word(), 7);
}

void a_signal_of_an_empty_group_is_written_at_the_start(void**) {
    Account account;
    account.operations[3].group = 2;
    account.open(4);

    assert_int_equal(*account.word(), 7);
}

void a_signal_of_a_wave_that_never_ran_says_failed(void**) {
    Account account;
    account.operations[0] = account.operations[3];
    bwrt_wave given = wave_of(account.operations, 1);
    Wave* wave = account.world.accept(given);
    account.ledger.open(wave);

    account.ledger.end_signals(wave, BWRT_E_CANCELLED);

    assert_int_equal(*account.word(), 8);
    assert_null(wave->signals);
    account.ledger.close(wave, 1);
}

void a_signal_of_8_bytes_is_written_whole(void**) {
    Account account;
    account.operations[3].length_bytes = 8;
    account.operations[3].value_done = 0x1122334455667788;
    account.operations[3].group = 2;
    account.open(4);

    assert_true(*reinterpret_cast<std::uint64_t*>(account.world.base) == 0x1122334455667788);
}

struct Chunk {
    std::uint32_t entry;
    std::uint32_t group;
    std::uint64_t bytes;
    bool good;
};

void the_account_agrees_with_a_model_of_single_chunks(void**) {
    Random random(test_seed());
    TableWorld world;
    const Ledger ledger;
    for (int round = 0; round < 2000; ++round) {
        const std::uint32_t count = random.between32(1, 12);
        bwrt_operation operations[12];
        bwrt_result results[12];
        bwrt_group_result groups[4];
        std::vector<Chunk> chunks;
        const std::uint64_t odds = random.between(1, 30);
        for (std::uint32_t i = 0; i < count; ++i) {
            operations[i] = copy_of(world, random.between(1, 64));
            operations[i].target_offset_bytes = 64 * i;
            operations[i].group = random.between32(0, 3);
            for (std::uint64_t left = operations[i].length_bytes; left > 0;) {
                const std::uint64_t bytes = random.between(1, left);
                chunks.push_back({i, operations[i].group, bytes, !random.one_in(odds)});
                left -= bytes;
            }
        }
        std::shuffle(chunks.begin(), chunks.end(), random.engine());
        bwrt_wave given = wave_of(operations, count);
        given.results = results;
        given.result_count = count;
        given.result_bytes = sizeof(bwrt_result);
        given.groups = groups;
        given.group_count = 4;
        given.group_bytes = sizeof(bwrt_group_result);
        Wave* wave = world.accept(given);
        ledger.open(wave);
        ledger.start(wave);
        std::uint64_t bytes = 0, entry_bytes[12] = {}, group_bytes[4] = {};
        std::uint32_t prefix = count, group_prefix[4] = {count, count, count, count};
        bool entry_failed[12] = {}, group_failed[4] = {};
        for (const Chunk& chunk : chunks) {
            if (chunk.good) {
                ledger.good(wave, chunk.entry, chunk.group, chunk.bytes);
                bytes += chunk.bytes;
                entry_bytes[chunk.entry] += chunk.bytes;
                group_bytes[chunk.group] += chunk.bytes;
            } else {
                ledger.failed(wave, kDiskError, chunk.entry, chunk.group, chunk.bytes);
                entry_failed[chunk.entry] = group_failed[chunk.group] = true;
                prefix = std::min(prefix, chunk.entry);
                group_prefix[chunk.group] = std::min(group_prefix[chunk.group], chunk.entry);
            }
        }
        ledger.close(wave, 1);

        assert_int_equal(wave->completion.bytes, bytes);
        assert_int_equal(wave->completion.prefix_count, prefix);
        for (std::uint32_t i = 0; i < count; ++i) {
            assert_int_equal(results[i].bytes, entry_bytes[i]);
            assert_int_equal(results[i].status, entry_failed[i] ? BWRT_E_IO : BWRT_OK);
            assert_int_equal(results[i].address, 0);
        }
        for (std::uint32_t group = 0; group < wave->group_count; ++group) {
            assert_int_equal(groups[group].bytes, group_bytes[group]);
            assert_int_equal(groups[group].status, group_failed[group] ? BWRT_E_IO : BWRT_OK);
            assert_int_equal(groups[group].prefix_count, group_prefix[group]);
        }
        wave->pages.give_back(&world.tables.pages);
        world.tables.waves.release(wave);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_of_which_all_is_good_is_loaded),
        cmocka_unit_test(the_prefix_ends_before_the_lowest_entry_that_failed),
        cmocka_unit_test(a_wave_whose_first_entry_failed_is_to_be_recomputed),
        cmocka_unit_test(an_entrys_first_failure_is_its_status),
        cmocka_unit_test(a_wave_that_ends_after_its_deadline_says_so),
        cmocka_unit_test(what_is_left_of_a_wave_can_be_abandoned),
        cmocka_unit_test(a_flush_moves_no_bytes_and_is_an_entry),
        cmocka_unit_test(a_signal_is_written_when_the_last_byte_of_its_group_is_there),
        cmocka_unit_test(a_signal_of_a_failed_group_says_failed_once_all_of_it_is_over),
        cmocka_unit_test(a_signal_that_says_failed_is_no_right_entry_of_its_group),
        cmocka_unit_test(a_signal_of_another_groups_failure_says_done),
        cmocka_unit_test(a_signal_of_an_empty_group_is_written_at_the_start),
        cmocka_unit_test(a_signal_of_a_wave_that_never_ran_says_failed),
        cmocka_unit_test(a_signal_of_8_bytes_is_written_whole),
        cmocka_unit_test(the_account_agrees_with_a_model_of_single_chunks),
    };
    return cmocka_run_group_tests_name("runtime/ledger.cpp", tests, nullptr, nullptr);
}
