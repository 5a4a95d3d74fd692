// SPDX-License-Identifier: Apache-2.0
//
// sim_device.cpp — what the simulated device and the simulated copies do to
// bytes.

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/sim/sim_storage.h"

namespace bwrt::sim {
namespace {

using runtime::IoKind;

// Long after anything else: only what was lost takes so long.
constexpr std::uint64_t kLostNs = 60'000'000'000;

}  // namespace

std::uint64_t SimStorage::draw_latency_ns() noexcept {
    const std::uint64_t spread = 2 * (options_.latency_ns_mean - options_.latency_ns_min);
    const std::uint64_t latency_ns = options_.latency_ns_min + random_.below(spread + 1);
    return random_.chance(20) ? latency_ns + random_.below(5'000'000) : latency_ns;
}

// Decides the request's fate: at most one fault, and perhaps a loss on top.
void SimStorage::plan(Out* out) noexcept {
    const IoKind kind = out->request.kind;
    const File& file = files_[static_cast<std::size_t>(out->request.file)];
    Image& image = images_[file.image];
    const std::uint64_t first = out->request.offset_bytes, last = first + out->bytes;
    const auto fault = [&](Fault which, std::int32_t result) {
        out->faults |= bit(which);
        out->result = result;
    };
    out->due_ns = clock_.peek_ns() + draw_latency_ns();
    std::uint64_t count = out->bytes;
    if (kind == IoKind::kRead) {
        count = image.length_bytes > first ? std::min(count, image.length_bytes - first) : 0;
    }
    out->result = static_cast<std::int32_t>(count);
    const bool is_bad = kind != IoKind::kFlush &&
                        std::any_of(image.bad.begin(), image.bad.end(), [&](const BadBlock& bad) {
                            return bad.first < last && first < bad.last;
                        });
    // It comes once a file, so the rare state is helped to meet it.
    const std::uint32_t rare = (out->states & bit(State::kIsolated)) != 0 ? 10 : 1;
    if (file.direct && (image.refuses_direct || random_.chance(rare * options_.einval))) {
        image.refuses_direct = true;
        fault(Fault::kEinval, -EINVAL);
    } else if (random_.chance(options_.eintr)) {
        fault(Fault::kEintr, -EINTR);
    } else if (random_.chance(options_.eagain)) {
        fault(Fault::kEagain, -EAGAIN);
    } else if (is_bad) {
        fault(Fault::kBadBlock, -EIO);
    } else if (random_.chance(options_.eio)) {
        fault(Fault::kEio, -EIO);
    } else if (kind != IoKind::kRead && random_.chance(options_.enospc)) {
        fault(Fault::kEnospc, -ENOSPC);
    } else if (kind != IoKind::kFlush && count > 1 && random_.chance(options_.short_count)) {
        std::uint64_t fewer = random_.between(1, count - 1);
        // Direct I/O moves whole blocks.
        if (file.direct) fewer = fewer / file.offset_align * file.offset_align;
        if (fewer != 0) fault(Fault::kShort, static_cast<std::int32_t>(fewer));
    } else if (kind != IoKind::kFlush && random_.chance(options_.zero_count)) {
        fault(Fault::kZero, 0);
    }
    if (random_.chance(options_.lost)) {
        out->faults |= bit(Fault::kLost);
        out->lost = true;
        out->due_ns += kLostNs;
    }
}

// The memory of a read belongs to the device until the result is there.
void SimStorage::scramble(const Out& out) noexcept {
    for (const iovec& part : out.iovecs) {
        std::memset(part.iov_base, static_cast<int>(random_.below(256)), part.iov_len);
    }
}

// Moves what the result says; of a write that failed, some blocks from its
// front.
void SimStorage::move(Out* out) noexcept {
    if (out->moved || out->request.kind == IoKind::kFlush) return;
    out->moved = true;
    const File& file = files_[static_cast<std::size_t>(out->request.file)];
    Image& image = images_[file.image];
    std::uint64_t count = out->result > 0 ? static_cast<std::uint64_t>(out->result) : 0;
    const bool writes = out->request.kind == IoKind::kWrite;
    if (writes && out->result < 0 && out->result != -EINVAL) {
        count = random_.below(out->bytes + 1) / file.offset_align * file.offset_align;
    }
    std::uint64_t offset = out->request.offset_bytes;
    for (const iovec& part : out->iovecs) {
        const std::uint64_t run = std::min<std::uint64_t>(part.iov_len, count);
        if (run == 0) break;
        if (offset + run > image.bytes.size()) {
            verdict_.wrong("a request passes the capacity of its file");
            return;
        }
        std::byte* place = image.bytes.data() + offset;
        std::memcpy(writes ? place : part.iov_base, writes ? part.iov_base : place, run);
        offset += run;
        count -= run;
    }
    if (writes) image.length_bytes = std::max(image.length_bytes, offset);
}

bool SimHost::copy(void* target, const void* source, std::size_t length_bytes) noexcept {
    clock_.advance(100 + length_bytes / 8);
    if (random_.chance(options_.host_failed)) {
        table_.count(Fault::kHostFailed, bit(State::kPlain) | world_states());
        std::memset(target, 0xE5, random_.below(length_bytes + 1));
        return false;
    }
    std::memcpy(target, source, length_bytes);
    return true;
}

}  // namespace bwrt::sim
