// SPDX-License-Identifier: Apache-2.0
//
// store_check.cpp — what of a store can be told from its description alone: bounds, what goes with
// what, and how many places it will need.

#include <algorithm>

#include "runtime/boundary.h"
#include "runtime/store/store.h"
#include "runtime/store/view.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kDiskBytesMin = 128 * kMebibyte;
constexpr std::uint64_t kTransitBytes = 128 * kMebibyte;
constexpr std::uint64_t kBlockBytesMax = 16 * kMebibyte;  // where nothing is said

struct Bound {
    const char* field;
    std::uint32_t bwrt_store::*value;
    std::uint32_t minimum, maximum, otherwise;
};

constexpr Bound kBounds[] = {
    {"store.block_count_max", &bwrt_store::block_count_max, 16, kIndexBlockCountMax, 1u << 20},
    {"store.block_bytes_max", &bwrt_store::block_bytes_max, 4096, 256u << 20, 0},
    {"store.flight_count_max", &bwrt_store::flight_count_max, 2, 65536, 1024},
    {"store.tenant_count_max", &bwrt_store::tenant_count_max, 1, 4096, 64},
    {"store.lease_count_max", &bwrt_store::lease_count_max, 1, 1u << 24, 65536},
    {"store.write_touch_count", &bwrt_store::write_touch_count, 1, 15, 1},
    {"store.eviction", &bwrt_store::eviction, BWRT_EVICTION_LRU, BWRT_EVICTION_RANKED,
     BWRT_EVICTION_LRU},
};

// What a reader has no use for, so it would be a mistake.
bwrt_status check_reader(const bwrt_store& store, const ErrorSink& sink) {
    const struct {
        const char* field;
        bool is_set;
    } fields[] = {{"store.flags", (store.flags & BWRT_STORE_SHARED) != 0},
                  {"store.shard", store.shard != nullptr},
                  {"store.disk_bytes", store.disk_bytes != 0},
                  {"store.host_bytes", store.host_bytes != 0},
                  {"store.write_bytes_per_day", store.write_bytes_per_day != 0},
                  {"store.block_count_max", store.block_count_max != 0},
                  {"store.lease_count_max", store.lease_count_max != 0},
                  {"store.write_touch_count", store.write_touch_count != 0},
                  {"store.eviction", store.eviction != 0}};
    for (const auto& field : fields) {
        if (!field.is_set) continue;
        return fail(sink, BWRT_E_INVAL, field.field, "set, and a READER writes no shard");
    }
    if (store.directory_count != 0) return BWRT_OK;
    return fail(sink, BWRT_E_INVAL, "store.directories", "NULL, and a READER has nothing else");
}

bwrt_status check_sizes(const bwrt_store& store, const ErrorSink& sink) {
    const bool reads = (store.flags & BWRT_STORE_READER) != 0;
    if (store.directory_count != 0 && !reads && store.disk_bytes < kDiskBytesMin) {
        return fail(sink, BWRT_E_INVAL, "store.disk_bytes", "%llu bytes are below %llu",
                    ull(store.disk_bytes), ull(kDiskBytesMin));
    }
    if (store.directory_count == 0 && store.host_bytes == 0) {
        return fail(sink, BWRT_E_INVAL, "store.directories", "neither directories nor host_bytes");
    }
    const struct {
        const char* field;
        std::uint64_t bytes;
    } memories[] = {{"store.host_bytes", store.host_bytes},
                    {"store.transit_bytes", store.transit_bytes}};
    for (const auto& memory : memories) {
        if (memory.bytes == 0) continue;
        if (memory.bytes / Arena::kUnitBytes >= kNoPlace) {
            return fail(sink, BWRT_E_INVAL, memory.field,
                        "%llu bytes: the limit is 16 TiB less 8 KiB", ull(memory.bytes));
        }
        const std::uint32_t slab_bytes = Arena::slab_bytes_for(memory.bytes);
        if (memory.bytes < slab_bytes) {
            return fail(sink, BWRT_E_INVAL, memory.field, "%llu bytes have no place: %u are needed",
                        ull(memory.bytes), slab_bytes);
        }
        if (memory.bytes / 8 >= store.block_bytes_max) continue;
        return fail(sink, BWRT_E_INVAL, memory.field,
                    "%llu bytes are less than eight blocks of block_bytes_max %u",
                    ull(memory.bytes), store.block_bytes_max);
    }
    return BWRT_OK;
}

}  // namespace

// Each segment has a place in the region table, whose places 16 bits number.
std::uint64_t Store::segment_count_max(const bwrt_store& store) noexcept {
    constexpr std::uint32_t kPlaceCountMax = 60'000;
    const std::uint64_t each =
        std::min(Segments::kCountMax, kPlaceCountMax / store.directory_count);
    // A small one may have become larger since its first writer chose how long they are.
    const std::uint64_t small = std::min<std::uint64_t>(store.disk_bytes / kMebibyte, 512);
    return std::min<std::uint64_t>(std::max(store.disk_bytes / (16 * kMebibyte), small), each);
}

bwrt_status Store::check(const bwrt_store& given, bwrt_store* checked_out,
                         std::uint32_t* own_count_out, const ErrorSink& sink) {
    bwrt_store store = given;
    constexpr std::uint32_t kFlags =
        BWRT_STORE_HUGE | BWRT_STORE_SHARED | BWRT_STORE_READER | BWRT_STORE_EXPORT;
    if ((store.flags & ~kFlags) != 0) {
        return fail(sink, BWRT_E_INVAL, "store.flags", "flags 0x%x are not all BWRT_STORE_*",
                    store.flags);
    }
    if ((store.flags & BWRT_STORE_EXPORT) != 0 && store.host_bytes == 0) {
        return fail(sink, BWRT_E_INVAL, "store.flags", "EXPORT, and host_bytes is 0");
    }
    if (store.directory_count > Segments::kDirectoryCountMax) {
        return fail(sink, BWRT_E_INVAL, "store.directory_count", "%u directories: the limit is %u",
                    store.directory_count, Segments::kDirectoryCountMax);
    }
    if ((store.directories == nullptr) != (store.directory_count == 0)) {
        return fail(sink, BWRT_E_INVAL, "store.directories",
                    "directory_count is %u, directories %s", store.directory_count,
                    store.directories == nullptr ? "NULL" : "not");
    }
    for (std::uint32_t i = 0; i < store.directory_count; ++i) {
        if (store.directories[i] != nullptr && store.directories[i][0] != '\0') continue;
        return fail(sink, BWRT_E_INVAL, "store.directories", "path %u is NULL or empty", i);
    }
    if (store.directory_count == 0 && (store.disk_bytes != 0 || store.transit_bytes != 0 ||
                                       store.shard != nullptr || store.write_bytes_per_day != 0)) {
        return fail(sink, BWRT_E_INVAL, "store.directories",
                    "NULL, and disk_bytes, transit_bytes, shard or write_bytes_per_day is set");
    }
    const bool shares = (store.flags & BWRT_STORE_SHARED) != 0;
    if (store.directory_count == 0 && (shares || store.index_directory != nullptr)) {
        return fail(sink, BWRT_E_INVAL, shares ? "store.flags" : "store.index_directory",
                    "set, and there is no disk tier that others could read");
    }
    const bool reads = (store.flags & BWRT_STORE_READER) != 0;
    if (reads) {
        if (const bwrt_status status = check_reader(store, sink)) return status;
    }
    if (store.block_bytes_max == 0) {
        std::uint64_t most = kBlockBytesMax;
        if (store.host_bytes != 0) most = std::min(most, store.host_bytes / 8);
        if (store.transit_bytes != 0) most = std::min(most, store.transit_bytes / 8);
        store.block_bytes_max = static_cast<std::uint32_t>(most);
    }
    for (const Bound& bound : kBounds) {
        std::uint32_t& value = store.*bound.value;
        if (value == 0) value = bound.otherwise;
        if (value >= bound.minimum && value <= bound.maximum) continue;
        return fail(sink, BWRT_E_INVAL, bound.field, "%u is outside %u to %u", value, bound.minimum,
                    bound.maximum);
    }
    if (store.shard == nullptr) store.shard = "0";
    if (store.directory_count != 0 && store.transit_bytes == 0) {
        store.transit_bytes =
            std::max<std::uint64_t>(kTransitBytes, std::uint64_t{8} * store.block_bytes_max);
    }
    if (const bwrt_status status = check_sizes(store, sink)) return status;
    if (reads) {
        *own_count_out = StoreView::kOwnCount;
        *checked_out = store;
        return BWRT_OK;
    }
    // The length of segments may be an earlier process's: at most as many as there can be.
    *own_count_out = kSegmentSlot;
    if (store.directory_count != 0) {
        *own_count_out +=
            store.directory_count * static_cast<std::uint32_t>(segment_count_max(store));
    }
    *checked_out = store;
    return BWRT_OK;
}

}  // namespace bwrt::runtime
