// SPDX-License-Identifier: Apache-2.0
//
// table.cpp — how a program gets at the functions: the two that a driver exports for that.

#include <cstring>

#include "tests/device/fake_driver/functions.h"
#include "tests/device/fake_driver/world.h"

namespace fake_cuda {
namespace {

struct Entry {
    const char* name;
    int abi;
    void* address;
};

const Entry kEntries[] = {
#define FAKE_CUDA_ENTRY(need, member, name, abi) {#name, abi, reinterpret_cast<void*>(&member)},
    BWRT_CUDA_ENTRY_POINTS(FAKE_CUDA_ENTRY)
#undef FAKE_CUDA_ENTRY
};

// The newest ABI of it that both the driver and who asks know.
const Entry* find_entry(const char* name, int abi, bool* is_known_out) {
    const Entry* best = nullptr;
    *is_known_out = false;
    for (const Entry& entry : kEntries) {
        if (std::strcmp(entry.name, name) != 0 || entry.abi > world().plan.version) continue;
        *is_known_out = true;
        if (entry.abi <= abi && (best == nullptr || entry.abi > best->abi)) best = &entry;
    }
    return best;
}

}  // namespace
}  // namespace fake_cuda

extern "C" __attribute__((visibility("default"))) CUresult fake_get_proc_address(
    const char* name, void** address_out, int abi, cuuint64_t flags,
    CUdriverProcAddressQueryResult* status_out) __asm__("cuGetProcAddress_v2");

CUresult fake_get_proc_address(const char* name, void** address_out, int abi, cuuint64_t flags,
                               CUdriverProcAddressQueryResult* status_out) {
    using namespace fake_cuda;
    Call call("cuGetProcAddress", kNothing);
    const Plan& plan = world().plan;
    *address_out = nullptr;
    if (plan.is_stub) return CUDA_ERROR_STUB_LIBRARY;
    if (call.is_refused()) return call.code();
    if (abi > plan.version) {
        return call.fail(CUDA_ERROR_INVALID_VALUE, std::string(name) + " of a newer driver");
    }
    if ((flags & CU_GET_PROC_ADDRESS_LEGACY_STREAM) == 0) {
        note_misuse(std::string(name) + ": it is not said that stream 0 is the legacy one");
    }
    bool is_known = false;
    const Entry* const entry = find_entry(name, abi, &is_known);
    const bool is_found = entry != nullptr && plan.missing.count(name) == 0;
    if (is_found) *address_out = entry->address;
    if (status_out != nullptr) {
        *status_out = is_found                       ? CU_GET_PROC_ADDRESS_SUCCESS
                      : is_known && entry == nullptr ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                                                     : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    }
    return CUDA_SUCCESS;
}
