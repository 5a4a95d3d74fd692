// SPDX-License-Identifier: Apache-2.0
//
// pair_world.h — a writer of a store that shares its index, and a reader beside it, in one process:
// two runtimes that know nothing of each other.
//
// Their indices lie in a folder of their own in /dev/shm, gone at the end of the test.

#pragma once

#include "tests/blocks/block_world.h"

namespace bwrt::test {

struct Pair {
    BlockWorld writer;
    BlockWorld reader;
    char indices[40] = "/dev/shm/bwrt-test-XXXXXX";

    [[nodiscard]] StoreOf shared(std::uint64_t host_bytes = 0) const {
        StoreOf store(host_bytes, kDiskBytes);
        store.store.flags = BWRT_STORE_SHARED;
        store.store.index_directory = indices;
        return store;
    }
    [[nodiscard]] StoreOf reading() const {
        StoreOf store(0, kDiskBytes);
        store.store.flags = BWRT_STORE_READER;
        store.store.disk_bytes = 0;
        store.store.block_count_max = 0;
        store.store.index_directory = indices;
        return store;
    }
    void open(std::uint64_t host_bytes = 0) {
        writer.open(shared(host_bytes));
        reader.open(reading());
    }
    // What a reader looks for at most every 100 ms it has looked for: a GET waits for that.  The
    // first may have waited for a look that began before.
    void let_reader_look() {
        for (int i = 0; i < 2; ++i) {
            let_time_pass(&reader, 200'000'000);
            assert_int_equal(get(&reader, {0xFFFF'FFFF, 0}), BWRT_E_MISS);
        }
    }
};

inline Pair* pair_of(void** state) { return static_cast<Pair*>(*state); }

inline int enter_pair(void** state) {
    auto* pair = new Pair;
    *state = pair;
    if (mkdtemp(pair->indices) == nullptr) return -1;
    return enter_folder(&pair->writer.folder);
}

inline int leave_pair(void** state) {
    Pair* pair = pair_of(state);
    int failed = pair->reader.close_with(BWRT_SHUTDOWN_CANCEL);
    failed |= pair->writer.close_with(BWRT_SHUTDOWN_CANCEL);
    delete pair->reader.clock;
    delete pair->writer.clock;
    std::filesystem::remove_all(pair->indices);
    failed |= leave_folder(&pair->writer.folder);
    delete pair;
    return failed;
}

inline void let_go(BlockWorld* world) {
    world->storage->script = nullptr;
    world->storage->let_go();
}

// What the answers say of blocks of a chain, a letter each: on disk, in the writer's memory,
// pending or missing.
inline std::string looks_like(BlockWorld* world, Key first, std::uint32_t count = 1) {
    std::string text;
    for (const bwrt_lookup_answer& answer : look_up(world, first, count).of) {
        if (answer.state == BWRT_LOOKUP_HIT) {
            text += answer.tier == BWRT_TIER_DISK ? 'D' : 'H';
        } else {
            text += answer.state == BWRT_LOOKUP_PENDING ? 'p' : '-';
        }
    }
    return text;
}

// What lookups alone, by a process that does nothing else, come to see.
inline void look_until(BlockWorld* world, Key first, std::uint32_t count, const char* text) {
    const std::uint64_t until_ns = monotonic_ns() + static_cast<std::uint64_t>(kPatienceNs);
    while (looks_like(world, first, count) != text) {
        assert_true(monotonic_ns() < until_ns);
        usleep(100);
    }
}

// The shared indices that there are, and drafts of them.
inline std::vector<std::string> indices_of(const Pair& pair) {
    std::vector<std::string> paths;
    for (const auto& file : std::filesystem::directory_iterator(pair.indices)) {
        paths.push_back(file.path().string());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

}  // namespace bwrt::test

#define IN_PAIR(sentence) \
    cmocka_unit_test_setup_teardown(sentence, bwrt::test::enter_pair, bwrt::test::leave_pair)
