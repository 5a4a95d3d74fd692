// SPDX-License-Identifier: Apache-2.0

#include "runtime/runtime.h"

#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <new>

#include "runtime/backend/device.h"
#include "runtime/boundary.h"
#include "runtime/limits.h"
#include "runtime/own_io.h"
#include "runtime/plan_row.h"
#include "runtime/planner_options.h"
#include "runtime/store/store.h"
#include "runtime/submit.h"
#include "runtime/tuning.h"

namespace bwrt::runtime {
namespace {

std::uint64_t random_generation() {
    std::uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = MonotonicClock().now_ns() * 0x9E3779B97F4A7C15u;
    }
    return next_generation(random & kGenerationMask);
}

// Enough that a wave inside the limits, of whatever shape, fits when no other is there, and
// small ones are not kept out by pages they do not fill.
std::uint32_t page_count(const bwrt_config& limits, bool has_store) {
    // An operation has a line, a shape, a run that need not be full, and two uses.
    // A block has a task instead, and a shape and a run of its own.
    constexpr std::uint64_t kTaskUnits = (sizeof(BlockTask) + kPageUnitBytes - 1) / kPageUnitBytes;
    const std::uint64_t units = (has_store ? kTaskUnits : 1) + sizeof(Shape) / kPageUnitBytes + 1;
    constexpr std::uint64_t kUnitsPerPage = Page::kUnitCount - sizeof(Shape) / kPageUnitBytes;
    const std::uint64_t operations = limits.operation_count_max;
    const std::uint64_t operation_pages =
        operations * units / kUnitsPerPage + 2 * operations / kUsesPerPage + 2;
    const std::uint64_t slot_pages = limits.slot_count_max / SlotRun::count_in(kUnitsPerPage) + 1;
    const std::uint64_t group_pages = (limits.group_count_max >> kGroupsPerPageShift) + 2;
    const std::uint64_t plan_pages = kPlanRowsMax / kPlanRowsPerPage + 2;
    const std::uint64_t partial_pages = std::uint64_t{4} * limits.wave_count_max + plan_pages;
    return static_cast<std::uint32_t>(operation_pages + slot_pages + group_pages + partial_pages);
}

// Room for a submission and a cancel of every wave, so that a full ring is seen only by
// tests and by storms of cancels.
std::size_t ring_capacity(const bwrt_config& limits) {
    return std::bit_ceil(std::size_t{2} * limits.wave_count_max + 2);
}

}  // namespace

ForkGuard::ForkGuard() {
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::bad_alloc();
    madvise(page, 4096, MADV_WIPEONFORK);
    parent_ = static_cast<std::uint32_t*>(page);
    *parent_ = 1;
}

ForkGuard::~ForkGuard() { munmap(const_cast<std::uint32_t*>(parent_), 4096); }

Tables::Tables(const bwrt_config& checked, Calibration measured, std::uint64_t generation,
               const OwnCounts& own)
    : limits(checked),
      calibration(std::move(measured)),
      regions(checked.region_count_max, generation, own.regions, &waves),
      layouts(checked.layout_count_max, generation),
      waves(checked.wave_count_max, generation, own.waves),
      pages(page_count(checked, own.regions != 0)),
      ring(ring_capacity(checked)) {}

void Tables::calibrate(FileState* file) const noexcept {
    file->io_bytes_max = limits.io_bytes_max;
    const Calibration::Device* measured = calibration.find(file->device);
    if (measured == nullptr) return;
    file->io_bytes_max = std::min(file->io_bytes_max, measured->io_bytes);
    file->stage_from_bytes = measured->stage_from_bytes;
}

Runtime::Runtime(const bwrt_config& checked, Calibration calibration, const Clock* clock,
                 const bwrt_store* store, std::uint32_t own_region_count)
    : clock_(clock != nullptr ? *clock : own_clock_),
      tables_(checked, std::move(calibration), random_generation(),
              {kOwnWaveCount, own_region_count}),
      plans_(random_generation()),
      delivery_(&tables_.waves),
      progress_(&tables_, &delivery_, &clock_) {
    if (store != nullptr) tables_.flight_count_max = store->flight_count_max;
}

bwrt_status Runtime::open_store(const bwrt_store& checked, const ErrorSink& sink) {
    if ((checked.flags & BWRT_STORE_READER) != 0) {
        view_ = std::make_unique<StoreView>();
        view_->set_log(tables_.limits.log, tables_.limits.log_user);
        if (const bwrt_status status =
                view_->open(checked, &tables_.regions, clock_.now_ns(), sink)) {
            return status;
        }
        tables_.view = view_.get();
        tables_.blocks = {&view_->tenants(),
                          view_->block_bytes_max(),
                          false,
                          true,
                          true,
                          view_->tenants().index_count()};
        return BWRT_OK;
    }
    store_ = std::make_unique<Store>();
    if (const bwrt_status status = store_->open(checked, &tables_.regions, clock_.now_ns(), sink)) {
        return status;
    }
    bwrt_store_info info = {};
    store_->info(&info);
    if (info.disk_reason != nullptr) log(BWRT_LOG_WARNING, info.disk_reason);
    tables_.store = store_.get();
    tables_.blocks = {&store_->tenants(),
                      store_->block_bytes_max(),
                      store_->has_host(),
                      store_->has_disk(),
                      false,
                      store_->tenants().index_count()};
    return BWRT_OK;
}

bwrt_status Runtime::start(const World& world, const ErrorSink& sink) {
    has_devices_ = world.has_devices;
    if (has_devices_) look_for_devices(tables_.limits.device);
    if (tables_.has_planner()) windows_ = std::make_unique<WindowPlanner>(&tables_, &clock_);
    if (const bwrt_status status = progress_.start(world, sink)) {
        if (!progress_.report().storage_reason.empty()) {
            log(BWRT_LOG_ERROR, progress_.report().storage_reason.c_str());
        }
        return status;
    }
    if (!progress_.report().storage_reason.empty()) {
        log(BWRT_LOG_INFO, progress_.report().storage_reason.c_str());
    }
    const Calibration& calibration = tables_.calibration;
    if (!calibration.reason.empty()) {
        log(calibration.devices.empty() ? BWRT_LOG_WARNING : BWRT_LOG_INFO,
            calibration.reason.c_str());
    }
    if (!tables_.tuning_reason.empty()) log(BWRT_LOG_INFO, tables_.tuning_reason.c_str());
    return BWRT_OK;
}

void Runtime::log(std::int32_t level, const char* sentence) const noexcept {
    if (tables_.limits.log != nullptr) {
        tables_.limits.log(tables_.limits.log_user, level, sentence);
    }
}

bwrt_status Runtime::submit(const bwrt_wave* wave, bwrt_handle* wave_out,
                            bwrt_error* error) noexcept {
    bwrt_status status;
    bool wake = false;
    // Looked at before as well: who is turned away does not keep shutdown waiting.
    if (closing_.load(std::memory_order_relaxed)) {
        status = fail({error, BWRT_NONE}, BWRT_E_CLOSED, "", "the runtime is shutting down");
    } else {
        const Call call(&submits_);
        if (closing_.load(std::memory_order_seq_cst)) {  // K2
            status = fail({error, BWRT_NONE}, BWRT_E_CLOSED, "", "the runtime is shutting down");
        } else {
            status = submit_wave(&tables_, clock_, wave, wave_out, &wake, error);
        }
        if (wake) progress_.wake();
    }
    if (status != BWRT_OK) refused_count_.fetch_add(1, std::memory_order_relaxed);
    return status;
}

bwrt_status Runtime::wait(bwrt_handle handle, std::int64_t timeout_ns,
                          bwrt_completion* completion_out, const ErrorSink& sink) noexcept {
    Wave* wave = tables_.waves.find(handle);
    if (wave == nullptr || wave->ticket.load(std::memory_order_acquire) != handle) {
        return fail(sink, BWRT_E_HANDLE, "wave", "0x%llx is not an undelivered wave",
                    static_cast<unsigned long long>(handle));
    }
    if (wave->delivery.load(std::memory_order_relaxed) != BWRT_DELIVER_WAIT) {
        return fail(sink, BWRT_E_INVAL, "wave.delivery",
                    "the wave is not delivered by bwrt_wait()");
    }
    return progress_.wait(wave, handle, timeout_ns, completion_out, sink);
}

std::uint32_t Runtime::poll(bwrt_completion* completions, std::uint32_t capacity) noexcept {
    progress_.drive_if_caller();
    return delivery_.poll(completions, capacity);
}

bwrt_status Runtime::cancel(bwrt_handle handle, const ErrorSink& sink) noexcept {
    const Wave* wave = tables_.waves.find(handle);
    if (wave == nullptr || wave->ticket.load(std::memory_order_acquire) != handle) {
        return fail(sink, BWRT_E_HANDLE, "wave", "0x%llx is not an undelivered wave",
                    static_cast<unsigned long long>(handle));
    }
    ringbuf::Command command = {};
    command.kind = ringbuf::CommandKind::kCancel;
    command.wave = handle;
    if (!tables_.ring.push(command)) {
        return fail(sink, BWRT_E_AGAIN, "", "the command ring of %zu is full",
                    tables_.ring.capacity());
    }
    if (tables_.doorbell.ring()) progress_.wake();
    return BWRT_OK;
}

bwrt_status Runtime::advance(std::uint64_t token, const ErrorSink& sink) noexcept {
    std::uint64_t now = tables_.token.load();
    do {
        if (token < now) {
            return fail(sink, BWRT_E_INVAL, "token", "token %llu is behind %llu", ull(token),
                        ull(now));
        }
    } while (!tables_.token.compare_exchange_weak(now, token));
    if (tables_.doorbell.ring()) progress_.wake();
    return BWRT_OK;
}

namespace {

constexpr std::size_t kStoreBytesMin = 88;  // of the first release

// The description of a store, checked, with what the tuning file says and then its defaults.
bwrt_status read_store(const bwrt_config& config, Tuning* tuning, bwrt_store* store_out,
                       std::uint32_t* own_region_count_out, const ErrorSink& sink) {
    if (config.store == nullptr) {
        tuning->fill_in(static_cast<bwrt_store*>(nullptr));
        return BWRT_OK;
    }
    if (reinterpret_cast<std::uintptr_t>(config.store) % alignof(std::uint64_t) != 0) {
        return fail(sink, BWRT_E_INVAL, "config.store", "not aligned to 8 bytes");
    }
    bwrt_store given;
    if (const bwrt_status status = copy_in(&given, config.store, config.store->struct_size,
                                           kStoreBytesMin, "store.struct_size", sink)) {
        return status;
    }
    tuning->fill_in(&given);
    if (const bwrt_status status = Store::check(given, store_out, own_region_count_out, sink)) {
        return status;
    }
    if (config.region_count_max + *own_region_count_out >= kProcessSlot) {
        return fail(sink, BWRT_E_RANGE, "config.region_count_max",
                    "%u regions and %u of the store's own pass 65,534", config.region_count_max,
                    *own_region_count_out);
    }
    return BWRT_OK;
}

}  // namespace

bwrt_status open_runtime(const bwrt_config* config, const World& world, bwrt_runtime** runtime_out,
                         bwrt_error* error) noexcept {
    return guard(error, [&]() -> bwrt_status {
        const ErrorSink sink{error, BWRT_NONE};
        bwrt_config checked;
        Calibration calibration;
        if (const bwrt_status status = check_config(config, &checked, &calibration, sink)) {
            return status;
        }
        Tuning tuning;
        if (checked.tuning != nullptr) {
            const bwrt_status status = read_tuning(checked.tuning, &tuning, sink);
            if (status != BWRT_OK) return status;
        }
        bwrt_store store = {};
        std::uint32_t own_region_count = 0;
        if (const bwrt_status status =
                read_store(checked, &tuning, &store, &own_region_count, sink)) {
            return status;
        }
        bwrt_planner planner = {};
        if (const bwrt_status status = read_planner(checked.planner, &tuning, &planner, sink)) {
            return status;
        }
        const bool has_store = checked.store != nullptr;
        if (const bwrt_status status =
                check_prefetch(planner, has_store ? &store : nullptr, sink)) {
            return status;
        }
        checked.store = nullptr;  // they are the caller's
        checked.planner = nullptr;
        checked.tuning = nullptr;
        auto runtime =
            std::make_unique<bwrt_runtime>(checked, std::move(calibration), world.clock,
                                           has_store ? &store : nullptr, own_region_count);
        if (has_store) {
            const bwrt_status status = runtime->runtime.open_store(store, sink);
            if (status != BWRT_OK) return status;
        }
        runtime->runtime.tables().planner = planner;
        runtime->runtime.tables().tuning_reason = std::move(tuning.reason);
        if (const bwrt_status status = runtime->runtime.start(world, sink)) return status;
        *runtime_out = runtime.release();
        return BWRT_OK;
    });
}

}  // namespace bwrt::runtime
