// SPDX-License-Identifier: Apache-2.0
//
// test_reader_faults.cpp — what a reader makes of blocks that go, move or change while it reads
// them, of files that are not what they were, and of waves that end early.

#include <sys/resource.h>

#include <sys/stat.h>

#include "tests/blocks/pair_world.h"
#include "tests/blocks/segment_places.h"

namespace {

using namespace bwrt::test;

const Bytes kGarbage(kLength, 0x5A);

void spoil(const Place& place) { overwrite(place, 0, kGarbage.data(), kGarbage.size()); }

// A GET whose read is held until finish().
struct HeldGet {
    Request request;

    HeldGet(Pair* pair, Key key) : request(&pair->reader, BWRT_OP_GET, key, 1) {
        hold_all(&pair->reader, IoKind::kRead);
        request.start();
        drive_until(&pair->reader, [&] { return pair->reader.storage->held_count() != 0; });
        pair->reader.storage->script = nullptr;  // those that come after it pass
    }
    bwrt_status finish() {
        request.world->storage->let_go();
        return request.finish();
    }
};

// ---- blocks that go while they are read

struct Change {
    bool new_writer;  // there is one by then
    bool is_put;      // again, elsewhere, when it was dropped and overwritten where it was
    std::uint64_t variant;
};

constexpr Change kChanges[] = {
    {false, false, 0}, {false, true, 0}, {false, true, 9},
    {true, false, 0},  {true, true, 0},  {true, true, 9},
};

void what_changed_while_it_was_read_is_what_it_is_by_now(void** state) {
    Pair* pair = pair_of(state);
    for (const Change& change : kChanges) {
        pair->open();
        assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
        HeldGet held(pair, {1, 0});
        if (change.new_writer) pair->writer.open_again(pair->shared());
        const Place place = place_of({1, 0});
        assert_int_equal(ask(&pair->writer, BWRT_OP_DROP, {1, 0}), BWRT_OK);
        spoil(place);
        if (change.is_put) {
            assert_int_equal(put(&pair->writer, {1, 0}, 1, kLength, change.variant), BWRT_OK);
        }

        assert_int_equal(held.finish(), change.is_put ? BWRT_OK : BWRT_E_MISS);

        assert_true(change.is_put ? held.request.holds(0, change.variant)
                                  : held.request.is_untouched(0));
        const bwrt_store_counters counters = sample_store(&pair->reader);
        assert_int_equal(counters.miss_count, change.is_put ? 0 : 1);
        assert_int_equal(counters.corrupt_count, 0);
        assert_int_equal(ask(&pair->writer, BWRT_OP_DROP, {1, 0}), BWRT_OK);
        pair->reader.close();
        pair->writer.close();
    }
}

// ---- blocks that are not whole

void what_is_not_whole_is_corrupt_once_and_then_a_miss(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 3), BWRT_OK);
    flip(place_of({1, 1}), 12'345, 3);

    Request request(&pair->reader, BWRT_OP_GET, {1, 0}, 3);
    assert_int_equal(request.run(), BWRT_E_CORRUPT);
    assert_int_equal(request.results[1].status, BWRT_E_CORRUPT);
    assert_int_equal(request.results[1].tier, BWRT_TIER_DISK);
    assert_true(request.is_untouched(1));
    assert_true(request.holds(0) && request.holds(2));
    assert_string_equal(looks_like(&pair->reader, {1, 0}, 3).c_str(), "D-D");
    assert_int_equal(get(&pair->reader, {1, 1}), BWRT_E_MISS);
    assert_int_equal(sample_store(&pair->reader).corrupt_count, 1);

    // What the writer stores anew is another matter.
    assert_int_equal(ask(&pair->writer, BWRT_OP_DROP, {1, 1}), BWRT_OK);
    assert_int_equal(put(&pair->writer, {1, 1}), BWRT_OK);
    assert_string_equal(looks_like(&pair->reader, {1, 0}, 3).c_str(), "DDD");
    assert_int_equal(get(&pair->reader, {1, 0}, 3), BWRT_OK);
}

void what_is_not_whole_in_one_shard_comes_from_another(void** state) {
    Pair* pair = pair_of(state);
    BlockWorld second;
    StoreOf store = pair->shared();
    store.store.shard = "1";
    second.open(store);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    assert_int_equal(put(&second, {1, 0}), BWRT_OK);
    spoil(place_of({1, 0}));

    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
    assert_true(sample_store(&pair->reader).corrupt_count <= 1);  // whichever was asked first
    assert_int_equal(second.close_with(BWRT_SHUTDOWN_DRAIN), 0);
    delete second.clock;
}

void a_file_that_took_the_place_of_another_is_opened(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 2), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);  // it is open
    const Place place = place_of({1, 1});
    std::filesystem::copy_file(place.path, "copy");
    assert_int_equal(chmod("copy", 0600), 0);
    spoil(place);
    std::filesystem::rename("copy", place.path);

    assert_int_equal(get(&pair->reader, {1, 1}), BWRT_OK);
    assert_int_equal(sample_store(&pair->reader).corrupt_count, 0);
}

void a_segment_that_is_gone_or_cut_fails_its_blocks_once(void** state) {
    Pair* pair = pair_of(state);
    for (const bool is_cut : {false, true}) {
        const Key key = {is_cut ? 2u : 1u, 0};
        pair->open();
        assert_int_equal(put(&pair->writer, key), BWRT_OK);
        const std::string path = place_of(key).path;
        if (is_cut) {
            std::filesystem::resize_file(path, 4096);
        } else {
            std::filesystem::remove(path);
        }

        assert_int_equal(get(&pair->reader, key), BWRT_E_IO);
        assert_int_equal(get(&pair->reader, key), BWRT_E_MISS);
        assert_int_equal(sample_store(&pair->reader).failed_count, 1);
        pair->reader.close();
        pair->writer.close();
    }
}

void a_read_that_fails_is_tried_from_a_file_opened_anew(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 2), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
    std::atomic<int> fail_count{1};
    pair->reader.storage->script = [&](const IoRequest& request, std::uint64_t) {
        const bool fails = is_block_io(request, IoKind::kRead) && fail_count.fetch_sub(1) > 0;
        return fails ? Action::answer(-EIO) : Action::pass();
    };
    assert_int_equal(get(&pair->reader, {1, 1}), BWRT_OK);
    fail_count = 1000;
    Request request(&pair->reader, BWRT_OP_GET, {1, 0}, 1);
    assert_int_equal(request.run(), BWRT_E_IO);
    assert_int_equal(request.results[0].os_code, EIO);
    pair->reader.storage->script = nullptr;
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_E_MISS);
    assert_int_equal(get(&pair->reader, {1, 1}), BWRT_OK);
}

// ---- waves

void many_who_want_a_block_cost_one_read(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    assert_int_equal(put(&pair->writer, {2, 0}), BWRT_OK);
    assert_int_equal(get(&pair->reader, {2, 0}), BWRT_OK);
    const std::uint64_t before = pair->reader.storage->count(IoKind::kRead);
    HeldGet held(pair, {1, 0});
    std::vector<std::unique_ptr<Request>> others;
    for (int i = 0; i < 5; ++i) {
        others.push_back(std::make_unique<Request>(&pair->reader, BWRT_OP_GET, Key{1, 0}, 1));
        others.back()->start();
    }
    drive_until(&pair->reader, [&] { return sample_store(&pair->reader).joined_count == 5; });
    assert_int_equal(bwrt_cancel(pair->reader.runtime, held.request.handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_cancel(pair->reader.runtime, others[2]->handle, nullptr), BWRT_OK);
    assert_int_equal(others[2]->finish(), BWRT_E_CANCELLED);

    assert_int_equal(held.finish(), BWRT_E_CANCELLED);  // and the read goes on for the others
    assert_true(held.request.is_untouched(0));
    for (std::size_t i = 0; i < others.size(); ++i) {
        if (i == 2) continue;
        assert_int_equal(others[i]->finish(), BWRT_OK);
        assert_true(others[i]->holds(0));
    }
    assert_int_equal(pair->reader.storage->count(IoKind::kRead) - before, 1);
    const bwrt_store_counters counters = sample_store(&pair->reader);
    assert_int_equal(counters.disk.hit_count, 2);
    assert_int_equal(counters.disk.hit_bytes, 2 * kLength);
    assert_int_equal(counters.flight_count, 0);
}

void a_deadline_ends_a_get_and_not_its_read(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    hold_all(&pair->reader, IoKind::kRead);
    Request request(&pair->reader, BWRT_OP_GET, {1, 0}, 1);
    request.wave.late = BWRT_LATE_ABORT;
    request.wave.deadline_ns = 3600 * kSecondNs;
    request.wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    request.start();
    drive_until(&pair->reader, [&] { return pair->reader.storage->held_count() != 0; });
    let_time_pass(&pair->reader, 3601 * kSecondNs);

    assert_int_equal(request.finish(), BWRT_E_LATE);
    assert_true(request.is_untouched(0));
    assert_int_equal(sample_store(&pair->reader).flight_count, 1);
    let_go(&pair->reader);
    settle(&pair->reader);
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
}

void more_blocks_than_there_is_room_for_come_one_after_the_other(void** state) {
    Pair* pair = pair_of(state);
    StoreOf narrow = pair->reading();
    narrow.store.flight_count_max = 2;
    narrow.store.transit_bytes = 16 * kMib;
    pair->writer.open(pair->shared());
    pair->reader.open(narrow);
    assert_int_equal(put(&pair->writer, {1, 0}, 24, 1 * kMib), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}, 24, 1 * kMib), BWRT_OK);

    narrow.store.flight_count_max = 64;  // now it is memory that is short
    pair->reader.open_again(narrow);
    Request all(&pair->reader, BWRT_OP_GET, {1, 0}, 24, 1 * kMib);
    Request cancelled(&pair->reader, BWRT_OP_GET, {1, 0}, 24, 1 * kMib);
    hold_all(&pair->reader, IoKind::kRead);
    cancelled.start();
    drive_until(&pair->reader, [&] { return pair->reader.storage->held_count() != 0; });
    assert_int_equal(bwrt_cancel(pair->reader.runtime, cancelled.handle, nullptr), BWRT_OK);
    assert_int_equal(cancelled.finish(), BWRT_E_CANCELLED);
    all.start();
    let_go(&pair->reader);
    assert_int_equal(all.finish(), BWRT_OK);
    assert_true(all.holds_all());
    settle(&pair->reader);
}

// All memory is with those that try again, who wait until nobody reads their file any more; and
// another waits for more than one of them gives back.
void who_tries_again_does_not_stand_behind_who_waits_for_memory(void** state) {
    Pair* pair = pair_of(state);
    constexpr std::uint32_t kCount = 16;
    constexpr std::uint64_t kBytes = 15 << 16;  // with its sums a sixteenth of transit memory
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, kCount, kBytes), BWRT_OK);
    assert_int_equal(put(&pair->writer, {2, 0}, 1, 2 * kMib), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}, kCount, kBytes), BWRT_OK);  // the file is open
    pair->reader.storage->script = [](const IoRequest& request, std::uint64_t) {
        return is_block_io(request, IoKind::kRead) ? Action::answer(-EIO) : Action::pass();
    };
    Request many(&pair->reader, BWRT_OP_GET, {1, 0}, kCount, kBytes);
    Request large(&pair->reader, BWRT_OP_GET, {2, 0}, 1, 2 * kMib);
    large.operation.block_first = kCount;
    many.blocks.push_back(large.blocks[0]);
    const bwrt_operation operations[2] = {many.operation, large.operation};
    many.wave.operations = operations;
    many.wave.operation_count = 2;
    many.results.resize(kCount + 1);

    assert_int_equal(many.run(), BWRT_E_IO);

    assert_int_equal(many.count_of(BWRT_E_IO), kCount + 1);
    for (std::uint32_t i = 0; i < kCount; ++i) assert_true(many.is_untouched(i));
    assert_true(large.is_untouched(0));
    pair->reader.storage->script = nullptr;
    settle(&pair->reader);
    assert_int_equal(put(&pair->writer, {3, 0}, 24, 1 * kMib), BWRT_OK);
    assert_int_equal(get(&pair->reader, {3, 0}, 24, 1 * kMib), BWRT_OK);
}

void more_segments_than_may_be_open_are_read_in_turn(void** state) {
    Pair* pair = pair_of(state);
    constexpr std::uint32_t kFolders = 12;
    static const char* const kNames[kFolders] = {"s0", "s1", "s2", "s3", "s4",  "s5",
                                                 "s6", "s7", "s8", "s9", "s10", "s11"};
    StoreOf wide = pair->shared();
    wide.directories.assign(kNames, kNames + kFolders);
    pair->writer.open(wide);
    for (std::uint32_t chain = 0; chain < 48; ++chain) {
        assert_int_equal(put(&pair->writer, {chain, 0}), BWRT_OK);
    }
    std::uint32_t folder_count = 0;
    for (const char* name : kNames) folder_count += disk_bytes_of(name) >= 16 * kMib ? 1 : 0;
    assert_true(folder_count > 8);
    pair->writer.close();  // and its files, which count

    rlimit before = {};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit fewer = before;
    fewer.rlim_cur = 64;  // eight segments
    StoreOf reading = pair->reading();
    reading.directories = wide.directories;
    std::vector<std::unique_ptr<Request>> requests;
    setrlimit(RLIMIT_NOFILE, &fewer);
    const bwrt_status opened = pair->reader.try_open(reading);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(opened, BWRT_OK);
    for (std::uint32_t round = 0; round < 2; ++round) {
        requests.clear();
        for (std::uint32_t chain = 0; chain < 48; ++chain) {
            requests.push_back(
                std::make_unique<Request>(&pair->reader, BWRT_OP_GET, Key{chain, 0}, 1));
            requests.back()->start();
        }
        for (const auto& request : requests) {
            assert_int_equal(request->finish(), BWRT_OK);
            assert_true(request->holds(0));
        }
    }
}

const CMUnitTest kTests[] = {
    IN_PAIR(what_changed_while_it_was_read_is_what_it_is_by_now),
    IN_PAIR(what_is_not_whole_is_corrupt_once_and_then_a_miss),
    IN_PAIR(what_is_not_whole_in_one_shard_comes_from_another),
    IN_PAIR(a_file_that_took_the_place_of_another_is_opened),
    IN_PAIR(a_segment_that_is_gone_or_cut_fails_its_blocks_once),
    IN_PAIR(a_read_that_fails_is_tried_from_a_file_opened_anew),
    IN_PAIR(many_who_want_a_block_cost_one_read),
    IN_PAIR(a_deadline_ends_a_get_and_not_its_read),
    IN_PAIR(more_blocks_than_there_is_room_for_come_one_after_the_other),
    IN_PAIR(who_tries_again_does_not_stand_behind_who_waits_for_memory),
    IN_PAIR(more_segments_than_may_be_open_are_read_in_turn),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
