// SPDX-License-Identifier: Apache-2.0
//
// test_readers.cpp — what a process that only reads a store finds in it while another one writes.

#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "tests/blocks/pair_world.h"

namespace {

using namespace bwrt::test;

constexpr std::uint64_t kHostBytes = 16 * kMib;

// ---- what is found

void a_reader_finds_and_gets_what_the_writer_has_put(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 4), BWRT_OK);

    const Answers answers = look_up(&pair->reader, {1, 0}, 5);
    assert_int_equal(answers.prefix_count, 4);
    for (std::size_t i = 0; i < 4; ++i) assert_int_equal(answers.of[i].tier, BWRT_TIER_DISK);
    assert_int_equal(answers.of[4].state, BWRT_LOOKUP_MISS);
    assert_int_equal(get(&pair->reader, {1, 0}, 4), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 4}), BWRT_E_MISS);
    assert_int_equal(tier_of_get(&pair->reader, {1, 2}), BWRT_TIER_DISK);
}

void a_reader_gets_blocks_of_any_length(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    std::uint32_t chain = 0;
    for (const std::uint64_t length : {1u, 4095u, 4096u, 65536u, 65537u, 200'000u, 2u << 20}) {
        assert_int_equal(put(&pair->writer, {++chain, 0}, 2, length), BWRT_OK);
        assert_int_equal(get(&pair->reader, {chain, 0}, 2, length), BWRT_OK);
        if (length > 1)
            assert_int_equal(get(&pair->reader, {chain, 0}, 1, length - 1), BWRT_E_MISS);
    }
}

void what_is_dropped_is_a_miss_to_a_reader_at_once(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 3), BWRT_OK);
    assert_string_equal(looks_like(&pair->reader, {1, 0}, 3).c_str(), "DDD");
    assert_int_equal(ask(&pair->writer, BWRT_OP_DROP, {1, 1}), BWRT_OK);

    assert_string_equal(looks_like(&pair->reader, {1, 0}, 3).c_str(), "D-D");
    assert_int_equal(get(&pair->reader, {1, 1}), BWRT_E_MISS);
    assert_int_equal(put(&pair->writer, {1, 1}), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}, 3), BWRT_OK);
}

void what_is_in_the_writers_memory_alone_is_a_hint(void** state) {
    Pair* pair = pair_of(state);
    pair->open(kHostBytes);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_HOST, {1, 0}), BWRT_OK);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_DISK, {2, 0}), BWRT_OK);
    assert_int_equal(ask(&pair->writer, BWRT_OP_PREFETCH, {2, 0}), BWRT_OK);
    settle(&pair->writer);

    assert_string_equal(looks_like(&pair->reader, {1, 0}).c_str(), "H");
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_E_MISS);
    assert_string_equal(looks_like(&pair->reader, {2, 0}).c_str(), "D");
    assert_int_equal(get(&pair->reader, {2, 0}), BWRT_OK);
}

// The prefix is what a GET of as many blocks would load.
void a_prefix_ends_at_what_is_in_the_writers_memory_alone(void** state) {
    Pair* pair = pair_of(state);
    pair->open(kHostBytes);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_DISK, {1, 0}, 2), BWRT_OK);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_HOST, {1, 2}), BWRT_OK);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_DISK, {1, 3}), BWRT_OK);
    settle(&pair->writer);
    assert_int_equal(look_up(&pair->writer, {1, 0}, 4).prefix_count, 4);

    const Answers answers = look_up(&pair->reader, {1, 0}, 4);
    assert_int_equal(answers.prefix_count, 2);
    assert_int_equal(answers.of[2].state, BWRT_LOOKUP_HIT);
    assert_int_equal(answers.of[2].tier, BWRT_TIER_HOST);
    assert_int_equal(answers.of[3].tier, BWRT_TIER_DISK);
    assert_int_equal(get(&pair->reader, {1, 0}, answers.prefix_count), BWRT_OK);

    assert_int_equal(ask(&pair->writer, BWRT_OP_MOVE, {1, 2}, 1, BWRT_TIER_DISK), BWRT_OK);
    assert_int_equal(look_up(&pair->reader, {1, 0}, 4).prefix_count, 4);
    assert_int_equal(get(&pair->reader, {1, 0}, 4), BWRT_OK);
}

void a_block_is_there_when_all_of_its_parts_are_on_disk(void** state) {
    Pair* pair = pair_of(state);
    pair->open(kHostBytes);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_DISK, {1, 0, 0}), BWRT_OK);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_HOST, {1, 0, 1}), BWRT_OK);
    settle(&pair->writer);

    assert_int_equal(look_up(&pair->reader, {1, 0}, 1, 0, 1).of[0].tier, BWRT_TIER_DISK);
    assert_int_equal(look_up(&pair->reader, {1, 0}, 1, 0, 2).of[0].tier, BWRT_TIER_HOST);
    assert_int_equal(look_up(&pair->reader, {1, 0}, 1, 0, 3).prefix_count, 0);
}

void a_block_that_is_being_stored_is_pending(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    hold_all(&pair->writer, IoKind::kWrite);
    Request request(&pair->writer, BWRT_OP_PUT, {1, 0}, 1);
    request.start();
    drive_until(&pair->writer, [&] { return pair->writer.storage->held_count() != 0; });

    assert_string_equal(looks_like(&pair->reader, {1, 0}).c_str(), "p");
    assert_int_equal(look_up(&pair->reader, {1, 0}).of[0].ready_ns, 0);
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_E_MISS);
    let_go(&pair->writer);
    assert_int_equal(request.finish(), BWRT_OK);
    assert_string_equal(looks_like(&pair->reader, {1, 0}).c_str(), "D");
}

void a_lookup_of_another_layout_is_a_miss(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    Request request(&pair->writer, BWRT_OP_PUT, {1, 0}, 1);
    request.options.layout_digest = 7;
    assert_int_equal(request.run(), BWRT_OK);

    Request other(&pair->reader, BWRT_OP_GET, {1, 0}, 1);
    assert_int_equal(other.run(), BWRT_E_MISS);
    Request same(&pair->reader, BWRT_OP_GET, {1, 0}, 1);
    same.options.layout_digest = 7;
    assert_int_equal(same.run(), BWRT_OK);
    assert_true(same.holds(0));

    Bytes page(kLength);
    bwrt_plane plane = {};
    plane.region = BWRT_PROCESS_MEMORY;
    plane.offset_bytes = reinterpret_cast<std::uintptr_t>(page.data());
    plane.length_bytes = kLength;
    bwrt_layout layout = {};
    layout.struct_size = sizeof layout;
    layout.slot_count = 1;
    layout.block_bytes = kLength;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof plane;
    bwrt_handle handle = 0;
    assert_int_equal(bwrt_layout_add(pair->reader.runtime, &layout, &handle, nullptr), BWRT_OK);
    assert_int_equal(look_up(&pair->reader, {1, 0}).prefix_count, 1);
    assert_int_equal(look_up(&pair->reader, {1, 0}, 1, 0, 0, handle).prefix_count, 0);
}

void a_block_is_spread_over_a_layout(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    Bytes pages(4 * kLength, kUntouched);
    bwrt_plane planes[2] = {};
    for (std::uint64_t i = 0; i < 2; ++i) {  // halves of the image, far from each other
        planes[i].region = BWRT_PROCESS_MEMORY;
        planes[i].offset_bytes = reinterpret_cast<std::uintptr_t>(pages.data()) + i * 2 * kLength;
        planes[i].length_bytes = kLength / 2;
        planes[i].group = static_cast<std::uint32_t>(i);
        planes[i].block_offset_bytes = i * kLength / 2;
    }
    bwrt_layout layout = {};
    layout.struct_size = sizeof layout;
    layout.slot_count = 4;
    layout.block_bytes = kLength;
    layout.planes = planes;
    layout.plane_count = 2;
    layout.plane_bytes = sizeof(bwrt_plane);
    bwrt_handle handles[2] = {};
    BlockWorld* const worlds[] = {&pair->writer, &pair->reader};
    for (std::size_t i = 0; i < 2; ++i) {
        assert_int_equal(bwrt_layout_add(worlds[i]->runtime, &layout, &handles[i], nullptr),
                         BWRT_OK);
    }
    Bytes image(kLength);
    fill_block(image.data(), {1, 0}, kLength);
    std::memcpy(pages.data(), image.data(), kLength / 2);
    std::memcpy(pages.data() + 2 * kLength, image.data() + kLength / 2, kLength / 2);
    const std::uint32_t from = 0, to = 3;
    Request source(&pair->writer, BWRT_OP_PUT, {1, 0}, 1);
    source.operation.source = handles[0];
    source.operation.source_offset_bytes = source.operation.length_bytes = 0;
    source.operation.source_slots = &from;
    assert_int_equal(source.run(), BWRT_OK);
    Request target(&pair->reader, BWRT_OP_GET, {1, 0}, 1);
    target.operation.target = handles[1];
    target.operation.target_offset_bytes = target.operation.length_bytes = 0;
    target.operation.target_slots = &to;
    bwrt_group_result groups[2];
    with_groups(&target.wave, groups, 2);
    assert_int_equal(target.run(), BWRT_OK);

    assert_memory_equal(pages.data() + 3 * kLength / 2, image.data(), kLength / 2);
    assert_memory_equal(pages.data() + 7 * kLength / 2, image.data() + kLength / 2, kLength / 2);
    for (const bwrt_group_result& group : groups) assert_int_equal(group.bytes, kLength / 2);
}

// ---- who has which rights

void tenants_are_told_apart_by_their_secrets(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    set_tenant(&pair->writer, 5, 0);
    Request request(&pair->writer, BWRT_OP_PUT, {1, 0}, 1);
    request.wave.tenant = 5;
    assert_int_equal(request.run(), BWRT_OK);

    Request unknown(&pair->reader, BWRT_OP_GET, {1, 0}, 1);
    unknown.wave.tenant = 5;
    assert_int_equal(unknown.submit(), BWRT_E_INVAL);
    assert_string_equal(pair->reader.error.field, "wave.tenant");
    unsigned char secret[32] = {1};
    bwrt_tenant other = {};
    other.struct_size = sizeof other;
    other.number = 6;
    other.secret = secret;
    assert_int_equal(bwrt_tenant_set(pair->reader.runtime, &other, nullptr), BWRT_OK);
    assert_int_equal(look_up(&pair->reader, {1, 0}, 1, 0, 0, 0, 6).prefix_count, 0);
    set_tenant(&pair->reader, 5, 0);
    assert_int_equal(look_up(&pair->reader, {1, 0}, 1, 0, 0, 0, 5).prefix_count, 1);
    assert_int_equal(look_up(&pair->reader, {1, 0}).prefix_count, 0);
    Request known(&pair->reader, BWRT_OP_GET, {1, 0}, 1);
    known.wave.tenant = 5;
    assert_int_equal(known.run(), BWRT_OK);
    assert_true(known.holds(0));

    // One that the writer has later than the reader.
    set_tenant(&pair->reader, 9, 0);
    assert_int_equal(look_up(&pair->reader, {1, 0}, 1, 0, 0, 0, 9).prefix_count, 0);
    set_tenant(&pair->writer, 9, 0);
    Request late(&pair->writer, BWRT_OP_PUT, {1, 0}, 1);
    late.wave.tenant = 9;
    assert_int_equal(late.run(), BWRT_OK);
    assert_int_equal(look_up(&pair->reader, {1, 0}, 1, 0, 0, 0, 9).prefix_count, 1);
}

void tenants_that_a_reader_cannot_have_are_refused(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    unsigned char secret[32] = {3};
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.number = 4;
    const auto set = [&] {
        return bwrt_tenant_set(pair->reader.runtime, &tenant, &pair->reader.error);
    };
    assert_int_equal(set(), BWRT_E_INVAL);  // new, and without a secret
    tenant.secret = secret;
    tenant.host_quota_bytes = 1;
    assert_int_equal(set(), BWRT_E_UNSUPPORTED);
    assert_string_equal(pair->reader.error.field, "tenant.host_quota_bytes");
    tenant.host_quota_bytes = 0;
    tenant.disk_quota_bytes = 1;
    assert_int_equal(set(), BWRT_E_UNSUPPORTED);
    assert_string_equal(pair->reader.error.field, "tenant.disk_quota_bytes");
    tenant.disk_quota_bytes = 0;
    assert_int_equal(set(), BWRT_OK);
    assert_int_equal(set(), BWRT_OK);
    secret[0] = 4;
    assert_int_equal(set(), BWRT_E_BUSY);
    assert_string_equal(pair->reader.error.field, "tenant.secret");
}

void what_is_the_writers_is_refused_to_a_reader(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    const std::pair<std::uint32_t, std::string> kinds[] = {
        {BWRT_OP_PUT, "PUT"},   {BWRT_OP_PREFETCH, "PREFETCH"}, {BWRT_OP_MOVE, "MOVE"},
        {BWRT_OP_DROP, "DROP"}, {BWRT_OP_PIN, "PIN"},           {BWRT_OP_UNPIN, "UNPIN"}};
    for (const auto& [kind, name] : kinds) {
        Request request(&pair->reader, kind, {1, 0}, 1);
        if (kind == BWRT_OP_MOVE) request.operation.tier = BWRT_TIER_DISK;
        assert_int_equal(request.submit(), BWRT_E_UNSUPPORTED);
        assert_string_equal(pair->reader.error.field, "operations[].kind");
        assert_string_equal(
            pair->reader.error.message,
            (name + " is for the shards' writers: a reader of a store GETs").c_str());
        assert_int_equal(pair->reader.error.operation_index, 0);
    }
    const bwrt_block block = block_of({1, 0});
    bwrt_lookup_query query = {};
    query.struct_size = sizeof query;
    query.identities = block.identity;
    query.identity_count = 1;
    query.lease_ms = 1;
    std::uint32_t prefix_count = 77;
    assert_int_equal(bwrt_lookup(pair->reader.runtime, &query, nullptr, &prefix_count, nullptr,
                                 &pair->reader.error),
                     BWRT_E_UNSUPPORTED);
    assert_string_equal(pair->reader.error.field, "query.lease_ms");
    assert_int_equal(prefix_count, 77);
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
}

struct StoreRefusal {
    const char* field;
    bwrt_status status;
    void (*breaks)(bwrt_store*);
};

const char* const kNoStore[] = {"."};

const StoreRefusal kReaders[] = {
    {"store.flags", BWRT_E_INVAL, [](bwrt_store* s) { s->flags |= BWRT_STORE_SHARED; }},
    {"store.flags", BWRT_E_INVAL, [](bwrt_store* s) { s->flags |= 8; }},
    {"store.shard", BWRT_E_INVAL, [](bwrt_store* s) { s->shard = "0"; }},
    {"store.disk_bytes", BWRT_E_INVAL, [](bwrt_store* s) { s->disk_bytes = kDiskBytes; }},
    {"store.host_bytes", BWRT_E_INVAL, [](bwrt_store* s) { s->host_bytes = kHostBytes; }},
    {"store.write_bytes_per_day", BWRT_E_INVAL, [](bwrt_store* s) { s->write_bytes_per_day = 1; }},
    {"store.block_count_max", BWRT_E_INVAL, [](bwrt_store* s) { s->block_count_max = 16; }},
    {"store.lease_count_max", BWRT_E_INVAL, [](bwrt_store* s) { s->lease_count_max = 1; }},
    {"store.write_touch_count", BWRT_E_INVAL, [](bwrt_store* s) { s->write_touch_count = 1; }},
    {"store.transit_bytes", BWRT_E_INVAL, [](bwrt_store* s) { s->transit_bytes = 1 * kMib; }},
    {"store.flight_count_max", BWRT_E_INVAL, [](bwrt_store* s) { s->flight_count_max = 1; }},
    {"store.directories", BWRT_E_INVAL, [](bwrt_store* s) { s->directories = nullptr; }},
    {"store.directories", BWRT_E_INVAL,
     [](bwrt_store* s) {
         s->directories = nullptr;
         s->directory_count = 0;
         s->transit_bytes = 0;
         s->index_directory = nullptr;
     }},
    {"store.directories", BWRT_E_FORMAT, [](bwrt_store* s) { s->directories = kNoStore; }},
    {"store.index_directory", BWRT_E_IO, [](bwrt_store* s) { s->index_directory = "none"; }},
    {"store.index_directory", BWRT_E_INVAL, [](bwrt_store* s) { s->index_directory = "/proc"; }},
};

const StoreRefusal kWriters[] = {
    {"store.index_directory", BWRT_E_IO, [](bwrt_store* s) { s->index_directory = "none"; }},
    {"store.index_directory", BWRT_E_INVAL, [](bwrt_store* s) { s->index_directory = "/proc"; }},
    {"store.flags", BWRT_E_INVAL,
     [](bwrt_store* s) {
         s->directories = nullptr;
         s->directory_count = 0;
         s->disk_bytes = s->transit_bytes = 0;
         s->host_bytes = kHostBytes;
     }},
    {"store.index_directory", BWRT_E_INVAL,
     [](bwrt_store* s) {
         s->flags = 0;
         s->directories = nullptr;
         s->directory_count = 0;
         s->disk_bytes = s->transit_bytes = 0;
         s->host_bytes = kHostBytes;
     }},
};

void refuse(const StoreOf& given, const StoreRefusal& refusal) {
    const char* directory = "s";
    bwrt_store store = given.store;
    store.directories = &directory;
    store.directory_count = 1;
    refusal.breaks(&store);
    bwrt_config config = config_of_mode();
    config.store = &store;
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    assert_int_equal(bwrt_open(&config, &runtime, &error), refusal.status);
    assert_string_equal(error.field, refusal.field);
    assert_int_not_equal(error.message[0], '\0');
}

void what_cannot_be_read_or_shared_is_refused_by_field(void** state) {
    Pair* pair = pair_of(state);
    pair->writer.open(pair->shared());
    for (const StoreRefusal& refusal : kReaders) refuse(pair->reading(), refusal);
    pair->writer.close();
    for (const StoreRefusal& refusal : kWriters) refuse(pair->shared(), refusal);
    assert_int_equal(indices_of(*pair).size(), 1);  // no draft is left
    pair->open();
}

void a_reader_of_a_folder_that_is_none_makes_nothing(void** state) {
    Pair* pair = pair_of(state);
    assert_int_equal(pair->reader.try_open(pair->reading()), BWRT_E_IO);
    assert_false(std::filesystem::exists("s"));
    assert_int_equal(mkdir("s", 0700), 0);
    assert_int_equal(pair->reader.try_open(pair->reading()), BWRT_E_FORMAT);
    assert_true(std::filesystem::is_empty("s"));
}

// Names, lengths, times and bytes of all there is.
std::string image_of(const std::string& folder) {
    std::vector<std::string> paths;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
        paths.push_back(file.path().string());
    }
    std::sort(paths.begin(), paths.end());
    std::string image;
    for (const std::string& path : paths) {
        struct stat about = {};
        assert_int_equal(lstat(path.c_str(), &about), 0);
        image += path + " " + std::to_string(about.st_size) + " " +
                 std::to_string(about.st_mtim.tv_nsec) + " " +
                 std::to_string(about.st_ctim.tv_nsec) + "\n";
        if (S_ISREG(about.st_mode) && about.st_size <= 4096) image += bwrt::test::bytes_of(path);
    }
    return image;
}

void a_reader_changes_nothing_and_locks_nobody_out(void** state) {
    Pair* pair = pair_of(state);
    pair->writer.open(pair->shared());
    assert_int_equal(put(&pair->writer, {1, 0}, 8), BWRT_OK);
    pair->writer.close();
    const std::string before = image_of("s") + image_of(pair->indices);

    pair->reader.open(pair->reading());
    assert_int_equal(get(&pair->reader, {1, 0}, 8), BWRT_OK);
    assert_int_equal(get(&pair->reader, {2, 0}), BWRT_E_MISS);
    pair->let_reader_look();
    assert_int_equal(get(&pair->reader, {2, 0}), BWRT_E_MISS);
    pair->reader.close();
    assert_string_equal((image_of("s") + image_of(pair->indices)).c_str(), before.c_str());

    pair->reader.open(pair->reading());
    pair->writer.open(pair->shared());
    assert_int_equal(get(&pair->writer, {1, 0}, 8), BWRT_OK);
}

// ---- writers that come and go

void what_a_writer_that_ended_left_on_disk_is_read(void** state) {
    Pair* pair = pair_of(state);
    pair->open(kHostBytes);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_DISK, {1, 0}, 3), BWRT_OK);
    assert_int_equal(put_to(&pair->writer, BWRT_TIER_HOST, {2, 0}), BWRT_OK);
    settle(&pair->writer);
    assert_string_equal(looks_like(&pair->reader, {2, 0}).c_str(), "H");
    pair->writer.close();

    pair->let_reader_look();
    assert_string_equal(looks_like(&pair->reader, {1, 0}, 3).c_str(), "DDD");
    assert_string_equal(looks_like(&pair->reader, {2, 0}).c_str(), "-");
    assert_int_equal(get(&pair->reader, {1, 0}, 3), BWRT_OK);
    pair->reader.open_again(pair->reading());  // one that never saw the writer
    assert_string_equal(looks_like(&pair->reader, {2, 0}).c_str(), "-");
    assert_int_equal(get(&pair->reader, {1, 0}, 3), BWRT_OK);
}

void a_writer_that_begins_anew_is_followed_at_once(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 3), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}, 3), BWRT_OK);
    for (std::uint32_t life = 0; life < 3; ++life) {
        pair->writer.open_again(pair->shared());
        assert_int_equal(put(&pair->writer, {2 + life, 0}, 2), BWRT_OK);
        // By a lookup, or by a GET.
        if (life % 2 == 0) look_until(&pair->reader, {2 + life, 0}, 3, "DD-");
        assert_int_equal(get(&pair->reader, {2 + life, 0}, 2), BWRT_OK);
        assert_int_equal(get(&pair->reader, {1, 0}, 3), BWRT_OK);
        assert_int_equal(indices_of(*pair).size(), 1);
    }
}

void what_stays_is_never_missed_while_its_writer_begins_anew(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 3), BWRT_OK);
    std::atomic<bool> is_over{false};
    std::atomic<std::uint32_t> looked{0}, missed{0};
    std::thread asker([&] {
        while (!is_over) {
            ++looked;
            if (look_up(&pair->reader, {1, 0}, 3).prefix_count != 3) ++missed;
        }
    });
    for (int life = 0; life < 10; ++life) {
        pair->writer.open_again(pair->shared());
        for (int i = 0; i < 10; ++i) {
            if (get(&pair->reader, {1, 0}, 3) != BWRT_OK) ++missed;
        }
        const std::uint32_t before = looked;
        while (looked < before + 10) usleep(100);
    }
    is_over = true;
    asker.join();
    assert_int_equal(missed, 0);
}

void a_shard_that_comes_is_found_after_a_while(void** state) {
    Pair* pair = pair_of(state);
    StoreOf other = pair->shared();
    other.store.shard = "other";
    pair->writer.open(other);
    pair->writer.close();
    for (const bool by_lookup : {true, false}) {
        pair->reader.open(pair->reading());
        StoreOf store = pair->shared();
        store.store.shard = by_lookup ? "a" : "b";
        pair->writer.open(store);
        const Key key = {by_lookup ? 1u : 2u, 0};
        assert_int_equal(put(&pair->writer, key), BWRT_OK);

        let_time_pass(&pair->reader, 200'000'000);
        if (by_lookup) look_until(&pair->reader, key, 1, "D");
        assert_int_equal(get(&pair->reader, key), BWRT_OK);
        pair->reader.close();
        pair->writer.close();
    }
}

void a_writer_that_does_not_share_takes_away_what_was_shared(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
    StoreOf alone = pair->shared();
    alone.store.flags = 0;
    pair->writer.open_again(alone);
    assert_int_equal(ask(&pair->writer, BWRT_OP_DROP, {1, 0}), BWRT_OK);

    assert_true(indices_of(*pair).empty());
    look_until(&pair->reader, {1, 0}, 1, "-");
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_E_MISS);
    pair->writer.open_again(pair->shared());
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    pair->let_reader_look();
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
}

// Its index in memory has its name for ever.
void a_shard_that_is_removed_after_its_writer_was_killed_is_gone(void** state) {
    // Its writer is a child with threads of its own, of a process that has some already.
    if (kThreadSanitizer) skip();
    Pair* pair = pair_of(state);
    pair->open();
    const int status = in_a_child([&] {
        BlockWorld killed;
        StoreOf store = pair->shared();
        store.store.shard = "killed";
        killed.open(store);
        return put(&killed, {1, 0}, 2) == BWRT_OK ? 0 : 1;
    });
    assert_int_equal(status, 0);
    pair->let_reader_look();
    assert_string_equal(looks_like(&pair->reader, {1, 0}, 3).c_str(), "DD-");
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);

    std::filesystem::remove_all("s/shards/killed");
    assert_int_equal(indices_of(*pair).size(), 2);
    pair->let_reader_look();
    assert_string_equal(looks_like(&pair->reader, {1, 0}, 3).c_str(), "---");
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_E_MISS);
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    assert_string_equal(looks_like(&pair->reader, {1, 0}, 3).c_str(), "D--");
    assert_int_equal(get(&pair->reader, {1, 0}), BWRT_OK);
}

// A file system that hangs, or a janitor that has other work: its jobs wait until they are let go.
// Before it ends a test lets all go: where time passes, one more begins with its last look.
class SlowJanitor final : public bwrt::runtime::Janitor {
 public:
    explicit SlowJanitor(BlockWorld* world) : world_(world) {}

    void start(bwrt::runtime::Job* job) noexcept override {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            started_.push_back(job);
            ++started_count_;
            if (holds_) return;
        }
        let_go();
    }
    bwrt::runtime::Job* reap() noexcept override {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (finished_.empty()) return nullptr;
        bwrt::runtime::Job* job = finished_.front();
        finished_.erase(finished_.begin());
        return job;
    }
    [[nodiscard]] bool is_idle() const noexcept override {
        const std::lock_guard<std::mutex> lock(mutex_);
        return started_.empty() && finished_.empty();
    }
    [[nodiscard]] std::size_t started_count() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return started_count_;
    }
    void let_go() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            for (bwrt::runtime::Job* job : started_) {
                job->run();
                finished_.push_back(job);
            }
            started_.clear();
        }
        world_->storage->wake();
    }
    void let_all_go() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            holds_ = false;
        }
        let_go();
    }

 private:
    BlockWorld* world_;
    mutable std::mutex mutex_;
    std::vector<bwrt::runtime::Job*> started_, finished_;
    std::size_t started_count_ = 0;
    bool holds_ = true;
};

std::unique_ptr<SlowJanitor> janitor_now;  // a test that fails leaves its world to be closed

void lookups_and_events_do_not_wait_for_directories(void** state) {
    Pair* pair = pair_of(state);
    StoreOf other = pair->shared();
    other.store.shard = "other";
    pair->writer.open(other);
    pair->writer.close();
    janitor_now = std::make_unique<SlowJanitor>(&pair->reader);
    pair->reader.janitor = janitor_now.get();
    pair->reader.open(pair->reading());
    pair->writer.open(pair->shared());
    assert_int_equal(put(&pair->writer, {1, 0}), BWRT_OK);
    let_time_pass(&pair->reader, 200'000'000);

    std::uint64_t cursor = 0;
    const std::uint64_t until_ns = monotonic_ns() + static_cast<std::uint64_t>(kPatienceNs);
    while (janitor_now->started_count() == 0) {
        assert_string_equal(looks_like(&pair->reader, {1, 0}).c_str(), "-");
        assert_true(monotonic_ns() < until_ns);
    }
    for (int i = 0; i < 1000; ++i) {
        assert_string_equal(looks_like(&pair->reader, {1, 0}).c_str(), "-");
        assert_int_equal(take_events(&pair->reader, &cursor).size(), i == 0 ? 1 : 0);
    }
    assert_int_equal(janitor_now->started_count(), 1);
    janitor_now->let_go();
    assert_string_equal(looks_like(&pair->reader, {1, 0}).c_str(), "D");
    assert_int_equal(take_events(&pair->reader, &cursor).size(), 2);  // begins anew

    let_time_pass(&pair->reader, 200'000'000);  // and so it goes on, by events alone
    StoreOf third = pair->shared();
    third.store.shard = "third";
    pair->writer.open_again(third);
    assert_int_equal(put(&pair->writer, {2, 0}), BWRT_OK);
    while (janitor_now->started_count() == 1) {
        assert_int_equal(take_events(&pair->reader, &cursor).size(), 0);
        assert_true(monotonic_ns() < until_ns);
    }
    janitor_now->let_all_go();
    assert_int_equal(take_events(&pair->reader, &cursor).size(), 3);
}

void all_shards_are_read(void** state) {
    Pair* pair = pair_of(state);
    BlockWorld second;
    StoreOf store = pair->shared();
    store.store.shard = "second";
    second.open(store);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 2), BWRT_OK);
    assert_int_equal(put(&second, {1, 2}, 2), BWRT_OK);
    assert_int_equal(put(&second, {1, 0}, 1), BWRT_OK);  // in both

    assert_string_equal(looks_like(&pair->reader, {1, 0}, 5).c_str(), "DDDD-");
    assert_int_equal(get(&pair->reader, {1, 0}, 4), BWRT_OK);
    assert_int_equal(ask(&pair->writer, BWRT_OP_DROP, {1, 0}), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 0}, 4), BWRT_OK);
    assert_int_equal(second.close_with(BWRT_SHUTDOWN_DRAIN), 0);
    delete second.clock;
}

const CMUnitTest kTests[] = {
    IN_PAIR(a_reader_finds_and_gets_what_the_writer_has_put),
    IN_PAIR(a_reader_gets_blocks_of_any_length),
    IN_PAIR(what_is_dropped_is_a_miss_to_a_reader_at_once),
    IN_PAIR(what_is_in_the_writers_memory_alone_is_a_hint),
    IN_PAIR(a_prefix_ends_at_what_is_in_the_writers_memory_alone),
    IN_PAIR(a_block_is_there_when_all_of_its_parts_are_on_disk),
    IN_PAIR(a_block_that_is_being_stored_is_pending),
    IN_PAIR(a_lookup_of_another_layout_is_a_miss),
    IN_PAIR(a_block_is_spread_over_a_layout),
    IN_PAIR(tenants_are_told_apart_by_their_secrets),
    IN_PAIR(tenants_that_a_reader_cannot_have_are_refused),
    IN_PAIR(what_is_the_writers_is_refused_to_a_reader),
    IN_PAIR(what_cannot_be_read_or_shared_is_refused_by_field),
    IN_PAIR(a_reader_of_a_folder_that_is_none_makes_nothing),
    IN_PAIR(a_reader_changes_nothing_and_locks_nobody_out),
    IN_PAIR(what_a_writer_that_ended_left_on_disk_is_read),
    IN_PAIR(a_writer_that_begins_anew_is_followed_at_once),
    IN_PAIR(what_stays_is_never_missed_while_its_writer_begins_anew),
    IN_PAIR(a_shard_that_comes_is_found_after_a_while),
    IN_PAIR(a_writer_that_does_not_share_takes_away_what_was_shared),
    IN_PAIR(a_shard_that_is_removed_after_its_writer_was_killed_is_gone),
    IN_PAIR(lookups_and_events_do_not_wait_for_directories),
    IN_PAIR(all_shards_are_read),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_ALL_MODES(kTests, failures);
    return failures;
}
