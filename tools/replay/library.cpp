// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/library.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "tools/output.h"

namespace bwrt::replay {
namespace {

constexpr const char* kModelName = "libbwrt_model.so.0";

std::string model_path() {
    // Not the function's address, which may be that of a jump in this program.
    Dl_info info = {};
    if (dladdr(dlsym(RTLD_DEFAULT, "bwrt_open"), &info) == 0 || info.dli_fname == nullptr) {
        return kModelName;  // where the loader looks
    }
    return (std::filesystem::path(info.dli_fname).parent_path() / kModelName).string();
}

template <typename Function>
void find(void* library, const char* name, Function* function_out) {
    *function_out = reinterpret_cast<Function>(dlsym(library, name));
    if (*function_out != nullptr) return;
    throw tools::Failure("E_ABI", std::string(kModelName) + " has no " + name);
}

Library load_model() {
    void* const library = dlopen(model_path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        throw tools::Failure("E_UNSUPPORTED", std::string("--mode model: ") + dlerror());
    }
    Library model;
    find(library, "bwrt_open", &model.open);
    find(library, "bwrt_close", &model.close);
    find(library, "bwrt_shutdown", &model.shutdown);
    find(library, "bwrt_region_add", &model.region_add);
    find(library, "bwrt_tenant_set", &model.tenant_set);
    find(library, "bwrt_lookup", &model.lookup);
    find(library, "bwrt_submit_wave", &model.submit_wave);
    find(library, "bwrt_wait", &model.wait);
    find(library, "bwrt_cancel", &model.cancel);
    find(library, "bwrt_sample", &model.sample);
    find(library, "bwrt_sample_store", &model.sample_store);
    find(library, "bwrt_model_create", &model.model_create);
    find(library, "bwrt_model_open", &model.model_open);
    find(library, "bwrt_model_now_ns", &model.model_now_ns);
    find(library, "bwrt_model_pass", &model.model_pass);
    find(library, "bwrt_model_destroy", &model.model_destroy);
    return model;
}

}  // namespace

const Library& real_library() {
    static const Library library = {bwrt_open,       bwrt_close,  bwrt_shutdown,    bwrt_region_add,
                                    bwrt_tenant_set, bwrt_lookup, bwrt_submit_wave, bwrt_wait,
                                    bwrt_cancel,     bwrt_sample, bwrt_sample_store};
    return library;
}

const Library& model_library() {
    static const Library library = load_model();
    return library;
}

}  // namespace bwrt::replay
