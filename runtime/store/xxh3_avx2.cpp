// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/xxh3_body.h"

namespace bwrt::runtime {

const Xxh3 kXxh3Avx2 = {"AVX2", hash, begin, add, end};

}  // namespace bwrt::runtime
