// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/xxh3_body.h"

namespace bwrt::runtime {

const Xxh3 kXxh3Sse2 = {"SSE2", hash, begin, add, end};

const Xxh3& xxh3() noexcept { return __builtin_cpu_supports("avx2") != 0 ? kXxh3Avx2 : kXxh3Sse2; }

}  // namespace bwrt::runtime
