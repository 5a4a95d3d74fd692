// SPDX-License-Identifier: Apache-2.0
//
// root.h — the directories of a store, and that nothing is opened outside of them.
//
//   ROOT/              0700, ours
//     bwrt-store       0600: what this is, and the default tenant's secret
//     shards/NAME/     one writer's: lock, log.*, segment.*
//
// No string of a caller reaches a path but the root itself and a shard's name, which is made of
// letters, digits, '.', '_' and '-'.  Everything below the root is opened beneath it, following no
// symbolic link (openat2; on a kernel without it, O_NOFOLLOW and names without a slash).
//
// A directory that holds something else is refused, and so is a store of a newer format: untouched.

#pragma once

#include <cstdint>

#include "runtime/status.h"
#include "runtime/store/file_io.h"
#include "runtime/store/format.h"

namespace bwrt::runtime {

// The field that names a store's folders: what is wrong with them is said of it.
constexpr const char* kDirectoriesField = "store.directories";

// errno's status, said of `name`.
bwrt_status fail_io(const char* name, const ErrorSink& sink);

enum class Access : std::uint8_t {
    kRead,    // what is there; nothing is made or changed
    kCreate,  // made where it is missing
};

struct StoreRoot {
    OpenFile directory;
    Superblock superblock = {};
};

// Directory `number` of a store; that of number 0 decides the id, which the others must have and,
// where they are new, get.  BWRT_E_FORMAT for what is no store of ours, BWRT_E_INVAL where others
// may read the secret or write, BWRT_E_IO or BWRT_E_NOSPC with errno.
bwrt_status open_root(const char* path, std::uint32_t number, const StoreRoot* first, Access access,
                      StoreRoot* root_out, const ErrorSink& sink);

// A writer's lock.  It is the kernel's, and ends with its last holder: a child that was forked
// while it was held and did not exec is one, too.  So it is let go by name, by the process that
// took it; when that was killed, its children keep it until they end.
class ShardLock {
 public:
    ShardLock() = default;
    ShardLock(ShardLock&& other) noexcept
        : file_(std::move(other.file_)), owner_pid_(std::exchange(other.owner_pid_, 0)) {}
    ShardLock& operator=(ShardLock&& other) noexcept {
        std::swap(file_, other.file_);
        std::swap(owner_pid_, other.owner_pid_);
        return *this;
    }
    ~ShardLock();

    // BWRT_E_LOCKED, with the pid that has it.
    bwrt_status take(int shard_fd, const char* shard_name, Access access, const ErrorSink& sink);
    [[nodiscard]] bool is_held() const noexcept { return owner_pid_ != 0; }

 private:
    OpenFile file_;
    int owner_pid_ = 0;
};

struct Shard {
    OpenFile directory;
    ShardLock lock;  // a writer's
};

[[nodiscard]] bool is_shard_name(const char* name) noexcept;

// A writer gets the lock, or BWRT_E_LOCKED with the pid that has it.
bwrt_status open_shard(const StoreRoot& root, const char* name, Access access, bool lock,
                       Shard* shard_out, const ErrorSink& sink);

}  // namespace bwrt::runtime
