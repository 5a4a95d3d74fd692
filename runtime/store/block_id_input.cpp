// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/block_id_input.h"

#include <algorithm>
#include <cinttypes>

#include "runtime/boundary.h"
#include "runtime/store/sha256.h"

namespace bwrt::runtime {
namespace {

// A name or a digest is shorter; a length that was never set seldom is.
constexpr std::uint64_t kSpanBytesMax = std::uint64_t{1} << 20;

constexpr NamedSpan kSpans[] = {
    {"input.model", &bwrt_block_id_input::model},
    {"input.weights", &bwrt_block_id_input::weights},
    {"input.adapter", &bwrt_block_id_input::adapter},
    {"input.dtype", &bwrt_block_id_input::dtype},
    {"input.layout", &bwrt_block_id_input::layout},
    {"input.rope", &bwrt_block_id_input::rope},
    {"input.salt", &bwrt_block_id_input::salt},
    {"input.prompt_embeddings", &bwrt_block_id_input::prompt_embeddings},
};

bwrt_status check_span(const bwrt_span& span, const char* field, const ErrorSink& sink) {
    if (span.length_bytes > kSpanBytesMax) {
        return fail(sink, BWRT_E_RANGE, field, "length_bytes %llu is above %llu",
                    ull(span.length_bytes), ull(kSpanBytesMax));
    }
    if (span.length_bytes != 0 && span.address == nullptr) {
        return fail(sink, BWRT_E_INVAL, field, "NULL with length_bytes %llu",
                    ull(span.length_bytes));
    }
    return BWRT_OK;
}

bwrt_status check_place(const bwrt_media_item& item, std::uint32_t index,
                        const bwrt_block_id_input& input, const ErrorSink& sink) {
    if (item.token_count == 0) {
        return fail(sink, BWRT_E_INVAL, "input.media_items[].token_count",
                    "media item %u has no token", index);
    }
    if (item.token_first < 0 && input.parent == nullptr) {
        return fail(sink, BWRT_E_INVAL, "input.media_items[].token_first",
                    "media item %u begins at %" PRId64 ", and no parent is before the tokens",
                    index, item.token_first);
    }
    // Compared without a sum, which the largest first token would overflow.
    const std::int64_t count = item.token_count;
    if (item.token_first > std::int64_t{input.token_count} - count || item.token_first <= -count) {
        return fail(sink, BWRT_E_RANGE, "input.media_items[].token_first",
                    "media item %u, %u tokens from %" PRId64 ", is not of the %u tokens given",
                    index, item.token_count, item.token_first, input.token_count);
    }
    return BWRT_OK;
}

bwrt_status check_tokens(const bwrt_block_id_input& input, const ErrorSink& sink) {
    if (input.token_count == 0) return BWRT_OK;  // whatever the address
    if (input.tokens == nullptr) {
        return fail(sink, BWRT_E_INVAL, "input.tokens", "NULL with token_count %u",
                    input.token_count);
    }
    if (reinterpret_cast<std::uintptr_t>(input.tokens) % alignof(std::uint32_t) != 0) {
        return fail(sink, BWRT_E_INVAL, "input.tokens", "not aligned to %zu bytes",
                    alignof(std::uint32_t));
    }
    return BWRT_OK;
}

bwrt_status check_parent(const bwrt_block_id_input& input, const ErrorSink& sink) {
    if (input.parent != nullptr && is_zero(input.parent, kSha256Bytes)) {
        return fail(sink, BWRT_E_INVAL, "input.parent",
                    "32 zero bytes, which no block has; a root's parent is NULL");
    }
    return BWRT_OK;
}

}  // namespace

std::span<const NamedSpan> input_spans() noexcept { return kSpans; }

bwrt_status MediaItems::check(const bwrt_block_id_input& input,
                              const ErrorSink& sink) const noexcept {
    if (count_ == 0) return BWRT_OK;
    if (bytes_ == nullptr) return fail(sink, BWRT_E_INVAL, "input.media_items", "NULL");
    if (const bwrt_status status =
            check_array(bytes_, "input.media_items", stride_bytes_, sizeof(bwrt_media_item),
                        "input.media_item_bytes", sink)) {
        return status;
    }
    std::int64_t first = INT64_MIN;
    for (std::uint32_t i = 0; i < count_; ++i) {
        bwrt_media_item item;
        if (const bwrt_status status =
                copy_in(&item, bytes_ + std::size_t{i} * stride_bytes_, stride_bytes_, sizeof item,
                        "input.media_items[]", sink)) {
            return status;
        }
        if (item.reserved != 0) {
            return fail(sink, BWRT_E_INVAL, "input.media_items[].reserved",
                        "not zero in media item %u: 0x%x", i, item.reserved);
        }
        if (const bwrt_status status = check_place(item, i, input, sink)) return status;
        if (item.token_first < first) {
            return fail(sink, BWRT_E_INVAL, "input.media_items[].token_first",
                        "media item %u begins at %" PRId64 ", the one before it at %" PRId64, i,
                        item.token_first, first);
        }
        first = item.token_first;
        if (item.digest.length_bytes == 0) {
            return fail(sink, BWRT_E_INVAL, "input.media_items[].digest",
                        "media item %u has an empty one", i);
        }
        if (const bwrt_status status =
                check_span(item.digest, "input.media_items[].digest", sink)) {
            return status;
        }
    }
    return BWRT_OK;
}

bwrt_status check_input(const bwrt_block_id_input& input, const ErrorSink& sink) noexcept {
    if (input.reserved != 0) {
        return fail(sink, BWRT_E_INVAL, "input.reserved", "not zero: 0x%x", input.reserved);
    }
    if (const bwrt_status status = check_tokens(input, sink)) return status;
    if (const bwrt_status status = check_parent(input, sink)) return status;
    for (const NamedSpan& named : kSpans) {
        if (const bwrt_status status = check_span(input.*named.span, named.field, sink)) {
            return status;
        }
    }
    if (input.layer_count > UINT32_MAX - input.layer_first) {
        return fail(sink, BWRT_E_RANGE, "input.layer_count",
                    "%u layers from %u pass the largest number", input.layer_count,
                    input.layer_first);
    }
    if (input.rank >= std::max(input.rank_count, 1u)) {
        return fail(sink, BWRT_E_RANGE, "input.rank", "rank %u of rank_count %u", input.rank,
                    input.rank_count);
    }
    return MediaItems(input).check(input, sink);
}

}  // namespace bwrt::runtime
