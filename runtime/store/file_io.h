// SPDX-License-Identifier: Apache-2.0
//
// file_io.h — the few blocking calls by which a store is opened, each carried through: what was
// interrupted is repeated, what was done in part is gone on with, and errno is that of the call
// that failed.  The last three are another's where the world is modelled (system_seam.cpp).

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bwrt::runtime {

// An fd, closed at the end.
class OpenFile {
 public:
    OpenFile() = default;
    explicit OpenFile(int fd) noexcept : fd_(fd) {}
    OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    OpenFile& operator=(OpenFile&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile();

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

 private:
    int fd_ = -1;
};

// Opens `name`, one component, in the directory, following no symbolic link; not open, and errno,
// when that fails.  Made files have mode 0600 whatever the umask.  Does not wait for a pipe's other
// end.
[[nodiscard]] OpenFile open_beneath(int directory_fd, const char* name, int flags) noexcept;

// Made with mode 0700 whatever the umask, and on the disk, or there before.  False and errno.
[[nodiscard]] bool make_directory(int parent_fd, const char* name) noexcept;

// All names in it but "." and "..".  False and errno.
[[nodiscard]] bool list_directory(int directory_fd, std::vector<std::string>* names_out);

// Bytes read, less than `count` only at the file's end; -1 and errno.
[[nodiscard]] std::int64_t read_at(int fd, void* bytes, std::size_t count,
                                   std::uint64_t offset_bytes) noexcept;

// All of them or false and errno.
[[nodiscard]] bool write_at(int fd, const void* bytes, std::size_t count,
                            std::uint64_t offset_bytes) noexcept;

// Makes the file so long, with space on the disk for every byte; what is in it stays.  Where the
// file system cannot set space aside it has the length alone, *reserved_out is false, and errno
// says why.  False and errno, and it may be longer than it was.
[[nodiscard]] bool reserve(int fd, std::uint64_t length_bytes, bool* reserved_out) noexcept;

[[nodiscard]] bool flush(int fd) noexcept;  // fsync

[[nodiscard]] bool fill_random(void* bytes, std::size_t count) noexcept;
// For what need not be secret: of the clock, where the system has none.
[[nodiscard]] std::uint64_t random_word() noexcept;

}  // namespace bwrt::runtime
