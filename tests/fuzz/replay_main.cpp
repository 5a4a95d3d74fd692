// SPDX-License-Identifier: Apache-2.0
//
// replay_main.cpp — runs the inputs in files and folders once each, without a fuzzer: the corpus
// as a test, in every build and under every sanitizer; an input that made a finding, in a debugger.

#include <cstdio>

#include "tests/fuzz/machine.h"
#include "tests/fuzz/replay_files.h"

int main(int argc, char** argv) {
    bwrt::fuzz::Tally::start();
    static bwrt::fuzz::Machine machine;
    const std::size_t count = bwrt::fuzz::replay_files(
        argc, argv, [](const std::uint8_t* bytes, std::size_t size) { machine.run(bytes, size); });
    bwrt::fuzz::Tally::print();
    std::printf("%zu inputs replayed\n", count);
    return count == 0 ? 1 : 0;
}
