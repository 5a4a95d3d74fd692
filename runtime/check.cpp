// SPDX-License-Identifier: Apache-2.0

#include "runtime/check.h"

#include <cstdio>
#include <cstdlib>

namespace bwrt::runtime {

void check_failed(const char* expression, const char* file, int line) noexcept {
    std::fprintf(stderr, "bwrt: internal check failed: %s (%s:%d)\n", expression, file, line);
    std::abort();
}

}  // namespace bwrt::runtime
