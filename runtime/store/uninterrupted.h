// SPDX-License-Identifier: Apache-2.0
//
// uninterrupted.h — a system call, repeated while signals interrupt it.

#pragma once

#include <cerrno>

namespace bwrt::runtime {

template <typename Call>
auto uninterrupted(Call&& call) noexcept {
    for (;;) {
        const auto result = call();
        if (result >= 0 || errno != EINTR) return result;
    }
}

}  // namespace bwrt::runtime
