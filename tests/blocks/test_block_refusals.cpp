// SPDX-License-Identifier: Apache-2.0
//
// test_block_refusals.cpp — what the description of a store, and a wave of block operations, cannot
// be: each refusal starts from one that is taken and breaks one thing; the field is named, the
// outputs are untouched, and nothing is kept.

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;

const StoreOf kBoth(16 * kMib, kDiskBytes);

// ---- stores

struct StoreRefusal {
    const char* field;
    bwrt_status status;
    void (*breaks)(bwrt_store*);
};

const char* const kEmptyPath[] = {""};
const char* const kNullPath[] = {nullptr};
char shard_of_65[66];

const StoreRefusal kStores[] = {
    {"store.struct_size", BWRT_E_ABI, [](bwrt_store* s) { s->struct_size = 0; }},
    {"store.struct_size", BWRT_E_ABI, [](bwrt_store* s) { s->struct_size = 80; }},
    {"store.flags", BWRT_E_INVAL, [](bwrt_store* s) { s->flags = 1u << 31; }},
    {"store.eviction", BWRT_E_INVAL, [](bwrt_store* s) { s->eviction = 4; }},
    {"store.directory_count", BWRT_E_INVAL, [](bwrt_store* s) { s->directory_count = 17; }},
    {"store.directories", BWRT_E_INVAL, [](bwrt_store* s) { s->directory_count = 0; }},
    {"store.directories", BWRT_E_INVAL, [](bwrt_store* s) { s->directories = nullptr; }},
    {"store.directories", BWRT_E_INVAL, [](bwrt_store* s) { s->directories = kEmptyPath; }},
    {"store.directories", BWRT_E_INVAL, [](bwrt_store* s) { s->directories = kNullPath; }},
    {"store.directories", BWRT_E_INVAL,
     [](bwrt_store* s) {
         s->directories = nullptr;
         s->directory_count = 0;
         s->disk_bytes = 0;
         s->transit_bytes = 0;
         s->host_bytes = 0;
     }},
    {"store.directories", BWRT_E_INVAL,
     [](bwrt_store* s) {  // disk_bytes is left
         s->directories = nullptr;
         s->directory_count = 0;
     }},
    {"store.disk_bytes", BWRT_E_INVAL, [](bwrt_store* s) { s->disk_bytes = kDiskBytes - 1; }},
    {"store.host_bytes", BWRT_E_INVAL, [](bwrt_store* s) { s->host_bytes = 16 * kMib - 1; }},
    {"store.transit_bytes", BWRT_E_INVAL, [](bwrt_store* s) { s->transit_bytes = 1 * kMib; }},
    {"store.block_count_max", BWRT_E_INVAL, [](bwrt_store* s) { s->block_count_max = 15; }},
    {"store.block_count_max", BWRT_E_INVAL,
     [](bwrt_store* s) { s->block_count_max = (1u << 27) + 1; }},
    {"store.block_bytes_max", BWRT_E_INVAL, [](bwrt_store* s) { s->block_bytes_max = 4095; }},
    {"store.block_bytes_max", BWRT_E_INVAL,
     [](bwrt_store* s) { s->block_bytes_max = (256u << 20) + 1; }},
    {"store.flight_count_max", BWRT_E_INVAL, [](bwrt_store* s) { s->flight_count_max = 1; }},
    {"store.flight_count_max", BWRT_E_INVAL, [](bwrt_store* s) { s->flight_count_max = 65537; }},
    {"store.lease_count_max", BWRT_E_INVAL,
     [](bwrt_store* s) { s->lease_count_max = (1u << 24) + 1; }},
    {"store.tenant_count_max", BWRT_E_INVAL, [](bwrt_store* s) { s->tenant_count_max = 4097; }},
    {"store.write_touch_count", BWRT_E_INVAL, [](bwrt_store* s) { s->write_touch_count = 16; }},
    {"store.shard", BWRT_E_INVAL, [](bwrt_store* s) { s->shard = ""; }},
    {"store.shard", BWRT_E_INVAL, [](bwrt_store* s) { s->shard = ".."; }},
    {"store.shard", BWRT_E_INVAL, [](bwrt_store* s) { s->shard = "../other"; }},
    {"store.shard", BWRT_E_INVAL, [](bwrt_store* s) { s->shard = "a/b"; }},
    {"store.shard", BWRT_E_INVAL, [](bwrt_store* s) { s->shard = "/etc"; }},
    {"store.shard", BWRT_E_INVAL, [](bwrt_store* s) { s->shard = shard_of_65; }},
};

void a_store_that_cannot_be_is_refused_by_field(void** state) {
    BlockWorld* world = world_of(state);
    std::memset(shard_of_65, 'x', 65);
    const char* directory = "s";
    for (const StoreRefusal& refusal : kStores) {
        bwrt_store store = kBoth.store;
        store.directories = &directory;
        store.directory_count = 1;
        refusal.breaks(&store);
        bwrt_config config = config_of_mode();
        config.store = &store;
        auto* untouched = reinterpret_cast<bwrt_runtime*>(8);
        bwrt_runtime* runtime = untouched;
        world->error = {};
        assert_int_equal(bwrt_open(&config, &runtime, &world->error), refusal.status);
        assert_ptr_equal(runtime, untouched);
        assert_string_equal(world->error.field, refusal.field);
        assert_int_not_equal(world->error.message[0], '\0');
    }
    world->open(kBoth);
}

// And with one less it is refused: above, but for the memories, which are as little as there is.
void a_store_may_be_as_small_as_the_header_says(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf least(2 * kMib, kDiskBytes, 2 * kMib, 4096);
    least.store.block_count_max = 16;
    least.store.flight_count_max = 2;
    least.store.tenant_count_max = least.store.lease_count_max = 1;
    least.store.write_touch_count = 1;
    world->open(least);
    assert_int_equal(put(world, {1, 0}, 4, 4096), BWRT_OK);
    assert_int_equal(look_up(world, {1, 0}, 4, 1000).leased_count, 1);
    assert_int_equal(get(world, {1, 0}, 4, 4096), BWRT_OK);
    world->close();

    for (std::uint64_t bwrt_store::*memory :
         {&bwrt_store::host_bytes, &bwrt_store::transit_bytes}) {
        StoreOf less = least;
        less.store.*memory -= 1;
        assert_int_equal(world->try_open(less), BWRT_E_INVAL);
    }
}

struct Sentence {
    const char* field;
    bwrt_status status;
    const char* words;
    void (*breaks)(bwrt_store*);
};

const Sentence kSentences[] = {
    {"store.eviction", BWRT_E_INVAL, "4 is outside 1 to 3", [](bwrt_store* s) { s->eviction = 4; }},
    {"store.host_bytes", BWRT_E_INVAL, "the limit is 16 TiB",
     [](bwrt_store* s) { s->host_bytes = (std::uint64_t{1} << 44) - 4096; }},
    {"store.transit_bytes", BWRT_E_INVAL, "the limit is 16 TiB",
     [](bwrt_store* s) { s->transit_bytes = std::uint64_t{1} << 62; }},
    {"store.disk_bytes", BWRT_E_INVAL, "134217728 bytes are less than",
     [](bwrt_store* s) { s->block_bytes_max = 32 * kMib; }},
    {"store.disk_bytes", BWRT_E_INVAL, "store.block_bytes_max 33554432",
     [](bwrt_store* s) { s->block_bytes_max = 32 * kMib; }},
};

void a_refusal_says_what_to_change(void** state) {
    BlockWorld* world = world_of(state);
    const char* directory = "s";
    for (const Sentence& sentence : kSentences) {
        bwrt_store store = kBoth.store;
        store.directories = &directory;
        store.directory_count = 1;
        store.disk_bytes = 128 * kMib;
        store.host_bytes = store.transit_bytes = 256 * kMib;
        sentence.breaks(&store);
        bwrt_config config = config_of_mode();
        config.store = &store;
        bwrt_runtime* runtime = nullptr;
        assert_int_equal(bwrt_open(&config, &runtime, &world->error), sentence.status);
        assert_string_equal(world->error.field, sentence.field);
        assert_non_null(std::strstr(world->error.message, sentence.words));
    }
    // The same, where it is the first writer's doing.
    world->open(StoreOf(0, std::uint64_t{4} << 30));
    world->close();
    assert_int_equal(world->try_open(StoreOf(0, 128 * kMib)), BWRT_E_INVAL);
    assert_string_equal(world->error.field, "store.disk_bytes");
    assert_non_null(std::strstr(world->error.message, "the shard's first writer"));
}

// ---- operations

struct Wave {
    Request* request;
    bwrt_operation* o;
    bwrt_block_options* options;
    bwrt_wave* w;
    bwrt_handle file, layout, read_only;
};

struct Refusal {
    const char* field;
    bwrt_status status;
    void (*breaks)(const Wave&);
};

const std::uint32_t kSlots[] = {0, 1, 2};

const Refusal kAnyBlocks[] = {
    {"operations[].flags", BWRT_E_INVAL, [](const Wave& x) { x.o->flags = 1u << 5; }},
    {"operations[].reserved", BWRT_E_INVAL, [](const Wave& x) { x.o->reserved = 1; }},
    {"operations[].slot_count", BWRT_E_INVAL, [](const Wave& x) { x.o->slot_count = 0; }},
    {"operations[].block_first", BWRT_E_RANGE, [](const Wave& x) { x.o->slot_count = 4; }},
    {"operations[].block_first", BWRT_E_RANGE, [](const Wave& x) { x.o->block_first = 1; }},
    {"operations[].block_first", BWRT_E_RANGE, [](const Wave& x) { x.o->block_first = 3; }},
    {"operations[].block_first", BWRT_E_RANGE, [](const Wave& x) { x.o->block_first = BWRT_NONE; }},
    {"operations[].block_first", BWRT_E_RANGE, [](const Wave& x) { x.o->slot_count = BWRT_NONE; }},
    {"operations[].row_count", BWRT_E_INVAL, [](const Wave& x) { x.o->row_count = 1; }},
    {"operations[].row_count", BWRT_E_INVAL, [](const Wave& x) { x.o->source_stride_bytes = 1; }},
    {"operations[].row_count", BWRT_E_INVAL, [](const Wave& x) { x.o->target_stride_bytes = 1; }},
    {"operations[].plane_first", BWRT_E_INVAL, [](const Wave& x) { x.o->plane_first = 1; }},
    {"operations[].plane_first", BWRT_E_INVAL, [](const Wave& x) { x.o->plane_count = 1; }},
    {"operations[].plane_first", BWRT_E_INVAL, [](const Wave& x) { x.o->image_offset_bytes = 1; }},
    {"operations[].group", BWRT_E_RANGE, [](const Wave& x) { x.o->group = 1 << 20; }},
    {"operations[].tier", BWRT_E_INVAL, [](const Wave& x) { x.o->tier = BWRT_TIER_DEVICE; }},
    {"operations[].tier", BWRT_E_INVAL, [](const Wave& x) { x.o->tier = 4; }},
    {"operations[].value_done", BWRT_E_INVAL, [](const Wave& x) { x.o->value_done = 1; }},
    {"blocks[].identity", BWRT_E_INVAL,
     [](const Wave& x) { std::memset(x.request->blocks[1].identity, 0, 32); }},
    {"wave.tenant", BWRT_E_INVAL, [](const Wave& x) { x.w->tenant = 9; }},
};

const Refusal kMoving[] = {
    // PUT and GET
    {"operations[].length_bytes", BWRT_E_INVAL, [](const Wave& x) { x.o->length_bytes = 0; }},
    {"operations[].length_bytes", BWRT_E_RANGE,
     [](const Wave& x) { x.o->length_bytes = 2 * kMib + 1; }},
    {"operations[].length_bytes", BWRT_E_RANGE,
     [](const Wave& x) { x.o->length_bytes = std::uint64_t{1} << 63; }},
    {"block_options.struct_size", BWRT_E_ABI, [](const Wave& x) { x.options->struct_size = 0; }},
    {"block_options.reserved", BWRT_E_INVAL, [](const Wave& x) { x.options->reserved = 1; }},
    {"block_options.closure", BWRT_E_INVAL, [](const Wave& x) { x.options->closure = 3; }},
    {"block_options.window_blocks", BWRT_E_INVAL,
     [](const Wave& x) { x.options->window_blocks = 1; }},
    {"operations[].flags", BWRT_E_INVAL,
     [](const Wave& x) { x.o->flags = BWRT_BLOCK_CONTINUES; }},  // and nothing before
};

const Refusal kPuts[] = {
    {"operations[].source", BWRT_E_HANDLE, [](const Wave& x) { x.o->source = 0; }},
    {"operations[].source", BWRT_E_HANDLE, [](const Wave& x) { x.o->source = x.file ^ 1u << 31; }},
    {"operations[].source", BWRT_E_INVAL, [](const Wave& x) { x.o->source = x.file; }},
    {"operations[].target", BWRT_E_INVAL, [](const Wave& x) { x.o->target = x.file; }},
    {"operations[].target_offset_bytes", BWRT_E_INVAL,
     [](const Wave& x) { x.o->target_offset_bytes = 1; }},
    {"operations[].target_slots", BWRT_E_INVAL, [](const Wave& x) { x.o->target_slots = kSlots; }},
    {"operations[].source_slots", BWRT_E_INVAL, [](const Wave& x) { x.o->source_slots = kSlots; }},
    {"operations[].source_offset_bytes", BWRT_E_RANGE,
     [](const Wave& x) { x.o->source_offset_bytes = ~std::uint64_t{0} - 100; }},
    {"operations[].source_offset_bytes", BWRT_E_RANGE,
     [](const Wave& x) {
         x.o->source = x.read_only;  // a page too short
         x.o->source_offset_bytes = 4096;
     }},
    {"operations[].source_slots", BWRT_E_INVAL,
     [](const Wave& x) {
         x.o->source = x.layout;
         x.o->source_offset_bytes = 0;
     }},
    {"operations[].flags", BWRT_E_INVAL,
     [](const Wave& x) {
         x.o->tier = BWRT_TIER_HOST;
         x.o->flags = BWRT_BLOCK_DURABLE;
     }},
    {"block_options.window_blocks", BWRT_E_INVAL,
     [](const Wave& x) { x.options->closure = BWRT_CLOSURE_WINDOW; }},
    {"block_options.window_blocks", BWRT_E_INVAL,
     [](const Wave& x) {
         x.options->closure = BWRT_CLOSURE_WINDOW;
         x.options->window_blocks = 2048;
     }},
};

const Refusal kGets[] = {
    {"operations[].flags", BWRT_E_INVAL, [](const Wave& x) { x.o->flags = BWRT_BLOCK_STRICT; }},
    {"operations[].flags", BWRT_E_INVAL, [](const Wave& x) { x.o->flags = BWRT_BLOCK_DURABLE; }},
    {"operations[].tier", BWRT_E_INVAL, [](const Wave& x) { x.o->tier = BWRT_TIER_HOST; }},
    {"operations[].target", BWRT_E_HANDLE, [](const Wave& x) { x.o->target = 0; }},
    {"operations[].target", BWRT_E_INVAL, [](const Wave& x) { x.o->target = x.file; }},
    {"operations[].target", BWRT_E_INVAL,
     [](const Wave& x) {
         x.o->target = x.read_only;
         x.o->target_offset_bytes = 0;
     }},
    {"operations[].source", BWRT_E_INVAL, [](const Wave& x) { x.o->source = x.layout; }},
    {"operations[].source_offset_bytes", BWRT_E_INVAL,
     [](const Wave& x) { x.o->source_offset_bytes = 1; }},
    {"operations[].target_slots", BWRT_E_INVAL, [](const Wave& x) { x.o->target_slots = kSlots; }},
    {"operations[].block_options", BWRT_E_INVAL, [](const Wave& x) { x.options->ttl_s = 1; }},
    {"operations[].block_options", BWRT_E_INVAL,
     [](const Wave& x) { x.options->access_count = 1; }},
    {"operations[].block_options", BWRT_E_INVAL,
     [](const Wave& x) { x.options->closure = BWRT_CLOSURE_LAST_STATE; }},
    {"operations[].target_slots", BWRT_E_RANGE,
     [](const Wave& x) {
         static const std::uint32_t kBeyond[] = {0, 4, 1};
         x.o->target = x.layout;
         x.o->target_offset_bytes = x.o->length_bytes = 0;
         x.o->target_slots = kBeyond;
     }},
    {"operations[].length_bytes", BWRT_E_INVAL,
     [](const Wave& x) {
         x.o->target = x.layout;
         x.o->target_offset_bytes = 0;
         x.o->target_slots = kSlots;
     }},
    {"block_options.layout_digest", BWRT_E_INVAL,
     [](const Wave& x) {
         x.o->target = x.layout;
         x.o->target_offset_bytes = x.o->length_bytes = 0;
         x.o->target_slots = kSlots;
         x.options->layout_digest = 1;
     }},
};

const Refusal kDrops[] = {
    {"operations[].flags", BWRT_E_INVAL, [](const Wave& x) { x.o->flags = BWRT_BLOCK_UNRELATED; }},
    {"operations[].source", BWRT_E_INVAL, [](const Wave& x) { x.o->source = x.file; }},
    {"operations[].target", BWRT_E_INVAL, [](const Wave& x) { x.o->target = x.file; }},
    {"operations[].length_bytes", BWRT_E_INVAL, [](const Wave& x) { x.o->length_bytes = 1; }},
    {"operations[].block_options", BWRT_E_INVAL,
     [](const Wave& x) { x.o->block_options = x.options; }},
    {"operations[].tier", BWRT_E_INVAL, [](const Wave& x) { x.o->tier = BWRT_TIER_HOST; }},
};

const Refusal kMoves[] = {
    {"operations[].tier", BWRT_E_INVAL, [](const Wave& x) { x.o->tier = BWRT_TIER_NONE; }},
    {"operations[].flags", BWRT_E_INVAL, [](const Wave& x) { x.o->flags = BWRT_BLOCK_DURABLE; }},
};

struct Kind {
    std::uint32_t kind;
    const Refusal* refusals;
    std::size_t count;
};

void expect_refusals(BlockWorld* world, Wave known, const Kind& kind) {
    for (std::size_t i = 0; i < kind.count; ++i) {
        const Refusal& refusal = kind.refusals[i];
        Request request(world, kind.kind, {1, 0}, 3);
        if (kind.kind == BWRT_OP_MOVE) request.operation.tier = BWRT_TIER_HOST;
        request.handle = 77;
        known.request = &request;
        known.o = &request.operation;
        known.options = &request.options;
        known.w = &request.wave;
        refusal.breaks(known);
        world->error = {};
        const bwrt_status status = request.submit();
        if (status != refusal.status || std::strcmp(world->error.field, refusal.field) != 0) {
            print_error("kind %u, refusal %zu: %s %s %s\n", kind.kind, i, bwrt_status_name(status),
                        world->error.field, world->error.message);
        }
        assert_int_equal(status, refusal.status);
        assert_string_equal(world->error.field, refusal.field);
        assert_int_equal(request.handle, 77);
    }
}

void an_operation_that_cannot_be_is_refused_by_field(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    Wave known = {};
    const int fd = pattern_file(4 * kMib);
    bwrt_region description = file_region_of(fd, 0, 0);
    assert_int_equal(bwrt_region_add(world->runtime, &description, &known.file, nullptr, nullptr),
                     BWRT_OK);
    close(fd);
    Bytes memory(3 * kLength + 4095);
    description = host_region_of(memory.data(), memory.size());
    description.flags = BWRT_REGION_READ_ONLY;
    assert_int_equal(
        bwrt_region_add(world->runtime, &description, &known.read_only, nullptr, nullptr), BWRT_OK);
    Bytes pages(4 * 4096);
    bwrt_plane plane = {};
    plane.region = BWRT_PROCESS_MEMORY;
    plane.offset_bytes = reinterpret_cast<std::uintptr_t>(pages.data());
    plane.slot_stride_bytes = 4096;
    plane.length_bytes = 4096;
    bwrt_layout layout = {};
    layout.struct_size = sizeof layout;
    layout.slot_count = 4;
    layout.block_bytes = 4096;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof plane;
    assert_int_equal(bwrt_layout_add(world->runtime, &layout, &known.layout, nullptr), BWRT_OK);

    for (std::uint32_t kind = BWRT_OP_PUT; kind <= BWRT_OP_UNPIN; ++kind) {
        expect_refusals(world, known, {kind, kAnyBlocks, std::size(kAnyBlocks)});
    }
    const Kind kinds[] = {
        {BWRT_OP_PUT, kMoving, std::size(kMoving)}, {BWRT_OP_GET, kMoving, std::size(kMoving)},
        {BWRT_OP_PUT, kPuts, std::size(kPuts)},     {BWRT_OP_GET, kGets, std::size(kGets)},
        {BWRT_OP_DROP, kDrops, std::size(kDrops)},  {BWRT_OP_UNPIN, kDrops, std::size(kDrops)},
        {BWRT_OP_MOVE, kMoves, std::size(kMoves)},
    };
    for (const Kind& kind : kinds) expect_refusals(world, known, kind);

    assert_int_equal(bwrt_release(world->runtime, known.layout, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, known.file, nullptr), BWRT_OK);
    assert_int_equal(sample_store(world).host.block_count, 0);
    assert_int_equal(put(world, {1, 0}, 3), BWRT_OK);
    assert_int_equal(get(world, {1, 0}, 3), BWRT_OK);
}

// submit() of a Request fills these in itself, so here they are filled by hand.
void a_wave_whose_blocks_cannot_be_is_refused_by_field(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kBoth);
    struct WaveRefusal {
        const char* field;
        bwrt_status status;
        void (*breaks)(bwrt_wave*);
    };
    const WaveRefusal refusals[] = {
        {"wave.blocks", BWRT_E_INVAL, [](bwrt_wave* w) { w->blocks = nullptr; }},
        {"wave.block_count", BWRT_E_INVAL, [](bwrt_wave* w) { w->block_count = 0; }},
        {"wave.block_bytes", BWRT_E_ABI, [](bwrt_wave* w) { w->block_bytes = 0; }},
        {"wave.block_bytes", BWRT_E_ABI, [](bwrt_wave* w) { w->block_bytes = 40; }},
        {"wave.blocks", BWRT_E_INVAL,
         [](bwrt_wave* w) {
             w->blocks = reinterpret_cast<const bwrt_block*>(
                 reinterpret_cast<std::uintptr_t>(w->blocks) + 1);
         }},
        {"wave.blocks", BWRT_E_INVAL,
         [](bwrt_wave* w) {
             w->blocks = nullptr;
             w->block_count = 0;
             w->block_bytes = 0;
         }},
        {"wave.results", BWRT_E_INVAL,
         [](bwrt_wave* w) {
             w->results = nullptr;
             w->result_count = w->result_bytes = 0;
         }},
    };
    for (const WaveRefusal& refusal : refusals) {
        Request pin(world, BWRT_OP_PIN, {1, 0}, 3);
        bwrt_wave wave = wave_of(&pin.operation, 1);
        wave.blocks = pin.blocks.data();
        wave.block_count = 3;
        wave.block_bytes = sizeof(bwrt_block);
        with_results(&wave, pin.results.data(), 3);
        refusal.breaks(&wave);
        world->error = {};
        bwrt_handle handle = 77;
        const bwrt_status status = bwrt_submit_wave(world->runtime, &wave, &handle, &world->error);
        assert_string_equal(world->error.field, refusal.field);
        assert_int_equal(status, refusal.status);
        assert_int_equal(handle, 77);
    }
}

void a_tier_that_is_not_there_cannot_be_asked_for(void** state) {
    BlockWorld* world = world_of(state);
    world->open(StoreOf(16 * kMib, 0));
    Request to_disk(world, BWRT_OP_PUT, {1, 0}, 1);
    to_disk.operation.tier = BWRT_TIER_DISK;
    assert_int_equal(to_disk.submit(), BWRT_E_UNSUPPORTED);
    to_disk.operation.tier = 0;
    to_disk.operation.flags = BWRT_BLOCK_DURABLE;
    assert_int_equal(to_disk.submit(), BWRT_E_UNSUPPORTED);
    world->close();
    world->open(StoreOf(0, kDiskBytes));
    Request prefetch(world, BWRT_OP_PREFETCH, {1, 0}, 1);
    assert_int_equal(prefetch.submit(), BWRT_E_UNSUPPORTED);
    Request pin(world, BWRT_OP_PIN, {1, 0}, 1);
    assert_int_equal(pin.submit(), BWRT_E_UNSUPPORTED);
    Request to_host(world, BWRT_OP_PUT, {1, 0}, 1);
    to_host.operation.tier = BWRT_TIER_HOST;
    assert_int_equal(to_host.submit(), BWRT_E_UNSUPPORTED);
    to_host.operation.tier = 0;
    assert_int_equal(to_host.run(), BWRT_OK);
}

void a_runtime_without_a_store_has_no_blocks(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_config config = config_of_mode();
    bwrt_runtime* runtime = nullptr;
    assert_int_equal(bwrt_open(&config, &runtime, nullptr), BWRT_OK);
    BlockWorld bare;
    bare.runtime = runtime;
    Request request(&bare, BWRT_OP_PUT, {1, 0}, 1);
    assert_int_equal(request.submit(), BWRT_E_UNSUPPORTED);
    assert_string_equal(bare.error.field, "wave.blocks");
    bwrt_store_counters counters = {};
    counters.struct_size = sizeof counters;
    assert_int_equal(bwrt_sample_store(runtime, &counters, nullptr), BWRT_E_UNSUPPORTED);
    std::uint64_t cursor = 0;
    bwrt_event event;
    std::uint32_t count = 0;
    assert_int_equal(bwrt_events(runtime, &cursor, &event, 1, &count, nullptr), BWRT_E_UNSUPPORTED);
    assert_int_equal(bwrt_shutdown(runtime, 0, kPatienceNs, nullptr), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, nullptr), BWRT_OK);
    static_cast<void>(world);
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_store_that_cannot_be_is_refused_by_field),
    IN_BLOCK_WORLD(a_store_may_be_as_small_as_the_header_says),
    IN_BLOCK_WORLD(a_refusal_says_what_to_change),
    IN_BLOCK_WORLD(an_operation_that_cannot_be_is_refused_by_field),
    IN_BLOCK_WORLD(a_wave_whose_blocks_cannot_be_is_refused_by_field),
    IN_BLOCK_WORLD(a_tier_that_is_not_there_cannot_be_asked_for),
    IN_BLOCK_WORLD(a_runtime_without_a_store_has_no_blocks),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES(kTests, 1, failures);
    return failures;
}
