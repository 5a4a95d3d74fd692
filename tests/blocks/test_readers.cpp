// SPDX-License-Identifier: Apache-2.0
//
// test_readers.cpp — what a process that only reads a store finds in it while another one writes.

#include "tests/blocks/pair_world.h"

namespace {

using namespace bwrt::test;

void a_reader_finds_and_gets_what_the_writer_has_put(void** state) {
    Pair* pair = pair_of(state);
    pair->open();
    assert_int_equal(put(&pair->writer, {1, 0}, 4), BWRT_OK);

    const Answers answers = look_up(&pair->reader, {1, 0}, 5);
    assert_int_equal(answers.prefix_count, 4);
    for (int i = 0; i < 4; ++i) assert_int_equal(answers.of[i].tier, BWRT_TIER_DISK);
    assert_int_equal(answers.of[4].state, BWRT_LOOKUP_MISS);
    assert_int_equal(get(&pair->reader, {1, 0}, 4), BWRT_OK);
    assert_int_equal(get(&pair->reader, {1, 4}), BWRT_E_MISS);
}

const CMUnitTest kTests[] = {
    IN_PAIR(a_reader_finds_and_gets_what_the_writer_has_put),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_ALL_MODES(kTests, failures);
    return failures;
}
