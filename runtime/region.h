// SPDX-License-Identifier: Apache-2.0
//
// region.h — the table of regions: memory of the host or of a device, and files, that operations
// may name.
//
// Read by submitters without a lock (through the gate), written under the control plane's
// lock.  What the executor needs of a file, its backend indices, alignment and whether it
// may still be believed, is in FileState, which only the executor touches after add().

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "include/bwrt.h"
#include "runtime/backend/backend.h"
#include "runtime/gate.h"
#include "runtime/memory.h"
#include "runtime/status.h"

namespace bwrt::runtime {

class Devices;
class WaveTable;
struct DeviceRoom;

constexpr std::uint32_t kProcessSlot = 0xFFFFu;  // stands for BWRT_PROCESS_MEMORY

// A file region after reopening.
struct FileState {
    int fd = -1;                        // buffered, or the only one
    int direct_fd = -1;                 // O_DIRECT, when in force
    std::int32_t file = -1;             // indices at the backend, set by the executor
    std::int32_t direct_file = -1;      // -1 again when direct I/O turns out to be refused
    std::int32_t direct_attached = -1;  // what to detach
    std::uint32_t memory_align_bytes = 1;
    std::uint32_t offset_align_bytes = 1;
    // Direct I/O stays below this; the file's last, partial page goes through the page
    // cache, always, so that no page is ever reached both ways.
    std::uint64_t direct_end = 0;
    std::uint32_t io_bytes_max = 0;       // of a request
    std::uint32_t stage_from_bytes = 0;   // direct I/O with ordinary pages; 0: none (calibration.h)
    std::uint64_t device = 0, inode = 0;  // one file behind two regions shares its edge blocks
    bool poisoned = false;                // a flush failed: executor's, never unset
    int poison_errno = 0;
    bool is_verified = false;  // whoever reads it verifies what he gets: also when it is poisoned

    FileState() = default;
    FileState(const FileState&) = delete;
    FileState& operator=(const FileState&) = delete;
    ~FileState();
};

// Memory of a device that nothing uses any more; freed with this.  The driver may wait for all that
// the device has to do, so that should not happen where somebody waits for us.
class FreedDeviceBytes {
 public:
    FreedDeviceBytes() = default;
    FreedDeviceBytes(DeviceRoom* room, std::uint64_t address) : room_(room), address_(address) {}
    FreedDeviceBytes(FreedDeviceBytes&& other) noexcept
        : room_(std::exchange(other.room_, nullptr)), address_(other.address_) {}
    FreedDeviceBytes& operator=(FreedDeviceBytes&& other) noexcept {
        std::swap(room_, other.room_);
        std::swap(address_, other.address_);
        return *this;
    }
    ~FreedDeviceBytes();

 private:
    DeviceRoom* room_ = nullptr;
    std::uint64_t address_ = 0;
};

struct Region {
    Gate gate;
    std::uint64_t generation = 0;
    std::uint32_t kind = 0;        // BWRT_REGION_HOST, ...
    std::uint32_t flags = 0;       // in force
    std::byte* address = nullptr;  // of a device's memory not to be touched
    std::uint64_t length_bytes = 0;
    std::int32_t fixed_buffer = -1;  // executor's
    bool quiesced = false;           // control plane's
    std::uint32_t layout_count = 0;  // planes of layouts that lie here; control plane's
    FileState* file = nullptr;
    RegionMemory memory;
    DeviceRoom* room = nullptr;      // of the device where it lies, if not on the host
    bool owns_device_bytes = false;  // they were allocated there

    [[nodiscard]] bool is_file() const noexcept { return kind == BWRT_REGION_FILE; }
};

class RegionTable {
 public:
    // Behind the callers' lie `own_count` places for the store's own memory and files, which no
    // handle leads to.  Without the waves that copy there are none on devices.
    RegionTable(std::uint32_t count_max, std::uint64_t first_generation,
                std::uint32_t own_count = 0, const WaveTable* waves = nullptr);
    ~RegionTable();
    RegionTable(const RegionTable&) = delete;
    RegionTable& operator=(const RegionTable&) = delete;

    [[nodiscard]] std::uint32_t count_max() const noexcept { return count_max_; }
    [[nodiscard]] std::uint32_t own_count() const noexcept {
        return static_cast<std::uint32_t>(regions_.count()) - count_max_;
    }
    [[nodiscard]] Region& at(std::uint32_t slot) const noexcept { return regions_[slot]; }

    // The region behind a handle whose gate the caller will ask; null for a handle that
    // cannot be one.
    [[nodiscard]] Region* find(bwrt_handle handle) const noexcept {
        if (!is_kind(handle, HandleKind::kRegion) || slot_of(handle) >= count_max_) {
            return nullptr;
        }
        return &regions_[slot_of(handle)];
    }

    // Any thread.  Null where no region has lain on that device.
    [[nodiscard]] DeviceRoom* find_device(std::uint32_t number) const noexcept;

    // Control plane, one at a time.  add() checks the description, opens or allocates what it
    // names and returns the slot, still gated; publish() lets submitters see it.
    bwrt_status add(const bwrt_region& description, std::uint32_t* slot_out, Region** region_out,
                    char* reason, std::size_t reason_bytes, const ErrorSink& sink);
    bwrt_handle publish(std::uint32_t slot) noexcept;
    FreedDeviceBytes remove(std::uint32_t slot) noexcept;

    // Fills one of the own places, each of which one thread at a time may: opens or allocates what
    // is described, as add() does.  remove() empties it.
    bwrt_status fill_own(std::uint32_t slot, const bwrt_region& description, char* reason,
                         std::size_t reason_bytes, const ErrorSink& sink);

 private:
    bwrt_status fill(Region* region, const bwrt_region& description, char* reason,
                     std::size_t reason_bytes, const ErrorSink& sink);
    bwrt_status fill_on_device(Region* region, const bwrt_region& description,
                               const ErrorSink& sink);

    std::unique_ptr<Devices> devices_;  // go after the regions on them
    Table<Region> regions_;
    std::uint32_t count_max_;
    std::uint64_t generation_;  // of the next region
    std::uint32_t next_slot_ = 0;
};

// region_file.cpp: reopens description.fd and finds out how it can be reached.
bwrt_status open_file(const bwrt_region& description, FileState* file,
                      std::uint64_t* length_bytes_out, std::uint32_t* flags_out, char* reason,
                      std::size_t reason_bytes, const ErrorSink& sink);

}  // namespace bwrt::runtime
