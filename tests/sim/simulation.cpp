// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/simulation.h"

#include <algorithm>

namespace bwrt::sim {
namespace {

constexpr std::uint32_t kStepCountMax = 160;
// Lost requests come back after a minute each, and a handful may follow on one
// another.
constexpr std::uint64_t kDrainNsMax = 3'000'000'000'000;

}  // namespace

Simulation::Simulation(std::uint64_t seed, FaultTable* table)
    : seed_(seed),
      random_(seed),
      table_(*table),
      verdict_(seed),
      storage_(&clock_, &random_, &options_, table, &verdict_),
      host_(&clock_, &random_, &options_, table) {
    draw_options();
}

Simulation::~Simulation() = default;

bool Simulation::run() {
    open();
    const std::uint64_t step_count = random_.between(20, kStepCountMax);
    for (std::uint64_t i = 0; i < step_count && verdict_.is_good(); ++i) step();
    if (verdict_.is_good()) drain();
    if (verdict_.is_good()) close();
    return verdict_.is_good();
}

LiveWave* Simulation::pick_live(bool waitable) {
    if (live_.empty()) return nullptr;
    LiveWave* live = live_[random_.below(live_.size())];
    if (live->obtained || (waitable && live->wave.delivery != BWRT_DELIVER_WAIT)) return nullptr;
    return live;
}

void Simulation::step() {
    const std::uint64_t draw = random_.below(100);
    if (draw < 45) {
        submit();
    } else if (draw < 65) {
        constexpr std::int64_t kTimeouts[] = {0, 0, 1'000, 30'000, 300'000, 3'000'000};
        LiveWave* live = pick_live(true);
        if (live != nullptr) wait_for(live, kTimeouts[random_.below(6)]);
    } else if (draw < 77) {
        poll();
    } else if (draw < 83) {
        if (!gentle_) cancel_one();
    } else if (draw < 90) {
        clock_.advance(random_.below(100'000));
    } else if (draw < 92) {
        quiesce_one();
    } else if (draw < 94) {
        resume_all();
    } else if (draw < 96) {
        release_one();
    } else {
        check_counters(false);
    }
    judge_all();
    for (const LiveWave* live : live_) {
        const bool sources_known =
            std::all_of(live->after.begin(), live->after.end(),
                        [](const LiveWave* before) { return before->judged; });
        if (sources_known) judge_signals(*live, &verdict_);
    }
    if (random_.chance(80)) check_bytes();
}

// ---- the end

void Simulation::drain() {
    resume_all();
    const std::uint64_t until_ns = clock_.peek_ns() + kDrainNsMax;
    while (!live_.empty() && verdict_.is_good()) {
        LiveWave* live = live_[random_.below(live_.size())];
        if (live->wave.delivery == BWRT_DELIVER_WAIT && !live->obtained) {
            wait_for(live, random_.chance(100) ? -1 : 1'000'000'000);
        } else {
            poll();
            clock_.advance(random_.below(20'000'000));
        }
        if (!gentle_ && random_.chance(50)) cancel_one();
        if (random_.chance(30)) break;  // shut down with waves alive
        judge_all();
        if (clock_.peek_ns() > until_ns) {
            verdict_.wrong("wave %u starves", live_.empty() ? 0 : live_[0]->id);
        }
    }
    judge_all();
}

void Simulation::close() {
    const std::uint32_t flags =
        gentle_ || random_.chance(500) ? BWRT_SHUTDOWN_DRAIN : BWRT_SHUTDOWN_CANCEL;
    expectation_.closing = flags == BWRT_SHUTDOWN_CANCEL;
    closing_ = true;
    for (std::uint64_t last = random_.below(6); last > 0; --last) submit();
    const std::uint64_t before_ns = clock_.peek_ns();
    bwrt_status status = bwrt_shutdown(runtime_, flags, 50'000, nullptr);
    if (status == BWRT_E_TIMEOUT) {
        if (bwrt_close(runtime_, nullptr) != BWRT_E_BUSY) verdict_.wrong("closed under waves");
        status = bwrt_shutdown(runtime_, flags, static_cast<std::int64_t>(kDrainNsMax), nullptr);
    }
    if (status != BWRT_OK) verdict_.wrong("shutdown: %s", bwrt_status_name(status));
    if (flags == BWRT_SHUTDOWN_CANCEL && clock_.peek_ns() > before_ns + 2'000'000'000) {
        verdict_.wrong("a shutdown with CANCEL takes %llu ns",
                       static_cast<unsigned long long>(clock_.peek_ns() - before_ns));
    }
    // All is over; the completions can still be had.
    for (std::size_t i = 0; i < 1000 && !live_.empty() && verdict_.is_good(); ++i) {
        for (LiveWave* live : live_) is_over(live);
        judge_all();
    }
    if (!live_.empty()) verdict_.wrong("wave %u never completed", live_[0]->id);
    check_bytes();
    check_results();
    check_rest();
    if (!verdict_.is_good()) return;
    for (const LayoutPlan& layout : model_.layouts) {
        if (bwrt_release(runtime_, layout.handle, nullptr) != BWRT_OK) {
            verdict_.wrong("a layout cannot be released at rest");
        }
    }
    for (Space* space : model_.spaces) {
        if (bwrt_release(runtime_, space->handle, nullptr) != BWRT_OK) {
            verdict_.wrong("%s cannot be released at rest", space->name.c_str());
        }
        if (space->twin != 0 && bwrt_release(runtime_, space->twin, nullptr) != BWRT_OK) {
            verdict_.wrong("%s cannot be released twice", space->name.c_str());
        }
    }
    if (storage_.attached_count() != 0) verdict_.wrong("files stay attached");
    if (bwrt_close(runtime_, nullptr) != BWRT_OK) verdict_.wrong("close failed");
}

}  // namespace bwrt::sim
