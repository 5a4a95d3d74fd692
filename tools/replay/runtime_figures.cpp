// SPDX-License-Identifier: Apache-2.0
//
// runtime_figures.cpp — what moved in a replay, by the library's counters and the kernel's.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tools/output.h"
#include "tools/replay/runtime_cache.h"

namespace bwrt::replay {
namespace {

std::uint64_t number_in_file(const char* name, std::string_view key) {
    std::uint64_t value = 0;
    if (std::FILE* const file = std::fopen(name, "r")) {
        char line[128];
        while (std::fgets(line, sizeof line, file) != nullptr) {
            if (std::string_view(line).substr(0, key.size()) != key) continue;
            value = std::strtoull(line + key.size(), nullptr, 10);
        }
        std::fclose(file);
    }
    return value;
}

}  // namespace

// The budget, less what has to be free for carrying; and records have a room of their own.
std::uint64_t RuntimeCache::disk_room_bytes(const bwrt_store_counters& store,
                                            const bwrt_store_info& info) const {
    return std::min(store.disk.capacity_bytes, info.disk_block_count_max * options_.block_bytes);
}

CacheFigures RuntimeCache::figures() {
    bwrt_error error = {};
    bwrt_store_info info = {};
    info.struct_size = sizeof info;
    bwrt_store_counters store = {};
    store.struct_size = sizeof store;
    store.info = &info;
    tools::must(library_.sample_store(runtime_, &store, &error), error);
    bwrt_route routes[8] = {};
    bwrt_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.routes = routes;
    counters.route_capacity = 8;
    counters.route_bytes = sizeof(bwrt_route);
    tools::must(library_.sample(runtime_, &counters, &error), error);

    CacheFigures figures;
    figures.is_modelled = options_.is_modelled;
    figures.host_hit_count = store.host.hit_count;
    figures.disk_hit_count = store.disk.hit_count;
    figures.miss_count = store.miss_count;
    figures.stored_count = store.put_count;
    figures.refused_count = store.refused_count + refused_wave_count_;
    figures.corrupt_count = store.corrupt_count;
    figures.host_evicted_count = store.host.evicted_count;
    figures.disk_evicted_count = store.disk.evicted_count;
    figures.host_read_bytes = store.host.hit_bytes;
    figures.host_written_bytes = store.host.stored_bytes;
    figures.carried_bytes = store.carried_bytes;
    figures.disk_delivered_bytes = store.disk.hit_bytes;
    figures.host_used_bytes = store.host.used_bytes;
    figures.disk_used_bytes = store.disk.used_bytes;
    figures.disk_room_bytes = disk_room_bytes(store, info);
    figures.eviction = info.eviction;
    figures.write_touch_count = info.write_touch_count;
    figures.foretells = options_.prefetch_bytes != 0;
    figures.prefetch_bytes = counters.prefetch_bytes;
    figures.prefetch_right_bytes = counters.prefetch_right_bytes;
    figures.prefetch_wasted_bytes = counters.prefetch_wasted_bytes;
    for (std::uint32_t i = 0; i < std::min(counters.route_count, 8u); ++i) {
        const bwrt_route& route = routes[i];
        if (route.source_tier == BWRT_TIER_DISK && route.target_tier == BWRT_TIER_HOST) {
            figures.disk_read_bytes = route.bytes;
            figures.disk_read_count = route.request_count;
            figures.disk_piece_count = route.piece_count;
        } else if (route.source_tier == BWRT_TIER_HOST && route.target_tier == BWRT_TIER_DISK) {
            figures.disk_written_bytes = route.bytes;
            figures.disk_written_count = route.request_count;
            figures.disk_written_piece_count = route.piece_count;
        }
    }
    if (options_.is_modelled) return figures;
    figures.process_read_bytes = number_in_file("/proc/self/io", "read_bytes: ");
    figures.process_written_bytes = number_in_file("/proc/self/io", "write_bytes: ");
    return figures;
}

}  // namespace bwrt::replay
