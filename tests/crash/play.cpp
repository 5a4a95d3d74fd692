// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/play.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace bwrt::crash {
namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::int64_t kPatienceNs = 60'000'000'000;
constexpr const char* kDirectory = "store";

constexpr bool is_filler(std::uint32_t chain) noexcept { return chain >= kCutChainCount; }

// Small tables: it is opened ten thousand times.
bwrt_status open_store(std::uint32_t thread_count, std::uint32_t progress,
                       bwrt_runtime** runtime_out, bwrt_error* error) {
    bwrt_store store = {};
    store.struct_size = sizeof store;
    store.directories = &kDirectory;
    store.directory_count = 1;
    store.disk_bytes = 128 * kMebibyte;
    store.transit_bytes = 16 * kMebibyte;
    store.block_count_max = 4096;
    store.block_bytes_max = kFillerBytes;
    store.flight_count_max = 64;
    store.lease_count_max = 16;
    store.tenant_count_max = 1;
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.storage = BWRT_STORAGE_POOL;
    config.progress = progress;
    config.wave_count_max = 16;
    config.operation_count_max = 1024;
    config.slot_count_max = 1024;
    config.region_count_max = 4;
    config.layout_count_max = 1;
    config.plane_count_max = 1;
    config.group_count_max = 1;
    config.queue_depth = 16;
    config.staging_count = 1;
    config.pool_thread_count = thread_count;
    config.store = &store;
    return bwrt_open(&config, runtime_out, error);
}

// What a GET is given: a filler, or a whole chain.
constexpr std::size_t kMemoryBytes = 2 * kMebibyte;
static_assert(kMemoryBytes >= kFillerBytes && kMemoryBytes >= kChainBlocks * kCutBytesMax);

// ---- a life

class Player {
 public:
    Player(Plot plot, std::uint64_t seed, const Blocks& blocks, const Expected& before, Tape* tape)
        : plot_(plot), random_(seed), blocks_(blocks), tape_(*tape) {
        Expected known = before;
        known.hear(*tape, ~std::uint64_t{0});
        there_ = known.may;
        // What was dropped may be back: it is dropped once more where it matters.
        for (Turn& turn : turns_) turn.memory.resize(kMemoryBytes);
    }

    void run(std::uint32_t step_count) {
        const std::uint32_t progress =
            random_.one_in(3) ? BWRT_PROGRESS_CALLER : BWRT_PROGRESS_THREAD;
        bwrt_error error = {};
        if (open_store(random_.between32(1, 4), progress, &runtime_, &error) != BWRT_OK) {
            give_up("open", error.message);
        }
        for (std::uint32_t i = 0; i < step_count; ++i) {
            Turn& turn = turns_[i % kTurnCount];
            if (turn.is_out) end(&turn);
            begin(&turn);
        }
        for (Turn& turn : turns_) {
            if (turn.is_out) end(&turn);
        }
        if (random_.one_in(2)) vanish(&tape_);
        if (bwrt_shutdown(runtime_, BWRT_SHUTDOWN_DRAIN, kPatienceNs, &error) != BWRT_OK ||
            bwrt_close(runtime_, &error) != BWRT_OK) {
            give_up("close", error.message);
        }
    }

 private:
    static constexpr std::uint32_t kTurnCount = 4;

    struct Turn {
        Run run;
        bwrt_handle handle = 0;
        bool is_out = false;
        std::vector<unsigned char> memory;
    };

    [[noreturn]] static void give_up(const char* what, const char* why) {
        std::fprintf(stderr, "recorded life: %s: %s\n", what, why);
        _exit(1);
    }

    [[nodiscard]] bool is_used(std::uint32_t chain) const {
        return std::any_of(turns_.begin(), turns_.end(), [&](const Turn& turn) {
            return turn.is_out && turn.run.chain() == chain;
        });
    }

    [[nodiscard]] std::uint32_t count_of(std::uint32_t chain) const {
        std::uint32_t count = 0;
        for (std::uint32_t i = 0; i < kChainBlocks; ++i) {
            count += there_[chain * kChainBlocks + i] ? 1 : 0;
        }
        return count;
    }

    [[nodiscard]] std::uint32_t count_between(std::uint32_t first, std::uint32_t last) const {
        std::uint32_t count = 0;
        for (std::uint32_t chain = first; chain < last; ++chain) count += count_of(chain);
        return count;
    }

    // Of those that are there, or of all.
    std::uint32_t choose(std::uint32_t first, std::uint32_t last, bool there) {
        for (std::uint32_t i = 0;; ++i) {
            const std::uint32_t chain = random_.between32(first, last - 1);
            if (is_used(chain)) continue;
            if (!there || count_of(chain) != 0 || i > 1000) return chain;
        }
    }

    void begin(Turn* turn) {
        const bool fills = plot_ == Plot::kCarried && random_.below(10) < 5;
        const std::uint32_t first = fills ? kCutChainCount : 0;
        const std::uint32_t last = fills ? kCutChainCount + kFillerCount : kCutChainCount;
        // Fillers go soon, what is small stays: that is what is carried.
        const std::uint32_t most = fills ? 6 : plot_ == Plot::kRecords ? 300 : 80;
        std::uint32_t kind = random_.one_in(8) ? BWRT_OP_GET : BWRT_OP_PUT;
        if (count_between(first, last) > most) kind = BWRT_OP_DROP;
        if (!fills && random_.one_in(10)) kind = BWRT_OP_DROP;
        const std::uint32_t chain = choose(first, last, kind != BWRT_OP_PUT);
        std::uint32_t from = 0, count = 1;
        if (!is_filler(chain)) {
            const bool whole = plot_ == Plot::kRecords || kind == BWRT_OP_DROP;
            from = whole || random_.one_in(2) ? 0 : random_.between32(0, kChainBlocks - 1);
            count = whole ? kChainBlocks : random_.between32(1, std::min(4u, kChainBlocks - from));
        }
        Run& run = turn->run;
        run.make(blocks_, kind, chain, from, count, turn->memory.data());
        const std::uint64_t durable_in = plot_ == Plot::kRecords ? 6 : 2;
        if (kind == BWRT_OP_PUT && !fills && random_.one_in(durable_in)) {
            run.operation.flags |= BWRT_BLOCK_DURABLE;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t key = chain * kChainBlocks + from + i;
            if (kind == BWRT_OP_PUT) tape_.say(Said::kAttempted, key);
            if (kind == BWRT_OP_DROP) tape_.say(Said::kDropping, key);
            if (kind != BWRT_OP_GET) there_[key] = kind == BWRT_OP_PUT;
        }
        bwrt_error error = {};
        if (bwrt_submit_wave(runtime_, &run.wave, &turn->handle, &error) != BWRT_OK) {
            give_up("submit", error.message);
        }
        turn->is_out = true;
    }

    void end(Turn* turn) {
        bwrt_completion completion;
        bwrt_error error = {};
        if (bwrt_wait(runtime_, turn->handle, kPatienceNs, &completion, &error) != BWRT_OK) {
            give_up("wait", error.message);
        }
        turn->is_out = false;
        tell_counts();
        const Run& run = turn->run;
        if (run.operation.kind != BWRT_OP_PUT) return;
        for (std::uint32_t i = 0; i < run.count(); ++i) {
            const bwrt_status status = run.results[i].status;
            if (status != BWRT_OK) give_up("PUT", bwrt_status_name(status));
            const std::uint32_t key = run.chain() * kChainBlocks + run.first() + i;
            const bool is_new = (run.results[i].flags & BWRT_RESULT_PRESENT) == 0;
            const bool durable = (run.operation.flags & BWRT_BLOCK_DURABLE) != 0;
            if (is_new) tape_.say(Said::kStored, key);
            if (durable) tape_.say(Said::kDurable, key);
        }
    }

    void tell_counts() {
        bwrt_store_counters now = {};
        now.struct_size = sizeof now;
        if (bwrt_sample_store(runtime_, &now, nullptr) != BWRT_OK) give_up("sample", "");
        if (now.disk.evicted_count != evicted_count_) tape_.say(Said::kEvicted, 0);
        evicted_count_ = now.disk.evicted_count;
        tape_.carried_bytes += now.carried_bytes - carried_bytes_;
        carried_bytes_ = now.carried_bytes;
    }

    Plot plot_;
    test::Random random_;
    const Blocks& blocks_;
    Tape& tape_;
    bwrt_runtime* runtime_ = nullptr;
    std::array<Turn, kTurnCount> turns_;
    std::vector<bool> there_;
    std::uint64_t evicted_count_ = 0, carried_bytes_ = 0;
};

// ---- a survey

class Surveyor {
 public:
    Surveyor(const Blocks& blocks, const Expected& expected, Findings* findings, std::string* what)
        : blocks_(blocks), expected_(expected), findings_(*findings), what_(*what) {
        static std::vector<unsigned char> memory(kRunCount * kMemoryBytes);
        memory_ = memory.data();
    }

    bool run(const Look& look) {
        is_unlost_ = look.is_unlost;
        bwrt_error error = {};
        if (open_store(1, BWRT_PROGRESS_CALLER, &runtime_, &error) != BWRT_OK) {
            return say("open: %s %s: %s", bwrt_status_name(error.status), error.field,
                       error.message);
        }
        bool right = true;
        const std::uint32_t last = kCutChainCount + (look.at_fillers ? kFillerCount : 0);
        for (std::uint32_t chain = 0; right && chain < last; chain += kRunCount) {
            right = look_at(chain, std::min(kRunCount, last - chain));
        }
        if (right && look.goes_on) right = go_on();
        if (bwrt_shutdown(runtime_, BWRT_SHUTDOWN_DRAIN, kPatienceNs, &error) != BWRT_OK ||
            bwrt_close(runtime_, &error) != BWRT_OK) {
            return say("close: %s", error.message);
        }
        return right;
    }

 private:
    static constexpr std::uint32_t kRunCount = 8;

    template <typename... Arguments>
    bool say(const char* format, Arguments... arguments) {
        char text[400];
        std::snprintf(text, sizeof text, format, arguments...);
        what_ = text;
        return false;
    }

    bool submit(std::uint32_t i) {
        bwrt_error error = {};
        return bwrt_submit_wave(runtime_, &runs_[i].wave, &handles_[i], &error) == BWRT_OK;
    }

    bool wait(std::uint32_t i) {
        bwrt_completion completion;
        bwrt_error error = {};
        return bwrt_wait(runtime_, handles_[i], kPatienceNs, &completion, &error) == BWRT_OK;
    }

    // All of the chains, also what was never put.
    bool look_at(std::uint32_t chain, std::uint32_t count) {
        std::uint32_t failed[kRunCount] = {};
        for (std::uint32_t i = 0; i < count; ++i) {
            runs_[i].make(blocks_, BWRT_OP_GET, chain + i, 0,
                          is_filler(chain + i) ? 1 : kChainBlocks, memory_ + i * kMemoryBytes);
            if (!submit(i)) return say("GET of chain %u was refused", chain + i);
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            if (!wait(i)) return say("GET of chain %u does not end", chain + i);
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            for (std::uint32_t j = 0; j < runs_[i].count(); ++j) {
                if (!judge(runs_[i], j)) return false;
                const bwrt_status status = runs_[i].results[j].status;
                if (status != BWRT_OK && status != BWRT_E_MISS) failed[i] |= 1u << j;
            }
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            for (std::uint32_t j = 0; j < kChainBlocks; ++j) {
                if ((failed[i] >> j & 1) != 0 && !is_miss_now(chain + i, j)) return false;
            }
        }
        return true;
    }

    bool judge(const Run& run, std::uint32_t i) {
        const std::uint32_t chain = run.chain();
        const std::uint32_t key = chain * kChainBlocks + i;
        const bwrt_status status = run.results[i].status;
        if (status == BWRT_OK) {
            ++findings_.equal;
            if (expected_.may[key] && run.is_right(blocks_, i)) return true;
            return say("wrong bytes of chain %u position %u", chain, i);
        }
        const bool must = expected_.must[key] || (is_unlost_ && expected_.must_unlost[key]);
        if (must || (is_unlost_ && status != BWRT_E_MISS && !expected_.may_be_bad[key])) {
            return say("%s: %s of chain %u position %u, %u bytes, errno %d",
                       expected_.must[key] ? "durable and lost"
                       : must              ? "lost by a kill"
                                           : "damaged by a kill",
                       bwrt_status_name(status), chain, i, blocks_.length_of(chain),
                       run.results[i].os_code);
        }
        switch (status) {
            case BWRT_E_MISS:
                findings_.absent += expected_.may[key] ? 1 : 0;
                return true;
            case BWRT_E_CORRUPT:
                ++findings_.corrupt;
                return true;
            case BWRT_E_IO:  // of a file without its name, or its length
                ++findings_.unreadable;
                return true;
            default:
                return say("%s of chain %u position %u", bwrt_status_name(status), chain, i);
        }
    }

    // One wave alone.
    const Run& run_one(std::uint32_t kind, std::uint32_t chain, std::uint32_t first,
                       std::uint32_t count, std::uint32_t flags) {
        runs_[0].make(blocks_, kind, chain, first, count, memory_);
        runs_[0].operation.flags |= flags;
        if (!submit(0) || !wait(0)) runs_[0].results.fill({BWRT_E_INTERNAL, 0, 0, 0, 0, 0});
        return runs_[0];
    }

    bool is_miss_now(std::uint32_t chain, std::uint32_t position) {
        const bwrt_status status = run_one(BWRT_OP_GET, chain, position, 1, 0).results[0].status;
        if (status == BWRT_E_MISS) return true;
        return say("%s of chain %u position %u, and it was damaged", bwrt_status_name(status),
                   chain, position);
    }

    // It is as good a store as any.
    bool go_on() {
        for (std::uint32_t chain = 0; chain < 4; ++chain) {
            for (const std::uint32_t kind : {BWRT_OP_PUT, BWRT_OP_GET}) {
                const std::uint32_t flags = kind == BWRT_OP_PUT ? BWRT_BLOCK_DURABLE : 0;
                const Run& run = run_one(kind, chain, 0, 2, flags);
                for (std::uint32_t i = 0; i < 2; ++i) {
                    const bwrt_status status = run.results[i].status;
                    if (status == BWRT_OK && (kind == BWRT_OP_PUT || run.is_right(blocks_, i))) {
                        continue;
                    }
                    return say("%s of chain %u position %u put anew: %s",
                               kind == BWRT_OP_PUT ? "PUT" : "GET", chain, i,
                               bwrt_status_name(status));
                }
            }
        }
        return true;
    }

    const Blocks& blocks_;
    const Expected& expected_;
    Findings& findings_;
    std::string& what_;
    bwrt_runtime* runtime_ = nullptr;
    std::array<Run, kRunCount> runs_;
    bwrt_handle handles_[kRunCount] = {};
    bool is_unlost_ = false;
    unsigned char* memory_ = nullptr;
};

}  // namespace

void Expected::hear(const Tape& tape, std::uint64_t when) {
    const std::uint32_t count =
        std::min(tape.word_count.load(), std::uint32_t{Tape::kWordCountMax});
    for (std::uint32_t i = 0; i < count; ++i) {
        const TapedWord& word = tape.words[i];
        if (word.when > when) continue;
        switch (word.said) {
            case Said::kAttempted:
                may[word.key] = true;
                break;
            case Said::kStored:
                must_unlost[word.key] = true;
                may_be_bad[word.key] = false;
                break;
            case Said::kDurable:
                must[word.key] = true;
                break;
            case Said::kDropping:
                must[word.key] = must_unlost[word.key] = false;
                may_be_bad[word.key] = true;
                break;
            case Said::kEvicted:
                must.assign(kCutKeyCount, false);
                must_unlost.assign(kCutKeyCount, false);
                may_be_bad.assign(kCutKeyCount, true);
                break;
        }
    }
}

void Expected::forget() {
    must_unlost = must;
    may_be_bad = may;
}

void play(Plot plot, std::uint64_t seed, std::uint32_t step_count, const Blocks& blocks,
          const Expected& before, Tape* tape) {
    record_on(tape);
    Player player(plot, seed, blocks, before, tape);
    player.run(step_count);
    _exit(0);
}

bool survey(const Blocks& blocks, const Expected& expected, const Look& look, Findings* findings,
            std::string* what_out) {
    Surveyor surveyor(blocks, expected, findings, what_out);
    return surveyor.run(look);
}

}  // namespace bwrt::crash
