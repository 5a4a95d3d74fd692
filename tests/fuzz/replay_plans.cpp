// SPDX-License-Identifier: Apache-2.0
//
// replay_plans.cpp — the texts in files and folders, once each and without a fuzzer: the seeds as a
// test, in every build and under every sanitizer.

#include <cstdio>

#include "tests/fuzz/plan_text.h"
#include "tests/fuzz/replay_files.h"

int main(int argc, char** argv) {
    const std::size_t count = bwrt::fuzz::replay_files(argc, argv, bwrt::fuzz::try_plan_text);
    std::printf("%zu texts replayed\n", count);
    return count == 0 ? 1 : 0;
}
