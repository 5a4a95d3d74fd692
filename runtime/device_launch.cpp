// SPDX-License-Identifier: Apache-2.0
//
// device_launch.cpp — what is ready: whose turn it is, who waits for a flight, and what goes out.

#include <algorithm>
#include <cerrno>

#include "runtime/device_lane.h"
#include "runtime/pieces.h"

namespace bwrt::runtime {
namespace {

// Whether what lies behind `first` in staging memory lies behind it on the device, too.  Within a
// region only: another one may be another allocation, which no copy goes across.
bool goes_on(CopyWay way, const DeviceAccount& first, const DeviceAccount& second) noexcept {
    if (way == CopyWay::kWithin || first.region != second.region) return false;
    return way == CopyWay::kToDevice ? first.target + first.bytes == second.target
                                     : first.source + first.bytes == second.source;
}

void note_groups(DeviceFlight* flight) noexcept {
    flight->group_first = UINT32_MAX;
    flight->group_last = 0;
    for (std::uint32_t i = 0; i < flight->account_count; ++i) {
        flight->group_first = std::min(flight->group_first, flight->accounts[i].group);
        flight->group_last = std::max(flight->group_last, flight->accounts[i].group);
    }
}

}  // namespace

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
        settle_queue(wave);
        if (--wave->inflight_count == 0 && wave->unresolved == 0) owner_.wave_resolved(wave);
    }
}

// In the queue of a device is who waits for that one: what was served may go on with another.
void DeviceLane::settle_queue(Wave* wave) noexcept {
    OperationList& list = wave->list(Lane::kDevice);
    if (list.is_empty()) {
        take_out(wave);
        return;
    }
    Piece piece;
    if (wave->waits_at == nullptr || !next_piece(&list, &piece) ||
        course_of(piece).room == wave->waits_at) {
        return;
    }
    take_out(wave);
    ready_.insert(wave);
}

// That with the most urgent wave, of the lane's own and those of devices that have a flight for who
// waits.  Every kLowerShare-th time another of them, so that none starves.
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
    const std::uint32_t count_max = course.room->device->copy_count_max(course.way);
    std::byte* const staging = course.room->device->staging(flight->number);
    flight->wave = wave;
    flight->bytes = flight->account_count = 0;
    flight->is_followed = false;
    flight->signals = nullptr;
    Piece piece;
    // Looks for the next piece even when the flight is full: a served list must be empty.
    while (next_piece(&list, &piece)) {
        const Course its = course_of(piece);
        if (its.room != course.room || its.way != course.way) break;
        flight->is_followed = flight->account_count >= count_max || flight->bytes == bytes_max;
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

// Its copies, those that lie behind one another as one.
std::uint32_t DeviceLane::gather(const Course& course, const DeviceFlight& flight) noexcept {
    DeviceRoom& room = *course.room;
    const auto staging = reinterpret_cast<std::uint64_t>(room.device->staging(flight.number));
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < flight.account_count; ++i) {
        const DeviceAccount& account = flight.accounts[i];
        if (i > 0 && goes_on(course.way, flight.accounts[i - 1], account)) {
            room.copies[count - 1].bytes += account.bytes;
            continue;
        }
        const std::uint64_t staged = staging + account.staging_offset;
        room.copies[count++] = {course.way == CopyWay::kFromDevice ? staged : account.target,
                                course.way == CopyWay::kToDevice ? staged : account.source,
                                account.bytes,
                                {}};
    }
    return count;
}

// What is not taken fails; what is left is out.
void DeviceLane::sort_out(const Course& course, DeviceFlight* flight) noexcept {
    const std::uint32_t given_count = flight->account_count;
    const DeviceCopy* copy = course.room->copies;
    std::uint32_t kept_count = 0;
    flight->bytes = 0;
    for (std::uint32_t first = 0, next = 0; first < given_count; first = next, ++copy) {
        for (std::uint64_t bytes = 0; bytes < copy->bytes; ++next) {
            bytes += flight->accounts[next].bytes;
        }
        if (copy->answer.status != BWRT_OK) {
            fail(flight, first, next - first, copy->answer);
            ++counters_.at(route_of(course.way)).error_count;
            continue;
        }
        for (std::uint32_t i = first; i < next; ++i) {
            flight->accounts[kept_count++] = flight->accounts[i];
        }
        flight->bytes += copy->bytes;
    }
    flight->account_count = kept_count;
}

// Hands over its copies, and behind them the signals that belong there and its mark.  Though none
// is taken the device may be at some of them, and the flight is out.
void DeviceLane::launch(const Course& course, DeviceFlight* flight) noexcept {
    DeviceRoom* const room = course.room;
    const std::uint32_t count = gather(course, *flight);
    const bool is_out =
        count != 0 && room->device->copy(course.way, flight->number, room->copies, count);
    sort_out(course, flight);
    if (!is_out) {
        room->free.append(flight);
        return;
    }
    if (course.way != CopyWay::kWithin) {
        counters_.at(route_of(course.way)).staged_bytes += flight->bytes;
    }
    note_groups(flight);
    if (flight->wave->signals != nullptr) write_signals(course, flight);
    counters_.request_started(route_of(course.way));
    send(course, flight);
}

// Puts its mark behind what was enqueued for it: from here on it is out.
void DeviceLane::send(const Course& course, DeviceFlight* flight) noexcept {
    DeviceRoom* const room = course.room;
    flight->started_ns = now_ns_;
    flight->unasked_count = 0;
    flight->is_marked = room->device->mark(course.way, flight->number).status == BWRT_OK;
    ++flight->wave->inflight_count;
    ++room->out_count;
    room->out_of(course.way).append(flight);
    has_moved_ = true;
    if (room->is_busy) return;
    room->is_busy = true;
    room->next_busy = busy_;
    busy_ = room;
}

}  // namespace bwrt::runtime
