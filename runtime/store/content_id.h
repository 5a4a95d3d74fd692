// SPDX-License-Identifier: Apache-2.0
//
// content_id.h — a block's name made of its bytes (bwrt_content_id in bwrt.h).
//
// As the system does that engines come from who address by bytes: SHA-256 over K, then V, of which
// the first 32 hexadecimal digits are the name.  128 bits of it, so two blocks that differ share a
// name about as likely as random ones: never by chance, and only for 2^64 work by intent.

#pragma once

#include <span>

#include "include/bwrt.h"
#include "runtime/status.h"

namespace bwrt::runtime {

[[nodiscard]] bwrt_status name_content(std::span<const bwrt_span> spans, void* id_out,
                                       const ErrorSink& sink) noexcept;

}  // namespace bwrt::runtime
