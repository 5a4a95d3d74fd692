// SPDX-License-Identifier: Apache-2.0
//
// memory.cpp — which addresses there are, whose they are, and where the fake reaches their bytes.
//
//   what a program sees:  [ no rights: canary | device memory | canary ]     at its address
//   where the bytes are:  [ 0xCA ...          | 0xA5 ...      | 0xCA ... ]   a memfd, elsewhere
//
// So a host that reads a device pointer dies at once, and what is written beyond device memory is
// found in the canaries.  A memfd, because device memory goes to other processes too.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

constexpr unsigned char kCanary = 0xCA;
constexpr unsigned char kGarbage = 0xA5;

const Range* range_at(std::uint64_t address) {
    const auto after = world().ranges.upper_bound(address);
    if (after == world().ranges.begin()) return nullptr;
    const Range& range = std::prev(after)->second;
    return address < range.address + range.bytes ? &range : nullptr;
}

// Nothing of [address, + bytes) is known: the caller's own memory.
bool is_unknown(std::uint64_t address, std::size_t bytes) {
    const auto after = world().ranges.lower_bound(address);
    return range_at(address) == nullptr &&
           (after == world().ranges.end() || after->first >= address + bytes);
}

bool is_host(Kind kind) { return kind == Kind::kRegistered || kind == Kind::kHostAllocated; }

bool all_bytes_are(const unsigned char* first, const unsigned char* last, unsigned char value) {
    return std::all_of(first, last, [value](unsigned char byte) { return byte == value; });
}

}  // namespace

Backing::~Backing() {
    if (here != nullptr) munmap(here, bytes);
    if (fd >= 0) close(fd);
}

BackingPointer backing_of_fd(int fd) {
    const off_t length = lseek(fd, 0, SEEK_END);
    if (length <= 0) return nullptr;
    const auto backing = std::make_shared<Backing>();
    backing->bytes = static_cast<std::size_t>(length);
    backing->user_bytes = backing->bytes;
    void* const mapped = mmap(nullptr, backing->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return nullptr;
    backing->here = static_cast<unsigned char*>(mapped);
    backing->fd = fd;
    return backing;
}

BackingPointer make_backing(std::size_t bytes, std::size_t guard_bytes) {
    const std::size_t whole = (bytes + 4095) / 4096 * 4096 + 2 * guard_bytes;
    const int fd = memfd_create("fake-device-memory", MFD_CLOEXEC);
    if (fd < 0) return nullptr;
    const bool is_sized = ftruncate(fd, static_cast<off_t>(whole)) == 0;
    const BackingPointer backing = is_sized ? backing_of_fd(fd) : nullptr;
    if (backing == nullptr) {
        close(fd);
        return nullptr;
    }
    backing->user_offset = guard_bytes;
    backing->user_bytes = guard_bytes == 0 ? whole : bytes;
    std::memset(backing->here, kCanary, whole);
    std::memset(backing->here + guard_bytes, kGarbage, backing->user_bytes);
    return backing;
}

bool canaries_stand(const Backing& backing) {
    const unsigned char* const user = backing.here + backing.user_offset;
    return all_bytes_are(backing.here, user, kCanary) &&
           all_bytes_are(user + backing.user_bytes, backing.here + backing.bytes, kCanary);
}

std::uint64_t reserve_addresses(std::size_t bytes, std::size_t align_bytes) {
    const std::size_t whole = bytes + align_bytes;
    void* const mapped =
        mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return 0;
    const auto first = reinterpret_cast<std::uint64_t>(mapped);
    const std::uint64_t aligned =
        align_bytes == 0 ? first : (first + align_bytes - 1) / align_bytes * align_bytes;
    release_addresses(first, aligned - first);
    release_addresses(aligned + bytes, first + whole - aligned - bytes);
    return aligned;
}

void release_addresses(std::uint64_t address, std::size_t bytes) {
    if (bytes != 0) munmap(reinterpret_cast<void*>(address), bytes);
}

void add_range(const Range& range) { world().ranges[range.address] = range; }

bool is_in_use(std::uint64_t address, std::size_t bytes) {
    for (const StreamPointer& stream : streams_of(-1)) {
        for (const Operation& operation : stream->operations) {
            for (const Place& place : operation.places) {
                if (place.address < address + bytes && address < place.address + place.bytes) {
                    return true;
                }
            }
        }
    }
    return false;
}

// A copy may go over neighbouring mappings, and not over two registrations, nor from one into what
// is not registered.
bool find_place(const char* name, std::uint64_t address, std::size_t bytes, Place* place_out) {
    Place place;
    place.address = address;
    place.bytes = bytes;
    const Range* range = range_at(address);
    if (range == nullptr && is_unknown(address, bytes)) {
        place.is_host = true;
        place.is_pageable = true;
        place.spans.push_back({reinterpret_cast<unsigned char*>(address), bytes});
        *place_out = std::move(place);
        return true;
    }
    const Kind kind = range == nullptr ? Kind::kRegistered : range->kind;
    place.is_host = is_host(kind);
    while (bytes != 0) {
        const bool is_first = place.spans.empty();
        if (range == nullptr || range->kind != kind || (!is_first && kind != Kind::kMapped)) {
            note_misuse(std::string(name) + ": goes beyond what was allocated or registered");
            return false;
        }
        if (!range->is_accessible) {
            note_misuse(std::string(name) + ": mapped memory that was given no access");
            return false;
        }
        const std::uint64_t offset = address - range->address;
        const std::size_t here = std::min(bytes, range->bytes - offset);
        place.spans.push_back({range->here + offset, here});
        if (range->backing != nullptr) place.backings.push_back(range->backing);
        address += here;
        bytes -= here;
        range = range_at(address);
    }
    *place_out = std::move(place);
    return true;
}

}  // namespace fake_cuda
