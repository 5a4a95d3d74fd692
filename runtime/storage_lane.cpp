// SPDX-License-Identifier: Apache-2.0

#include "runtime/storage_lane.h"

#include <algorithm>
#include <cstring>

#include "runtime/check.h"
#include "runtime/pieces.h"

namespace bwrt::runtime {

StorageLane::StorageLane(Tables* tables, StorageBackend* backend, const Ledger* ledger,
                         Counters* counters, WaveOwner* owner)
    : tables_(*tables),
      backend_(*backend),
      ledger_(*ledger),
      counters_(*counters),
      owner_(*owner),
      ready_(&tables->waves),
      staging_(tables->limits.staging_count, tables->limits.io_bytes_max,
               tables->limits.queue_depth),
      transfers_(tables->limits.queue_depth) {
    const Calibration& calibration = tables->calibration;
    if (calibration.stages()) staging_.make_fast(backend, calibration.wants_huge_pages());
    for (std::size_t place = transfers_.count(); place > 0; --place) {
        Transfer* transfer = &transfers_[place - 1];
        transfer->tag = static_cast<std::uint32_t>(place - 1);
        transfer->next = free_;
        free_ = transfer;
    }
}

void StorageLane::append(Wave* wave, Operation* operation, std::uint64_t bytes,
                         std::uint64_t due_ns) noexcept {
    const bool was_empty = wave->list(Lane::kStorage).is_empty();
    wave->list(Lane::kStorage).append(operation);
    lane_bytes(wave) += bytes;
    queued_bytes_ += bytes;
    if (!was_empty && due_ns >= wave->deadline_ns) return;
    if (was_empty) wave->submitted_ns = now_ns_;
    wave->deadline_ns = was_empty ? due_ns : std::min(wave->deadline_ns, due_ns);
    ready_.remove(wave);
    ready_.insert(wave);
}

bool StorageLane::issue(std::uint64_t now_ns) noexcept {
    now_ns_ = now_ns;
    if (parked_ != nullptr) retry_parked();
    bool started = false;
    copied_in_bytes_ = 0;
    while (free_ != nullptr && copied_in_bytes_ < kUnloadBytes) {
        Wave* wave = ready_.pick();
        if (wave == nullptr) break;
        ++wave->inflight_count;  // ours: it must not be over while we look at it
        OperationList& list = wave->list(Lane::kStorage);
        if (!list.is_empty() && list.head->failed) {
            drop_failed(wave);
        } else {
            Transfer* transfer = free_;
            if (build(wave, transfer)) {
                free_ = transfer->next;
                started = true;
                launch(transfer);
            }
        }
        if (list.is_empty()) ready_.remove(wave);
        if (--wave->inflight_count == 0 && wave->unresolved == 0) owner_.wave_resolved(wave);
    }
    return started;
}

// The rest of an operation that has failed is not asked for.
void StorageLane::drop_failed(Wave* wave) noexcept {
    Operation* operation = wave->list(Lane::kStorage).pop_front();
    const Failure failure = {wave->completion.status, wave->completion.os_code, BWRT_TIER_DISK,
                             operation->index};
    if (wave->own != nullptr) {
        const std::uint64_t left_bytes = operation->length_bytes;
        wave->unresolved -= left_bytes;
        lane_bytes(wave) -= left_bytes;
        queued_bytes_ -= left_bytes;
        if (left_bytes != 0) wave->own->moved(operation, 0, left_bytes, &failure);
        return;
    }
    const std::uint64_t before = wave->unresolved;
    ledger_.drop(wave, operation, failure);
    lane_bytes(wave) -= before - wave->unresolved;
    queued_bytes_ -= before - wave->unresolved;
}

void StorageLane::launch(Transfer* transfer) noexcept {
    transfer->started_ns = now_ns_;
    transfer->next = nullptr;
    ++inflight_count_;
    if (transfer->route != Route::kFlush && moving_count_++ == 0) busy_since_ns_ = now_ns_;
    ++transfer->wave->inflight_count;
    counters_.request_started(transfer->route);
    open_window(transfer, 0, transfer->account_count);
    request(transfer);
}

// The accounts [first, first + count) are what is asked for next.
void StorageLane::open_window(Transfer* transfer, std::uint32_t first,
                              std::uint32_t count) noexcept {
    std::uint64_t offset = transfer->offset;
    for (std::uint32_t i = 0; i < first; ++i) offset += transfer->accounts[i].bytes;
    std::uint32_t bytes = transfer->bytes;
    if (count != transfer->account_count) {
        bytes = 0;
        for (std::uint32_t i = first; i < first + count; ++i) bytes += transfer->accounts[i].bytes;
    }
    transfer->window_first = first;
    transfer->window_count = count;
    transfer->window_offset = offset;
    transfer->window_bytes = bytes;
    transfer->window_done = 0;
    transfer->staged_done = 0;
    transfer->step = Transfer::Step::kMove;
    if (!transfer->staged) return;
    const std::uint64_t unit = transfer->region->file->offset_align_bytes;
    transfer->staged_offset = offset / unit * unit;
    const std::uint64_t end = (offset + bytes + unit - 1) / unit * unit;
    transfer->staged_bytes = static_cast<std::uint32_t>(end - transfer->staged_offset);
    if (transfer->kind == IoKind::kWrite) transfer->step = Transfer::Step::kHeadEdge;
}

void StorageLane::request(Transfer* transfer) noexcept {
    FileState& file = *transfer->region->file;
    if (file.poisoned && !(file.is_verified && transfer->kind == IoKind::kRead)) {
        fail_window(transfer, {BWRT_E_IO, file.poison_errno, BWRT_TIER_DISK,
                               transfer->accounts[transfer->window_first].operation->index});
        return;
    }
    if (transfer->wave->phase == Phase::kStopping) {
        // What is asked for after the cancel went out would not be asked back.
        fail_window(transfer, {transfer->wave->stop_status, 0, BWRT_TIER_NONE, BWRT_NONE});
        return;
    }
    if (transfer->direct && file.direct_file < 0) {  // refused since this was built
        go_plain(transfer);
        return;
    }
    // In a direct region a write through the page cache, too, minds the blocks that a staged
    // one may be rewriting.
    const bool beside_direct = file.direct_attached >= 0 && !transfer->direct;
    if ((transfer->staged && !staging_.take_buffer(transfer)) ||
        ((transfer->staged || beside_direct) && !staging_.lock_edges(transfer))) {
        park(transfer);
        return;
    }
    IoRequest io;
    io.kind = transfer->kind;
    io.file = transfer->direct ? file.direct_file : file.file;
    io.tag = transfer->tag;
    io.iovecs = transfer->iovecs;
    if (transfer->kind == IoKind::kFlush) {
        io.file = file.file;
    } else if (transfer->staged) {
        request_staged(transfer, &io);
    } else {
        request_plain(transfer, &io);
    }
    transfer->in_backend = backend_.start(io);
    if (!transfer->in_backend) park(transfer);  // the backend is full: ask again
}

// The window's accounts, those already done left out, neighbours in memory joined.
void StorageLane::request_plain(Transfer* transfer, IoRequest* io) noexcept {
    std::uint32_t skip = transfer->window_done;
    std::uint32_t count = 0;
    const std::uint32_t last = transfer->window_first + transfer->window_count;
    const std::uint32_t region = transfer->accounts[transfer->window_first].memory_region;
    bool same_region = true;
    for (std::uint32_t i = transfer->window_first; i < last; ++i) {
        const Account& account = transfer->accounts[i];
        if (skip >= account.bytes) {
            skip -= account.bytes;
            continue;
        }
        auto* address = reinterpret_cast<std::byte*>(account.address) + skip;
        const std::size_t bytes = account.bytes - skip;
        skip = 0;
        same_region = same_region && account.memory_region == region;
        if (count > 0) {
            iovec& before = transfer->iovecs[count - 1];
            if (static_cast<std::byte*>(before.iov_base) + before.iov_len == address) {
                before.iov_len += bytes;
                continue;
            }
        }
        transfer->iovecs[count++] = {address, bytes};
    }
    io->iovec_count = count;
    io->offset_bytes = transfer->window_offset + transfer->window_done;
    if (count == 1 && same_region && region != kProcessSlot) {
        io->fixed_buffer = tables_.regions.at(region).fixed_buffer;
    }
}

void StorageLane::request_staged(Transfer* transfer, IoRequest* io) noexcept {
    std::byte* buffer = staging_.buffer(*transfer);
    const std::uint32_t unit = transfer->region->file->offset_align_bytes;
    const std::uint64_t head = transfer->window_offset - transfer->staged_offset;
    const std::uint64_t tail = head + transfer->window_bytes;
    io->iovec_count = 1;
    io->fixed_buffer = staging_.fixed_buffer();
    if (transfer->step == Transfer::Step::kHeadEdge) {
        if (head != 0 || (tail % unit != 0 && transfer->staged_bytes == unit)) {
            io->kind = IoKind::kRead;
            io->offset_bytes = transfer->staged_offset;
            transfer->iovecs[0] = {buffer, unit};
            return;
        }
        transfer->step = Transfer::Step::kTailEdge;
    }
    if (transfer->step == Transfer::Step::kTailEdge) {
        if (tail % unit != 0 && transfer->staged_bytes > unit) {
            io->kind = IoKind::kRead;
            io->offset_bytes = transfer->staged_offset + transfer->staged_bytes - unit;
            transfer->iovecs[0] = {buffer + transfer->staged_bytes - unit, unit};
            return;
        }
        transfer->step = Transfer::Step::kMove;
    }
    if (transfer->kind == IoKind::kWrite && transfer->staged_done == 0) {
        copy_staged(*transfer, transfer->window_bytes, true);
        copied_in_bytes_ += transfer->window_bytes;
    }
    io->offset_bytes = transfer->staged_offset + transfer->staged_done;
    transfer->iovecs[0] = {buffer + transfer->staged_done,
                           transfer->staged_bytes - transfer->staged_done};
}

void StorageLane::park(Transfer* transfer) noexcept {
    transfer->next = nullptr;
    *parked_end_ = transfer;
    parked_end_ = &transfer->next;
}

// Again as long as one of them ends: what it held may be what another waits for, and with
// nothing in the backend nobody would come back to it.
void StorageLane::retry_parked() noexcept {
    std::uint32_t before = 0;
    do {
        before = inflight_count_;
        Transfer* transfer = parked_;
        parked_ = nullptr;
        parked_end_ = &parked_;
        while (transfer != nullptr) {
            Transfer* following = transfer->next;
            request(transfer);  // may park it again, behind the others
            transfer = following;
        }
    } while (parked_ != nullptr && inflight_count_ < before);
}

void StorageLane::stop(Wave* wave) noexcept {
    ready_.remove(wave);
    queued_bytes_ -= lane_bytes(wave);
    lane_bytes(wave) = 0;
    const Failure failure = {wave->stop_status, 0, BWRT_TIER_NONE, BWRT_NONE};
    Transfer* transfer = parked_;
    parked_ = nullptr;
    parked_end_ = &parked_;
    while (transfer != nullptr) {
        Transfer* following = transfer->next;
        if (transfer->wave == wave) {
            fail_window(transfer, failure);
        } else {
            park(transfer);
        }
        transfer = following;
    }
    if (wave->inflight_count == 0) return;
    for (std::size_t place = 0; place < transfers_.count(); ++place) {
        const Transfer& out = transfers_[place];
        if (out.in_backend && out.wave == wave) backend_.cancel(out.tag);
    }
}

}  // namespace bwrt::runtime
