// SPDX-License-Identifier: Apache-2.0
//
// drop.h — blocks taken out of a store that nobody has open: by records that say so, behind the end
// of its log.
//
// Their bytes stay where they are until their segment is filled anew; nobody finds them.

#pragma once

#include <vector>

#include "runtime/store/log.h"

namespace bwrt::runtime {

// Begins a new life in the log that was read up to `end`, with the shard's lock held since before
// that, and says in it that these blocks are nowhere; on the disk when it returns.  With an error
// some of them may be.
bwrt_status drop_blocks(const Shard& shard, LogEnd end, const std::vector<BlockKey>& keys,
                        const ErrorSink& sink);

}  // namespace bwrt::runtime
