// SPDX-License-Identifier: Apache-2.0
//
// test_kill.cpp — a process that uses a store is killed, again and again, at any moment.
//
//   parent ──fork──▶ writer: puts, gets, drops ──SIGKILL──▶ du, and every other time a checker
//      └── oracle (shared memory): what each of them attempted and was told
//
// Each beginning is a recovery from what the one before left; one kill in 25 aims at that
// itself.  Two stores take turns: one that never has to evict, of which all that was said to be on
// the disk must be there, and one that evicts all the time, of which what is there must be right.
//
// BWRT_CRASH_KILLS is how many are killed, BWRT_TEST_SEED says when and what they did; the system's
// schedule decides the rest.

#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "tests/crash/child.h"
#include "tests/crash/life.h"
#include "tests/store/folder.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::crash;
using bwrt::test::Random;

constexpr std::uint64_t kDiskBytes = std::uint64_t{128} << 20;
constexpr std::uint32_t kKillCount = 300;

struct Theatre {
    explicit Theatre(std::uint64_t seed) : random(seed) {
        for (Oracle*& oracle : oracles) oracle = make_oracle();
    }
    ~Theatre() {
        for (Oracle* oracle : oracles) free_oracle(oracle);
    }
    Theatre(const Theatre&) = delete;
    Theatre& operator=(const Theatre&) = delete;

    Random random;
    Blocks blocks;
    Scene scenes[2] = {{"keeps", kDiskBytes, true}, {"evicts", kDiskBytes, false}};
    Oracle* oracles[2] = {};
    std::uint32_t kill_count = 0, hit_put_count = 0, hit_recovery_count = 0;
    std::uint64_t largest_bytes = 0;
};

Dice throw_dice(Random* random) {
    Dice dice = {};
    dice.seed = random->bits();
    dice.storage = random->one_in(2) ? BWRT_STORAGE_AUTO : BWRT_STORAGE_POOL;
    dice.progress = random->one_in(4) ? BWRT_PROGRESS_CALLER : BWRT_PROGRESS_THREAD;
    dice.has_host_tier = random->one_in(2);
    return dice;
}

// Files of a store that nobody has open; none where it was not made yet.
template <typename Visit>
void for_each_file(const char* directory, Visit&& visit) {
    std::error_code none;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, none)) {
        if (entry.is_regular_file()) visit(entry.path());
    }
}

// Of all its files, as the file system counts it.
std::uint64_t bytes_used(const char* directory) {
    std::uint64_t bytes = 0;
    for_each_file(directory, [&](const std::filesystem::path& path) {
        struct stat found = {};
        if (lstat(path.c_str(), &found) != 0) return;
        bytes += static_cast<std::uint64_t>(found.st_blocks) * 512;
    });
    return bytes;
}

// The highest number a log has: each new one was made of the one before.
std::uint64_t log_number_of(const char* directory) {
    std::uint64_t highest = 0;
    for_each_file(directory, [&](const std::filesystem::path& path) {
        unsigned long long number = 0;
        if (std::sscanf(path.filename().c_str(), "log.%16llx", &number) == 1) {
            highest = std::max<std::uint64_t>(highest, number);
        }
    });
    return highest;
}

// Or its end.
template <typename Condition>
void await(pid_t child, Condition&& is_so) {
    while (!is_so()) {
        siginfo_t ended = {};
        if (waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            ended.si_pid == child) {
            return;
        }
        sleep_ns(20'000);
    }
}

void kill_one(Theatre* theatre, const Scene& scene, Oracle* oracle) {
    Random& random = theatre->random;
    const Dice dice = throw_dice(&random);
    const bool at_recovery = theatre->kill_count % 25 == 7;
    // As often soon as late, so that segments and logs are met at every stage.
    const std::uint64_t running_ns = 1'000'000 * random.between(1, random.one_in(2) ? 20 : 180);
    const std::uint64_t fraction = random.below(1000);
    oracle->phase = Phase::kBorn;
    oracle->put_count_out = 0;
    const pid_t child =
        begin_child([&] { write_until_killed(scene, dice, theatre->blocks, oracle); });
    if (at_recovery) {
        await(child, [&] { return oracle->phase != Phase::kBorn; });
        sleep_ns(oracle->open_ns * fraction / 1000);
    } else {
        await(child, [&] { return oracle->put_count_out != 0; });
        sleep_ns(running_ns);
    }
    kill(child, SIGKILL);
    const int status = end_of(child);
    ++theatre->kill_count;
    if (oracle->phase == Phase::kOpening) ++theatre->hit_recovery_count;
    if (oracle->put_count_out != 0) ++theatre->hit_put_count;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        oracle->accuse("the writer ended by itself: status 0x%x", static_cast<unsigned>(status));
    }
    const std::uint64_t bytes = bytes_used(scene.directory);
    theatre->largest_bytes = std::max(theatre->largest_bytes, bytes);
    if (bytes > scene.disk_bytes) {
        oracle->accuse("%llu bytes on the disk, of %llu", static_cast<unsigned long long>(bytes),
                       static_cast<unsigned long long>(scene.disk_bytes));
    }
}

void check_one(Theatre* theatre, const Scene& scene, Oracle* oracle) {
    const Dice dice = throw_dice(&theatre->random);
    const bool closes = theatre->random.one_in(2);
    const pid_t child =
        begin_child([&] { check_all(scene, dice, theatre->blocks, closes, oracle); });
    const int status = end_of(child);
    if (status != 0) oracle->accuse("the checker ended with 0x%x", static_cast<unsigned>(status));
}

void print(const Theatre& theatre) {
    print_message(
        "%u kills, %u with a PUT on its way, %u in recovery; at most %llu bytes on disk\n",
        theatre.kill_count, theatre.hit_put_count, theatre.hit_recovery_count,
        static_cast<unsigned long long>(theatre.largest_bytes));
    for (int i = 0; i < 2; ++i) {
        const Oracle& oracle = *theatre.oracles[i];
        const auto ull = [](std::uint64_t number) {
            return static_cast<unsigned long long>(number);
        };
        print_message(
            "%s: %llu blocks put (%llu durable waves), %llu dropped, %llu got, %llu missed; "
            "%llu refused, %llu evicted, %llu MiB written, %llu carried, %llu recovered; log "
            "%llu\n",
            theatre.scenes[i].directory, ull(oracle.put_count), ull(oracle.durable_count),
            ull(oracle.drop_count), ull(oracle.get_count), ull(oracle.miss_count),
            ull(oracle.refused_count), ull(oracle.evicted_count), ull(oracle.written_bytes >> 20),
            ull(oracle.carried_bytes >> 20), ull(oracle.recovered_count),
            ull(log_number_of(theatre.scenes[i].directory)));
        print_message(
            "%s, checked: %llu equal, %llu absent, %llu dropped ones are back; corrupt: %llu, and "
            "%llu while it ran\n",
            theatre.scenes[i].directory, ull(oracle.equal_count), ull(oracle.absent_count),
            ull(oracle.returned_count), ull(oracle.gone_corrupt_count), ull(oracle.corrupt_count));
    }
}

void what_was_stored_survives_a_kill_at_any_moment(void**) {
    Theatre theatre(bwrt::test::test_seed());
    const std::uint32_t count = count_of_environment("BWRT_CRASH_KILLS", kKillCount);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t which = i % 2;
        kill_one(&theatre, theatre.scenes[which], theatre.oracles[which]);
        const bool checks = theatre.random.one_in(3) || i + 2 >= count;
        if (checks) check_one(&theatre, theatre.scenes[which], theatre.oracles[which]);
        if (theatre.oracles[which]->failure[0] != '\0') break;
    }
    print(theatre);
    for (const Oracle* oracle : theatre.oracles) assert_string_equal(oracle->failure, "");

    // That it was a test.
    const Oracle& keeps = *theatre.oracles[0];
    const Oracle& evicts = *theatre.oracles[1];
    assert_true(theatre.hit_put_count * 10 >= theatre.kill_count * 9);
    assert_int_equal(keeps.evicted_count, 0);
    assert_true(keeps.put_count > 0 && keeps.drop_count > 0 && keeps.equal_count > 0);
    assert_true(evicts.put_count > 0 && evicts.equal_count > 0);
    if (count < kKillCount) return;
    // Of so many none of these fails by bad luck.
    assert_true(theatre.hit_recovery_count > 0);
    assert_true(evicts.evicted_count > 0);
    for (int i = 0; i < 2; ++i) {
        assert_true(theatre.oracles[i]->carried_bytes > 0);
        assert_true(log_number_of(theatre.scenes[i].directory) > 1);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_stored_survives_a_kill_at_any_moment,
                                        bwrt::test::enter_folder, bwrt::test::leave_folder),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
