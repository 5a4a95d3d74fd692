// SPDX-License-Identifier: Apache-2.0
//
// test_power_cut.cpp — the power goes, at any moment, and takes any of what was not flushed.
//
//   recorded lives (play.h) ──▶ tape ──any time, any loss──▶ a folder ──▶ opened and asked
//         ▲                                                    │
//         └───────────────── now and then lives go on there ◀──┘
//
// A block is as it was or is not there; one that was acknowledged as durable, and not dropped, is
// there; and a store opens, whatever was lost.  Where nothing was, as after a kill between two
// calls, all is there that was stored, and whole.  Lives are killed as well, so that what one of
// them left unflushed is met by the next one's flushes and by the cut.
//
// BWRT_CRASH_CUTS is how many cuts; BWRT_TEST_SEED chooses what is played and lost, and the
// system's schedule the order of calls of one life.  A folder that failed is left where it is.

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "tests/crash/child.h"
#include "tests/crash/disk_model.h"
#include "tests/crash/play.h"
#include "tests/store/folder.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::crash;
using bwrt::test::Random;

constexpr std::uint32_t kCutCount = 10'000;
constexpr std::uint32_t kCutsOfTape = 100;
constexpr std::uint32_t kTapesOfStore = 3;
constexpr const char* kFirstLog = "log.0000000000000001";

struct Sum {
    std::uint64_t cuts = 0, torn_cuts = 0, tapes = 0, calls = 0, kills = 0, evictions = 0,
                  unlost = 0;
    std::uint64_t stores = 0, logs = 0, carried_bytes = 0;
    std::uint64_t kept = 0, dropped = 0, torn = 0, durable = 0;
    Findings found;
};

// In memory where there is enough of that: nothing here needs a disk that stays.
int enter_roomy_folder(void** state) {
    static char folder[64];
    struct statvfs memory = {};
    const bool has_memory = statvfs("/dev/shm", &memory) == 0 &&
                            memory.f_bavail * memory.f_bsize >= (std::uint64_t{1} << 30);
    std::snprintf(folder, sizeof folder, "%s/power-cut-XXXXXX", has_memory ? "/dev/shm" : ".");
    *state = mkdtemp(folder);
    return *state == nullptr ? -1 : chdir(folder);
}

// What failed stays.
int leave_roomy_folder(void** state) {
    const std::filesystem::path folder = std::filesystem::canonical(".");
    if (std::filesystem::exists("cut")) {
        print_message("left in %s/cut, and what came before in %s/tape\n", folder.c_str(),
                      folder.c_str());
        return 0;
    }
    static_cast<void>(state);
    if (chdir("..") != 0) return -1;
    return std::filesystem::remove_all(folder) == 0 ? -1 : 0;
}

// What the machine must give, or there is no test.
void must(bool given, const char* what) {
    if (given) return;
    std::perror(what);
    std::abort();
}

// An empty folder of that name, and we are in it.
void enter(const char* name) {
    std::filesystem::remove_all(name);
    must(mkdir(name, 0700) == 0 && chdir(name) == 0, name);
}

void leave(const char* name) {
    must(chdir("..") == 0, "..");
    std::filesystem::remove_all(name);
}

class Stage {
 public:
    Stage(Plot plot, const Blocks& blocks, Tape* tape, Random* random, Sum* sum)
        : plot_(plot), blocks_(blocks), tape_(*tape), random_(*random), sum_(*sum) {}

    // Tapes of one store, each begun by what a cut of the one before left.  False: *what_out.
    bool run(std::uint32_t cut_count, std::string* what_out) {
        for (std::uint32_t i = 0; i < kTapesOfStore; ++i) {
            if (!record(what_out)) return false;
            const PowerCuts cuts(&base_, &tape_);
            if (!is_all_on_tape(cuts, what_out)) return false;
            leave("played");
            for (std::uint32_t j = 0; j < cut_count; ++j) {
                if (!cut_once(cuts, what_out)) return false;
            }
            base_.copy(disk_);
            before_ = expected_;
            before_.forget();
        }
        return true;
    }

 private:
    bool record(std::string* what_out) {
        enter("played");
        tape_.begin_anew();
        must(base_.materialise_for(&tape_, "."), "a folder to play in");
        const std::uint32_t lives = random_.between32(1, 3);
        for (std::uint32_t i = 0; i < lives; ++i) {
            const std::uint32_t steps = plot_ == Plot::kFew       ? random_.between32(4, 30)
                                        : plot_ == Plot::kCarried ? random_.between32(40, 160)
                                                                  : random_.between32(200, 600);
            const bool is_killed = random_.one_in(2);
            tape_.lock = 0;
            tape_.ends_at = is_killed ? tape_.now + random_.below(steps * 8) : ~std::uint64_t{0};
            const std::uint64_t seed = random_.bits();
            const int status =
                end_of(begin_child([&] { play(plot_, seed, steps, blocks_, before_, &tape_); }));
            if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
                ++sum_.kills;
            } else if (status != 0) {
                char text[64];
                std::snprintf(text, sizeof text, "a recorded life ended with 0x%x", status);
                *what_out = text;
                return false;
            }
        }
        ++sum_.tapes;
        sum_.calls += tape_.call_count;
        sum_.carried_bytes += tape_.carried_bytes;
        for (std::uint32_t i = 0; i < tape_.call_count; ++i) {
            const bool names = tape_.calls[i].call == Call::kRename;
            sum_.logs += names && std::strcmp(tape_.calls[i].new_name, kFirstLog) != 0 ? 1 : 0;
        }
        for (std::uint32_t i = 0; i < tape_.word_count; ++i) {
            sum_.evictions += tape_.words[i].said == Said::kEvicted ? 1 : 0;
        }
        return true;
    }

    // The model is only worth something if it knows all that was done.
    bool is_all_on_tape(const PowerCuts& cuts, std::string* what_out) {
        if (tape_.is_full) {
            *what_out = "the tape is full";
            return false;
        }
        cuts.keep_all(&disk_);
        return disk_.is_as(".", what_out);
    }

    bool cut_once(const PowerCuts& cuts, std::string* what_out) {
        const std::uint64_t when = cuts.choose(&random_);
        expected_ = before_;
        expected_.hear(tape_, when);
        const PowerCuts::Loss loss = cuts.cut(when, &random_, &disk_);
        enter("cut");
        must(disk_.materialise("."), "a folder that was cut");
        const Look look = {random_.one_in(4), random_.one_in(16), loss.is_none()};
        sum_.unlost += look.is_unlost ? 1 : 0;
        const bool right = survey(blocks_, expected_, look, &sum_.found, what_out);
        count(loss);
        if (!right) {
            char text[160];
            std::snprintf(
                text, sizeof text,
                " (tape %llu, plot %d, cut at %llu of %llu: %u kept, %u dropped, %u torn)",
                static_cast<unsigned long long>(sum_.tapes), static_cast<int>(plot_),
                static_cast<unsigned long long>(when), static_cast<unsigned long long>(tape_.now),
                loss.kept, loss.dropped, loss.torn);
            *what_out += text;
            must(chdir("..") == 0, "..");
            cuts.describe(loss, "tape");
            return false;
        }
        leave("cut");
        return true;
    }

    void count(const PowerCuts::Loss& loss) {
        ++sum_.cuts;
        sum_.torn_cuts += loss.torn != 0 ? 1 : 0;
        sum_.kept += loss.kept;
        sum_.dropped += loss.dropped;
        sum_.torn += loss.torn;
        for (const bool must : expected_.must) sum_.durable += must ? 1 : 0;
    }

    Plot plot_;
    const Blocks& blocks_;
    Tape& tape_;
    Random& random_;
    Sum& sum_;
    Disk base_, disk_;
    Expected before_, expected_;
};

void print(const Sum& sum) {
    const auto ull = [](std::uint64_t number) { return static_cast<unsigned long long>(number); };
    print_message(
        "%llu cuts (%llu with torn writes, %llu as a kill) of %llu tapes with %llu calls and %llu "
        "kills\n",
        ull(sum.cuts), ull(sum.torn_cuts), ull(sum.unlost), ull(sum.tapes), ull(sum.calls),
        ull(sum.kills));
    print_message(
        "%llu stores, in which %llu new logs were made, %llu MiB carried, %llu times something was "
        "evicted\n",
        ull(sum.stores), ull(sum.logs), ull(sum.carried_bytes >> 20), ull(sum.evictions));
    print_message("not flushed: %llu calls kept, %llu dropped, %llu torn\n", ull(sum.kept),
                  ull(sum.dropped), ull(sum.torn));
    print_message("blocks: %llu durable; %llu equal, %llu absent, %llu corrupt, %llu unreadable\n",
                  ull(sum.durable), ull(sum.found.equal), ull(sum.found.absent),
                  ull(sum.found.corrupt), ull(sum.found.unreadable));
}

void what_a_power_cut_leaves_is_right_and_what_was_durable_is_there(void**) {
    Random random(bwrt::test::test_seed());
    Tape* tape = make_tape();
    assert_non_null(tape);
    const Blocks ordinary(kCutBytesMax, kCutChainCount, kFillerBytes);
    const Blocks tiny(700, kCutChainCount, kFillerBytes);
    const std::uint32_t count = count_of_environment("BWRT_CRASH_CUTS", kCutCount);
    Sum sum;
    std::string what;
    while (sum.cuts < count && what.empty()) {
        const std::uint64_t draw = random.below(8);
        const Plot plot = draw < 3 ? Plot::kFew : draw < 5 ? Plot::kCarried : Plot::kRecords;
        Stage stage(plot, plot == Plot::kRecords ? tiny : ordinary, tape, &random, &sum);
        ++sum.stores;
        // The folders of many records are the largest.
        const std::uint32_t cuts = plot == Plot::kRecords ? kCutsOfTape / 2 : kCutsOfTape;
        if (!stage.run(std::min(cuts, count), &what) && what.empty()) what = "?";
    }
    print(sum);
    assert_string_equal(what.c_str(), "");
    if (count < kCutCount) return;
    assert_true(sum.torn_cuts > 0 && sum.dropped > 0 && sum.kills > 0 && sum.durable > 0);
    assert_true(sum.carried_bytes > 0 && sum.logs > 0);
    assert_true(sum.found.equal > 0 && sum.found.absent > 0 && sum.found.corrupt > 0);
}

}  // namespace

int main() {
    // Files are opened by a call that the recorder knows.
    bwrt::test::fail_from_now_on(SYS_openat2, ENOSYS);
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_a_power_cut_leaves_is_right_and_what_was_durable_is_there, enter_roomy_folder,
            leave_roomy_folder),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
