// SPDX-License-Identifier: Apache-2.0
//
// swap_plan.h — a change of weights as it is handed from one program to another: the files before
// and after, the bytes that move, and when they may.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/values/cache_plan.h"

namespace bwrt::planner {

struct FileChunk {
    std::string path;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::string sha256;  // 64 hexadecimal digits, "sha256:" before them or not; empty: not known

    friend bool operator==(const FileChunk&, const FileChunk&) = default;
};

struct WeightManifest {
    std::string model_id;
    std::string version;
    std::vector<FileChunk> files;

    friend bool operator==(const WeightManifest&, const WeightManifest&) = default;
};

// CLOCK_MONOTONIC, as everything of bwrt.
struct SwapWindow {
    static constexpr std::uint64_t kNsDefault = 5'000'000'000;  // the reference's

    std::uint64_t t_start_ns = 0;
    std::uint64_t t_deadline_ns = kNsDefault;  // not given: the start and the default

    friend bool operator==(const SwapWindow&, const SwapWindow&) = default;
};

struct SwapPlan {
    std::string plan_id;
    WeightManifest manifest_from;
    WeightManifest manifest_to;
    std::vector<TransferOp> ops;
    std::optional<SwapWindow> window;  // none: at any time

    friend bool operator==(const SwapPlan&, const SwapPlan&) = default;
};

}  // namespace bwrt::planner
