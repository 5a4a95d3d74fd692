// SPDX-License-Identifier: Apache-2.0
//
// Streams and events as the fake driver has them: as late as CUDA allows, in the order that it
// promises, and in no other.

#include <ctime>
#include <thread>

#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

// A word of the host that streams write and anybody reads.
struct Word {
    alignas(8) std::uint32_t value[2] = {};
    CUdeviceptr seen = 0;

    void map(DriverWorld* world) {
        world->pin(value, sizeof value);
        seen = world->view(value);
    }
    [[nodiscard]] std::uint32_t read() const {
        return __atomic_load_n(&value[0], __ATOMIC_ACQUIRE);
    }
};

void write(const DriverWorld& world, CUstream stream, const Word& word, std::uint32_t value) {
    assert_int_equal(world.driver.stream_write_value32(stream, word.seen, value, 0), CUDA_SUCCESS);
}

CUevent new_event(const Driver& driver, unsigned flags = CU_EVENT_DISABLE_TIMING) {
    CUevent made = nullptr;
    assert_int_equal(driver.event_create(&made, flags), CUDA_SUCCESS);
    return made;
}

// A late driver, two streams, a word that they write, and an event.
struct LateWorld : DriverWorld {
    Word word;
    CUevent event = nullptr;
    CUstream first = nullptr;
    CUstream second = nullptr;

    void start() {
        start_on_fake(kLate);
        word.map(this);
        event = new_event(driver);
        first = stream();
        second = stream();
    }
    void end() {
        assert_int_equal(driver.event_destroy(event), CUDA_SUCCESS);
        DriverWorld::end();
    }
    void write(CUstream on) { test::write(*this, on, word, 1); }
    void record(CUstream on) { assert_int_equal(driver.event_record(event, on), CUDA_SUCCESS); }
    void wait(CUstream on) {
        assert_int_equal(driver.stream_wait_event(on, event, 0), CUDA_SUCCESS);
    }
    [[nodiscard]] std::uint32_t read() const { return word.read(); }
};

void work_waits_until_somebody_synchronizes(void**) {
    LateWorld world;
    world.start();

    world.write(world.first);
    assert_int_equal(world.read(), 0);
    world.synchronize(world.first);

    assert_int_equal(world.read(), 1);
    world.end();
}

void asking_often_enough_is_enough(void**) {
    LateWorld world;
    world.start();
    world.write(world.first);
    world.record(world.first);

    assert_int_equal(world.driver.event_query(world.event), CUDA_ERROR_NOT_READY);
    CUresult code = CUDA_ERROR_NOT_READY;
    while (code == CUDA_ERROR_NOT_READY) code = world.driver.event_query(world.event);

    assert_int_equal(code, CUDA_SUCCESS);
    assert_int_equal(world.read(), 1);
    assert_int_equal(world.driver.stream_query(world.first), CUDA_SUCCESS);
    world.end();
}

void work_runs_by_itself_in_the_end(void**) {
    DriverWorld world;
    Word word;
    world.start_on_fake("delay=500us");
    word.map(&world);

    const CUstream stream = world.stream();
    write(world, stream, word, 1);

    while (word.read() == 0) std::this_thread::yield();
    world.synchronize(stream);  // a value can be seen before it is over
    world.end();
}

void the_order_of_a_stream_is_kept(void**) {
    DriverWorld world;
    Word word;
    world.start();
    if (world.driver.stream_write_value32 == nullptr) skip();
    word.map(&world);
    const CUstream stream = world.stream();

    for (std::uint32_t i = 1; i <= 100; ++i) write(world, stream, word, i);

    world.synchronize(stream);
    assert_int_equal(word.read(), 100);
    world.end();
}

void a_wait_for_what_was_never_recorded_passes(void**) {
    LateWorld world;
    world.start();

    assert_int_equal(world.driver.event_query(world.event), CUDA_SUCCESS);
    world.wait(world.first);
    world.write(world.second);
    world.record(world.second);
    world.synchronize(world.first);  // its wait was for nothing, and stays so

    assert_int_equal(world.read(), 0);
    world.synchronize(world.second);
    world.end();
}

void a_wait_is_for_what_was_recorded_last_before_it(void**) {
    LateWorld world;
    Word later;
    world.start();
    later.map(&world);

    world.write(world.second);
    world.record(world.second);
    world.wait(world.first);
    write(world, world.second, later, 1);
    world.record(world.second);
    world.synchronize(world.first);

    assert_int_equal(world.read(), 1);
    assert_int_equal(later.read(), 0);
    world.synchronize(world.second);
    world.end();
}

void a_destroyed_event_is_still_waited_for(void**) {
    LateWorld world;
    world.start();
    world.write(world.second);
    world.record(world.second);
    world.wait(world.first);

    assert_int_equal(world.driver.event_destroy(world.event), CUDA_SUCCESS);
    world.synchronize(world.first);

    assert_int_equal(world.read(), 1);
    assert_int_equal(world.driver.event_query(world.event), CUDA_ERROR_INVALID_HANDLE);
    world.driver.primary_ctx_release(0);
    assert_reported("an event that is not there");
}

void a_destroyed_streams_work_still_runs(void**) {
    LateWorld world;
    world.start();
    world.write(world.first);

    assert_int_equal(world.driver.stream_destroy(world.first), CUDA_SUCCESS);
    assert_int_equal(world.read(), 0);
    assert_int_equal(world.driver.ctx_synchronize(), CUDA_SUCCESS);

    assert_int_equal(world.read(), 1);
    assert_int_equal(world.driver.stream_query(world.first), CUDA_ERROR_INVALID_HANDLE);
    assert_reported("a stream that is not there");
}

void stream_0_waits_for_blocking_streams_and_for_no_others(void**) {
    DriverWorld world;
    Word blocking;
    Word other;
    world.start_on_fake(kLate);
    blocking.map(&world);
    other.map(&world);
    write(world, world.stream(CU_STREAM_DEFAULT), blocking, 1);
    write(world, world.stream(CU_STREAM_NON_BLOCKING), other, 1);

    const CUdeviceptr memory = world.memory(4);
    assert_int_equal(world.driver.memset_d8_async(memory, 1, 4, nullptr), CUDA_SUCCESS);
    world.synchronize(nullptr);

    assert_int_equal(blocking.read(), 1);
    assert_int_equal(other.read(), 0);
    world.end();
}

void times_are_told_of_events_that_have_them(void**) {
    DriverWorld world;
    float milliseconds = -1;
    world.start_on_fake("");
    const CUevent begin = new_event(world.driver, CU_EVENT_DEFAULT);
    const CUevent end = new_event(world.driver, CU_EVENT_DEFAULT);
    const CUevent without = new_event(world.driver);
    const CUstream stream = world.stream();
    assert_int_equal(world.driver.event_record(begin, stream), CUDA_SUCCESS);
    assert_int_equal(world.driver.event_record(end, stream), CUDA_SUCCESS);
    assert_int_equal(world.driver.event_synchronize(end), CUDA_SUCCESS);

    assert_int_equal(world.driver.event_elapsed_time(&milliseconds, begin, end), CUDA_SUCCESS);
    assert_true(milliseconds >= 0);
    assert_int_equal(world.driver.event_elapsed_time(&milliseconds, begin, without),
                     CUDA_ERROR_INVALID_HANDLE);

    assert_reported("an event without times");
}

void each_thread_has_its_own_current_context(void**) {
    DriverWorld world;
    CUresult code = CUDA_SUCCESS;
    world.start_on_fake("");

    std::thread([&] {
        CUevent event = nullptr;
        code = world.driver.event_create(&event, 0);
    }).join();

    assert_int_equal(code, CUDA_ERROR_INVALID_CONTEXT);
    assert_reported("no context is current to this thread");
}

void a_context_ends_with_its_last_holder(void**) {
    DriverWorld world;
    unsigned flags = 0;
    int is_active = 0;
    CUcontext same = nullptr;
    CUevent event = nullptr;
    world.start_on_fake("");
    const auto is_alive = [&] {
        assert_int_equal(world.driver.primary_ctx_get_state(0, &flags, &is_active), CUDA_SUCCESS);
        return is_active;
    };
    assert_int_equal(world.driver.primary_ctx_retain(&same, 0), CUDA_SUCCESS);
    assert_ptr_equal(same, world.context);

    assert_int_equal(world.driver.primary_ctx_release(0), CUDA_SUCCESS);
    assert_int_equal(is_alive(), 1);
    assert_int_equal(world.driver.primary_ctx_release(0), CUDA_SUCCESS);
    assert_int_equal(is_alive(), 0);

    assert_int_equal(world.driver.event_create(&event, 0), CUDA_ERROR_CONTEXT_IS_DESTROYED);
    assert_int_equal(world.driver.primary_ctx_release(0), CUDA_ERROR_INVALID_CONTEXT);
    assert_reported("more often than it was retained");
}

void a_stream_belongs_to_its_context(void**) {
    DriverWorld world;
    CUcontext other = nullptr;
    CUevent event = nullptr;
    world.start_on_fake("devices=2");
    const CUstream stream = world.stream();
    assert_int_equal(world.driver.primary_ctx_retain(&other, 1), CUDA_SUCCESS);
    assert_int_equal(world.driver.ctx_set_current(other), CUDA_SUCCESS);
    assert_int_equal(world.driver.event_create(&event, 0), CUDA_SUCCESS);

    assert_int_equal(world.driver.event_record(event, stream), CUDA_ERROR_INVALID_HANDLE);

    assert_reported("a stream of another context");
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(work_waits_until_somebody_synchronizes),
        cmocka_unit_test(asking_often_enough_is_enough),
        cmocka_unit_test(work_runs_by_itself_in_the_end),
        cmocka_unit_test(the_order_of_a_stream_is_kept),
        cmocka_unit_test(a_wait_for_what_was_never_recorded_passes),
        cmocka_unit_test(a_wait_is_for_what_was_recorded_last_before_it),
        cmocka_unit_test(a_destroyed_event_is_still_waited_for),
        cmocka_unit_test(a_destroyed_streams_work_still_runs),
        cmocka_unit_test(stream_0_waits_for_blocking_streams_and_for_no_others),
        cmocka_unit_test(times_are_told_of_events_that_have_them),
        cmocka_unit_test(each_thread_has_its_own_current_context),
        cmocka_unit_test(a_context_ends_with_its_last_holder),
        cmocka_unit_test(a_stream_belongs_to_its_context),
    };
    return run_on_driver(tests);
}
