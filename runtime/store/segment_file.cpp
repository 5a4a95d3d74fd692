// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/segment_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace bwrt::runtime {
namespace {

// Lustre's public interface, without its headers.  A file opened with both of these flags, which
// mean nothing else for a file, has no layout until this ioctl gives it one.
constexpr unsigned long kLustreMagic = 0x0BD00BD0;
constexpr int kLayoutLater = O_NOCTTY | O_ASYNC;
constexpr unsigned long kSetStripe = _IOW('f', 154, long);

struct LustreLayout {
    std::uint32_t magic = 0x0BD10BD0;
    std::uint32_t pattern = 1;  // RAID 0
    std::uint64_t object[2] = {};
    std::uint32_t stripe_bytes = kStripeBytes;
    std::uint16_t stripe_count = kStripeCount;
    std::uint16_t first_server = 0xFFFF;  // any
};
static_assert(sizeof(LustreLayout) == 32);

struct SegmentName {
    char text[24];
    explicit SegmentName(std::uint32_t number) {
        std::snprintf(text, sizeof text, "segment.%08x", number);
    }
};

bwrt_status fail_io(const SegmentName& name, const ErrorSink& sink) {
    const int os_code = errno;
    return fail_os(sink, status_of_io_errno(os_code), os_code, kDirectoriesField, "%s: %s",
                   name.text, errno_name(os_code));
}

bwrt_status fail_length(const SegmentName& name, std::uint64_t found_bytes,
                        std::uint64_t length_bytes, const ErrorSink& sink) {
    return fail(sink, BWRT_E_FORMAT, kDirectoriesField, "%s is %llu bytes long, not %llu",
                name.text, ull(found_bytes), ull(length_bytes));
}

const char* name_of(unsigned long magic) {
    switch (magic) {
        case EXT4_SUPER_MAGIC:
            return "ext4";
        case XFS_SUPER_MAGIC:
            return "xfs";
        case BTRFS_SUPER_MAGIC:
            return "btrfs";
        case TMPFS_MAGIC:
            return "tmpfs";
        case OVERLAYFS_SUPER_MAGIC:
            return "overlayfs";
        case NFS_SUPER_MAGIC:
            return "nfs";
        default:
            return nullptr;
    }
}

// Whether the directory is one that stripes; if not, the report says why.
bool is_on_lustre(int directory_fd, const FileSystemCalls& calls, SegmentReport* report) {
    struct statfs found = {};
    if (calls.fstatfs(directory_fd, &found) != 0) {
        std::snprintf(report->striping, sizeof report->striping, "fstatfs: %s", errno_name(errno));
        return false;
    }
    const auto magic = static_cast<unsigned long>(found.f_type) & 0xFFFF'FFFF;
    if (magic == kLustreMagic) return true;
    if (const char* name = name_of(magic)) {
        std::snprintf(report->striping, sizeof report->striping, "not on Lustre: %s", name);
    } else {
        std::snprintf(report->striping, sizeof report->striping, "not on Lustre: type 0x%lx",
                      magic);
    }
    return false;
}

// Not open, and errno, when it cannot be made.  A layout that is refused is no reason to do without
// the file.
OpenFile create(int directory_fd, const SegmentName& name, bool on_lustre,
                const FileSystemCalls& calls, SegmentReport* report) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL;
    OpenFile file =
        open_beneath(directory_fd, name.text, on_lustre ? kFlags | kLayoutLater : kFlags);
    if (!file.is_open() || !on_lustre) return file;
    LustreLayout layout;
    report->striped = calls.ioctl(file.fd(), kSetStripe, &layout) == 0;
    if (report->striped) {
        std::snprintf(report->striping, sizeof report->striping, "%u stripes of %u MiB",
                      unsigned{kStripeCount}, kStripeBytes >> 20);
    } else {
        std::snprintf(report->striping, sizeof report->striping, "Lustre refused: %s",
                      errno_name(errno));
    }
    // Without a layout nothing could be written to what was opened so.
    return open_beneath(directory_fd, name.text, O_RDWR);
}

// Checks what there is, and gives it its length where it may be changed.
bwrt_status fit(const OpenFile& file, const SegmentName& name, std::uint64_t length_bytes,
                Access access, SegmentReport* report, const ErrorSink& sink) {
    struct stat stat = {};
    if (fstat(file.fd(), &stat) != 0) return fail_io(name, sink);
    if (!S_ISREG(stat.st_mode)) {
        return fail(sink, BWRT_E_FORMAT, kDirectoriesField, "%s is not a file", name.text);
    }
    const auto found_bytes = static_cast<std::uint64_t>(stat.st_size);
    const bool too_short = found_bytes < length_bytes;
    if (found_bytes > length_bytes || (too_short && access == Access::kRead)) {
        return fail_length(name, found_bytes, length_bytes, sink);
    }
    // It was opened so as not to wait for a pipe's other end; the ring must wait for its bytes.
    const int flags = fcntl(file.fd(), F_GETFL);
    if (flags < 0 || fcntl(file.fd(), F_SETFL, flags & ~O_NONBLOCK) != 0)
        return fail_io(name, sink);
    if (access == Access::kRead) return BWRT_OK;
    if (reserve(file.fd(), length_bytes, &report->reserved)) {
        if (!report->reserved) {
            std::snprintf(report->reserving, sizeof report->reserving, "fallocate: %s",
                          errno_name(errno));
        }
        return BWRT_OK;
    }
    const bwrt_status status = fail_io(name, sink);
    // What it took of a disk that is full it gives back.
    if (too_short) static_cast<void>(!ftruncate(file.fd(), stat.st_size));
    return status;
}

}  // namespace

const FileSystemCalls kFileSystemCalls = {
    fstatfs,
    [](int fd, unsigned long request, void* argument) { return ::ioctl(fd, request, argument); }};

SegmentReport find_striping(int directory_fd, const FileSystemCalls& calls) {
    SegmentReport report;
    static_cast<void>(is_on_lustre(directory_fd, calls, &report));
    return report;
}

bwrt_status open_segment(int directory_fd, std::uint32_t number, std::uint64_t length_bytes,
                         Access access, OpenFile* file_out, SegmentReport* report_out,
                         const ErrorSink& sink, const FileSystemCalls& calls) {
    const SegmentName name(number);
    SegmentReport report;
    const bool on_lustre = is_on_lustre(directory_fd, calls, &report);
    OpenFile file =
        open_beneath(directory_fd, name.text, access == Access::kRead ? O_RDONLY : O_RDWR);
    if (!file.is_open() && errno == ENOENT && access == Access::kCreate) {
        file = create(directory_fd, name, on_lustre, calls, &report);
        report.made =
            file.is_open() || errno != EEXIST;  // it may have been made before that failed
    } else if (on_lustre) {
        std::snprintf(report.striping, sizeof report.striping, "as it was made");
    }
    bwrt_status status =
        file.is_open() ? fit(file, name, length_bytes, access, &report, sink) : fail_io(name, sink);
    // The name is an entry of the directory's: a block that is to survive must not lose it.
    if (report.made && status == BWRT_OK && !flush(directory_fd)) status = fail_io(name, sink);
    if (status != BWRT_OK) {
        if (report.made) unlinkat(directory_fd, name.text, 0);
        return status;
    }
    *file_out = std::move(file);
    *report_out = report;
    return BWRT_OK;
}

bwrt_status list_segments(int directory_fd, std::vector<std::uint32_t>* numbers_out,
                          const ErrorSink& sink) {
    std::vector<std::string> names;
    if (!list_directory(directory_fd, &names)) {
        const int os_code = errno;
        return fail_os(sink, status_of_io_errno(os_code), os_code, kDirectoriesField,
                       "segments: %s", errno_name(os_code));
    }
    numbers_out->clear();
    for (const std::string& name : names) {
        unsigned number = 0;
        if (std::sscanf(name.c_str(), "segment.%8x", &number) == 1 &&
            name == SegmentName(number).text) {
            numbers_out->push_back(number);
        }
    }
    return BWRT_OK;
}

bool is_longer(int directory_fd, std::uint32_t number, std::uint64_t length_bytes) noexcept {
    struct stat stat = {};
    return fstatat(directory_fd, SegmentName(number).text, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(stat.st_mode) && static_cast<std::uint64_t>(stat.st_size) > length_bytes;
}

bwrt_status remove_segment(int directory_fd, std::uint32_t number, const ErrorSink& sink) {
    const SegmentName name(number);
    if (unlinkat(directory_fd, name.text, 0) == 0 || errno == ENOENT) return BWRT_OK;
    return fail_io(name, sink);
}

}  // namespace bwrt::runtime
