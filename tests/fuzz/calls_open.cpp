// SPDX-License-Identifier: Apache-2.0
//
// calls_open.cpp — a runtime, with a store or without: its limits are small, then one field is
// overwritten with any number, unless what would open were larger than an input has time for.

#include <cstddef>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr Field kConfigFields[] = {
    BWRT_FUZZ_FIELD(bwrt_config, struct_size),
    BWRT_FUZZ_FIELD(bwrt_config, progress),
    BWRT_FUZZ_FIELD(bwrt_config, storage),
    BWRT_FUZZ_FIELD(bwrt_config, wave_count_max),
    BWRT_FUZZ_FIELD(bwrt_config, region_count_max),
    BWRT_FUZZ_FIELD(bwrt_config, layout_count_max),
    BWRT_FUZZ_FIELD(bwrt_config, plane_count_max),
    BWRT_FUZZ_FIELD(bwrt_config, group_count_max),
    BWRT_FUZZ_FIELD(bwrt_config, io_bytes_max),
    BWRT_FUZZ_FIELD(bwrt_config, staging_count),
    BWRT_FUZZ_FIELD(bwrt_config, reserved),
    BWRT_FUZZ_FIELD(bwrt_config, slot_count_max),
    BWRT_FUZZ_FIELD(bwrt_config, operation_count_max),
};

constexpr Field kStoreFields[] = {
    BWRT_FUZZ_FIELD(bwrt_store, struct_size),
    BWRT_FUZZ_FIELD(bwrt_store, flags),
    BWRT_FUZZ_FIELD(bwrt_store, disk_bytes),
    BWRT_FUZZ_FIELD(bwrt_store, host_bytes),
    BWRT_FUZZ_FIELD(bwrt_store, transit_bytes),
    BWRT_FUZZ_FIELD(bwrt_store, write_bytes_per_day),
    BWRT_FUZZ_FIELD(bwrt_store, directory_count),
    BWRT_FUZZ_FIELD(bwrt_store, block_count_max),
    BWRT_FUZZ_FIELD(bwrt_store, block_bytes_max),
    BWRT_FUZZ_FIELD(bwrt_store, flight_count_max),
    BWRT_FUZZ_FIELD(bwrt_store, tenant_count_max),
    BWRT_FUZZ_FIELD(bwrt_store, lease_count_max),
    BWRT_FUZZ_FIELD(bwrt_store, write_touch_count),
    BWRT_FUZZ_FIELD(bwrt_store, eviction),
};

constexpr Field kPlannerFields[] = {
    BWRT_FUZZ_FIELD(bwrt_planner, struct_size),
    BWRT_FUZZ_FIELD(bwrt_planner, flags),
    BWRT_FUZZ_FIELD(bwrt_planner, window_ns),
    BWRT_FUZZ_FIELD(bwrt_planner, min_io_bytes),
    BWRT_FUZZ_FIELD(bwrt_planner, caller_budget_bytes),
    BWRT_FUZZ_FIELD(bwrt_planner, operation_count_max),
    BWRT_FUZZ_FIELD(bwrt_planner, row_count_max),
    BWRT_FUZZ_FIELD(bwrt_planner, alpha_milli),
    BWRT_FUZZ_FIELD(bwrt_planner, pmin_milli),
    BWRT_FUZZ_FIELD(bwrt_planner, umin_milli),
    BWRT_FUZZ_FIELD(bwrt_planner, age_first),
    BWRT_FUZZ_FIELD(bwrt_planner, age_max),
    BWRT_FUZZ_FIELD(bwrt_planner, half_life_ns),
    BWRT_FUZZ_FIELD(bwrt_planner, prefetch_bytes_max),
    BWRT_FUZZ_FIELD(bwrt_planner, prefetch_horizon_ns),
    BWRT_FUZZ_FIELD(bwrt_planner, prefetch_chain_count_max),
};

enum StoreForm : std::uint32_t { kNoStore, kBothTiers, kMemoryAlone, kDiskAlone, kReader };
constexpr std::uint64_t kMemoryBytesMin = 2 << 20;

void log_sentence(void* user, std::int32_t level, const char* sentence) {
    if (user == nullptr || level < BWRT_LOG_ERROR || level > BWRT_LOG_INFO || sentence == nullptr ||
        sentence[0] == '\0') {
        found("an odd line for the log");
    }
}

// What would open, and take too long or too many threads.
bool is_quick(const bwrt_config& config) {
    return config.struct_size <= sizeof config && config.pool_thread_count <= 3 &&
           (config.wave_count_max <= 64 || config.wave_count_max > 32768) &&
           (config.region_count_max <= 64 || config.region_count_max > 65535) &&
           (config.staging_count <= 8 || config.staging_count > 256) &&
           (config.operation_count_max <= 1024 || config.operation_count_max > 1u << 22) &&
           (config.slot_count_max <= 4096 || config.slot_count_max > 1u << 26);
}

bool is_quick(const bwrt_store& store) {
    constexpr std::uint64_t kMebibyte = 1 << 20;
    // Shared indices lie in the folder.
    const bool is_shared = (store.flags & (BWRT_STORE_SHARED | BWRT_STORE_READER)) != 0;
    return store.struct_size <= sizeof store && (!is_shared || store.index_directory != nullptr) &&
           store.host_bytes <= 4 * kMebibyte && store.transit_bytes <= 4 * kMebibyte &&
           (store.transit_bytes != 0 || store.directory_count == 0) &&
           store.disk_bytes <= 512 * kMebibyte &&
           (store.directory_count <= 1 || store.directory_count > 16) &&
           (store.block_count_max <= 65'536 || store.block_count_max > 1u << 27) &&
           (store.flight_count_max <= 1024 || store.flight_count_max > 65'536) &&
           (store.lease_count_max <= 65'536 || store.lease_count_max > 1u << 24);
}

// Waves may wait as long as their windows, and 255 of them.
bool is_quick(const bwrt_planner& planner) {
    const auto is_short = [](std::uint32_t age) { return age <= 16 || age > 255; };
    return planner.struct_size <= sizeof planner &&
           ((planner.window_ns != 0 && planner.window_ns <= 2'000'000) ||
            planner.window_ns > 10'000'000'000) &&
           (planner.row_count_max <= 8192 || planner.row_count_max > 1u << 20) &&
           is_short(planner.age_first) && is_short(planner.age_max) &&
           ((planner.prefetch_chain_count_max != 0 && planner.prefetch_chain_count_max <= 4096) ||
            planner.prefetch_chain_count_max > 1u << 24);
}

}  // namespace

// What the description of a store points to, for as long as bwrt_open() runs.
struct Runner::StorePlan {
    bwrt_store store = {};
    std::string folder;
    const char* path = nullptr;
    char shard[2] = "0";
    std::uint64_t number = 0;  // BlockKey::store
};

void Runner::draw_store(Bytecode* code, std::uint32_t form, StorePlan* plan) {
    const std::uint8_t size = code->byte();
    const std::uint8_t what = code->byte();
    bwrt_store& store = plan->store;
    store.struct_size = sizeof store;
    if (form == kBothTiers || form == kMemoryAlone) {
        store.host_bytes = size % 2 == 0 ? 2 * kMemoryBytesMin : kMemoryBytesMin;
    }
    plan->number = kMemoryFirst + machine_.store_count++;
    if (form != kMemoryAlone) {
        plan->folder = machine_.world.store_folder();
        plan->path = plan->folder.c_str();
        plan->shard[0] = static_cast<char>('0' + (what & 1));
        plan->number = what & 1;
        store.directories = &plan->path;
        store.directory_count = 1;
        store.transit_bytes = kMemoryBytesMin;
        store.index_directory = plan->path;
    }
    if (form == kBothTiers || form == kDiskAlone) {
        store.shard = plan->shard;
        store.disk_bytes = std::uint64_t{128} << 20;
        if ((size & 0x02) != 0) store.flags |= BWRT_STORE_SHARED;
        if ((what & 2) != 0) store.write_bytes_per_day = std::uint64_t{code->byte()} << 20;
        store.write_touch_count = (what >> 2) % 4;
    }
    store.flight_count_max = (size & 0x20) != 0 ? 2 : 16;
    store.tenant_count_max = (size & 0x40) != 0 ? 2 : 8;
    if (form == kReader) {
        store.flags |= BWRT_STORE_READER;
        plan->number = kAnyShard;
    } else {
        store.block_count_max = (size & 0x10) != 0 ? 16 : 1024;
        store.lease_count_max = (size & 0x80) != 0 ? 2 : 64;
    }
    if ((what & 0x10) != 0) store.flags |= BWRT_STORE_HUGE;
    if ((what & 0x20) != 0 && store.host_bytes != 0) store.flags |= BWRT_STORE_EXPORT;
    if ((what & 0x40) != 0) store.block_bytes_max = 16 << 10;
    if ((what & 0x80) != 0) break_field(&store, kStoreFields, code);
}

bwrt_planner Runner::draw_planner(Bytecode* code) {
    const std::uint8_t how = code->byte();
    const std::uint8_t limits = code->byte();
    bwrt_planner planner = {};
    planner.struct_size = sizeof planner;
    planner.flags = how & 0x3F;
    planner.window_ns = 100'000u * (1u + limits % 8u);
    planner.row_count_max = 2048;
    planner.prefetch_chain_count_max = 64;
    if ((limits & 0x08) != 0) planner.min_io_bytes = 64 << 10;
    if ((limits & 0x10) != 0) planner.caller_budget_bytes = std::uint64_t{code->byte()} << 10;
    if ((limits & 0x20) != 0) planner.disk_budget_bytes = std::uint64_t{code->byte()} << 10;
    if ((limits & 0x40) != 0) planner.operation_count_max = 1 + code->byte() % 4;
    if ((limits & 0x80) != 0) planner.prefetch_bytes_max = 256 << 10;
    if ((how & 0x40) != 0) planner.host_budget_bytes = std::uint64_t{code->byte()} << 10;
    if ((how & 0x80) != 0) break_field(&planner, kPlannerFields, code);
    return planner;
}

bwrt_config Runner::draw_config(Bytecode* code) {
    const std::uint8_t how = code->byte();
    const std::uint8_t size = code->byte();
    const std::uint8_t depth = code->byte();
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.progress = how % 2;
    config.storage = (how >> 1) % 3;
    config.wave_count_max = 2 + size % 16;
    config.operation_count_max = 8 + size / 16;
    config.slot_count_max = 16 + 2 * (size / 16u);
    config.region_count_max = 4 + depth % 8;
    config.layout_count_max = 2 + depth % 4;
    config.plane_count_max = 4;
    config.group_count_max = (how & 0x08) != 0 ? 600 : 12;
    config.queue_depth = 1 + depth / 16;
    config.io_bytes_max = (how & 0x10) != 0 ? 128 << 10 : 64 << 10;
    config.staging_count = 1 + depth % 3;
    config.pool_thread_count = 1 + depth % 2;
    config.spin_ns = (how & 0x20) != 0 ? 2000 : BWRT_NONE;
    if ((how & 0x40) != 0) {
        config.log = log_sentence;
        config.log_user = this;
    }
    if ((how & 0x80) != 0) break_field(&config, kConfigFields, code);
    return config;
}

void Runner::open(Bytecode* code, std::uint32_t session, std::uint32_t store_form, bool plans) {
    session_ = session;
    if (this->session().runtime != nullptr) return;
    bwrt_config config = draw_config(code);
    StorePlan plan;
    if (store_form != kNoStore) {
        draw_store(code, store_form, &plan);
        config.store = &plan.store;
        config.operation_count_max += 24;
    }
    bwrt_planner planner = {};
    if (plans) {
        planner = draw_planner(code);
        config.planner = &planner;
    }
    bwrt_runtime* const kUntouched = reinterpret_cast<bwrt_runtime*>(8);
    bwrt_runtime* runtime = kUntouched;
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (is_quick(config) && (config.store == nullptr || is_quick(plan.store)) &&
            (config.planner == nullptr || is_quick(planner))) {
            Answer answer(ask_error_);
            const bwrt_status status =
                answer.check(bwrt_open(&config, &runtime, answer.place()), "bwrt_open");
            if (status == BWRT_OK) break;
            if (runtime != kUntouched) found("a refused runtime has an address");
        }
        // Once more, rightly.
        Bytecode plain(nullptr, 0);
        const std::uint32_t progress = config.progress % 2;
        config = draw_config(&plain);
        config.progress = progress;
        config.storage = BWRT_STORAGE_AUTO;
        config.store = nullptr;
        config.planner = nullptr;
        runtime = kUntouched;
    }
    if (runtime == kUntouched) found("a plain runtime cannot be opened");
    this->session() = Session();
    this->session().runtime = runtime;
    bwrt_caps& caps = this->session().caps;
    caps.struct_size = sizeof caps;
    if (bwrt_get_caps(runtime, &caps, nullptr) != BWRT_OK) found("no caps");
    const bool knows_stores =
        config.struct_size >= offsetof(bwrt_config, store) + sizeof config.store;
    if (config.store != nullptr && knows_stores) {
        // What was overwritten may have made another of it.
        const bool reads = (plan.store.flags & BWRT_STORE_READER) != 0;
        begin_store(reads ? kAnyShard : plan.number);
    }
    const bool knows_planners =
        config.struct_size >= offsetof(bwrt_config, planner) + sizeof config.planner;
    this->session().has_planner = config.planner != nullptr && knows_planners;
    const auto in_force = [](std::uint32_t asked, std::uint32_t got) {
        return asked == 0 ? got != 0 : asked == got;
    };
    if (!in_force(config.wave_count_max, caps.wave_count_max) ||
        !in_force(config.operation_count_max, caps.operation_count_max) ||
        !in_force(config.group_count_max, caps.group_count_max) ||
        !in_force(config.io_bytes_max, caps.io_bytes_max) || caps.progress != config.progress ||
        (config.storage != BWRT_STORAGE_AUTO && caps.storage != config.storage)) {
        found("the limits in force are not those that were asked for");
    }
}

}  // namespace bwrt::fuzz
