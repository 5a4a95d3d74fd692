// SPDX-License-Identifier: Apache-2.0
//
// seam.cpp — open_storage(): what the ladder makes, as it is.  The fault-injecting library is
// linked with runtime/faulty/seam.cpp in this one's place, and differs in nothing else.

#include "runtime/backend/backend.h"

namespace bwrt::runtime {

std::unique_ptr<StorageBackend> open_storage(const StorageOptions& options, StorageReport* report) {
    return make_storage(options, report);
}

}  // namespace bwrt::runtime
