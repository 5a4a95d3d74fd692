// SPDX-License-Identifier: Apache-2.0
//
// host_copy.cpp — host copies by memcpy: the smallest backend, and the one to read first.

#include "runtime/backend/backend.h"

#include <cstring>

namespace bwrt::runtime {
namespace {

class HostCopy final : public HostBackend {
 public:
    [[nodiscard]] bool copy(void* target, const void* source,
                            std::size_t length_bytes) noexcept override {
        std::memcpy(target, source, length_bytes);
        return true;
    }
};

}  // namespace

std::unique_ptr<HostBackend> make_host_copy() { return std::make_unique<HostCopy>(); }

}  // namespace bwrt::runtime
