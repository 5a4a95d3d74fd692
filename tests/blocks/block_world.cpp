// SPDX-License-Identifier: Apache-2.0
//
// block_world.cpp — see block_world.h.

#include "tests/blocks/block_world.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace bwrt::test {

bwrt_block block_of(const Key& key) {
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

Key key_of(const bwrt_event& event) {
    Key key;
    std::memcpy(&key.chain, event.identity, 4);
    std::memcpy(&key.position, event.identity + 4, 4);
    key.part = event.part;
    return key;
}

void fill_block(unsigned char* bytes, const Key& key, std::uint64_t length, std::uint64_t variant) {
    std::uint64_t random = (std::uint64_t{key.chain} << 40 | std::uint64_t{key.position} << 8) ^
                           std::uint64_t{key.part} << 20 ^ variant << 56 ^ length << 4;
    // Copied a page at a time: a sanitizer looks at each copy.
    std::uint64_t words[512];
    for (std::uint64_t i = 0; i < length; i += sizeof words) {
        const std::uint64_t count = std::min<std::uint64_t>(sizeof words, length - i);
        for (std::uint64_t k = 0; k * 8 < count; ++k) words[k] = next_random(&random);
        std::memcpy(bytes + i, words, count);
    }
}

bool is_block(const unsigned char* bytes, const Key& key, std::uint64_t length,
              std::uint64_t variant) {
    thread_local Bytes expected;
    if (expected.size() < length) expected.resize(length);
    fill_block(expected.data(), key, length, variant);
    return std::memcmp(bytes, expected.data(), length) == 0;
}

bool is_filled(const unsigned char* bytes, std::uint64_t length, unsigned char value) {
    // Each is what the one before it is: one call, which a sanitizer looks at as a whole.
    return length == 0 || (bytes[0] == value && std::memcmp(bytes, bytes + 1, length - 1) == 0);
}

StoreOf::StoreOf(std::uint64_t host_bytes, std::uint64_t disk_bytes, std::uint64_t transit_bytes,
                 std::uint32_t block_bytes_max)
    : directories(disk_bytes != 0 ? 1 : 0, "s") {
    store.struct_size = sizeof store;
    store.host_bytes = host_bytes;
    store.disk_bytes = disk_bytes;
    store.transit_bytes = disk_bytes != 0 && transit_bytes == 0 ? 16 * kMib : transit_bytes;
    store.block_bytes_max = block_bytes_max;
    store.block_count_max = 1 << 14;
    store.flight_count_max = 64;
}

bwrt_status BlockWorld::try_open(const StoreOf& given) {
    StoreOf described = given;
    described.store.directories =
        described.directories.empty() ? nullptr : described.directories.data();
    described.store.directory_count = static_cast<std::uint32_t>(described.directories.size());
    bwrt_config config = config_of_mode();
    config.store = &described.store;
    config.planner = planner.struct_size != 0 ? &planner : nullptr;
    config.log = log;
    config.log_user = log_user;
    storage = new ScriptedStorage(fault_mode_now->storage);
    storage->refused_file_count = refused_file_count;
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

void BlockWorld::open(const StoreOf& given) {
    const bwrt_status status = try_open(given);
    if (status != BWRT_OK) print_error("%s: %s\n", error.field, error.message);
    assert_int_equal(status, BWRT_OK);
}

int BlockWorld::close_with(std::uint32_t how) {
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

void BlockWorld::open_again(const StoreOf& given) {
    close();
    open(given);
}

int enter_world(void** state) {
    auto* world = new BlockWorld;
    *state = world;
    return enter_folder(&world->folder);
}

int leave_world(void** state) {
    BlockWorld* world = world_of(state);
    const int failed = world->close_with(BWRT_SHUTDOWN_CANCEL);
    delete world->clock;
    const int left = leave_folder(&world->folder);
    delete world;
    return failed | left;
}

// The memory of requests that are over, for the next ones of the thread.  The thread sanitizer
// takes longer to forget memory and to see it anew than for all that happens in it; the address
// sanitizer shall see who writes to memory that was given back.
namespace {
thread_local std::vector<Bytes> spare_memory;
}  // namespace

Request::Request(BlockWorld* in, std::uint32_t kind, Key from, std::uint32_t block_count,
                 std::uint64_t block_length, std::uint64_t variant)
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
    if (!spare_memory.empty()) {
        memory.swap(spare_memory.back());
        spare_memory.pop_back();
    }
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

Request::~Request() {
    if (kThreadSanitizer && memory.capacity() != 0) spare_memory.push_back(std::move(memory));
}

bwrt_status Request::submit() {
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

void Request::start() {
    const bwrt_status status = submit();
    if (status != BWRT_OK) print_error("%s: %s\n", world->error.field, world->error.message);
    assert_int_equal(status, BWRT_OK);
}

bwrt_status Request::finish() {
    assert_int_equal(bwrt_wait(world->runtime, handle, kPatienceNs, &completion, &world->error),
                     BWRT_OK);
    return completion.status;
}

bool Request::holds_all(std::uint64_t variant) const {
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!holds(i, variant)) return false;
    }
    return true;
}

bool Request::is_right_so_far(std::uint32_t i, std::uint64_t variant) const {
    const unsigned char* bytes = memory.data() + i * length;
    const std::uint64_t done = results[i].bytes;
    if (done > length) return false;
    Bytes expected(length);
    fill_block(expected.data(), key(i), length, variant);
    return std::memcmp(bytes, expected.data(), done) == 0 &&
           is_filled(bytes + done, length - done, kUntouched);
}

std::uint32_t Request::count_of(bwrt_status status) const {
    return static_cast<std::uint32_t>(
        std::count_if(results.begin(), results.end(),
                      [&](const bwrt_result& result) { return result.status == status; }));
}

bwrt_status put(BlockWorld* world, Key first, std::uint32_t count, std::uint64_t length,
                std::uint64_t variant) {
    return Request(world, BWRT_OP_PUT, first, count, length, variant).run();
}

bwrt_status put_to(BlockWorld* world, std::uint32_t tier, Key first, std::uint32_t count,
                   std::uint64_t length) {
    Request request(world, BWRT_OP_PUT, first, count, length);
    request.operation.tier = tier;
    return request.run();
}

bwrt_status get(BlockWorld* world, Key first, std::uint32_t count, std::uint64_t length,
                std::uint64_t variant) {
    Request request(world, BWRT_OP_GET, first, count, length);
    const bwrt_status status = request.run();
    for (std::uint32_t i = 0; i < count; ++i) {
        const bwrt_result& result = request.results[i];
        if (result.status == BWRT_E_CORRUPT) {
            assert_true(request.is_right_so_far(i, variant));
            assert_true(result.bytes < length);
            continue;
        }
        const bool good = result.status == BWRT_OK;
        assert_true(good ? request.holds(i, variant) : request.is_untouched(i));
        assert_int_equal(result.bytes, good ? length : 0);
    }
    return status;
}

std::uint32_t tier_of_get(BlockWorld* world, Key key, std::uint64_t length) {
    Request request(world, BWRT_OP_GET, key, 1, length);
    if (request.run() != BWRT_OK) return BWRT_TIER_NONE;
    assert_true(request.holds(0));
    return request.results[0].tier;
}

bwrt_status ask(BlockWorld* world, std::uint32_t kind, Key first, std::uint32_t count,
                std::uint32_t tier) {
    Request request(world, kind, first, count);
    request.operation.tier = tier;
    return request.run();
}

Answers look_up(BlockWorld* world, Key first, std::uint32_t count, std::uint32_t lease_ms,
                std::uint32_t part_count, bwrt_handle layout, std::uint64_t tenant,
                std::uint32_t flags) {
    Bytes identities(std::size_t{count} * 32);
    for (std::uint32_t i = 0; i < count; ++i) {
        const bwrt_block block = block_of({first.chain, first.position + i, first.part});
        std::memcpy(identities.data() + std::size_t{i} * 32, block.identity, 32);
    }
    bwrt_lookup_query query = {};
    query.struct_size = sizeof query;
    query.flags = flags;
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

std::uint32_t expect(BlockWorld* world, Key first, std::uint32_t count, std::uint32_t within_ms) {
    return look_up(world, first, count, within_ms, 0, 0, 0, BWRT_QUERY_EXPECTED).leased_count;
}

bool is_hit(BlockWorld* world, Key key) {
    return look_up(world, key).of[0].state == BWRT_LOOKUP_HIT;
}

bwrt_store_info info_of(BlockWorld* world) {
    bwrt_store_info info = {};
    info.struct_size = sizeof info;
    bwrt_store_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.info = &info;
    assert_int_equal(bwrt_sample_store(world->runtime, &counters, &world->error), BWRT_OK);
    return info;
}

bwrt_store_counters sample_store(BlockWorld* world) {
    bwrt_store_counters counters = {};
    counters.struct_size = sizeof counters;
    assert_int_equal(bwrt_sample_store(world->runtime, &counters, &world->error), BWRT_OK);
    return counters;
}

bwrt_store_counters sample_tenant(BlockWorld* world, std::uint64_t tenant) {
    bwrt_store_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.flags = BWRT_COUNTERS_TENANT;
    counters.tenant = tenant;
    assert_int_equal(bwrt_sample_store(world->runtime, &counters, &world->error), BWRT_OK);
    return counters;
}

void drive(BlockWorld* world) {
    bwrt_completion none;
    std::uint32_t count = 0;
    assert_int_equal(bwrt_poll(world->runtime, &none, 1, &count, &world->error), BWRT_OK);
    if (fault_mode_now->progress == BWRT_PROGRESS_THREAD) usleep(100);
}

void settle(BlockWorld* world) {
    drive_until(world, [&] { return sample_store(world).flight_count == 0; });
}

void hold_all(BlockWorld* world, runtime::IoKind kind) {
    world->storage->hold_again();
    world->storage->script = [kind](const runtime::IoRequest& request, std::uint64_t) {
        return is_block_io(request, kind) ? Action::hold() : Action::pass();
    };
}

void let_time_pass(BlockWorld* world, std::uint64_t by_ns) {
    world->clock->set_forward(by_ns);
    world->storage->wake();
    for (int i = 0; i < 2; ++i) static_cast<void>(counters_of(world->runtime));
}

void set_tenant(BlockWorld* world, std::uint64_t number, std::uint64_t host_quota_bytes,
                std::uint64_t disk_quota_bytes) {
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

std::vector<bwrt_event> take_events(BlockWorld* world, std::uint64_t* cursor) {
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

std::uint64_t disk_bytes_of(const std::string& folder) {
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
