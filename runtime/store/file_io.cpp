// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/file_io.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "runtime/clock.h"
#include "runtime/store/uninterrupted.h"

namespace bwrt::runtime {

OpenFile::~OpenFile() {
    if (fd_ >= 0) close(fd_);
}

OpenFile open_beneath(int directory_fd, const char* name, int flags) noexcept {
    constexpr std::uint64_t kMode = 0600;
    open_how how = {};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    how.mode = (flags & O_CREAT) != 0 ? kMode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    long fd =
        uninterrupted([&] { return syscall(SYS_openat2, directory_fd, name, &how, sizeof how); });
    // Older than 5.6, or a filter that does not know the call: names have no slash, so this is
    // beneath as well.
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        fd = uninterrupted(
            [&] { return openat(directory_fd, name, static_cast<int>(how.flags), kMode); });
    }
    OpenFile file(static_cast<int>(fd));
    if (file.is_open() && (flags & O_CREAT) != 0 && fchmod(file.fd(), kMode) != 0) {
        return OpenFile();
    }
    return file;
}

bool make_directory(int parent_fd, const char* name) noexcept {
    const bool made = mkdirat(parent_fd, name, 0700) == 0;
    if (!made && errno != EEXIST) return false;
    if (made && fchmodat(parent_fd, name, 0700, 0) != 0) return false;
    // The name is an entry of the parent's: it is what must be on the disk.  Also where it was
    // there before: whoever made it may not have lived to do so.  A parent that we may not read had
    // its reasons then.
    const OpenFile directory(openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const OpenFile parent(directory.is_open()
                              ? openat(directory.fd(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                              : -1);
    const bool flushed = parent.is_open() && flush(parent.fd());
    return flushed || !made;
}

bool list_directory(int directory_fd, std::vector<std::string>* names_out) {
    const int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(fd), closedir);
    if (entries == nullptr) {
        close(fd);
        return false;
    }
    for (;;) {
        errno = 0;  // the end and an error look alike but for this
        const dirent* entry = readdir(entries.get());
        if (entry == nullptr) return errno == 0;
        if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
        names_out->push_back(entry->d_name);
    }
}

std::int64_t read_at(int fd, void* bytes, std::size_t count, std::uint64_t offset_bytes) noexcept {
    std::size_t done = 0;
    while (done < count) {
        const ssize_t got = uninterrupted([&] {
            return pread(fd, static_cast<char*>(bytes) + done, count - done,
                         static_cast<off_t>(offset_bytes + done));
        });
        if (got < 0) return -1;
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return static_cast<std::int64_t>(done);
}

bool write_at(int fd, const void* bytes, std::size_t count, std::uint64_t offset_bytes) noexcept {
    std::size_t done = 0;
    while (done < count) {
        const ssize_t put = uninterrupted([&] {
            return pwrite(fd, static_cast<const char*>(bytes) + done, count - done,
                          static_cast<off_t>(offset_bytes + done));
        });
        if (put < 0) return false;
        if (put == 0) {
            errno = ENOSPC;
            return false;
        }
        done += static_cast<std::size_t>(put);
    }
    return true;
}

std::uint64_t random_word() noexcept {
    std::uint64_t word = 0;
    if (!fill_random(&word, sizeof word)) word = MonotonicClock().now_ns() * 0x9E3779B97F4A7C15u;
    return word;
}

}  // namespace bwrt::runtime
