// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/advice.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "tools/output.h"

namespace bwrt::replay {
namespace {

using tools::format_bytes;

constexpr double kPoint = 1.0;            // of hits: what makes a tier short
constexpr double kWrittenPerRead = 4;     // from here on writing is worth a word
constexpr double kBusyPercentShort = 90;  // of processors
constexpr double kTurnPercentLong = 50;   // of the time to first token, for one's turn
constexpr double kLoadPercentShort = 1;   // likewise, in loading: what a faster tier can save
constexpr double kSinglePercentLeast = 0.5;

[[gnu::format(printf, 1, 2)]] std::string said(const char* format, ...) {
    char text[512];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return text;
}

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

// As an option takes it, and as few digits as that allows: "1536m", or "20k" where it is less.
std::string option_bytes(double bytes) {
    constexpr double kKiB = 1024, kMiB = kKiB * 1024;
    const bool is_large = bytes >= 16 * kMiB;
    return said(is_large ? "%.0fm" : "%.0fk", std::ceil(bytes / (is_large ? kMiB : kKiB)));
}

struct Sums {
    std::uint64_t blocks = 0, host = 0, disk = 0;
    std::uint64_t wait_ns = 0, turn_ns = 0, load_ns = 0;

    [[nodiscard]] double load_percent() const { return percent(load_ns, wait_ns); }
};

Sums sums_of(const ReplayResult& result) {
    Sums sums;
    for (const Served& served : result.served) {
        sums.blocks += served.block_count;
        sums.host += served.host_count;
        sums.disk += served.disk_count;
        sums.wait_ns += served.wait_ns();
        sums.turn_ns += served.begun_ns - served.arrival_ns;
        sums.load_ns += served.loaded_ns - served.begun_ns;
    }
    return sums;
}

// A tier, what blocks took of it, and twice of that, by leaf-LRU.
struct Step {
    Step(const char* tier_name, const char* tier_option, const MissCurve& curve,
         std::uint64_t tier_bytes, std::uint64_t taken_bytes, std::uint64_t block_bytes)
        : name(tier_name),
          option(tier_option),
          size_bytes(tier_bytes),
          room_bytes(taken_bytes),
          percent_now(curve.hit_percent(taken_bytes / block_bytes)),
          percent_twice(curve.hit_percent(2 * (taken_bytes / block_bytes))) {}
    [[nodiscard]] double gain() const { return percent_twice - percent_now; }

    // With what option it has room for so much of blocks: not all of a tier can be blocks, and of a
    // larger one the same share is taken to be.
    [[nodiscard]] std::string for_room(std::uint64_t bytes) const {
        const double share =
            room_bytes == 0 ? 1 : static_cast<double>(size_bytes) / static_cast<double>(room_bytes);
        return said("%s %s (%s of it blocks)", option,
                    option_bytes(share * static_cast<double>(bytes)).c_str(),
                    format_bytes(bytes).c_str());
    }

    const char* name;
    const char* option;
    std::uint64_t size_bytes, room_bytes;
    double percent_now, percent_twice;
};

struct Tiers {
    Step memory, disk;

    // Together they have what the larger one has.
    [[nodiscard]] const Step& reach() const {
        return disk.room_bytes > memory.room_bytes ? disk : memory;
    }
};

std::string short_of(const Step& step, const char* where) {
    return said(
        "%s is short: with twice the room, %s, leaf-LRU finds %.1f %% of the blocks asked for %s "
        "instead of %.1f %%, %.1f points more.",
        step.name, step.for_room(2 * step.room_bytes).c_str(), step.percent_twice, where,
        step.percent_now, step.gain());
}

std::string verdict_of(const Tiers& tiers, const Sums& sums) {
    const Step& memory = tiers.memory;
    const Step& reach = tiers.reach();
    const double found_percent = percent(sums.host + sums.disk, sums.blocks);
    if (reach.percent_now - found_percent >= kPoint) {
        return said(
            "Less was found than there is room for: %.1f %% of the blocks asked for, where "
            "leaf-LRU "
            "finds %.1f %% in the %s that blocks took at most.",
            found_percent, reach.percent_now, format_bytes(reach.room_bytes).c_str());
    }
    if (reach.gain() >= kPoint) return short_of(reach, "in some tier");
    if (memory.gain() >= kPoint && sums.load_percent() < kLoadPercentShort) {
        return said(
            "No tier is short: more memory would turn hits on disk into hits in memory, but "
            "loading takes %.1f %% of the time to first tokens.",
            sums.load_percent());
    }
    if (memory.gain() >= kPoint) return short_of(memory, "in it and not on disk alone");
    if (tiers.disk.size_bytes == 0 || memory.size_bytes == 0) {
        return said("The tier is not short: twice the room gives %.1f points more.", reach.gain());
    }
    return said(
        "No tier is short: by leaf-LRU, twice the memory finds %.1f points more of the blocks, "
        "twice the larger tier %.1f points more.",
        memory.gain(), reach.gain());
}

void tell_hits(const Sums& sums, const MissCurve& curve, std::vector<std::string>& out) {
    out.push_back(
        said("Measured: of %llu blocks asked for, %.1f %% were in memory and %.1f %% on disk. "
             "Without bounds it would have been %.1f %%: all others were asked for the first time.",
             static_cast<unsigned long long>(sums.blocks), percent(sums.host, sums.blocks),
             percent(sums.disk, sums.blocks), curve.hit_percent(curve.block_count())));
}

void tell_size(const Step& step, const Measured& measured, const MissCurve& curve,
               std::vector<std::string>& out) {
    if (step.size_bytes == 0) return;
    out.push_back(said(
        "%s of %s: blocks took %s of it at most, room for %.1f %% of the different ones. By "
        "leaf-LRU that has %.1f %% of what is asked for, and twice the room %.1f %%.",
        step.name, format_bytes(step.size_bytes).c_str(), format_bytes(step.room_bytes).c_str(),
        percent(step.room_bytes / measured.block_bytes, curve.block_count()), step.percent_now,
        step.percent_twice));
}

void tell_enough(const Step& reach, const Measured& measured, const MissCurve& curve,
                 std::vector<std::string>& out) {
    const std::uint64_t all = curve.hit_count(curve.block_count());
    const std::uint64_t point = curve.reference_count() / 100;
    if (all <= point) return;
    const std::uint64_t blocks = curve.capacity_for(all - point);
    const std::uint64_t bytes = blocks * measured.block_bytes;
    const bool is_there = bytes <= reach.room_bytes;
    const std::string takes = is_there ? format_bytes(bytes) + " of blocks" : reach.for_room(bytes);
    out.push_back(
        said("To come within a point of all that can be had takes %s, room for %.1f %% of the "
             "different ones%s.",
             takes.c_str(), percent(blocks, curve.block_count()), is_there ? ": it is there" : ""));
}

void tell_writes(const Measured& measured, const MissCurve& curve, std::vector<std::string>& out) {
    const CacheFigures& cache = measured.result->cache;
    const auto written = static_cast<double>(cache.disk_written_bytes);
    if (written < kWrittenPerRead * static_cast<double>(cache.disk_delivered_bytes)) return;
    if (written == 0 || measured.write_touch_count > 1) return;
    const double single_percent = percent(curve.single_count(), curve.block_count());
    if (single_percent < kSinglePercentLeast) return;
    out.push_back(said(
        "%s were written to disk for %s delivered from it, and %.0f %% of the different blocks "
        "were never asked for again. --write-touches 2 writes less, and finds less on disk: a "
        "block is written at its second use only while it is in memory.",
        format_bytes(cache.disk_written_bytes).c_str(),
        format_bytes(cache.disk_delivered_bytes).c_str(), single_percent));
}

// What keeps first tokens waiting most, where that is no tier.
const char* most_of(const Measured& measured, double busy_percent, double turn_percent) {
    if (busy_percent >= kBusyPercentShort) {
        return ": more of them would shorten it before any tier does";
    }
    if (turn_percent < kTurnPercentLong) return "";
    return measured.speed > 1 ? ". The replay did not keep up with its --speed: a lower one tells "
                                "more"
                              : ". Loading and storing did not keep up with arrivals";
}

void tell_time(const Measured& measured, const Sums& sums, std::vector<std::string>& out) {
    const ReplayResult& result = *measured.result;
    const double busy =
        percent(result.prefill_busy_ns / result.stream_count, result.prefill_end_ns);
    const double turns = percent(sums.turn_ns, sums.wait_ns);
    const double loads = sums.load_percent();
    out.push_back(
        said("Of all the time to first tokens, %.0f %% passed until those before were loaded and "
             "stored, %.0f %% in loading, and %.0f %% in line for simulated processors and in "
             "computing. These were busy %.0f %% of the time%s.",
             turns, loads, 100 - turns - loads, busy, most_of(measured, busy, turns)));
}

void tell_trouble(const ReplayResult& result, std::vector<std::string>& out) {
    const auto tell = [&](std::uint64_t count, const char* what) {
        if (count != 0)
            out.push_back(said("%llu %s.", static_cast<unsigned long long>(count), what));
    };
    tell(result.wrong_block_count, "BLOCKS WERE DELIVERED WRONG: that is a fault of bwrt's");
    tell(result.cache.corrupt_count,
         "blocks did not verify and were computed anew: look after the disk");
    tell(result.late_load_count,
         "loads were cut off by their deadline: the disk is slow, or the "
         "deadline near");
}

}  // namespace

Room room_of(const Measured& measured) {
    if (measured.result->samples.empty()) return {measured.host_bytes, measured.disk_bytes};
    Room room;
    for (const ReplaySample& sample : measured.result->samples) {
        room.host_bytes = std::max(room.host_bytes, sample.cache.host_used_bytes);
        room.disk_bytes = std::max(room.disk_bytes, sample.cache.disk_used_bytes);
    }
    // A policy does not tell, and what has taken nothing has all of it.
    if (room.host_bytes == 0 && room.disk_bytes == 0) {
        return {measured.host_bytes, measured.disk_bytes};
    }
    return room;
}

Advice advice_of(const Measured& measured, const MissCurve& curve) {
    const ReplayResult& result = *measured.result;
    if (result.served.empty() || curve.reference_count() == 0) {
        return {"Nothing was asked for, so nothing can be said.", {}};
    }
    const Sums sums = sums_of(result);
    const Room room = room_of(measured);
    const std::uint64_t block_bytes = measured.block_bytes;
    const Tiers tiers = {
        {"Memory", "--dram", curve, measured.host_bytes, room.host_bytes, block_bytes},
        {"Disk", "--disk", curve, measured.disk_bytes, room.disk_bytes, block_bytes}};
    Advice advice;
    advice.verdict = verdict_of(tiers, sums);
    tell_trouble(result, advice.reasons);
    tell_hits(sums, curve, advice.reasons);
    tell_size(tiers.memory, measured, curve, advice.reasons);
    tell_size(tiers.disk, measured, curve, advice.reasons);
    tell_enough(tiers.reach(), measured, curve, advice.reasons);
    tell_writes(measured, curve, advice.reasons);
    tell_time(measured, sums, advice.reasons);
    return advice;
}

}  // namespace bwrt::replay
