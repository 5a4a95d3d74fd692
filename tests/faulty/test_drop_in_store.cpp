// SPDX-License-Identifier: Apache-2.0
//
// test_drop_in_store.cpp — a block store on a disk that rots: one read in a hundred brings a bit
// that is another.  Each is found, costs its own block, and the rest are right.

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/crash/blocks.h"
#include "tests/store/folder.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::crash;

constexpr std::uint32_t kChainCount = 300;
constexpr std::int64_t kPatienceNs = 60'000'000'000;

class RottenStore {
 public:
    explicit RottenStore(std::uint64_t seed) : memory_(kChainBlocks * blocks_.length_max()) {
        const std::string plan = "seed=" + std::to_string(seed % 1'000'000) + "; read:flip%1";
        assert_int_equal(setenv("BWRT_FAULTS", plan.c_str(), 1), 0);
        const char* const directory = "store";
        bwrt_store store = {};
        store.struct_size = sizeof store;
        store.directories = &directory;
        store.directory_count = 1;
        store.disk_bytes = std::uint64_t{1} << 30;
        bwrt_config config = {};
        config.struct_size = sizeof config;
        config.progress = BWRT_PROGRESS_CALLER;
        config.store = &store;
        bwrt_error error = {};
        const bwrt_status status = bwrt_open(&config, &runtime_, &error);
        if (status != BWRT_OK) print_error("%s: %s\n", error.field, error.message);
        assert_int_equal(status, BWRT_OK);
    }
    ~RottenStore() {
        bwrt_shutdown(runtime_, BWRT_SHUTDOWN_DRAIN, kPatienceNs, nullptr);
        bwrt_close(runtime_, nullptr);
        unsetenv("BWRT_FAULTS");
    }
    RottenStore(const RottenStore&) = delete;
    RottenStore& operator=(const RottenStore&) = delete;

    void put(std::uint32_t chain) { run(BWRT_OP_PUT, chain, 0, kChainBlocks); }

    // Of one block, whose bytes must be right where they are given.
    bwrt_status get(std::uint32_t chain, std::uint32_t position) {
        const bwrt_status status = run(BWRT_OP_GET, chain, position, 1);
        if (status == BWRT_OK) assert_true(run_.is_right(blocks_, 0));
        return status;
    }

    [[nodiscard]] std::uint64_t corrupt_count() const {
        bwrt_store_counters counters = {};
        counters.struct_size = sizeof counters;
        assert_int_equal(bwrt_sample_store(runtime_, &counters, nullptr), BWRT_OK);
        return counters.corrupt_count;
    }

 private:
    bwrt_status run(std::uint32_t kind, std::uint32_t chain, std::uint32_t first,
                    std::uint32_t count) {
        run_.make(blocks_, kind, chain, first, count, memory_.data());
        bwrt_handle handle = 0;
        bwrt_completion completion;
        assert_int_equal(bwrt_submit_wave(runtime_, &run_.wave, &handle, nullptr), BWRT_OK);
        assert_int_equal(bwrt_wait(runtime_, handle, kPatienceNs, &completion, nullptr), BWRT_OK);
        return completion.status;
    }

    const Blocks blocks_{20'000};  // short ones: what counts is how many
    std::vector<unsigned char> memory_;
    Run run_;
    bwrt_runtime* runtime_ = nullptr;
};

void one_read_in_a_hundred_that_rots_costs_its_block_and_no_other(void**) {
    RottenStore store(bwrt::test::test_seed());
    for (std::uint32_t chain = 0; chain < kChainCount; ++chain) store.put(chain);
    std::uint32_t right_count = 0, corrupt_count = 0;
    for (std::uint32_t chain = 0; chain < kChainCount; ++chain) {
        for (std::uint32_t i = 0; i < kChainBlocks; ++i) {
            const bwrt_status status = store.get(chain, i);
            if (status == BWRT_OK) {
                ++right_count;
                continue;
            }
            ++corrupt_count;
            assert_int_equal(status, BWRT_E_CORRUPT);
            assert_int_equal(store.get(chain, i), BWRT_E_MISS);
        }
    }

    print_message("%u right, %u corrupt\n", right_count, corrupt_count);
    assert_int_equal(right_count + corrupt_count, kChainCount * kChainBlocks);
    assert_int_equal(store.corrupt_count(), corrupt_count);
    // One in a hundred of some thousands: neither none nor one in twenty is bad luck.
    assert_true(corrupt_count > 0 && corrupt_count < kChainCount * kChainBlocks / 20);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            one_read_in_a_hundred_that_rots_costs_its_block_and_no_other, bwrt::test::enter_folder,
            bwrt::test::leave_folder),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
