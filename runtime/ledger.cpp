// SPDX-License-Identifier: Apache-2.0

#include "runtime/ledger.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "runtime/block_task.h"
#include "runtime/check.h"
#include "runtime/pieces.h"

namespace bwrt::runtime {
namespace {

bwrt_result* result_of(const Wave& wave, std::uint32_t entry) noexcept {
    auto* bytes =
        reinterpret_cast<std::byte*>(wave.results) + std::size_t{entry} * wave.result_bytes;
    return reinterpret_cast<bwrt_result*>(bytes);
}

// Until the wave is over, address counts the bytes of the entry that are not resolved yet.
void open_entry(const Wave& wave, std::uint32_t entry, std::uint64_t unresolved) {
    auto* bytes =
        reinterpret_cast<std::byte*>(wave.results) + std::size_t{entry} * wave.result_bytes;
    std::memset(bytes, 0, wave.result_bytes);
    reinterpret_cast<bwrt_result*>(bytes)->address = unresolved;
}

void open_entries(const Wave& wave, const Operation& op) {
    if (!op.is_indexed()) {
        const std::uint64_t rows = op.shape != nullptr ? op.shape->row_count : 1;
        const bool counts = op.kind != BWRT_OP_FLUSH && op.kind != BWRT_OP_SIGNAL;
        open_entry(wave, op.entry_first, counts ? op.length_bytes * rows : 1);
        return;
    }
    const Shape& shape = *op.shape;
    for (std::uint32_t i = 0; i < shape.pair_count; ++i) open_entry(wave, op.entry_first + i, 0);
    for (SlotRun* run = shape.slots; run != nullptr; run = run->next) {
        for (std::uint32_t i = 0; i < run->count; ++i) {
            open_entry(wave, op.entry_first + run->pairs()[i].entry, shape.entry_bytes);
        }
    }
}

void open_results(const Wave& wave) {
    // A block that is skipped has an entry, and nothing that would open it.
    for (std::uint32_t i = 0; wave.skips_blocks && i < wave.entry_count; ++i) {
        open_entry(wave, i, 0);
    }
    for (const BlockTask* task = wave.blocks; task != nullptr; task = task->next) {
        open_entry(wave, task->operation.entry_first, task->moves_bytes() ? task->length_bytes : 1);
    }
    for (const OperationList& list : wave.lists) {
        for (const Operation* op = list.head; op != nullptr; op = op->next) open_entries(wave, *op);
    }
    for (const Operation* op = wave.signals; op != nullptr; op = op->next) open_entries(wave, *op);
}

// Release: who sees the value sees the group's bytes.
void write_signal(const Operation& signal, std::uint64_t value) noexcept {
    if (signal.width == 4) {
        std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(signal.target))
            .store(static_cast<std::uint32_t>(value), std::memory_order_release);
    } else {
        std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(signal.target))
            .store(value, std::memory_order_release);
    }
}

void resolve_entry(const Wave& wave, std::uint32_t entry, std::uint64_t unresolved,
                   std::uint64_t done, const Failure* failure) noexcept {
    bwrt_result* result = result_of(wave, entry);
    result->address -= unresolved;
    result->bytes += done;
    if (failure == nullptr || result->status != BWRT_OK) return;
    result->status = failure->status;
    result->os_code = failure->os_code;
    result->tier = failure->tier;
}

}  // namespace

void Ledger::open(Wave* wave) const noexcept {
    bwrt_completion& completion = wave->completion;
    completion = {};
    completion.wave = wave->handle;
    completion.user_data = wave->user_data;
    completion.operation_index = BWRT_NONE;
    completion.submitted_ns = wave->submitted_ns;
    wave->prefix = wave->entry_count;
    wave->stop_status = BWRT_OK;
    wave->failed_group = UINT32_MAX;
    if (wave->results != nullptr) open_results(*wave);
}

void Ledger::start(Wave* wave) const noexcept {
    Operation** link = &wave->signals;
    while (*link != nullptr) {
        Operation* signal = *link;
        if (wave->group(signal->group).unresolved != 0) {
            link = &signal->next;
            continue;
        }
        *link = signal->next;
        finish_signal(wave, signal, BWRT_OK);
    }
}

// `status` is that of what it waited for: its group, or the wave that ended before.
void Ledger::finish_signal(Wave* wave, Operation* signal, bwrt_status status) const noexcept {
    const std::uint64_t value = status == BWRT_OK ? signal->source : signal->length_bytes;
    const std::uint32_t entry = signal->entry_first;
    GroupState& state = wave->group(signal->group);
    if (signal->lane != Lane::kDevice) write_signal(*signal, value);
    if (status != BWRT_OK) {
        if (state.status == BWRT_OK) state.status = status;
        wave->failed_group = std::min(wave->failed_group, signal->group);
        wave->prefix = std::min(wave->prefix, entry);
        state.prefix = std::min(state.prefix, entry);
    }
    if (wave->results != nullptr) {
        bwrt_result* result = result_of(*wave, entry);
        result->status = status;
        result->address = 0;
    }
    if (signal->lane != Lane::kDevice) return;
    signal->source = value;
    devices_->signal_due(wave, signal);
}

// Writes the signals of a group that has just been resolved and takes them off the list.
void Ledger::fire_signals(Wave* wave, std::uint32_t group) const noexcept {
    const bwrt_status status = wave->group(group).status;
    for (Operation** link = &wave->signals; *link != nullptr;) {
        Operation* signal = *link;
        if (signal->group > group) break;  // ascending
        if (signal->group < group) {
            link = &signal->next;
            continue;
        }
        *link = signal->next;
        finish_signal(wave, signal, status);
    }
}

void Ledger::resolve_group(Wave* wave, std::uint32_t group,
                           std::uint64_t unresolved) const noexcept {
    GroupState& state = wave->group(group);
    BWRT_DEBUG_CHECK(state.unresolved >= unresolved);
    state.unresolved -= unresolved;
    if (state.unresolved == 0 && wave->signals != nullptr) fire_signals(wave, group);
}

void Ledger::good(Wave* wave, std::uint32_t entry, std::uint32_t group,
                  std::uint64_t bytes) const noexcept {
    wave->unresolved -= bytes;
    wave->completion.bytes += bytes;
    if (wave->results != nullptr) resolve_entry(*wave, entry, bytes, bytes, nullptr);
    if (wave->group_root == nullptr) return;
    wave->group(group).bytes += bytes;
    resolve_group(wave, group, bytes);
}

void Ledger::flushed(Wave* wave, std::uint32_t entry, std::uint32_t group) const noexcept {
    wave->unresolved -= 1;
    if (wave->results != nullptr) resolve_entry(*wave, entry, 1, 0, nullptr);
    if (wave->group_root != nullptr) resolve_group(wave, group, 1);
}

void Ledger::failed(Wave* wave, const Failure& failure, std::uint32_t entry, std::uint32_t group,
                    std::uint64_t bytes) const noexcept {
    if (wave->results != nullptr) resolve_entry(*wave, entry, bytes, 0, &failure);
    count_failed(wave, failure, entry, group, bytes);
}

void Ledger::count_failed(Wave* wave, const Failure& failure, std::uint32_t entry,
                          std::uint32_t group, std::uint64_t bytes) const noexcept {
    wave->unresolved -= bytes;
    wave->prefix = std::min(wave->prefix, entry);
    wave->failed_group = std::min(wave->failed_group, group);
    bwrt_completion& completion = wave->completion;
    if (completion.status == BWRT_OK) {
        completion.status = failure.status;
        completion.os_code = failure.os_code;
        completion.tier = failure.tier;
        completion.operation_index = failure.operation_index;
    }
    if (wave->group_root == nullptr) return;
    GroupState& state = wave->group(group);
    if (state.status == BWRT_OK) state.status = failure.status;
    state.prefix = std::min(state.prefix, entry);
    resolve_group(wave, group, bytes);
}

// An entry of which something is dropped has failed; what of it is in flight still counts.
void Ledger::fail_entries(Wave* wave, const Operation& operation,
                          const Failure& failure) const noexcept {
    if (!operation.is_indexed()) {
        resolve_entry(*wave, operation.entry_first, 0, 0, &failure);
        return;
    }
    std::uint32_t skip = first_pair_left(operation);
    for (SlotRun* run = operation.shape->slots; run != nullptr; run = run->next) {
        for (std::uint32_t i = skip; i < run->count; ++i) {
            resolve_entry(*wave, operation.entry_first + run->pairs()[i].entry, 0, 0, &failure);
        }
        skip -= std::min(skip, run->count);
    }
}

void Ledger::good_whole(Wave* wave, Operation* operation) const noexcept {
    if (counts_as_one(operation->kind)) {
        flushed(wave, operation->entry_first, operation->group);
        return;
    }
    begin_again(operation);
    drop_rest(operation, [&](std::uint32_t group, std::uint32_t entry, std::uint64_t bytes) {
        good(wave, entry, group, bytes);
    });
}

void Ledger::note(const Wave& wave, std::uint32_t entry, std::uint32_t flags,
                  std::uint32_t tier) const noexcept {
    if (wave.results == nullptr) return;
    bwrt_result* result = result_of(wave, entry);
    result->flags = flags;
    result->tier = tier;
}

void Ledger::set_address(const Wave& wave, std::uint32_t entry,
                         std::uint64_t address) const noexcept {
    bwrt_result* result = result_of(wave, entry);
    if (result->status == BWRT_OK) result->address = address;
}

void Ledger::drop(Wave* wave, Operation* operation, const Failure& failure) const noexcept {
    // What a PUT copied counts only when it is stored.
    if (operation->kind == BWRT_OP_PUT) begin_again(operation);
    if (counts_as_one(operation->kind)) {
        failed(wave, failure, operation->entry_first, operation->group, 1);
        return;
    }
    Piece piece;
    if (!current(*operation, &piece)) return;  // all of it is served
    if (wave->results != nullptr) fail_entries(wave, *operation, failure);
    drop_rest(operation, [&](std::uint32_t group, std::uint32_t entry, std::uint64_t bytes) {
        count_failed(wave, failure, entry, group, bytes);
    });
}

void Ledger::abandon(Wave* wave, bwrt_status status) const noexcept {
    const Failure failure = {status, 0, BWRT_TIER_NONE, BWRT_NONE};
    for (OperationList& list : wave->lists) {
        while (!list.is_empty()) drop(wave, list.pop_front(), failure);
    }
}

void Ledger::end_signals(Wave* wave, bwrt_status status) const noexcept {
    while (wave->signals != nullptr) {
        Operation* signal = wave->signals;
        wave->signals = signal->next;
        finish_signal(wave, signal, status);
    }
}

void Ledger::close(Wave* wave, std::uint64_t now_ns) const noexcept {
    BWRT_CHECK(wave->unresolved == 0);
    BWRT_CHECK(wave->inflight_count == 0);
    BWRT_CHECK(wave->signals == nullptr);
    bwrt_completion& completion = wave->completion;
    // Their countdowns have done their service; of dropped bytes they know nothing.
    for (std::uint32_t entry = 0; wave->results != nullptr && entry < wave->entry_count; ++entry) {
        result_of(*wave, entry)->address = 0;
    }
    if (wave->groups != nullptr) {
        for (std::uint32_t group = 0; group < wave->group_count; ++group) {
            const GroupState& state = wave->group(group);
            const bwrt_group_result result = {state.status, state.prefix, state.bytes};
            auto* bytes =
                reinterpret_cast<std::byte*>(wave->groups) + std::size_t{group} * wave->group_bytes;
            std::memset(bytes, 0, wave->group_bytes);
            std::memcpy(bytes, &result, sizeof result);
        }
    }
    completion.prefix_count = wave->prefix;
    completion.verdict = completion.status == BWRT_OK ? BWRT_VERDICT_LOADED
                         : wave->prefix > 0           ? BWRT_VERDICT_PARTIAL
                                                      : BWRT_VERDICT_RECOMPUTE;
    completion.finished_ns = now_ns;
    if (wave->is_late(now_ns)) completion.flags |= BWRT_COMPLETION_LATE;
}

}  // namespace bwrt::runtime
