// SPDX-License-Identifier: Apache-2.0
//
// faulty_world.h — the world of tests/backend, opened by each test with a plan of its own around
// the backend.  The suite of all backends runs on the same (faulty_storage_bytes and _flow).

#pragma once

#include <algorithm>
#include <cstdlib>

#include "tests/backend/storage_world.h"

namespace bwrt::test {

constexpr std::size_t kBytes = 9000;
constexpr unsigned char kUntouched = 0xA5;
using Bytes = std::vector<unsigned char>;

// The world's backend anew, with the plan around it.
inline World* world_with(void** state, const char* plan) {
    World* const world = world_of(state);
    world->storage.reset();
    setenv("BWRT_FAULTS", plan, 1);
    world->storage = open_storage(storage_options(backend_name), &world->report);
    if (world->storage == nullptr) print_error("%s\n", world->report.storage_reason.c_str());
    assert_non_null(world->storage.get());
    world->file = world->storage->attach_file(world->fd);
    assert_true(world->file >= 0);
    return world;
}

inline bool is_untouched(const Bytes& bytes, std::size_t from = 0) {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(),
                       [](unsigned char byte) { return byte == kUntouched; });
}

inline std::int32_t read_into(World* world, Bytes* bytes, std::uint64_t offset) {
    bytes->assign(kBytes, kUntouched);
    const iovec part{bytes->data(), bytes->size()};
    return perform(world->storage.get(), read_of(world->file, &part, offset));
}

inline std::int32_t flush(World* world) {
    IoRequest request;
    request.kind = IoKind::kFlush;
    request.file = world->file;
    return perform(world->storage.get(), request);
}

}  // namespace bwrt::test

#define WORLD_TEST(name) \
    cmocka_unit_test_setup_teardown(name, bwrt::test::create_world, bwrt::test::destroy_world)
