// SPDX-License-Identifier: Apache-2.0
//
// What is late, never comes, or comes in another order: when results are there, what a cancel does
// to those that are held, and what a driver that sleeps learns.  Times are only ever bounded from
// below.

#include <poll.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "runtime/faulty/faulty_storage.h"
#include "tests/faulty/faulty_world.h"

namespace bwrt::test {
namespace {

std::int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// As many requests as refusal_count says are refused by this one, as a busy one may.
class ReluctantStorage final : public StorageBackend {
 public:
    ReluctantStorage(std::unique_ptr<StorageBackend> inner, std::uint32_t refusal_count)
        : inner_(std::move(inner)), refusal_count_(refusal_count) {}

    std::int32_t attach_file(int fd) noexcept override { return inner_->attach_file(fd); }
    void detach_file(std::int32_t file) noexcept override { inner_->detach_file(file); }
    std::int32_t attach_buffer(void* address, std::size_t bytes) noexcept override {
        return inner_->attach_buffer(address, bytes);
    }
    void detach_buffer(std::int32_t buffer) noexcept override { inner_->detach_buffer(buffer); }
    bool start(const IoRequest& request) noexcept override {
        if (refusal_count_ == 0) return inner_->start(request);
        --refusal_count_;
        return false;
    }
    void cancel(std::uint32_t tag) noexcept override { inner_->cancel(tag); }
    void submit() noexcept override { inner_->submit(); }
    std::uint32_t reap(IoResult* results, std::uint32_t capacity) noexcept override {
        return inner_->reap(results, capacity);
    }
    void wait(std::int64_t timeout_ns) noexcept override { inner_->wait(timeout_ns); }
    void wake() noexcept override { inner_->wake(); }
    int readiness_fd() const noexcept override { return inner_->readiness_fd(); }
    std::uint64_t unknown_result_count() const noexcept override { return 0; }

 private:
    std::unique_ptr<StorageBackend> inner_;
    std::uint32_t refusal_count_;
};

World* reluctant_world_with(void** state, const char* plan_text, std::uint32_t refusal_count) {
    World* const world = world_of(state);
    const StorageOptions options = storage_options(backend_name);
    runtime::FaultPlan plan;
    std::string reason;
    assert_true(runtime::parse_fault_plan(plan_text, &plan, &reason));
    world->storage.reset();
    world->storage = std::make_unique<runtime::FaultyStorage>(
        std::make_unique<ReluctantStorage>(make_storage(options, &world->report), refusal_count),
        plan, options);
    world->file = world->storage->attach_file(world->fd);
    return world;
}

void a_refusal_of_the_inner_backend_is_passed_on_and_not_counted(void** state) {
    World* const world = reluctant_world_with(state, "read:eio@2", 3);
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    const IoRequest request = read_of(world->file, &part, 3);

    for (int round = 0; round < 3; ++round) assert_false(world->storage->start(request));

    assert_int_equal(perform(world->storage.get(), request), 1);
    assert_int_equal(perform(world->storage.get(), request), -EIO);
}

void what_is_due_waits_until_the_inner_backend_has_room(void** state) {
    World* const world = reluctant_world_with(state, "read:delay=1us@1", 3);
    Bytes bytes;

    assert_int_equal(read_into(world, &bytes, 5), kBytes);  // or hangs
    assert_true(has_known_bytes(bytes.data(), kBytes, 5));
}

void what_is_delayed_moves_only_when_it_is_due(void** state) {
    World* const world = world_with(state, "read:delay=50ms@1");
    Bytes bytes(kBytes, kUntouched);
    const iovec part{bytes.data(), kBytes};
    IoResult result{};
    const std::int64_t begin_ns = now_ns();
    assert_true(world->storage->start(read_of(world->file, &part, 9)));

    world->storage->wait(0);
    const std::uint32_t early_count = world->storage->reap(&result, 1);
    const bool untouched = is_untouched(bytes);
    const bool looked_in_time = now_ns() - begin_ns < 50'000'000;
    if (early_count == 0) result = take(world->storage.get(), 1)[0];

    assert_true(!looked_in_time || (early_count == 0 && untouched));
    assert_true(now_ns() - begin_ns >= 50'000'000);
    assert_int_equal(result.result, kBytes);
    assert_true(has_known_bytes(bytes.data(), kBytes, 9));
}

void what_is_held_can_be_cancelled_at_once(void** state) {
    World* const world = world_with(state, "read:hang@1; read:delay=1000s@2; read:reorder@3");
    Bytes bytes(kBytes, kUntouched);
    const iovec part{bytes.data(), kBytes};

    for (std::uint32_t tag = 1; tag <= 3; ++tag) {
        assert_true(world->storage->start(read_of(world->file, &part, 0, tag)));
    }
    world->storage->submit();
    for (std::uint32_t tag = 1; tag <= 3; ++tag) world->storage->cancel(tag);
    const std::vector<IoResult> results = take(world->storage.get(), 3);

    std::uint32_t seen = 0;
    for (const IoResult& result : results) {
        assert_int_equal(result.result, -ECANCELED);
        seen |= 1u << result.tag;
    }
    assert_int_equal(seen, 0b1110);
    assert_true(is_untouched(bytes));
}

// A read from an empty pipe does not end by itself; only io_uring can be asked for it.
void a_cancel_reaches_the_inner_backend(void** state) {
    World* const world = world_with(state, "read:short");
    if (backend_name == "pool") skip();
    int ends[2] = {-1, -1};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const std::int32_t file = world->storage->attach_file(ends[0]);
    unsigned char bytes[2];
    const iovec part{bytes, 2};
    start_soon(world->storage.get(), read_of(file, &part, 0, 7));
    world->storage->submit();

    world->storage->cancel(7);
    const IoResult result = take(world->storage.get(), 1)[0];  // or hangs
    close(ends[0]);
    close(ends[1]);

    assert_int_equal(result.tag, 7);
    assert_int_equal(result.result, -ECANCELED);
}

void what_hangs_holds_up_nobody(void** state) {
    World* const world = world_with(state, "read:hang@1..15");
    unsigned char bytes[17] = {};
    iovec parts[17];
    for (std::uint32_t i = 0; i < 17; ++i) parts[i] = {&bytes[i], 1};

    for (std::uint32_t i = 0; i < 15; ++i) {
        assert_true(world->storage->start(read_of(world->file, &parts[i], i, i)));
    }
    for (int round = 0; round < 100; ++round) {
        start_soon(world->storage.get(), read_of(world->file, &parts[15], 15, 15));
        assert_false(world->storage->start(read_of(world->file, &parts[16], 16, 16)));  // the depth
        const IoResult result = take(world->storage.get(), 1)[0];
        assert_int_equal(result.tag, 15);
        assert_int_equal(result.result, 1);
    }

    world->storage.reset();  // or hangs
}

void a_hang_with_a_time_ends_with_etimedout(void** state) {
    World* const world = world_with(state, "read:hang=20ms@1");
    Bytes bytes;
    const std::int64_t begin_ns = now_ns();

    assert_int_equal(read_into(world, &bytes, 0), -ETIMEDOUT);

    assert_true(now_ns() - begin_ns >= 20'000'000);
    assert_true(is_untouched(bytes));
}

void what_is_reordered_ends_after_a_later_one(void** state) {
    World* const world = world_with(state, "read:reorder@1; read:delay=5ms@2");
    unsigned char bytes[2] = {};
    const iovec parts[] = {{&bytes[0], 1}, {&bytes[1], 1}};
    for (std::uint32_t i = 0; i < 2; ++i) {
        start_soon(world->storage.get(), read_of(world->file, &parts[i], i, i));
    }

    const std::vector<IoResult> results = take(world->storage.get(), 2);

    assert_int_equal(results[0].tag, 1);
    assert_int_equal(results[1].tag, 0);
    assert_int_equal(bytes[0], byte_at(0));
}

void a_reordered_request_without_company_ends_all_the_same(void** state) {
    World* const world = world_with(state, "any:reorder");
    Bytes bytes;

    assert_int_equal(read_into(world, &bytes, 0), kBytes);  // or hangs
    assert_int_equal(flush(world), 0);
}

void a_refused_start_is_worth_another_try_after_a_wait(void** state) {
    World* const world = world_with(state, "start:full@1..5; read:eio@2");
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    const IoRequest request = read_of(world->file, &part, 3);
    pollfd readiness{world->storage->readiness_fd(), POLLIN, 0};

    for (int round = 0; round < 5; ++round) {
        assert_false(world->storage->start(request));
        assert_int_equal(poll(&readiness, 1, -1), 1);  // or hangs
        world->storage->wait(-1);
    }

    assert_int_equal(perform(world->storage.get(), request), 1);
    assert_int_equal(byte, byte_at(3));
    assert_int_equal(perform(world->storage.get(), request), -EIO);  // the second that was taken
}

// How often a readiness fd may tell of nothing, which the seam allows: a wait may end early.
//
// Of a request that a worker thread of the kernel ran, the worker lets go some time after its
// result can be reaped.  Where the ring is one driver's own, that driver has to free it then: the
// ring has work and no result, and the next wait is the end of it.  Such requests are the two reads
// with which a ring tests itself; below, none is started before quiet is asked for.  A ring that
// callers share frees them without being readable, and the pool has nothing of the kind.
std::uint32_t tail_count_max() { return backend_name == "uring" ? 2 : 0; }

void the_readiness_fd_tells_of_what_is_answered_due_or_cancelled(void** state) {
    World* const world = world_with(state, "read:eio@1; read:hang@2; read:delay=1ms@3");
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    pollfd readiness{world->storage->readiness_fd(), POLLIN, 0};
    const std::int32_t expected[] = {-EIO, -ECANCELED, 1};
    std::array<std::int32_t, 3> seen{};
    IoResult result{};
    std::uint32_t tail_count = 0;
    bool any_stray = false;
    const auto become_quiet = [&] {
        while (tail_count <= tail_count_max() && poll(&readiness, 1, 0) != 0) {
            ++tail_count;
            world->storage->wait(0);
            any_stray = world->storage->reap(&result, 1) != 0 || any_stray;
        }
    };

    for (std::size_t round = 0; round < 3; ++round) {
        become_quiet();
        assert_true(world->storage->start(read_of(world->file, &part, 8, 4)));
        world->storage->submit();
        if (round == 1) become_quiet();
        if (round == 1) world->storage->cancel(4);
        do {
            poll(&readiness, 1, -1);  // or hangs
            world->storage->wait(0);
        } while (world->storage->reap(&result, 1) == 0);
        seen[round] = result.result;
    }

    assert_memory_equal(seen.data(), expected, sizeof expected);
    assert_false(any_stray);
    assert_in_range(tail_count, 0, tail_count_max());
}

void a_request_may_suffer_late_and_badly(void** state) {
    World* const world = world_with(state, "read:delay=10ms; read:eio; read:short");
    Bytes bytes;
    const std::int64_t begin_ns = now_ns();

    assert_int_equal(read_into(world, &bytes, 0), -EIO);

    assert_true(now_ns() - begin_ns >= 10'000'000);
}

}  // namespace
}  // namespace bwrt::test

int main(int argc, char** argv) {
    using namespace bwrt::test;
    if (argc > 1) backend_name = argv[1];
    setenv("BWRT_FAULTS", "", 1);
    const CMUnitTest tests[] = {
        WORLD_TEST(a_refusal_of_the_inner_backend_is_passed_on_and_not_counted),
        WORLD_TEST(what_is_due_waits_until_the_inner_backend_has_room),
        WORLD_TEST(what_is_delayed_moves_only_when_it_is_due),
        WORLD_TEST(what_is_held_can_be_cancelled_at_once),
        WORLD_TEST(a_cancel_reaches_the_inner_backend),
        WORLD_TEST(what_hangs_holds_up_nobody),
        WORLD_TEST(a_hang_with_a_time_ends_with_etimedout),
        WORLD_TEST(what_is_reordered_ends_after_a_later_one),
        WORLD_TEST(a_reordered_request_without_company_ends_all_the_same),
        WORLD_TEST(a_refused_start_is_worth_another_try_after_a_wait),
        WORLD_TEST(the_readiness_fd_tells_of_what_is_answered_due_or_cancelled),
        WORLD_TEST(a_request_may_suffer_late_and_badly),
    };
    return cmocka_run_group_tests_name(backend_name.c_str(), tests, nullptr, nullptr);
}
