// SPDX-License-Identifier: Apache-2.0
//
// runtime.h — one runtime: owns the parts, in the order they start and the reverse they stop.
//
//   fork guard, tables, delivery, progress (backends, executor, thread)
//
// Two planes.  The data plane, submit, wait, poll and cancel, takes no lock.  The control plane,
// regions, layouts, sample and shutdown, is under one mutex, and what it has to do to the
// backends it asks the driver to do.

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "include/bwrt.h"
#include "runtime/calls.h"
#include "runtime/clock.h"
#include "runtime/delivery.h"
#include "runtime/plan_table.h"
#include "runtime/plan_window.h"
#include "runtime/progress.h"
#include "runtime/store/store.h"
#include "runtime/store/view.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

// A page that reads 0 in a child of fork().
class ForkGuard {
 public:
    ForkGuard();  // throws std::bad_alloc
    ~ForkGuard();
    ForkGuard(const ForkGuard&) = delete;
    ForkGuard& operator=(const ForkGuard&) = delete;

    [[nodiscard]] bool is_child() const noexcept { return *parent_ == 0; }

 private:
    volatile std::uint32_t* parent_;
};

class Runtime {
 public:
    // `store` is null without one, and a checked description otherwise.
    Runtime(const bwrt_config& checked, Calibration calibration, const Clock* clock,
            const bwrt_store* store, std::uint32_t own_region_count);
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    bwrt_status start(const World& world, const ErrorSink& sink);

    // Data plane.
    bwrt_status submit(const bwrt_wave* wave, bwrt_handle* wave_out, bwrt_error* error) noexcept;
    bwrt_status wait(bwrt_handle handle, std::int64_t timeout_ns, bwrt_completion* completion_out,
                     const ErrorSink& sink) noexcept;
    std::uint32_t poll(bwrt_completion* completions, std::uint32_t capacity) noexcept;
    bwrt_status cancel(bwrt_handle handle, const ErrorSink& sink) noexcept;
    bwrt_status advance(std::uint64_t token, const ErrorSink& sink) noexcept;
    // runtime_streams.cpp
    bwrt_status stream_wait(bwrt_handle handle, std::uint32_t group, std::uint32_t device,
                            std::uint64_t stream, std::int64_t timeout_ns,
                            const ErrorSink& sink) noexcept;

    // Control plane (control.cpp).
    bwrt_status add_region(const bwrt_region& region, bwrt_handle* handle_out,
                           bwrt_region_info* info_out, const ErrorSink& sink);
    bwrt_status set_region(bwrt_handle handle, std::uint32_t action, std::int64_t timeout_ns,
                           const ErrorSink& sink);
    bwrt_status add_layout(const bwrt_layout& layout, bwrt_handle* handle_out,
                           const ErrorSink& sink);
    bwrt_status release(bwrt_handle handle, const ErrorSink& sink);
    bwrt_status shutdown(std::uint32_t flags, std::int64_t timeout_ns, const ErrorSink& sink);
    bwrt_status check_closable(const ErrorSink& sink) const;
    bwrt_status event_fd(std::int32_t* fd_out, const ErrorSink& sink);
    void sample(bwrt_counters* counters_out, bwrt_route* routes_out);
    void caps(bwrt_caps* caps_out);  // caps.cpp
    // runtime_plans.cpp
    bwrt_status parse_plan(std::uint32_t kind, std::string_view text, bwrt_handle* plan_out,
                           const ErrorSink& sink);
    bwrt_status print_plan(bwrt_handle handle, char* text, std::uint64_t* text_bytes,
                           const ErrorSink& sink);
    bwrt_status submit_plan(bwrt_handle handle, const bwrt_plan_run& run, bwrt_handle* waves_out,
                            bwrt_error* error);
    bwrt_status plan_window(bwrt_request_window* window, bwrt_handle* plan_out,
                            const ErrorSink& sink);
    // With a store.
    [[nodiscard]] bool has_store() const noexcept { return tables_.blocks.tenants != nullptr; }
    [[nodiscard]] const Tenants& tenants() const noexcept { return *tables_.blocks.tenants; }
    bwrt_status open_store(const bwrt_store& checked, const ErrorSink& sink);
    bwrt_status set_tenant(const bwrt_tenant& tenant, const ErrorSink& sink);
    void sample_store(const Tenant* tenant, bwrt_store_counters* counters_out);
    void store_info(bwrt_store_info* info_out);
    bwrt_status look_up(const bwrt_lookup_query& query, bwrt_lookup_answer* answers,
                        std::uint32_t* prefix_count_out, std::uint32_t* leased_count_out,
                        const ErrorSink& sink);
    bwrt_status events(std::uint64_t* cursor, bwrt_event* events, std::uint32_t capacity,
                       std::uint32_t* count_out, const ErrorSink& sink);

    [[nodiscard]] const ForkGuard& fork_guard() const noexcept { return fork_guard_; }
    [[nodiscard]] CallCount& calls() noexcept { return calls_; }
    [[nodiscard]] Tables& tables() noexcept { return tables_; }
    [[nodiscard]] Progress& progress() noexcept { return progress_; }

 private:
    bwrt_status attach(Region* region, const ErrorSink& sink);
    void detach(Region* region) noexcept;
    bwrt_status release_region(Region* region, bwrt_handle handle, FreedDeviceBytes* freed_out,
                               const ErrorSink& sink);
    bwrt_status release_layout(Layout* layout, bwrt_handle handle, const ErrorSink& sink);
    void quiesce_layouts(std::uint32_t region_slot) noexcept;
    void resume_layouts() noexcept;
    [[nodiscard]] bool is_region_idle(std::uint32_t region_slot) noexcept;
    bwrt_status check_stream_wait(const StreamWait& wait, bwrt_handle handle, std::uint32_t device,
                                  const ErrorSink& sink) const noexcept;
    void wait_until_done(StreamWait* wait, std::uint64_t deadline_ns) noexcept;
    void log(std::int32_t level, const char* sentence) const noexcept;
    [[nodiscard]] std::uint64_t predict_pending_ns() const noexcept;
    void tell_split(const bwrt_split& checked, const bwrt_lookup_answer* answers,
                    std::uint32_t prefix_count, bwrt_split* split_out) const noexcept;
    void look_for_shards(const StoreView::Doubt& doubt) noexcept;

    // All blocks there were when a reader of events began, until he has had them.
    struct Snapshot {
        std::uint64_t number = 0;  // his cursor meanwhile
        std::uint64_t last = 0;    // his cursor after it
        std::vector<bwrt_event> events;
        std::size_t taken = 0;
    };
    bwrt_status make_snapshot(Snapshot* snapshot, const ErrorSink& sink) noexcept;
    static constexpr std::uint64_t kSnapshotCursor = std::uint64_t{1} << 63;
    static constexpr std::size_t kSnapshotCountMax = 16;  // readers that begin at once

    ForkGuard fork_guard_;
    MonotonicClock own_clock_;
    const Clock& clock_;
    std::mutex control_;
    CallCount calls_;
    CallCount submits_;
    std::atomic<bool> closing_{false};
    std::atomic<bool> shut_{false};
    std::atomic<std::uint64_t> refused_count_{0};
    std::mutex events_mutex_;
    std::vector<Snapshot> snapshots_;
    std::uint64_t snapshot_number_ = 0;
    std::unique_ptr<Store> store_;     // that is written; or
    std::unique_ptr<StoreView> view_;  // one that is read
    Tables tables_;
    PlanTable plans_;
    std::unique_ptr<WindowPlanner> windows_;  // null without a planner
    bool has_devices_ = true;                 // in this world
    Delivery delivery_;
    Progress progress_;
};

// bwrt_open() with another world behind it.
bwrt_status open_runtime(const bwrt_config* config, const World& world, bwrt_runtime** runtime_out,
                         bwrt_error* error) noexcept;

}  // namespace bwrt::runtime

struct bwrt_runtime {
    bwrt_runtime(const bwrt_config& checked, bwrt::runtime::Calibration calibration,
                 const bwrt::runtime::Clock* clock, const bwrt_store* store,
                 std::uint32_t own_region_count)
        : runtime(checked, std::move(calibration), clock, store, own_region_count) {}

    bwrt::runtime::Runtime runtime;
};
