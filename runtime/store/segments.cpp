// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/segments.h"

#include <algorithm>

#include "runtime/check.h"

namespace bwrt::runtime {
std::uint64_t Segments::segment_bytes_for(const std::vector<DirectoryBudget>& directories,
                                          std::uint64_t run_bytes_max) noexcept {
    std::uint64_t smallest = ~std::uint64_t{0};
    for (const DirectoryBudget& one : directories) smallest = std::min(smallest, one.bytes);
    const std::uint64_t least =
        std::clamp(16 * run_bytes_max / kMebibyte * kMebibyte, kMebibyte, 16 * kMebibyte);
    return std::clamp(smallest / 128 / kMebibyte * kMebibyte, least, 4096 * kMebibyte);
}

Segments::Segments(const std::vector<DirectoryBudget>& directories, std::uint64_t segment_bytes,
                   std::uint64_t generation_step)
    : segment_bytes_(segment_bytes),
      generation_step_(generation_step),
      directories_(directories.size()) {
    BWRT_CHECK(directories.size() <= kDirectoryCountMax && segment_bytes <= 4096 * kMebibyte);
    for (std::size_t i = 0; i < directories.size(); ++i) {
        const std::uint64_t mine =
            std::min<std::uint64_t>(directories[i].bytes / segment_bytes, kCountMax);
        if (mine < kCountMin) continue;
        directories_[i].segments.resize(mine);
        directories_[i].empty_count = static_cast<std::uint32_t>(mine);
        count_ += mine;
    }
}

// ---- after a restart

// What was in it is gone, whatever came before in the log.
bool Segments::restore_generation(std::uint32_t segment, std::uint64_t generation) noexcept {
    if (!exists(segment)) return false;
    Segment& one = at(segment);
    live_bytes_ -= one.live_bytes;
    one.generation = generation;
    one.used_bytes = one.live_bytes = one.longest_bytes = 0;
    return true;
}

bool Segments::restore_block(const DiskPlace& place, std::uint64_t bytes) noexcept {
    if (!exists(place.segment) || bytes > segment_bytes_ ||
        place.offset_bytes > segment_bytes_ - bytes) {
        return false;
    }
    Segment& one = at(place.segment);
    one.used_bytes = std::max(one.used_bytes, place.offset_bytes + bytes);
    one.live_bytes += bytes;
    one.longest_bytes = std::max(one.longest_bytes, bytes);
    live_bytes_ += bytes;
    return true;
}

void Segments::settle() noexcept {
    for (std::uint32_t number = 0; number < directories_.size(); ++number) {
        Directory& directory = directories_[number];
        std::uint32_t roomiest = kNoSegment;
        directory.empty_count = 0;
        for (std::uint32_t i = 0; i < directory.segments.size(); ++i) {
            Segment& one = directory.segments[i];
            const std::uint32_t segment = number * kCountMax + i;
            if (one.live_bytes == 0) {
                one.state = State::kEmpty;
                one.used_bytes = 0;
                ++directory.empty_count;
                continue;
            }
            one.is_cut = left_of(one) >= one.longest_bytes;
            close(segment);
            if (roomiest == kNoSegment || one.used_bytes < at(roomiest).used_bytes) {
                roomiest = segment;
            }
        }
        if (directory.empty_count != 0 || roomiest == kNoSegment) continue;
        forget_tail(at(roomiest));
        at(roomiest).is_cut = false;
        at(roomiest).state = State::kOpen;
        directory.open[static_cast<std::size_t>(Purpose::kCarry)] = roomiest;
    }
}

// ---- giving out

bool Segments::has_room(std::uint32_t directory, std::uint64_t bytes,
                        Purpose purpose) const noexcept {
    const Directory& one = directories_[directory];
    if (bytes > segment_bytes_) return false;
    if (fits(one.open[static_cast<std::size_t>(purpose)], bytes)) return true;
    return one.empty_count > (purpose == Purpose::kStore ? 1 : 0);
}

DiskPlace Segments::take(std::uint32_t directory, std::uint64_t bytes, Purpose purpose,
                         bool* opened_out) noexcept {
    Directory& one = directories_[directory];
    std::uint32_t& open = one.open[static_cast<std::size_t>(purpose)];
    BWRT_CHECK(has_room(directory, bytes, purpose));
    *opened_out = !fits(open, bytes);
    if (*opened_out) {
        if (open != kNoSegment) close(open);
        open = directory * kCountMax;
        while (at(open).state != State::kEmpty) ++open;
        at(open).state = State::kOpen;
        at(open).generation += generation_step_;
        --one.empty_count;
    }
    Segment& segment = at(open);
    const DiskPlace place = {open, segment.used_bytes};
    segment.used_bytes += bytes;
    segment.live_bytes += bytes;
    live_bytes_ += bytes;
    return place;
}

void Segments::close(std::uint32_t segment) noexcept {
    at(segment).state = State::kFull;
    tail_bytes_ += tail_of(at(segment));
    ++full_count_;
}

void Segments::forget_tail(const Segment& segment) noexcept {
    tail_bytes_ -= tail_of(segment);
    --full_count_;
}

std::uint32_t Segments::next_directory(std::uint64_t bytes) noexcept {
    const auto count = static_cast<std::uint32_t>(directories_.size());
    const std::uint32_t first = turn_++ % count;
    std::uint32_t any = first;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t directory = (first + i) % count;
        if (has_room(directory, bytes, Purpose::kStore)) return directory;
        if (directories_[any].segments.empty()) any = directory;
    }
    return any;
}

// ---- dying

void Segments::release(std::uint32_t segment, std::uint64_t bytes) noexcept {
    BWRT_CHECK(at(segment).live_bytes >= bytes);
    at(segment).live_bytes -= bytes;
    live_bytes_ -= bytes;
    ++release_count_;
}

void Segments::fade(std::uint32_t segment, std::uint64_t bytes) noexcept {
    at(segment).faded_bytes += bytes;
    faded_bytes_ += bytes;
    BWRT_CHECK(at(segment).faded_bytes <= at(segment).live_bytes);
    ++release_count_;
}

void Segments::unfade(std::uint32_t segment, std::uint64_t bytes) noexcept {
    BWRT_CHECK(at(segment).faded_bytes >= bytes);
    at(segment).faded_bytes -= bytes;
    faded_bytes_ -= bytes;
}

void Segments::unhold(std::uint32_t segment) noexcept {
    BWRT_CHECK(at(segment).holders > 0);
    --at(segment).holders;
}

std::uint32_t Segments::begin_emptying(std::uint32_t directory,
                                       std::uint64_t gain_bytes_min) noexcept {
    Directory& one = directories_[directory];
    if (one.emptying != kNoSegment) return kNoSegment;
    std::uint32_t best = kNoSegment;
    const auto count = static_cast<std::uint32_t>(one.segments.size());
    for (std::uint32_t i = directory * kCountMax; i < directory * kCountMax + count; ++i) {
        const Segment& candidate = at(i);
        if (candidate.state != State::kFull || candidate.holders != 0) continue;
        const std::uint64_t left_bytes = left_of(candidate);
        std::uint64_t gain_bytes = candidate.used_bytes - carried_of(candidate);
        if (candidate.is_cut || left_bytes >= segment_bytes_ / 2) gain_bytes += left_bytes;
        if (gain_bytes < gain_bytes_min) continue;
        if (best == kNoSegment || carried_of(candidate) < carried_of(at(best))) best = i;
    }
    if (best == kNoSegment) return kNoSegment;
    at(best).state = State::kEmptying;
    one.emptying = best;
    return best;
}

void Segments::give_up(std::uint32_t segment) noexcept {
    Segment& one = at(segment);
    Directory& directory = directories_[directory_of(segment)];
    one.is_given_up = true;
    if (one.state == State::kEmptying) return;
    if (one.state == State::kEmpty) --directory.empty_count;
    if (one.state == State::kFull) forget_tail(one);
    for (std::uint32_t& open : directory.open) {
        if (open == segment) open = kNoSegment;
    }
    one.state = State::kGivenUp;
}

bool Segments::can_be_emptied(std::uint32_t segment) const noexcept {
    const Segment& one = at(segment);
    return one.state == State::kEmptying && one.live_bytes == 0 && one.holders == 0;
}

void Segments::emptied(std::uint32_t segment) noexcept {
    BWRT_CHECK(can_be_emptied(segment));
    Directory& directory = directories_[directory_of(segment)];
    directory.emptying = kNoSegment;
    forget_tail(at(segment));
    if (at(segment).is_given_up) {
        at(segment).state = State::kGivenUp;
        return;
    }
    at(segment).state = State::kEmpty;
    at(segment).used_bytes = 0;
    at(segment).is_cut = false;
    ++directory.empty_count;
}

}  // namespace bwrt::runtime
