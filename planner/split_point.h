// SPDX-License-Identifier: Apache-2.0
//
// split_point.h — of a prefix of which the leading blocks could be loaded: how many to load, and
// from which on to compute instead.
//
//   tokens   |  block 0  |  block 1  |  block 2  |  block 3  |  not stored   |
//            |<------ load, s blocks ----------->|<----- prefill ----------->|
//
// What a block needs is all that is before it, so what is loaded is a leading part.  Loading takes
// what routes and buses were measured to take, each block an operation behind those before it on
// its bus (routes.h), tiers with different buses at the same time.  Prefill takes what the engine
// states: a time for each token, and one more for each earlier token that it attends to:
//
//   load(s)    = max over i < s of finish(block i)                              never falls with s
//   prefill(s) = (tokens - first) / rate + attention x sum of t in [first, tokens)       first = s
//   B
//
// When they are done together depends on the engine:
//
//   in turn    prefill begins when everything is there:       T(s) = load(s) + prefill(s)
//   by layer   a layer is computed when its own pages are there and the layer before is done, and
//              layers are loaded one after the other.  With L layers of equal size, the last one
//              is done when none waits any more, after the first load or after the last:
//              T(s) = max(first(s) + prefill(s), load(s) + prefill(s) / L)
//              first(s) = max over buses of (begin + (load - begin) / L)
//
// All of T is looked at: blocks lie on several tiers, so it need not have one valley alone, and a
// scan costs some divisions a block.  Of equal ones the longest load is taken: it computes least.
//
// An engine that computes the front itself while the rest is loaded is neither model: it asks for
// the prefix behind what it computes.

#pragma once

#include <cstdint>

#include "planner/request_window.h"
#include "planner/routes.h"

namespace bwrt::planner {

struct LoadableBlock {
    std::uint64_t bytes = 0;
    std::uint8_t tier = 0;  // that of the target: it is there already
};

[[nodiscard]] inline LoadableBlock in_array(const void* blocks, std::uint32_t index) noexcept {
    return static_cast<const LoadableBlock*>(blocks)[index];
}

struct PrefillRate {
    std::uint64_t tokens_per_s = 0;  // without attention; 0: not known, and all is loaded
    std::uint64_t attention_ps = 0;  // of a token to one earlier token, over all layers
};

enum class SplitModel : std::uint8_t { kInTurn, kByLayer };

enum class SplitAim : std::uint8_t {
    kEarliest,      // done as soon as possible
    kLeastCompute,  // the longest load that is done by the deadline; without one, the earliest
};

// The arrays belong to the caller.
struct SplitQuestion {
    std::uint64_t now_ns = 0;
    std::uint64_t deadline_ns = kNoDeadline;
    std::uint32_t token_count = 0;  // of the whole prompt, what no block holds with it
    std::uint32_t block_tokens = 16;
    std::uint32_t layer_count = 1;
    std::uint32_t block_count = 0;  // that could be loaded; those beyond the tokens are not
    const void* blocks = nullptr;   // an array of LoadableBlock, or what block_at() knows it by
    LoadableBlock (*block_at)(const void* blocks, std::uint32_t index) noexcept = in_array;
    PrefillRate prefill;
    SplitModel model = SplitModel::kInTurn;
    SplitAim aim = SplitAim::kEarliest;
    std::uint8_t tier_count = 0;
    std::uint8_t tier_dst = 0;
    const Route* routes = nullptr;  // [source][target]
    const Bus* buses = nullptr;     // [kBusCountMax], of the node
};

enum class SplitVerdict : std::uint8_t { kLoad, kPartial, kRecompute };

struct SplitPoint {
    SplitVerdict verdict = SplitVerdict::kRecompute;
    bool is_late = false;                 // after the deadline, wherever it is split
    std::uint32_t load_count = 0;         // leading blocks; the rest is computed
    std::uint64_t load_bytes = 0;         // of them, those that have to move
    std::uint64_t loaded_ns = 0;          // when the last of them is there
    std::uint64_t finish_ns = 0;          // when all of the prompt is computed
    std::uint64_t load_finish_ns = 0;     // had all been loaded that could be
    std::uint64_t compute_finish_ns = 0;  // had nothing been
};

[[nodiscard]] SplitPoint find_split_point(const SplitQuestion& question) noexcept;

}  // namespace bwrt::planner
