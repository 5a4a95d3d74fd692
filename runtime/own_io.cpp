// SPDX-License-Identifier: Apache-2.0

#include "runtime/own_io.h"

#include <algorithm>

#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/storage_lane.h"

namespace bwrt::runtime {

OwnIos::OwnIos(WaveTable* waves, std::uint32_t first_wave, StorageLane* lane, OwnIoOwner* owner)
    : waves_(*waves), first_(first_wave), lane_(*lane), owner_(*owner) {
    constexpr std::uint8_t kPriorities[kOwnWaveCount] = {
        BWRT_PRIORITY_URGENT, BWRT_PRIORITY_NORMAL, BWRT_PRIORITY_BACKGROUND, BWRT_PRIORITY_NORMAL,
        BWRT_PRIORITY_NORMAL};
    for (std::uint32_t i = 0; i < kOwnWaveCount; ++i) {
        Wave& wave = waves_.at(first_ + i);
        wave.own = this;
        wave.phase = Phase::kRunning;
        wave.priority = kPriorities[i];
        wave.deadline_ns = kNeverNs;
        wave.inflight_count = 1;  // so that it is never over
    }
}

Wave& OwnIos::at(OwnWave wave) const noexcept {
    return waves_.at(first_ + static_cast<std::uint32_t>(wave));
}

void OwnIos::start(OwnIo* io, std::uint32_t kind, const IoPlace& place, OwnWave number,
                   std::uint64_t due_ns) noexcept {
    const bool reading = kind == BWRT_OP_READ;
    io->left_bytes = place.length_bytes;
    io->status = BWRT_OK;
    io->os_code = 0;
    io->operation = Operation();
    Operation& operation = io->operation;
    operation.kind = static_cast<std::uint8_t>(kind);
    operation.lane = Lane::kStorage;
    operation.length_bytes = place.length_bytes;
    operation.source = reading ? place.offset_bytes : place.address;
    operation.target = reading ? place.address : place.offset_bytes;
    operation.source_region = reading ? place.file_region : place.memory_region;
    operation.target_region = reading ? place.memory_region : place.file_region;
    Wave& wave = at(number);
    wave.unresolved += place.length_bytes;
    lane_.append(&wave, &operation, place.length_bytes, due_ns);
}

void OwnIos::flush(OwnIo* io, std::uint16_t file_region) noexcept {
    io->left_bytes = 1;  // stands for the flush
    io->status = BWRT_OK;
    io->os_code = 0;
    io->operation = Operation();
    io->operation.kind = BWRT_OP_FLUSH;
    io->operation.lane = Lane::kStorage;
    io->operation.target_region = file_region;
    Wave& wave = at(OwnWave::kRecords);
    wave.unresolved += 1;
    lane_.append(&wave, &io->operation, 0, kNeverNs);
}

void OwnIos::moved(Operation* operation, std::uint64_t good, std::uint64_t bad,
                   const Failure* failure) noexcept {
    auto* io = reinterpret_cast<OwnIo*>(operation);
    BWRT_CHECK(good + bad <= io->left_bytes);
    io->left_bytes -= good + bad;
    if (bad != 0 && io->status == BWRT_OK) {
        io->status = failure->status;
        io->os_code = failure->os_code;
    }
    if (io->left_bytes == 0) owner_.io_done(io);
}

}  // namespace bwrt::runtime
