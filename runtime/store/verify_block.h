// SPDX-License-Identifier: Apache-2.0
//
// verify_block.h — whether what lies at a block's place is the block, and if not, what is wrong.
//
//   record ── its tag, by the tenant's key
//     └ place ── a segment of a directory: there, a file, long enough
//         └ sums ── fit the root that the record says
//             └ chunk by chunk: fits its sum
//
// The first of these that does not hold is the fault; of chunks all that do not fit are named, for
// one is a flipped bit and all of them are another block's bytes.  Read past the page cache where
// the file system allows it: what is asked is what the disk holds.
//
// Blocking, and without a lock: of a store that is written meanwhile a block that does not verify
// may have moved, and is to be looked up again.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/memory.h"
#include "runtime/store/inspect.h"
#include "runtime/store/tenant.h"

namespace bwrt::runtime {

enum class BlockFault : std::uint8_t {
    kNone,
    kTag,          // the tenant did not make that record
    kNoDirectory,  // of a directory that was not opened
    kMissing,      // the segment has no file
    kNotAFile,     // it is a directory, a link, a pipe
    kUnreadable,   // the file or some chunks: os_code
    kShort,        // the file ends before the block does
    kSums,         // the payload is right, the sums beside it are not
    kChunks,       // these do not fit their sums, which are right
    kEverything,   // neither fits: other bytes, or none
};

// "tag", "directory", "missing", "not_a_file", "unreadable", "short", "sums", "chunks",
// "everything"; programs read them.
[[nodiscard]] const char* name_of(BlockFault fault) noexcept;

struct BlockFinding {
    BlockFault fault = BlockFault::kNone;
    std::vector<std::uint32_t> chunks;  // kChunks; kUnreadable where the file could be opened
    std::uint64_t file_bytes = 0;       // kShort
    int os_code = 0;                    // kUnreadable
};

// A sentence, without the block's name.
[[nodiscard]] std::string describe(const BlockFinding& finding, const Record& record);

// Of one shard, whose directory it opens in each of the store's.  Blocks are best asked for by
// place: a segment is opened once then.
class BlockVerifier {
 public:
    BlockVerifier();

    // A directory in which the shard is not has no segments of it.
    bwrt_status attach(const StoreDirectories& store, const std::string& shard_name,
                       const ErrorSink& sink);

    // `keys` are those of the record's space.
    [[nodiscard]] BlockFinding verify(const Record& record, const TenantKeys& keys);

    // Bytes of the segment's file; none where there is none that is a file.
    [[nodiscard]] std::optional<std::uint64_t> file_bytes_of(std::uint32_t segment);

    // What was opened may be another file by now.
    void forget() noexcept { number_ = kNoSegment; }

 private:
    void open(std::uint32_t segment);
    [[nodiscard]] bool read(std::uint64_t offset_bytes, std::uint64_t length_bytes);
    [[nodiscard]] bool sum_payload(const Record& record, std::uint64_t seed, BlockFinding* finding);
    [[nodiscard]] BlockFinding compare(const Record& record, std::uint64_t seed,
                                       const std::uint64_t* sums);

    std::vector<OpenFile> shard_;        // by directory
    std::uint32_t number_ = kNoSegment;  // of what is open
    OpenFile file_;
    BlockFinding opened_;  // why it cannot be read
    std::uint64_t file_bytes_ = 0;
    Mapping buffer_;
    std::vector<std::uint64_t> sums_;  // of the chunks as they are
};

}  // namespace bwrt::runtime
