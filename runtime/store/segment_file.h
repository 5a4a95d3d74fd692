// SPDX-License-Identifier: Apache-2.0
//
// segment_file.h — a segment's file: there at its whole length, with space of its own, or not made.
//
//   create ──▶ stripe (Lustre) ──▶ reserve every byte ──▶ its name is on the disk
//      └────────────┴──── any of it fails: removed ────┘
//
// Space is reserved when a segment is first used, so that a full disk says so here, where nothing
// is lost by it, and not in the middle of a block.  A crash between making and reserving leaves a
// file that is too short: the next open reserves what is missing.  One that is too long was not
// made for this shard as its log has it, and is refused as it is: who knows that nothing in it is
// alive may remove it.
//
// Blocks, all of it: for the janitor, or for who opens a store.

#pragma once

#include <sys/vfs.h>

#include <cstdint>
#include <vector>

#include "runtime/status.h"
#include "runtime/store/root.h"

namespace bwrt::runtime {

struct SegmentReport {
    // A write into it finds its space.  False on a file system that cannot promise that: then the
    // file has its length and nothing else, and a full disk shows when blocks are written.
    bool reserved = false;
    bool striped = false;
    bool made = false;        // there was none
    char reserving[64] = "";  // why not
    char striping[64] = "";   // how, or why not
};

// Of a file that is striped.  Sixteen servers answer its reads together, each with whole blocks:
// most have 4 MiB or less.
constexpr std::uint16_t kStripeCount = 16;  // fewer, where there are fewer servers
constexpr std::uint32_t kStripeBytes = 4 << 20;

// What a test has in their place.
struct FileSystemCalls {
    int (*fstatfs)(int fd, struct statfs* found_out);
    int (*ioctl)(int fd, unsigned long request, void* argument);
};
extern const FileSystemCalls kFileSystemCalls;

// What can be told of the directory alone: why what is made there will not be striped, or nothing.
[[nodiscard]] SegmentReport find_striping(int directory_fd,
                                          const FileSystemCalls& calls = kFileSystemCalls);

// Opens segment `number` in the directory that holds it, or makes it (Access::kCreate).  The length
// is what the shard's log says; to a reader any other is BWRT_E_FORMAT, as one that is longer is to
// a writer.  BWRT_E_NOSPC when there is no room, and the file is then as it was, or not there.
bwrt_status open_segment(int directory_fd, std::uint32_t number, std::uint64_t length_bytes,
                         Access access, OpenFile* file_out, SegmentReport* report_out,
                         const ErrorSink& sink, const FileSystemCalls& calls = kFileSystemCalls);

// Of the segments whose files are there, in no order.  Nothing but what a writer named counts.
bwrt_status list_segments(int directory_fd, std::vector<std::uint32_t>* numbers_out,
                          const ErrorSink& sink);

// Than it is to be; false also when there is none.
bool is_longer(int directory_fd, std::uint32_t number, std::uint64_t length_bytes) noexcept;

// BWRT_OK also when there was none.  Its space comes back when nobody has it open.
bwrt_status remove_segment(int directory_fd, std::uint32_t number, const ErrorSink& sink);

}  // namespace bwrt::runtime
