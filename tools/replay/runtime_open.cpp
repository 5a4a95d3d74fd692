// SPDX-License-Identifier: Apache-2.0
//
// runtime_open.cpp — the runtime of a replay: opened with the store and the planner that were asked
// for, in this world or in a modelled one, and its clock.

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "tools/output.h"
#include "tools/replay/runtime_cache.h"

namespace bwrt::replay {
namespace {

using tools::must;

constexpr std::uint64_t kHalfBytes = std::uint64_t{32} << 20;
constexpr std::uint32_t kHalfBlocksMax = 1'024;
constexpr std::uint64_t kHourNs = 3'600'000'000'000;

}  // namespace

TemporaryFolder::TemporaryFolder(const std::string& parent)
    : path_((std::filesystem::path(parent) / "bwrt-replay-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) tools::fail_system(parent, errno);
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

RuntimeCache::RuntimeCache(const RuntimeCacheOptions& options, const Trace& trace)
    : options_(options),
      trace_(trace),
      folder_(options.folder),
      library_(options.is_modelled ? model_library() : real_library()) {
    half_block_count_ = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(kHalfBytes / options_.block_bytes, 1, kHalfBlocksMax));
    try {
        open();
        bwrt_error error = {};
        bwrt_region region = {};
        bwrt_region_info info = {};
        region.struct_size = sizeof region;
        region.kind = BWRT_REGION_ALLOCATED;
        region.length_bytes = 2 * half_block_count_ * options_.block_bytes;
        info.struct_size = sizeof info;
        must(library_.region_add(runtime_, &region, &window_, &info, &error), error);
        window_bytes_ = static_cast<std::byte*>(info.address);
        set_tenants();
    } catch (...) {
        close();
        throw;
    }
}

RuntimeCache::~RuntimeCache() { close(); }

void RuntimeCache::close() {
    if (runtime_ != nullptr) {
        library_.shutdown(runtime_, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
        library_.close(runtime_, nullptr);
    }
    if (model_ != nullptr) library_.model_destroy(model_);
}

void RuntimeCache::open() {
    const char* const directory = folder_.path().c_str();
    bwrt_store store = {};
    store.struct_size = sizeof store;
    if (options_.disk_bytes != 0) {
        store.directories = &directory;
        store.directory_count = 1;
        store.disk_bytes = options_.disk_bytes;
        store.transit_bytes = std::max(std::uint64_t{64} << 20, 16 * options_.block_bytes);
    }
    store.host_bytes = options_.host_bytes;
    store.block_bytes_max = static_cast<std::uint32_t>(options_.block_bytes);
    // Those that are on their way in or out of a tier are known, too.
    const std::uint64_t room = options_.host_bytes / options_.block_bytes +
                               options_.disk_bytes / options_.block_bytes + 4'096;
    store.block_count_max =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(room, std::uint64_t{1} << 27));
    store.tenant_count_max = std::max(64u, static_cast<std::uint32_t>(trace_.tenants().size()) + 1);
    store.write_touch_count = options_.write_touch_count;
    store.eviction = options_.eviction;
    bwrt_planner planner = {};
    planner.struct_size = sizeof planner;
    planner.window_ns = 100'000;  // the least: one request at a time, and nobody is waited for
    planner.prefetch_bytes_max = options_.prefetch_bytes;
    planner.prefetch_horizon_ns = options_.prefetch_horizon_ns;
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.store = &store;
    if (!options_.tuning.empty()) config.tuning = options_.tuning.c_str();
    config.planner = options_.is_planned ? &planner : nullptr;
    open(config);
}

void RuntimeCache::open(const bwrt_config& given) {
    bwrt_error error = {};
    if (!options_.is_modelled) {
        must(library_.open(&given, &runtime_, &error), error);
        return;
    }
    bwrt_config config = given;
    config.progress = BWRT_PROGRESS_CALLER;
    options_.machine.struct_size = sizeof options_.machine;
    must(library_.model_create(&options_.machine, &model_, &error), error);
    must(library_.model_open(model_, &config, &runtime_, &error), error);
}

std::uint64_t RuntimeCache::now_ns() const {
    return model_ != nullptr ? library_.model_now_ns(model_) : Cache::now_ns();
}

void RuntimeCache::sleep_until(std::uint64_t due_ns) {
    if (model_ == nullptr) {
        Cache::sleep_until(due_ns);
    } else {
        library_.model_pass(model_, due_ns);
    }
}

void RuntimeCache::set_tenants() {
    for (std::size_t i = 1; i < trace_.tenants().size(); ++i) {
        std::uint8_t secret[kIdentityBytes];
        identity_of(i, options_.salt, secret);
        const auto share = [&](std::uint64_t bytes) {
            return bytes / 1'000 * trace_.tenants()[i].quota_milli;
        };
        bwrt_tenant tenant = {};
        tenant.struct_size = sizeof tenant;
        tenant.number = i;
        tenant.secret = secret;
        tenant.host_quota_bytes = share(options_.host_bytes);
        tenant.disk_quota_bytes = share(options_.disk_bytes);
        bwrt_error error = {};
        must(library_.tenant_set(runtime_, &tenant, &error), error);
    }
}

// An hour of a modelled world passes in a moment.
std::uint64_t RuntimeCache::slice_ns() const {
    return model_ != nullptr ? kHourNs : Cache::slice_ns();
}

}  // namespace bwrt::replay
