// SPDX-License-Identifier: Apache-2.0
//
// own_io.h — what the store itself asks of the storage lane: blocks in and out of segments, records
// into the log.
//
//   OwnIo ──start()──▶ an own wave's list ──▶ storage lane ──moved()──▶ io_done()
//
// These belong to no wave of a caller's: a load goes on when the wave that asked for it first is
// cancelled, for others may be waiting for it.  So they hang in waves of the store's own, one for
// each priority of reading, one for writing and one for records, which have slots behind the
// callers' in the wave table, are never over, and keep what is asked for at once together, so that
// neighbours on the disk are asked for in one request.

#pragma once

#include <cstdint>

#include "runtime/operation.h"
#include "runtime/wave_table.h"

namespace bwrt::runtime {

struct Failure;
class StorageLane;

// One contiguous run between memory and a file, or a flush.
struct OwnIo {
    Operation operation;  // first: the lane knows it by this
    std::uint64_t left_bytes = 0;
    bwrt_status status = BWRT_OK;  // the first failure
    std::int32_t os_code = 0;
};

// Told once for each that was started.
class OwnIoOwner {
 public:
    virtual void io_done(OwnIo* io) noexcept = 0;

 protected:
    ~OwnIoOwner() = default;
};

enum class OwnWave : std::uint8_t { kUrgent, kNormal, kBackground, kWrite, kRecords };
constexpr std::uint32_t kOwnWaveCount = 5;

// A place in a file region and one in a memory region.
struct IoPlace {
    std::uint16_t file_region;
    std::uint16_t memory_region;
    std::uint64_t offset_bytes;
    std::uint64_t address;
    std::uint64_t length_bytes;
};

class OwnIos final : public OwnIoSink {
 public:
    // Waves [first_wave, first_wave + kOwnWaveCount) of the table are its own.
    OwnIos(WaveTable* waves, std::uint32_t first_wave, StorageLane* lane, OwnIoOwner* owner);

    void read(OwnIo* io, const IoPlace& place, OwnWave wave, std::uint64_t due_ns) noexcept {
        start(io, BWRT_OP_READ, place, wave, due_ns);
    }
    void write(OwnIo* io, const IoPlace& place, OwnWave wave) noexcept {
        start(io, BWRT_OP_WRITE, place, wave, kNever);
    }
    // fdatasync of what was complete when it was started.
    void flush(OwnIo* io, std::uint16_t file_region) noexcept;

    // From the lane: so many bytes of it are good, so many failed.
    void moved(Operation* operation, std::uint64_t good, std::uint64_t bad,
               const Failure* failure) noexcept override;

 private:
    static constexpr std::uint64_t kNever = ~std::uint64_t{0};

    void start(OwnIo* io, std::uint32_t kind, const IoPlace& place, OwnWave wave,
               std::uint64_t due_ns) noexcept;
    [[nodiscard]] Wave& at(OwnWave wave) const noexcept;

    WaveTable& waves_;
    std::uint32_t first_;
    StorageLane& lane_;
    OwnIoOwner& owner_;
};

}  // namespace bwrt::runtime
