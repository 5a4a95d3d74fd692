// SPDX-License-Identifier: Apache-2.0
//
// A driver that lacks what newer ones have.  What it lacks is found when the process loads it, so
// this is a program of its own.

#include "tests/device/signal_world.h"

namespace bwrt::test {
namespace {

void values_of_32_bits_are_written_all_the_same(void** state) {
    SignalWorld world;
    bwrt_handle handle = 77;
    need_fake();
    world.start_signals(state,
                        "version=12.0; cuStreamWriteValue32:missing; cuStreamWriteValue64:missing");

    assert_int_equal(world.submit({}, {world.signal(0, 8)}, &handle), BWRT_E_UNSUPPORTED);
    assert_string_equal(world.error.field, "operations[].length_bytes");
    assert_int_equal(handle, 77);
    world.assert_runs({world.signal(0)});

    assert_int_equal(fake_driver()->count("cuMemsetD32Async"), 1);
    world.assert_values({kDone});
    world.end_engine();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {BWRT_IN_BOTH_WAYS(values_of_32_bits_are_written_all_the_same)};
    return run_on_driver(tests);
}
