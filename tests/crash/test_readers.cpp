// SPDX-License-Identifier: Apache-2.0
//
// test_readers.cpp — one process writes a small store at full speed, four read it all the time.
//
//   parent ──fork──▶ 4 readers: look up, GET, compare     as long as it lasts
//      └─────fork──▶ writer: puts, drops, reclaims ──SIGKILL──▶ the next ... the last one ends
//
// More is written than the store holds several times over, so that what a reader is on its way to
// is moved, gone, or overwritten by another block: two of them ask for many blocks at once, one
// request at a time, so that long passes between their looking and their reading.  A block's bytes
// follow from its name: what comes back is that, to the last byte, or the target is as it was.
// Until the first writer is killed nothing may be corrupt either; a log that ends early may name
// what has been overwritten.
//
// BWRT_CRASH_LIFE_MS is how long each writer has.

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>

#include "tests/crash/blocks.h"
#include "tests/crash/child.h"
#include "tests/store/folder.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::crash;
using bwrt::test::Random;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kDiskBytes = 128 * kMebibyte;
constexpr std::uint32_t kLongestBytes = 256 << 10;
constexpr std::uint32_t kChainCount = 320;  // some 150 MiB
constexpr std::uint32_t kReaderCount = 4;
constexpr std::uint32_t kSlowFirst = 2;    // readers from here on are the slow ones
constexpr std::uint32_t kBurstCount = 96;  // waves that they ask for at once
constexpr std::uint32_t kLifeCount = 4;
constexpr std::uint32_t kLifeMs = 1500;
constexpr std::uint64_t kMillisecondNs = 1'000'000;
constexpr std::int64_t kPatienceNs = 60'000'000'000;

// Seen by all processes.
struct Stage : Accusation {
    std::atomic<std::uint32_t> life;  // 1: of the first writer
    std::atomic<bool> writer_ends, readers_end;
    std::atomic<std::uint64_t> written_bytes, evicted_count, carried_bytes, put_count;
    struct Reader {
        std::atomic<std::uint64_t> get_count, equal_count, miss_count, corrupt_count;
        std::atomic<std::uint64_t> hint_count, event_count, resync_count;
    } readers[kReaderCount];

    [[nodiscard]] std::uint64_t sum(std::atomic<std::uint64_t> Reader::*count) const {
        std::uint64_t total = 0;
        for (const Reader& reader : readers) total += (reader.*count).load();
        return total;
    }
};

struct Play {
    Stage* stage;
    const Blocks* blocks;
    const char* indices;
    std::uint64_t seed;
};

bwrt_runtime* open_store(const Play& play, bool reads, bool slow, std::uint32_t progress,
                         std::uint32_t storage, bwrt_error* error) {
    const char* directory = "store";
    bwrt_store store = {};
    store.struct_size = sizeof store;
    store.flags = reads ? BWRT_STORE_READER : BWRT_STORE_SHARED;
    store.directories = &directory;
    store.directory_count = 1;
    store.disk_bytes = reads ? 0 : kDiskBytes;
    store.transit_bytes = (slow ? 128 : 16) * kMebibyte;
    store.block_bytes_max = kBlockBytesMax;
    store.block_count_max = reads ? 0 : 1 << 14;
    store.flight_count_max = slow ? kBurstCount * kChainBlocks : 64;
    store.index_directory = play.indices;
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.progress = progress;
    config.storage = storage;
    config.queue_depth = slow ? 1 : 0;
    config.pool_thread_count = slow ? 1 : 0;
    config.store = &store;
    bwrt_runtime* runtime = nullptr;
    return bwrt_open(&config, &runtime, error) == BWRT_OK ? runtime : nullptr;
}

void close_store(bwrt_runtime* runtime, Stage* stage) {
    bwrt_error error = {};
    if (bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, &error) != BWRT_OK ||
        bwrt_close(runtime, &error) != BWRT_OK) {
        stage->accuse("close: %s %s", bwrt_status_name(error.status), error.message);
    }
}

// ---- the writer

void write_on(const Play& play) {
    Stage& stage = *play.stage;
    Random random(play.seed);
    bwrt_error error = {};
    const std::uint32_t storage = random.one_in(2) ? BWRT_STORAGE_AUTO : BWRT_STORAGE_POOL;
    bwrt_runtime* runtime = open_store(play, false, false, BWRT_PROGRESS_THREAD, storage, &error);
    if (runtime == nullptr) {
        stage.accuse("the writer: %s %s", error.field, error.message);
        return;
    }
    struct Turn {
        Run run;
        bwrt_handle handle = 0;
    };
    std::array<Turn, 8> turns;
    std::uint64_t before[3] = {};
    for (std::uint32_t i = 0; !stage.writer_ends; ++i) {
        Turn& turn = turns[i % turns.size()];
        bwrt_completion completion;
        if (turn.handle != 0) {
            bwrt_wait(runtime, turn.handle, kPatienceNs, &completion, nullptr);
            for (std::uint32_t k = 0; k < turn.run.count(); ++k) {
                const bwrt_status status = turn.run.results[k].status;
                if (status == BWRT_OK) ++stage.put_count;
                if (status == BWRT_OK || status == BWRT_E_NOSPC) continue;
                stage.accuse("the writer's %u: %s", turn.run.operation.kind,
                             bwrt_status_name(status));
            }
        }
        const std::uint32_t kind = random.one_in(8) ? BWRT_OP_DROP : BWRT_OP_PUT;
        const auto chain = static_cast<std::uint32_t>(random.below(kChainCount));
        const std::uint32_t first = random.one_in(3) ? random.between32(0, kChainBlocks - 1) : 0;
        turn.run.make(*play.blocks, kind, chain, first, random.between32(1, kChainBlocks - first));
        if (bwrt_submit_wave(runtime, &turn.run.wave, &turn.handle, &error) != BWRT_OK) {
            stage.accuse("the writer: %s %s", error.field, error.message);
            return;
        }
        if (i % 32 != 0) continue;
        bwrt_store_counters counters = {};
        counters.struct_size = sizeof counters;
        bwrt_sample_store(runtime, &counters, nullptr);
        stage.written_bytes += counters.written_bytes - before[0];
        stage.evicted_count += counters.disk.evicted_count - before[1];
        stage.carried_bytes += counters.carried_bytes - before[2];
        before[0] = counters.written_bytes;
        before[1] = counters.disk.evicted_count;
        before[2] = counters.carried_bytes;
    }
    close_store(runtime, &stage);
}

// ---- a reader

class Reader {
 public:
    Reader(const Play& play, std::uint32_t number)
        : stage_(*play.stage),
          counts_(play.stage->readers[number]),
          play_(play),
          random_(play.seed + number),
          slow_(number >= kSlowFirst),
          asked_(slow_ ? kBurstCount : 1) {}

    void run(std::uint32_t number) {
        const std::uint32_t progress =
            number % 2 == 0 ? BWRT_PROGRESS_THREAD : BWRT_PROGRESS_CALLER;
        const std::uint32_t storage = number % 3 == 0 ? BWRT_STORAGE_AUTO : BWRT_STORAGE_POOL;
        bwrt_error error = {};
        while (runtime_ == nullptr && !stage_.readers_end) {  // until there is a store
            runtime_ = open_store(play_, true, slow_, progress, storage, &error);
            if (runtime_ == nullptr) usleep(1000);
        }
        for (std::uint32_t i = 0; !stage_.readers_end && stage_.failure[0] == '\0'; ++i) {
            for (Asked& asked : asked_) ask(&asked);
            for (const Asked& asked : asked_) judge(asked);
            if (slow_ || i % 64 == 0) follow();
        }
        if (runtime_ != nullptr) close_store(runtime_, &stage_);
    }

 private:
    struct Asked {
        Run run;
        bwrt_handle handle = 0;
        std::uint32_t life = 0;
        std::vector<unsigned char> memory;
    };

    std::uint32_t look_up(std::uint32_t chain) {
        unsigned char identities[kChainBlocks][32];
        for (std::uint32_t i = 0; i < kChainBlocks; ++i) {
            std::memcpy(identities[i], Blocks::name_of(chain, i).identity, 32);
        }
        bwrt_lookup_query query = {};
        query.struct_size = sizeof query;
        query.identities = identities;
        query.identity_count = kChainBlocks;
        query.part_first = Blocks::part_of(chain);
        std::uint32_t prefix_count = 0;
        bwrt_error error = {};
        if (bwrt_lookup(runtime_, &query, nullptr, &prefix_count, nullptr, &error) != BWRT_OK) {
            stage_.accuse("lookup: %s %s", error.field, error.message);
        }
        return prefix_count;
    }

    void ask(Asked* asked) {
        const auto chain = static_cast<std::uint32_t>(random_.below(kChainCount));
        const std::uint32_t found = look_up(chain);
        counts_.hint_count += found;
        const std::uint32_t count = random_.one_in(4) ? kChainBlocks : found;
        asked->handle = 0;
        asked->life = stage_.life;
        if (count == 0) return;
        asked->memory.resize(std::size_t{count} * play_.blocks->length_of(chain));
        asked->run.make(*play_.blocks, BWRT_OP_GET, chain, 0, count, asked->memory.data());
        std::fill(asked->memory.begin(), asked->memory.end(), 0xEE);
        bwrt_error error = {};
        if (bwrt_submit_wave(runtime_, &asked->run.wave, &asked->handle, &error) != BWRT_OK) {
            stage_.accuse("GET: %s %s", error.field, error.message);
        }
    }

    void judge(const Asked& asked) {
        if (asked.handle == 0) return;
        bwrt_completion completion;
        bwrt_error error = {};
        if (bwrt_wait(runtime_, asked.handle, kPatienceNs, &completion, &error) != BWRT_OK) {
            stage_.accuse("GET: %s %s", error.field, error.message);
            return;
        }
        const std::uint32_t chain = asked.run.chain();
        const std::uint32_t life = asked.life;
        const std::uint32_t length = play_.blocks->length_of(chain);
        for (std::uint32_t i = 0; i < asked.run.count(); ++i) {
            ++counts_.get_count;
            const bwrt_status status = asked.run.results[i].status;
            if (status == BWRT_OK) {
                ++counts_.equal_count;
                if (asked.run.is_right(*play_.blocks, i)) continue;
                stage_.accuse("wrong bytes of chain %u position %u", chain, i);
                continue;
            }
            const unsigned char* target = asked.memory.data() + std::size_t{i} * length;
            const bool is_untouched =
                target[0] == 0xEE && std::memcmp(target, target + 1, length - 1) == 0;
            if (!is_untouched) stage_.accuse("%s, and written to", bwrt_status_name(status));
            ++(status == BWRT_E_CORRUPT ? counts_.corrupt_count : counts_.miss_count);
            // It may have been a life later when it was read.
            const bool may_be = status == BWRT_E_CORRUPT && (life != 1 || stage_.life != 1);
            if (status == BWRT_E_MISS || may_be) continue;
            stage_.accuse("GET: %s, errno %d, in life %u", bwrt_status_name(status),
                          asked.run.results[i].os_code, life);
        }
    }

    void follow() {
        bwrt_event events[64];
        std::uint32_t count = 0;
        do {
            if (bwrt_events(runtime_, &cursor_, events, 64, &count, nullptr) != BWRT_OK) {
                stage_.accuse("events");
            }
            counts_.event_count += count;
            for (std::uint32_t i = 0; i < count; ++i) {
                if (events[i].kind == BWRT_EVENT_RESYNC) ++counts_.resync_count;
            }
        } while (count == 64);
    }

    Stage& stage_;
    Stage::Reader& counts_;
    const Play& play_;
    Random random_;
    bwrt_runtime* runtime_ = nullptr;
    std::uint64_t cursor_ = 0;
    bool slow_;
    std::vector<Asked> asked_;
};

// ---- the parent

// What makes it a test, however slow the machine is.
template <typename Condition>
void await(const Stage& stage, Condition&& is_so) {
    for (std::uint32_t i = 0; i < kChildSeconds * 50; ++i) {
        if (stage.failure[0] != '\0' || is_so()) return;
        sleep_ns(10 * kMillisecondNs);
    }
}

void await_gets(const Stage& stage, std::uint64_t more) {
    const std::uint64_t enough = stage.sum(&Stage::Reader::equal_count) + more;
    await(stage, [&] { return stage.sum(&Stage::Reader::equal_count) >= enough; });
}

void print(const Stage& stage) {
    const auto ull = [](std::uint64_t number) { return static_cast<unsigned long long>(number); };
    print_message("written %llu MiB, %llu blocks, %llu evicted, %llu MiB carried\n",
                  ull(stage.written_bytes >> 20), ull(stage.put_count), ull(stage.evicted_count),
                  ull(stage.carried_bytes >> 20));
    for (const Stage::Reader& reader : stage.readers) {
        print_message(
            "read: %llu blocks, %llu right, %llu missed, %llu corrupt; %llu hints; %llu events, "
            "%llu from the beginning\n",
            ull(reader.get_count), ull(reader.equal_count), ull(reader.miss_count),
            ull(reader.corrupt_count), ull(reader.hint_count), ull(reader.event_count),
            ull(reader.resync_count));
    }
}

void readers_get_what_was_stored_or_nothing(void**) {
    const std::uint32_t life_ms = count_of_environment("BWRT_CRASH_LIFE_MS", kLifeMs);
    const std::uint64_t seed = bwrt::test::test_seed();
    const Blocks blocks(kLongestBytes);
    char indices[] = "/dev/shm/bwrt-test-XXXXXX";
    assert_non_null(mkdtemp(indices));
    void* memory =
        mmap(nullptr, sizeof(Stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    Stage& stage = *static_cast<Stage*>(memory);
    Play play = {&stage, &blocks, indices, seed};

    pid_t readers[kReaderCount];
    for (std::uint32_t i = 0; i < kReaderCount; ++i) {
        readers[i] = begin_child([&] { Reader(play, i).run(i); });
    }
    for (std::uint32_t life = 1; life <= kLifeCount; ++life) {
        stage.life = life;
        play.seed = seed + 1000 * life;
        const pid_t writer = begin_child([&] { write_on(play); });
        await_gets(stage, 200);
        sleep_ns(life_ms * kMillisecondNs);
        if (life == kLifeCount) {
            await(stage, [&] { return stage.evicted_count != 0; });
            stage.writer_ends = true;
        } else {
            stage.life = life + 1;  // from here on its log may end early
            kill(writer, SIGKILL);
        }
        const int status = end_of(writer);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && life == kLifeCount) continue;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && life != kLifeCount) continue;
        stage.accuse("the writer ended with 0x%x", static_cast<unsigned>(status));
    }
    await_gets(stage, 200);  // of a store that nobody writes
    stage.readers_end = true;
    for (const pid_t reader : readers) {
        const int status = end_of(reader);
        if (status != 0) stage.accuse("a reader ended with 0x%x", static_cast<unsigned>(status));
    }
    std::filesystem::remove_all(indices);
    print(stage);
    assert_string_equal(stage.failure, "");

    // That it was a test.
    assert_true(stage.evicted_count > 0);
    if (life_ms >= kLifeMs) assert_true(stage.written_bytes > kDiskBytes);
    for (const Stage::Reader& reader : stage.readers) {
        assert_true(reader.equal_count > 0);
        assert_true(reader.resync_count > 0);
    }
    const std::uint64_t got = stage.sum(&Stage::Reader::get_count);
    assert_true(stage.sum(&Stage::Reader::equal_count) * 10 >= got);
    munmap(memory, sizeof(Stage));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_get_what_was_stored_or_nothing,
                                        bwrt::test::enter_folder, bwrt::test::leave_folder),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
