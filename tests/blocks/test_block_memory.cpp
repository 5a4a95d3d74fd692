// SPDX-License-Identifier: Apache-2.0
//
// test_block_memory.cpp — memory that is not to be had while the runtime runs: what needed it
// fails, and the process does not.
//
// The janitor's jobs run on the driver here, so that one thread's allocations can be refused: in a
// job, or between a job's end and the look for the next.

#include <cstdlib>
#include <new>

#include "tests/blocks/block_world.h"

namespace {

thread_local bool is_starved = false;

}  // namespace

void* operator new(std::size_t bytes) {
    void* memory = is_starved ? nullptr : std::malloc(bytes != 0 ? bytes : 1);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace bwrt::test;

const StoreOf kDiskOnly(0, kDiskBytes);

struct StarvingJanitor final : bwrt::runtime::Janitor {
    explicit StarvingJanitor(BlockWorld* of) : world(of) {}

    BlockWorld* const world;
    std::atomic<bool> in_jobs{false}, behind_jobs{false};
    std::atomic<std::uint32_t> job_count{0};

    void start(bwrt::runtime::Job* job) noexcept override {
        is_starved = in_jobs;
        job->run();
        is_starved = false;
        ++job_count;
        bwrt::runtime::Job** last = &finished_;
        while (*last != nullptr) last = &(*last)->next;
        job->next = nullptr;
        *last = job;
        world->storage->wake();  // so that the driver's next turn finds it
    }
    bwrt::runtime::Job* reap() noexcept override {
        bwrt::runtime::Job* job = finished_;
        if (job != nullptr) finished_ = job->next;
        is_starved = job != nullptr && behind_jobs;
        return job;
    }
    [[nodiscard]] bool is_idle() const noexcept override { return finished_ == nullptr; }

 private:
    bwrt::runtime::Job* finished_ = nullptr;
};

std::unique_ptr<StarvingJanitor> janitor_now;  // a test that fails leaves its world to be closed

StarvingJanitor& starve(BlockWorld* world) {
    janitor_now = std::make_unique<StarvingJanitor>(world);
    world->janitor = janitor_now.get();
    return *janitor_now;
}

void a_segment_that_there_is_no_memory_for_fails_its_blocks(void** state) {
    BlockWorld* world = world_of(state);
    StarvingJanitor& janitor = starve(world);
    world->open(kDiskOnly);
    janitor.in_jobs = true;
    for (std::uint32_t i = 0; i < 3; ++i) {
        assert_int_equal(put_to(world, BWRT_TIER_DISK, {i, 0}), BWRT_E_NOMEM);
    }
    janitor.in_jobs = false;
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}), BWRT_OK);
    assert_int_equal(get(world, {1, 0}), BWRT_OK);
    world->close();
}

void a_new_log_that_there_is_no_memory_for_leaves_what_is_there(void** state) {
    BlockWorld* world = world_of(state);
    StarvingJanitor& janitor = starve(world);
    world->open(kDiskOnly);
    janitor.behind_jobs = true;
    const std::uint32_t before = janitor.job_count;
    Key last;  // the first have to go for it
    while (put_to(world, BWRT_TIER_DISK, {last.chain + 1, 0}, 60, 100) == BWRT_OK) ++last.chain;
    assert_true(last.chain > 10);  // no record is put into either log
    assert_true(janitor.job_count >= before + 2);

    assert_int_equal(get(world, last, 1, 100), BWRT_OK);
    janitor.behind_jobs = false;
    world->open_again(kDiskOnly);
    assert_int_equal(get(world, last, 1, 100), BWRT_OK);
    assert_int_equal(put(world, {2, 0}), BWRT_OK);
    world->close();
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(a_segment_that_there_is_no_memory_for_fails_its_blocks),
    IN_BLOCK_WORLD(a_new_log_that_there_is_no_memory_for_leaves_what_is_there),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
