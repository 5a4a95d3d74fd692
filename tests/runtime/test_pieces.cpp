// SPDX-License-Identifier: Apache-2.0
//
// test_pieces.cpp — the cursor against a list of pieces written down by brute force: band by
// band, slot by slot, plane by plane, row by row, for random layouts and operations as a
// submission makes them (nobody drives the runtime, so they lie still); then lists of several.

#include "runtime/pieces.h"

#include <algorithm>
#include <cstring>

#include "runtime/runtime.h"
#include "tests/runtime/indexed_model.h"

namespace {

using bwrt::runtime::advance;
using bwrt::runtime::begin;
using bwrt::runtime::current;
using bwrt::runtime::kProcessSlot;
using bwrt::runtime::Lane;
using bwrt::runtime::next_piece;
using bwrt::runtime::Operation;
using bwrt::runtime::OperationList;
using bwrt::runtime::Piece;
using bwrt::runtime::Shape;
using bwrt::runtime::slot_of;
using bwrt::runtime::Wave;
using namespace bwrt::test;

bwrt_runtime* open_runtime() {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.progress = BWRT_PROGRESS_CALLER;
    config.storage = BWRT_STORAGE_POOL;
    config.staging_count = 1;
    config.pool_thread_count = 1;
    bwrt_runtime* runtime = nullptr;
    assert_int_equal(bwrt_open(&config, &runtime, nullptr), BWRT_OK);
    return runtime;
}

void close_runtime(bwrt_runtime* runtime) {
    assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, nullptr), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, nullptr), BWRT_OK);
}

// Planes in the order of service, in bands of whole groups.
std::vector<std::vector<std::size_t>> bands_of(const Cut& cut, bool for_files) {
    std::vector<std::vector<std::size_t>> bands;
    bool is_full = true;
    std::uint64_t bytes = 0;
    for (std::uint32_t group = 0; group < 8; ++group) {
        bool is_first = true;
        for (std::size_t p = 0; p < cut.planes.size(); ++p) {
            if (cut.planes[p].group != group) continue;
            if (is_first && is_full) {
                bands.emplace_back();
                bytes = 0;
            }
            is_first = false;
            is_full = false;
            bands.back().push_back(p);
            bytes += cut.planes[p].length * cut.planes[p].rows;
        }
        if (!is_first) is_full = !for_files || bytes >= 65536;
    }
    for (std::vector<std::size_t>& band : bands) {
        std::sort(band.begin(), band.end(), [&](std::size_t a, std::size_t b) {
            return cut.planes[a].block_offset < cut.planes[b].block_offset;
        });
    }
    return bands;
}

struct Address {
    std::uint64_t value;
    std::uint16_t region;
};

// The model's byte as the address a backend would be given.
Address address_of(const ModelSide& side, const Cut& cut, std::size_t plane, std::size_t pair,
                   std::uint32_t row, std::uint64_t byte) {
    const std::uint8_t* at = &side.at(cut, plane, pair, row, byte);
    const Store& store = side.layout != nullptr ? *side.layout->places[plane].store : *side.store;
    const auto offset = static_cast<std::uint64_t>(at - store.model.data());
    return {store.is_file ? offset : reinterpret_cast<std::uintptr_t>(store.bytes.data()) + offset,
            static_cast<std::uint16_t>(store.is_process ? kProcessSlot : slot_of(store.handle))};
}

std::vector<Piece> pieces_of(const ModelOperation& operation, const Cut& cut,
                             std::uint32_t entry_first) {
    std::vector<Piece> pieces;
    const bool for_files = operation.source.is_file() || operation.target.is_file();
    const std::size_t plane_end = operation.plane_count == 0
                                      ? cut.planes.size()
                                      : operation.plane_first + operation.plane_count;
    const std::uint64_t image_end = operation.image_length == 0
                                        ? cut.block_bytes
                                        : operation.image_offset + operation.image_length;
    for (const std::vector<std::size_t>& band : bands_of(cut, for_files)) {
        for (std::uint32_t pair = 0; pair < operation.pair_count; ++pair) {
            if (operation.source.skips(pair) || operation.target.skips(pair)) continue;
            for (const std::size_t p : band) {
                const CutPlane& plane = cut.planes[p];
                if (p < operation.plane_first || p >= plane_end) continue;
                for (std::uint32_t row = 0; row < plane.rows; ++row) {
                    const std::uint64_t start = plane.block_offset + row * plane.block_row_stride;
                    const std::uint64_t first = std::max(start, operation.image_offset);
                    const std::uint64_t last = std::min(start + plane.length, image_end);
                    if (first >= last) continue;
                    const Address source =
                        address_of(operation.source, cut, p, pair, row, first - start);
                    const Address target =
                        address_of(operation.target, cut, p, pair, row, first - start);
                    pieces.push_back({source.value, target.value, last - first, entry_first + pair,
                                      operation.group + plane.group, source.region, target.region});
                }
            }
        }
    }
    return pieces;
}

void check_piece(const Piece& ours, const Piece& expected) {
    assert_true(ours.source == expected.source);
    assert_true(ours.target == expected.target);
    assert_int_equal(ours.length_bytes, expected.length_bytes);
    assert_int_equal(ours.entry, expected.entry);
    assert_int_equal(ours.group, expected.group);
    assert_int_equal(ours.source_region, expected.source_region);
    assert_int_equal(ours.target_region, expected.target_region);
}

// Operations of one lane, apart from the wave's own.
struct Copies {
    explicit Copies(const OperationList& list) {
        for (const Operation* op = list.head; op != nullptr; op = op->next) {
            shapes.push_back(*op->shape);
            operations.push_back(*op);
            operations.back().shape = &shapes.back();
        }
        for (Operation& operation : operations) copy.append(&operation);
    }
    std::deque<Shape> shapes;
    std::deque<Operation> operations;
    OperationList copy;
};

template <typename Check>
void for_random_waves(Scale scale, int count, Check check) {
    const std::uint64_t seed = test_seed();
    for (int i = 0; i < count; ++i) {
        Random random(seed + static_cast<std::uint64_t>(i));
        bwrt_runtime* runtime = open_runtime();
        LayoutWorld world(scale, &random);
        world.create(runtime, 0);
        IndexedModel model(&world, &random);
        for (int drawn = 0; drawn < 6; ++drawn) static_cast<void>(model.draw_operation());
        const std::vector<bwrt_operation> operations = model.describe();
        bwrt_wave wave = {};
        wave.struct_size = sizeof wave;
        wave.operations = operations.data();
        wave.operation_count = static_cast<std::uint32_t>(operations.size());
        wave.operation_bytes = sizeof(bwrt_operation);
        bwrt_handle handle = 0;
        assert_int_equal(bwrt_submit_wave(runtime, &wave, &handle, nullptr), BWRT_OK);
        check(*runtime->runtime.tables().waves.find(handle), model, world.cut, &random);
        close_runtime(runtime);  // moves the bytes, which are there still
    }
}

void each_piece_comes_in_the_order_of_service_however_it_is_taken(void**) {
    const auto check = [](const Wave& wave, const IndexedModel& model, const Cut& cut,
                          Random* random) {
        for (const OperationList& list : wave.lists) {
            Copies copies(list);
            for (Operation& operation : copies.operations) {
                const ModelOperation& from = model.operations()[operation.index];
                const bool whole = random->one_in(2);
                Piece piece;
                for (Piece expected : pieces_of(from, cut, operation.entry_first)) {
                    while (expected.length_bytes > 0) {
                        assert_true(current(operation, &piece));
                        check_piece(piece, expected);
                        const std::uint64_t bytes =
                            whole ? piece.length_bytes : random->between(1, piece.length_bytes);
                        advance(&operation, bytes);
                        expected.source += bytes;
                        expected.target += bytes;
                        expected.length_bytes -= bytes;
                    }
                }
                assert_false(current(operation, &piece));
            }
        }
    };
    for_random_waves(Scale::kSmall, 30, check);
    for_random_waves(Scale::kFewLargeBlocks, 8, check);
    for_random_waves(Scale::kManyTinyBlocks, 2, check);
}

void a_list_is_served_in_ascending_groups_and_whole(void**) {
    const auto check = [](const Wave& wave, const IndexedModel& model, const Cut& cut, Random*) {
        for (std::size_t lane = 0; lane < 2; ++lane) {
            Copies copies(wave.lists[lane]);
            std::uint64_t expected = 0, served = 0;
            for (const Operation& operation : copies.operations) {
                for (const Piece& piece : pieces_of(model.operations()[operation.index], cut, 0)) {
                    expected += piece.length_bytes;
                }
            }
            std::uint32_t group = 0;
            Piece piece;
            while (next_piece(&copies.copy, &piece)) {
                // A file's band has several groups, the lowest of which decides.
                const std::uint32_t now = lane == static_cast<std::size_t>(Lane::kHost)
                                              ? piece.group
                                              : copies.copy.head->serve_group;
                assert_true(now >= group);
                assert_true(piece.group >= copies.copy.head->serve_group);
                group = now;
                served += piece.length_bytes;
                advance(copies.copy.head, piece.length_bytes);
            }
            assert_true(copies.copy.is_empty());
            assert_int_equal(served, expected);
        }
    };
    for_random_waves(Scale::kSmall, 20, check);
    for_random_waves(Scale::kFewLargeBlocks, 8, check);
}

void dropping_the_rest_names_every_byte_that_is_left(void**) {
    const auto check = [](const Wave& wave, const IndexedModel& model, const Cut& cut, Random*) {
        for (const OperationList& list : wave.lists) {
            Copies copies(list);
            for (Operation& operation : copies.operations) {
                std::uint64_t left = 0, dropped = 0;
                for (const Piece& piece : pieces_of(model.operations()[operation.index], cut, 0)) {
                    left += piece.length_bytes;
                }
                Piece piece;
                if (current(operation, &piece)) {
                    advance(&operation, 1);
                    --left;
                }
                bwrt::runtime::drop_rest(
                    &operation,
                    [&](std::uint32_t, std::uint32_t, std::uint64_t bytes) { dropped += bytes; });
                assert_int_equal(dropped, left);
                assert_false(current(operation, &piece));
            }
        }
    };
    for_random_waves(Scale::kSmall, 10, check);
}

void a_flat_operation_is_one_piece_taken_from_the_front(void**) {
    Operation operation;
    operation.source = 1000;
    operation.target = 5000;
    operation.length_bytes = 100;
    operation.entry_first = 3;
    operation.group = 2;
    begin(&operation);
    Piece piece;

    advance(&operation, 30);

    assert_true(current(operation, &piece));
    check_piece(piece, {1030, 5030, 70, 3, 2, 0, 0});
    assert_int_equal(operation.serve_group, 2);
    advance(&operation, 70);
    assert_false(current(operation, &piece));
}

void rows_come_one_by_one_along_their_strides(void**) {
    Shape shape;
    shape.row_count = 3;
    shape.source_stride_bytes = -50;
    shape.target_stride_bytes = 20;
    Operation operation;
    operation.shape = &shape;
    operation.source = 1000;
    operation.target = 5000;
    operation.length_bytes = 16;
    begin(&operation);
    Piece piece;

    assert_true(current(operation, &piece));
    check_piece(piece, {1000, 5000, 16, 0, 0, 0, 0});
    advance(&operation, 10);
    assert_true(current(operation, &piece));
    check_piece(piece, {1010, 5010, 6, 0, 0, 0, 0});
    advance(&operation, 6);
    assert_true(current(operation, &piece));
    check_piece(piece, {950, 5020, 16, 0, 0, 0, 0});
    advance(&operation, 16);
    assert_true(current(operation, &piece));
    check_piece(piece, {900, 5040, 16, 0, 0, 0, 0});
    advance(&operation, 16);
    assert_false(current(operation, &piece));
}

void a_flush_at_the_head_is_no_piece_and_stays(void**) {
    Operation flush, after;
    flush.kind = BWRT_OP_FLUSH;
    after.length_bytes = 8;
    OperationList list;
    list.append(&flush);
    list.append(&after);
    Piece piece;

    assert_false(next_piece(&list, &piece));

    assert_ptr_equal(list.head, &flush);
    assert_ptr_equal(list.pop_front(), &flush);
    assert_true(next_piece(&list, &piece));
}

void a_list_keeps_the_order_of_equal_groups(void**) {
    Operation operations[5];
    const std::uint32_t groups[5] = {2, 5, 2, 7, 0};
    OperationList list;
    for (std::uint32_t i = 0; i < 5; ++i) {
        operations[i].serve_group = groups[i];
        list.insert(&operations[i]);
    }

    for (const std::uint32_t expected : {4u, 0u, 2u, 1u, 3u}) {
        assert_ptr_equal(list.pop_front(), &operations[expected]);
    }
    assert_true(list.is_empty());
    assert_null(list.tail);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_piece_comes_in_the_order_of_service_however_it_is_taken),
        cmocka_unit_test(a_list_is_served_in_ascending_groups_and_whole),
        cmocka_unit_test(dropping_the_rest_names_every_byte_that_is_left),
        cmocka_unit_test(a_flat_operation_is_one_piece_taken_from_the_front),
        cmocka_unit_test(rows_come_one_by_one_along_their_strides),
        cmocka_unit_test(a_flush_at_the_head_is_no_piece_and_stays),
        cmocka_unit_test(a_list_keeps_the_order_of_equal_groups),
    };
    return cmocka_run_group_tests_name("runtime/pieces.cpp", tests, nullptr, nullptr);
}
