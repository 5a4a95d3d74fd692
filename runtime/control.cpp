// SPDX-License-Identifier: Apache-2.0
//
// control.cpp — regions, layouts, shutdown and sampling: rare calls, under one mutex.

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "runtime/runtime.h"

namespace bwrt::runtime {
namespace {

// How often a waiting control call looks again.
constexpr std::int64_t kLookNs = 200'000;

bwrt_status stale(const ErrorSink& sink, bwrt_handle handle, const char* field = "handle") {
    return fail(sink, BWRT_E_HANDLE, field, "0x%llx is not live",
                static_cast<unsigned long long>(handle));
}

}  // namespace

// ---- regions

bwrt_status Runtime::attach(Region* region, const ErrorSink& sink) {
    bool attached = true;
    progress_.on_driver([&] {
        StorageBackend& storage = progress_.storage();
        if (region->kind == BWRT_REGION_ALLOCATED) {
            region->fixed_buffer = storage.attach_buffer(region->address, region->length_bytes);
        } else if (region->is_file()) {
            FileState& file = *region->file;
            file.file = storage.attach_file(file.fd);
            if (file.direct_fd >= 0) {
                file.direct_file = file.direct_attached = storage.attach_file(file.direct_fd);
            }
            attached = file.file >= 0 && (file.direct_fd < 0 || file.direct_file >= 0);
            if (!attached && file.file >= 0) storage.detach_file(file.file);
        }
    });
    if (attached) return BWRT_OK;
    return fail(sink, BWRT_E_AGAIN, "region.fd", "the storage backend takes no further file");
}

void Runtime::detach(Region* region) noexcept {
    progress_.on_driver([&] {
        StorageBackend& storage = progress_.storage();
        if (region->fixed_buffer >= 0) storage.detach_buffer(region->fixed_buffer);
        if (!region->is_file()) return;
        if (region->file->file >= 0) storage.detach_file(region->file->file);
        if (region->file->direct_attached >= 0) storage.detach_file(region->file->direct_attached);
    });
}

bwrt_status Runtime::add_region(const bwrt_region& description, bwrt_handle* handle_out,
                                bwrt_region_info* info_out, const ErrorSink& sink) {
    const std::lock_guard<std::mutex> lock(control_);
    if (description.kind == BWRT_REGION_DEVICE && !has_devices_) {
        return fail(sink, BWRT_E_UNSUPPORTED, "region.kind", "a modelled world has no devices");
    }
    std::uint32_t slot = 0;
    Region* region = nullptr;
    char reason[sizeof info_out->reason] = {};
    if (const bwrt_status status =
            tables_.regions.add(description, &slot, &region, reason, sizeof reason, sink)) {
        return status;
    }
    if (region->is_file()) tables_.calibrate(region->file);
    if (const bwrt_status status = attach(region, sink)) {
        tables_.regions.remove(slot);
        return status;
    }
    *handle_out = tables_.regions.publish(slot);
    if (info_out == nullptr) return BWRT_OK;
    *info_out = {};
    info_out->flags = region->flags;
    info_out->address = region->address;
    info_out->length_bytes = region->length_bytes;
    info_out->fd = region->memory.memfd;
    info_out->registered = region->fixed_buffer >= 0 ? 1 : 0;
    if (region->is_file()) {
        info_out->memory_align_bytes = region->file->memory_align_bytes;
        info_out->offset_align_bytes = region->file->offset_align_bytes;
    }
    std::snprintf(info_out->reason, sizeof info_out->reason, "%s", reason);
    return BWRT_OK;
}

bwrt_status Runtime::release_region(Region* region, bwrt_handle handle, FreedDeviceBytes* freed_out,
                                    const ErrorSink& sink) {
    const std::uint64_t generation = generation_of(handle);
    const bool quiesced = region->quiesced && region->gate.is_closed(generation);
    if (!quiesced && !region->gate.close(generation)) return stale(sink, handle);
    if (region->layout_count == 0 && region->gate.is_idle()) {
        detach(region);
        *freed_out = tables_.regions.remove(slot_of(handle));
        return BWRT_OK;
    }
    if (!quiesced) region->gate.reopen(generation);
    if (region->layout_count != 0) {
        return fail(sink, BWRT_E_BUSY, "handle", "%u planes of layouts lie in the region",
                    region->layout_count);
    }
    return fail(sink, BWRT_E_BUSY, "handle", "a wave uses the region");
}

bwrt_status Runtime::release_layout(Layout* layout, bwrt_handle handle, const ErrorSink& sink) {
    const std::uint64_t generation = generation_of(handle);
    const bool quiesced = layout->quiesced && layout->gate.is_closed(generation);
    if (!quiesced && !layout->gate.close(generation)) return stale(sink, handle);
    if (layout->gate.is_idle()) {
        tables_.layouts.remove(layout, tables_.regions);
        return BWRT_OK;
    }
    if (!quiesced) layout->gate.reopen(generation);
    return fail(sink, BWRT_E_BUSY, "handle", "a wave uses the layout");
}

bwrt_status Runtime::release(bwrt_handle handle, const ErrorSink& sink) {
    FreedDeviceBytes freed;  // behind the lock
    const std::lock_guard<std::mutex> lock(control_);
    if (Region* region = tables_.regions.find(handle)) {
        return release_region(region, handle, &freed, sink);
    }
    if (Layout* layout = tables_.layouts.find(handle)) return release_layout(layout, handle, sink);
    if (plans_.remove(handle)) return BWRT_OK;
    return stale(sink, handle);
}

bwrt_status Runtime::add_layout(const bwrt_layout& layout, bwrt_handle* handle_out,
                                const ErrorSink& sink) {
    const std::lock_guard<std::mutex> lock(control_);
    return tables_.layouts.add(layout, tables_.regions, tables_.limits.plane_count_max, handle_out,
                               sink);
}

// ---- quiesce: a layout rests as long as one of its regions does

void Runtime::quiesce_layouts(std::uint32_t region_slot) noexcept {
    tables_.layouts.for_each([&](Layout& layout) {
        if (layout.quiesced || !layout.lies_in(region_slot)) return;
        layout.quiesced = layout.gate.close(layout.generation);
    });
}

void Runtime::resume_layouts() noexcept {
    tables_.layouts.for_each([&](Layout& layout) {
        if (!layout.quiesced) return;
        for (const Plane& plane : layout.planes) {
            if (plane.region_slot != kProcessSlot &&
                tables_.regions.at(plane.region_slot).quiesced) {
                return;
            }
        }
        layout.quiesced = false;
        layout.gate.reopen(layout.generation);
    });
}

bool Runtime::is_region_idle(std::uint32_t region_slot) noexcept {
    bool idle = tables_.regions.at(region_slot).gate.is_idle();
    tables_.layouts.for_each([&](Layout& layout) {
        if (layout.lies_in(region_slot)) idle = idle && layout.gate.is_idle();
    });
    return idle;
}

bwrt_status Runtime::set_region(bwrt_handle handle, std::uint32_t action, std::int64_t timeout_ns,
                                const ErrorSink& sink) {
    if (action != BWRT_REGION_QUIESCE && action != BWRT_REGION_RESUME) {
        return fail(sink, BWRT_E_INVAL, "action", "action %u is not QUIESCE or RESUME", action);
    }
    std::unique_lock<std::mutex> lock(control_);
    Region* region = tables_.regions.find(handle);
    const std::uint64_t generation = generation_of(handle);
    if (region == nullptr || generation == 0 || region->generation != generation) {
        return stale(sink, handle, "region");
    }
    const auto resume = [&] {
        if (!region->quiesced) return;
        region->quiesced = false;
        region->gate.reopen(generation);
        resume_layouts();
    };
    if (action == BWRT_REGION_RESUME) {
        resume();
        return BWRT_OK;
    }
    if (!region->quiesced) {
        region->quiesced = region->gate.close(generation);
        quiesce_layouts(slot_of(handle));
    }
    const std::uint64_t deadline_ns = deadline_after(clock_.now_ns(), timeout_ns);
    while (!is_region_idle(slot_of(handle))) {
        if (clock_.now_ns() >= deadline_ns) {
            resume();
            return fail(sink, BWRT_E_TIMEOUT, "timeout_ns", "a wave still uses the region");
        }
        lock.unlock();
        progress_.pass_time(kLookNs);
        lock.lock();
        if (region->generation != generation || !region->quiesced) {
            return fail(sink, BWRT_E_BUSY, "region", "resumed or released meanwhile");
        }
    }
    // A wave leaves its regions a moment before its completion can be had: the driver's next turn
    // is behind both.
    progress_.on_driver([] {});
    return BWRT_OK;
}

// ---- the end

bwrt_status Runtime::shutdown(std::uint32_t flags, std::int64_t timeout_ns, const ErrorSink& sink) {
    if (flags > BWRT_SHUTDOWN_CANCEL) {
        return fail(sink, BWRT_E_INVAL, "flags", "flags 0x%x is not a BWRT_SHUTDOWN_*", flags);
    }
    closing_.store(true, std::memory_order_seq_cst);  // K3
    const std::uint64_t deadline_ns = deadline_after(clock_.now_ns(), timeout_ns);
    while (submits_.count() != 0) sched_yield();  // K4: a moment, never an I/O
    for (;;) {
        std::uint32_t live_count = 0;
        bool store_busy = false;
        progress_.drive_if_caller();
        {
            const std::lock_guard<std::mutex> lock(control_);
            progress_.on_driver([&] {
                Executor& executor = progress_.executor();
                executor.accept_all();
                if (flags == BWRT_SHUTDOWN_CANCEL) executor.cancel_all();
                live_count = executor.live_count();
                // The driver runs on until bwrt_close(): nothing may be out by then.
                if (live_count == 0) executor.rest_store();
                store_busy = executor.is_store_busy();
            });
        }
        if (live_count == 0 && !store_busy) break;
        if (clock_.now_ns() >= deadline_ns) {
            return live_count != 0
                       ? fail(sink, BWRT_E_TIMEOUT, "timeout_ns", "%u waves still run", live_count)
                       : fail(sink, BWRT_E_TIMEOUT, "timeout_ns", "blocks are still written");
        }
        progress_.pass_time(kLookNs);
    }
    shut_.store(true, std::memory_order_release);
    return BWRT_OK;
}

bwrt_status Runtime::check_closable(const ErrorSink& sink) const {
    if (!shut_.load(std::memory_order_acquire)) {
        return fail(sink, BWRT_E_BUSY, "", "bwrt_shutdown() has not returned BWRT_OK yet");
    }
    const std::uint32_t others = calls_.count() + submits_.count();
    if (others != 0) return fail(sink, BWRT_E_BUSY, "", "%u other calls are inside", others);
    return BWRT_OK;
}

bwrt_status Runtime::event_fd(std::int32_t* fd_out, const ErrorSink& sink) {
    const std::lock_guard<std::mutex> lock(control_);
    const int fd = progress_.event_fd();
    if (fd < 0) {
        return fail_os(sink, BWRT_E_AGAIN, errno, "", "no event fd: %s", errno_name(errno));
    }
    *fd_out = fd;
    return BWRT_OK;
}

void Runtime::sample(bwrt_counters* counters_out, bwrt_route* routes_out) {
    const std::lock_guard<std::mutex> lock(control_);
    progress_.on_driver([&] {
        progress_.executor().accept_all();  // in caller mode nobody may have looked
        progress_.executor().snapshot(counters_out, routes_out);
        counters_out->ring_occupancy = tables_.ring.size_approximate();
    });
    counters_out->ring_capacity = tables_.ring.capacity();
    counters_out->waves_refused = refused_count_.load(std::memory_order_relaxed);
}

}  // namespace bwrt::runtime
