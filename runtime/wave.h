// SPDX-License-Identifier: Apache-2.0
//
// wave.h — one slot of the wave table: an accepted wave from submission to delivery.
//
//             submitter        executor                        whoever delivers
//   free ──▶ submitting ──▶ waiting ──▶ running ──▶ stopping ──▶ resolved ──▶ over ──▶ free
//                              └───────────┴───────────────────────▲
//
// waiting: for other waves, a barrier or its window.  stopping: cancelled, late or out of its
// window, with requests still at a backend, which own the wave's memory until they are back.
//
// Who may touch what: the identity line, any thread; the rest belongs to the submitter until
// the command is pushed, to the executor until the outcome is published, then to the one
// that claims the delivery.  The hand-overs are the ring's and the outcome's release/acquire.
//
//   W1 release-or of kDone into outcome (finish)  ->  W2 acquire-load by a waiter
//   W3 acq_rel CAS of ticket to 0: the one who wins delivers, all he does to the slot comes after
//   W4 acq_rel sub of references: the last one out frees the slot

#pragma once

#include <atomic>
#include <cstdint>

#include "include/bwrt.h"
#include "runtime/backend/device.h"
#include "runtime/operation.h"

namespace bwrt::runtime {

// Of a planned wave that waits: where it is with the planner (plan_lane.h).
enum class PlanState : std::uint8_t { kNone, kAsked, kInWindow, kPlanned };

enum class Phase : std::uint8_t { kFree, kWaiting, kRunning, kStopping, kResolved, kOver };

constexpr std::uint32_t kLaneCount = 3;
constexpr std::uint32_t kNoIndex = 0xFFFFFFFFu;

// What has a rate of its own: the lanes of files and of the host, and each way of that of devices.
constexpr std::uint32_t kBusCount = kLaneCount - 1 + kCopyWayCount;
static_assert(static_cast<std::uint32_t>(Lane::kDevice) == kLaneCount - 1);
constexpr std::uint32_t bus_of(Lane lane) noexcept { return static_cast<std::uint32_t>(lane); }
constexpr std::uint32_t bus_of(CopyWay way) noexcept {
    return bus_of(Lane::kDevice) + static_cast<std::uint32_t>(way);
}

// The word waiters sleep on: bits of the generation above, so that a waiter for an earlier
// wave in the same slot never mistakes one for the other.
enum OutcomeBits : std::uint32_t { kOutcomeDone = 1, kOutcomeSleeper = 2, kOutcomeBaton = 4 };
constexpr std::uint32_t kOutcomeTagShift = 3;

struct GroupState {
    std::uint64_t unresolved;  // bytes neither done nor failed; a FLUSH counts as one
    std::uint64_t bytes;
    std::uint32_t prefix;  // entries below it have not failed
    bwrt_status status;
};
constexpr std::uint32_t kGroupsPerPageShift = 7;
static_assert((sizeof(GroupState) << kGroupsPerPageShift) <= Page::kPayloadBytes);

struct BlockTask;
struct DeviceFence;
struct DeviceRoom;
struct Failure;

// Gets what comes of the operations of a wave of the store's own (own_io.h).
class OwnIoSink {
 public:
    virtual void moved(Operation* operation, std::uint64_t good, std::uint64_t bad,
                       const Failure* failure) noexcept = 0;

 protected:
    ~OwnIoSink() = default;
};

// What a wave keeps from being released: regions and layouts, each with a count of takes.
struct Use {
    Gate* gate;
    std::uint64_t count;
};
constexpr std::uint32_t kInlineUseCount = 6;
constexpr std::uint32_t kUsesPerPage = Page::kPayloadBytes / sizeof(Use);

// An edge "this wave waits for that one", in the list of the one waited for.
struct Dependency {
    std::uint32_t wave = kNoIndex;  // that is waited for
    std::uint32_t waiter = kNoIndex;
    Dependency* next = nullptr;
};

struct alignas(128) Wave {
    // Identity: any thread.
    std::atomic<std::uint64_t> ticket{0};      // the live handle; 0 once delivered
    std::atomic<std::uint32_t> outcome{0};     // OutcomeBits, and the tag
    std::atomic<std::uint32_t> references{0};  // the deliverer's, and one per dependent wave
    std::atomic<std::uint32_t> delivery{0};    // BWRT_DELIVER_*
    std::uint64_t generation = 0;              // of the next use; the slot's holder

    // Set at submission, constant after it.
    alignas(64) bwrt_handle handle = 0;
    std::uint64_t user_data = 0;
    std::uint64_t session = 0;
    std::uint64_t submitted_ns = 0;
    std::uint64_t deadline_ns = 0;   // absolute; kNeverNs for none
    std::uint64_t window_start = 0;  // in ns, or tokens; 0: none
    std::uint64_t window_end = 0;    // kNeverNs: open
    std::uint32_t index = 0;         // of the slot
    std::uint16_t flags = 0;         // BWRT_WAVE_*
    std::uint8_t priority = 0;
    std::uint8_t late = 0;
    bool is_by_token = false;   // its window is
    bool skips_blocks = false;  // entries that no task and no operation has
    std::uint32_t operation_count = 0;
    std::uint32_t entry_count = 0;

    OperationList lists[kLaneCount];
    Operation* signals = nullptr;      // ascending by group, not yet written
    Operation* due_signals = nullptr;  // on devices: to be written there
    Wave* next_due = nullptr;
    BlockTask* blocks = nullptr;  // of block operations, in the order given; they stay to the end
    std::uint64_t bytes_total = 0;
    std::uint64_t unresolved = 0;             // as in GroupState, over all groups
    std::uint64_t bus_bytes[kBusCount] = {};  // not yet handed to a backend
    Page* group_root = nullptr;  // of pointers to pages of GroupState; null: one plain group
    std::uint32_t group_count = 0;
    std::uint32_t result_bytes = 0;
    std::uint32_t group_bytes = 0;
    std::uint32_t dependency_count = 0;
    bwrt_result* results = nullptr;
    bwrt_group_result* groups = nullptr;
    PageChain pages;
    Page* more_uses = nullptr;  // sequence of further ones, newest first
    std::uint32_t use_count = 0;
    Use uses[kInlineUseCount] = {};
    Page* plan_rows = nullptr;  // sequence of PlanRow, of a planned wave
    Page* plan_rows_last = nullptr;
    std::uint32_t plan_row_count = 0;
    std::uint16_t plan_tenant = 0;
    DeviceFence* fence = nullptr;  // over before it starts; then, and without one, null
    OwnIoSink* own = nullptr;      // of a wave of the store's own, which has no end
    Operation inline_operation;
    Shape inline_shape;

    // Executor's.
    Phase phase = Phase::kFree;
    bool behind_barrier = false;
    PlanState plan_state = PlanState::kNone;
    std::uint8_t plan_passed_count = 0;  // windows that had no room for it, up to age_max
    std::uint32_t plan_rows_open = 0;    // in the window, and not to move yet
    std::uint64_t plan_begun_ns = 0;  // the window that its last rows move in; nothing moved before
    std::uint64_t plan_model_ns = 0;  // predicted from there, without what feedback corrects
    std::uint64_t plan_finish_ns = 0;  // predicted, of the last of its rows; 0: nothing was
    std::uint32_t plan_previous = kNoIndex, plan_next = kNoIndex;  // of those that asked
    std::uint32_t dependencies_open = 0;
    Dependency dependencies[4];
    Dependency* dependents = nullptr;
    std::uint32_t previous = kNoIndex, following = kNoIndex;  // all live waves, in order
    std::uint32_t ready_place[kLaneCount] = {kNoIndex, kNoIndex, kNoIndex};  // in the lane's queue
    DeviceRoom* waits_at = nullptr;  // in whose queue that of the device lane is; null: the lane's
    std::uint32_t timer_place = kNoIndex;
    std::uint32_t token_place = kNoIndex;
    std::uint64_t sequence = 0;  // of acceptance
    std::uint32_t inflight_count = 0;
    Wave* next_resolved = nullptr;
    bwrt_status stop_status = BWRT_OK;  // why it was stopped
    std::uint32_t prefix = 0;           // entries below it have not failed
    std::uint32_t failed_group = 0;     // the first; UINT32_MAX: none
    bwrt_completion completion = {};

    [[nodiscard]] GroupState& group(std::uint32_t number) const noexcept {
        Page* page = group_root->as<Page*>()[number >> kGroupsPerPageShift];
        return page->as<GroupState>()[number & ((1u << kGroupsPerPageShift) - 1)];
    }
    // Brings the lines that every submission writes, which the driver had last, all at once
    // instead of one by one as they are come to.
    void prefetch_for_submission() const noexcept {
        const auto* first = reinterpret_cast<const char*>(&ticket);
        const auto* last = reinterpret_cast<const char*>(&uses[2]);
        for (const char* line = first; line < last; line += 64) __builtin_prefetch(line, 1);
    }

    // Any thread: the wave that `handle` named has ended, or is not here any more.
    [[nodiscard]] bool is_over(bwrt_handle live) const noexcept {
        return (outcome.load(std::memory_order_acquire) & kOutcomeDone) != 0 ||  // W2
               ticket.load(std::memory_order_acquire) != live;
    }
    [[nodiscard]] OperationList& list(Lane lane) noexcept {
        return lists[static_cast<std::uint32_t>(lane)];
    }
    [[nodiscard]] bool is_late(std::uint64_t now_ns) const noexcept { return now_ns > deadline_ns; }
};

}  // namespace bwrt::runtime
