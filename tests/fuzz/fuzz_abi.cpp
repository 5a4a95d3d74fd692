// SPDX-License-Identifier: Apache-2.0
//
// fuzz_abi.cpp — random sequences of calls, as libFuzzer finds them by what they reach.

#include "tests/fuzz/machine.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static bwrt::fuzz::Machine machine;
    machine.run(bytes, count);
    return 0;
}
