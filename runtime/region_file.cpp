// SPDX-License-Identifier: Apache-2.0
//
// region_file.cpp — how a file given as an fd becomes ours.
//
// It is reopened through /proc/self/fd, which gives a description of our own: the caller's
// position, flags (O_APPEND would defeat offsets, O_NONBLOCK io_uring) and locks stay his.
// O_DIRECT is taken where statx() states its alignment or, on older kernels, where open()
// accepts it (4,096 is then assumed); elsewhere the file is buffered and the reason is said.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/region.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

int reopen(int fd, int flags) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reopened;
    do {
        reopened = open(path, flags | O_CLOEXEC | O_NOCTTY);
    } while (reopened < 0 && errno == EINTR);
    return reopened;
}

bwrt_status file_length(int fd, const struct stat& stat, std::uint64_t* length_bytes_out,
                        const ErrorSink& sink) {
    if (S_ISREG(stat.st_mode)) {
        *length_bytes_out = static_cast<std::uint64_t>(stat.st_size);
        return BWRT_OK;
    }
    if (ioctl(fd, BLKGETSIZE64, length_bytes_out) == 0) return BWRT_OK;
    return fail_os(sink, BWRT_E_IO, errno, "region.fd", "the block device's size: %s",
                   errno_name(errno));
}

// Opens the file once more past the page cache; leaves `file` buffered, with a reason, when
// that cannot be.
void open_direct(const bwrt_region& description, FileState* file, char* reason,
                 std::size_t reason_bytes) {
    struct statx extended = {};
    std::uint32_t memory_align = 0, offset_align = 0;
#ifdef STATX_DIOALIGN
    if (statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &extended) == 0 &&
        (extended.stx_mask & STATX_DIOALIGN) != 0) {
        memory_align = extended.stx_dio_mem_align;
        offset_align = extended.stx_dio_offset_align;
        if (offset_align == 0) {
            std::snprintf(reason, reason_bytes, "the file system has no direct I/O for this file");
            return;
        }
    }
#endif
    const bool read_only = (description.flags & BWRT_REGION_READ_ONLY) != 0;
    file->direct_fd = reopen(description.fd, (read_only ? O_RDONLY : O_RDWR) | O_DIRECT);
    if (file->direct_fd < 0) {
        std::snprintf(reason, reason_bytes, "open with O_DIRECT: %s", errno_name(errno));
        return;
    }
    file->memory_align_bytes = memory_align != 0 ? memory_align : kPageBytes;
    file->offset_align_bytes = offset_align != 0 ? offset_align : kPageBytes;
    if (file->offset_align_bytes > kPageBytes || file->memory_align_bytes > kPageBytes) {
        std::snprintf(reason, reason_bytes, "direct I/O would need blocks of %u bytes",
                      file->offset_align_bytes);
        close(file->direct_fd);
        file->direct_fd = -1;
        file->memory_align_bytes = file->offset_align_bytes = 1;
    }
}

}  // namespace

FileState::~FileState() {
    if (direct_fd >= 0) close(direct_fd);
    if (fd >= 0) close(fd);
}

bwrt_status open_file(const bwrt_region& description, FileState* file,
                      std::uint64_t* length_bytes_out, std::uint32_t* flags_out, char* reason,
                      std::size_t reason_bytes, const ErrorSink& sink) {
    struct stat stat = {};
    if (fstat(description.fd, &stat) != 0) {
        return fail_os(sink, BWRT_E_INVAL, errno, "region.fd", "fd %d: %s", description.fd,
                       errno_name(errno));
    }
    if (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode)) {
        return fail(sink, BWRT_E_INVAL, "region.fd",
                    "fd %d is neither a regular file nor a block device", description.fd);
    }
    const bool read_only = (description.flags & BWRT_REGION_READ_ONLY) != 0;
    file->fd = reopen(description.fd, read_only ? O_RDONLY : O_RDWR);
    if (file->fd < 0) {
        return fail_os(sink, errno == EMFILE || errno == ENFILE ? BWRT_E_AGAIN : BWRT_E_INVAL,
                       errno, "region.fd", "fd %d cannot be reopened for %s: %s", description.fd,
                       read_only ? "reading" : "reading and writing", errno_name(errno));
    }
    file->device = static_cast<std::uint64_t>(stat.st_dev);
    file->inode = stat.st_ino;

    std::uint64_t length = 0;
    if (const bwrt_status status = file_length(file->fd, stat, &length, sink)) return status;
    *length_bytes_out = description.length_bytes != 0 ? description.length_bytes : length;
    if (*length_bytes_out == 0) {
        return fail(sink, BWRT_E_INVAL, "region.length_bytes",
                    "length_bytes is 0 and the file is empty");
    }
    if (*length_bytes_out > static_cast<std::uint64_t>(INT64_MAX)) {
        return fail(sink, BWRT_E_RANGE, "region.length_bytes", "length_bytes %llu is above 2^63-1",
                    static_cast<unsigned long long>(*length_bytes_out));
    }
    if ((description.flags & BWRT_REGION_DIRECT) == 0) return BWRT_OK;

    if (!read_only && *length_bytes_out > length) {
        return fail(sink, BWRT_E_RANGE, "region.length_bytes",
                    "the file has %llu bytes, a DIRECT region of %llu would extend it",
                    static_cast<unsigned long long>(length),
                    static_cast<unsigned long long>(*length_bytes_out));
    }
    open_direct(description, file, reason, reason_bytes);
    if (file->direct_fd < 0) *flags_out &= ~std::uint32_t{BWRT_REGION_DIRECT};
    file->direct_end = S_ISBLK(stat.st_mode) ? ~std::uint64_t{0} : length / kPageBytes * kPageBytes;
    return BWRT_OK;
}

}  // namespace bwrt::runtime
