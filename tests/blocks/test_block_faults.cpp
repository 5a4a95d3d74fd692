// SPDX-License-Identifier: Apache-2.0
//
// test_block_faults.cpp — a disk that fails, reads short, is full or writes no log: whoever asked
// is told, nobody is given wrong bytes, and what the fault did not touch is there as before.

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::IoKind;

const StoreOf kHostOnly(16 * kMib, 0);
const StoreOf kDiskOnly(0, kDiskBytes);
const StoreOf kBoth(16 * kMib, kDiskBytes);

std::size_t bytes_of(const IoRequest& request) {
    std::size_t bytes = 0;
    for (std::uint32_t i = 0; i < request.iovec_count; ++i) bytes += request.iovecs[i].iov_len;
    return bytes;
}

// Blocks lie in whole units; records of a few blocks are shorter than one.
bool is_log_write(const IoRequest& request) {
    return request.kind == IoKind::kWrite && bytes_of(request) < 4096;
}
bool is_block_write(const IoRequest& request) {
    return request.kind == IoKind::kWrite && bytes_of(request) >= 4096;
}

void fail_reads(BlockWorld* world, std::uint64_t nth, int os_code) {
    const std::uint64_t first = world->storage->count(IoKind::kRead);
    world->storage->script = [=](const IoRequest& request, std::uint64_t number) {
        const bool fails = request.kind == IoKind::kRead && number == first + nth;
        return fails ? Action::answer(-os_code) : Action::pass();
    };
}

void a_block_that_cannot_be_read_is_gone_and_the_others_are_not(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t chain = 0; chain < 6; ++chain) {
        assert_int_equal(put(world, {chain, 0}), BWRT_OK);
    }
    for (std::uint32_t nth = 0; nth < 3; ++nth) {
        fail_reads(world, nth, EIO);
        std::uint32_t failed = 0;
        for (std::uint32_t chain = 0; chain < 6; ++chain) {
            Request reader(world, BWRT_OP_GET, {chain, 0}, 1);
            const bwrt_status status = reader.run();
            if (status == BWRT_OK) {
                assert_true(reader.holds(0));
                continue;
            }
            assert_true(reader.is_untouched(0));
            if (status == BWRT_E_MISS) continue;  // the one of a round before
            assert_int_equal(status, BWRT_E_IO);
            assert_int_equal(reader.completion.os_code, EIO);
            assert_int_equal(reader.completion.tier, BWRT_TIER_DISK);
            ++failed;
            world->storage->script = nullptr;
            assert_false(is_hit(world, {chain, 0}));
            assert_int_equal(get(world, {chain, 0}), BWRT_E_MISS);
        }
        assert_int_equal(failed, 1);
        assert_int_equal(sample_store(world).failed_count, nth + 1);
    }
    assert_int_equal(sample_store(world).disk.block_count, 3);
    assert_int_equal(put(world, {0, 0}), BWRT_OK);
}

void all_who_wait_for_a_read_that_fails_are_told(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}), BWRT_OK);
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return request.kind == IoKind::kRead ? Action::hold() : Action::pass();
    };
    Request one(world, BWRT_OP_GET, {1, 0}, 1);
    Request two(world, BWRT_OP_PREFETCH, {1, 0}, 1);
    Request three(world, BWRT_OP_PUT, {1, 0}, 1, kLength, 3);
    one.start();
    drive_until(world, [&] { return world->storage->held_count() != 0; });
    two.start();
    three.start();
    drive(world);
    assert_int_equal(truncate("s/shards/0/segment.00000000", 0), 0);
    world->storage->script = nullptr;
    world->storage->let_go();

    assert_int_equal(one.finish(), BWRT_E_TRUNCATED);
    assert_int_equal(two.finish(), BWRT_E_TRUNCATED);
    assert_int_equal(three.finish(), BWRT_OK);
    // Who came to store it found it there, or stored his own.
    const bool was_present = three.results[0].flags == BWRT_RESULT_PRESENT;
    assert_int_equal(get(world, {1, 0}, 1, kLength, 3), was_present ? BWRT_E_MISS : BWRT_OK);
}

void reads_cut_at_any_length_are_gone_on_with(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}, 4, 100'000), BWRT_OK);
    for (const std::size_t cut : {1u, 512u, 4095u, 4096u, 4097u, 65536u, 99'999u, 106'495u}) {
        std::uint64_t left = cut == 1 ? 50 : 1000;  // for as long
        world->storage->script = [&left, cut](const IoRequest& request, std::uint64_t) {
            if (request.kind != IoKind::kRead || left == 0) return Action::pass();
            --left;
            return Action::cut(cut);
        };
        assert_int_equal(get(world, {1, 0}, 4, 100'000), BWRT_OK);
    }
    world->storage->script = nullptr;
}

void writes_cut_at_any_length_are_gone_on_with(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    std::uint32_t chain = 0;
    for (const std::size_t cut : {1u, 100u, 512u, 4096u, 65536u}) {
        std::uint64_t left = 40;
        world->storage->script = [&left, cut](const IoRequest& request, std::uint64_t) {
            if (request.kind != IoKind::kWrite || left == 0) return Action::pass();
            --left;
            return Action::cut(cut);
        };
        assert_int_equal(put(world, {++chain, 0}, 4, 100'000), BWRT_OK);
    }
    world->open_again(kDiskOnly);
    for (; chain > 0; --chain) assert_int_equal(get(world, {chain, 0}, 4, 100'000), BWRT_OK);
}

void a_block_that_cannot_be_written_is_not_there(void** state) {
    BlockWorld* world = world_of(state);
    for (const int os_code : {EIO, ENOSPC}) {
        world->open(kDiskOnly);
        const std::uint32_t chain = static_cast<std::uint32_t>(os_code) * 10;
        assert_int_equal(put(world, {chain, 0}), BWRT_OK);
        bool failing = true;
        world->storage->script = [&](const IoRequest& request, std::uint64_t) {
            return failing && is_block_write(request) ? Action::answer(-os_code) : Action::pass();
        };
        Request writer(world, BWRT_OP_PUT, {chain + 1, 0}, 1);

        assert_int_equal(writer.run(), os_code == EIO ? BWRT_E_IO : BWRT_E_NOSPC);

        assert_int_equal(writer.completion.os_code, os_code);
        assert_int_equal(writer.completion.tier, BWRT_TIER_DISK);
        assert_int_equal(get(world, {chain + 1, 0}), BWRT_E_MISS);
        assert_int_equal(get(world, {chain, 0}), BWRT_OK);
        assert_int_equal(sample_store(world).failed_count, 1);
        failing = false;
        assert_int_equal(put(world, {chain + 1, 0}), BWRT_OK);
        world->open_again(kDiskOnly);
        assert_int_equal(get(world, {chain + 1, 0}), BWRT_OK);
        world->close();
    }
}

void what_cannot_be_written_behind_is_in_memory(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return is_block_write(request) ? Action::answer(-EIO) : Action::pass();
    };
    assert_int_equal(put(world, {1, 0}, 5), BWRT_OK);
    settle(world);

    assert_int_equal(get(world, {1, 0}, 5), BWRT_OK);
    assert_int_equal(sample_store(world).host.block_count, 5);
    assert_int_equal(sample_store(world).disk.block_count, 0);
    assert_true(sample_store(world).failed_count >= 5);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {2, 0}), BWRT_E_IO);
    assert_int_equal(ask(world, BWRT_OP_MOVE, {1, 0}, 1, BWRT_TIER_DISK), BWRT_E_IO);
    assert_int_equal(get(world, {1, 0}, 5), BWRT_OK);
}

void a_flush_that_fails_is_told_and_not_tried_again(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return request.kind == IoKind::kFlush ? Action::answer(-EIO) : Action::pass();
    };
    const std::uint64_t flushes = world->storage->count(IoKind::kFlush);
    Request durable(world, BWRT_OP_PUT, {2, 0}, 2);
    durable.operation.flags = BWRT_BLOCK_DURABLE;

    assert_int_equal(durable.run(), BWRT_E_IO);

    assert_int_equal(durable.completion.os_code, EIO);
    assert_int_equal(get(world, {2, 0}, 2), BWRT_E_MISS);
    assert_true(world->storage->count(IoKind::kFlush) <= flushes + 2);
    world->storage->script = nullptr;
    // What is read is verified, so what was there before can be asked for.
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    // But it is not called durable in that place.
    Request again(world, BWRT_OP_PUT, {1, 0}, 1);
    again.operation.flags = BWRT_BLOCK_DURABLE;
    assert_int_equal(again.run(), BWRT_OK);
    assert_int_equal(again.results[0].flags & BWRT_RESULT_PRESENT, 0);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    // Two more, of seven: what is left holds less, and goes on.
    for (std::uint32_t i = 0; i < 2; ++i) {
        world->storage->script = [](const IoRequest& io, std::uint64_t) {
            return io.kind == IoKind::kFlush ? Action::answer(-EIO) : Action::pass();
        };
        Request another(world, BWRT_OP_PUT, {3 + i, 0}, 1);
        another.operation.flags = BWRT_BLOCK_DURABLE;
        assert_int_equal(another.run(), BWRT_E_IO);
        world->storage->script = nullptr;
        assert_int_equal(put(world, {50 + i, 0}), BWRT_OK);
    }
    // Nothing is put there again, however often the store is filled.
    for (std::uint32_t i = 0; i < 300; ++i) {
        assert_int_equal(put(world, {100 + i, 0}, 1, 1 * kMib), BWRT_OK);
    }
    assert_int_equal(get(world, {399, 0}, 1, 1 * kMib), BWRT_OK);
    // The next process tries it once more.
    world->open_again(kDiskOnly);
    assert_int_equal(put(world, {2, 0}, 2), BWRT_OK);
}

void a_log_that_cannot_be_written_leaves_reading_and_memory(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 4), BWRT_OK);
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return is_log_write(request) ? Action::answer(-EIO) : Action::pass();
    };

    assert_int_equal(put_to(world, BWRT_TIER_DISK, {2, 0}), BWRT_E_IO);

    world->storage->script = nullptr;
    assert_int_equal(get(world, {2, 0}), BWRT_E_MISS);
    assert_int_equal(get(world, {1, 0}, 4), BWRT_OK);
    assert_int_equal(put(world, {3, 0}, 4), BWRT_OK);
    assert_int_equal(get(world, {3, 0}, 4), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {4, 0}), BWRT_E_IO);  // it stays so
    assert_int_equal(ask(world, BWRT_OP_DROP, {1, 0}), BWRT_OK);
    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
    world->open_again(kBoth);
    assert_int_equal(get(world, {1, 1}, 3), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {4, 0}), BWRT_OK);
}

// Removals fill the buffer of records while the log's writes hang, and what is to be carried has to
// wait for room there; the driver does not.  Of what was dropped none comes back.
void carrying_and_dropping_wait_for_the_log(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    constexpr std::uint32_t kChains = 48;
    for (std::uint32_t chain = 0; chain < kChains; ++chain) {  // long beside short ones
        assert_int_equal(put(world, {chain, 0}, 1, 2 * kMib), BWRT_OK);
        assert_int_equal(put(world, {100 + chain, 0}, 100, 100), BWRT_OK);
    }
    settle(world);
    std::vector<std::uint32_t> kept;  // the first of them had to go for the last
    for (std::uint32_t chain = 100; chain < 100 + kChains; ++chain) {
        if (is_hit(world, {chain, 0})) kept.push_back(chain);
    }
    assert_true(kept.size() > 10);
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return request.kind == IoKind::kWrite ? Action::hold() : Action::pass();
    };
    std::vector<std::unique_ptr<Request>> drops;
    for (std::uint32_t chain = 0; chain < kChains; ++chain) {
        drops.push_back(std::make_unique<Request>(world, BWRT_OP_DROP, Key{chain, 0}, 1));
        drops.push_back(std::make_unique<Request>(world, BWRT_OP_DROP, Key{100 + chain, 1}, 99));
    }
    for (const auto& drop : drops) drop->start();
    for (std::uint32_t i = 0; i < 100; ++i) drive(world);
    assert_true(sample_store(world).disk.block_count < 1000);  // it answers
    world->storage->script = nullptr;
    world->storage->let_go();

    for (const auto& drop : drops) assert_int_equal(drop->finish(), BWRT_OK);

    settle(world);
    world->open_again(kDiskOnly);
    for (const std::uint32_t chain : kept) {
        assert_int_equal(get(world, {chain, 0}, 1, 100), BWRT_OK);
    }
    assert_int_equal(sample_store(world).disk.block_count, kept.size());
}

std::size_t open_file_count() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

// With a buffered and a direct one each, of which the first is refused.
void a_segment_that_no_backend_takes_leaves_nothing_open(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    settle(world);
    const std::uint32_t attached = world->storage->file_count();
    const std::size_t open = open_file_count();
    for (std::uint32_t i = 0; i < 4; ++i) {
        world->storage->refused_file_count = 1;
        assert_int_equal(put_to(world, BWRT_TIER_DISK, {i, 0}), BWRT_E_AGAIN);
        assert_int_equal(world->storage->file_count(), attached);
        assert_int_equal(open_file_count(), open);
    }
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}), BWRT_OK);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
}

void a_log_that_no_backend_takes_is_as_one_that_cannot_be_written(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    world->close();
    world->refused_file_count = 1;
    world->open(kDiskOnly);

    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    assert_int_not_equal(put_to(world, BWRT_TIER_DISK, {2, 0}), BWRT_OK);
    assert_int_equal(get(world, {2, 0}), BWRT_E_MISS);
    world->refused_file_count = 2;  // and the segment
    world->open_again(kDiskOnly);
    assert_int_equal(get(world, {1, 0}), BWRT_E_IO);
    world->refused_file_count = 0;
    world->open_again(kDiskOnly);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_block_that_cannot_be_read_is_gone_and_the_others_are_not),
    IN_BLOCK_WORLD(all_who_wait_for_a_read_that_fails_are_told),
    IN_BLOCK_WORLD(reads_cut_at_any_length_are_gone_on_with),
    IN_BLOCK_WORLD(writes_cut_at_any_length_are_gone_on_with),
    IN_BLOCK_WORLD(a_block_that_cannot_be_written_is_not_there),
    IN_BLOCK_WORLD(what_cannot_be_written_behind_is_in_memory),
    IN_BLOCK_WORLD(a_flush_that_fails_is_told_and_not_tried_again),
    IN_BLOCK_WORLD(a_log_that_cannot_be_written_leaves_reading_and_memory),
    IN_BLOCK_WORLD(carrying_and_dropping_wait_for_the_log),
    IN_BLOCK_WORLD(a_segment_that_no_backend_takes_leaves_nothing_open),
    IN_BLOCK_WORLD(a_log_that_no_backend_takes_is_as_one_that_cannot_be_written),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
