// SPDX-License-Identifier: Apache-2.0
//
// plan.h — the kind of driver and its faults, as fake_cuda.h describes them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace fake_cuda {

struct Fault {
    std::string name;
    std::uint64_t first = 1;
    std::uint64_t last = ~std::uint64_t{0};
    int code = 0;  // 0: slow and no more
    std::uint64_t slow_us = 0;
};

struct Plan {
    int version = 13000;
    bool is_stub = false;
    bool spoils_sources = false;
    int device_count = 2;
    std::size_t memory_bytes = std::size_t{256} << 20;
    std::uint64_t delay_us = 2000;
    std::uint64_t seed = 1;
    std::set<std::string> missing;
    std::vector<Fault> faults;
};

// Empty, or what is wrong; the plan is then untouched.
std::string parse_plan(const char* text, Plan* plan_out);

}  // namespace fake_cuda
