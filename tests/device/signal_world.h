// SPDX-License-Identifier: Apache-2.0
//
// signal_world.h — an engine with values on device 0 that SIGNALs are written to.

#pragma once

#include "tests/device/engine_world.h"

namespace bwrt::test {

constexpr std::uint32_t kDone = 0x600D, kFailed = 0xBAD;

struct SignalWorld : EngineWorld {
    DeviceMemory values;

    void start_signals(void** state, const char* plan) {
        start_engine(state, plan);
        values = memory(4096);
        compute(values, 0, 4096);
        synchronize();
    }
    [[nodiscard]] bwrt_operation signal(std::uint32_t group, std::uint32_t width = 4) const {
        bwrt_operation operation = {};
        operation.kind = BWRT_OP_SIGNAL;
        operation.target = values.region;
        operation.target_offset_bytes = 8 * group;
        operation.length_bytes = width;
        operation.group = group;
        operation.value_done = kDone + group;
        operation.value_failed = kFailed;
        return operation;
    }
    std::uint64_t value(std::uint32_t group) {
        std::uint64_t found = 0;
        const Bytes bytes = look(values.address + 8 * group, sizeof found);
        std::memcpy(&found, bytes.data(), sizeof found);
        return found;
    }
    void assert_values(const std::vector<std::uint64_t>& expected) {
        for (std::uint32_t group = 0; group < expected.size(); ++group) {
            assert_int_equal(value(group), expected[group]);
        }
    }
};

}  // namespace bwrt::test
