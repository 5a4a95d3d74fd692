// SPDX-License-Identifier: Apache-2.0
//
// system_seam.cpp — what a runtime asks of the system that one in a modelled world does without:
// room set aside on the disk and in memory, bytes that outlive a crash, and chance.  The library
// that models is linked with runtime/model/system_seam.cpp in this one's place.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/memory.h"
#include "runtime/store/file_io.h"
#include "runtime/store/uninterrupted.h"

namespace bwrt::runtime {

bool reserve(int fd, std::uint64_t length_bytes, bool* reserved_out) noexcept {
    const auto length = static_cast<off_t>(length_bytes);
    *reserved_out = uninterrupted([&] { return fallocate(fd, 0, 0, length); }) == 0;
    if (*reserved_out) return true;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return false;
    const int os_code = errno;
    if (uninterrupted([&] { return ftruncate(fd, length); }) != 0) return false;
    errno = os_code;
    return true;
}

bool flush(int fd) noexcept {
    return uninterrupted([&] { return fsync(fd); }) == 0;
}

// Refused where there is not that much, and not later, by a kill.
int region_mapping_flags() noexcept { return MAP_ANONYMOUS | MAP_PRIVATE; }

bool fill_random(void* bytes, std::size_t count) noexcept {
    const ssize_t got = uninterrupted([&] { return getrandom(bytes, count, 0); });
    return got == static_cast<ssize_t>(count);  // 256 bytes and fewer come whole
}

}  // namespace bwrt::runtime
