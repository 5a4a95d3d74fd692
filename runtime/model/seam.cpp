// SPDX-License-Identifier: Apache-2.0
//
// seam.cpp — open_storage() of the library that models: there is none.  A runtime that bwrt_open()
// opened would move bytes that nobody verifies.

#include "runtime/backend/backend.h"

namespace bwrt::runtime {

std::unique_ptr<StorageBackend> open_storage(const StorageOptions& /*options*/,
                                             StorageReport* report) {
    *report = {};
    report->refusal_field = "";
    report->storage_reason = "this library models the world: bwrt_model_open() opens a runtime";
    return nullptr;
}

}  // namespace bwrt::runtime
