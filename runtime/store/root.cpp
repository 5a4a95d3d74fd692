// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/root.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bwrt::runtime {
namespace {

constexpr const char* kSuperblockName = "bwrt-store";
constexpr const char* kShardsName = "shards";
constexpr const char* kLockName = "lock";
constexpr const char* kShardField = "store.shard";
constexpr std::size_t kShardNameBytesMax = 64;
constexpr mode_t kOthersWrite = 022;
constexpr mode_t kOthersAll = 077;

// "." is the directory itself.
std::string shown(const char* path, const char* name) {
    return std::strcmp(name, ".") == 0 ? std::string(path) : std::string(path) + "/" + name;
}

bwrt_status fail_io(const char* path, const char* name, const ErrorSink& sink) {
    const int os_code = errno;
    return fail_os(sink, status_of_io_errno(os_code), os_code, kDirectoriesField, "%s: %s",
                   shown(path, name).c_str(), errno_name(os_code));
}

bwrt_status fail_directory(const char* path, const ErrorSink& sink) {
    const int os_code = errno;
    return fail_os(sink, status_of_io_errno(os_code), os_code, kDirectoriesField, "%s: %s (%s)",
                   path,
                   os_code == ENOENT ? "no such directory" : "no directory that can be opened",
                   errno_name(os_code));
}

// Without what is behind the last '/'.
std::string parent_of(const char* path) {
    std::string parent = path;
    while (parent.size() > 1 && parent.back() == '/') parent.pop_back();
    const std::size_t slash = parent.find_last_of('/');
    if (slash == std::string::npos) return ".";
    parent.resize(slash + 1);
    while (parent.size() > 1 && parent.back() == '/') parent.pop_back();
    return parent;
}

bwrt_status fail_make(const char* path, const ErrorSink& sink) {
    const int os_code = errno;
    const bool is_parent_missing = os_code == ENOENT;
    const std::string why = is_parent_missing ? parent_of(path) + " does not exist" : "";
    return fail_os(sink, status_of_io_errno(os_code), os_code, kDirectoriesField,
                   "%s cannot be made: %s", path,
                   is_parent_missing ? why.c_str() : errno_name(os_code));
}

// What a file system puts there itself, and drafts of superblocks: a process may be making one.
bool counts_as_nothing(const std::string& name) {
    return name == "lost+found" || name.rfind(kSuperblockName, 0) == 0;
}

bwrt_status check_empty(const char* path, int directory_fd, const ErrorSink& sink) {
    std::vector<std::string> names;
    if (!list_directory(directory_fd, &names)) return fail_io(path, ".", sink);
    if (std::all_of(names.begin(), names.end(), counts_as_nothing)) return BWRT_OK;
    // Another process may have made the store, and a shard in it, since we looked for one.
    if (faccessat(directory_fd, kSuperblockName, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return BWRT_OK;
    return fail(sink, BWRT_E_FORMAT, kDirectoriesField,
                "%s is not empty and no store: choose an empty directory", path);
}

// False and errno.
bool write_draft(int directory_fd, const char* draft, const Superblock& block) {
    const OpenFile file = open_beneath(directory_fd, draft, O_WRONLY | O_CREAT | O_EXCL);
    return file.is_open() && write_at(file.fd(), &block, sizeof block, 0) && flush(file.fd());
}

// Two processes may do so at once: the first to give its draft the name wins, both read that.
bwrt_status create_superblock(const char* path, int directory_fd, std::uint32_t number,
                              const StoreRoot* first, const ErrorSink& sink) {
    if (const bwrt_status status = check_empty(path, directory_fd, sink)) return status;
    Superblock block = {};
    block.created_s = static_cast<std::uint64_t>(std::time(nullptr));
    block.directory_number = number;
    std::uint64_t draft_number = 0;
    bool random = fill_random(&draft_number, sizeof draft_number);
    if (first != nullptr) {
        std::memcpy(block.store_id, first->superblock.store_id, sizeof block.store_id);
    } else {
        random = random && fill_random(block.store_id, sizeof block.store_id) &&
                 fill_random(block.secret, sizeof block.secret);
    }
    if (!random) return fail_io(path, "getrandom", sink);
    seal(&block);
    char draft[48];
    std::snprintf(draft, sizeof draft, "%s.%016llx", kSuperblockName, ull(draft_number));
    bool done = write_draft(directory_fd, draft, block);
    done = done &&
           (linkat(directory_fd, draft, directory_fd, kSuperblockName, 0) == 0 || errno == EEXIST);
    done = done && flush(directory_fd);
    const int os_code = errno;
    unlinkat(directory_fd, draft, 0);
    if (done) return BWRT_OK;
    errno = os_code;
    return fail_io(path, kSuperblockName, sink);
}

bwrt_status check_superblock(const char* path, const Superblock& block, std::uint32_t number,
                             const StoreRoot* first, const ErrorSink& sink) {
    switch (check(block)) {
        case Sealed::kForeign:
            return fail(sink, BWRT_E_FORMAT, kDirectoriesField,
                        "%s/%s is not of a bwrt store of this kind", path, kSuperblockName);
        case Sealed::kNewer:
            return fail(sink, BWRT_E_FORMAT, kDirectoriesField,
                        "%s is of store format %u, this library knows up to %u", path,
                        block.version, kFormatVersion);
        case Sealed::kDamaged:
            return fail(sink, BWRT_E_FORMAT, kDirectoriesField, "%s/%s is damaged", path,
                        kSuperblockName);
        case Sealed::kGood:
            break;
    }
    if (first != nullptr &&
        std::memcmp(block.store_id, first->superblock.store_id, sizeof block.store_id) != 0) {
        return fail(sink, BWRT_E_FORMAT, kDirectoriesField, "%s belongs to another store", path);
    }
    if (block.directory_number != number) {
        return fail(sink, BWRT_E_FORMAT, kDirectoriesField,
                    "%s is directory %u of its store, not %u", path, block.directory_number,
                    number);
    }
    return BWRT_OK;
}

// Ours, and no one else has the rights in `forbidden`.
bwrt_status check_owner(const char* path, const char* name, int fd, mode_t forbidden,
                        const ErrorSink& sink) {
    struct stat stat = {};
    if (fstat(fd, &stat) != 0) return fail_io(path, name, sink);
    if (stat.st_uid != geteuid()) {
        return fail(sink, BWRT_E_INVAL, kDirectoriesField, "%s belongs to user %u, not to us",
                    shown(path, name).c_str(), stat.st_uid);
    }
    if ((stat.st_mode & forbidden) == 0) return BWRT_OK;
    return fail(sink, BWRT_E_INVAL, kDirectoriesField, "%s may be %s by others (mode %o)",
                shown(path, name).c_str(), (stat.st_mode & kOthersWrite) != 0 ? "written" : "read",
                stat.st_mode & 07777);
}

bwrt_status open_directory(int parent_fd, const char* name, Access access, OpenFile* directory_out,
                           const ErrorSink& sink) {
    if (access == Access::kCreate && !make_directory(parent_fd, name)) {
        return fail_io(kShardsName, name, sink);
    }
    OpenFile directory = open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY);
    if (!directory.is_open()) return fail_io(kShardsName, name, sink);
    if (const bwrt_status status =
            check_owner(kShardsName, name, directory.fd(), kOthersWrite, sink)) {
        return status;
    }
    *directory_out = std::move(directory);
    return BWRT_OK;
}

bwrt_status fail_lock(const char* shard, const ErrorSink& sink) {
    const int os_code = errno;
    return fail_os(sink, status_of_io_errno(os_code), os_code, kShardField, "%s/%s: %s", shard,
                   kLockName, errno_name(os_code));
}

// Whoever has just locked it may not have said yet who he is.
bwrt_status fail_locked(const char* shard, long pid, Access access, const ErrorSink& sink) {
    char who[40] = "another process";
    if (pid > 0) std::snprintf(who, sizeof who, "process %ld", pid);
    if (pid == getpid()) std::snprintf(who, sizeof who, "this process");
    return fail(sink, BWRT_E_LOCKED, kShardField, "shard %s is written by %s%s", shard, who,
                access == Access::kCreate ? "; name another store.shard, or open as a READER" : "");
}

}  // namespace

bwrt_status fail_io(const char* name, const ErrorSink& sink) {
    const int os_code = errno;
    return fail_os(sink, status_of_io_errno(os_code), os_code, kDirectoriesField, "%s: %s", name,
                   errno_name(os_code));
}

ShardLock::~ShardLock() {
    if (owner_pid_ != 0 && owner_pid_ == getpid()) flock(file_.fd(), LOCK_UN);
}

bwrt_status ShardLock::take(int shard_fd, const char* shard_name, Access access,
                            const ErrorSink& sink) {
    OpenFile file = open_beneath(shard_fd, kLockName, O_RDWR | O_CREAT);
    if (!file.is_open()) return fail_lock(shard_name, sink);
    char pid[16] = {};
    int locked = 0;
    while ((locked = flock(file.fd(), LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {
    }
    if (locked != 0) {
        if (errno != EWOULDBLOCK) return fail_lock(shard_name, sink);
        if (read_at(file.fd(), pid, sizeof pid - 1, 0) < 0) pid[0] = '\0';
        return fail_locked(shard_name, std::strtol(pid, nullptr, 10), access, sink);
    }
    // For people, and no reason not to go on where it cannot be written: a disk may be full.
    const int length = std::snprintf(pid, sizeof pid, "%d\n", static_cast<int>(getpid()));
    static_cast<void>(!ftruncate(file.fd(), 0));
    static_cast<void>(!write_at(file.fd(), pid, static_cast<std::size_t>(length), 0));
    file_ = std::move(file);
    owner_pid_ = getpid();
    return BWRT_OK;
}

bwrt_status open_root(const char* path, std::uint32_t number, const StoreRoot* first, Access access,
                      StoreRoot* root_out, const ErrorSink& sink) {
    StoreRoot root;
    if (access == Access::kCreate && !make_directory(AT_FDCWD, path)) {
        return fail_make(path, sink);
    }
    root.directory = OpenFile(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int fd = root.directory.fd();
    if (fd < 0) return fail_directory(path, sink);
    if (const bwrt_status status = check_owner(path, ".", fd, kOthersWrite, sink)) return status;
    OpenFile file = open_beneath(fd, kSuperblockName, O_RDONLY);
    if (!file.is_open() && errno == ENOENT && access == Access::kCreate) {
        if (const bwrt_status status = create_superblock(path, fd, number, first, sink)) {
            return status;
        }
        file = open_beneath(fd, kSuperblockName, O_RDONLY);
    }
    if (!file.is_open()) {
        if (errno == ENOENT)
            return fail(sink, BWRT_E_FORMAT, kDirectoriesField, "%s holds no store", path);
        return fail_io(path, kSuperblockName, sink);
    }
    // Whoever gave it that name may have been killed before he did this.
    if (access == Access::kCreate && !flush(fd)) return fail_io(path, ".", sink);
    if (const bwrt_status status =
            check_owner(path, kSuperblockName, file.fd(), kOthersAll, sink)) {
        return status;
    }
    const std::int64_t count = read_at(file.fd(), &root.superblock, sizeof root.superblock, 0);
    if (count < 0) return fail_io(path, kSuperblockName, sink);
    // What is short is as wrong as zeros.
    if (count != sizeof root.superblock) root.superblock = {};
    if (const bwrt_status status = check_superblock(path, root.superblock, number, first, sink)) {
        return status;
    }
    *root_out = std::move(root);
    return BWRT_OK;
}

bool is_shard_name(const char* name) noexcept {
    const std::size_t length = std::strlen(name);
    if (length == 0 || length > kShardNameBytesMax || name[0] == '.') return false;
    return std::strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
           length;
}

bwrt_status open_shard(const StoreRoot& root, const char* name, Access access, bool lock,
                       Shard* shard_out, const ErrorSink& sink) {
    if (!is_shard_name(name)) {
        return fail(sink, BWRT_E_INVAL, kShardField,
                    "not 1 to %zu letters, digits, '.', '_' or '-', or a '.' in front",
                    kShardNameBytesMax);
    }
    Shard shard;
    OpenFile shards;
    if (const bwrt_status status =
            open_directory(root.directory.fd(), kShardsName, access, &shards, sink)) {
        return status;
    }
    if (const bwrt_status status =
            open_directory(shards.fd(), name, access, &shard.directory, sink)) {
        return status;
    }
    if (lock) {
        if (const bwrt_status status = shard.lock.take(shard.directory.fd(), name, access, sink)) {
            return status;
        }
    }
    // Of files that a writer made who was killed before he did this: what is told to be durable in
    // them must not lose their names.
    if (access == Access::kCreate && !flush(shard.directory.fd())) {
        return fail_io(kShardsName, name, sink);
    }
    *shard_out = std::move(shard);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
