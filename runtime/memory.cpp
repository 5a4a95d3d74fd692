// SPDX-License-Identifier: Apache-2.0

#include "runtime/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "include/bwrt.h"
#include "runtime/status.h"

namespace bwrt::runtime {
namespace {

std::size_t round_up(std::size_t value, std::size_t unit) {
    return (value + unit - 1) / unit * unit;
}

// Touches every page from this thread, so that neither the first wave nor the pinning of a
// buffer pays for it.  MADV_POPULATE_WRITE (5.14) does it in the kernel and reports ENOMEM
// instead of killing us; before that, writing a byte a page does.
int prefault(std::byte* address, std::size_t length_bytes) {
#ifdef MADV_POPULATE_WRITE
    if (madvise(address, length_bytes, MADV_POPULATE_WRITE) == 0) return 0;
    if (errno != EINVAL) return errno;
#endif
    for (std::size_t offset = 0; offset < length_bytes; offset += 4096) {
        static_cast<volatile std::byte*>(address)[offset] = std::byte{0};
    }
    return 0;
}

}  // namespace

Mapping::~Mapping() {
    if (base_ != nullptr) munmap(base_, base_bytes_);
}

Mapping Mapping::table(std::size_t length_bytes) {
    Mapping mapping;
    const std::size_t bytes = round_up(length_bytes == 0 ? 1 : length_bytes, 4096);
    void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) throw std::bad_alloc();
    madvise(address, bytes, MADV_DONTDUMP);
    mapping.base_ = mapping.address_ = address;
    mapping.base_bytes_ = bytes;
    mapping.length_bytes_ = length_bytes;
    return mapping;
}

Mapping Mapping::file(int fd, std::size_t length_bytes, bool writable) noexcept {
    Mapping mapping;
    const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void* address = mmap(nullptr, length_bytes, protection, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) return mapping;
    madvise(address, length_bytes, MADV_DONTDUMP);
    madvise(address, length_bytes, MADV_DONTFORK);
    mapping.base_ = mapping.address_ = address;
    mapping.base_bytes_ = mapping.length_bytes_ = length_bytes;
    return mapping;
}

RegionMemory::RegionMemory(RegionMemory&& other) noexcept { *this = std::move(other); }

RegionMemory& RegionMemory::operator=(RegionMemory&& other) noexcept {
    mapping = std::move(other.mapping);
    std::swap(memfd, other.memfd);
    std::swap(huge, other.huge);
    std::memcpy(reason, other.reason, sizeof reason);
    return *this;
}

RegionMemory::~RegionMemory() {
    if (memfd >= 0) close(memfd);
}

int RegionMemory::allocate(std::size_t length_bytes, std::uint32_t flags,
                           RegionMemory* memory_out) {
    RegionMemory memory;
    const std::size_t bytes = round_up(length_bytes, kHugePageBytes);
    const std::size_t reserve_bytes = bytes + kHugePageBytes;
    if (bytes < length_bytes || reserve_bytes < bytes) return ENOMEM;

    // Reserve with room to align, then put the pages at the aligned address.
    void* base =
        mmap(nullptr, reserve_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return errno;
    memory.mapping.base_ = base;
    memory.mapping.base_bytes_ = reserve_bytes;
    const auto start = round_up(reinterpret_cast<std::size_t>(base), kHugePageBytes);
    void* address = reinterpret_cast<void*>(start);

    int sharing = MAP_PRIVATE | MAP_ANONYMOUS;
    if ((flags & BWRT_REGION_EXPORT) != 0) {
        memory.memfd = memfd_create("bwrt-region", MFD_CLOEXEC);
        if (memory.memfd < 0) return errno;
        if (ftruncate(memory.memfd, static_cast<off_t>(bytes)) != 0) return errno;
        sharing = MAP_SHARED;
    }
    if (mmap(address, bytes, PROT_READ | PROT_WRITE, sharing | MAP_FIXED, memory.memfd, 0) ==
        MAP_FAILED) {
        return errno;
    }
    memory.mapping.address_ = address;
    memory.mapping.length_bytes_ = length_bytes;
    if (memory.memfd < 0) madvise(address, bytes, MADV_DONTFORK);
    madvise(address, bytes, MADV_DONTDUMP);

    if ((flags & BWRT_REGION_HUGE) != 0) {
        if (!huge_pages_available(memory.reason, sizeof memory.reason)) {
            memory.huge = false;
        } else if (memory.memfd >= 0) {
            std::snprintf(memory.reason, sizeof memory.reason,
                          "an exported region has the page size of shared memory");
        } else if (madvise(address, bytes, MADV_HUGEPAGE) != 0) {
            std::snprintf(memory.reason, sizeof memory.reason, "madvise(MADV_HUGEPAGE): %s",
                          errno_name(errno));
        } else {
            memory.huge = true;
        }
    }
    if ((flags & BWRT_REGION_PREFAULT) != 0) {
        if (const int os_code = prefault(static_cast<std::byte*>(address), bytes)) return os_code;
    }
    *memory_out = std::move(memory);
    return 0;
}

bool huge_pages_available(char* reason, std::size_t reason_bytes) noexcept {
    constexpr const char* kPath = "/sys/kernel/mm/transparent_hugepage/enabled";
    char text[128] = {};
    const int fd = open(kPath, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        std::snprintf(reason, reason_bytes, "no transparent huge pages: %s", errno_name(errno));
        return false;
    }
    const ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got > 0 && (std::strstr(text, "[always]") || std::strstr(text, "[madvise]"))) return true;
    std::snprintf(reason, reason_bytes, "transparent_hugepage/enabled is not always or madvise");
    return false;
}

}  // namespace bwrt::runtime
