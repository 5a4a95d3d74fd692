// SPDX-License-Identifier: Apache-2.0
//
// plan.h — what shall go wrong, and when: the description in BWRT_FAULTS, read.
//
//   plan      = [ item ] { ";" [ item ] }
//   item      = "seed=" number | kind ":" fault [ selector ] { space condition }
//   kind      = "read" | "write" | "flush" | "any" | "start"
//   fault     = errno name | "short" | "flip" | "torn" | "lost" | "reorder" | "full"
//             | "delay=" time | "hang" [ "=" time ]
//   selector  = "@" n | "@" n ".." n | "@" n "+" | "%" percent           none: each one
//   condition = "file=" text | "at=" byte
//   time      = number ( "ns" | "us" | "ms" | "s" )
//
// A rule counts the requests of its kind that meet its conditions, from 1, and the selector looks
// at that number alone: whether the n-th is chosen by chance depends on the seed, the rule's place
// and n, not on what happened to others.  So the same requests in the same order suffer the same.
//
// The grammar is total: whatever is not of it is refused with a sentence that quotes the item and
// says what there is.  docs/faults.md is the page for users.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/backend/backend.h"

namespace bwrt::runtime {

enum class FaultKind : std::uint8_t {
    kErrno,    // fails with os_code; nothing is moved
    kShort,    // a prefix is moved, and so it is said
    kTorn,     // a prefix is written, all is said to be
    kLost,     // nothing is moved, all is said to be
    kFlip,     // one bit of what was read is another
    kDelay,    // starts only time_ns later
    kHang,     // nothing until it is cancelled, or ETIMEDOUT after time_ns
    kReorder,  // starts only when one that came later is over
    kFull      // start() has no room
};

// Requests of these kinds, as bits.
constexpr std::uint32_t kind_bit(IoKind kind) { return 1u << static_cast<unsigned>(kind); }
constexpr std::uint32_t kReadBit = kind_bit(IoKind::kRead);
constexpr std::uint32_t kWriteBit = kind_bit(IoKind::kWrite);
constexpr std::uint32_t kFlushBit = kind_bit(IoKind::kFlush);

constexpr std::uint32_t kFaultRuleCountMax = 32;  // a file keeps the rules that name it as bits
constexpr std::uint32_t kChanceAlways = 1'000'000'000;

struct FaultRule {
    std::string text;         // as it was written
    std::uint32_t kinds = 0;  // kind_bit()s
    FaultKind fault = FaultKind::kErrno;
    int os_code = 0;            // kErrno
    std::uint64_t time_ns = 0;  // kDelay; kHang, where 0 is for ever
    std::uint64_t first = 1;    // numbers [first, last] are chosen from,
    std::uint64_t last = ~std::uint64_t{0};
    std::uint32_t chance_ppb = kChanceAlways;  // each with this chance
    std::string file;                          // a part of its path; empty: any
    bool at_byte = false;                      // only requests that hold the byte at this offset
    std::uint64_t at_offset_bytes = 0;
};

struct FaultPlan {
    std::uint64_t seed = 1;
    std::vector<FaultRule> rules;
};

// False with a sentence of less than 192 bytes (bwrt_error's) in *reason_out; the plan is then
// untouched.  Throws std::bad_alloc.
[[nodiscard]] bool parse_fault_plan(const char* text, FaultPlan* plan_out, std::string* reason_out);

// "seed 7, read:eio@3; write:enospc%0.1", or "no rules".
[[nodiscard]] std::string describe(const FaultPlan& plan);

// A number that seed, place and n determine and nothing else does; `salt` tells draws apart.
[[nodiscard]] std::uint64_t fault_draw(const FaultPlan& plan, std::size_t rule_index,
                                       std::uint64_t number, std::uint64_t salt) noexcept;

// Whether the rule chooses the n-th of its requests.
[[nodiscard]] bool chooses(const FaultPlan& plan, std::size_t rule_index,
                           std::uint64_t number) noexcept;

}  // namespace bwrt::runtime
