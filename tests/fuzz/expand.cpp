// SPDX-License-Identifier: Apache-2.0
//
// expand.cpp — an operation in the plainest way there is: row by row, from the sentences of
// bwrt.h.  What comes out as kRefused the library has to refuse; it may refuse more.
//
// Numbers are wild here, so extents are computed in 128 bits before any row is, and what would
// take an input too long is called unlawful.

#include "tests/fuzz/expand.h"

#include <algorithm>

namespace bwrt::fuzz {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::uint64_t kGemmSideMax = 64;  // or an input takes too long

}  // namespace

bool resolve(Machine* machine, Session* session, bwrt_handle handle, bool is_target, Side* side) {
    if (handle == BWRT_PROCESS_MEMORY) {
        side->space = &machine->world.memory;
        side->base = 0 - reinterpret_cast<std::uintptr_t>(machine->world.memory.actual);
        return true;
    }
    const Thing* thing = machine->find(session, handle);
    if (thing == nullptr) return false;
    if (thing->is_layout) {
        side->layout = &thing->plan;
        side->is_file = thing->plan.is_file;
        return !is_target || thing->plan.is_writable;
    }
    side->region = thing;
    side->space = thing->space;
    side->base = thing->base;
    side->is_file = thing->kind == BWRT_REGION_FILE;
    return !is_target || (thing->flags & BWRT_REGION_READ_ONLY) == 0;
}

Verdict check_rows(const World& world, const Side& side, std::uint64_t offset, std::int64_t stride,
                   std::uint64_t rows, std::uint64_t length) {
    const Wide span = Wide{stride} * (rows - 1);
    const Wide low = Wide{offset} + std::min<Wide>(span, 0);
    const Wide high = Wide{offset} + std::max<Wide>(span, 0) + length;
    if (side.region != nullptr) {
        return low >= 0 && high <= Wide{side.region->length_bytes} ? Verdict::kLawful
                                                                   : Verdict::kRefused;
    }
    if (low < 0 || high > Wide{1} << 64 || offset < 4096) return Verdict::kRefused;
    return low > 0 && high < Wide{~std::uint64_t{0}} &&
                   world.is_in_arena(static_cast<std::uint64_t>(low)) &&
                   world.is_in_arena(static_cast<std::uint64_t>(high))
               ? Verdict::kLawful
               : Verdict::kUnlawful;
}

namespace {

class Expansion {
 public:
    Expansion(Machine* machine, std::uint32_t session, const bwrt_operation& operation,
              std::uint32_t entry, std::vector<Piece>* pieces)
        : machine_(*machine),
          session_(machine->sessions[session]),
          op_(operation),
          entry_(entry),
          pieces_(*pieces) {}

    Verdict expand(std::uint32_t* entry_count_out, std::uint32_t* group_last_out) {
        *entry_count_out = 1;
        *group_last_out = op_.group;
        if (op_.group >= session_.caps.group_count_max) return Verdict::kRefused;
        if (op_.kind == BWRT_OP_SIGNAL) return signal();
        if (op_.kind == BWRT_OP_FLUSH) return flush();
        if (op_.kind == BWRT_OP_GEMM) return gemm();
        if (op_.kind < BWRT_OP_COPY || op_.kind > BWRT_OP_WRITE) return Verdict::kRefused;
        if (!resolve(&machine_, &session_, op_.source, false, &source_) ||
            !resolve(&machine_, &session_, op_.target, true, &target_) ||
            source_.is_file != (op_.kind == BWRT_OP_READ) ||
            target_.is_file != (op_.kind == BWRT_OP_WRITE)) {
            return Verdict::kRefused;
        }
        if (source_.layout == nullptr && target_.layout == nullptr) return rows();
        *entry_count_out = op_.slot_count;
        const Verdict verdict = indexed();
        // All planes of the layout count, whichever move.
        const LayoutPlan& lead = target_.layout != nullptr ? *target_.layout : *source_.layout;
        if (verdict == Verdict::kLawful) *group_last_out = op_.group + lead.group_last;
        return verdict;
    }

 private:
    // The rows of one of its matrices.
    Verdict matrix(const Side& side, std::uint64_t offset, std::int64_t stride, std::uint64_t rows,
                   std::uint64_t columns, bool is_made) {
        if (side.is_file || side.layout != nullptr) return Verdict::kRefused;
        const std::uint64_t length = columns * sizeof(float);
        if (stride == 0) stride = static_cast<std::int64_t>(length);
        const Verdict verdict = check_rows(machine_.world, side, offset, stride, rows, length);
        if (verdict != Verdict::kLawful) return verdict;
        if (rows > kGemmSideMax || columns > kGemmSideMax) return Verdict::kUnlawful;
        for (std::uint64_t row = 0; row < rows; ++row) {
            Piece piece;
            const std::uint64_t first =
                side.base + offset + row * static_cast<std::uint64_t>(stride);
            (is_made ? piece.target : piece.source) = side.space;
            (is_made ? piece.target_first : piece.source_first) = first;
            piece.length_bytes = length;
            piece.entry = entry_;
            piece.group = op_.group;
            piece.in_gemm = true;
            pieces_.push_back(piece);
        }
        return Verdict::kLawful;
    }

    Verdict gemm() {
        const bwrt_gemm* const shape = op_.gemm;
        if (shape == nullptr || shape->struct_size < sizeof *shape) return Verdict::kRefused;
        if (shape->struct_size > sizeof *shape) return Verdict::kUnlawful;  // it is not so long
        for (const std::uint32_t side : {shape->m, shape->n, shape->k}) {
            if (side == 0 || side > 1u << 20) return Verdict::kRefused;
        }
        Side b;
        if (!resolve(&machine_, &session_, op_.source, false, &source_) ||
            !resolve(&machine_, &session_, shape->b, false, &b) ||
            !resolve(&machine_, &session_, op_.target, true, &target_)) {
            return Verdict::kRefused;
        }
        const std::size_t before = pieces_.size();
        const Verdict verdicts[] = {
            matrix(source_, op_.source_offset_bytes, op_.source_stride_bytes, shape->m, shape->k,
                   false),
            matrix(b, shape->b_offset_bytes, shape->b_stride_bytes, shape->k, shape->n, false),
            matrix(target_, op_.target_offset_bytes, op_.target_stride_bytes, shape->m, shape->n,
                   true)};
        for (const Verdict bad : {Verdict::kRefused, Verdict::kUnlawful}) {
            if (std::count(std::begin(verdicts), std::end(verdicts), bad) == 0) continue;
            pieces_.resize(before);
            return bad;
        }
        return Verdict::kLawful;
    }

    Verdict signal() {
        if (op_.length_bytes != 4 && op_.length_bytes != 8) return Verdict::kRefused;
        if (op_.value_done == op_.value_failed) return Verdict::kRefused;
        if (!resolve(&machine_, &session_, op_.target, true, &target_)) return Verdict::kRefused;
        if (target_.layout != nullptr || target_.is_file) return Verdict::kRefused;
        const Verdict verdict =
            check_rows(machine_.world, target_, op_.target_offset_bytes, 0, 1, op_.length_bytes);
        if (verdict != Verdict::kLawful) return verdict;
        const Run to = {target_.space, target_.base + op_.target_offset_bytes};
        const auto address = reinterpret_cast<std::uintptr_t>(to.space->actual) + to.first;
        if (address % op_.length_bytes != 0) return Verdict::kRefused;
        pieces_.push_back({nullptr, 0, to.space, to.first, op_.length_bytes, entry_, op_.group});
        return Verdict::kLawful;
    }

    Verdict flush() {
        return resolve(&machine_, &session_, op_.target, true, &target_) &&
                       target_.region != nullptr && target_.is_file
                   ? Verdict::kLawful
                   : Verdict::kRefused;
    }

    Verdict rows() {
        const std::uint64_t length = op_.length_bytes;
        const std::uint64_t count = std::max(1u, op_.row_count);
        if (length == 0 || length > std::uint64_t{INT64_MAX} / count) return Verdict::kRefused;
        const auto packed = static_cast<std::int64_t>(length);
        const std::int64_t from = op_.source_stride_bytes != 0 ? op_.source_stride_bytes : packed;
        const std::int64_t to = op_.target_stride_bytes != 0 ? op_.target_stride_bytes : packed;
        const Verdict at_source =
            check_rows(machine_.world, source_, op_.source_offset_bytes, from, count, length);
        const Verdict at_target =
            check_rows(machine_.world, target_, op_.target_offset_bytes, to, count, length);
        if (at_source == Verdict::kRefused || at_target == Verdict::kRefused) {
            return Verdict::kRefused;
        }
        if (count > 1 && to < packed && to > -packed) return Verdict::kRefused;
        if (at_source != Verdict::kLawful || at_target != Verdict::kLawful) {
            return Verdict::kUnlawful;
        }
        if (length * count > kOperationBytesMax || count > kPieceCountMax) {
            return Verdict::kUnlawful;
        }
        for (std::uint64_t row = 0; row < count; ++row) {
            add(at(source_, op_.source_offset_bytes, from, row),
                at(target_, op_.target_offset_bytes, to, row), length, entry_, op_.group);
        }
        return Verdict::kLawful;
    }

    Verdict indexed() {
        const LayoutPlan& lead = target_.layout != nullptr ? *target_.layout : *source_.layout;
        const std::uint64_t plane_count = lead.planes.size();
        const std::uint64_t plane_end =
            op_.plane_count != 0 ? std::uint64_t{op_.plane_first} + op_.plane_count : plane_count;
        if (op_.slot_count == 0 || op_.slot_count > session_.caps.slot_count_max ||
            (source_.layout != nullptr) != (op_.source_slots != nullptr) ||
            (target_.layout != nullptr) != (op_.target_slots != nullptr) ||
            op_.plane_first >= plane_count || plane_end > plane_count ||
            op_.image_offset_bytes >= lead.block_bytes ||
            op_.length_bytes > lead.block_bytes - op_.image_offset_bytes) {
            return Verdict::kRefused;
        }
        if (op_.group + std::uint64_t{lead.group_last} >= session_.caps.group_count_max) {
            return Verdict::kRefused;
        }
        if (source_.layout != nullptr && target_.layout != nullptr && !same_block_side()) {
            return Verdict::kRefused;
        }
        for (const bool is_target : {false, true}) {
            const Verdict verdict = check_side(is_target, lead);
            if (verdict != Verdict::kLawful) return verdict;
        }
        if (lead.block_bytes > kOperationBytesMax ||
            lead.block_bytes * op_.slot_count > kOperationBytesMax) {
            return Verdict::kUnlawful;
        }
        for (std::uint32_t pair = 0; pair < op_.slot_count; ++pair) {
            for (std::uint64_t plane = op_.plane_first; plane < plane_end; ++plane) {
                if (!add_plane(lead, pair, plane)) return Verdict::kUnlawful;
            }
        }
        return Verdict::kLawful;
    }

    Verdict check_side(bool is_target, const LayoutPlan& lead) const {
        const Side& side = is_target ? target_ : source_;
        if (side.layout == nullptr) {
            return check_rows(
                machine_.world, side, is_target ? op_.target_offset_bytes : op_.source_offset_bytes,
                static_cast<std::int64_t>(lead.block_bytes), op_.slot_count, lead.block_bytes);
        }
        const std::uint32_t* slots = is_target ? op_.target_slots : op_.source_slots;
        const bool in_range = std::all_of(slots, slots + op_.slot_count, [&](std::uint32_t slot) {
            return slot == BWRT_NONE || slot < side.layout->slot_count;
        });
        return in_range ? Verdict::kLawful : Verdict::kRefused;
    }

    [[nodiscard]] bool same_block_side() const {
        const LayoutPlan &a = *source_.layout, &b = *target_.layout;
        return a.block_bytes == b.block_bytes &&
               std::equal(a.planes.begin(), a.planes.end(), b.planes.begin(), b.planes.end(),
                          [](const bwrt_plane& x, const bwrt_plane& y) {
                              return x.block_offset_bytes == y.block_offset_bytes &&
                                     x.block_row_stride_bytes == y.block_row_stride_bytes &&
                                     x.length_bytes == y.length_bytes &&
                                     x.row_count == y.row_count && x.group == y.group;
                          });
    }

    // The rows of one plane of one pair, cut to the image's range.
    bool add_plane(const LayoutPlan& lead, std::uint32_t pair, std::uint64_t p) {
        const std::uint32_t from = source_.layout != nullptr ? op_.source_slots[pair] : 0;
        const std::uint32_t to = target_.layout != nullptr ? op_.target_slots[pair] : 0;
        if (from == BWRT_NONE || to == BWRT_NONE) return true;
        const std::uint64_t image_end =
            op_.length_bytes != 0 ? op_.image_offset_bytes + op_.length_bytes : lead.block_bytes;
        const bwrt_plane& plane = lead.planes[p];
        for (std::uint32_t row = 0; row < plane.row_count; ++row) {
            const std::uint64_t start =
                plane.block_offset_bytes + row * plane.block_row_stride_bytes;
            const std::uint64_t first = std::max(start, op_.image_offset_bytes);
            const std::uint64_t last = std::min(start + plane.length_bytes, image_end);
            if (first >= last) continue;
            if (pieces_.size() >= kPieceCountMax) return false;
            const auto place = [&](const Side& side, std::uint64_t offset, std::uint32_t slot) {
                if (side.layout == nullptr) {
                    return at(side, offset + first, static_cast<std::int64_t>(lead.block_bytes),
                              pair);
                }
                const bwrt_plane& mine = side.layout->planes[p];
                const auto slots = static_cast<std::int64_t>(slot) * mine.slot_stride_bytes;
                const auto rows = static_cast<std::int64_t>(row) * mine.row_stride_bytes;
                return Run{side.layout->spaces[p], side.layout->bases[p] + mine.offset_bytes +
                                                       static_cast<std::uint64_t>(slots + rows) +
                                                       (first - start)};
            };
            add(place(source_, op_.source_offset_bytes, from),
                place(target_, op_.target_offset_bytes, to), last - first, entry_ + pair,
                op_.group + plane.group);
        }
        return true;
    }

    struct Run {
        Space* space;
        std::uint64_t first;
    };
    static Run at(const Side& side, std::uint64_t offset, std::int64_t stride, std::uint64_t row) {
        return {side.space,
                side.base + offset +
                    static_cast<std::uint64_t>(stride * static_cast<std::int64_t>(row))};
    }
    void add(const Run& from, const Run& to, std::uint64_t length, std::uint32_t entry,
             std::uint32_t group) {
        pieces_.push_back({from.space, from.first, to.space, to.first, length, entry, group});
    }

    Machine& machine_;
    Session& session_;
    const bwrt_operation& op_;
    const std::uint32_t entry_;
    std::vector<Piece>& pieces_;
    Side source_, target_;
};

}  // namespace

Verdict expand(Machine* machine, std::uint32_t session, const bwrt_operation& operation,
               WaveRecord* record, std::uint32_t* entry_count_out, std::uint32_t* group_last_out) {
    if (operation.kind >= BWRT_OP_PUT && operation.kind <= BWRT_OP_UNPIN) {
        *entry_count_out = operation.slot_count;
        *group_last_out = operation.group;
        return expand_blocks(machine, session, operation, record, group_last_out);
    }
    return Expansion(machine, session, operation, record->entry_count, &record->pieces)
        .expand(entry_count_out, group_last_out);
}

void check_layout(const World& world, const LayoutPlan& plan) {
    constexpr std::uint64_t kBlockBytesMax = 64 << 10;
    std::vector<bool> covered(plan.block_bytes <= kBlockBytesMax ? plan.block_bytes : 0);
    std::uint64_t bytes = 0;
    for (std::size_t p = 0; p < plan.planes.size(); ++p) {
        const bwrt_plane& plane = plan.planes[p];
        bytes += plane.length_bytes * plane.row_count;
        for (std::uint64_t row = 0; row < plane.row_count && !covered.empty(); ++row) {
            const std::uint64_t first =
                plane.block_offset_bytes + row * plane.block_row_stride_bytes;
            for (std::uint64_t k = 0; k < plane.length_bytes; ++k) {
                if (first + k >= covered.size() || covered[first + k]) {
                    found("a layout was taken whose planes do not tile its image");
                }
                covered[first + k] = true;
            }
        }
        const Wide slots = Wide{plane.slot_stride_bytes} * (plan.slot_count - 1);
        const Wide rows = Wide{plane.row_stride_bytes} * (plane.row_count - 1);
        const Wide low =
            Wide{plane.offset_bytes} + std::min<Wide>(slots, 0) + std::min<Wide>(rows, 0);
        const Wide high = Wide{plane.offset_bytes} + std::max<Wide>(slots, 0) +
                          std::max<Wide>(rows, 0) + plane.length_bytes;
        const bool process = plane.region == BWRT_PROCESS_MEMORY;
        const bool inside = process
                                ? low > 0 && world.is_in_arena(static_cast<std::uint64_t>(low)) &&
                                      world.is_in_arena(static_cast<std::uint64_t>(high))
                                : low >= 0 && high <= Wide{plan.limits[p]};
        if (!inside) found("a layout was taken of which a slot leaves its region");
    }
    if (bytes != plan.block_bytes) found("a layout was taken whose planes do not fill its image");
}

}  // namespace bwrt::fuzz
