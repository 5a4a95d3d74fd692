// SPDX-License-Identifier: Apache-2.0
//
// staging.h — bounce buffers for unaligned direct I/O, and the locks on edge blocks.
//
// Two writes that share a block of the file each read it, change their part and write it
// back; done at once, one would undo the other.  So a block that a staged write changes only in
// part is locked by (device, inode, block) until the write is over, also where it is one that
// direct I/O was refused for.  A transfer takes a buffer, if it needs one, and then both its edges
// at once; whoever holds an edge waits for nothing more: no cycle.

#pragma once

#include <cstdint>
#include <vector>

#include "runtime/memory.h"
#include "runtime/transfer.h"

namespace bwrt::runtime {

class Staging {
 public:
    // Buffers hold io_bytes_max and an aligned block more on either side.
    Staging(std::uint32_t buffer_count, std::uint32_t io_bytes_max,
            std::uint32_t transfer_count = 0);

    // For what is staged because that is faster: registered with the backend, where it can,
    // and in huge pages, if they help and the system has them.
    void make_fast(StorageBackend* backend, bool huge_pages) noexcept;
    [[nodiscard]] std::int32_t fixed_buffer() const noexcept { return fixed_buffer_; }

    // Gives the transfer its buffer; false when none is free.
    [[nodiscard]] bool take_buffer(Transfer* transfer) noexcept;

    // Locks the partial blocks at the ends of the whole transfer; false when one is locked.
    [[nodiscard]] bool lock_edges(Transfer* transfer) noexcept;

    // Gives back what the transfer has; true when another may now succeed.
    bool give_back(Transfer* transfer) noexcept;

    // The buffer only: a write that goes on through the page cache keeps its edges locked.
    void give_back_buffer(Transfer* transfer) noexcept;

    [[nodiscard]] std::byte* buffer(const Transfer& transfer) const noexcept {
        return memory_.as<std::byte>() + std::size_t{transfer.staging} * buffer_bytes_;
    }
    [[nodiscard]] std::uint32_t free_count() const noexcept {
        return static_cast<std::uint32_t>(free_.size());
    }
    [[nodiscard]] std::uint32_t buffer_count() const noexcept { return buffer_count_; }

 private:
    struct Edge {
        std::uint64_t device, inode, block;
        const Transfer* holder;
    };

    [[nodiscard]] bool is_locked(const Edge& edge) const noexcept;

    std::uint32_t buffer_count_;
    std::size_t buffer_bytes_;
    Mapping memory_;
    std::int32_t fixed_buffer_ = -1;   // all of them, at the backend
    std::vector<std::uint32_t> free_;  // reserved at open
    std::vector<Edge> edges_;          // at most two a transfer; reserved at open
};

}  // namespace bwrt::runtime
