// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/verify_block.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kReadBytes = 1 << 20;  // whole chunks
constexpr std::size_t kNamedChunkCountMax = 8;

std::uint64_t whole_units(std::uint64_t bytes) {
    return (bytes + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
}

// "chunk 3", "chunks 0, 1, 4", and so on behind the eighth.
std::string list_of(const std::vector<std::uint32_t>& chunks) {
    std::string text = chunks.size() == 1 ? "chunk " : "chunks ";
    for (std::size_t i = 0; i < std::min(chunks.size(), kNamedChunkCountMax); ++i) {
        text += (i == 0 ? "" : ", ") + std::to_string(chunks[i]);
    }
    if (chunks.size() <= kNamedChunkCountMax) return text;
    return text + " and " + std::to_string(chunks.size() - kNamedChunkCountMax) + " more";
}

// Where direct I/O is not to be had, or wants longer units than ours.
void read_around_cache(int fd) {
    static_cast<void>(fcntl(fd, F_SETFL, 0));
    static_cast<void>(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

}  // namespace

const char* name_of(BlockFault fault) noexcept {
    constexpr const char* kNames[] = {"none",       "tag",   "directory", "missing", "not_a_file",
                                      "unreadable", "short", "sums",      "chunks",  "everything"};
    return kNames[static_cast<std::size_t>(fault)];
}

std::string describe(const BlockFinding& finding, const Record& record) {
    const std::string segment = "segment " + std::to_string(record.segment);
    const std::uint64_t end = record.offset_bytes + place_bytes(record.length_bytes);
    switch (finding.fault) {
        case BlockFault::kNone:
            return "right";
        case BlockFault::kTag:
            return "its tag does not fit: a planted or damaged record";
        case BlockFault::kNoDirectory:
            return segment + " lies in directory " +
                   std::to_string(Segments::directory_of(record.segment)) + ", which was not given";
        case BlockFault::kMissing:
            return segment + " has no file";
        case BlockFault::kNotAFile:
            return segment + " is not a regular file";
        case BlockFault::kUnreadable:
            return (finding.chunks.empty() ? segment : list_of(finding.chunks)) +
                   " cannot be read: " + errno_name(finding.os_code);
        case BlockFault::kShort:
            return segment + " ends at " + std::to_string(finding.file_bytes) + ", the block at " +
                   std::to_string(end);
        case BlockFault::kSums:
            return "its sums are damaged; its payload is right";
        case BlockFault::kChunks:
            return list_of(finding.chunks) + " of " +
                   std::to_string(chunk_count(record.length_bytes)) +
                   (finding.chunks.size() == 1 ? " does not fit its sum"
                                               : " do not fit their sums");
        case BlockFault::kEverything:
            break;
    }
    return "neither its payload nor its sums fit: other bytes lie at its place";
}

BlockVerifier::BlockVerifier() : buffer_(Mapping::table(kReadBytes)) {}

bwrt_status BlockVerifier::attach(const StoreDirectories& store, const std::string& shard_name,
                                  const ErrorSink& sink) {
    forget();
    shard_.clear();
    for (const StoreRoot& root : store.roots) {
        Shard shard;
        bwrt_error error = {};
        const bwrt_status status =
            open_shard(root, shard_name.c_str(), Access::kRead, false, &shard, {&error});
        if (status != BWRT_OK && error.os_code != ENOENT) {
            if (sink.error != nullptr) *sink.error = error;
            return status;
        }
        shard_.push_back(std::move(shard.directory));
    }
    return BWRT_OK;
}

void BlockVerifier::open(std::uint32_t segment) {
    if (number_ == segment) return;
    number_ = segment;
    file_ = OpenFile();
    file_bytes_ = 0;
    opened_ = {};
    const std::uint32_t directory = Segments::directory_of(segment);
    if (directory >= shard_.size()) {
        opened_.fault = BlockFault::kNoDirectory;
        return;
    }
    char name[24];
    std::snprintf(name, sizeof name, "segment.%08x", segment);
    OpenFile file;
    errno = ENOENT;
    if (shard_[directory].is_open()) {
        file = open_beneath(shard_[directory].fd(), name, O_RDONLY | O_DIRECT);
        if (!file.is_open() && errno == EINVAL) {  // no direct I/O here, or a directory
            file = open_beneath(shard_[directory].fd(), name, O_RDONLY);
            if (file.is_open()) read_around_cache(file.fd());
        }
    }
    struct stat stat = {};
    if (!file.is_open() || fstat(file.fd(), &stat) != 0) {
        opened_.os_code = errno;
        opened_.fault = errno == ENOENT  ? BlockFault::kMissing
                        : errno == ELOOP ? BlockFault::kNotAFile
                                         : BlockFault::kUnreadable;
        return;
    }
    if (!S_ISREG(stat.st_mode)) {
        opened_.fault = BlockFault::kNotAFile;
        return;
    }
    file_bytes_ = static_cast<std::uint64_t>(stat.st_size);
    file_ = std::move(file);
}

std::optional<std::uint64_t> BlockVerifier::file_bytes_of(std::uint32_t segment) {
    open(segment);
    if (!file_.is_open()) return std::nullopt;
    return file_bytes_;
}

// Whole units into the buffer; false and errno.  The file was long enough: where it is not any
// more, it is being changed.
bool BlockVerifier::read(std::uint64_t offset_bytes, std::uint64_t length_bytes) {
    const std::size_t count = whole_units(length_bytes);
    std::int64_t got = read_at(file_.fd(), buffer_.address(), count, offset_bytes);
    if (got < 0 && errno == EINVAL) {
        read_around_cache(file_.fd());
        got = read_at(file_.fd(), buffer_.address(), count, offset_bytes);
    }
    if (got >= static_cast<std::int64_t>(length_bytes)) return true;
    if (got >= 0) errno = ENODATA;
    return false;
}

// Sums each chunk into sums_.  False when some cannot be read.
bool BlockVerifier::sum_payload(const Record& record, std::uint64_t seed, BlockFinding* finding) {
    sums_.assign(chunk_count(record.length_bytes), 0);
    std::uint64_t read_bytes = kReadBytes;
    for (std::uint64_t at = 0; at < record.length_bytes;) {
        const std::uint64_t length = std::min<std::uint64_t>(record.length_bytes - at, read_bytes);
        const auto first = static_cast<std::uint32_t>(at / kChunkBytes);
        if (!read(record.offset_bytes + at, length)) {
            if (read_bytes > kChunkBytes) {  // which of them?
                read_bytes = kChunkBytes;
                continue;
            }
            finding->fault = BlockFault::kUnreadable;
            finding->os_code = errno;
            finding->chunks.push_back(first);
        } else {
            for (std::uint64_t done = 0; done < length; done += kChunkBytes) {
                const auto chunk = first + static_cast<std::uint32_t>(done / kChunkBytes);
                sums_[chunk] =
                    chunk_sum(xxh3(), buffer_.as<std::byte>() + done,
                              std::min<std::uint64_t>(length - done, kChunkBytes), seed, chunk);
            }
        }
        at += length;
    }
    return finding->fault == BlockFault::kNone;
}

// `sums`: those that lie beside the payload.
BlockFinding BlockVerifier::compare(const Record& record, std::uint64_t seed,
                                    const std::uint64_t* sums) {
    BlockFinding finding;
    const std::uint32_t count = chunk_count(record.length_bytes);
    const bool payload_fits = root_of(xxh3(), sums_.data(), count, seed) == record.root;
    if (root_of(xxh3(), sums, count, seed) != record.root) {
        finding.fault = payload_fits ? BlockFault::kSums : BlockFault::kEverything;
        return finding;
    }
    for (std::uint32_t chunk = 0; chunk < count; ++chunk) {
        if (sums_[chunk] != sums[chunk]) finding.chunks.push_back(chunk);
    }
    if (!finding.chunks.empty()) finding.fault = BlockFault::kChunks;
    return finding;
}

BlockFinding BlockVerifier::verify(const Record& record, const TenantKeys& keys) {
    BlockFinding finding;
    if (!keys.has_made(record)) {
        finding.fault = BlockFault::kTag;
        return finding;
    }
    open(record.segment);
    if (!file_.is_open()) return opened_;
    if (file_bytes_ < record.offset_bytes + place_bytes(record.length_bytes)) {
        finding.fault = BlockFault::kShort;
        finding.file_bytes = file_bytes_;
        return finding;
    }
    const std::uint64_t seed =
        block_seed(record.key, record.length_bytes, record.layout_digest, keys.seed());
    if (!sum_payload(record, seed, &finding)) return finding;
    if (sums_.size() == 1) return compare(record, seed, &record.root);
    const std::uint64_t sums_bytes = sums_.size() * sizeof(std::uint64_t);
    if (!read(record.offset_bytes + payload_bytes_on_disk(record.length_bytes), sums_bytes)) {
        finding.fault = BlockFault::kUnreadable;
        finding.os_code = errno;
        return finding;
    }
    return compare(record, seed, buffer_.as<std::uint64_t>());
}

}  // namespace bwrt::runtime
