// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/sim_storage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace bwrt::sim {
namespace {

using runtime::IoKind;
using runtime::IoRequest;
using runtime::IoResult;

constexpr std::uint64_t kNeverNs = ~std::uint64_t{0};
constexpr std::uint32_t kPlaceMask = 0xFFF;  // transfer.h: generation << 12 | place

std::uint64_t sum(const iovec* iovecs, std::uint32_t count) {
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < count; ++i) bytes += iovecs[i].iov_len;
    return bytes;
}

}  // namespace

SimStorage::SimStorage(SimClock* clock, Random* random, const FaultOptions* options,
                       FaultTable* table, Verdict* verdict)
    : clock_(*clock),
      random_(*random),
      options_(*options),
      table_(*table),
      verdict_(*verdict),
      before_(kPlaceMask + 1) {}

// ---- control

std::uint32_t SimStorage::add_image(int fd, std::uint64_t capacity_bytes,
                                    std::uint64_t length_bytes) {
    struct stat stat = {};
    if (fstat(fd, &stat) != 0) std::abort();
    Image image;
    image.device = stat.st_dev;
    image.inode = stat.st_ino;
    image.length_bytes = length_bytes;
    image.bytes.resize(capacity_bytes);
    images_.push_back(std::move(image));
    return static_cast<std::uint32_t>(images_.size() - 1);
}

std::int32_t SimStorage::attach_direct(std::uint32_t image) {
    files_.push_back({image, true, true, 1, 1});
    return static_cast<std::int32_t>(files_.size() - 1);
}

void SimStorage::set_alignment(std::int32_t file, std::uint32_t offset_bytes,
                               std::uint32_t memory_bytes) {
    File& direct = files_[static_cast<std::size_t>(file)];
    direct.direct = true;
    direct.offset_align = offset_bytes;
    direct.memory_align = memory_bytes;
}

std::uint32_t SimStorage::attached_count() const noexcept {
    return static_cast<std::uint32_t>(std::count_if(
        files_.begin(), files_.end(), [](const File& file) { return file.attached; }));
}

std::int32_t SimStorage::attach_file(int fd) noexcept {
    struct stat stat = {};
    if (fstat(fd, &stat) != 0) return -1;
    for (std::uint32_t i = 0; i < images_.size(); ++i) {
        if (images_[i].inode != stat.st_ino || images_[i].device != stat.st_dev) continue;
        files_.push_back({i, true, false, 1, 1});
        return static_cast<std::int32_t>(files_.size() - 1);
    }
    return -1;
}

void SimStorage::detach_file(std::int32_t file) noexcept {
    const auto index = static_cast<std::size_t>(file);
    if (index >= files_.size() || !files_[index].attached) {
        verdict_.wrong("detach_file(%d), which is not attached", file);
        return;
    }
    files_[index].attached = false;
    for (const Out& out : out_) {
        if (out.request.file == file) verdict_.wrong("file %d detached under a request", file);
    }
}

std::int32_t SimStorage::attach_buffer(void* address, std::size_t length_bytes) noexcept {
    return address != nullptr && length_bytes != 0 ? buffer_count_++ : -1;
}

void SimStorage::detach_buffer(std::int32_t buffer) noexcept {
    if (buffer < 0 || buffer >= buffer_count_) verdict_.wrong("detach_buffer(%d)", buffer);
}

// ---- a request comes

bool SimStorage::check(const IoRequest& request, std::uint64_t bytes) noexcept {
    const auto index = static_cast<std::size_t>(request.file);
    if (request.file < 0 || index >= files_.size() || !files_[index].attached) {
        verdict_.wrong("a request names file %d, which is not attached", request.file);
        return false;
    }
    const File& file = files_[index];
    for (const Out& out : out_) {
        if (out.request.tag == request.tag) verdict_.wrong("tag %#x is out twice", request.tag);
    }
    if (request.kind == IoKind::kFlush) {
        if (request.iovec_count != 0) verdict_.wrong("a flush has %u iovecs", request.iovec_count);
        return true;
    }
    if (request.iovec_count == 0 || request.iovec_count > runtime::kIovecCountMax || bytes == 0) {
        verdict_.wrong("a request of %u iovecs", request.iovec_count);
        return false;
    }
    if (!file.direct) return true;
    bool aligned = request.offset_bytes % file.offset_align == 0;
    for (std::uint32_t i = 0; i < request.iovec_count; ++i) {
        const auto address = reinterpret_cast<std::uintptr_t>(request.iovecs[i].iov_base);
        aligned = aligned && address % file.memory_align == 0 &&
                  request.iovecs[i].iov_len % file.offset_align == 0;
    }
    if (!aligned) {
        verdict_.wrong("direct I/O at %llu is not aligned to %u and %u",
                       static_cast<unsigned long long>(request.offset_bytes), file.offset_align,
                       file.memory_align);
    }
    if (request.offset_bytes + bytes > images_[file.image].length_bytes) {
        verdict_.wrong("direct I/O at %llu passes the end of the file",
                       static_cast<unsigned long long>(request.offset_bytes));
    }
    return true;
}

// What can be seen of the request's history: bits of State.
std::uint32_t SimStorage::states_of(const IoRequest& request, std::uint64_t bytes) noexcept {
    const File& file = files_[static_cast<std::size_t>(request.file)];
    Before& before = before_[request.tag & kPlaceMask];
    const std::uint64_t first = request.offset_bytes, last = first + bytes;
    std::uint32_t states = before.refused ? bit(State::kParked) : 0;
    if (request.kind == IoKind::kFlush) {
        states |= bit(State::kFlush);
    } else if (!file.direct) {
        states |= bit(State::kPlain);
    } else if (is_callers_memory(request.iovecs[0].iov_base)) {
        states |= bit(State::kDirect);
    } else {
        const bool edge = request.kind == IoKind::kRead && is_target(file.image, first, last);
        states |= bit(edge ? State::kEdge : State::kStaged);
    }
    const bool same_file =
        before.file >= 0 && files_[static_cast<std::size_t>(before.file)].image == file.image;
    if (same_file && first >= before.first && last <= before.last) {
        if ((before.faults & (bit(Fault::kEintr) | bit(Fault::kEagain))) != 0) {
            states |= bit(State::kRepeated);
        } else if ((before.faults & bit(Fault::kShort)) != 0 && first > before.first) {
            states |= bit(State::kContinued);
        } else if ((before.faults &
                    (bit(Fault::kEio) | bit(Fault::kBadBlock) | bit(Fault::kEnospc))) != 0 &&
                   bytes < before.last - before.first) {
            before.whole_first = before.first;
            before.whole_last = before.last;
        }
    }
    if (same_file && first >= before.whole_first && last <= before.whole_last) {
        states |= bit(State::kIsolated);
    } else {
        before.whole_first = before.whole_last = 0;
    }
    return states;
}

bool SimStorage::start(const IoRequest& request) noexcept {
    const std::uint64_t bytes = sum(request.iovecs, request.iovec_count);
    if (!check(request, bytes)) return false;
    Before& before = before_[request.tag & kPlaceMask];
    const std::uint32_t states = states_of(request, bytes);
    if (random_.chance(options_.full)) {
        table_.count(Fault::kFull, states | world_states());
        before.refused = true;
        if (out_.empty()) room_ns_ = clock_.peek_ns() + draw_latency_ns();
        return false;
    }
    const std::uint64_t whole_first = before.whole_first, whole_last = before.whole_last;
    before = {request.file, request.offset_bytes, request.offset_bytes + bytes,
              whole_first,  whole_last,           0,
              false};
    Out out;
    out.request = request;
    out.iovecs.assign(request.iovecs, request.iovecs + request.iovec_count);
    out.bytes = bytes;
    out.states = states;
    plan(&out);
    if (request.kind == IoKind::kRead && random_.chance(500)) scramble(out);
    if (random_.chance(300)) move(&out);
    out_.push_back(std::move(out));
    return true;
}

// ---- a request goes

void SimStorage::complete(Out* out) noexcept {
    const IoRequest& request = out->request;
    for (std::uint32_t i = 0; i < request.iovec_count; ++i) {
        if (request.iovecs[i].iov_base != out->iovecs[i].iov_base ||
            request.iovecs[i].iov_len != out->iovecs[i].iov_len) {
            verdict_.wrong("iovecs changed under a request");
        }
    }
    move(out);
    if (out->asked_back) {
        out->states |= bit(State::kStopping);
        out->faults |= bit(out->result == -ECANCELED ? Fault::kCancelled : Fault::kTooLate);
    }
    before_[request.tag & kPlaceMask].faults = out->faults;
    if (random_.chance(options_.duplicate)) out->faults |= bit(Fault::kDuplicate);
    if (random_.chance(options_.unknown)) out->faults |= bit(Fault::kUnknown);
    ready_.push_back({{request.tag, out->result}, out->faults, out->states, false});
    if ((out->faults & bit(Fault::kDuplicate)) != 0) {
        ready_.push_back({{request.tag, out->result}, 0, 0, true});
    }
    if ((out->faults & bit(Fault::kUnknown)) != 0) {
        const std::uint32_t tag = random_.chance(500) ? kPlaceMask : request.tag ^ (0x5A5A5u << 12);
        ready_.push_back({{tag, static_cast<std::int32_t>(random_.below(4096))}, 0, 0, true});
    }
}

void SimStorage::collect_due() noexcept {
    for (std::size_t i = 0; i < out_.size();) {
        if (out_[i].due_ns > clock_.peek_ns()) {
            ++i;
            continue;
        }
        complete(&out_[i]);
        out_[i] = std::move(out_.back());
        out_.pop_back();
    }
}

void SimStorage::cancel(std::uint32_t tag) noexcept {
    for (Out& out : out_) {
        if (out.request.tag != tag) continue;
        out.asked_back = true;
        if (!out.lost && random_.chance(options_.cancel_too_late)) return;
        if (!out.lost || !random_.chance(options_.cancel_too_late)) {
            if (!out.moved) out.result = random_.chance(800) ? -ECANCELED : -EINTR;
        }
        out.due_ns = std::min(out.due_ns, clock_.peek_ns() + draw_latency_ns());
    }
}

std::uint32_t SimStorage::reap(IoResult* results, std::uint32_t capacity) noexcept {
    collect_due();
    const std::uint32_t states = world_states();
    std::uint32_t count = 0;
    while (count < capacity && !ready_.empty()) {
        // A ghost never comes before what it repeats.
        std::size_t place = random_.below(ready_.size());
        while (place > 0 && ready_[place].ghost) --place;
        const Ready ready = ready_[place];
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(place));
        for (std::uint32_t fault = 0; fault < kFaultCount; ++fault) {
            if ((ready.faults >> fault & 1) != 0) {
                table_.count(static_cast<Fault>(fault), ready.states | states);
            }
        }
        ghosts_reaped_ += ready.ghost ? 1 : 0;
        results[count++] = ready.result;
    }
    return count;
}

void SimStorage::wait(std::int64_t timeout_ns) noexcept {
    collect_due();
    if (woken_ || !ready_.empty() || timeout_ns == 0) {
        woken_ = false;
        return;
    }
    std::uint64_t until_ns = room_ns_;
    for (const Out& out : out_) until_ns = std::min(until_ns, out.due_ns);
    if (timeout_ns > 0) {
        until_ns = std::min(until_ns, clock_.peek_ns() + static_cast<std::uint64_t>(timeout_ns));
    }
    if (until_ns == kNeverNs) {
        verdict_.wrong("the driver sleeps for ever and nothing is out");
        std::abort();
    }
    if (until_ns > clock_.peek_ns() && random_.chance(20)) {  // early, for no reason
        until_ns = clock_.peek_ns() + (until_ns - clock_.peek_ns() + 1) / 2;
    }
    clock_.advance_to(until_ns);
    if (room_ns_ <= clock_.peek_ns()) room_ns_ = kNeverNs;
}

}  // namespace bwrt::sim
