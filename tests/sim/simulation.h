// SPDX-License-Identifier: Apache-2.0
//
// simulation.h — one run: a world and a runtime made from a seed, some hundred
// steps of a caller who does everything a caller may do, and a look at
// everything after each.
//
//   seed ──▶ world (files, memory, layouts, faults) ──▶ steps ──▶ drain ──▶ at
//   rest ──▶ closed
//                                                      submit, wait, poll,
//                                                      cancel, ...
//
// One thread, so a run is a function of its seed: the log of its completions is
// the same each time.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/runtime.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim_storage.h"

namespace bwrt::sim {

// Spaces: memory first, then files.
constexpr std::uint32_t kMemoryCount = 3, kFileCount = 3;

class Simulation {
 public:
    Simulation(std::uint64_t seed, FaultTable* table);
    ~Simulation();
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;

    // True when nothing was wrong.
    bool run();

    // Of all that completed, in the order in which it was learned.
    [[nodiscard]] std::uint64_t log_hash() const noexcept { return log_hash_; }
    [[nodiscard]] std::uint64_t completed_count() const noexcept { return completed_count_; }

 private:
    // world.cpp
    void draw_options();
    void open();
    void make_memory(std::uint32_t index);
    void make_file(std::uint32_t index);
    void finish_space(Space* space);
    void add_region(Space* space);
    void take_direct(const Space& space, bwrt_handle handle);

    // layouts.cpp
    void make_layouts();
    void make_layout(std::uint32_t index, bool whole_blocks);

    // workload.cpp
    void submit();
    void draw_header(LiveWave* live);
    void draw_dependencies(LiveWave* live);
    void point_arrays(LiveWave* live);

    // operations.cpp
    bool add_operation(LiveWave* live);
    bool draw_rows(std::uint32_t kind, bwrt_operation* operation);
    bool draw_indexed(std::uint32_t kind, LiveWave* live, bwrt_operation* operation);
    bool draw_side(bool in_file, std::uint64_t span_bytes, bwrt_handle* handle_out,
                   std::uint64_t* offset_out);
    bool draw_flush(bwrt_operation* operation);
    bool draw_signal(const LiveWave& live, bwrt_operation* operation);
    std::uint64_t draw_length();

    // simulation.cpp
    void step();
    void drain();
    void close();

    // caller.cpp
    void wait_for(LiveWave* live, std::int64_t timeout_ns);
    void poll();
    void cancel_one();
    void quiesce_one();
    void resume_all();
    void release_one();
    void learn(LiveWave* live, const bwrt_completion& completion);
    void judge_all();
    void judge_in_order(LiveWave* live);
    bool is_over(LiveWave* live);
    LiveWave* pick_live(bool waitable);

    // invariants.cpp
    void check_bytes();
    void check_counters(bool at_rest);
    void check_rest();
    void check_results();
    [[nodiscard]] std::uint32_t world_states() const;

    std::uint64_t seed_;
    Random random_;
    SimClock clock_;
    FaultOptions options_;
    FaultTable& table_;
    Verdict verdict_;
    SimStorage storage_;
    SimHost host_;
    Model model_;
    Expectation expectation_;
    std::vector<std::unique_ptr<Space>> spaces_;
    bwrt_runtime* runtime_ = nullptr;
    std::vector<std::unique_ptr<LiveWave>> waves_;  // all of the run; id - 1 is the index
    std::vector<LiveWave*> live_;                   // not judged yet, in order of acceptance
    std::vector<bwrt_handle> poisoned_;  // regions of which a flush is known to have failed
    std::uint64_t accepted_count_ = 0, refused_count_ = 0, completed_count_ = 0;
    std::uint64_t log_hash_ = 0xCBF29CE484222325u;
    bool quiescing_ = false, closing_ = false, gentle_ = false, narrow_ = false, tight_ = false;
    bool aligned_ = false;  // the operation being drawn lies on blocks
};

}  // namespace bwrt::sim
