// SPDX-License-Identifier: Apache-2.0
//
// block_id_input.h — what bwrt_block_id() is given, checked and made easy to go through.
//
// Everything that can be wrong is found here, before a byte is hashed or written.  What has passed
// needs no further check: places of media items can be added and compared in 64 bits.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "include/bwrt.h"
#include "runtime/status.h"

namespace bwrt::runtime {

struct NamedSpan {
    const char* field;
    bwrt_span bwrt_block_id_input::*span;
};

// The byte strings of an input, in the order of the encoding.
[[nodiscard]] std::span<const NamedSpan> input_spans() noexcept;

// The caller's media items, who may know them by another size.
class MediaItems {
 public:
    explicit MediaItems(const bwrt_block_id_input& input)
        : bytes_(reinterpret_cast<const std::byte*>(input.media_items)),
          count_(input.media_item_count),
          stride_bytes_(input.media_item_bytes) {}

    [[nodiscard]] std::uint32_t count() const { return count_; }
    // Of the fields known here, once check() has seen that the others are zero.
    [[nodiscard]] bwrt_media_item operator[](std::uint32_t index) const {
        bwrt_media_item item;
        std::memcpy(&item, bytes_ + std::size_t{index} * stride_bytes_, sizeof item);
        return item;
    }

    [[nodiscard]] bwrt_status check(const bwrt_block_id_input& input,
                                    const ErrorSink& sink) const noexcept;

 private:
    const std::byte* bytes_;
    std::uint32_t count_;
    std::size_t stride_bytes_;
};

[[nodiscard]] bwrt_status check_input(const bwrt_block_id_input& input,
                                      const ErrorSink& sink) noexcept;

}  // namespace bwrt::runtime
