// SPDX-License-Identifier: Apache-2.0
//
// expand.h — what the expansions of operations share: the sides of one, and where they end.

#pragma once

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {

constexpr std::uint64_t kOperationBytesMax = 128 << 10;
constexpr std::size_t kPieceCountMax = 4096;

struct Side {
    const Thing* region = nullptr;
    const LayoutPlan* layout = nullptr;
    Space* space = nullptr;  // of a region, or the arena for process memory
    std::uint64_t base = 0;  // of offset 0 in the space
    bool is_file = false;
};

// False when the library has to refuse the handle.
bool resolve(Machine* machine, Session* session, bwrt_handle handle, bool is_target, Side* side);

// Rows of a region or of process memory.
Verdict check_rows(const World& world, const Side& side, std::uint64_t offset, std::int64_t stride,
                   std::uint64_t rows, std::uint64_t length);

// expand_blocks.cpp
Verdict expand_blocks(Machine* machine, std::uint32_t session, const bwrt_operation& operation,
                      WaveRecord* record, std::uint32_t* group_last_out);

}  // namespace bwrt::fuzz
