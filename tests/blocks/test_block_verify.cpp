// SPDX-License-Identifier: Apache-2.0
//
// test_block_verify.cpp — no byte of a block comes from the disk to anybody before it was verified,
// and what is right comes before the rest of the block was looked at.
//
//   the block    [ chunk 0 | chunk 1 | .. | ROTTEN | .. | sums ]
//   the target   [ right   | right   | .. | as it was          ]
//
// Where one GET alone waits for a block it verifies chunk by chunk as it copies.  Somebody else may
// come then, or it may be ended: the tests of that go turn by turn, in the mode in which nothing
// moves but while the caller looks, and a turn copies a quarter of the block at most.

#include "tests/blocks/pages.h"
#include "tests/blocks/segment_places.h"

namespace {

using namespace bwrt::test;

constexpr std::uint64_t kChunk = 64 << 10;
constexpr std::uint64_t kLong = 15 * kChunk;  // with its sums one read of the disk

const StoreOf kDiskOnly(0, kDiskBytes);
const StoreOf kBoth(16 * kMib, kDiskBytes);

// A block that lies on the disk alone; one bit of it changes there unless `rotten_at` is kNowhere.
constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

void put_on_disk(BlockWorld* world, Key key, std::uint64_t length, std::uint64_t rotten_at) {
    assert_int_equal(put_to(world, BWRT_TIER_DISK, key, 1, length), BWRT_OK);
    settle(world);
    if (rotten_at != kNowhere) flip(place_of(key, length), rotten_at, 3);
}

// ---- one who waits alone

struct RottenRow {
    std::uint64_t length, rotten_at, right_bytes;
};

// What lies behind the last unit of the bytes are sums.
constexpr RottenRow kRows[] = {
    {1 * kMib, 1 * kMib - 1, 15 * kChunk},    // the last chunk
    {1 * kMib, 0, 0},                         // the first
    {1 * kMib, 5 * kChunk + 77, 5 * kChunk},  // one between
    {1 * kMib, 1 * kMib, 0},                  // the sum of the first
    {1 * kMib, 1 * kMib + 15 * 8, 0},         // the sum of the last
    {2 * kMib, 2 * kMib - kChunk, 2 * kMib - kChunk},
    {kChunk + 4096, kChunk, kChunk},
    {kChunk + 4096, kChunk - 1, 0},
    {kChunk + 4096, kChunk + 4096, 0},
    {100 << 10, (100 << 10) - 1, kChunk},
    {kChunk + 1, kChunk, kChunk},
    {2 * kChunk - 1, 2 * kChunk - 2, kChunk},
    {kChunk, kChunk - 1, 0},  // one chunk, and no sums
    {kChunk - 1, 0, 0},
    {8, 0, 0},
};

void what_lies_before_a_rotten_chunk_comes_and_no_byte_more(void** state) {
    BlockWorld* world = world_of(state);
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        world->open(store);
        std::uint32_t chain = store.store.host_bytes != 0 ? 100 : 1;
        std::uint64_t corrupt_count = 0;
        for (const RottenRow& row : kRows) {
            const Key key = {++chain, 0};
            put_on_disk(world, key, row.length, row.rotten_at);
            Request request(world, BWRT_OP_GET, key, 1, row.length);

            assert_int_equal(request.run(), BWRT_E_CORRUPT);

            assert_int_equal(request.results[0].status, BWRT_E_CORRUPT);
            assert_int_equal(request.results[0].tier, BWRT_TIER_DISK);
            assert_int_equal(request.results[0].bytes, row.right_bytes);
            assert_int_equal(request.completion.bytes, row.right_bytes);
            assert_true(request.is_right_so_far(0));
            assert_int_equal(sample_store(world).corrupt_count, ++corrupt_count);
            assert_int_equal(get(world, key, 1, row.length), BWRT_E_MISS);
            assert_int_equal(sample_store(world).corrupt_count, corrupt_count);
        }
        settle(world);
        world->close();
    }
}

void what_is_right_comes_whatever_its_length(void** state) {
    BlockWorld* world = world_of(state);
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        world->open(store);
        std::uint32_t chain = store.store.host_bytes != 0 ? 100 : 1;
        for (const RottenRow& row : kRows) {
            const Key key = {++chain, 0};
            put_on_disk(world, key, row.length, kNowhere);
            assert_int_equal(get(world, key, 1, row.length), BWRT_OK);
            assert_int_equal(get(world, key, 1, row.length), BWRT_OK);
        }
        assert_int_equal(sample_store(world).corrupt_count, 0);
        settle(world);
        world->close();
    }
}

void two_of_one_wave_that_want_a_rotten_block_both_fail(void** state) {
    BlockWorld* world = world_of(state);
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        for (const std::uint64_t rotten_at : {kNowhere, 1 * kMib - 1}) {
            world->open(store);
            const Key key = {store.store.host_bytes != 0 ? 2u : 1u,
                             rotten_at == kNowhere ? 0u : 1u};
            put_on_disk(world, key, 1 * kMib, rotten_at);
            Request one(world, BWRT_OP_GET, key, 1, 1 * kMib);
            Request other(world, BWRT_OP_GET, key, 1, 1 * kMib);
            const bwrt_operation operations[2] = {one.operation, other.operation};
            one.wave.operations = operations;
            one.wave.operation_count = 2;
            one.results.resize(2);
            const bwrt_status expected = rotten_at == kNowhere ? BWRT_OK : BWRT_E_CORRUPT;

            assert_int_equal(one.run(), expected);

            other.results[0] = one.results[1];
            for (const Request* request : {&one, &other}) {
                assert_int_equal(request->results[0].status, expected);
                assert_true(request->is_right_so_far(0));
            }
            assert_int_equal(sample_store(world).corrupt_count, expected == BWRT_OK ? 0 : 1);
            settle(world);
            world->close();
        }
    }
}

// ---- layers

struct Layers {
    std::vector<std::uint32_t> groups;  // of the parts of the image, in its order
    std::uint64_t part_bytes;           // in two planes
    std::uint64_t rotten_at;
    std::uint32_t right_count;  // of the groups
    std::uint64_t right_bytes;
};

const Layers kLayers[] = {
    {{0, 1, 2, 3, 4, 5, 6, 7}, 2 * kChunk, kNowhere, 8, 16 * kChunk},
    {{0, 1, 2, 3, 4, 5, 6, 7}, 2 * kChunk, 11 * kChunk, 5, 11 * kChunk},
    {{0, 1, 2, 3, 4, 5, 6, 7}, 2 * kChunk, 16 * kChunk - 1, 7, 15 * kChunk},
    {{0, 1, 2, 3, 4, 5, 6, 7}, 2 * kChunk, 0, 0, 0},
    {{0, 1, 2, 3, 4, 5, 6, 7}, 2 * kChunk, 16 * kChunk, 0, 0},  // sums
    // Ends of layers lie inside of chunks.
    {{0, 1, 2, 3, 4}, 80 << 10, kNowhere, 5, 400 << 10},
    {{0, 1, 2, 3, 4}, 80 << 10, kChunk, 0, kChunk},
    {{0, 1, 2, 3, 4}, 80 << 10, 2 * kChunk + 5, 1, 2 * kChunk},
    {{0, 1, 2, 3, 4}, 80 << 10, (400 << 10) - 1, 4, 6 * kChunk},
    {{0, 1, 2, 3, 4, 5, 6}, 20'000, 2 * kChunk, 6, 2 * kChunk},
    // Not in the order of the image: all of it is verified first.
    {{7, 6, 5, 4, 3, 2, 1, 0}, 2 * kChunk, kNowhere, 8, 16 * kChunk},
    {{7, 6, 5, 4, 3, 2, 1, 0}, 2 * kChunk, 0, 0, 0},
    {{7, 6, 5, 4, 3, 2, 1, 0}, 2 * kChunk, 16 * kChunk - 1, 0, 0},
    {{1, 0, 2}, 2 * kChunk, kNowhere, 3, 6 * kChunk},
    {{1, 0, 2}, 2 * kChunk, 6 * kChunk - 1, 0, 0},
};

// make_plain(), with groups of our choice.
void make_layers(Pages* pages, const Layers& layers) {
    make_plain(pages, static_cast<std::uint32_t>(layers.groups.size()), layers.part_bytes / 2);
    for (std::size_t p = 0; p < pages->planes.size(); ++p) {
        pages->planes[p].group = layers.groups[p / 2];
    }
}

void check_layers(BlockWorld* world, Key key, const Layers& layers) {
    const auto count = static_cast<std::uint32_t>(layers.groups.size());
    Pages pages;
    make_layers(&pages, layers);
    pages.add(world);
    pages.fill(0, key);
    PagedRequest writer(world, BWRT_OP_PUT, key, pages, {0});
    writer.operation.tier = BWRT_TIER_DISK;
    assert_int_equal(writer.run(), BWRT_OK);
    settle(world);
    if (layers.rotten_at != kNowhere) {
        flip(place_of(key, pages.block_bytes), layers.rotten_at, 3);
    }
    PagedRequest reader(world, BWRT_OP_GET, key, pages, {7});
    const Layerwise told(&reader, count);
    const bool is_right = layers.rotten_at == kNowhere;

    assert_int_equal(reader.run(), is_right ? BWRT_OK : BWRT_E_CORRUPT);

    assert_int_equal(reader.results[0].status, is_right ? BWRT_OK : BWRT_E_CORRUPT);
    assert_int_equal(reader.results[0].bytes, layers.right_bytes);
    for (std::uint32_t group = 0; group < count; ++group) {
        const bool there = group < layers.right_count;
        assert_int_equal(told.groups[group].status, there ? BWRT_OK : BWRT_E_CORRUPT);
        assert_int_equal(told.signal_of(group), there ? Layerwise::kDone : Layerwise::kFailed);
        if (!there) continue;
        assert_int_equal(told.groups[group].bytes, layers.part_bytes);
        assert_true(pages.holds(7, key, group));
    }
    // Up to the rotten chunk it is there, behind that nothing is.
    Bytes image(pages.block_bytes);
    fill_block(image.data(), key, pages.block_bytes);
    const auto is_so_far = [&](std::uint64_t at, const unsigned char* row, std::uint64_t bytes) {
        const std::uint64_t right =
            at < layers.right_bytes ? std::min(layers.right_bytes - at, bytes) : 0;
        assert_memory_equal(row, image.data() + at, right);
        assert_true(is_filled(row + right, bytes - right, kUntouched));
    };
    pages.for_each_row(7, BWRT_NONE, is_so_far);
    for (const std::uint32_t slot : {6u, 8u}) assert_true(pages.is_untouched(slot));
    PagedRequest again(world, BWRT_OP_GET, key, pages, {9});
    assert_int_equal(again.run(), is_right ? BWRT_OK : BWRT_E_MISS);
    settle(world);
    assert_int_equal(bwrt_release(world->runtime, pages.handle, nullptr), BWRT_OK);
}

void layers_before_a_rotten_chunk_are_there_and_those_from_it_on_have_failed(void** state) {
    BlockWorld* world = world_of(state);
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        world->open(store);
        const std::uint32_t first = store.store.host_bytes != 0 ? 100 : 1;
        std::uint32_t rotten_count = 0;
        for (std::uint32_t i = 0; i < std::size(kLayers); ++i) {
            check_layers(world, {first + i, 0}, kLayers[i]);
            rotten_count += kLayers[i].rotten_at != kNowhere ? 1 : 0;
        }
        assert_int_equal(sample_store(world).corrupt_count, rotten_count);
        world->close();
    }
}

void a_block_whose_rows_alternate_is_verified_before_it_is_copied(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    Pages pages;
    make_interleaved(&pages, 33, 6000);
    pages.add(world);
    for (std::uint32_t i = 0; i < 2; ++i) pages.fill(i, {1, i});
    PagedRequest writer(world, BWRT_OP_PUT, {1, 0}, pages, {0, 1});
    assert_int_equal(writer.run(), BWRT_OK);
    settle(world);
    flip(place_of({1, 1}, pages.block_bytes), pages.block_bytes - 1, 0);
    PagedRequest reader(world, BWRT_OP_GET, {1, 0}, pages, {4, 5});

    assert_int_equal(reader.run(), BWRT_E_CORRUPT);

    assert_true(pages.holds(4, {1, 0}));
    assert_true(pages.is_untouched(5));
    assert_int_equal(reader.results[1].bytes, 0);
}

// ---- turn by turn

// A block on the disk and a GET of it that has some of its bytes, and not all of them.
struct HalfDone {
    BlockWorld* world;
    Key key;
    Request get;

    HalfDone(BlockWorld* in, const StoreOf& store, std::uint32_t chain, std::uint64_t rotten_at)
        : world(opened(in, store)), key{chain, 0}, get(in, BWRT_OP_GET, key, 1, kLong) {
        put_on_disk(world, key, kLong, rotten_at);
    }
    void start() {
        get.start();
        bwrt_completion none;
        while (is_filled(get.memory.data(), 64, kUntouched)) {  // a turn, and no more
            assert_int_equal(bwrt_wait(world->runtime, get.handle, 0, &none, nullptr),
                             BWRT_E_TIMEOUT);
        }
        assert_true(is_filled(get.memory.data() + kLong / 2, kLong / 2, kUntouched));
    }
    void cancel() { assert_int_equal(bwrt_cancel(world->runtime, get.handle, nullptr), BWRT_OK); }
    // Of the disk: a read that comes in two parts is one.
    [[nodiscard]] std::uint64_t load_count() const { return sample_store(world).disk.hit_count; }
    [[nodiscard]] bool is_as_far_as_it_says() const {
        return get.results[0].bytes < kLong && get.is_right_so_far(0);
    }
    // And whatever else was begun.
    void end() {
        settle(world);
        world->close();
    }

 private:
    static BlockWorld* opened(BlockWorld* in, const StoreOf& store) {
        in->open(store);
        return in;
    }
};

constexpr std::uint64_t kEarly = kChunk;     // in the first turn
constexpr std::uint64_t kSoon = 3 * kChunk;  // in the second
constexpr std::uint64_t kLate = kLong - 1;   // in the last
constexpr std::uint64_t kMiddle = 9 * kChunk;

bwrt_status outcome_of(std::uint64_t rotten_at) {
    return rotten_at == kNowhere ? BWRT_OK : BWRT_E_CORRUPT;
}

void who_is_cancelled_while_it_verifies_leaves_a_block_that_is_verified(void** state) {
    std::uint32_t chain = 0;
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        HalfDone half(world_of(state), store, ++chain, kNowhere);
        half.start();
        half.cancel();

        assert_int_equal(half.get.finish(), BWRT_E_CANCELLED);

        assert_true(half.get.results[0].bytes != 0 && half.is_as_far_as_it_says());
        settle(half.world);
        const bool has_host = store.store.host_bytes != 0;
        const std::uint32_t tier = has_host ? BWRT_TIER_HOST : BWRT_TIER_DISK;
        assert_int_equal(look_up(half.world, half.key).of[0].tier, tier);
        assert_int_equal(half.load_count(), 1);
        assert_int_equal(tier_of_get(half.world, half.key, kLong), tier);
        assert_int_equal(half.load_count(), has_host ? 1 : 2);
        half.end();
    }
}

// Found by who copies, before it was ended, or behind that by the lane.
void who_is_ended_while_it_verifies_leaves_no_rotten_block(void** state) {
    std::uint32_t chain = 0;
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        for (const std::uint64_t rotten_at : {kEarly, kMiddle, kLate}) {
            for (const bool is_late : {false, true}) {
                HalfDone half(world_of(state), store, ++chain, rotten_at);
                half.get.wave.late = BWRT_LATE_ABORT;
                half.get.wave.deadline_ns = 3600 * kSecondNs;
                half.get.wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
                half.start();
                if (is_late) {
                    let_time_pass(half.world, 3601 * kSecondNs);
                } else {
                    half.cancel();
                }

                const bwrt_status ended = is_late ? BWRT_E_LATE : BWRT_E_CANCELLED;
                const bwrt_status first = rotten_at == kEarly ? BWRT_E_CORRUPT : ended;
                assert_int_equal(half.get.finish(), first);

                assert_true(half.is_as_far_as_it_says());
                assert_true(half.get.results[0].bytes <= rotten_at);
                settle(half.world);
                assert_int_equal(sample_store(half.world).corrupt_count, 1);
                assert_int_equal(get(half.world, half.key, 1, kLong), BWRT_E_MISS);
                assert_int_equal(half.load_count(), 1);
                half.end();
            }
        }
    }
}

void who_comes_while_another_verifies_shares_its_read(void** state) {
    std::uint32_t chain = 0;
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        for (const std::uint64_t rotten_at : {kNowhere, kSoon, kMiddle, kLate}) {
            HalfDone half(world_of(state), store, ++chain, rotten_at);
            half.start();
            Request other(half.world, BWRT_OP_GET, half.key, 1, kLong);
            other.start();

            assert_int_equal(half.get.finish(), outcome_of(rotten_at));
            assert_int_equal(other.finish(), outcome_of(rotten_at));

            if (rotten_at == kNowhere) {
                assert_true(half.get.holds(0) && other.holds(0));
            } else {
                assert_true(half.is_as_far_as_it_says());
                assert_true(half.get.results[0].bytes <= rotten_at);
                assert_true(other.is_untouched(0));
                assert_int_equal(other.results[0].bytes, 0);
                assert_int_equal(get(half.world, half.key, 1, kLong), BWRT_E_MISS);
            }
            assert_int_equal(half.load_count(), 1);
            const bwrt_store_counters counters = sample_store(half.world);
            assert_int_equal(counters.joined_count, 1);
            assert_int_equal(counters.corrupt_count, rotten_at == kNowhere ? 0 : 1);
            half.end();
        }
    }
}

// Looking at a chunk costs as much as copying it, so a turn copies half of what it else does: what
// else there is to do waits no longer.
void a_turn_that_verifies_copies_half_as_much(void** state) {
    HalfDone half(world_of(state), kDiskOnly, 1, kNowhere);
    half.start();

    const unsigned char* bytes = half.get.memory.data();
    Bytes image(kLong);
    fill_block(image.data(), half.key, kLong);
    assert_memory_equal(bytes, image.data(), 2 * kChunk);
    assert_true(is_filled(bytes + 2 * kChunk, kLong - 2 * kChunk, kUntouched));
    assert_int_equal(half.get.finish(), BWRT_OK);
    half.end();
}

// More than a turn has of copies that are as urgent as can be.
struct UrgentCopy {
    Bytes from, to;
    bwrt_operation operation = {};
    bwrt_wave wave = {};
    bwrt_handle handle = 0;

    UrgentCopy() : from(8 * kMib, 1), to(from.size()) {
        operation.kind = BWRT_OP_COPY;
        operation.source = operation.target = BWRT_PROCESS_MEMORY;
        operation.source_offset_bytes = reinterpret_cast<std::uintptr_t>(from.data());
        operation.target_offset_bytes = reinterpret_cast<std::uintptr_t>(to.data());
        operation.length_bytes = from.size();
        wave.struct_size = sizeof wave;
        wave.operations = &operation;
        wave.operation_count = 1;
        wave.operation_bytes = sizeof operation;
        wave.priority = BWRT_PRIORITY_URGENT;
    }
    void start(BlockWorld* world) {
        assert_int_equal(bwrt_submit_wave(world->runtime, &wave, &handle, nullptr), BWRT_OK);
    }
    void finish(BlockWorld* world) const {
        bwrt_completion completion;
        assert_int_equal(bwrt_wait(world->runtime, handle, kPatienceNs, &completion, nullptr),
                         BWRT_OK);
    }
};

// Whose copy stands still meanwhile, but for its sixteenth: somebody else's is as urgent.
void who_comes_and_is_more_urgent_does_not_wait_for_who_verifies(void** state) {
    UrgentCopy urgent;
    std::uint32_t chain = 0;
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        HalfDone half(world_of(state), store, ++chain, kNowhere);
        half.get.wave.priority = BWRT_PRIORITY_BACKGROUND;
        half.start();
        urgent.start(half.world);
        Request other(half.world, BWRT_OP_GET, half.key, 1, kLong);
        other.wave.priority = BWRT_PRIORITY_URGENT;

        assert_int_equal(other.run(), BWRT_OK);

        assert_true(other.holds(0));
        assert_int_equal(half.get.memory[kLong - 1], kUntouched);
        assert_int_equal(half.get.finish(), BWRT_OK);
        assert_true(half.get.holds(0));
        urgent.finish(half.world);
        half.end();
    }
}

// Who wants the block to be there to stay does not ask for its bytes, and wants it verified as
// much.
void a_durable_put_of_what_another_verifies_does_not_wait_for_him(void** state) {
    UrgentCopy urgent;
    HalfDone half(world_of(state), kBoth, 1, kNowhere);
    half.get.wave.priority = BWRT_PRIORITY_BACKGROUND;
    half.start();
    urgent.start(half.world);
    Request durable(half.world, BWRT_OP_PUT, half.key, 1, kLong);
    durable.operation.flags = BWRT_BLOCK_DURABLE;
    durable.wave.priority = BWRT_PRIORITY_URGENT;
    half.world->storage->script = [](const bwrt::runtime::IoRequest& request, std::uint64_t) {
        return request.kind == bwrt::runtime::IoKind::kFlush ? Action::hold() : Action::pass();
    };
    durable.start();

    const std::uint64_t until_ns = monotonic_ns() + static_cast<std::uint64_t>(kPatienceNs);
    while (half.world->storage->held_count() == 0) {  // a turn at a time
        bwrt_completion none;
        assert_int_equal(bwrt_wait(half.world->runtime, durable.handle, 0, &none, nullptr),
                         BWRT_E_TIMEOUT);
        assert_true(monotonic_ns() < until_ns);
    }

    assert_int_equal(half.get.memory[kLong - 1], kUntouched);
    half.world->storage->script = nullptr;
    half.world->storage->let_go();
    assert_int_equal(durable.finish(), BWRT_OK);
    assert_int_equal(durable.results[0].flags, BWRT_RESULT_PRESENT);
    assert_int_equal(half.get.finish(), BWRT_OK);
    assert_true(half.get.holds(0));
    urgent.finish(half.world);
    half.end();
}

void who_verifies_may_go_while_others_wait(void** state) {
    std::uint32_t chain = 0;
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        for (const std::uint64_t rotten_at : {kNowhere, kSoon, kLate}) {
            HalfDone half(world_of(state), store, ++chain, rotten_at);
            half.start();
            Request other(half.world, BWRT_OP_GET, half.key, 1, kLong);
            other.start();
            static_cast<void>(counters_of(half.world->runtime));  // it has been accepted by then
            assert_int_equal(sample_store(half.world).joined_count, 1);
            half.cancel();

            static_cast<void>(half.get.finish());
            assert_int_equal(other.finish(), outcome_of(rotten_at));

            assert_true(half.is_as_far_as_it_says());
            assert_true(rotten_at == kNowhere ? other.holds(0) : other.is_untouched(0));
            assert_int_equal(half.load_count(), 1);
            half.end();
        }
    }
}

// Though the copy that found it has not run out.
void who_comes_when_it_was_found_rotten_finds_it_gone(void** state) {
    std::uint32_t chain = 0;
    for (const StoreOf& store : {kDiskOnly, kBoth}) {
        HalfDone half(world_of(state), store, ++chain, kEarly);
        half.start();

        assert_int_equal(look_up(half.world, half.key).of[0].state, BWRT_LOOKUP_MISS);
        Request writer(half.world, BWRT_OP_PUT, half.key, 1, kLong);
        assert_int_equal(writer.run(), BWRT_OK);
        assert_int_equal(writer.results[0].flags & BWRT_RESULT_PRESENT, 0);
        assert_int_equal(get(half.world, half.key, 1, kLong), BWRT_OK);

        assert_int_equal(half.get.finish(), BWRT_E_CORRUPT);
        assert_true(half.is_as_far_as_it_says());
        assert_int_equal(get(half.world, half.key, 1, kLong), BWRT_OK);
        assert_int_equal(sample_store(half.world).corrupt_count, 1);
        half.end();
    }
}

struct Comer {
    std::uint32_t kind;
    std::uint32_t tier;
    bwrt_status when_rotten;
    bool is_left;  // behind it, where the block is not rotten
};

constexpr Comer kComers[] = {
    {BWRT_OP_PREFETCH, BWRT_TIER_NONE, BWRT_E_CORRUPT, true},
    {BWRT_OP_MOVE, BWRT_TIER_HOST, BWRT_E_CORRUPT, true},
    {BWRT_OP_PUT, BWRT_TIER_DISK, BWRT_OK, true},  // it is there, as far as is known
    {BWRT_OP_DROP, BWRT_TIER_NONE, BWRT_OK, false},
};

void whoever_comes_while_a_get_verifies_is_answered(void** state) {
    std::uint32_t chain = 0;
    for (const Comer& comer : kComers) {
        for (const std::uint64_t rotten_at : {kNowhere, kSoon, kLate}) {
            HalfDone half(world_of(state), kBoth, ++chain, rotten_at);
            half.start();
            Request other(half.world, comer.kind, half.key, 1, kLong);
            other.operation.tier = comer.tier;
            other.start();
            const bool rotten = rotten_at != kNowhere;

            assert_int_equal(half.get.finish(), outcome_of(rotten_at));
            assert_int_equal(other.finish(), rotten ? comer.when_rotten : BWRT_OK);

            assert_true(rotten ? half.is_as_far_as_it_says() : half.get.holds(0));
            settle(half.world);
            assert_int_equal(half.load_count(), 1);
            const bool is_left = comer.is_left && !rotten;
            assert_int_equal(get(half.world, half.key, 1, kLong), is_left ? BWRT_OK : BWRT_E_MISS);
            assert_int_equal(put(half.world, half.key, 1, kLong), BWRT_OK);
            assert_int_equal(get(half.world, half.key, 1, kLong), BWRT_OK);
            half.end();
        }
    }
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(what_lies_before_a_rotten_chunk_comes_and_no_byte_more),
    IN_BLOCK_WORLD(what_is_right_comes_whatever_its_length),
    IN_BLOCK_WORLD(two_of_one_wave_that_want_a_rotten_block_both_fail),
    IN_BLOCK_WORLD(layers_before_a_rotten_chunk_are_there_and_those_from_it_on_have_failed),
    IN_BLOCK_WORLD(a_block_whose_rows_alternate_is_verified_before_it_is_copied),
};

const CMUnitTest kTurns[] = {
    IN_BLOCK_WORLD(who_is_cancelled_while_it_verifies_leaves_a_block_that_is_verified),
    IN_BLOCK_WORLD(who_is_ended_while_it_verifies_leaves_no_rotten_block),
    IN_BLOCK_WORLD(who_comes_while_another_verifies_shares_its_read),
    IN_BLOCK_WORLD(a_turn_that_verifies_copies_half_as_much),
    IN_BLOCK_WORLD(who_comes_and_is_more_urgent_does_not_wait_for_who_verifies),
    IN_BLOCK_WORLD(a_durable_put_of_what_another_verifies_does_not_wait_for_him),
    IN_BLOCK_WORLD(who_verifies_may_go_while_others_wait),
    IN_BLOCK_WORLD(who_comes_when_it_was_found_rotten_finds_it_gone),
    IN_BLOCK_WORLD(whoever_comes_while_a_get_verifies_is_answered),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES(kTests, kThreadSanitizer ? 1 : 2, failures);
    for (const fault_mode& mode : kModes) {
        const bool is_shown = (FAULTS_MODES >> (&mode - kModes) & 1) != 0;
        if (mode.progress != BWRT_PROGRESS_CALLER || !is_shown || !mode_is_available(&mode))
            continue;
        print_message("mode: %s, turn by turn\n", mode.name);
        failures += cmocka_run_group_tests_name(mode.name, kTurns, nullptr, nullptr);
    }
    return failures;
}
