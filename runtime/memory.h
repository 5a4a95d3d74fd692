// SPDX-License-Identifier: Apache-2.0
//
// memory.h — memory that comes from the system in whole mappings.
//
// All tables are mapped at open and zero-filled by the kernel as they are touched, so a
// generous limit costs address space and nothing else.  They are private to this process:
// not dumped.  What the kernel may write into by I/O is also kept out of children
// (MADV_DONTFORK), for copy-on-write and I/O in flight do not mix (open(2), O_DIRECT).

#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace bwrt::runtime {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

class Mapping {
 public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept { swap(other); }
    Mapping& operator=(Mapping&& other) noexcept {
        swap(other);
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();

    // Zeroed pages for a table; throws std::bad_alloc.
    static Mapping table(std::size_t length_bytes);

    // The file's first bytes, shared with whoever maps it too; empty, and errno, when that fails.
    static Mapping file(int fd, std::size_t length_bytes, bool writable) noexcept;

    // It is never unmapped: somebody may still write there.
    void keep_for_ever() noexcept { base_ = nullptr; }

    [[nodiscard]] void* address() const noexcept { return address_; }
    [[nodiscard]] std::size_t length_bytes() const noexcept { return length_bytes_; }

    template <typename T>
    [[nodiscard]] T* as() const noexcept {
        return static_cast<T*>(address_);
    }

 private:
    friend struct RegionMemory;
    void swap(Mapping& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(base_bytes_, other.base_bytes_);
        std::swap(address_, other.address_);
        std::swap(length_bytes_, other.length_bytes_);
    }

    void* base_ = nullptr;  // what was mapped; address_ is aligned inside it
    std::size_t base_bytes_ = 0;
    void* address_ = nullptr;
    std::size_t length_bytes_ = 0;
};

// An array of T in a mapping; T's are constructed in place and never destroyed one by one.
template <typename T>
class Table {
 public:
    Table() = default;
    explicit Table(std::size_t count)
        : mapping_(Mapping::table(count * sizeof(T))), count_(count) {}

    [[nodiscard]] T& operator[](std::size_t index) const noexcept {
        return mapping_.as<T>()[index];
    }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] T* data() const noexcept { return mapping_.as<T>(); }

 private:
    Mapping mapping_;
    std::size_t count_ = 0;
};

// With BWRT_REGION_EXPORT: the memory is there in full, and nobody but this mapping of it can write
// to it, cut it or punch holes into it, whoever has the memfd.
constexpr std::uint32_t kRegionSealed = 1u << 31;

// How memory for regions that are not exported is mapped (store/system_seam.cpp).
[[nodiscard]] int region_mapping_flags() noexcept;

// Memory for an ALLOCATED region, on a 2 MiB boundary.
struct RegionMemory {
    Mapping mapping;
    int memfd = -1;         // when exported
    bool huge = false;      // asked for and had
    char reason[160] = {};  // why not, when asked for and not had

    RegionMemory() = default;
    RegionMemory(RegionMemory&& other) noexcept;
    RegionMemory& operator=(RegionMemory&& other) noexcept;
    RegionMemory(const RegionMemory&) = delete;
    RegionMemory& operator=(const RegionMemory&) = delete;
    ~RegionMemory();

    // 0, or the errno; flags are BWRT_REGION_* and kRegionSealed.
    static int allocate(std::size_t length_bytes, std::uint32_t flags, RegionMemory* memory_out);
};

// Whether the kernel hands out transparent huge pages on madvise, for memory of one process or for
// shared memory; else why not.
bool huge_pages_available(char* reason, std::size_t reason_bytes) noexcept;
bool shared_huge_pages_available(char* reason, std::size_t reason_bytes) noexcept;

}  // namespace bwrt::runtime
