// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/runtime_cache.h"

#include <algorithm>
#include <cstring>

#include "tools/output.h"

namespace bwrt::replay {
namespace {

using tools::must;

constexpr std::uint64_t kMinuteNs = 60'000'000'000;
constexpr std::uint64_t kPauseNs = 1'000'000;

}  // namespace

std::byte* RuntimeCache::bytes_of(std::uint32_t half, std::uint32_t index) const {
    const std::uint64_t place = std::uint64_t{half} * half_block_count_ + index;
    return window_bytes_ + place * options_.block_bytes;
}

// The answers are in answers_; how many of the leading blocks are there.
std::uint32_t RuntimeCache::ask(std::span<const std::uint32_t> blocks, const Asker& asker,
                                std::uint32_t flags, std::uint32_t lease_ms) {
    identities_.resize(blocks.size() * kIdentityBytes);
    answers_.resize(blocks.size());
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        std::uint8_t identity[kIdentityBytes];
        identity_of(trace_.id(blocks[i]), options_.salt, identity);
        std::memcpy(identities_.data() + i * kIdentityBytes, identity, kIdentityBytes);
    }
    bwrt_lookup_query query = {};
    query.struct_size = sizeof query;
    query.flags = flags;
    query.lease_ms = lease_ms;
    query.tenant = asker.tenant;
    query.identities = identities_.data();
    query.identity_count = static_cast<std::uint32_t>(blocks.size());
    std::uint32_t count = 0;
    bwrt_error error = {};
    must(library_.lookup(runtime_, &query, answers_.data(), &count, nullptr, &error), error);
    return count;
}

void RuntimeCache::expect(std::span<const std::uint32_t> blocks, const Asker& asker,
                          std::uint64_t within_ns) {
    if (blocks.empty()) return;
    const std::uint64_t within_ms = std::clamp<std::uint64_t>(within_ns / 1'000'000, 1, 600'000);
    static_cast<void>(
        ask(blocks, asker, BWRT_QUERY_EXPECTED, static_cast<std::uint32_t>(within_ms)));
}

Located RuntimeCache::look_up(std::span<const std::uint32_t> blocks, const Asker& asker) {
    Located located;
    if (blocks.empty()) return located;
    located.block_count = ask(blocks, asker, 0, 0);
    for (std::uint32_t i = 0; i < located.block_count; ++i) {
        ++(answers_[i].tier == BWRT_TIER_DISK ? located.disk_count : located.host_count);
    }
    return located;
}

// With the one before them, which is their parent.
void RuntimeCache::name_blocks(std::span<const std::uint32_t> blocks, std::uint32_t first,
                               std::uint32_t count) {
    names_.clear();
    for (std::uint32_t i = first == 0 ? 0 : first - 1; i < first + count; ++i) {
        bwrt_block& name = names_.emplace_back();
        identity_of(trace_.id(blocks[i]), options_.salt, name.identity);
        name.part = 0;
    }
}

// Of the blocks from `first` on as many as a half takes.  False: refused for now.
bool RuntimeCache::submit(std::uint32_t kind, std::span<const std::uint32_t> blocks,
                          std::uint32_t first, const Asker& asker, std::uint64_t deadline_ns,
                          Part& part_out) {
    const auto count =
        std::min(half_block_count_, static_cast<std::uint32_t>(blocks.size()) - first);
    name_blocks(blocks, first, count);
    const std::uint64_t offset =
        std::uint64_t{part_out.half} * half_block_count_ * options_.block_bytes;
    bwrt_operation operation = {};
    operation.kind = kind;
    operation.flags = first == 0 ? 0u : static_cast<std::uint32_t>(BWRT_BLOCK_CONTINUES);
    (kind == BWRT_OP_GET ? operation.target : operation.source) = window_;
    (kind == BWRT_OP_GET ? operation.target_offset_bytes : operation.source_offset_bytes) = offset;
    operation.length_bytes = options_.block_bytes;
    operation.block_first = first == 0 ? 0 : 1;
    operation.slot_count = count;
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = &operation;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof operation;
    wave.blocks = names_.data();
    wave.block_count = static_cast<std::uint32_t>(names_.size());
    wave.block_bytes = sizeof(bwrt_block);
    wave.tenant = asker.tenant;
    wave.session = asker.session;
    if (kind == BWRT_OP_GET) {
        wave.priority = BWRT_PRIORITY_URGENT;
        if (options_.is_planned) wave.flags |= BWRT_WAVE_PLANNED;
        if (deadline_ns != 0) {
            wave.flags |= BWRT_WAVE_DEADLINE_RELATIVE;
            wave.deadline_ns = deadline_ns;
            wave.late = BWRT_LATE_ABORT;
        }
    }
    bwrt_error error = {};
    const bwrt_status status = library_.submit_wave(runtime_, &wave, &part_out.wave, &error);
    if (status == BWRT_E_AGAIN || status == BWRT_E_LATE) {
        ++refused_wave_count_;
        return false;
    }
    must(status, error);
    part_out.blocks = blocks.subspan(first, count);
    return true;
}

bwrt_completion RuntimeCache::finish(Part& part) {
    bwrt_completion completion = {};
    bwrt_error error = {};
    const bwrt_status status = library_.wait(runtime_, part.wave, -1, &completion, &error);
    part.wave = 0;
    must(status, error);
    return completion;
}

void RuntimeCache::compare(const Part& part, std::uint32_t count, Loaded& loaded) const {
    loaded.block_count += count;
    if (options_.is_modelled) return;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::span<const std::byte> bytes(bytes_of(part.half, i), options_.block_bytes);
        loaded.wrong_count +=
            first_wrong(trace_.id(part.blocks[i]), bytes, options_.checked) != bytes.size();
    }
}

Loaded RuntimeCache::load(std::span<const std::uint32_t> blocks, const Asker& asker,
                          std::uint64_t deadline_ns) {
    Loaded loaded;
    const std::uint64_t start_ns = now_ns();
    const auto took_ns = [&] { return now_ns() - start_ns; };
    const auto left_ns = [&]() -> std::uint64_t {
        const std::uint64_t gone = took_ns();
        return deadline_ns == 0 ? 0 : gone >= deadline_ns ? 1 : deadline_ns - gone;
    };
    // One part is under way while the one before it is compared.
    Part before, now;
    std::uint32_t asked = 0;
    while (!loaded.is_late && !loaded.is_failed) {
        now = {0, {}, before.half ^ 1u};
        if (asked < blocks.size() && !submit(BWRT_OP_GET, blocks, asked, asker, left_ns(), now)) {
            loaded.is_late = true;
        }
        asked += static_cast<std::uint32_t>(now.blocks.size());
        if (before.wave != 0) take(before, loaded);
        loaded.took_ns = took_ns();
        if (now.wave == 0) return loaded;
        before = now;
    }
    // What lies behind a block that is not there is of no use.
    library_.cancel(runtime_, before.wave, nullptr);
    static_cast<void>(finish(before));
    return loaded;
}

void RuntimeCache::take(Part& part, Loaded& loaded) {
    const bwrt_completion completion = finish(part);
    compare(part, static_cast<std::uint32_t>(completion.prefix_count), loaded);
    if (completion.status == BWRT_OK) return;
    (completion.status == BWRT_E_LATE ? loaded.is_late : loaded.is_failed) = true;
}

void RuntimeCache::store(std::span<const std::uint32_t> blocks, std::uint32_t first,
                         const Asker& asker) {
    Part before, now;
    for (std::uint32_t done = first; done < blocks.size();) {
        now = {0, {}, before.half ^ 1u};
        const auto count =
            std::min(half_block_count_, static_cast<std::uint32_t>(blocks.size()) - done);
        for (std::uint32_t i = 0; i < count && !options_.is_modelled; ++i) {
            fill_block(trace_.id(blocks[done + i]), {bytes_of(now.half, i), options_.block_bytes});
        }
        // Children of what there was no room for would be of no use.
        if (before.wave != 0 && finish(before).status != BWRT_OK) return;
        before = {};
        if (!submit(BWRT_OP_PUT, blocks, done, asker, 0, now)) return;
        before = now;
        done += count;
    }
    if (before.wave != 0) static_cast<void>(finish(before));
}

void RuntimeCache::settle() {
    const std::uint64_t end_ns = now_ns() + kMinuteNs;
    for (bwrt_store_counters counters = {};;) {
        counters = {};
        counters.struct_size = sizeof counters;
        bwrt_error error = {};
        must(library_.sample_store(runtime_, &counters, &error), error);
        if (counters.flight_count == 0 || now_ns() > end_ns) return;
        sleep_until(now_ns() + kPauseNs);
    }
}

}  // namespace bwrt::replay
