// SPDX-License-Identifier: Apache-2.0
//
// replay_scene.h — what a replay is told on the command line, as it is driven: the trace, the tiers
// and the rule, and the line that shows how far it is.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/commands.h"
#include "tools/replay/replay.h"
#include "tools/replay/runtime_cache.h"
#include "tools/replay/trace.h"

namespace bwrt::tools {

// What is moved, in which sizes, through how much room.
struct Scene {
    std::string name;
    replay::Trace trace;
    replay::RuntimeCacheOptions cache;
    replay::ReplayRule rule;
};

// Throws a Failure for what makes no sense together.
[[nodiscard]] Scene scene_of(const ReplayOptions& options);

// As few processors as can compute all of it without a cache, with some room.
[[nodiscard]] std::uint32_t streams_of(const replay::Trace& trace, std::uint64_t tokens_per_s);

// For people: the trace and the tiers, the latter on a line that goes on.
void print_scene(const Scene& scene);

// One line on a terminal, rewritten ten times a second and cleared at the end.
class ReplayLine {
 public:
    // `title` is in front of it.
    explicit ReplayLine(const replay::Trace& trace, std::string title = {});
    ~ReplayLine();
    ReplayLine(const ReplayLine&) = delete;
    ReplayLine& operator=(const ReplayLine&) = delete;

    void draw(const replay::ReplayResult& so_far);

 private:
    const replay::Trace& trace_;
    std::string title_;
    double start_;
    double drawn_ = 0;
    bool is_terminal_;
    std::size_t counted_ = 0;
    std::uint64_t blocks_ = 0, host_ = 0, disk_ = 0;
};

}  // namespace bwrt::tools
