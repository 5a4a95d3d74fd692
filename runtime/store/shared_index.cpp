// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/shared_index.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/check.h"
#include "runtime/store/sha256.h"

namespace bwrt::runtime {
namespace {

constexpr const char* kIndexField = "store.index_directory";
constexpr char kIndexDomain[] = "bwrt/index/1";

bwrt_status fail_index(const char* what, const ErrorSink& sink) {
    const int os_code = errno;
    return fail_os(sink, status_of_io_errno(os_code), os_code, kIndexField, "%s: %s", what,
                   errno_name(os_code));
}

// A file of ours, and nobody else's to read or write.
bool is_ours(int fd, struct stat* stat_out) {
    return fstat(fd, stat_out) == 0 && S_ISREG(stat_out->st_mode) &&
           stat_out->st_uid == geteuid() && (stat_out->st_mode & 077) == 0;
}

bool lock(int fd, int how) {
    int locked = 0;
    while ((locked = flock(fd, how | LOCK_NB)) != 0 && errno == EINTR) {
    }
    return locked == 0;
}

// Whoever maps the file is told that it is over.  It may be of another version, or not whole.
void retire(int fd) {
    struct stat stat = {};
    if (fd < 0 || !is_ours(fd, &stat) || stat.st_size < off_t{kIndexPageBytes}) return;
    const Mapping page = Mapping::file(fd, kIndexPageBytes, true);
    if (page.address() == nullptr) return;
    auto* header = page.as<SharedHeader>();
    if (header->magic.load(std::memory_order_acquire) != kSharedMagic) return;
    if (header->format_version != kSharedFormatVersion) return;
    header->retired.store(1, std::memory_order_relaxed);
}

}  // namespace

SharedName::SharedName(const StoreRoot& first, const char* shard_name) : shard(shard_name) {
    std::memcpy(store_id, first.superblock.store_id, sizeof store_id);
    struct stat stat = {};
    static_cast<void>(!fstat(first.directory.fd(), &stat));
    const std::uint64_t place[] = {stat.st_dev, stat.st_ino};
    std::string message(kIndexDomain, sizeof kIndexDomain - 1);
    message.append(reinterpret_cast<const char*>(place), sizeof place);
    message.append(shard);
    const Sha256Digest digest =
        HmacSha256(first.superblock.secret, kSecretBytes).digest(message.data(), message.size());
    file = "bwrt-";
    for (std::size_t i = 0; i < 16; ++i) {
        char hex[3];
        std::snprintf(hex, sizeof hex, "%02x", digest[i]);
        file += hex;
    }
}

bwrt_status open_shared_directory(const char* path_or_null, OpenFile* directory_out,
                                  const ErrorSink& sink) {
    const char* path = path_or_null != nullptr ? path_or_null : kSharedDirectory;
    OpenFile directory(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return fail_index(path, sink);
    struct statfs system = {};
    if (fstatfs(directory.fd(), &system) != 0) return fail_index(path, sink);
    if (static_cast<unsigned long>(system.f_type) != TMPFS_MAGIC) {
        return fail(sink, BWRT_E_INVAL, kIndexField, "%s is in no memory file system (tmpfs)",
                    path);
    }
    *directory_out = std::move(directory);
    return BWRT_OK;
}

// ---- the writer

SharedIndexWriter::~SharedIndexWriter() {
    if (!draft_.empty()) unlinkat(directory_.fd(), draft_.c_str(), 0);
    // By name, and by who took it: children that were forked meanwhile have it open, too.
    if (owner_pid_ != 0 && owner_pid_ == getpid()) flock(file_.fd(), LOCK_UN);
}

bwrt_status SharedIndexWriter::create(OpenFile directory, const SharedName& name,
                                      std::uint32_t block_count_max, std::uint32_t space_count_max,
                                      const ErrorSink& sink) {
    directory_ = std::move(directory);
    name_ = name.file;
    const std::string draft = name.file + ".new";
    unlinkat(directory_.fd(), draft.c_str(), 0);  // of one who was killed before it had its name
    file_ = open_beneath(directory_.fd(), draft.c_str(), O_RDWR | O_CREAT | O_EXCL);
    if (!file_.is_open()) return fail_index("a new file", sink);
    draft_ = draft;
    shape_ = SharedShape(block_count_max, space_count_max);
    bool reserved = false;
    if (!reserve(file_.fd(), shape_.file_bytes, &reserved) || !reserved) {
        const int os_code = reserved || errno == 0 ? EOPNOTSUPP : errno;
        return fail_os(sink, status_of_io_errno(os_code), os_code, kIndexField,
                       "%llu bytes for the index of %u blocks: %s", ull(shape_.file_bytes),
                       block_count_max, errno_name(os_code));
    }
    if (!lock(file_.fd(), LOCK_EX)) return fail_index("flock", sink);
    owner_pid_ = getpid();
    mapping_ = Mapping::file(file_.fd(), shape_.file_bytes, true);
    if (!is_open()) return fail_index("mmap", sink);
    madvise(mapping_.address(), shape_.file_bytes, MADV_HUGEPAGE);  // where shared memory may
    SharedHeader& made = header();
    made.format_version = kSharedFormatVersion;
    made.block_count_max = block_count_max;
    made.space_count_max = space_count_max;
    made.event_count_max = kSharedEventCount;
    made.file_bytes = shape_.file_bytes;
    std::memcpy(made.store_id, name.store_id, sizeof made.store_id);
    std::snprintf(made.shard, sizeof made.shard, "%s", name.shard.c_str());
    return BWRT_OK;
}

bwrt_status SharedIndexWriter::publish(std::uint64_t segment_bytes, const ErrorSink& sink) {
    header().segment_bytes = segment_bytes;
    header().magic.store(kSharedMagic, std::memory_order_release);  // S1
    const OpenFile before = open_beneath(directory_.fd(), name_.c_str(), O_RDWR);
    if (renameat(directory_.fd(), draft_.c_str(), directory_.fd(), name_.c_str()) != 0) {
        return fail_index("rename", sink);
    }
    draft_.clear();
    retire(before.fd());
    return BWRT_OK;
}

void SharedIndexWriter::put_space(std::uint16_t number, std::uint64_t space) noexcept {
    BWRT_CHECK(number == space_count() && number < header().space_count_max);
    spaces()[number].set(space);
    header().space_count.store(number + 1u, std::memory_order_release);  // S3
}

void SharedIndexWriter::put_event(const bwrt_event& event) noexcept {
    const std::uint64_t number = header().event_last.load(std::memory_order_relaxed) + 1;
    std::uint64_t words[sizeof event / sizeof(std::uint64_t)];
    std::memcpy(words, &event, sizeof event);
    header().event_begun.store(number, std::memory_order_relaxed);
    SharedEvent& place = events()[number % kSharedEventCount];
    for (std::size_t i = 0; i < std::size(words); ++i) place.words[i].set(words[i]);
    header().event_last.store(number, std::memory_order_release);  // S5
}

void retire_shared_index(int directory_fd, const SharedName& name) noexcept {
    const OpenFile file = open_beneath(directory_fd, name.file.c_str(), O_RDWR);
    if (!file.is_open()) return;
    unlinkat(directory_fd, name.file.c_str(), 0);
    retire(file.fd());
}

// ---- readers

SharedIndexReader::Opened SharedIndexReader::open(int directory_fd, const SharedName& name) {
    file_ = open_beneath(directory_fd, name.file.c_str(), O_RDONLY);
    if (!file_.is_open()) return errno == ENOENT ? Opened::kNone : Opened::kOther;
    struct stat stat = {};
    if (!is_ours(file_.fd(), &stat) || stat.st_size < off_t{kIndexPageBytes}) return Opened::kOther;
    const auto file_bytes = static_cast<std::uint64_t>(stat.st_size);
    Mapping mapping = Mapping::file(file_.fd(), file_bytes, false);
    if (mapping.address() == nullptr) return Opened::kOther;
    const auto& found = *mapping.as<SharedHeader>();
    // S2: behind it the header is whole.
    if (found.magic.load(std::memory_order_acquire) != kSharedMagic) return Opened::kOther;
    if (found.format_version != kSharedFormatVersion) return Opened::kOther;
    const std::uint32_t block_count_max = found.block_count_max;
    const std::uint32_t space_count_max = found.space_count_max;
    if (block_count_max == 0 || block_count_max > kIndexBlockCountMax || space_count_max == 0 ||
        space_count_max > kSharedSpaceCountMax || found.event_count_max != kSharedEventCount) {
        return Opened::kOther;
    }
    const SharedShape shape(block_count_max, space_count_max);
    if (found.file_bytes != shape.file_bytes || file_bytes < shape.file_bytes) {
        return Opened::kOther;
    }
    const bool is_it = std::memcmp(found.store_id, name.store_id, sizeof found.store_id) == 0 &&
                       std::strncmp(found.shard, name.shard.c_str(), sizeof found.shard) == 0;
    if (!is_it) return Opened::kOther;
    shape_ = shape;
    mapping_ = std::move(mapping);
    space_count_max_ = space_count_max;
    segment_bytes_ = header().segment_bytes;
    device_ = stat.st_dev;
    inode_ = stat.st_ino;
    if (reader_.attach(range(), range_bytes()) != nullptr ||
        reader_.block_count_max() != block_count_max) {
        mapping_ = Mapping();
        return Opened::kOther;
    }
    madvise(mapping_.address(), shape_.file_bytes, MADV_HUGEPAGE);
    return Opened::kYes;
}

bool SharedIndexReader::has_its_name(int directory_fd, const SharedName& name) const {
    struct stat stat = {};
    return fstatat(directory_fd, name.file.c_str(), &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
           stat.st_dev == device_ && stat.st_ino == inode_;
}

bool SharedIndexReader::has_writer() const noexcept {
    if (!lock(file_.fd(), LOCK_SH)) return errno == EWOULDBLOCK;
    flock(file_.fd(), LOCK_UN);
    return false;
}

std::uint32_t SharedIndexReader::space_count() const noexcept {
    return std::min(header().space_count.load(std::memory_order_acquire),  // S4
                    space_count_max_);
}

bool SharedIndexReader::copy_events(std::uint64_t first, std::uint32_t count,
                                    bwrt_event* events_out) const noexcept {
    for (std::uint32_t i = 0; i < count; ++i) {
        const SharedEvent& place = events()[(first + i) % kSharedEventCount];
        std::uint64_t words[sizeof(bwrt_event) / sizeof(std::uint64_t)];
        for (std::size_t word = 0; word < std::size(words); ++word) {
            words[word] = place.words[word].get();
        }
        std::memcpy(&events_out[i], words, sizeof words);
    }
    return header().event_begun.load(std::memory_order_relaxed) - first < kSharedEventCount;
}

}  // namespace bwrt::runtime
