// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/life.h"

#include <algorithm>
#include <ctime>
#include <memory>

#include "tests/support/random.h"

namespace bwrt::crash {
namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::int64_t kPatienceNs = 60'000'000'000;

// Of the smallest store the policy has some 56 MiB and 2,048 blocks.
constexpr std::int64_t kKeptBytesMax = 28 << 20;
constexpr std::int64_t kKeptCountMax = 1000;

std::uint64_t now_ns() noexcept {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// A runtime on the scene's store.  Null, and the oracle knows why.
bwrt_runtime* open_store(const Scene& scene, const Dice& dice, Oracle* oracle) {
    bwrt_store store = {};
    store.struct_size = sizeof store;
    store.directories = &scene.directory;
    store.directory_count = 1;
    store.disk_bytes = scene.disk_bytes;
    store.host_bytes = dice.has_host_tier ? 16 * kMebibyte : 0;
    store.transit_bytes = 16 * kMebibyte;
    store.block_count_max = 1u << 16;
    store.block_bytes_max = kBlockBytesMax;
    store.flight_count_max = 128;
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.storage = dice.storage;
    config.progress = dice.progress;
    config.store = &store;
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    const std::uint64_t begun_ns = now_ns();
    oracle->phase = Phase::kOpening;
    if (bwrt_open(&config, &runtime, &error) != BWRT_OK) {
        oracle->accuse("open: %s %s: %s", bwrt_status_name(error.status), error.field,
                       error.message);
        return nullptr;
    }
    oracle->open_ns = now_ns() - begun_ns;
    oracle->phase = Phase::kRunning;
    oracle->before = {};
    return runtime;
}

bool wait_for(bwrt_runtime* runtime, bwrt_handle handle, Oracle* oracle) {
    bwrt_completion completion;
    bwrt_error error = {};
    if (bwrt_wait(runtime, handle, kPatienceNs, &completion, &error) == BWRT_OK) return true;
    oracle->accuse("wait: %s %s", bwrt_status_name(error.status), error.message);
    return false;
}

void sample(bwrt_runtime* runtime, Oracle* oracle) {
    bwrt_store_counters now = {};
    now.struct_size = sizeof now;
    if (bwrt_sample_store(runtime, &now, nullptr) != BWRT_OK) return;
    bwrt_store_counters& before = oracle->before;
    oracle->evicted_count += now.disk.evicted_count - before.disk.evicted_count;
    oracle->carried_bytes += now.carried_bytes - before.carried_bytes;
    oracle->written_bytes += now.written_bytes - before.written_bytes;
    oracle->recovered_count += now.recovered_count - before.recovered_count;
    before = now;
}

class Writer {
 public:
    Writer(const Scene& scene, const Dice& dice, const Blocks& blocks, Oracle* oracle)
        : scene_(scene), blocks_(blocks), oracle_(*oracle), random_(dice.seed), chances_(dice) {
        for (Turn& turn : turns_) turn.memory.resize(kTurnBytes);
        for (std::uint32_t key = 0; key < kKeyCount; ++key) {
            const Told told = oracle_.told[key];
            if (told == Told::kDropping || told == Told::kDropped)
                oracle_.told[key] = Told::kUnsure;
            if (is_kept(oracle_.told[key])) keep(key / kChainBlocks, 1);
        }
    }

    void run(bwrt_runtime* runtime) {
        for (std::uint32_t i = 0; oracle_.failure[0] == '\0'; ++i) {
            Turn& turn = turns_[i % kTurnCount];
            if (turn.is_out) end(runtime, &turn);
            begin(runtime, &turn, i);
            if (i % 16 == 0) sample(runtime, &oracle_);
        }
    }

 private:
    static constexpr std::uint32_t kTurnCount = 8;
    static constexpr std::size_t kTurnBytes = 4 * kMebibyte;

    struct Turn {
        Run run;
        bwrt_handle handle = 0;
        bool is_out = false;
        std::size_t dropped_before = 0;  // when it was submitted
        std::vector<unsigned char> memory;
    };

    // It may take room.
    static bool is_kept(Told told) {
        return told != Told::kNothing && told != Told::kDropped && told != Told::kGone;
    }

    void keep(std::uint32_t chain, int sign) {
        const auto bytes = static_cast<std::int64_t>(blocks_.length_of(chain) / 4096 + 2) * 4096;
        kept_bytes_ += sign * bytes;
        kept_count_ += sign;
    }

    [[nodiscard]] bool must_drop() const {
        return scene_.keeps_all && (kept_bytes_ > kKeptBytesMax || kept_count_ > kKeptCountMax);
    }

    [[nodiscard]] bool is_used(std::uint32_t chain) const {
        return std::any_of(turns_.begin(), turns_.end(), [&](const Turn& turn) {
            return turn.is_out && turn.run.chain() == chain;
        });
    }

    // Of a chain that no wave has: blocks have one fate at a time.
    std::uint32_t choose_chain(bool kept) {
        for (;;) {
            auto chain = static_cast<std::uint32_t>(random_.below(kChainCount));
            for (std::uint32_t i = 0; kept && i < kChainCount; ++i) {
                if (has_kept(chain)) break;
                chain = (chain + 1) % kChainCount;
            }
            if (!is_used(chain)) return chain;
        }
    }

    [[nodiscard]] bool has_kept(std::uint32_t chain) const {
        for (std::uint32_t i = 0; i < kChainBlocks; ++i) {
            if (is_kept(oracle_.told[key_of(chain, i)])) return true;
        }
        return false;
    }

    // Every other wave is a PUT, so that one is on its way at all times.
    std::uint32_t choose_kind(std::uint32_t number) {
        const bool must = must_drop();
        if (number % 2 == 0 && !(must && kept_bytes_ > kKeptBytesMax / 4 * 5)) return BWRT_OP_PUT;
        if (must) return BWRT_OP_DROP;
        const std::uint64_t draw = random_.below(16);
        if (draw < 4) return BWRT_OP_PUT;
        if (draw < 14) return BWRT_OP_GET;
        if (draw == 14 && chances_.has_host_tier) return BWRT_OP_PREFETCH;
        return BWRT_OP_DROP;
    }

    void begin(bwrt_runtime* runtime, Turn* turn, std::uint32_t number) {
        const std::uint32_t kind = choose_kind(number);
        const std::uint32_t chain = choose_chain(kind != BWRT_OP_PUT && !random_.one_in(8));
        const auto most = static_cast<std::uint32_t>(
            std::min<std::size_t>(kTurnBytes / blocks_.length_of(chain), kChainBlocks));
        std::uint32_t first = random_.one_in(3) ? random_.between32(0, kChainBlocks - 1) : 0;
        std::uint32_t count = random_.between32(1, std::min(most, kChainBlocks - first));
        if (kind == BWRT_OP_DROP && (must_drop() || random_.one_in(2))) {
            first = 0;
            count = kChainBlocks;
        }
        Run& run = turn->run;
        run.make(blocks_, kind, chain, first, count, turn->memory.data());
        if (kind == BWRT_OP_PUT) decide_put(&run);
        tell_attempt(run);
        bwrt_error error = {};
        turn->is_out = true;
        turn->dropped_before = dropped_.size();
        if (bwrt_submit_wave(runtime, &run.wave, &turn->handle, &error) != BWRT_OK) {
            oracle_.accuse("submit: %s %s: %s", bwrt_status_name(error.status), error.field,
                           error.message);
        }
    }

    void decide_put(Run* run) {
        if (random_.one_in(8)) {
            run->operation.flags |= BWRT_BLOCK_DURABLE;
            ++oracle_.durable_count;
        }
        if (random_.one_in(2)) run->operation.tier = BWRT_TIER_DISK;
    }

    void tell_attempt(const Run& run) {
        const std::uint32_t kind = run.operation.kind;
        if (kind == BWRT_OP_PUT) ++oracle_.put_count_out;
        for (std::uint32_t i = 0; i < run.count(); ++i) {
            std::atomic<Told>& told = oracle_.told[key_of(run.chain(), run.first() + i)];
            if (kind == BWRT_OP_PUT) {
                if (!is_kept(told)) keep(run.chain(), 1);
                // One that is on the disk stays there whatever becomes of this.
                if (told != Told::kOnDisk) told = Told::kAttempted;
            } else if (kind == BWRT_OP_DROP && is_kept(told)) {
                told = Told::kDropping;
            }
        }
    }

    void end(bwrt_runtime* runtime, Turn* turn) {
        if (!wait_for(runtime, turn->handle, &oracle_)) return;
        turn->is_out = false;
        const Run& run = turn->run;
        for (std::uint32_t i = 0; i < run.count(); ++i) {
            const bwrt_result& result = run.results[i];
            std::atomic<Told>& told = oracle_.told[key_of(run.chain(), run.first() + i)];
            switch (run.operation.kind) {
                case BWRT_OP_PUT:
                    put_ended(result, &told, turn->dropped_before);
                    break;
                case BWRT_OP_DROP:
                    drop_ended(run, result, &told);
                    break;
                case BWRT_OP_GET:
                    get_ended(run, i, told);
                    break;
                default:
                    break;
            }
        }
        if (run.operation.kind == BWRT_OP_PUT) --oracle_.put_count_out;
    }

    void put_ended(const bwrt_result& result, std::atomic<Told>* told, std::size_t dropped_before) {
        if (result.status == BWRT_OK) {
            ++oracle_.put_count;
            if (result.tier == BWRT_TIER_DISK) {
                *told = Told::kOnDisk;
                if ((result.flags & BWRT_RESULT_PRESENT) == 0) are_gone(dropped_before);
            } else if (*told != Told::kOnDisk) {
                *told = Told::kInMemory;
            }
        } else if (result.status == BWRT_E_NOSPC) {
            ++oracle_.refused_count;
            if (scene_.keeps_all) oracle_.accuse("a PUT found no room where there is enough");
        } else {
            oracle_.accuse("PUT: %s, errno %d", bwrt_status_name(result.status), result.os_code);
        }
    }

    // The log is written in its order: what was dropped before a PUT came that is in it now.
    void are_gone(std::size_t count) {
        for (; gone_count_ < count; ++gone_count_) {
            const std::uint32_t key = dropped_[gone_count_];
            // Unless it was put and dropped again since.
            if (last_drop_[key] != gone_count_) continue;
            if (oracle_.told[key] == Told::kDropped) oracle_.told[key] = Told::kGone;
        }
    }

    void drop_ended(const Run& run, const bwrt_result& result, std::atomic<Told>* told) {
        if (result.status != BWRT_OK) {
            oracle_.accuse("DROP: %s", bwrt_status_name(result.status));
            return;
        }
        if (*told != Told::kDropping) return;
        ++oracle_.drop_count;
        *told = Told::kDropped;
        const auto key = static_cast<std::uint32_t>(told - oracle_.told);
        last_drop_[key] = dropped_.size();
        dropped_.push_back(key);
        keep(run.chain(), -1);
    }

    void get_ended(const Run& run, std::uint32_t i, Told told) {
        const bwrt_result& result = run.results[i];
        const std::uint32_t position = run.first() + i;
        ++oracle_.get_count;
        if (result.status == BWRT_OK) {
            if (!run.is_right(blocks_, i)) {
                oracle_.accuse("wrong bytes of chain %u position %u", run.chain(), position);
            }
        } else if (result.status == BWRT_E_MISS || result.status == BWRT_E_CORRUPT) {
            ++(result.status == BWRT_E_MISS ? oracle_.miss_count : oracle_.corrupt_count);
            if (scene_.keeps_all && told == Told::kOnDisk) {
                oracle_.accuse("lost: %s of chain %u position %u", bwrt_status_name(result.status),
                               run.chain(), position);
            }
        } else {
            oracle_.accuse("GET: %s, errno %d", bwrt_status_name(result.status), result.os_code);
        }
    }

    const Scene& scene_;
    const Blocks& blocks_;
    Oracle& oracle_;
    test::Random random_;
    const Dice& chances_;
    std::array<Turn, kTurnCount> turns_;
    std::int64_t kept_bytes_ = 0, kept_count_ = 0;
    std::vector<std::uint32_t> dropped_;  // keys, in the order in which they were
    std::vector<std::size_t> last_drop_ = std::vector<std::size_t>(kKeyCount);
    std::size_t gone_count_ = 0;  // of dropped_, that cannot come back
};

class Checker {
 public:
    Checker(const Scene& scene, const Blocks& blocks, Oracle* oracle)
        : scene_(scene), blocks_(blocks), oracle_(*oracle) {
        memory_.resize(std::size_t{kChainBlocks} * kBlockBytesMax);
    }

    void run(bwrt_runtime* runtime) {
        for (std::uint32_t chain = 0; chain < kChainCount && oracle_.failure[0] == '\0'; ++chain) {
            if (was_put(chain)) check(runtime, chain);
        }
    }

 private:
    [[nodiscard]] bool was_put(std::uint32_t chain) const {
        for (std::uint32_t i = 0; i < kChainBlocks; ++i) {
            if (oracle_.told[key_of(chain, i)] != Told::kNothing) return true;
        }
        return false;
    }

    bool get(bwrt_runtime* runtime, std::uint32_t chain, std::uint32_t first, std::uint32_t count) {
        run_.make(blocks_, BWRT_OP_GET, chain, first, count, memory_.data());
        bwrt_handle handle = 0;
        bwrt_error error = {};
        if (bwrt_submit_wave(runtime, &run_.wave, &handle, &error) != BWRT_OK) {
            oracle_.accuse("submit: %s %s", bwrt_status_name(error.status), error.message);
            return false;
        }
        return wait_for(runtime, handle, &oracle_);
    }

    void check(bwrt_runtime* runtime, std::uint32_t chain) {
        if (!get(runtime, chain, 0, kChainBlocks)) return;
        std::uint32_t corrupt = 0;
        for (std::uint32_t i = 0; i < kChainBlocks; ++i) {
            judge(chain, i);
            if (run_.results[i].status == BWRT_E_CORRUPT) corrupt |= 1u << i;
        }
        for (std::uint32_t i = 0; i < kChainBlocks; ++i) {
            if ((corrupt >> i & 1) == 0 || !get(runtime, chain, i, 1)) continue;
            if (run_.results[0].status == BWRT_E_MISS) continue;
            oracle_.accuse("%s, and it was damaged: chain %u position %u",
                           bwrt_status_name(run_.results[0].status), chain, i);
        }
    }

    void judge(std::uint32_t chain, std::uint32_t position) {
        const bwrt_status status = run_.results[position].status;
        const Told told = oracle_.told[key_of(chain, position)];
        const bool unsure =
            told == Told::kDropping || told == Told::kDropped || told == Told::kUnsure;
        switch (status) {
            case BWRT_OK:
                ++oracle_.equal_count;
                if (told == Told::kDropped) ++oracle_.returned_count;
                if (told == Told::kGone) {
                    oracle_.accuse("dropped, and back: chain %u position %u", chain, position);
                }
                if (told == Told::kNothing || !run_.is_right(blocks_, position)) {
                    oracle_.accuse("wrong bytes of chain %u position %u after a kill", chain,
                                   position);
                }
                return;
            case BWRT_E_MISS:
                if (told != Told::kNothing) ++oracle_.absent_count;
                break;
            case BWRT_E_CORRUPT:
                ++oracle_.gone_corrupt_count;
                if (scene_.keeps_all && !unsure) {
                    oracle_.accuse("damaged by a kill: chain %u position %u", chain, position);
                }
                break;
            default:
                oracle_.accuse("GET after a kill: %s, errno %d", bwrt_status_name(status),
                               run_.results[position].os_code);
        }
        if (!scene_.keeps_all || told != Told::kOnDisk) return;
        oracle_.accuse("lost by a kill: %s of chain %u position %u, %u bytes",
                       bwrt_status_name(status), chain, position, blocks_.length_of(chain));
    }

    const Scene& scene_;
    const Blocks& blocks_;
    Oracle& oracle_;
    Run run_;
    std::vector<unsigned char> memory_;
};

}  // namespace

void write_until_killed(const Scene& scene, const Dice& dice, const Blocks& blocks,
                        Oracle* oracle) {
    Writer writer(scene, dice, blocks, oracle);
    bwrt_runtime* runtime = open_store(scene, dice, oracle);
    if (runtime != nullptr) writer.run(runtime);
}

void check_all(const Scene& scene, const Dice& dice, const Blocks& blocks, bool closes,
               Oracle* oracle) {
    Checker checker(scene, blocks, oracle);
    bwrt_runtime* runtime = open_store(scene, dice, oracle);
    if (runtime == nullptr) return;
    checker.run(runtime);
    sample(runtime, oracle);
    if (!closes) return;
    oracle->phase = Phase::kClosing;
    bwrt_error error = {};
    if (bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, &error) != BWRT_OK ||
        bwrt_close(runtime, &error) != BWRT_OK) {
        oracle->accuse("close: %s %s", bwrt_status_name(error.status), error.message);
    }
}

}  // namespace bwrt::crash
