// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/recorder.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace bwrt::crash {
namespace {

Tape* tape_now = nullptr;

// The turn of one call.  Whoever is killed while he waits had no effect.
class Turn {
 public:
    explicit Turn(Tape* tape) noexcept : tape_(tape) {
        while (tape_->lock.exchange(1, std::memory_order_acquire) != 0) sched_yield();
        if (tape_->now >= tape_->ends_at) {
            kill(getpid(), SIGKILL);
            for (;;) pause();
        }
    }
    ~Turn() { tape_->lock.store(0, std::memory_order_release); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // To be filled in; null when the tape is full, which its owner will see.
    TapedCall* take() noexcept {
        if (tape_->call_count == Tape::kCallCountMax) {
            tape_->is_full = true;
            return nullptr;
        }
        TapedCall* call = &tape_->calls[tape_->call_count++];
        *call = {};
        call->directory = call->object = kNoObject;
        call->begun = call->ended = ++tape_->now;
        return call;
    }

 private:
    Tape* tape_;
};

std::uint32_t object_of_inode(const Tape& tape, std::uint64_t inode) noexcept {
    for (std::uint32_t i = tape.object_count; i > 0; --i) {
        if (tape.inodes[i - 1] == inode) return i - 1;
    }
    return kNoObject;
}

std::uint32_t add_object(Tape* tape, std::uint64_t inode) noexcept {
    if (tape->object_count == Tape::kObjectCountMax) {
        tape->is_full = true;
        return kNoObject;
    }
    tape->inodes[tape->object_count] = inode;
    return tape->object_count++;
}

// What the fd, or the folder that we are in, is on the tape.
std::uint32_t object_of(const Tape& tape, int fd) noexcept {
    struct stat found = {};
    const int status = fd == AT_FDCWD ? stat(".", &found) : fstat(fd, &found);
    return status == 0 ? object_of_inode(tape, found.st_ino) : kNoObject;
}

std::uint64_t inode_of(int directory_fd, const char* name) noexcept {
    struct stat found = {};
    return fstatat(directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0 ? found.st_ino : 0;
}

void put_name(char (&target)[48], const char* name) noexcept {
    std::strncpy(target, name, sizeof target - 1);
}

bool are_zeros(const unsigned char* bytes) noexcept {
    static constexpr unsigned char kZeros[kSectorBytes] = {};
    return std::memcmp(bytes, kZeros, kSectorBytes) == 0;
}

// What is not of this write in its first and last sector is zeros, and not looked at.
void put_sectors(Tape* tape, TapedCall* call, const iovec* parts, int part_count) noexcept {
    call->first_sector = tape->sector_count;
    std::uint64_t offset = call->offset_bytes;
    std::uint64_t left = call->length_bytes;
    unsigned char sector[kSectorBytes] = {};
    const auto put = [&] {
        if (tape->sector_count == Tape::kSectorCountMax ||
            tape->stored_count == Tape::kStoredCountMax) {
            tape->is_full = true;
            return;
        }
        std::uint32_t place = 0;
        if (!are_zeros(sector)) {
            place = static_cast<std::uint32_t>(++tape->stored_count);
            std::memcpy(tape->stored[place], sector, kSectorBytes);
            std::memset(sector, 0, kSectorBytes);
        }
        tape->sectors[tape->sector_count++] = place;
    };
    for (int i = 0; i < part_count && left != 0; ++i) {
        const auto* bytes = static_cast<const unsigned char*>(parts[i].iov_base);
        for (std::size_t done = 0; done < parts[i].iov_len && left != 0;) {
            const std::size_t at = offset % kSectorBytes;
            std::size_t count = kSectorBytes - at;
            if (count > parts[i].iov_len - done) count = parts[i].iov_len - done;
            if (count > left) count = static_cast<std::size_t>(left);
            std::memcpy(sector + at, bytes + done, count);
            done += count;
            offset += count;
            left -= count;
            if (offset % kSectorBytes == 0 || left == 0) put();
        }
    }
}

long write_parts(int fd, const iovec* parts, int part_count, off_t offset) noexcept {
    const auto make = [&] { return syscall(SYS_pwritev, fd, parts, part_count, offset, 0L); };
    if (tape_now == nullptr) return make();
    Turn turn(tape_now);
    const std::uint32_t object = object_of(*tape_now, fd);
    const long done = make();
    if (object == kNoObject || done <= 0) return done;
    if (TapedCall* call = turn.take()) {
        call->call = Call::kWrite;
        call->object = object;
        call->offset_bytes = static_cast<std::uint64_t>(offset);
        call->length_bytes = static_cast<std::uint64_t>(done);
        put_sectors(tape_now, call, parts, part_count);
    }
    return done;
}

// Nothing of it is needed in truth: the power does not go.
int flush_one(int fd, long number) noexcept {
    if (tape_now == nullptr) return static_cast<int>(syscall(number, fd));
    const std::uint64_t begun = ++tape_now->now;
    Turn turn(tape_now);
    const std::uint32_t object = object_of(*tape_now, fd);
    if (object == kNoObject) return 0;
    if (TapedCall* call = turn.take()) {
        call->call = Call::kFlush;
        call->object = object;
        call->begun = begun;
    }
    return 0;
}

int resize(int fd, Call kind, std::uint64_t length_bytes) noexcept {
    const auto make = [&] {
        struct stat found = {};
        if (kind == Call::kExtend && fstat(fd, &found) == 0 &&
            static_cast<std::uint64_t>(found.st_size) >= length_bytes) {
            return 0;
        }
        return static_cast<int>(syscall(SYS_ftruncate, fd, length_bytes));
    };
    if (tape_now == nullptr) return make();
    Turn turn(tape_now);
    const std::uint32_t object = object_of(*tape_now, fd);
    const int status = make();
    if (object == kNoObject || status != 0) return status;
    if (TapedCall* call = turn.take()) {
        call->call = kind;
        call->object = object;
        call->length_bytes = length_bytes;
    }
    return status;
}

int open_one(int directory_fd, const char* name, int flags, unsigned mode) noexcept {
    const auto make = [&] {
        return static_cast<int>(syscall(SYS_openat, directory_fd, name, flags, mode));
    };
    if (tape_now == nullptr || (flags & O_CREAT) == 0) return make();
    Turn turn(tape_now);
    const std::uint32_t directory = object_of(*tape_now, directory_fd);
    const std::uint64_t before = inode_of(directory_fd, name);
    const int fd = make();
    if (directory == kNoObject || fd < 0) return fd;
    if (before != 0 && (flags & O_TRUNC) == 0) return fd;
    if (TapedCall* call = turn.take()) {
        call->call = before == 0 ? Call::kCreate : Call::kTruncate;
        call->directory = directory;
        call->object = before == 0 ? add_object(tape_now, inode_of(directory_fd, name))
                                   : object_of_inode(*tape_now, before);
        put_name(call->name, name);
    }
    return fd;
}

// A call that changes an entry, whose object is the name's afterwards, or before.
template <typename Make, typename Fill>
int change_entry(int directory_fd, Make&& make, Fill&& fill) noexcept {
    if (tape_now == nullptr) return static_cast<int>(make());
    Turn turn(tape_now);
    const std::uint32_t directory = object_of(*tape_now, directory_fd);
    const int status = static_cast<int>(make());
    if (directory == kNoObject || status != 0) return status;
    const int os_code = errno;
    if (TapedCall* call = turn.take()) {
        call->directory = directory;
        fill(call);
    }
    errno = os_code;
    return status;
}

}  // namespace

Tape* make_tape() {
    void* memory = mmap(nullptr, sizeof(Tape), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<Tape*>(memory);
}

void Tape::begin_anew() noexcept {
    now = 0;
    lock = 0;
    ends_at = ~std::uint64_t{0};
    call_count = object_count = 0;
    word_count = 0;
    sector_count = stored_count = carried_bytes = 0;
    is_full = false;
}

// Counted when it is whole: another thread may end the process here, and what lies in that place is
// a word of an earlier tape.
void Tape::say(Said said, std::uint32_t key) noexcept {
    const std::uint32_t place = word_count.load(std::memory_order_relaxed);
    if (place == kWordCountMax) {
        is_full = true;
        return;
    }
    words[place] = {said, key, ++now};
    word_count.store(place + 1, std::memory_order_release);
}

void record_on(Tape* tape) noexcept { tape_now = tape; }

void vanish(Tape* tape) noexcept {
    const Turn turn(tape);
    _exit(0);
}

}  // namespace bwrt::crash

// ---- the calls

using namespace bwrt::crash;

// NOLINTBEGIN: the names and types are the C library's.
extern "C" {

#define TAPED __attribute__((visibility("default")))

TAPED ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
    const iovec part = {const_cast<void*>(bytes), count};
    return write_parts(fd, &part, 1, offset);
}

TAPED ssize_t pwrite64(int fd, const void* bytes, size_t count, off_t offset) {
    return pwrite(fd, bytes, count, offset);
}

TAPED ssize_t pwritev(int fd, const iovec* parts, int part_count, off_t offset) {
    return write_parts(fd, parts, part_count, offset);
}

TAPED ssize_t pwritev64(int fd, const iovec* parts, int part_count, off_t offset) {
    return write_parts(fd, parts, part_count, offset);
}

TAPED int fsync(int fd) { return flush_one(fd, SYS_fsync); }

TAPED int fdatasync(int fd) { return flush_one(fd, SYS_fdatasync); }

TAPED int ftruncate(int fd, off_t length) noexcept {
    return resize(fd, Call::kTruncate, static_cast<std::uint64_t>(length));
}

TAPED int ftruncate64(int fd, off_t length) noexcept { return ftruncate(fd, length); }

// Space is not set aside: what the model does not know of cannot be lost.
TAPED int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (mode != 0) abort();  // nothing here uses these
    return resize(fd, Call::kExtend, static_cast<std::uint64_t>(offset + length));
}

TAPED int fallocate64(int fd, int mode, off_t offset, off_t length) {
    return fallocate(fd, mode, offset, length);
}

TAPED int openat(int directory_fd, const char* name, int flags, ...) {
    unsigned mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, unsigned);
        va_end(arguments);
    }
    return open_one(directory_fd, name, flags, mode);
}

TAPED int mkdirat(int directory_fd, const char* name, mode_t mode) noexcept {
    return change_entry(
        directory_fd, [&] { return syscall(SYS_mkdirat, directory_fd, name, mode); },
        [&](TapedCall* call) {
            call->call = Call::kMakeDirectory;
            call->object = add_object(tape_now, inode_of(directory_fd, name));
            put_name(call->name, name);
        });
}

TAPED int linkat(int old_fd, const char* old_name, int new_fd, const char* new_name,
                 int flags) noexcept {
    return change_entry(
        new_fd, [&] { return syscall(SYS_linkat, old_fd, old_name, new_fd, new_name, flags); },
        [&](TapedCall* call) {
            call->call = Call::kLink;
            call->object = object_of_inode(*tape_now, inode_of(new_fd, new_name));
            put_name(call->name, new_name);
        });
}

TAPED int renameat(int old_fd, const char* old_name, int new_fd, const char* new_name) noexcept {
    return change_entry(
        new_fd, [&] { return syscall(SYS_renameat2, old_fd, old_name, new_fd, new_name, 0u); },
        [&](TapedCall* call) {
            if (object_of(*tape_now, old_fd) != call->directory) abort();  // nothing here does
            call->call = Call::kRename;
            call->object = object_of_inode(*tape_now, inode_of(new_fd, new_name));
            put_name(call->name, old_name);
            put_name(call->new_name, new_name);
        });
}

TAPED int unlinkat(int directory_fd, const char* name, int flags) noexcept {
    return change_entry(
        directory_fd, [&] { return syscall(SYS_unlinkat, directory_fd, name, flags); },
        [&](TapedCall* call) {
            call->call = Call::kUnlink;
            put_name(call->name, name);
        });
}

}  // extern "C"
// NOLINTEND
