// SPDX-License-Identifier: Apache-2.0
//
// precompiled.h — what most sources of the library include, read once where CMake is told to
// (BWRT_PRECOMPILED_HEADERS).  No source names it.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "include/bwrt.h"
