// SPDX-License-Identifier: Apache-2.0
//
// test_shared_index.cpp — the file in which a writer's index is seen by others: whole, its owner's
// alone, found by who can read the store, and refused when it is not what it should be.

#include "runtime/store/shared_index.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "tests/store/folder.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::bytes_of;
using bwrt::test::put_bytes;
using Opened = SharedIndexReader::Opened;

constexpr std::uint32_t kBlocks = 1000;
constexpr std::uint32_t kSpaces = 8;
constexpr std::uint64_t kSegmentBytes = 16 << 20;

struct World {
    void* folder = nullptr;
    char indices[40] = "/dev/shm/bwrt-test-XXXXXX";
    StoreRoot root;
    OpenFile directory;

    [[nodiscard]] SharedName name(const char* shard = "0") const { return SharedName(root, shard); }
    [[nodiscard]] std::string path() const { return std::string(indices) + "/" + name().file; }
    [[nodiscard]] OpenFile opened() const {
        OpenFile copy;
        assert_int_equal(open_shared_directory(indices, &copy, {}), BWRT_OK);
        return copy;
    }
    void create(SharedIndexWriter* writer) const {
        assert_int_equal(writer->create(opened(), name(), kBlocks, kSpaces, {}), BWRT_OK);
    }
    [[nodiscard]] std::unique_ptr<SharedIndexWriter> publish() const {
        auto writer = std::make_unique<SharedIndexWriter>();
        create(writer.get());
        static_cast<void>(IndexWriter(writer->range(), kBlocks, 7));
        assert_int_equal(writer->publish(kSegmentBytes, {}), BWRT_OK);
        return writer;
    }
    Opened open(SharedIndexReader* reader) const { return reader->open(directory.fd(), name()); }
    [[nodiscard]] Opened try_open() const {
        SharedIndexReader reader;
        return open(&reader);
    }
    // With the file's bytes changed at this offset.
    template <typename Word>
    [[nodiscard]] Opened with(std::size_t offset, Word word) const {
        const std::string before = bytes_of(path());
        std::string changed = before;
        std::memcpy(changed.data() + offset, &word, sizeof word);
        put_bytes(path(), changed);
        const Opened opened = try_open();
        put_bytes(path(), before);
        return opened;
    }
};

World* world_of(void** state) { return static_cast<World*>(*state); }

int enter(void** state) {
    auto* world = new World;
    *state = world;
    if (mkdtemp(world->indices) == nullptr) return -1;
    if (bwrt::test::enter_folder(&world->folder) != 0) return -1;
    world->directory = world->opened();
    return open_root("s", 0, nullptr, Access::kCreate, &world->root, {});
}

int leave(void** state) {
    World* world = world_of(state);
    std::filesystem::remove_all(world->indices);
    void* folder = world->folder;
    delete world;
    return bwrt::test::leave_folder(&folder);
}

// ---- the file

void it_is_there_whole_and_its_owners_alone(void** state) {
    const World& world = *world_of(state);
    umask(0);
    const auto writer = world.publish();
    struct stat stat = {};
    assert_int_equal(lstat(world.path().c_str(), &stat), 0);
    assert_int_equal(stat.st_mode, S_IFREG | 0600);
    assert_int_equal(stat.st_size, SharedShape(kBlocks, kSpaces).file_bytes);
    assert_true(stat.st_blocks * 512 >= stat.st_size);  // nothing in it is still to be had
    assert_int_equal(std::distance(std::filesystem::directory_iterator(world.indices), {}), 1);
}

void it_has_no_name_before_it_is_published_and_no_draft_stays(void** state) {
    const World& world = *world_of(state);
    {
        SharedIndexWriter writer;
        world.create(&writer);
        assert_false(std::filesystem::exists(world.path()));
        assert_int_equal(world.try_open(), Opened::kNone);
    }
    assert_true(std::filesystem::is_empty(world.indices));
    // A draft of one who was killed, or anything else of that name.
    put_bytes(world.path() + ".new", "draft");
    const auto writer = world.publish();
    assert_int_equal(world.try_open(), Opened::kYes);
    assert_false(std::filesystem::exists(world.path() + ".new"));
}

void its_name_says_nothing_to_who_cannot_read_the_store(void** state) {
    World& world = *world_of(state);
    const std::string name = world.name().file;
    assert_int_equal(name.size(), 5 + 32);
    assert_string_not_equal(name.c_str(), world.name("1").file.c_str());
    StoreRoot other;
    std::filesystem::copy("s", "copy", std::filesystem::copy_options::recursive);
    assert_int_equal(chmod("copy", 0700), 0);
    assert_int_equal(open_root("copy", 0, nullptr, Access::kRead, &other, {}), BWRT_OK);
    assert_string_not_equal(name.c_str(), SharedName(other, "0").file.c_str());
    ++world.root.superblock.secret[0];
    assert_string_not_equal(name.c_str(), world.name().file.c_str());
}

void there_must_be_room_for_all_of_it(void** state) {
    const World& world = *world_of(state);
    const std::string small = std::string(world.indices) + "/small";
    assert_int_equal(mkdir(small.c_str(), 0700), 0);
    if (mount("none", small.c_str(), "tmpfs", 0, "size=1m") != 0) {
        print_message("no mount: %s\n", errno_name(errno));
        skip();
    }
    bwrt_error error = {};
    std::size_t left = 0;
    {
        OpenFile directory;
        assert_int_equal(open_shared_directory(small.c_str(), &directory, {}), BWRT_OK);
        SharedIndexWriter writer;
        error.status = writer.create(std::move(directory), world.name(), kBlocks, kSpaces,
                                     {&error, BWRT_NONE});
    }
    for (const auto& file : std::filesystem::directory_iterator(small)) left += file.exists();
    umount2(small.c_str(), MNT_DETACH);
    assert_int_equal(error.status, BWRT_E_NOSPC);
    assert_string_equal(error.field, "store.index_directory");
    assert_int_equal(error.os_code, ENOSPC);
    assert_int_equal(left, 0);
}

// ---- what is in it

void a_reader_sees_what_the_writer_has(void** state) {
    const World& world = *world_of(state);
    SharedIndexWriter writer;
    world.create(&writer);
    IndexWriter index(writer.range(), kBlocks, 7);
    assert_int_equal(writer.publish(kSegmentBytes, {}), BWRT_OK);
    SharedIndexReader reader;
    assert_int_equal(world.open(&reader), Opened::kYes);
    assert_int_equal(reader.segment_bytes(), kSegmentBytes);
    assert_int_equal(reader.space_count(), 0);
    writer.put_space(0, 77);
    writer.put_space(1, 88);
    assert_int_equal(reader.space_count(), 2);
    assert_int_equal(reader.space_at(1), 88);

    IndexKey key = {};
    key.tenant = 1;
    key.identity[3] = std::byte{9};
    std::uint32_t entry = 0;
    assert_int_equal(reader.index().find(key).found, Found::kMiss);
    assert_int_equal(index.insert(key, {4096, 0, 5, 6, kOnDisk}, {1, 2}, &entry),
                     IndexWriter::Inserted::kNew);
    BlockSeal seal;
    const BlockAnswer answer = reader.index().find(key, &seal);
    assert_int_equal(answer.found, Found::kHit);
    assert_int_equal(answer.fields.disk_segment, 6);
    assert_int_equal(seal.root_checksum, 2);
    index.update(entry, answer.fields);
    assert_int_not_equal(reader.index().find(key).version, answer.version);

    IndexKey seen = {};
    BlockFields fields;
    assert_true(reader.index().look_at(entry, &seen, &fields));
    assert_memory_equal(seen.identity, key.identity, sizeof seen.identity);
    assert_int_equal(seen.tenant, 1);
    assert_int_equal(fields.disk_page, 5);
    index.erase(entry);
    assert_false(reader.index().look_at(entry, &seen, &fields));
    assert_false(reader.index().look_at(kBlocks - 1, &seen, &fields));
}

void events_are_read_until_the_ring_has_gone_by(void** state) {
    const World& world = *world_of(state);
    const auto writer = world.publish();
    SharedIndexReader reader;
    assert_int_equal(world.open(&reader), Opened::kYes);
    assert_int_equal(reader.last_event(), 0);
    bwrt_event event = {};
    for (std::uint32_t i = 1; i <= kSharedEventCount; ++i) {
        event.part = i;
        writer->put_event(event);
    }
    assert_int_equal(reader.last_event(), kSharedEventCount);
    bwrt_event events[2];
    assert_true(reader.copy_events(1, 2, events));  // the oldest that are there
    assert_int_equal(events[0].part, 1);
    assert_int_equal(events[1].part, 2);
    writer->put_event(event);
    assert_false(reader.copy_events(1, 2, events));
    assert_true(reader.copy_events(2, 2, events));
}

// ---- lives

void a_writer_is_there_as_long_as_it_has_the_file(void** state) {
    const World& world = *world_of(state);
    auto writer = world.publish();
    SharedIndexReader reader, other;
    assert_int_equal(world.open(&reader), Opened::kYes);
    assert_int_equal(world.open(&other), Opened::kYes);
    assert_true(reader.has_writer() && other.has_writer());
    // A child that was forked has it, too, and does not keep it for him.
    const int answer = bwrt::test::in_a_child([&] { return reader.has_writer() ? 1 : 2; });
    assert_int_equal(answer, 1);
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(gate[1]);
        char byte;
        _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
    }
    writer.reset();
    assert_false(reader.has_writer() || other.has_writer());
    close(gate[0]);
    close(gate[1]);
    waitpid(child, nullptr, 0);
    assert_false(reader.is_retired());
    assert_true(reader.has_its_name(world.directory.fd(), world.name()));
}

void the_next_one_takes_the_name_and_tells_the_readers_of_the_last(void** state) {
    const World& world = *world_of(state);
    auto first = world.publish();
    SharedIndexReader before;
    assert_int_equal(world.open(&before), Opened::kYes);
    first.reset();
    const auto second = world.publish();
    assert_true(before.is_retired());
    assert_false(before.has_its_name(world.directory.fd(), world.name()));
    SharedIndexReader after;
    assert_int_equal(world.open(&after), Opened::kYes);
    assert_false(after.is_retired());
    assert_true(after.has_writer());

    retire_shared_index(world.directory.fd(), world.name());
    assert_true(after.is_retired());
    assert_int_equal(world.try_open(), Opened::kNone);
    retire_shared_index(world.directory.fd(), world.name());  // there is none
}

// ---- what it is not

void what_is_not_ours_is_not_opened(void** state) {
    const World& world = *world_of(state);
    static_cast<void>(world.publish());
    const std::string path = world.path();
    assert_int_equal(world.try_open(), Opened::kYes);
    for (const mode_t mode : {0640u, 0604u, 0620u}) {
        assert_int_equal(chmod(path.c_str(), mode), 0);
        assert_int_equal(world.try_open(), Opened::kOther);
    }
    assert_int_equal(chmod(path.c_str(), 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path.c_str(), 1, static_cast<gid_t>(-1)), 0);
        assert_int_equal(world.try_open(), Opened::kOther);
        assert_int_equal(chown(path.c_str(), 0, static_cast<gid_t>(-1)), 0);
    }
    assert_int_equal(world.try_open(), Opened::kYes);
    std::filesystem::rename(path, path + ".moved");
    std::filesystem::create_symlink(path + ".moved", path);
    assert_int_equal(world.try_open(), Opened::kOther);
    std::filesystem::remove(path);
    assert_int_equal(mkdir(path.c_str(), 0700), 0);
    assert_int_equal(world.try_open(), Opened::kOther);
    std::filesystem::remove(path);
    assert_int_equal(mkfifo(path.c_str(), 0600), 0);
    assert_int_equal(world.try_open(), Opened::kOther);
    // Who takes the name does not care what had it.
    std::filesystem::remove(path);
    put_bytes(path, "something else");
    static_cast<void>(world.publish());
    assert_int_equal(world.try_open(), Opened::kYes);
}

void what_is_not_whole_is_not_opened(void** state) {
    const World& world = *world_of(state);
    static_cast<void>(world.publish());
    const std::string whole = bytes_of(world.path());
    for (const std::size_t length : {std::size_t{0}, std::size_t{100}, kIndexPageBytes - 1,
                                     kIndexPageBytes, whole.size() / 2, whole.size() - 1}) {
        put_bytes(world.path(), whole.substr(0, length));
        assert_int_equal(world.try_open(), Opened::kOther);
    }
    put_bytes(world.path(), whole);
    assert_int_equal(world.try_open(), Opened::kYes);
    using Header = SharedHeader;
    constexpr auto kOther = Opened::kOther;
    assert_int_equal(world.with(offsetof(Header, magic), std::uint64_t{1}), kOther);
    assert_int_equal(world.with(offsetof(Header, format_version), std::uint32_t{2}), kOther);
    for (const std::uint32_t count : {0u, kBlocks - 1, kBlocks + 1, 1u << 27, 0xFFFF'FFFFu}) {
        assert_int_equal(world.with(offsetof(Header, block_count_max), count), kOther);
    }
    for (const std::uint32_t count : {0u, 1024u, 4097u, 0xFFFF'FFFFu}) {
        assert_int_equal(world.with(offsetof(Header, space_count_max), count), kOther);
    }
    assert_int_equal(world.with(offsetof(Header, event_count_max), std::uint32_t{1}), kOther);
    assert_int_equal(world.with(offsetof(Header, file_bytes), std::uint64_t{4096}), kOther);
    assert_int_equal(world.with(offsetof(Header, store_id), std::uint64_t{5}), kOther);
    assert_int_equal(world.with(offsetof(Header, shard), std::uint16_t{'1'}), kOther);
    const std::size_t index = SharedShape(kBlocks, kSpaces).index_offset_bytes;
    assert_int_equal(world.with(index, std::uint64_t{1}), kOther);
    assert_int_equal(
        world.with(index + offsetof(IndexHeader, block_count_max), std::uint32_t{kBlocks / 2}),
        kOther);
    // More spaces than there are are none.
    const auto spaces = std::uint32_t{kSpaces + 1};
    const std::string before = bytes_of(world.path());
    std::string changed = before;
    std::memcpy(changed.data() + offsetof(Header, space_count), &spaces, sizeof spaces);
    put_bytes(world.path(), changed);
    SharedIndexReader reader;
    assert_int_equal(world.open(&reader), Opened::kYes);
    assert_int_equal(reader.space_count(), kSpaces);
}

const CMUnitTest kTests[] = {
    cmocka_unit_test_setup_teardown(it_is_there_whole_and_its_owners_alone, enter, leave),
    cmocka_unit_test_setup_teardown(it_has_no_name_before_it_is_published_and_no_draft_stays, enter,
                                    leave),
    cmocka_unit_test_setup_teardown(its_name_says_nothing_to_who_cannot_read_the_store, enter,
                                    leave),
    cmocka_unit_test_setup_teardown(there_must_be_room_for_all_of_it, enter, leave),
    cmocka_unit_test_setup_teardown(a_reader_sees_what_the_writer_has, enter, leave),
    cmocka_unit_test_setup_teardown(events_are_read_until_the_ring_has_gone_by, enter, leave),
    cmocka_unit_test_setup_teardown(a_writer_is_there_as_long_as_it_has_the_file, enter, leave),
    cmocka_unit_test_setup_teardown(the_next_one_takes_the_name_and_tells_the_readers_of_the_last,
                                    enter, leave),
    cmocka_unit_test_setup_teardown(what_is_not_ours_is_not_opened, enter, leave),
    cmocka_unit_test_setup_teardown(what_is_not_whole_is_not_opened, enter, leave),
};

}  // namespace

int main() { return cmocka_run_group_tests(kTests, nullptr, nullptr); }
