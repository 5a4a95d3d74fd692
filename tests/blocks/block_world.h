// SPDX-License-Identifier: Apache-2.0
//
// block_world.h — a runtime with a block store in a folder of its own, and waves of block
// operations on it.
//
//   Key {chain, position, part} ──▶ identity, and every byte of the block
//
// A block's bytes follow from its key and a variant, so that a byte of another block, of another
// variant or of none is seen wherever it turns up.  What a test asks for is a Request: one block
// operation on neighbours of a chain, with memory of its own behind it; its fields are there to be
// changed before it is submitted.
//
// A test opens its world itself, for each wants another store; the teardown closes it.  Between the
// runtime and its files lies a ScriptedStorage, which passes everything until it is told otherwise,
// and its clock can be set forward.

#pragma once

#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/fault/scripted_storage.h"
#include "tests/store/folder.h"

namespace bwrt::test {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kDiskBytes = 128 * kMib;  // the least there may be
constexpr std::uint32_t kLength = 65536;          // of a block, where nothing else is said
constexpr unsigned char kUntouched = 0xA5;        // targets before a GET

using Bytes = std::vector<unsigned char>;

struct Key {
    std::uint32_t chain = 0;
    std::uint32_t position = 0;
    std::uint32_t part = 0;

    friend bool operator<(const Key& a, const Key& b) {
        if (a.chain != b.chain) return a.chain < b.chain;
        if (a.position != b.position) return a.position < b.position;
        return a.part < b.part;
    }
    friend bool operator==(const Key& a, const Key& b) { return !(a < b) && !(b < a); }
};

inline bwrt_block block_of(const Key& key) {
    bwrt_block block;
    std::uint64_t random = (std::uint64_t{key.chain} << 32 | key.position) + 1;
    for (std::size_t i = 0; i < sizeof block.identity; i += 8) {
        const std::uint64_t word = next_random(&random);
        std::memcpy(block.identity + i, &word, 8);
    }
    // Where they can be had again.
    std::memcpy(block.identity, &key.chain, 4);
    std::memcpy(block.identity + 4, &key.position, 4);
    block.part = key.part;
    return block;
}

inline Key key_of(const bwrt_event& event) {
    Key key;
    std::memcpy(&key.chain, event.identity, 4);
    std::memcpy(&key.position, event.identity + 4, 4);
    key.part = event.part;
    return key;
}

inline void fill_block(unsigned char* bytes, const Key& key, std::uint64_t length,
                       std::uint64_t variant = 0) {
    std::uint64_t random = (std::uint64_t{key.chain} << 40 | std::uint64_t{key.position} << 8) ^
                           std::uint64_t{key.part} << 20 ^ variant << 56 ^ length << 4;
    for (std::uint64_t i = 0; i < length; i += 8) {
        const std::uint64_t word = next_random(&random);
        std::memcpy(bytes + i, &word, std::min<std::uint64_t>(8, length - i));
    }
}

inline bool is_block(const unsigned char* bytes, const Key& key, std::uint64_t length,
                     std::uint64_t variant = 0) {
    Bytes expected(length);
    fill_block(expected.data(), key, length, variant);
    return std::memcmp(bytes, expected.data(), length) == 0;
}

inline bool is_filled(const unsigned char* bytes, std::uint64_t length, unsigned char value) {
    // Each is what the one before it is: one call, which a sanitizer looks at as a whole.
    return length == 0 || (bytes[0] == value && std::memcmp(bytes, bytes + 1, length - 1) == 0);
}

// A store in the folder "s", as small as can be.
struct StoreOf {
    bwrt_store store = {};
    std::vector<const char*> directories;

    StoreOf(std::uint64_t host_bytes, std::uint64_t disk_bytes, std::uint64_t transit_bytes = 0,
            std::uint32_t block_bytes_max = 2 * kMib)
        : directories(disk_bytes != 0 ? 1 : 0, "s") {
        store.struct_size = sizeof store;
        store.host_bytes = host_bytes;
        store.disk_bytes = disk_bytes;
        store.transit_bytes = disk_bytes != 0 && transit_bytes == 0 ? 16 * kMib : transit_bytes;
        store.block_bytes_max = block_bytes_max;
        store.block_count_max = 1 << 14;
        store.flight_count_max = 64;
    }
};

struct BlockWorld {
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    ScriptedStorage* storage = nullptr;
    MovableClock* clock = nullptr;
    runtime::Janitor* janitor = nullptr;  // the runtime's own when null
    void* folder = nullptr;

    bwrt_status try_open(const StoreOf& given) {
        StoreOf described = given;
        described.store.directories =
            described.directories.empty() ? nullptr : described.directories.data();
        described.store.directory_count = static_cast<std::uint32_t>(described.directories.size());
        bwrt_config config = config_of_mode();
        config.store = &described.store;
        storage = new ScriptedStorage(fault_mode_now->storage);
        if (clock == nullptr) clock = new MovableClock;
        runtime::World seams;
        seams.storage = storage;
        seams.clock = clock;
        seams.janitor = janitor;
        const bwrt_status status = runtime::open_runtime(&config, seams, &runtime, &error);
        if (status != BWRT_OK) {
            delete storage;
            storage = nullptr;
        }
        return status;
    }

    void open(const StoreOf& given) {
        const bwrt_status status = try_open(given);
        if (status != BWRT_OK) print_error("%s: %s\n", error.field, error.message);
        assert_int_equal(status, BWRT_OK);
    }

    int close_with(std::uint32_t how) {
        int failed = 0;
        if (runtime != nullptr) {
            storage->let_go();
            failed |= bwrt_shutdown(runtime, how, kPatienceNs, &error);
            failed |= bwrt_close(runtime, nullptr);
            if (failed == 0) delete storage;
        }
        runtime = nullptr;
        storage = nullptr;
        return failed;
    }

    void close() { assert_int_equal(close_with(BWRT_SHUTDOWN_DRAIN), 0); }

    void open_again(const StoreOf& given) {
        close();
        open(given);
    }
};

inline BlockWorld* world_of(void** state) { return static_cast<BlockWorld*>(*state); }

inline int enter_world(void** state) {
    auto* world = new BlockWorld;
    *state = world;
    return enter_folder(&world->folder);
}

inline int leave_world(void** state) {
    BlockWorld* world = world_of(state);
    const int failed = world->close_with(BWRT_SHUTDOWN_CANCEL);
    delete world->clock;
    const int left = leave_folder(&world->folder);
    delete world;
    return failed | left;
}

// ---- what is asked

// One operation on blocks [first, first + count) of a chain.
struct Request {
    BlockWorld* world;
    Key first;
    std::uint32_t count;
    std::uint64_t length;
    std::vector<bwrt_block> blocks;  // the one before the first, if there is one, then the blocks
    bwrt_operation operation = {};
    bwrt_block_options options = {};
    bwrt_wave wave = {};
    Bytes memory;  // one block behind the other
    std::vector<bwrt_result> results;
    bwrt_completion completion = {};
    bwrt_handle handle = 0;

    Request(BlockWorld* in, std::uint32_t kind, Key from, std::uint32_t block_count,
            std::uint64_t block_length = kLength, std::uint64_t variant = 0)
        : world(in), first(from), count(block_count), length(block_length) {
        const bool moves = kind == BWRT_OP_PUT || kind == BWRT_OP_GET;
        const bool has_parent = from.position != 0;
        if (has_parent) blocks.push_back(block_of({from.chain, from.position - 1, from.part}));
        for (std::uint32_t i = 0; i < count; ++i) blocks.push_back(block_of(key(i)));
        operation.kind = kind;
        operation.block_first = has_parent ? 1 : 0;
        operation.slot_count = count;
        const bool ordered = kind != BWRT_OP_DROP && kind != BWRT_OP_UNPIN;
        if (has_parent && ordered) operation.flags = BWRT_BLOCK_CONTINUES;
        options.struct_size = sizeof options;
        results.resize(count);
        if (!moves) return;
        memory.assign(count * length, kUntouched);
        operation.length_bytes = length;
        const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
        if (kind == BWRT_OP_PUT) {
            for (std::uint32_t i = 0; i < count; ++i) {
                fill_block(memory.data() + i * length, key(i), length, variant);
            }
            operation.source = BWRT_PROCESS_MEMORY;
            operation.source_offset_bytes = address;
        } else {
            operation.target = BWRT_PROCESS_MEMORY;
            operation.target_offset_bytes = address;
        }
        operation.block_options = &options;
    }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    [[nodiscard]] Key key(std::uint32_t i) const {
        return {first.chain, first.position + i, first.part};
    }

    bwrt_status submit() {
        wave.struct_size = sizeof wave;
        if (wave.operations == nullptr) {
            wave.operations = &operation;
            wave.operation_count = 1;
        }
        wave.operation_bytes = sizeof operation;
        wave.blocks = blocks.data();
        wave.block_count = static_cast<std::uint32_t>(blocks.size());
        wave.block_bytes = sizeof(bwrt_block);
        with_results(&wave, results.data(), static_cast<std::uint32_t>(results.size()));
        return bwrt_submit_wave(world->runtime, &wave, &handle, &world->error);
    }
    void start() {
        const bwrt_status status = submit();
        if (status != BWRT_OK) print_error("%s: %s\n", world->error.field, world->error.message);
        assert_int_equal(status, BWRT_OK);
    }
    bwrt_status finish() {
        assert_int_equal(bwrt_wait(world->runtime, handle, kPatienceNs, &completion, &world->error),
                         BWRT_OK);
        return completion.status;
    }
    bwrt_status run() {
        start();
        return finish();
    }
    // Of a GET: block i is the one that was put.
    [[nodiscard]] bool holds(std::uint32_t i, std::uint64_t variant = 0) const {
        return is_block(memory.data() + i * length, key(i), length, variant);
    }
    [[nodiscard]] bool holds_all(std::uint64_t variant = 0) const {
        for (std::uint32_t i = 0; i < count; ++i) {
            if (!holds(i, variant)) return false;
        }
        return true;
    }
    [[nodiscard]] bool is_untouched(std::uint32_t i) const {
        return is_filled(memory.data() + i * length, length, kUntouched);
    }
    [[nodiscard]] std::uint32_t count_of(bwrt_status status) const {
        return static_cast<std::uint32_t>(
            std::count_if(results.begin(), results.end(),
                          [&](const bwrt_result& result) { return result.status == status; }));
    }
};

inline bwrt_status put(BlockWorld* world, Key first, std::uint32_t count = 1,
                       std::uint64_t length = kLength, std::uint64_t variant = 0) {
    return Request(world, BWRT_OP_PUT, first, count, length, variant).run();
}

inline bwrt_status put_to(BlockWorld* world, std::uint32_t tier, Key first, std::uint32_t count = 1,
                          std::uint64_t length = kLength) {
    Request request(world, BWRT_OP_PUT, first, count, length);
    request.operation.tier = tier;
    return request.run();
}

// OK only where every byte is right; where it is not OK nothing was written.
inline bwrt_status get(BlockWorld* world, Key first, std::uint32_t count = 1,
                       std::uint64_t length = kLength, std::uint64_t variant = 0) {
    Request request(world, BWRT_OP_GET, first, count, length);
    const bwrt_status status = request.run();
    for (std::uint32_t i = 0; i < count; ++i) {
        const bool good = request.results[i].status == BWRT_OK;
        assert_true(good ? request.holds(i, variant) : request.is_untouched(i));
        assert_int_equal(request.results[i].bytes, good ? length : 0);
    }
    return status;
}

// The tier that a GET of one block came from; TIER_NONE where there was none.
inline std::uint32_t tier_of_get(BlockWorld* world, Key key, std::uint64_t length = kLength) {
    Request request(world, BWRT_OP_GET, key, 1, length);
    if (request.run() != BWRT_OK) return BWRT_TIER_NONE;
    assert_true(request.holds(0));
    return request.results[0].tier;
}

// One that names blocks and moves none of the caller's bytes.
inline bwrt_status ask(BlockWorld* world, std::uint32_t kind, Key first, std::uint32_t count = 1,
                       std::uint32_t tier = BWRT_TIER_NONE) {
    Request request(world, kind, first, count);
    request.operation.tier = tier;
    return request.run();
}

// ---- what can be looked at

struct Answers {
    std::uint32_t prefix_count = 0;
    std::uint32_t leased_count = 0;
    std::vector<bwrt_lookup_answer> of;
};

inline Answers look_up(BlockWorld* world, Key first, std::uint32_t count = 1,
                       std::uint32_t lease_ms = 0, std::uint32_t part_count = 0,
                       bwrt_handle layout = 0, std::uint64_t tenant = 0) {
    Bytes identities(std::size_t{count} * 32);
    for (std::uint32_t i = 0; i < count; ++i) {
        const bwrt_block block = block_of({first.chain, first.position + i, first.part});
        std::memcpy(identities.data() + std::size_t{i} * 32, block.identity, 32);
    }
    bwrt_lookup_query query = {};
    query.struct_size = sizeof query;
    query.tenant = tenant;
    query.identities = identities.data();
    query.identity_count = count;
    query.part_first = first.part;
    query.part_count = part_count;
    query.lease_ms = lease_ms;
    query.layout = layout;
    Answers answers;
    answers.of.resize(count);
    assert_int_equal(bwrt_lookup(world->runtime, &query, answers.of.data(), &answers.prefix_count,
                                 &answers.leased_count, &world->error),
                     BWRT_OK);
    return answers;
}

inline bool is_hit(BlockWorld* world, Key key) {
    return look_up(world, key).of[0].state == BWRT_LOOKUP_HIT;
}

inline bwrt_store_counters sample_store(BlockWorld* world) {
    bwrt_store_counters counters = {};
    counters.struct_size = sizeof counters;
    assert_int_equal(bwrt_sample_store(world->runtime, &counters, &world->error), BWRT_OK);
    return counters;
}

inline bwrt_store_counters sample_tenant(BlockWorld* world, std::uint64_t tenant) {
    bwrt_store_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.flags = BWRT_COUNTERS_TENANT;
    counters.tenant = tenant;
    assert_int_equal(bwrt_sample_store(world->runtime, &counters, &world->error), BWRT_OK);
    return counters;
}

// In caller mode nothing moves but while somebody waits or polls.
inline void drive(BlockWorld* world) {
    bwrt_completion none;
    std::uint32_t count = 0;
    assert_int_equal(bwrt_poll(world->runtime, &none, 1, &count, &world->error), BWRT_OK);
    if (fault_mode_now->progress == BWRT_PROGRESS_THREAD) usleep(100);
}

// Until it is so, or for ever too long.
template <typename Condition>
void drive_until(BlockWorld* world, Condition&& condition) {
    const std::uint64_t until_ns = monotonic_ns() + static_cast<std::uint64_t>(kPatienceNs);
    while (!condition()) {
        assert_true(monotonic_ns() < until_ns);
        drive(world);
    }
}

// What is behind, written: no block is on its way any more.
inline void settle(BlockWorld* world) {
    drive_until(world, [&] { return sample_store(world).flight_count == 0; });
}

inline void let_time_pass(BlockWorld* world, std::uint64_t by_ns) {
    world->clock->set_forward(by_ns);
    world->storage->wake();
    for (int i = 0; i < 2; ++i) static_cast<void>(counters_of(world->runtime));
}

inline void set_tenant(BlockWorld* world, std::uint64_t number, std::uint64_t host_quota_bytes,
                       std::uint64_t disk_quota_bytes = 0) {
    unsigned char secret[32];
    std::memset(secret, static_cast<int>(number * 7 + 1), sizeof secret);
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.number = number;
    tenant.secret = number != 0 ? secret : nullptr;
    tenant.host_quota_bytes = host_quota_bytes;
    tenant.disk_quota_bytes = disk_quota_bytes;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, &world->error), BWRT_OK);
}

// All events behind the cursor, in their order.
inline std::vector<bwrt_event> take_events(BlockWorld* world, std::uint64_t* cursor) {
    std::vector<bwrt_event> events;
    bwrt_event some[64];
    for (std::uint32_t count = 1; count != 0;) {
        assert_int_equal(bwrt_events(world->runtime, cursor, some, 64, &count, &world->error),
                         BWRT_OK);
        events.insert(events.end(), some, some + count);
        assert_true(events.size() < 1u << 20);  // there is an end to them
    }
    return events;
}

// What the disk has given the folder, in blocks of the file system.
inline std::uint64_t disk_bytes_of(const std::string& folder) {
    std::uint64_t bytes = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
        struct stat about = {};
        if (file.is_regular_file() && lstat(file.path().c_str(), &about) == 0) {
            bytes += static_cast<std::uint64_t>(about.st_blocks) * 512;
        }
    }
    return bytes;
}

}  // namespace bwrt::test

#define IN_BLOCK_WORLD(sentence) \
    cmocka_unit_test_setup_teardown(sentence, bwrt::test::enter_world, bwrt::test::leave_world)
