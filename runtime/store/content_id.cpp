// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/content_id.h"

#include <cstring>

#include "runtime/store/sha256.h"

namespace bwrt::runtime {

bwrt_status name_content(std::span<const bwrt_span> spans, void* id_out,
                         const ErrorSink& sink) noexcept {
    std::uint64_t total_bytes = 0;
    for (const bwrt_span& span : spans) {
        if (span.address == nullptr && span.length_bytes != 0) {
            return fail(sink, BWRT_E_INVAL, "spans[].address", "NULL, and length_bytes is %llu",
                        static_cast<unsigned long long>(span.length_bytes));
        }
        total_bytes |= span.length_bytes;
    }
    if (total_bytes == 0) return fail(sink, BWRT_E_INVAL, "spans[].length_bytes", "no bytes");
    Sha256 sha256;
    for (const bwrt_span& span : spans) sha256.add(span.address, span.length_bytes);
    const Sha256Digest digest = sha256.finish();
    constexpr char kDigits[] = "0123456789abcdef";
    char id[BWRT_BLOCK_ID_BYTES];
    for (std::size_t i = 0; i < sizeof id / 2; ++i) {
        id[2 * i] = kDigits[digest[i] >> 4];
        id[2 * i + 1] = kDigits[digest[i] & 15];
    }
    std::memcpy(id_out, id, sizeof id);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
