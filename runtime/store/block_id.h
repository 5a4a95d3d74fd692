// SPDX-License-Identifier: Apache-2.0
//
// block_id.h — what bwrt_block_id() does: checks an input, and names its blocks.
//
//   context = SHA-256(all that the blocks of a call share)
//   id[i]   = SHA-256("bwrt/id/1/block", context, id[i - 1], tokens and media of block i)
//
// docs/format.md has every byte and the reasons.  The name and the context fill the first 64 bytes
// of a block, one compression of SHA-256, whose state is made once a call and copied for each
// block: what is left of a block of 16 tokens is 104 bytes, two compressions.
//
// All is checked before anything is written, and nothing is allocated.

#pragma once

#include <cstdint>

#include "include/bwrt.h"
#include "runtime/status.h"

namespace bwrt::runtime {

[[nodiscard]] bwrt_status name_blocks(const bwrt_block_id_input* input, void* ids_out,
                                      std::uint32_t id_capacity, std::uint32_t* count_out,
                                      const ErrorSink& sink) noexcept;

}  // namespace bwrt::runtime
