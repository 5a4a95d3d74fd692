// SPDX-License-Identifier: Apache-2.0

#include "runtime/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "include/bwrt.h"
#include "runtime/status.h"

namespace bwrt::runtime {
namespace {

std::size_t round_up(std::size_t value, std::size_t unit) {
    return (value + unit - 1) / unit * unit;
}

// Has the kernel touch every page, which reports ENOMEM instead of killing us.  0 or the errno;
// EINVAL before 5.14.
int populate(std::byte* address, std::size_t length_bytes) {
#ifdef MADV_POPULATE_WRITE
    return madvise(address, length_bytes, MADV_POPULATE_WRITE) == 0 ? 0 : errno;
#else
    static_cast<void>(address);
    static_cast<void>(length_bytes);
    return EINVAL;
#endif
}

// Touches every page from this thread, so that neither the first wave nor the pinning of a
// buffer pays for it; where the kernel does not, writing a byte a page does.
int prefault(std::byte* address, std::size_t length_bytes) {
    const int os_code = populate(address, length_bytes);
    if (os_code != EINVAL) return os_code;
    for (std::size_t offset = 0; offset < length_bytes; offset += 4096) {
        static_cast<volatile std::byte*>(address)[offset] = std::byte{0};
    }
    return 0;
}

// For a mapping that may have huge pages.  False, and why, when it gets none.
bool ask_for_huge_pages(void* address, std::size_t length_bytes, bool is_shared, char* reason,
                        std::size_t reason_bytes) {
    if (!(is_shared ? shared_huge_pages_available(reason, reason_bytes)
                    : huge_pages_available(reason, reason_bytes))) {
        return false;
    }
    if (madvise(address, length_bytes, MADV_HUGEPAGE) == 0) return true;
    std::snprintf(reason, reason_bytes, "madvise(MADV_HUGEPAGE): %s", errno_name(errno));
    return false;
}

// All pages, so that none is missing when it is touched, which would be a SIGBUS; then what the
// mapping alone may do from now on.  Kernels before 5.1 do not know the seal against writing.
// 0 or the errno.
int fill_and_seal(int fd, std::size_t length_bytes) {
    constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int done;
    do {
        done = fallocate(fd, 0, 0, static_cast<off_t>(length_bytes));
    } while (done != 0 && errno == EINTR);
    if (done != 0) return errno;
    if (fcntl(fd, F_ADD_SEALS, kSeals | F_SEAL_FUTURE_WRITE) == 0) return 0;
    if (errno == EINVAL && fcntl(fd, F_ADD_SEALS, kSeals) == 0) return 0;
    return errno;
}

// Whether a setting, of which the chosen value stands in brackets, is one of these.
bool is_set_to(std::initializer_list<const char*> values, const char* path, const char* otherwise,
               char* reason, std::size_t reason_bytes) {
    char text[128] = {};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        std::snprintf(reason, reason_bytes, "no transparent huge pages: %s", errno_name(errno));
        return false;
    }
    const ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    for (const char* value : values) {
        if (got > 0 && std::strstr(text, value) != nullptr) return true;
    }
    std::snprintf(reason, reason_bytes, "%s", otherwise);
    return false;
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

    int sharing = region_mapping_flags();
    const bool is_sealed = (flags & kRegionSealed) != 0;
    if ((flags & BWRT_REGION_EXPORT) != 0) {
        memory.memfd =
            memfd_create("bwrt-region", MFD_CLOEXEC | (is_sealed ? MFD_ALLOW_SEALING : 0));
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
    // Others have what is sealed by its fd alone, for through this mapping they could write.
    if (memory.memfd < 0 || is_sealed) madvise(address, bytes, MADV_DONTFORK);
    madvise(address, bytes, MADV_DONTDUMP);

    if ((flags & BWRT_REGION_HUGE) != 0) {
        memory.huge = ask_for_huge_pages(address, bytes, memory.memfd >= 0, memory.reason,
                                         sizeof memory.reason);
    }
    if ((flags & BWRT_REGION_PREFAULT) != 0) {
        if (const int os_code = prefault(static_cast<std::byte*>(address), bytes)) return os_code;
    }
    if (is_sealed) {
        // Shared memory has its huge pages where it is touched through the mapping that asked.
        if (memory.huge) {
            const int os_code = populate(static_cast<std::byte*>(address), bytes);
            if (os_code != 0 && os_code != EINVAL) return os_code;
        }
        if (const int os_code = fill_and_seal(memory.memfd, bytes)) return os_code;
    }
    *memory_out = std::move(memory);
    return 0;
}

bool huge_pages_available(char* reason, std::size_t reason_bytes) noexcept {
    return is_set_to({"[always]", "[madvise]"}, "/sys/kernel/mm/transparent_hugepage/enabled",
                     "transparent_hugepage/enabled is not always or madvise", reason, reason_bytes);
}

bool shared_huge_pages_available(char* reason, std::size_t reason_bytes) noexcept {
    return is_set_to({"[always]", "[within_size]", "[advise]", "[force]"},
                     "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
                     "transparent_hugepage/shmem_enabled is never or deny", reason, reason_bytes);
}

}  // namespace bwrt::runtime
