// SPDX-License-Identifier: Apache-2.0
//
// precompiled.h — what most tests include, read once where CMake is told to
// (BWRT_PRECOMPILED_HEADERS).  No source names it.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "include/bwrt.h"
