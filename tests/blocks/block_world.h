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

#include <cstring>
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

// The modes of tests in which one thread calls.  Where that drives the runtime itself, what meets
// the pool's threads is what the runtime's own thread does otherwise: the thread sanitizer looks at
// this.
constexpr int kBlocksModes = kThreadSanitizer ? 1 : FAULTS_MODES;

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

bwrt_block block_of(const Key& key);
Key key_of(const bwrt_event& event);
void fill_block(unsigned char* bytes, const Key& key, std::uint64_t length,
                std::uint64_t variant = 0);
bool is_block(const unsigned char* bytes, const Key& key, std::uint64_t length,
              std::uint64_t variant = 0);
bool is_filled(const unsigned char* bytes, std::uint64_t length, unsigned char value);

// A store in the folder "s", as small as can be.
struct StoreOf {
    bwrt_store store = {};
    std::vector<const char*> directories;

    StoreOf(std::uint64_t host_bytes, std::uint64_t disk_bytes, std::uint64_t transit_bytes = 0,
            std::uint32_t block_bytes_max = 2 * kMib);
};

struct BlockWorld {
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    ScriptedStorage* storage = nullptr;
    MovableClock* clock = nullptr;
    runtime::Janitor* janitor = nullptr;  // the runtime's own when null
    bwrt_planner planner = {};            // none while struct_size is 0
    void* folder = nullptr;
    bwrt_log_function log = nullptr;
    void* log_user = nullptr;
    std::uint32_t refused_file_count = 0;  // when it is opened: attachments that are refused

    bwrt_status try_open(const StoreOf& given);
    void open(const StoreOf& given);
    int close_with(std::uint32_t how);
    void close() { assert_int_equal(close_with(BWRT_SHUTDOWN_DRAIN), 0); }
    void open_again(const StoreOf& given);
};

inline BlockWorld* world_of(void** state) { return static_cast<BlockWorld*>(*state); }

int enter_world(void** state);
int leave_world(void** state);

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
            std::uint64_t block_length = kLength, std::uint64_t variant = 0);
    ~Request();
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    [[nodiscard]] Key key(std::uint32_t i) const {
        return {first.chain, first.position + i, first.part};
    }

    bwrt_status submit();
    void start();
    bwrt_status finish();
    bwrt_status run() {
        start();
        return finish();
    }
    // Of a GET: block i is the one that was put.
    [[nodiscard]] bool holds(std::uint32_t i, std::uint64_t variant = 0) const {
        return is_block(memory.data() + i * length, key(i), length, variant);
    }
    [[nodiscard]] bool holds_all(std::uint64_t variant = 0) const;
    [[nodiscard]] bool is_untouched(std::uint32_t i) const {
        return is_filled(memory.data() + i * length, length, kUntouched);
    }
    // Of a GET that failed: as many bytes as its result says are right, the rest is as it was.
    [[nodiscard]] bool is_right_so_far(std::uint32_t i, std::uint64_t variant = 0) const;
    [[nodiscard]] std::uint32_t count_of(bwrt_status status) const;
};

bwrt_status put(BlockWorld* world, Key first, std::uint32_t count = 1,
                std::uint64_t length = kLength, std::uint64_t variant = 0);
bwrt_status put_to(BlockWorld* world, std::uint32_t tier, Key first, std::uint32_t count = 1,
                   std::uint64_t length = kLength);

// OK only where every byte is right; where it is not OK nothing was written, but for the chunks of
// a rotten block that were verified before the one that is not what was stored.
bwrt_status get(BlockWorld* world, Key first, std::uint32_t count = 1,
                std::uint64_t length = kLength, std::uint64_t variant = 0);

// The tier that a GET of one block came from; TIER_NONE where there was none.
std::uint32_t tier_of_get(BlockWorld* world, Key key, std::uint64_t length = kLength);

// One that names blocks and moves none of the caller's bytes.
bwrt_status ask(BlockWorld* world, std::uint32_t kind, Key first, std::uint32_t count = 1,
                std::uint32_t tier = BWRT_TIER_NONE);

// ---- what can be looked at

struct Answers {
    std::uint32_t prefix_count = 0;
    std::uint32_t leased_count = 0;
    std::vector<bwrt_lookup_answer> of;
};

Answers look_up(BlockWorld* world, Key first, std::uint32_t count = 1, std::uint32_t lease_ms = 0,
                std::uint32_t part_count = 0, bwrt_handle layout = 0, std::uint64_t tenant = 0,
                std::uint32_t flags = 0);
// They will have been asked for by then; of how many of them that could be noted.
std::uint32_t expect(BlockWorld* world, Key first, std::uint32_t count, std::uint32_t within_ms);
bool is_hit(BlockWorld* world, Key key);
bwrt_store_info info_of(BlockWorld* world);
bwrt_store_counters sample_store(BlockWorld* world);
bwrt_store_counters sample_tenant(BlockWorld* world, std::uint64_t tenant);

// In caller mode nothing moves but while somebody waits or polls.
void drive(BlockWorld* world);

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
void settle(BlockWorld* world);

// Of a unit or more, so for a block and not for the log.
inline bool is_block_io(const runtime::IoRequest& request, runtime::IoKind kind) {
    return request.kind == kind && request.iovec_count != 0 && request.iovecs[0].iov_len >= 4096;
}

// Every request of this kind for a block waits, until the script is another and they are let go.
void hold_all(BlockWorld* world, runtime::IoKind kind);

void let_time_pass(BlockWorld* world, std::uint64_t by_ns);
void set_tenant(BlockWorld* world, std::uint64_t number, std::uint64_t host_quota_bytes,
                std::uint64_t disk_quota_bytes = 0);

// All events behind the cursor, in their order.
std::vector<bwrt_event> take_events(BlockWorld* world, std::uint64_t* cursor);

// What the disk has given the folder, in blocks of the file system.
std::uint64_t disk_bytes_of(const std::string& folder);

}  // namespace bwrt::test

#define IN_BLOCK_WORLD(sentence) \
    cmocka_unit_test_setup_teardown(sentence, bwrt::test::enter_world, bwrt::test::leave_world)
