// SPDX-License-Identifier: Apache-2.0

#include "runtime/backend/cuda/driver.h"

#include <dlfcn.h>

#include <mutex>

namespace bwrt::runtime::cuda {
namespace {

// Not libcuda.so: that name is there on machines where programs are built.
constexpr const char* kLibrary = "libcuda.so.1";

// A library and the function by which it gives out its others.
struct Source {
    const char* library;
    PFN_cuGetProcAddress_v12000 get_proc_address;
};

// Null where the driver has no such function of that ABI.
void* find(const Source& source, const char* name, int abi, CUresult* error_out) {
    void* address = nullptr;
    CUdriverProcAddressQueryResult found = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    *error_out =
        source.get_proc_address(name, &address, abi, CU_GET_PROC_ADDRESS_LEGACY_STREAM, &found);
    if (*error_out != CUDA_SUCCESS || found != CU_GET_PROC_ADDRESS_SUCCESS) return nullptr;
    return address;
}

bool open(const char* library, Source* source_out, std::string* reason_out) {
    void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        const char* const said = dlerror();
        *reason_out = said != nullptr ? said : std::string(library) + " cannot be opened";
        return false;
    }
    *source_out = {library, reinterpret_cast<PFN_cuGetProcAddress_v12000>(
                                dlsym(handle, "cuGetProcAddress_v2"))};
    if (source_out->get_proc_address != nullptr) return true;
    *reason_out = std::string(library) + " has no cuGetProcAddress_v2: it is older than CUDA " +
                  version_text(kDriverVersionMin) + ", or no driver";
    return false;
}

bool read_version(const Source& source, int* version_out, std::string* reason_out) {
    CUresult error = CUDA_SUCCESS;
    const auto get_version = reinterpret_cast<PFN_cuDriverGetVersion_v2020>(
        find(source, "cuDriverGetVersion", 2020, &error));
    if (error == CUDA_ERROR_STUB_LIBRARY) {
        *reason_out = std::string(source.library) +
                      " is a toolkit's stub, to link with, and no driver (CUDA error 34)";
        return false;
    }
    int version = 0;
    if (get_version != nullptr) error = get_version(&version);
    if (get_version == nullptr || error != CUDA_SUCCESS) {
        *reason_out = std::string(source.library) + " does not tell its version (CUDA error " +
                      std::to_string(error) + ")";
        return false;
    }
    if (version < kDriverVersionMin) {
        *reason_out = std::string(source.library) + " is of CUDA " + version_text(version) +
                      ", and " + version_text(kDriverVersionMin) + " is needed";
        return false;
    }
    *version_out = version;
    return true;
}

enum class Need { required, optional };

bool fill(const Source& source, Driver* driver, std::string* reason_out) {
    const auto take = [&](Need need, auto* member, const char* name, int abi) {
        CUresult error = CUDA_SUCCESS;
        // An ABI above the driver's own version is an invalid value to it.
        void* const address = abi <= driver->version ? find(source, name, abi, &error) : nullptr;
        *member = reinterpret_cast<std::remove_pointer_t<decltype(member)>>(address);
        if (address != nullptr || need == Need::optional) return true;
        *reason_out = std::string(source.library) + " of CUDA " + version_text(driver->version) +
                      " has no " + name + " as of CUDA " + version_text(abi);
        if (error != CUDA_SUCCESS) *reason_out += " (CUDA error " + std::to_string(error) + ")";
        return false;
    };
#define BWRT_CUDA_TAKE(need, member, name, abi) \
    if (!take(Need::need, &driver->member, #name, abi)) return false;
    BWRT_CUDA_ENTRY_POINTS(BWRT_CUDA_TAKE)
#undef BWRT_CUDA_TAKE
    if (driver->memcpy_batch_async_12080 != nullptr) driver->batch_copy_abi = 12080;
    if (driver->memcpy_batch_async_13000 != nullptr) driver->batch_copy_abi = 13000;
    return true;
}

// The one of this process.  Never destroyed: threads of an engine may outlive main().
struct Process {
    std::mutex mutex;
    Driver table;
    DriverState state;
};

Process& process() {
    static Process* const only = new Process;
    return *only;
}

void load_once(Process* here) {
    DriverState& state = here->state;
    if (state.is_looked_for) return;
    if (load_driver_from(kLibrary, &here->table, &state.reason)) state.driver = &here->table;
    state.is_looked_for = true;
}

void start(DriverState* state) {
    const Driver& driver = *state->driver;
    const char* call = "cuInit";
    CUresult error = driver.init(0);
    if (error == CUDA_SUCCESS) {
        call = "cuDeviceGetCount";
        error = driver.device_get_count(&state->device_count);
    }
    state->is_started = error == CUDA_SUCCESS;
    state->reason = state->is_started ? "" : std::string(call) + ": " + error_text(driver, error);
}

}  // namespace

std::string version_text(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string error_text(const Driver& driver, CUresult error) {
    const char* name = nullptr;
    if (driver.get_error_name(error, &name) != CUDA_SUCCESS || name == nullptr) name = "CUDA error";
    return std::string(name) + " (" + std::to_string(error) + ")";
}

bool load_driver_from(const char* library, Driver* driver_out, std::string* reason_out) {
    Source source{};
    Driver driver;
    if (!open(library, &source, reason_out)) return false;
    if (!read_version(source, &driver.version, reason_out)) return false;
    if (!fill(source, &driver, reason_out)) return false;
    *driver_out = driver;
    return true;
}

const Driver* load_driver(std::string* reason_out) {
    Process& here = process();
    const std::lock_guard<std::mutex> lock(here.mutex);
    load_once(&here);
    if (here.state.driver == nullptr) *reason_out = here.state.reason;
    return here.state.driver;
}

const Driver* start_driver(std::string* reason_out) {
    Process& here = process();
    const std::lock_guard<std::mutex> lock(here.mutex);
    load_once(&here);
    DriverState& state = here.state;
    if (state.driver != nullptr && !state.is_started) {
        start(&state);
    }
    if (state.is_started) return state.driver;
    *reason_out = state.reason;
    return nullptr;
}

DriverState driver_state() {
    Process& here = process();
    const std::lock_guard<std::mutex> lock(here.mutex);
    return here.state;
}

}  // namespace bwrt::runtime::cuda
