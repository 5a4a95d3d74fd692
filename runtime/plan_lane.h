// SPDX-License-Identifier: Apache-2.0
//
// plan_lane.h — planned waves between their submission and their start.
//
//   executor ──ask()──▶ asked, in order ──a window is due──▶ in the window ──▶ planned(), refused()
//                                                               │    ▲
//                                                     PlanJob, on the planner's thread
//
// A wave has rows (plan_row.h) and starts when the plan has moved them all; what the plan carries
// is in the next window.  A window is planned when somebody asked and the last one is window_ns
// ago: at once where nothing has been planned for as long, so that a wave that is alone waits for
// nobody but, if it is small, for company.
//
// The window has room for so many rows, and who asks for most of it must not keep the others out: a
// tenant gets in as long as it has there no more than what is free (a dynamic threshold; Choudhury
// and Hahne 1998).  URGENT waves go first, and to them only their like are in the way.  What does
// not get in is passed over and keeps its place in the line; after age_first windows the smaller
// ones behind it wait until it is in.
//
// What was measured sets what the next window is planned with (feedback.h): rates and latencies of
// what reads, writes and copies, and how far the ends of waves were from what was predicted.  A
// wave that is small waits for company no longer than it was told, and not at all while the disk
// has nothing to do: it would be there before the company.  No gap is read over, since what moves
// is what waves ask for, and depth and overlap are the lanes' own.
//
// What is foretold asks, too (foresight.h): a row that no wave has, of the lowest class, in windows
// that have room for all waves.
//
// The driver's alone, but for the job while the janitor has it.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "planner/learning/feedback.h"
#include "runtime/counters.h"
#include "runtime/plan_job.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

// What the executor does with a wave whose turn it is, or never will be.
class PlanOwner {
 public:
    virtual void planned(Wave* wave) noexcept = 0;
    virtual void refused(Wave* wave, bwrt_status status) noexcept = 0;
    // Of what was asked for ahead.  False where nobody wants it any more.
    [[nodiscard]] virtual bool ahead_planned(std::uint64_t /*id*/) noexcept { return false; }
    [[nodiscard]] virtual bool ahead_refused(std::uint64_t /*id*/) noexcept { return false; }

 protected:
    ~PlanOwner() = default;
};

// No wave has a number of this kind.
constexpr std::uint64_t kAheadId = std::uint64_t{14} << 60;
[[nodiscard]] constexpr bool is_ahead(std::uint64_t id) noexcept { return id >> 60 == 14; }

// What a lane of the executor has to do and how fast it was.
struct LaneLoad {
    std::uint64_t queued_bytes = 0;
    std::uint64_t bytes_per_ms = 0;
    std::uint64_t measured_ns = 0;
};

class PlanLane {
 public:
    // The janitor may be another one for each lane.  Throws std::bad_alloc.
    PlanLane(Tables* tables, const Clock* clock, const Counters* counters, Janitor* janitor,
             PlanOwner* owner);

    // The wave could start.  False: it may, since it moves nothing.  Asked again, it is asked.
    [[nodiscard]] bool ask(Wave* wave) noexcept;
    // It ends, wherever it is.
    void leave(Wave* wave) noexcept;
    // It has ended, and how is in its completion.
    void finished(const Wave& wave, std::uint64_t now_ns) noexcept;

    // From the disk into the host tier; at most kAheadCountMax that were not answered.
    static constexpr std::uint32_t kAheadCountMax = 32;
    void ask_ahead(std::uint64_t id, std::uint64_t bytes, std::uint16_t tenant,
                   std::uint64_t now_ns) noexcept;
    void leave_ahead(std::uint64_t id) noexcept;

    // Takes effect in the next window; a full bucket to begin with.
    void set_credit(std::uint16_t tenant, const planner::TokenRate& rate) noexcept;

    // True when it should be called again at once.
    bool turn(std::uint64_t now_ns, const LaneLoad (&loads)[kLaneCount]) noexcept;
    [[nodiscard]] std::uint64_t next_timer_ns() const noexcept;
    // One that turn() would take: for a driver who only looks, and so sees no wake-up.
    [[nodiscard]] bool has_plan() const noexcept { return is_out_ && janitor_.has_finished(); }

    // Its part of them.
    void snapshot(bwrt_counters* counters_out) const noexcept;

 private:
    // In the window.
    struct TenantRows {
        std::uint32_t urgent = 0;
        std::uint32_t other = 0;
    };

    [[nodiscard]] bool has_work() const noexcept {
        return asked_first_ != kNoIndex || !again_.empty() || !ahead_.empty() ||
               window_row_count_ != 0;
    }
    [[nodiscard]] std::uint32_t& count_tenant(const Wave& wave) noexcept {
        TenantRows& rows = tenant_rows_[wave.plan_tenant];
        return wave.priority == BWRT_PRIORITY_URGENT ? rows.urgent : rows.other;
    }
    void link(Wave* wave) noexcept;
    void unlink(Wave* wave) noexcept;
    void begin(std::uint64_t now_ns, const LaneLoad (&loads)[kLaneCount]) noexcept;
    void fill_window() noexcept;
    bool fill_with_waves(bool is_first) noexcept;
    void enter(Wave* wave) noexcept;
    void fill_with_ahead() noexcept;
    void set_rates(std::uint64_t now_ns, const LaneLoad (&loads)[kLaneCount]) noexcept;
    void observe() noexcept;
    [[nodiscard]] std::uint64_t rate_of(Lane lane, const LaneLoad& load) const noexcept;
    void take_results() noexcept;
    void row_moves(const PlanJob::Moving& moving) noexcept;
    void row_ended(const PlanJob::Ended& ended) noexcept;
    [[nodiscard]] Wave* in_window(std::uint64_t id) noexcept;

    Tables& tables_;
    Janitor& janitor_;
    PlanOwner& owner_;
    const Counters& counters_;
    const std::uint64_t window_ns_;
    const std::uint32_t row_count_max_;
    const bool has_feedback_;
    planner::Feedback feedback_;
    planner::FinishSamples finishes_;
    PlanJob job_;
    bool is_out_ = false;  // the job is
    std::uint64_t due_ns_ = 0;
    std::uint32_t asked_first_ = kNoIndex, asked_last_ = kNoIndex;
    std::uint32_t window_row_count_ = 0;   // of live waves, and ahead
    std::vector<TenantRows> tenant_rows_;  // of them, by tenant
    std::uint64_t window_number_ = 0;
    std::vector<std::uint64_t> tenant_held_;  // the last window that an older wave kept it out of
    std::vector<planner::Request> again_;     // late ones whose waves finish all the same
    std::vector<planner::Request> ahead_;     // asked, and in no window yet
    std::vector<std::uint64_t> gone_;         // since the last window began
    std::vector<PlanJob::Credit> credits_;    // likewise
    bwrt_counters counts_ = {};               // those of plans
};

}  // namespace bwrt::runtime
