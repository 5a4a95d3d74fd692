// SPDX-License-Identifier: Apache-2.0
//
// test_log_compaction.cpp — whatever has happened, and whenever the logs are switched, a restart
// finds by the new log what it would have found by the old one; and until the switch the old one is
// as if nothing had been.

#include "runtime/store/log_compaction.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <thread>

#include "runtime/memory.h"
#include "runtime/store/log_writer.h"
#include "tests/store/folder.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::bytes_of;
using bwrt::test::fail_from_now_on;
using bwrt::test::in_a_child;
using bwrt::test::Random;
using State = LogCompaction::State;

constexpr std::uint64_t kSegmentBytes = 1 << 20;
constexpr std::uint32_t kSegments[] = {0, 1, 2, 3, 4096, 4097, 4098, 4099};
constexpr std::uint64_t kStranger = 99;  // a space that the index has no number for
constexpr std::uint32_t kWriterCount = 64;

StoreRoot root;
Shard shard;

std::string path_of(std::uint64_t number, const char* suffix = "") {
    char name[80];
    std::snprintf(name, sizeof name, "store/shards/s/log.%016llx%s",
                  static_cast<unsigned long long>(number), suffix);
    return name;
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// ---- what a restart finds

std::string name_of(const BlockKey& key) {
    return {reinterpret_cast<const char*>(&key), sizeof key};
}

struct Restart {
    struct Block {
        Record record;       // without its number and seal
        std::string parent;  // as the policy has it: gone when the parent went
        bool operator==(const Block& other) const {
            return std::memcmp(&record, &other.record, sizeof record) == 0 &&
                   parent == other.parent;
        }
    };
    std::map<std::string, Block> blocks;
    std::vector<std::string> order;
    std::vector<std::uint64_t> generations, live_bytes;
    BudgetMark budget;
    std::uint64_t records = 0;

    bool operator==(const Restart& other) const {
        return blocks == other.blocks && order == other.order && generations == other.generations &&
               live_bytes == other.live_bytes && budget.left_bytes == other.budget.left_bytes &&
               budget.said_s == other.budget.said_s;
    }
};

struct Observer final : RecoveryObserver {
    struct Entry {
        Record record;
        std::uint32_t parent;
        std::uint64_t turn;
    };
    std::map<std::uint32_t, Entry> entries;
    std::uint64_t turn = 0;
    void block_found(std::uint32_t entry, std::uint32_t parent,
                     const Record& record) noexcept override {
        entries[entry] = {record, parent, turn++};
    }
    void block_gone(std::uint32_t entry) noexcept override {
        entries.erase(entry);
        for (auto& [number, other] : entries) {
            if (other.parent == entry) other.parent = kNoEntry;
        }
    }
};

Restart recover() {
    constexpr std::uint32_t kCapacity = 8192;
    const Mapping range = Mapping::table(IndexWriter::range_bytes(kCapacity));
    IndexWriter index(range.address(), kCapacity, 42);
    Segments segments({{4 * kSegmentBytes}, {4 * kSegmentBytes}}, kSegmentBytes);
    Spaces spaces;
    Observer observer;
    Recovery recovery(&index, &segments, &spaces, &observer);
    LogReport report;
    bwrt_error error = {};
    if (read_log(shard, root.superblock, &recovery, &report, {&error}) != BWRT_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(report.found && report.ignored_bytes == 0 && report.passed_over == 0);
    Restart found;
    std::map<std::uint64_t, std::string> by_turn;
    for (const auto& [number, entry] : observer.entries) {
        Restart::Block block = {entry.record, {}};
        block.record.sequence = block.record.checksum = 0;
        if (entry.parent != kNoEntry) {
            block.parent = name_of(observer.entries.at(entry.parent).record.key);
        }
        const std::string name = name_of(entry.record.key);
        found.blocks[name] = block;
        by_turn[entry.turn] = name;
    }
    for (const auto& [turn, name] : by_turn) found.order.push_back(name);
    for (const std::uint32_t segment : kSegments) {
        found.generations.push_back(segments.generation_of(segment));
        found.live_bytes.push_back(segments.live_bytes_of(segment));
    }
    found.budget = recovery.budget();
    found.records = recovery.counts().records;
    return found;
}

// ---- a driver, and what it goes through

class Driver {
 public:
    explicit Driver(std::uint32_t name_count, std::uint32_t block_count_max = 8192)
        : name_count_(name_count),
          range_(Mapping::table(IndexWriter::range_bytes(block_count_max))),
          index(range_.address(), block_count_max, 7),
          compaction(&shard, &root.superblock, &index.reader()) {
        assert_int_equal(spaces.number_of(7), 0);
        assert_int_equal(spaces.number_of(8), 1);
        LogEnd end;
        assert_int_equal(create_log(shard, root.superblock, 1, kSegmentBytes, &file, &end, {}),
                         BWRT_OK);
        writer.attach(end);
        Record last = {};
        last.kind = RecordKind::kSnapshotEnd;
        put(last);
        write();
        bool counts = false;
        assert_int_equal(publish_log(shard, 1, &counts, {}), BWRT_OK);
    }

    std::uint64_t put(const Record& record) {
        std::uint64_t ticket = 0;
        if (writer.put(record, &ticket)) return ticket;
        write();
        assert_true(writer.put(record, &ticket));
        return ticket;
    }
    void write() {
        LogWriter::Write one, rest;
        if (!writer.next(&one)) return;
        assert_true(write_at(file.fd(), one.bytes, one.length_bytes, one.offset_bytes));
        assert_true(writer.done(one.length_bytes, &rest));
        compaction.grown_to(writer.written_bytes());
    }

    // Anything that happens to blocks and segments.
    void step(Random* random) {
        while (!flights_.empty() && random->one_in(8)) land(flights_.begin()->first);
        const std::uint32_t name = random->between32(0, name_count_ - 1);
        const std::uint64_t space = random->one_in(8) ? kStranger : 7 + name % 2;
        switch (random->below(16)) {
            case 0:
            case 1:
                return remove(random, key_of(space, name));
            case 2:
                return say_again(random, key_of(space, name));
            case 3:
                if (random->one_in(4)) return say_budget(random);
                return hold_in_host(key_of(space, name));
            case 4:
                if (random->one_in(2)) return begin_generation(random, random->below(8));
                return store_too_late(random, key_of(space, name));
            default:
                return store(random, key_of(space, name));
        }
    }
    void steps(Random* random, std::uint64_t count) {
        for (; count > 0; --count) {
            step(random);
            if (random->one_in(5)) write();
        }
    }

    static BlockKey key_of(std::uint64_t space, std::uint32_t name) {
        BlockKey key = {};
        key.space = space;
        std::memcpy(key.identity, &name, sizeof name);
        key.identity[31] = 1;
        key.part = name % 3;
        return key;
    }

    void store(Random* random, const BlockKey& key) {
        store_in(random, key, random->below(8), random->between32(1, 3 * 4096));
    }
    void store_in(Random* random, const BlockKey& key, std::uint64_t which, std::uint32_t length) {
        Record record = made(random, key, which);
        record.length_bytes = length;
        const std::uint64_t bytes = place_bytes(record.length_bytes);
        if (generations_[which] == 0 || used_[which] + bytes > kSegmentBytes) {
            begin_generation(random, which);
        }
        record.generation = generations_[which];
        record.offset_bytes = used_[which];
        used_[which] += bytes;
        land(name_of(key));  // one at a time
        const auto flags = static_cast<std::uint16_t>(random->one_in(2) ? kInHost : 0);
        const bool flies = key.space != kStranger && random->one_in(2);
        if (key.space != kStranger && !flies) say_in_index(record, flags);
        const std::uint64_t ticket = put(record);
        if (flies) flights_[name_of(key)] = {record, flags, ticket};
    }
    // The index has what was stored some time after its record.
    void land(const std::string& name) {
        const auto found = flights_.find(name);
        if (found == flights_.end()) return;
        say_in_index(found->second.record, found->second.flags);
        flights_.erase(found);
    }
    void land_all() {
        while (!flights_.empty()) land(flights_.begin()->first);
    }
    std::uint64_t settled_bytes() const {
        std::uint64_t bytes = writer.written_bytes();
        for (const auto& [name, flight] : flights_) {
            bytes = std::min(bytes, writer.offset_of(flight.ticket));
        }
        return bytes;
    }
    // The same at the same place: only what the policy knows has changed.
    void say_again(Random* random, const BlockKey& key) {
        land(name_of(key));
        const std::uint32_t entry = find(key);
        if (entry == kNoEntry || (index.fields_of(entry).flags & kOnDisk) == 0) return;
        const BlockFields fields = index.fields_of(entry);
        std::uint64_t which = 0;
        while (kSegments[which] != fields.disk_segment) ++which;
        Record record = made(random, key, which);
        record.length_bytes = fields.length_bytes;
        record.root = index.seal_of(entry).root_checksum;
        record.generation = generations_[which];
        record.offset_bytes = fields.disk_page * std::uint64_t{4096};
        put(record);
    }
    // By one that had its place before the segment was begun anew.
    void store_too_late(Random* random, const BlockKey& key) {
        const std::uint64_t which = random->below(8);
        Record record = made(random, key, which);
        record.generation = generations_[which] - 1;
        if (generations_[which] > 1) put(record);
    }
    void remove(Random* random, const BlockKey& key) {
        Record record = {};
        record.kind = RecordKind::kRemoved;
        record.key = key;
        flights_.erase(name_of(key));
        const std::uint32_t entry = find(key);
        if (entry != kNoEntry) take_from_disk(entry, random->one_in(2));
        put(record);
    }
    void say_budget(Random* random) {
        Record record = {};
        record.kind = RecordKind::kBudget;
        record.budget_left_bytes = random->below(1 << 30);
        record.stored_s = random->below(1 << 30);
        put(record);
    }
    void hold_in_host(const BlockKey& key) {
        if (key.space == kStranger) return;
        std::uint32_t entry = find(key);
        if (entry == kNoEntry) {
            assert_int_equal(index.insert(index_key(key), {4096, 5, 0, 0, kInHost}, {}, &entry),
                             IndexWriter::Inserted::kNew);
            return;
        }
        BlockFields fields = index.fields_of(entry);
        fields.flags = static_cast<std::uint16_t>(fields.flags ^ kVerified);
        index.update(entry, fields);
    }
    void begin_generation(Random* random, std::uint64_t which) {
        const auto segment = static_cast<std::uint16_t>(kSegments[which]);
        land_all();  // what is on its way to a segment holds it
        generations_[which] += random->between(1, 3);
        used_[which] = 0;
        while (index.first_of_segment(segment) != kNoEntry) {
            take_from_disk(index.first_of_segment(segment), random->one_in(2));
        }
        Record record = {};
        record.kind = RecordKind::kSegment;
        record.segment = segment;
        record.generation = generations_[which];
        put(record);
    }

    // Of its tenants' blocks the restart has found those that the index has on the disk, there.
    void expect_in_index(const Restart& found) {
        land_all();
        std::size_t count = 0;
        for (const auto& [name, block] : found.blocks) {
            if (block.record.key.space == kStranger) continue;
            ++count;
            const std::uint32_t entry = find(block.record.key);
            assert_int_not_equal(entry, kNoEntry);
            const BlockFields fields = index.fields_of(entry);
            assert_true((fields.flags & kOnDisk) != 0);
            assert_int_equal(fields.disk_segment, block.record.segment);
            assert_true(fields.disk_page * std::uint64_t{4096} == block.record.offset_bytes);
            assert_true(fields.length_bytes == block.record.length_bytes);
            assert_true(index.seal_of(entry).root_checksum == block.record.root);
        }
        assert_int_equal(count, on_disk_count());
    }
    std::size_t on_disk_count() const {
        std::size_t count = 0;
        for (const std::uint32_t segment : kSegments) {
            std::uint32_t entry = index.first_of_segment(static_cast<std::uint16_t>(segment));
            for (; entry != kNoEntry; entry = index.next_of_segment(entry)) ++count;
        }
        return count;
    }
    IndexEntry* entries() const {
        const IndexShape shape(index.reader().block_count_max());
        return reinterpret_cast<IndexEntry*>(range_.as<std::byte>() + shape.entries_offset_bytes);
    }
    std::uint32_t find(const BlockKey& key) {
        return key.space == kStranger ? kNoEntry : index.find(index_key(key));
    }

    void begin() {
        assert_int_equal(compaction.begin(file.fd(), settled_bytes(), writer.written_bytes(),
                                          number + 1, spaces),
                         BWRT_OK);
    }
    // The new log goes on.
    void take_new() {
        if (compaction.state() != State::kSwitched) fail_msg("%s", compaction.error().message);
        ++number;
        writer.move_to(compaction.end());
        file = compaction.take_file();
    }
    // What can be had of the first step with nothing written or on its way meanwhile.
    void copy() {
        land_all();
        begin();
        compaction.run();
        if (compaction.state() != State::kCopied) fail_msg("%s", compaction.error().message);
    }

 private:
    static Record made(Random* random, const BlockKey& key, std::uint64_t which) {
        Record record = {};
        record.kind = RecordKind::kStored;
        record.key = key;
        record.length_bytes = random->between32(1, 3 * 4096);
        record.layout_digest = random->bits();
        record.root = random->bits();
        for (std::uint8_t& byte : record.tag) byte = static_cast<std::uint8_t>(random->bits());
        record.segment = kSegments[which];
        if (!random->one_in(4)) {
            const BlockKey parent =
                key_of(key.space, static_cast<std::uint32_t>(random->below(12)));
            std::memcpy(record.parent_identity, parent.identity, kIdentityBytes);
            record.parent_part = parent.part;
        }
        record.closure = static_cast<Closure>(random->below(3));
        record.window_blocks = static_cast<std::uint16_t>(random->bits());
        record.access_count = random->between32(0, 9);
        record.stored_s = random->bits();
        record.expires_s = random->bits();
        return record;
    }
    IndexKey index_key(const BlockKey& key) {
        IndexKey made_key = {};
        std::memcpy(made_key.identity, key.identity, sizeof made_key.identity);
        made_key.part = key.part;
        made_key.tenant = spaces.number_of(key.space);
        return made_key;
    }
    void say_in_index(const Record& record, std::uint16_t flags) {
        const BlockFields fields = {record.length_bytes, 0,
                                    static_cast<std::uint32_t>(record.offset_bytes / 4096),
                                    static_cast<std::uint16_t>(record.segment),
                                    static_cast<std::uint16_t>(kOnDisk | flags)};
        const BlockSeal seal = {record.layout_digest, record.root};
        std::uint32_t entry = find(record.key);
        if (entry != kNoEntry) return index.update(entry, fields, &seal);
        assert_int_equal(index.insert(index_key(record.key), fields, seal, &entry),
                         IndexWriter::Inserted::kNew);
    }
    // With its old place still in it, which no longer means anything.
    void take_from_disk(std::uint32_t entry, bool keep_in_host) {
        BlockFields fields = index.fields_of(entry);
        fields.flags = kInHost;
        if (keep_in_host) return index.update(entry, fields);
        index.erase(entry);
    }

    std::uint32_t name_count_;
    Mapping range_;
    std::uint64_t generations_[8] = {};
    std::uint64_t used_[8] = {};
    struct Flight {
        Record record;
        std::uint16_t flags;
        std::uint64_t ticket;
    };
    std::map<std::string, Flight> flights_;

 public:
    Spaces spaces;
    IndexWriter index;
    LogWriter writer{kWriterCount};
    OpenFile file;
    LogCompaction compaction;
    std::uint64_t number = 1;
};

int enter_shard(void** state) {
    if (bwrt::test::enter_folder(state) != 0) return -1;
    root = StoreRoot();
    shard = Shard();
    if (open_root("store", 0, nullptr, Access::kCreate, &root, {}) != BWRT_OK) return -1;
    return open_shard(root, "s", Access::kCreate, true, &shard, {}) == BWRT_OK ? 0 : -1;
}

int leave_shard(void** state) {
    shard = Shard();
    return bwrt::test::leave_folder(state);
}

// ---- the same is found

// The index is ahead of what is copied by whatever happened since begin(), and of what is written.
void whenever_it_is_switched_a_restart_finds_the_same(void**) {
    Random random(bwrt::test::test_seed());
    for (int round = 0; round < 60; ++round) {
        Driver driver(random.between32(1, 60));
        for (int log = 0; log < 4; ++log) {
            driver.steps(&random, random.below(300));
            driver.begin();
            driver.steps(&random, random.below(40));
            driver.compaction.run();
            assert_int_equal(driver.compaction.state(), State::kCopied);
            driver.steps(&random, random.below(40));
            driver.write();
            const Restart by_old = recover();
            driver.compaction.finish(driver.writer.written_bytes());
            // Nothing is written meanwhile, but much may be gathered.
            for (std::uint64_t i = random.below(10); i > 0; --i) driver.step(&random);
            driver.compaction.run();
            driver.take_new();
            const Restart by_new = recover();
            assert_true(by_old == by_new);
            assert_false(exists(path_of(driver.number - 1)));
            assert_false(exists(path_of(driver.number, ".new")));
            driver.write();
            if (random.one_in(2)) driver.expect_in_index(recover());
        }
        std::filesystem::remove(path_of(driver.number));
    }
}

// On threads: the index is asked while it changes, and the old log is read while it grows.
void beside_a_driver_that_goes_on_nothing_is_lost(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(3000);
    sem_t awake;
    sem_init(&awake, 0, 0);
    ThreadJanitor janitor([](void* one) { sem_post(static_cast<sem_t*>(one)); }, &awake);
    assert_int_equal(janitor.start_thread({}), BWRT_OK);
    driver.steps(&random, 20'000);
    for (int log = 0; log < 3; ++log) {
        driver.begin();
        janitor.start(&driver.compaction);
        std::uint64_t meanwhile = 0;
        for (; janitor.reap() == nullptr; ++meanwhile) driver.steps(&random, 10);
        assert_int_equal(driver.compaction.state(), State::kCopied);
        driver.write();
        const Restart by_old = recover();
        driver.compaction.finish(driver.writer.written_bytes());
        janitor.start(&driver.compaction);
        while (sem_wait(&awake) != 0) {
        }
        while (sem_wait(&awake) != 0) {
        }
        assert_ptr_equal(janitor.reap(), &driver.compaction);
        driver.take_new();
        assert_true(by_old == recover());
        assert_true(meanwhile > 0);
    }
    janitor.stop();
    driver.expect_in_index(recover());
    sem_destroy(&awake);
}

void what_is_over_is_not_in_the_new_log(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(200);
    while (driver.writer.length_bytes() < 2'000'000) driver.steps(&random, 100);  // two batches
    driver.write();
    // Of strangers, removals stay; without them every record is a block or a generation.
    for (std::uint32_t name = 0; name < 200; ++name) {
        driver.remove(&random, Driver::key_of(kStranger, name));
    }
    driver.write();
    const Restart found = recover();
    std::size_t generations = 0;
    for (const std::uint64_t generation : found.generations) generations += generation != 0;
    driver.copy();
    driver.compaction.finish(driver.writer.written_bytes());
    driver.compaction.run();
    driver.take_new();
    struct Heard final : LogReader {
        std::size_t blocks = 0, strangers = 0, generations = 0, budgets = 0;
        void restart() noexcept override { blocks = strangers = generations = budgets = 0; }
        void take(const Record& record) noexcept override {
            if (record.kind == RecordKind::kSegment) {
                ++generations;
            } else if (record.kind == RecordKind::kBudget) {
                ++budgets;
            } else if (record.key.space == kStranger) {
                ++strangers;
            } else {
                assert_true(record.kind == RecordKind::kStored);
                ++blocks;
            }
        }
    } heard;
    LogReport report;
    assert_int_equal(read_log(shard, root.superblock, &heard, &report, {}), BWRT_OK);
    assert_int_equal(heard.generations, generations);
    assert_int_equal(heard.budgets, 1);
    // Those that were said again are there as often as they were said at this place.
    assert_true(heard.blocks >= driver.on_disk_count());
    assert_true(heard.blocks < 2 * driver.on_disk_count());
    assert_true(heard.strangers >= 200);
    assert_true(found == recover());
}

// Within a segment or to another, only its last place is told.
void a_block_that_moved_is_in_the_new_log_once(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(10);
    for (std::uint64_t i = 0; i < 40; ++i) {
        driver.store_in(&random, Driver::key_of(7, 4), i % 8, 4096);
    }
    driver.write();
    const Restart found = recover();
    assert_int_equal(found.blocks.size(), 1);
    driver.copy();
    driver.compaction.finish(driver.writer.written_bytes());
    driver.compaction.run();
    driver.take_new();
    const Restart by_new = recover();
    assert_true(by_new == found);
    std::size_t generations = 0;
    for (const std::uint64_t generation : found.generations) generations += generation != 0;
    assert_int_equal(by_new.records, generations + 1);
}

// Its segment is being emptied, or its bytes were found damaged: no record says so yet.
void a_block_that_the_index_has_lost_is_not_in_the_new_log(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(10);
    for (const std::uint32_t name : {1u, 2u}) driver.store(&random, Driver::key_of(7, name));
    driver.land_all();
    driver.write();
    driver.index.erase(driver.find(Driver::key_of(7, 1)));
    driver.copy();
    driver.compaction.finish(driver.writer.written_bytes());
    driver.compaction.run();
    driver.take_new();
    const Restart found = recover();
    assert_int_equal(found.blocks.size(), 1);
    assert_int_equal(found.blocks.count(name_of(Driver::key_of(7, 2))), 1);
}

// What was written while the first step ran is copied by it, but for the last of it.
void little_is_left_for_the_short_step(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(100);
    driver.begin();
    while (driver.writer.length_bytes() < 5 << 20) driver.steps(&random, 100);
    driver.write();
    driver.compaction.run();
    assert_int_equal(driver.compaction.state(), State::kCopied);
    struct stat draft = {};
    assert_int_equal(stat(path_of(2, ".new").c_str(), &draft), 0);
    assert_true(static_cast<std::uint64_t>(draft.st_size) + (1 << 20) + 4096 >=
                driver.writer.written_bytes());
}

// A writer that is in the middle of a change is waited for, not taken at either word.
void a_block_that_is_being_changed_is_waited_for(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(10);
    const BlockKey key = Driver::key_of(7, 4);
    driver.store(&random, key);
    driver.land_all();
    driver.write();
    const std::uint32_t entry = driver.find(key);
    driver.entries()[entry].version.begin();
    driver.begin();
    std::thread janitor([&] { driver.compaction.run(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // rather long than short
    driver.entries()[entry].version.end();
    janitor.join();
    assert_int_equal(driver.compaction.state(), State::kCopied);
    driver.compaction.finish(driver.writer.written_bytes());
    driver.compaction.run();
    driver.take_new();
    assert_int_equal(recover().blocks.count(name_of(key)), 1);
}

void bytes_that_were_not_said_to_be_written_are_not_read(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(20);
    driver.steps(&random, 100);
    driver.write();
    const Restart before = recover();
    // Half a record of a write that is on its way; then another half.
    const std::uint64_t end = driver.writer.written_bytes();
    assert_true(write_at(driver.file.fd(), std::string(128, 'x').data(), 128, end));
    driver.copy();
    assert_true(write_at(driver.file.fd(), std::string(4000, 'x').data(), 4000, end));
    driver.compaction.finish(end);
    driver.compaction.run();
    driver.take_new();
    assert_true(before == recover());
}

// ---- the old log stays

// By its bytes, and what a restart finds; and there is no draft.
struct Before {
    explicit Before(std::uint64_t number) : path(path_of(number)), bytes(bytes_of(path)) {}
    std::string path, bytes;
    bool is_still() const {
        return bytes_of(path) == bytes && !exists(path_of(2, ".new")) && !exists(path_of(2));
    }
};

void a_damaged_log_is_not_sealed_as_if_it_were_whole(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(20);
    driver.steps(&random, 200);
    driver.land_all();
    driver.write();
    const std::string whole = bytes_of(path_of(1));
    for (int round = 0; round < 60; ++round) {
        // In the first step or, behind what that read, in the second.
        const bool is_late = random.one_in(2);
        std::uint64_t offset = random.below(whole.size());
        if (is_late) {
            const std::uint64_t last = driver.writer.written_bytes() - sizeof(Record);
            offset = random.between(last, driver.writer.written_bytes() - 1);
            assert_int_equal(
                driver.compaction.begin(driver.file.fd(), last, last, 2, driver.spaces), BWRT_OK);
            driver.compaction.run();
            assert_int_equal(driver.compaction.state(), State::kCopied);
        }
        const char changed = static_cast<char>(whole[offset] ^ 1);
        assert_true(write_at(driver.file.fd(), &changed, 1, offset));
        const Before before(1);
        if (is_late) {
            driver.compaction.finish(driver.writer.written_bytes());
        } else {
            driver.begin();
        }
        driver.compaction.run();
        assert_int_equal(driver.compaction.state(), State::kFailed);
        assert_int_equal(driver.compaction.error().status, BWRT_E_CORRUPT);
        assert_true(before.is_still());
        assert_true(write_at(driver.file.fd(), &whole[offset], 1, offset));
    }
    assert_int_equal(ftruncate(driver.file.fd(), static_cast<off_t>(whole.size() - 1)), 0);
    driver.begin();
    driver.compaction.run();
    assert_int_equal(driver.compaction.state(), State::kFailed);
    assert_int_equal(driver.compaction.error().status, BWRT_E_TRUNCATED);
    assert_false(exists(path_of(2, ".new")));
}

// In a child: the call fails from the first step on, or from the second; then all is as it was, and
// the next attempt, in the parent, succeeds.
void whatever_call_fails_the_old_log_goes_on(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(30);
    driver.steps(&random, 200);
    driver.write();
    const Before before(1);
    const Restart found = recover();
    struct Case {
        int call;
        bool in_first, in_second;
    };
    for (const Case& one : {Case{SYS_pread64, true, false}, Case{SYS_openat2, true, false},
                            Case{SYS_getrandom, true, false}, Case{SYS_fchmod, true, false},
                            Case{SYS_pwrite64, true, true}, Case{SYS_fsync, true, true},
                            Case{SYS_renameat, false, true}}) {
        for (const int os_code : {EIO, ENOSPC}) {
            for (const bool second : {false, true}) {
                if (!(second ? one.in_second : one.in_first)) continue;
                const int outcome = in_a_child([&] {
                    driver.begin();
                    if (!second) fail_from_now_on(one.call, os_code);
                    driver.compaction.run();
                    if (second) {
                        if (driver.compaction.state() != State::kCopied) return 1;
                        fail_from_now_on(one.call, os_code);
                        driver.compaction.finish(driver.writer.written_bytes());
                        driver.compaction.run();
                    }
                    if (driver.compaction.state() != State::kFailed) return 2;
                    if (driver.compaction.error().os_code != os_code) return 3;
                    return driver.compaction.error().status ==
                                   (os_code == EIO ? BWRT_E_IO : BWRT_E_NOSPC)
                               ? 0
                               : 4;
                });
                if (outcome != 0) fail_msg("call %d, %d: %d", one.call, second, outcome);
                assert_true(before.is_still());
            }
        }
    }
    driver.copy();
    driver.compaction.finish(driver.writer.written_bytes());
    driver.compaction.run();
    driver.take_new();
    assert_true(found == recover());
}

// The new log may grow so far and no further, by a limit that stands for a disk that fills up.
void a_disk_that_fills_up_at_any_moment_leaves_the_old_log(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(60);
    driver.steps(&random, 300);
    driver.write();
    const Before before(1);
    rlimit unlimited = {};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    std::signal(SIGXFSZ, SIG_IGN);
    std::uint64_t limit = 0;
    for (;; limit += random.between(1, 700)) {
        const rlimit small = {limit, unlimited.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        driver.begin();
        driver.compaction.run();
        if (driver.compaction.state() == State::kCopied) {
            driver.compaction.finish(driver.writer.written_bytes());
            driver.compaction.run();
        }
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        if (driver.compaction.state() == State::kSwitched) break;
        assert_int_equal(driver.compaction.state(), State::kFailed);
        assert_int_equal(driver.compaction.error().status, BWRT_E_NOSPC);
        assert_true(before.is_still());
    }
    assert_true(limit > 4096);
    assert_true(exists(path_of(2)) && !exists(path_of(1)));
}

// The name is given, and nobody knows whether it lasts.
void a_new_log_whose_name_may_not_last_takes_no_records(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(30);
    driver.steps(&random, 100);
    driver.write();
    driver.copy();
    const int outcome = in_a_child([&] {
        fail_from_now_on(SYS_fsync, EIO, shard.directory.fd());
        driver.compaction.finish(driver.writer.written_bytes());
        driver.compaction.run();
        return driver.compaction.state() == State::kUnsure &&
                       driver.compaction.error().os_code == EIO
                   ? 0
                   : 1;
    });
    assert_int_equal(outcome, 0);
    assert_true(exists(path_of(1)) && exists(path_of(2)));
}

void one_that_is_given_up_leaves_nothing(void**) {
    Random random(bwrt::test::test_seed());
    Driver driver(30);
    driver.steps(&random, 100);
    driver.land_all();
    driver.write();
    const Before before(1);
    for (const int when : {0, 1, 2}) {
        driver.begin();
        if (when == 0) driver.compaction.cancel();
        driver.compaction.run();
        if (when > 0) {
            assert_int_equal(driver.compaction.state(), State::kCopied);
            assert_true(exists(path_of(2, ".new")));
            if (when == 1) driver.compaction.finish(driver.writer.written_bytes());
            driver.compaction.cancel();
            driver.compaction.run();
        }
        assert_int_equal(driver.compaction.state(), State::kFailed);
        assert_int_equal(driver.compaction.error().status, BWRT_E_CANCELLED);
        assert_true(before.is_still());
    }
}

void tenants_keep_the_numbers_of_when_it_began(void**) {
    Spaces spaces;
    for (const std::uint64_t space : {7ull, 0ull, ~0ull, 3ull}) {
        static_cast<void>(spaces.number_of(space));
    }
    const SpaceNumbers numbers(spaces);
    static_cast<void>(spaces.number_of(4));
    assert_int_equal(numbers.number_of(7), 0);
    assert_int_equal(numbers.number_of(0), 1);
    assert_int_equal(numbers.number_of(~std::uint64_t{0}), 2);
    assert_int_equal(numbers.number_of(3), 3);
    for (const std::uint64_t space : {1ull, 4ull, 8ull, ~0ull - 1}) {
        assert_int_equal(numbers.number_of(space), Spaces::kNone);
    }
    assert_int_equal(SpaceNumbers().number_of(0), Spaces::kNone);
}

}  // namespace

#define IN_A_SHARD(test) cmocka_unit_test_setup_teardown(test, enter_shard, leave_shard)

int main() {
    const CMUnitTest tests[] = {
        IN_A_SHARD(whenever_it_is_switched_a_restart_finds_the_same),
        IN_A_SHARD(beside_a_driver_that_goes_on_nothing_is_lost),
        IN_A_SHARD(what_is_over_is_not_in_the_new_log),
        IN_A_SHARD(a_block_that_moved_is_in_the_new_log_once),
        IN_A_SHARD(a_block_that_the_index_has_lost_is_not_in_the_new_log),
        IN_A_SHARD(little_is_left_for_the_short_step),
        IN_A_SHARD(a_block_that_is_being_changed_is_waited_for),
        IN_A_SHARD(bytes_that_were_not_said_to_be_written_are_not_read),
        IN_A_SHARD(a_damaged_log_is_not_sealed_as_if_it_were_whole),
        IN_A_SHARD(whatever_call_fails_the_old_log_goes_on),
        IN_A_SHARD(a_disk_that_fills_up_at_any_moment_leaves_the_old_log),
        IN_A_SHARD(a_new_log_whose_name_may_not_last_takes_no_records),
        IN_A_SHARD(one_that_is_given_up_leaves_nothing),
        cmocka_unit_test(tenants_keep_the_numbers_of_when_it_began),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
