// SPDX-License-Identifier: Apache-2.0

#include "runtime/device_lane.h"

#include <algorithm>
#include <cerrno>

#include "runtime/pieces.h"

namespace bwrt::runtime {
namespace {

// By the driver, in a turn, in each of the two directions: as much as the host lane copies.
constexpr std::uint64_t kTurnCopyBytes = 256 << 10;

constexpr Route route_of(CopyWay way) noexcept {
    return static_cast<Route>(static_cast<std::uint32_t>(Route::kToDevice) +
                              static_cast<std::uint32_t>(way));
}
static_assert(route_of(CopyWay::kFromDevice) == Route::kFromDevice);
static_assert(route_of(CopyWay::kWithin) == Route::kWithinDevice);

DeviceFlights& out_of(DeviceRoom* room, CopyWay way) noexcept {
    return room->out[static_cast<std::uint32_t>(way)];
}

// Whether what lies behind `first` in staging memory lies behind it on the device, too.  Within a
// region only: another one may be another allocation, which no copy goes across.
bool goes_on(CopyWay way, const DeviceAccount& first, const DeviceAccount& second) noexcept {
    if (way == CopyWay::kWithin || first.region != second.region) return false;
    return way == CopyWay::kToDevice ? first.target + first.bytes == second.target
                                     : first.source + first.bytes == second.source;
}

}  // namespace

DeviceLane::DeviceLane(Tables* tables, HostBackend* host, const Ledger* ledger, Counters* counters,
                       const Clock* clock, WaveOwner* owner)
    : tables_(*tables),
      host_(*host),
      ledger_(*ledger),
      counters_(*counters),
      clock_(*clock),
      owner_(*owner),
      ready_(&tables->waves) {}

bool DeviceLane::turn() noexcept {
    now_ns_ = clock_.now_ns();
    has_more_ = has_moved_ = false;
    if (busy_ == nullptr) next_poll_ns_ = kNeverNs;
    const bool is_asked = now_ns_ >= next_poll_ns_;
    if (is_asked) poll();
    const bool is_held_up = has_more_;  // there is more that is over
    start();
    if (has_moved_) {
        poll_after_ns_ = kPollMinNs;
    } else if (is_asked) {
        poll_after_ns_ = std::min(2 * poll_after_ns_, kPollMaxNs);
    }
    if (is_asked) next_poll_ns_ = is_held_up ? 0 : kNeverNs;
    // What goes out puts nobody's question off.
    if (is_asked || has_moved_) {
        next_poll_ns_ = std::min(next_poll_ns_, clock_.now_ns() + poll_after_ns_);
    }
    return has_more_;
}

// ---- what is out

void DeviceLane::poll() noexcept {
    copied_bytes_ = 0;
    for (DeviceRoom** link = &busy_; *link != nullptr;) {
        DeviceRoom* const room = *link;
        poll_room(room);
        if (room->out_count == 0) {
            *link = room->next_busy;
            room->is_busy = false;
        } else {
            link = &room->next_busy;
        }
    }
}

void DeviceLane::poll_room(DeviceRoom* room) noexcept {
    for (const CopyWay way : kCopyWays) {
        while (out_of(room, way).first != nullptr && is_over(room, way)) {
            if (way == CopyWay::kFromDevice && copied_bytes_ >= kTurnCopyBytes) {
                has_more_ = true;
                break;
            }
            land(room, way);
        }
    }
}

// The first of those that went that way.  What cannot be asked is neither over nor not.
bool DeviceLane::is_over(DeviceRoom* room, CopyWay way) noexcept {
    DeviceFlight* const flight = out_of(room, way).first;
    DeviceAnswer answer;
    if (flight->is_marked) {
        answer = room->device->ask(flight->number);
        if (answer.status == BWRT_OK) return true;
    } else {
        answer = room->device->mark(way, flight->number);
        flight->is_marked = answer.status == BWRT_OK;
    }
    if (answer.status == BWRT_OK || answer.status == BWRT_E_AGAIN) {
        flight->unasked_from_ns = 0;
        return false;
    }
    if (flight->unasked_from_ns == 0) flight->unasked_from_ns = now_ns_;
    const bool is_given_up = now_ns_ - flight->unasked_from_ns >= kUnaskedNsMax;
    if (answer.status != BWRT_E_DEVICE_LOST && !is_given_up) return false;
    if (answer.status != BWRT_E_DEVICE_LOST) room->device->give_up(answer.code);
    lose(room);
    return false;
}

void DeviceLane::lose(DeviceRoom* room) noexcept {
    const DeviceAnswer lost = {BWRT_E_DEVICE_LOST, room->device->loss()};
    for (const CopyWay way : kCopyWays) {
        while (out_of(room, way).first != nullptr) {
            DeviceFlight* const flight = out_of(room, way).pop();
            fail(flight, 0, flight->account_count, lost);
            counters_.request_finished(route_of(way), 0, now_ns_ - flight->started_ns, true);
            release(room, flight);
        }
    }
}

// It is copied; what came from the device is in staging memory, and its wave wants it elsewhere.
void DeviceLane::land(DeviceRoom* room, CopyWay way) noexcept {
    DeviceFlight* const flight = out_of(room, way).pop();
    const std::byte* const staging = room->device->staging(flight->number);
    for (std::uint32_t i = 0; i < flight->account_count; ++i) {
        const DeviceAccount& account = flight->accounts[i];
        bool is_there = true;
        if (way == CopyWay::kFromDevice) {
            is_there = host_.copy(reinterpret_cast<void*>(account.target),
                                  staging + account.staging_offset, account.bytes);
            copied_bytes_ += account.bytes;
        }
        if (is_there) {
            ledger_.good(flight->wave, account.entry, account.group, account.bytes);
        } else {
            ledger_.failed(flight->wave, {BWRT_E_IO, EIO, BWRT_TIER_HOST, account.operation_index},
                           account.entry, account.group, account.bytes);
        }
    }
    counters_.request_finished(route_of(way), flight->bytes, now_ns_ - flight->started_ns, false);
    const bool is_followed = flight->is_followed || out_of(room, way).first != nullptr;
    bus_of(way).came_in(*flight, is_followed, now_ns_);
    has_moved_ = true;
    release(room, flight);
}

void DeviceLane::fail(DeviceFlight* flight, std::uint32_t first, std::uint32_t count,
                      const DeviceAnswer& answer) noexcept {
    for (std::uint32_t i = first; i < first + count; ++i) {
        const DeviceAccount& account = flight->accounts[i];
        ledger_.failed(flight->wave,
                       {answer.status, answer.code, BWRT_TIER_DEVICE, account.operation_index},
                       account.entry, account.group, account.bytes);
    }
}

void DeviceLane::release(DeviceRoom* room, DeviceFlight* flight) noexcept {
    Wave* const wave = flight->wave;
    --room->out_count;
    room->free.append(flight);
    if (--wave->inflight_count == 0 && wave->unresolved == 0) owner_.wave_resolved(wave);
}

// ---- what is ready

void DeviceLane::start() noexcept {
    copied_bytes_ = 0;
    while (ReadyQueue<Lane::kDevice>* const queue = next_queue()) {
        if (copied_bytes_ >= kTurnCopyBytes) {
            has_more_ = true;
            return;
        }
        Wave* const wave = queue->pick();
        ++wave->inflight_count;  // ours: it must not be over while we look at it
        serve(wave);
        if (wave->list(Lane::kDevice).is_empty()) take_out(wave);
        if (--wave->inflight_count == 0 && wave->unresolved == 0) owner_.wave_resolved(wave);
    }
}

// That with the most urgent wave, of the lane's own and those of devices that have a flight for who
// waits.  Every kLowerShare-th time the next of them in turn, so that none starves.
ReadyQueue<Lane::kDevice>* DeviceLane::next_queue() noexcept {
    ReadyQueue<Lane::kDevice>* best = ready_.is_empty() ? nullptr : &ready_;
    std::uint32_t count = best != nullptr ? 1 : 0;
    const std::uint32_t turn = (pick_count_ + 1) / kLowerShare;
    ReadyQueue<Lane::kDevice>* in_turn = best;
    for (DeviceRoom* room = waiting_count_ != 0 ? known_ : nullptr; room != nullptr;
         room = room->next_known) {
        if (room->free.first == nullptr || room->waiting.is_empty()) continue;
        if (best == nullptr || room->waiting.goes_before(*best)) best = &room->waiting;
        if (turn % ++count == 0) in_turn = &room->waiting;
    }
    if (count <= 1 || ++pick_count_ % kLowerShare != 0) return best;
    return in_turn;
}

DeviceLane::Course DeviceLane::course_of(const Piece& piece) const noexcept {
    const auto room_of = [this](std::uint16_t slot) {
        return slot == kProcessSlot ? nullptr : tables_.regions.at(slot).room;
    };
    DeviceRoom* const source = room_of(piece.source_region);
    DeviceRoom* const target = room_of(piece.target_region);
    if (source == nullptr) return {target, CopyWay::kToDevice};
    return {source, target == nullptr ? CopyWay::kFromDevice : CopyWay::kWithin};
}

void DeviceLane::serve(Wave* wave) noexcept {
    Piece piece;
    if (!next_piece(&wave->list(Lane::kDevice), &piece)) return;
    const Course course = course_of(piece);
    if (course.room->device->loss() != 0) {
        drop(wave, course);
    } else if (course.room->free.first == nullptr) {
        wait_at(course.room, wave);
    } else {
        DeviceFlight* const flight = course.room->free.pop();
        build(wave, course, flight);
        launch(course, flight);
    }
}

void DeviceLane::wait_at(DeviceRoom* room, Wave* wave) noexcept {
    take_out(wave);
    room->waiting.insert(wave);
    wave->waits_at = room;
    ++waiting_count_;
    if (room->is_known) return;
    room->is_known = true;
    room->next_known = known_;
    known_ = room;
}

// Of whichever queue it is in.
void DeviceLane::take_out(Wave* wave) noexcept {
    if (wave->waits_at == nullptr) {
        ready_.remove(wave);
        return;
    }
    wave->waits_at->waiting.remove(wave);
    wave->waits_at = nullptr;
    --waiting_count_;
}

// An operation is of one device, so all that is left of it is lost with that.
void DeviceLane::drop(Wave* wave, const Course& course) noexcept {
    Operation* const operation = wave->list(Lane::kDevice).pop_front();
    const std::uint64_t before = wave->unresolved;
    ledger_.drop(
        wave, operation,
        {BWRT_E_DEVICE_LOST, course.room->device->loss(), BWRT_TIER_DEVICE, operation->index});
    take(wave, course.way, before - wave->unresolved);
}

void DeviceLane::build(Wave* wave, const Course& course, DeviceFlight* flight) noexcept {
    OperationList& list = wave->list(Lane::kDevice);
    const bool is_staged = course.way != CopyWay::kWithin;
    const std::uint64_t bytes_max = is_staged ? kFlightStagingBytes : kWithinFlightBytes;
    std::byte* const staging = course.room->device->staging(flight->number);
    flight->wave = wave;
    flight->bytes = flight->account_count = 0;
    flight->is_followed = false;
    Piece piece;
    // Looks for the next piece even when the flight is full: a served list must be empty.
    while (next_piece(&list, &piece)) {
        const Course its = course_of(piece);
        if (its.room != course.room || its.way != course.way) break;
        flight->is_followed =
            flight->account_count == kDeviceAccountCountMax || flight->bytes == bytes_max;
        if (flight->is_followed) break;
        const std::uint64_t bytes = std::min(piece.length_bytes, bytes_max - flight->bytes);
        DeviceAccount& account = flight->accounts[flight->account_count];
        const bool is_to = course.way == CopyWay::kToDevice;
        account = {piece.source,
                   piece.target,
                   bytes,
                   piece.entry,
                   piece.group,
                   list.head->index,
                   static_cast<std::uint32_t>(is_staged ? flight->bytes : 0),
                   is_to ? piece.target_region : piece.source_region};
        advance(list.head, bytes);
        take(wave, course.way, bytes);
        ++counters_.at(route_of(course.way)).piece_count;
        if (is_to) copied_bytes_ += bytes;
        if (is_to && !host_.copy(staging + account.staging_offset,
                                 reinterpret_cast<const void*>(piece.source), bytes)) {
            ledger_.failed(wave, {BWRT_E_IO, EIO, BWRT_TIER_HOST, account.operation_index},
                           account.entry, account.group, bytes);
            continue;
        }
        ++flight->account_count;
        flight->bytes += bytes;
    }
}

// Hands over its copies, those that lie behind one another as one, and the mark behind them.  What
// is not taken fails; what is left is out.
void DeviceLane::launch(const Course& course, DeviceFlight* flight) noexcept {
    DeviceRoom* const room = course.room;
    const auto staging = reinterpret_cast<std::uint64_t>(room->device->staging(flight->number));
    bwrt_route& route = counters_.at(route_of(course.way));
    const std::uint32_t given_count = flight->account_count;
    std::uint32_t kept_count = 0;
    flight->bytes = 0;
    for (std::uint32_t first = 0, next = 0; first < given_count; first = next) {
        const DeviceAccount& account = flight->accounts[first];
        std::uint64_t bytes = account.bytes;
        for (next = first + 1; next < given_count; ++next) {
            if (!goes_on(course.way, flight->accounts[next - 1], flight->accounts[next])) break;
            bytes += flight->accounts[next].bytes;
        }
        const std::uint64_t staged = staging + account.staging_offset;
        const DeviceAnswer answer = room->device->copy(
            course.way, course.way == CopyWay::kFromDevice ? staged : account.target,
            course.way == CopyWay::kToDevice ? staged : account.source, bytes);
        if (answer.status != BWRT_OK) {
            fail(flight, first, next - first, answer);
            ++route.error_count;
            continue;
        }
        for (std::uint32_t i = first; i < next; ++i) {
            flight->accounts[kept_count++] = flight->accounts[i];
        }
        flight->bytes += bytes;
    }
    flight->account_count = kept_count;
    if (kept_count == 0) {
        room->free.append(flight);
        return;
    }
    if (course.way != CopyWay::kWithin) route.staged_bytes += flight->bytes;
    flight->started_ns = now_ns_;
    flight->unasked_from_ns = 0;
    flight->is_marked = room->device->mark(course.way, flight->number).status == BWRT_OK;
    counters_.request_started(route_of(course.way));
    ++flight->wave->inflight_count;
    ++room->out_count;
    out_of(room, course.way).append(flight);
    has_moved_ = true;
    if (room->is_busy) return;
    room->is_busy = true;
    room->next_busy = busy_;
    busy_ = room;
}

}  // namespace bwrt::runtime
