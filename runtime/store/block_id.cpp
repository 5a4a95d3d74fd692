// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/block_id.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "runtime/boundary.h"
#include "runtime/store/block_id_input.h"
#include "runtime/store/sha256.h"

namespace bwrt::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are hashed as they lie");
static_assert(BWRT_BLOCK_ID_BYTES == kSha256Bytes);

// A field of the context: its length, then its bytes.
void add_field(Sha256* state, const void* bytes, std::uint64_t length_bytes) {
    state->add(&length_bytes, sizeof length_bytes);
    state->add(bytes, length_bytes);
}

Sha256Digest context_of(const bwrt_block_id_input& input) {
    constexpr char kName[] = "bwrt/id/1/context";
    Sha256 state;
    add_field(&state, kName, sizeof kName - 1);
    for (const NamedSpan& named : input_spans()) {
        const bwrt_span& span = input.*named.span;
        add_field(&state, span.address, span.length_bytes);
    }
    const std::uint32_t rank_count = std::max(input.rank_count, 1u);
    for (const std::uint32_t number :
         {input.layer_first, input.layer_count, input.rank, rank_count}) {
        add_field(&state, &number, sizeof number);
    }
    return state.finish();
}

// The state that has taken what all blocks begin with.
Sha256 beginning_of(const Sha256Digest& context) {
    struct {
        char name[32] = "bwrt/id/1/block";
        Sha256Digest context;
    } const beginning{.context = context};
    static_assert(sizeof beginning == kSha256ChunkBytes);
    Sha256 state;
    state.add(&beginning, sizeof beginning);
    return state;
}

// The part of a media item that lies in the tokens [first, end).
struct MediaPart {
    std::uint32_t token_first;  // counted from the block's
    std::uint32_t token_count;
    std::uint64_t skipped_count;  // tokens of the item before the block
    std::uint64_t digest_bytes;
};
static_assert(sizeof(MediaPart) == 24, "hashed as it lies");

bool reaches(const bwrt_media_item& item, std::int64_t first) {
    return item.token_first + item.token_count > first;
}

MediaPart part_of(const bwrt_media_item& item, std::int64_t first, std::int64_t end) {
    const std::int64_t part_first = std::max(item.token_first, first);
    const std::int64_t part_end = std::min(item.token_first + item.token_count, end);
    return {.token_first = static_cast<std::uint32_t>(part_first - first),
            .token_count = static_cast<std::uint32_t>(part_end - part_first),
            .skipped_count = static_cast<std::uint64_t>(part_first - item.token_first),
            .digest_bytes = item.digest.length_bytes};
}

// Goes along the blocks with the media items that a block can still meet.
class MediaCursor {
 public:
    explicit MediaCursor(const bwrt_block_id_input& input) : items_(input) {}

    // Moves to the block of tokens [first, end), which lies behind the last one: how many items
    // overlap it.
    std::uint32_t move(std::int64_t first, std::int64_t end) {
        first_ = first;
        end_ = end;
        while (low_ < items_.count() && !reaches(items_[low_], first)) ++low_;
        while (high_ < items_.count() && items_[high_].token_first < end) ++high_;
        std::uint32_t count = 0;
        for (std::uint32_t i = low_; i < high_; ++i) count += reaches(items_[i], first);
        return count;
    }

    void add_to(Sha256* state) const {
        for (std::uint32_t i = low_; i < high_; ++i) {
            const bwrt_media_item item = items_[i];
            if (!reaches(item, first_)) continue;
            const MediaPart part = part_of(item, first_, end_);
            state->add(&part, sizeof part);
            state->add(item.digest.address, item.digest.length_bytes);
        }
    }

 private:
    MediaItems items_;
    // Items before low_ ended before the block, those from high_ on begin behind it.  Of the ones
    // between, which a longer one keeps there, some may have ended, too.
    std::uint32_t low_ = 0;
    std::uint32_t high_ = 0;
    std::int64_t first_ = 0;
    std::int64_t end_ = 0;
};

void name_checked(const bwrt_block_id_input& input, std::uint32_t block_token_count,
                  std::uint32_t block_count, std::uint8_t* ids_out) {
    struct {
        Sha256Digest parent = {};
        std::uint32_t token_count;
        std::uint32_t media_count;
    } head;
    static_assert(sizeof head == 40, "hashed as it lies");
    if (input.parent != nullptr) std::memcpy(head.parent.data(), input.parent, kSha256Bytes);
    head.token_count = block_token_count;

    const Sha256 beginning = beginning_of(context_of(input));
    MediaCursor media(input);
    for (std::uint32_t i = 0; i < block_count; ++i) {
        const std::size_t first = std::size_t{i} * block_token_count;
        head.media_count = media.move(static_cast<std::int64_t>(first),
                                      static_cast<std::int64_t>(first + block_token_count));
        Sha256 state = beginning;
        state.add(&head, sizeof head);
        state.add(input.tokens + first, std::size_t{block_token_count} * sizeof *input.tokens);
        media.add_to(&state);
        head.parent = state.finish();
        std::memcpy(ids_out + std::size_t{i} * kSha256Bytes, head.parent.data(), kSha256Bytes);
    }
}

}  // namespace

bwrt_status name_blocks(const bwrt_block_id_input* input, void* ids_out, std::uint32_t id_capacity,
                        std::uint32_t* count_out, const ErrorSink& sink) noexcept {
    bwrt_block_id_input checked;
    if (const bwrt_status status = copy_in(&checked, input, input->struct_size, sizeof checked,
                                           "input.struct_size", sink)) {
        return status;
    }
    if (const bwrt_status status = check_input(checked, sink)) return status;

    const std::uint32_t block_token_count =
        checked.block_token_count != 0 ? checked.block_token_count : checked.token_count;
    const std::uint32_t block_count =
        block_token_count != 0 ? checked.token_count / block_token_count : 0;
    if (block_count > id_capacity) {
        return fail(sink, BWRT_E_RANGE, "id_capacity", "room for %u of %u identities", id_capacity,
                    block_count);
    }
    if (block_count != 0 && ids_out == nullptr) {
        return fail(sink, BWRT_E_INVAL, "ids_out", "NULL");
    }
    name_checked(checked, block_token_count, block_count, static_cast<std::uint8_t*>(ids_out));
    *count_out = block_count;
    return BWRT_OK;
}

}  // namespace bwrt::runtime
