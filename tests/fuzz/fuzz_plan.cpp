// SPDX-License-Identifier: Apache-2.0
//
// fuzz_plan.cpp — random texts as plans, as libFuzzer finds them by what they reach.

#include "tests/fuzz/plan_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    bwrt::fuzz::try_plan_text(bytes, count);
    return 0;
}
