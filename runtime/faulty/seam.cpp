// SPDX-License-Identifier: Apache-2.0
//
// seam.cpp — open_storage() of the fault-injecting library: the ladder's backend with the plan of
// the environment around it.  Which of the two open_storage() a program gets is decided by which
// library it runs on, so the one that is shipped for use has nothing of this in it.
//
// The variable is read at each open: runtimes count by themselves and share nothing.

#include <cstdlib>

#include "runtime/backend/backend.h"
#include "runtime/faulty/faulty_storage.h"
#include "runtime/faulty/plan.h"

namespace bwrt::runtime {

std::unique_ptr<StorageBackend> open_storage(const StorageOptions& options, StorageReport* report) {
    FaultPlan plan;
    std::string reason;
    const char* const text = std::getenv("BWRT_FAULTS");
    if (!parse_fault_plan(text != nullptr ? text : "", &plan, &reason)) {
        *report = {};
        report->refusal = BWRT_E_INVAL;
        report->refusal_field = "BWRT_FAULTS";
        report->storage_reason = reason;
        return nullptr;
    }
    std::unique_ptr<StorageBackend> inner = make_storage(options, report);
    if (inner == nullptr) return nullptr;
    const std::string said = "fault-injecting library, BWRT_FAULTS has " + describe(plan);
    report->storage_reason =
        report->storage_reason.empty() ? said : said + "; " + report->storage_reason;
    return std::make_unique<FaultyStorage>(std::move(inner), std::move(plan), options);
}

}  // namespace bwrt::runtime
