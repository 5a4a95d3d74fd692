// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>

namespace bwrt::runtime {
namespace {

constexpr const char* kSuperblockName = "bwrt-store";
constexpr const char* kShardsName = "shards";
constexpr const char* kLockName = "lock";
constexpr const char* kField = "config.store_directories";
constexpr const char* kShardField = "config.store_shard";
constexpr std::size_t kShardNameBytesMax = 64;

bwrt_status fail_io(const char* path, const char* name, const ErrorSink& sink) {
    return fail_os(sink, BWRT_E_IO, errno, kField, "%s/%s: %s", path, name, errno_name(errno));
}

// Nothing but what a file system puts there itself.
bool is_empty(int directory_fd) {
    const int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(fd), closedir);
    if (entries == nullptr) {
        close(fd);
        return false;
    }
    while (const dirent* entry = readdir(entries.get())) {
        const char* name = entry->d_name;
        if (std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0 &&
            std::strcmp(name, "lost+found") != 0 && std::strncmp(name, "bwrt-store", 10) != 0) {
            return false;
        }
    }
    return true;
}

bool fill_random(void* bytes, std::size_t count) {
    return getrandom(bytes, count, 0) == static_cast<ssize_t>(count);
}

bool write_whole(int fd, const void* bytes, std::size_t count) {
    return pwrite(fd, bytes, count, 0) == static_cast<ssize_t>(count) && fsync(fd) == 0;
}

// Two processes may do so at once: the first to give its draft the name wins, both read that.
bwrt_status create_superblock(const char* path, int directory_fd, std::uint32_t number,
                              const StoreRoot* first, const ErrorSink& sink) {
    if (!is_empty(directory_fd)) {
        return fail(sink, BWRT_E_FORMAT, kField,
                    "%s is not empty and no store: choose an empty directory", path);
    }
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
    const OpenFile file = open_beneath(directory_fd, draft, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.is_open()) return fail_io(path, draft, sink);
    bool done = write_whole(file.fd(), &block, sizeof block);
    done = done &&
           (linkat(directory_fd, draft, directory_fd, kSuperblockName, 0) == 0 || errno == EEXIST);
    const int os_code = errno;
    unlinkat(directory_fd, draft, 0);
    if (done) done = fsync(directory_fd) == 0;
    if (done) return BWRT_OK;
    errno = os_code;
    return fail_io(path, kSuperblockName, sink);
}

bwrt_status check_superblock(const char* path, const Superblock& block, std::uint32_t number,
                             const StoreRoot* first, const ErrorSink& sink) {
    switch (check(block)) {
        case Sealed::kForeign:
            return fail(sink, BWRT_E_FORMAT, kField, "%s/%s is not of a bwrt store of this kind",
                        path, kSuperblockName);
        case Sealed::kNewer:
            return fail(sink, BWRT_E_FORMAT, kField,
                        "%s is of store format %u, this library knows up to %u", path,
                        block.version, kFormatVersion);
        case Sealed::kDamaged:
            return fail(sink, BWRT_E_FORMAT, kField, "%s/%s is damaged", path, kSuperblockName);
        case Sealed::kGood:
            break;
    }
    if (first != nullptr &&
        std::memcmp(block.store_id, first->superblock.store_id, sizeof block.store_id) != 0) {
        return fail(sink, BWRT_E_FORMAT, kField, "%s belongs to another store", path);
    }
    if (block.directory_number != number) {
        return fail(sink, BWRT_E_FORMAT, kField, "%s is directory %u of its store, not %u", path,
                    block.directory_number, number);
    }
    return BWRT_OK;
}

bwrt_status check_owner(const char* path, int fd, const ErrorSink& sink) {
    struct stat stat = {};
    if (fstat(fd, &stat) != 0) return fail_io(path, ".", sink);
    if (stat.st_uid != geteuid()) {
        return fail(sink, BWRT_E_INVAL, kField, "%s belongs to user %u, not to us", path,
                    stat.st_uid);
    }
    if ((stat.st_mode & 022) == 0) return BWRT_OK;
    return fail(sink, BWRT_E_INVAL, kField, "%s may be written by others (mode %o)", path,
                stat.st_mode & 07777);
}

// Not what the umask leaves of the mode.
bool make_directory(int parent_fd, const char* name) noexcept {
    if (mkdirat(parent_fd, name, 0700) != 0) return errno == EEXIST;
    return fchmodat(parent_fd, name, 0700, 0) == 0;
}

OpenFile open_directory(int parent_fd, const char* name, Access access) noexcept {
    if (access == Access::kCreate && !make_directory(parent_fd, name)) return OpenFile();
    return open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY);
}

bwrt_status fail_lock(const char* shard, const ErrorSink& sink) {
    return fail_os(sink, BWRT_E_IO, errno, kShardField, "%s/%s: %s", shard, kLockName,
                   errno_name(errno));
}

// The pid inside is for people: the lock is the kernel's, and ends with its holder.
bwrt_status take_lock(const char* name, Shard* shard, const ErrorSink& sink) {
    shard->lock = open_beneath(shard->directory.fd(), kLockName, O_RDWR | O_CREAT);
    const int fd = shard->lock.fd();
    if (fd < 0) return fail_lock(name, sink);
    char pid[16] = {};
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail_lock(name, sink);
        if (pread(fd, pid, sizeof pid - 1, 0) < 0) pid[0] = '\0';
        return fail(sink, BWRT_E_LOCKED, kShardField, "%s is written by process %ld", name,
                    std::strtol(pid, nullptr, 10));
    }
    const int length = std::snprintf(pid, sizeof pid, "%d\n", static_cast<int>(getpid()));
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, static_cast<std::size_t>(length), 0) != length) {
        return fail_lock(name, sink);
    }
    return BWRT_OK;
}

}  // namespace

OpenFile::~OpenFile() {
    if (fd_ >= 0) close(fd_);
}

OpenFile open_beneath(int directory_fd, const char* name, int flags) noexcept {
    constexpr std::uint64_t kMode = 0600;
    open_how how = {};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    how.mode = (flags & O_CREAT) != 0 ? kMode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    long fd = syscall(SYS_openat2, directory_fd, name, &how, sizeof how);
    // Older than 5.6, or a filter that does not know the call: names have no slash, so this is
    // beneath as well.
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        fd = openat(directory_fd, name, static_cast<int>(how.flags), kMode);
    }
    OpenFile file(static_cast<int>(fd));
    if (file.is_open() && (flags & O_CREAT) != 0 && fchmod(file.fd(), kMode) != 0) {
        return OpenFile();
    }
    return file;
}

bwrt_status open_root(const char* path, std::uint32_t number, const StoreRoot* first, Access access,
                      StoreRoot* root_out, const ErrorSink& sink) {
    StoreRoot root;
    if (access == Access::kCreate && !make_directory(AT_FDCWD, path)) {
        return fail_io(path, ".", sink);
    }
    root.directory = OpenFile(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int fd = root.directory.fd();
    if (fd < 0) return fail_io(path, ".", sink);
    if (const bwrt_status status = check_owner(path, fd, sink)) return status;
    OpenFile file = open_beneath(fd, kSuperblockName, O_RDONLY);
    if (!file.is_open() && errno == ENOENT && access == Access::kCreate) {
        if (const bwrt_status status = create_superblock(path, fd, number, first, sink)) {
            return status;
        }
        file = open_beneath(fd, kSuperblockName, O_RDONLY);
    }
    if (!file.is_open()) {
        if (errno == ENOENT) return fail(sink, BWRT_E_FORMAT, kField, "%s holds no store", path);
        return fail_io(path, kSuperblockName, sink);
    }
    const ssize_t count = pread(file.fd(), &root.superblock, sizeof root.superblock, 0);
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
    const OpenFile shards = open_directory(root.directory.fd(), kShardsName, access);
    if (shards.is_open()) shard.directory = open_directory(shards.fd(), name, access);
    if (!shard.directory.is_open()) {
        return fail_os(sink, BWRT_E_IO, errno, kShardField, "%s: %s", name, errno_name(errno));
    }
    if (lock) {
        if (const bwrt_status status = take_lock(name, &shard, sink)) return status;
    }
    *shard_out = std::move(shard);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
