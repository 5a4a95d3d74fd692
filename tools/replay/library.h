// SPDX-License-Identifier: Apache-2.0
//
// library.h — the runtime that a replay drives: the library that this program is linked with, or
// the one beside it that models the world (runtime/model/bwrt_model.h).
//
// Both have the same functions, so whoever has them from here drives either.

#pragma once

#include <bwrt.h>

#include "runtime/model/bwrt_model.h"

namespace bwrt::replay {

struct Library {
    decltype(&bwrt_open) open = nullptr;
    decltype(&bwrt_close) close = nullptr;
    decltype(&bwrt_shutdown) shutdown = nullptr;
    decltype(&bwrt_region_add) region_add = nullptr;
    decltype(&bwrt_tenant_set) tenant_set = nullptr;
    decltype(&bwrt_lookup) lookup = nullptr;
    decltype(&bwrt_submit_wave) submit_wave = nullptr;
    decltype(&bwrt_wait) wait = nullptr;
    decltype(&bwrt_cancel) cancel = nullptr;
    decltype(&bwrt_sample) sample = nullptr;
    decltype(&bwrt_sample_store) sample_store = nullptr;
    // Of the one that models; null in the other.
    decltype(&bwrt_model_create) model_create = nullptr;
    decltype(&bwrt_model_open) model_open = nullptr;
    decltype(&bwrt_model_now_ns) model_now_ns = nullptr;
    decltype(&bwrt_model_pass) model_pass = nullptr;
    decltype(&bwrt_model_destroy) model_destroy = nullptr;
};

[[nodiscard]] const Library& real_library();

// Looked for beside the other one, wherever that was loaded from; stays loaded.  Throws a
// tools::Failure.
[[nodiscard]] const Library& model_library();

}  // namespace bwrt::replay
