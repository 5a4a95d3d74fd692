// SPDX-License-Identifier: Apache-2.0
//
// text_file.h — a file that bwrt_config names, as a whole.

#pragma once

#include <cstddef>
#include <string>

#include "runtime/status.h"

namespace bwrt::runtime {

// Refuses what is no regular file or longer than `bytes_max`, and blames `field`.  What becomes
// shorter meanwhile is as short as it has become.  May throw std::bad_alloc.
bwrt_status read_text_file(const char* path, std::size_t bytes_max, const char* field,
                           std::string* text_out, const ErrorSink& sink);

}  // namespace bwrt::runtime
