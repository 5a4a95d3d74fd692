// SPDX-License-Identifier: Apache-2.0
//
// expand_blocks.cpp — a block operation as bwrt.h has it: the keys it names, and the pieces of the
// caller's memory that are theirs.

#include <algorithm>
#include <cstring>
#include <tuple>

#include "tests/fuzz/expand.h"

namespace bwrt::fuzz {
namespace {

bool moves_bytes(std::uint32_t kind) { return kind == BWRT_OP_PUT || kind == BWRT_OP_GET; }

bwrt_block_options options_of(const bwrt_operation& op) {
    bwrt_block_options options = {};
    if (op.block_options != nullptr && op.block_options->struct_size >= sizeof options) {
        std::memcpy(&options, op.block_options, sizeof options);
    }
    return options;
}

// Two sides that lie alike have the same name.
std::string name_layout(const LayoutPlan& plan) {
    using Part = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>;
    std::vector<Part> parts;
    for (const bwrt_plane& plane : plan.planes) {
        parts.emplace_back(plane.block_offset_bytes, plane.length_bytes, plane.row_count,
                           plane.block_row_stride_bytes);
    }
    std::sort(parts.begin(), parts.end());
    std::string name =
        "layout " + std::to_string(plan.block_bytes) + ' ' + std::to_string(plan.salt);
    for (const auto& [offset, length, rows, stride] : parts) {
        for (const std::uint64_t number : {offset, length, rows, stride}) {
            name += ' ' + std::to_string(number);
        }
    }
    return name;
}

class BlockExpansion {
 public:
    BlockExpansion(Machine* machine, std::uint32_t session, const bwrt_operation& operation,
                   WaveRecord* record)
        : machine_(*machine),
          session_(machine->sessions[session]),
          op_(operation),
          record_(*record),
          is_target_(operation.kind == BWRT_OP_GET) {}

    Verdict expand(std::uint32_t* group_last_out) {
        if (!session_.store.is_there || !is_well_formed()) return Verdict::kRefused;
        if (session_.store.is_reader && op_.kind != BWRT_OP_GET) return Verdict::kRefused;
        std::uint64_t length = 0;
        if (moves_bytes(op_.kind)) {
            const Verdict verdict = check_side(&length);
            if (verdict != Verdict::kLawful) return verdict;
        }
        *group_last_out = op_.group + (side_.layout != nullptr ? side_.layout->group_last : 0);
        if (*group_last_out >= session_.caps.group_count_max) return Verdict::kRefused;
        if (length * op_.slot_count > kOperationBytesMax) return Verdict::kUnlawful;
        for (std::uint32_t i = 0; i < op_.slot_count; ++i) {
            if (!add_block(i, length)) return Verdict::kUnlawful;
        }
        return Verdict::kLawful;
    }

 private:
    [[nodiscard]] bool is_well_formed() const {
        const bwrt_wave& wave = record_.wave;
        constexpr std::uint32_t kOrder = BWRT_BLOCK_UNRELATED | BWRT_BLOCK_CONTINUES;
        constexpr std::uint32_t kPut = BWRT_BLOCK_STRICT | BWRT_BLOCK_DURABLE | BWRT_BLOCK_CONTENT;
        const bool puts = op_.kind == BWRT_OP_PUT;
        const bool gets = op_.kind == BWRT_OP_GET;
        if ((op_.flags & ~(kOrder | (puts ? kPut : 0))) != 0 || op_.slot_count == 0) return false;
        if (std::uint64_t{op_.block_first} + op_.slot_count > wave.block_count) return false;
        if ((op_.flags & BWRT_BLOCK_CONTINUES) != 0 && op_.block_first == 0) return false;
        if (op_.row_count != 0 || op_.source_stride_bytes != 0 || op_.target_stride_bytes != 0 ||
            op_.plane_first != 0 || op_.plane_count != 0 || op_.image_offset_bytes != 0) {
            return false;
        }
        const bool has_source =
            op_.source != 0 || op_.source_offset_bytes != 0 || op_.source_slots != nullptr;
        const bool has_target =
            op_.target != 0 || op_.target_offset_bytes != 0 || op_.target_slots != nullptr;
        if ((has_source && !puts) || (has_target && !gets)) return false;
        if (!puts && !gets && (op_.length_bytes != 0 || op_.block_options != nullptr)) return false;
        return is_tier_right() && (op_.kind != BWRT_OP_PIN || wave.results != nullptr);
    }

    [[nodiscard]] bool is_tier_right() const {
        const bool has_host = session_.store.info.host_bytes != 0;
        const bool has_disk = session_.store.info.disk_bytes != 0;
        if (op_.kind == BWRT_OP_MOVE && op_.tier == BWRT_TIER_NONE) return false;
        if (op_.tier != BWRT_TIER_NONE && op_.kind != BWRT_OP_MOVE && op_.kind != BWRT_OP_PUT) {
            return false;
        }
        const bool durable = (op_.flags & BWRT_BLOCK_DURABLE) != 0;
        const bool needs_host =
            op_.tier == BWRT_TIER_HOST || op_.kind == BWRT_OP_PREFETCH || op_.kind == BWRT_OP_PIN;
        const bool needs_disk = op_.tier == BWRT_TIER_DISK || durable;
        if ((needs_host && !has_host) || (needs_disk && !has_disk)) return false;
        return op_.tier == BWRT_TIER_NONE || op_.tier == BWRT_TIER_HOST ||
               op_.tier == BWRT_TIER_DISK;
    }

    Verdict check_side(std::uint64_t* length_out) {
        const bwrt_handle handle = is_target_ ? op_.target : op_.source;
        if (!resolve(&machine_, &session_, handle, is_target_, &side_) || side_.is_file) {
            return Verdict::kRefused;
        }
        const std::uint32_t* slots = this->slots();
        if ((side_.layout != nullptr) != (slots != nullptr)) return Verdict::kRefused;
        const std::uint64_t length =
            side_.layout != nullptr ? side_.layout->block_bytes : op_.length_bytes;
        if (length == 0 || length > session_.store.info.block_bytes_max) return Verdict::kRefused;
        *length_out = length;
        const std::uint64_t digest = options_of(op_).layout_digest;
        if (side_.layout == nullptr) {
            layout_ = "digest " + std::to_string(digest);
            return check_rows(machine_.world, side_, offset(), static_cast<std::int64_t>(length),
                              op_.slot_count, length);
        }
        layout_ = name_layout(*side_.layout);
        const bool in_range = std::all_of(slots, slots + op_.slot_count, [&](std::uint32_t slot) {
            return slot == BWRT_NONE || slot < side_.layout->slot_count;
        });
        return in_range && op_.length_bytes == 0 && digest == 0 ? Verdict::kLawful
                                                                : Verdict::kRefused;
    }

    bool add_block(std::uint32_t number, std::uint64_t length) {
        if (side_.layout != nullptr && slots()[number] == BWRT_NONE) return true;
        const bwrt_block& block = record_.blocks[op_.block_first + number];
        BlockUse use;
        use.entry = record_.entry_count + number;
        use.kind = op_.kind;
        use.flags = op_.flags;
        use.key.store = session_.store.number;
        use.key.tenant = record_.wave.tenant;
        std::memcpy(use.key.identity.data(), block.identity, use.key.identity.size());
        use.key.part = block.part;
        use.length_bytes = length;
        use.layout = layout_;
        record_.block_uses.push_back(std::move(use));
        if (length == 0) return true;
        if (side_.layout == nullptr) {
            add_piece(side_.space, side_.base + offset() + number * length, 0, length, number, 0);
            return true;
        }
        const std::uint64_t slot = slots()[number];
        for (std::size_t p = 0; p < side_.layout->planes.size(); ++p) {
            const bwrt_plane& plane = side_.layout->planes[p];
            for (std::uint64_t row = 0; row < plane.row_count; ++row) {
                if (record_.pieces.size() >= kPieceCountMax) return false;
                const std::uint64_t at =
                    side_.layout->bases[p] + plane.offset_bytes +
                    slot * static_cast<std::uint64_t>(plane.slot_stride_bytes) +
                    row * static_cast<std::uint64_t>(plane.row_stride_bytes);
                add_piece(side_.layout->spaces[p], at,
                          plane.block_offset_bytes + row * plane.block_row_stride_bytes,
                          plane.length_bytes, number, plane.group);
            }
        }
        return true;
    }

    void add_piece(Space* space, std::uint64_t first, std::uint64_t image_first,
                   std::uint64_t length, std::uint32_t number, std::uint32_t group) {
        Piece piece;
        (is_target_ ? piece.target : piece.source) = space;
        (is_target_ ? piece.target_first : piece.source_first) = first;
        piece.length_bytes = length;
        piece.entry = record_.entry_count + number;
        piece.group = op_.group + group;
        piece.in_store = true;
        piece.image_first = image_first;
        record_.pieces.push_back(piece);
    }

    [[nodiscard]] const std::uint32_t* slots() const {
        return is_target_ ? op_.target_slots : op_.source_slots;
    }
    [[nodiscard]] std::uint64_t offset() const {
        return is_target_ ? op_.target_offset_bytes : op_.source_offset_bytes;
    }

    Machine& machine_;
    Session& session_;
    const bwrt_operation& op_;
    WaveRecord& record_;
    const bool is_target_;
    Side side_;
    std::string layout_;
};

}  // namespace

Verdict expand_blocks(Machine* machine, std::uint32_t session, const bwrt_operation& operation,
                      WaveRecord* record, std::uint32_t* group_last_out) {
    return BlockExpansion(machine, session, operation, record).expand(group_last_out);
}

}  // namespace bwrt::fuzz
