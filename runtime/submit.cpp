// SPDX-License-Identifier: Apache-2.0

#include "runtime/submit.h"

#include <cstring>

#include "planner/learning/predict.h"
#include "runtime/boundary.h"
#include "runtime/device_room.h"
#include "runtime/schedule.h"
#include "runtime/validate.h"

namespace bwrt::runtime {
namespace {

// Of the first release.
constexpr std::size_t kWaveBytesMin = 136;

bwrt_status refuse(const ErrorSink& sink, const char* field, std::uint64_t value,
                   const char* what) {
    const char* name = std::strchr(field, '.') + 1;
    return fail(sink, BWRT_E_INVAL, field, "%s %llu: %s", name, ull(value), what);
}

bwrt_status check_after(const bwrt_wave& wave, const ErrorSink& sink) {
    if (wave.after_kind > BWRT_AFTER_EVENT) {
        return refuse(sink, "wave.after_kind", wave.after_kind, "not a BWRT_AFTER_*");
    }
    if (wave.after_kind == BWRT_AFTER_NOTHING && (wave.after | wave.after_device) != 0) {
        return refuse(sink, "wave.after_kind", 0, "and after or after_device are set");
    }
    if (wave.after_kind == BWRT_AFTER_EVENT && wave.after == 0) {
        return refuse(sink, "wave.after", 0, "no event");
    }
    return BWRT_OK;
}

// Everything about the wave that does not need its operations.
bwrt_status check_header(const bwrt_wave& wave, const Tables& tables, const ErrorSink& sink) {
    const bwrt_config& limits = tables.limits;
    constexpr std::uint32_t kFlags = BWRT_WAVE_BARRIER | BWRT_WAVE_DEADLINE_RELATIVE |
                                     BWRT_WAVE_WINDOW_ABORT | BWRT_WAVE_PLANNED;
    if ((wave.flags & ~kFlags) != 0) {
        return refuse(sink, "wave.flags", wave.flags, "not all BWRT_WAVE_* flags");
    }
    if ((wave.flags & BWRT_WAVE_PLANNED) != 0 && !tables.has_planner()) {
        return fail(sink, BWRT_E_UNSUPPORTED, "wave.flags",
                    "PLANNED, and the runtime was opened without a planner");
    }
    if (wave.operation_count == 0) {
        return refuse(sink, "wave.operation_count", 0, "there are no operations");
    }
    if (wave.operations == nullptr) return refuse(sink, "wave.operations", 0, "NULL");
    if (const bwrt_status status =
            check_array(wave.operations, "wave.operations", wave.operation_bytes,
                        kOperationBytesMin, "wave.operation_bytes", sink)) {
        return status;
    }
    if (wave.operation_count > limits.operation_count_max) {
        return fail(sink, BWRT_E_RANGE, "wave.operation_count",
                    "operation_count %u passes the limit of %u", wave.operation_count,
                    limits.operation_count_max);
    }
    if (wave.priority > BWRT_PRIORITY_BACKGROUND) {
        return refuse(sink, "wave.priority", wave.priority, "not a BWRT_PRIORITY_*");
    }
    if (wave.delivery > BWRT_DELIVER_DETACHED) {
        return refuse(sink, "wave.delivery", wave.delivery, "not a BWRT_DELIVER_*");
    }
    if (wave.late > BWRT_LATE_REFUSE) {
        return refuse(sink, "wave.late", wave.late, "not a BWRT_LATE_*");
    }
    if (wave.deadline_ns == 0 &&
        (wave.late != BWRT_LATE_FINISH || (wave.flags & BWRT_WAVE_DEADLINE_RELATIVE) != 0)) {
        return refuse(sink, "wave.deadline_ns", 0, "needed by late or DEADLINE_RELATIVE");
    }
    if (wave.window > BWRT_WINDOW_TOKEN) {
        return refuse(sink, "wave.window", wave.window, "not a BWRT_WINDOW_*");
    }
    if (wave.window == BWRT_WINDOW_NONE) {
        if (wave.window_start != 0 || wave.window_end != 0 ||
            (wave.flags & BWRT_WAVE_WINDOW_ABORT) != 0) {
            return refuse(sink, "wave.window", 0, "bounds or WINDOW_ABORT without a window");
        }
    } else if (wave.window_end != 0 && wave.window_end <= wave.window_start) {
        return refuse(sink, "wave.window_end", wave.window_end, "not after window_start");
    }
    if (const bwrt_status status = check_after(wave, sink)) return status;
    if (wave.delivery == BWRT_DELIVER_DETACHED &&
        (wave.results != nullptr || wave.groups != nullptr)) {
        return refuse(sink, "wave.results", wave.delivery,
                      "a DETACHED wave has no results or groups");
    }
    if (wave.results != nullptr) {
        if (const bwrt_status status =
                check_array(wave.results, "wave.results", wave.result_bytes, sizeof(bwrt_result),
                            "wave.result_bytes", sink)) {
            return status;
        }
    }
    if (wave.groups == nullptr) return BWRT_OK;
    return check_array(wave.groups, "wave.groups", wave.group_bytes, sizeof(bwrt_group_result),
                       "wave.group_bytes", sink);
}

// Copies what the executor needs and clears what an earlier wave left in the slot.
void fill_header(Wave* slot, const bwrt_wave& wave, std::uint64_t now_ns) {
    slot->user_data = wave.user_data;
    slot->session = wave.session;
    slot->submitted_ns = now_ns;
    slot->deadline_ns = wave.deadline_ns == 0 ? kNeverNs : wave.deadline_ns;
    if ((wave.flags & BWRT_WAVE_DEADLINE_RELATIVE) != 0) {
        const std::uint64_t sum = now_ns + wave.deadline_ns;
        slot->deadline_ns = sum < now_ns ? kNeverNs : sum;
    }
    slot->window_start = wave.window_start;
    slot->window_end =
        wave.window == BWRT_WINDOW_NONE || wave.window_end == 0 ? kNeverNs : wave.window_end;
    slot->is_by_token = wave.window == BWRT_WINDOW_TOKEN;
    slot->flags = static_cast<std::uint16_t>(wave.flags);
    slot->priority = static_cast<std::uint8_t>(wave.priority);
    slot->late = static_cast<std::uint8_t>(wave.late);
    slot->operation_count = wave.operation_count;
    slot->entry_count = 0;
    for (OperationList& list : slot->lists) list = {};
    slot->signals = slot->due_signals = nullptr;
    slot->blocks = nullptr;
    slot->skips_blocks = false;
    slot->bytes_total = slot->unresolved = 0;
    for (std::uint64_t& bytes : slot->bus_bytes) bytes = 0;
    slot->group_root = nullptr;
    slot->results = nullptr;
    slot->groups = nullptr;
    slot->dependency_count = 0;
    slot->fence = nullptr;
    slot->more_uses = nullptr;
    slot->use_count = 0;
    slot->plan_rows = slot->plan_rows_last = nullptr;
    slot->plan_row_count = 0;
    slot->delivery.store(wave.delivery, std::memory_order_relaxed);  // published by the ticket
}

// Holds the waves that this one waits for, so that their outcome can still be read later.
bwrt_status hold_dependencies(WaveTable* waves, const bwrt_wave& wave, Wave* slot,
                              const ErrorSink& sink) {
    for (const bwrt_handle handle : wave.wait_for) {
        if (handle == 0) continue;
        if (!waves->hold(handle)) {
            return fail(sink, BWRT_E_HANDLE, "wave.wait_for", "0x%llx is not an undelivered wave",
                        ull(handle));
        }
        Dependency& dependency = slot->dependencies[slot->dependency_count++];
        dependency = {slot_of(handle), slot->index, nullptr};
        if (waves->at(dependency.wave).delivery.load(std::memory_order_relaxed) ==
            BWRT_DELIVER_DETACHED) {
            return fail(sink, BWRT_E_HANDLE, "wave.wait_for", "0x%llx is DETACHED: use BARRIER",
                        ull(handle));
        }
    }
    return BWRT_OK;
}

void drop_dependencies(WaveTable* waves, Wave* slot) {
    for (std::uint32_t i = 0; i < slot->dependency_count; ++i) {
        waves->release(&waves->at(slot->dependencies[i].wave));
    }
    slot->dependency_count = 0;
}

// Last of what may refuse the wave: what a fence was set for cannot be taken back.
bwrt_status set_fence(const Tables& tables, const bwrt_wave& wave, Wave* slot,
                      const ErrorSink& sink) {
    if (wave.after_kind == BWRT_AFTER_NOTHING) return BWRT_OK;
    DeviceRoom* const room = tables.regions.find_device(wave.after_device);
    if (room == nullptr) {
        return fail(sink, BWRT_E_INVAL, "wave.after_device",
                    "device %u has no region of this runtime", wave.after_device);
    }
    std::uint32_t number = 0;
    if (!room->free_fences.pop(&number)) {
        return fail(sink, BWRT_E_AGAIN, "wave.after", "%u waves wait for streams of device %u",
                    kFenceCountMax, wave.after_device);
    }
    const FenceKind kind =
        wave.after_kind == BWRT_AFTER_STREAM ? FenceKind::kStream : FenceKind::kEvent;
    const bwrt_status status = room->device->set_fence(number, kind, wave.after, sink);
    if (status == BWRT_OK) {
        slot->fence = &room->fences[number];
    } else {
        room->free_fences.push(number);
    }
    return status;
}

void drop_fence(Wave* slot) {
    if (slot->fence != nullptr) slot->fence->room->free_fences.push(slot->fence->number);
    slot->fence = nullptr;
}

bwrt_status check_deadline(const Tables& tables, const Wave& slot, std::uint64_t now_ns,
                           const ErrorSink& sink) {
    if (slot.late != BWRT_LATE_REFUSE) return BWRT_OK;
    std::uint64_t finish_ns = now_ns;
    for (std::uint32_t bus = 0; bus < kBusCount; ++bus) {
        if (slot.bus_bytes[bus] == 0) continue;
        // An old measurement refuses nobody: a wave that is let in makes a new one.
        if (now_ns > tables.load.measured_ns[bus].load(std::memory_order_relaxed) + kPatienceNs) {
            continue;
        }
        const std::uint64_t bus_finish_ns = planner::predict_finish_ns(
            now_ns, tables.load.queued_bytes[bus].load(std::memory_order_relaxed),
            slot.bus_bytes[bus], tables.load.bytes_per_ms[bus].load(std::memory_order_relaxed));
        if (bus_finish_ns > finish_ns) finish_ns = bus_finish_ns;
    }
    if (finish_ns < slot.deadline_ns) return BWRT_OK;
    return fail(sink, BWRT_E_LATE, "wave.deadline_ns",
                "%llu ns are left, %llu are predicted for %llu bytes",
                ull(slot.deadline_ns > now_ns ? slot.deadline_ns - now_ns : 0),
                ull(finish_ns - now_ns), ull(slot.bytes_total));
}

// One flat operation and nothing to account for beside it travels in the command.
bool fits_command(const bwrt_wave& wave, const bwrt_operation& op) {
    const auto is_flat_side = [](bwrt_handle handle) {
        return handle == BWRT_PROCESS_MEMORY || is_kind(handle, HandleKind::kRegion);
    };
    return wave.results == nullptr && wave.groups == nullptr &&
           (wave.flags & BWRT_WAVE_PLANNED) == 0 && op.kind >= BWRT_OP_COPY &&
           op.kind <= BWRT_OP_WRITE && op.row_count <= 1 && op.group == 0 &&
           is_flat_side(op.source) && is_flat_side(op.target);
}

bwrt_status read(const bwrt_wave& wave, WaveBuilder* builder, ringbuf::Command* command) {
    const bool names_blocks =
        wave.blocks != nullptr || (wave.block_count | wave.block_bytes | wave.tenant) != 0;
    if (wave.operation_count == 1 && !names_blocks) {
        bwrt_operation only;  // read once: what was checked is what moves
        const bwrt_status status =
            copy_in(&only, wave.operations, wave.operation_bytes, kOperationBytesMin,
                    "wave.operation_bytes", {nullptr, BWRT_NONE});
        if (status == BWRT_OK && fits_command(wave, only)) return builder->read_flat(only, command);
    }
    const bwrt_status status = builder->read_operations(wave);
    return status != BWRT_OK ? status : builder->finish(wave);
}

bwrt_status fill(Tables* tables, const bwrt_wave& wave, Wave* slot, WaveBuilder* builder,
                 ringbuf::Command* command, std::uint64_t now_ns) {
    bwrt_status status = read(wave, builder, command);
    if (status == BWRT_OK) status = check_deadline(*tables, *slot, now_ns, builder->sink());
    if (status == BWRT_OK) status = hold_dependencies(&tables->waves, wave, slot, builder->sink());
    if (status == BWRT_OK) status = set_fence(*tables, wave, slot, builder->sink());
    return status;
}

// Makes the handle live; from the push on the slot is not ours any more.
bool publish(Tables* tables, Wave* slot, ringbuf::Command* command) {
    slot->generation = next_generation(slot->generation);
    slot->handle = make_handle(HandleKind::kWave, slot->index, slot->generation);
    slot->outcome.store(static_cast<std::uint32_t>(slot->generation) << kOutcomeTagShift,
                        std::memory_order_relaxed);
    slot->references.store(1, std::memory_order_relaxed);
    slot->ticket.store(slot->handle, std::memory_order_release);
    command->kind = ringbuf::CommandKind::kSubmit;
    command->wave = slot->handle;
    if (tables->ring.push(*command)) return true;
    slot->ticket.store(0, std::memory_order_relaxed);
    return false;
}

}  // namespace

bwrt_status submit_wave(Tables* tables, const Clock& clock, const bwrt_wave* given,
                        bwrt_handle* handle_out, bool* wake_out, bwrt_error* error) noexcept {
    ErrorSink sink{error, BWRT_NONE};
    bwrt_wave wave;
    if (const bwrt_status status =
            copy_in(&wave, given, given->struct_size, kWaveBytesMin, "wave.struct_size", sink)) {
        return status;
    }
    if (const bwrt_status status = check_header(wave, *tables, sink)) return status;
    Wave* slot = tables->waves.take();
    if (slot == nullptr) {
        return fail(sink, BWRT_E_AGAIN, "config.wave_count_max", "all %u waves are in use",
                    tables->waves.count());
    }
    slot->prefetch_for_submission();
    const std::uint64_t now_ns = clock.now_ns();
    fill_header(slot, wave, now_ns);
    WaveBuilder builder(tables, slot, error);
    ringbuf::Command command = {};
    bwrt_status status = fill(tables, wave, slot, &builder, &command, now_ns);
    if (status == BWRT_OK) {
        if (publish(tables, slot, &command)) {
            *handle_out = command.wave;
            *wake_out = tables->doorbell.ring();
            return BWRT_OK;
        }
        status = fail(sink, BWRT_E_AGAIN, "", "the command ring of %zu is full",
                      tables->ring.capacity());
        drop_fence(slot);
        drop_dependencies(&tables->waves, slot);
        builder.roll_back();
        tables->waves.release(slot);  // a stale handle may be looking at it
        return status;
    }
    drop_dependencies(&tables->waves, slot);
    builder.roll_back();
    tables->waves.put_back(slot);
    return status;
}

}  // namespace bwrt::runtime
