// SPDX-License-Identifier: Apache-2.0
//
// flight.h — a block on its way between memory and disk, and everybody who waits for it.
//
//   PUT     kFilling ──▶ kWriting ──▶ kSyncing* ──▶ kRecording ──▶ over       * durable ones
//              └── host tier only ─────────────────────────────────▲
//   load    kReading ──▶ kVerifying ──▶ kServing ──▶ over
//                            └── wrong ──▶ kFailed ──▶ over
//   carry   kReading ──▶ kVerifying ──▶ kWriting ──▶ kRecording ──▶ over
//
// There is at most one for a block, but for a carry, and what it holds it holds for its own sake,
// not for that of the wave that began it: who is cancelled leaves, and the flight goes on.

#pragma once

#include "runtime/block_queues.h"
#include "runtime/own_io.h"
#include "runtime/store/block_image.h"
#include "runtime/store/store.h"

namespace bwrt::runtime {

constexpr std::uint32_t kNoFlight = 0xFFFF'FFFF;

struct Flight {
    enum class State : std::uint8_t {
        kFree,
        kFilling,
        kOpening,  // its segment's file is being made
        kWriting,
        kSyncing,
        kRecording,
        kReading,
        kVerifying,
        kServing,
        kFailed,  // and its leader has not noticed yet
    };

    OwnIo io;            // first: the lane knows it by this
    Flight* next;        // in the list that it is in
    BlockTask* leader;   // PUT: who fills it, GET: who verifies as he copies; while he is there
    BlockTask* waiting;  // in the order in which they came
    BlockTask** waiting_end;
    std::byte* address;
    std::uint32_t entry;
    std::uint32_t host_block;  // its place in the host tier, held; or
    std::uint32_t transit;     // in transit memory
    std::uint32_t length_bytes;
    std::uint32_t done_bytes;  // filled or verified
    std::uint32_t summed_bytes;
    std::uint32_t user_count;  // copies from its place under way
    std::uint16_t memory_region;
    State state;
    bool has_disk;  // `disk` is taken
    bool durable;
    bool reading;  // a load, or the first half of a carry
    bool carries;
    bool leader_waits;  // for the disk
    bool is_unworthy;   // of a place in the host tier
    bool verifies;      // the lane does, whatever the leader does
    bwrt_status status;
    std::int32_t os_code;
    DiskPlace disk;    // where it is written to, or read from
    DiskPlace source;  // of a carry
    std::uint64_t block_seed;
    BlockSeal seal;
    std::uint32_t ahead;  // of a load that nobody asked for: its block (foresight.h), or kNone
    std::uint64_t ticket;
    const Tenant* tenant;  // null: a carry of a tenant's that was not set
    Record record;         // what the log will say of it

    [[nodiscard]] bool in_host() const noexcept { return host_block != kNoHostBlock; }
    [[nodiscard]] BlockImage image() const noexcept { return {address, length_bytes, block_seed}; }
    // Of an address in its memory.
    [[nodiscard]] std::uint64_t offset_of(std::uint64_t in_memory) const noexcept {
        return in_memory - reinterpret_cast<std::uintptr_t>(address);
    }
};
static_assert(offsetof(Flight, io) == 0);

using FlightList = FlightQueue<Flight>;

}  // namespace bwrt::runtime
