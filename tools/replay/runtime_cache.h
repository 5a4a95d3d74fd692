// SPDX-License-Identifier: Apache-2.0
//
// runtime_cache.h — a bwrt runtime with its store, as the cache of a replay: the public header and
// nothing else.
//
//   load    ids ─▶ GET waves of up to 32 MiB, planned, urgent ─▶ one half of a window of memory
//           while the other half, which the wave before has filled, is compared byte by byte
//   store   bytes made of ids ─▶ one half ─▶ PUT waves, while the other half is being made
//
// The store lies in a folder of its own, which is made and removed again.
//
// In a modelled world all of it happens likewise but that no block has bytes: none are made and
// none compared.

#pragma once

#include <bwrt.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/replay/cache.h"
#include "tools/replay/content.h"
#include "tools/replay/library.h"
#include "tools/replay/trace.h"

namespace bwrt::replay {

struct RuntimeCacheOptions {
    std::string folder = ".";  // in which the store's is made
    std::uint64_t block_bytes = 65'536;
    std::uint64_t host_bytes = 0;  // 0: no such tier
    std::uint64_t disk_bytes = 0;
    std::uint32_t write_touch_count = 0;  // 0: as the tuning file or the library has it
    std::uint32_t eviction = BWRT_EVICTION_DEFAULT;
    std::string tuning;      // a file; empty: none
    std::uint64_t salt = 0;  // of the identities
    Checked checked = Checked::kAll;
    bool is_planned = true;
    std::uint64_t prefetch_bytes = 0;  // of the host tier, for what nobody has asked for yet
    std::uint64_t prefetch_horizon_ns = 0;
    bool is_modelled = false;  // on this machine, in a folder of files that take no room
    bwrt_model_machine machine = {};
};

// Removed with all that is in it, whatever happens.
class TemporaryFolder {
 public:
    explicit TemporaryFolder(const std::string& parent);
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }

 private:
    std::string path_;
};

class RuntimeCache final : public Cache {
 public:
    // Throws a tools::Failure with the library's sentence.
    RuntimeCache(const RuntimeCacheOptions& options, const Trace& trace);
    ~RuntimeCache() override;
    RuntimeCache(const RuntimeCache&) = delete;
    RuntimeCache& operator=(const RuntimeCache&) = delete;

    Located look_up(std::span<const std::uint32_t> blocks, const Asker& asker) override;
    Loaded load(std::span<const std::uint32_t> blocks, const Asker& asker,
                std::uint64_t deadline_ns) override;
    void store(std::span<const std::uint32_t> blocks, std::uint32_t first,
               const Asker& asker) override;
    void expect(std::span<const std::uint32_t> blocks, const Asker& asker,
                std::uint64_t within_ns) override;
    void settle() override;
    CacheFigures figures() override;
    [[nodiscard]] std::uint64_t now_ns() const override;
    void sleep_until(std::uint64_t due_ns) override;
    [[nodiscard]] std::uint64_t slice_ns() const override;

    [[nodiscard]] std::uint32_t window_block_count() const { return half_block_count_; }

 private:
    std::uint32_t ask(std::span<const std::uint32_t> blocks, const Asker& asker,
                      std::uint32_t flags, std::uint32_t lease_ms);
    // A wave over some blocks of a prompt and one half of the window.
    struct Part {
        bwrt_handle wave = 0;
        std::span<const std::uint32_t> blocks;
        std::uint32_t half = 0;
    };

    void open();
    void open(const bwrt_config& config);
    void close();
    void set_tenants();
    [[nodiscard]] std::uint64_t disk_room_bytes(const bwrt_store_counters& store,
                                                const bwrt_store_info& info) const;
    [[nodiscard]] bool submit(std::uint32_t kind, std::span<const std::uint32_t> blocks,
                              std::uint32_t first, const Asker& asker, std::uint64_t deadline_ns,
                              Part& part_out);
    [[nodiscard]] bwrt_completion finish(Part& part);
    void take(Part& part, Loaded& loaded);
    void compare(const Part& part, std::uint32_t count, Loaded& loaded) const;
    void name_blocks(std::span<const std::uint32_t> blocks, std::uint32_t first,
                     std::uint32_t count);
    [[nodiscard]] std::byte* bytes_of(std::uint32_t half, std::uint32_t index) const;

    RuntimeCacheOptions options_;
    const Trace& trace_;
    TemporaryFolder folder_;
    const Library& library_;
    bwrt_model* model_ = nullptr;  // the world, where it is modelled
    bwrt_runtime* runtime_ = nullptr;
    bwrt_handle window_ = 0;
    std::byte* window_bytes_ = nullptr;
    std::uint32_t half_block_count_ = 1;
    std::vector<bwrt_block> names_;
    std::vector<std::uint8_t> identities_;
    std::vector<bwrt_lookup_answer> answers_;
    std::uint64_t refused_wave_count_ = 0;
};

}  // namespace bwrt::replay
