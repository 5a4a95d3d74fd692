// SPDX-License-Identifier: Apache-2.0
//
// root.h — the directories of a store, and that nothing is opened outside of them.
//
//   ROOT/              0700, ours
//     bwrt-store       0600: what this is, and the default tenant's secret
//     shards/NAME/     one writer's: lock, log.*, segment.*, index
//
// No string of a caller reaches a path but the root itself and a shard's name, which is made of
// letters, digits, '.', '_' and '-'.  Everything below the root is opened beneath it, following no
// symbolic link (openat2; on a kernel without it, O_NOFOLLOW and names without a slash).
//
// A directory that holds something else is refused, and so is a store of a newer format: untouched.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "runtime/status.h"
#include "runtime/store/format.h"

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

// Opens `name`, one component, in the directory; not open, and errno, when that fails.  Made files
// have mode 0600 whatever the umask.
[[nodiscard]] OpenFile open_beneath(int directory_fd, const char* name, int flags) noexcept;

enum class Access : std::uint8_t {
    kRead,    // what is there; nothing is made or changed
    kCreate,  // made where it is missing
};

struct StoreRoot {
    OpenFile directory;
    Superblock superblock = {};
};

// Directory `number` of a store; that of number 0 decides the id, which the others must have and,
// where they are new, get.  BWRT_E_FORMAT for what is no store of ours, BWRT_E_IO with errno.
bwrt_status open_root(const char* path, std::uint32_t number, const StoreRoot* first, Access access,
                      StoreRoot* root_out, const ErrorSink& sink);

struct Shard {
    OpenFile directory;
    OpenFile lock;  // held, by a writer; else not open
};

[[nodiscard]] bool is_shard_name(const char* name) noexcept;

// A writer gets the lock, or BWRT_E_LOCKED with the pid that has it.
bwrt_status open_shard(const StoreRoot& root, const char* name, Access access, bool lock,
                       Shard* shard_out, const ErrorSink& sink);

}  // namespace bwrt::runtime
