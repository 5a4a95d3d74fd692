// SPDX-License-Identifier: Apache-2.0
//
// model.h — what every byte of the world ought to be, and whose it is at the
// moment.
//
// A space is a stretch of memory or a file: the bytes as they are, and beside
// each the value it ought to have, the wave that may be writing it and the
// number of waves that may be reading it. The workload claims bytes before it
// submits, so a byte has one writer at most, and what it ought to be is known
// the moment its wave is over.
//
//   memory space   [ canary | region ...................... | canary ]
//   file space     [ region ............................... | canary ]
//
// An operation is expanded here into pieces in the plainest way there is, row
// by row, from the sentences of bwrt.h and from nothing of the runtime's.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "include/bwrt.h"
#include "tests/sim/sim_clock.h"

namespace bwrt::sim {

struct BadBlock {
    std::uint64_t first, last;
};

struct Space {
    std::string name;
    bool is_file = false;
    std::byte* actual = nullptr;
    std::uint64_t bytes = 0;         // of the space
    std::uint64_t base = 0;          // of the region in it
    std::uint64_t length_bytes = 0;  // of the region
    bwrt_region region = {};         // to add it again
    bwrt_handle handle = 0;
    bwrt_handle twin = 0;  // a second region on the same file, or 0
    std::int32_t image = -1;
    bool is_direct = false;
    bool has_twin = false;
    std::uint32_t offset_align = 1, memory_align = 1;
    std::uint32_t stage_from_bytes = 0;  // as a calibration table would have it
    std::vector<BadBlock> bad;           // bytes of the file that cannot be read or written
    std::uint32_t layout_count = 0;
    bool is_quiesced = false;
    std::vector<std::byte> value;
    std::vector<std::uint16_t> writer;  // id of a wave, 0: none
    std::vector<std::uint16_t> readers;
};

struct Run {
    Space* space = nullptr;
    std::uint64_t first = 0;
};

// `length_bytes` of an entry in a group; a SIGNAL's has no source.
struct Piece {
    std::uint32_t entry = 0;
    std::uint32_t group = 0;
    Run source, target;
    std::uint64_t length_bytes = 0;
};

struct LayoutPlan {
    bwrt_handle handle = 0;
    std::uint32_t block_side = 0;  // those of one number can be moved between
    std::uint32_t slot_count = 0;
    std::uint64_t block_bytes = 0;
    bool is_file = false;
    std::uint32_t group_last = 0;
    std::vector<bwrt_plane> planes;  // every stride said
    std::vector<Space*> spaces;      // of the planes
};

class Model {
 public:
    std::vector<Space*> spaces;
    std::vector<LayoutPlan> layouts;

    [[nodiscard]] Space* space_of(bwrt_handle handle, std::uint64_t offset) const;
    [[nodiscard]] const LayoutPlan* layout_of(bwrt_handle handle) const;

    // Appends the operation's pieces; its entries begin at `entry`.  Returns the
    // entries it has.
    std::uint32_t expand(const bwrt_operation& operation, std::uint32_t entry,
                         std::vector<Piece>* pieces_out) const;

    // All or nothing.  `may_read` says of a writer that its bytes may be a
    // source.
    template <typename MayRead>
    bool claim(const std::vector<Piece>& pieces, std::uint16_t wave, MayRead may_read);
    void unclaim(const Piece& piece);

    // True when the piece's target holds what its source ought to be.
    [[nodiscard]] static bool is_right(const Piece& piece);
    // The target is what it is.
    static void believe(const Piece& piece);

    // A byte that nobody may be writing and that is not what it ought to be; null
    // when none.
    [[nodiscard]] const Space* find_damage(std::uint64_t* position_out) const;

 private:
    Run resolve(bwrt_handle handle, std::uint64_t offset) const;
};

template <typename MayRead>
bool Model::claim(const std::vector<Piece>& pieces, std::uint16_t wave, MayRead may_read) {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const Piece& piece = pieces[i];
        bool free = true;
        for (std::uint64_t k = 0; k < piece.length_bytes && free; ++k) {
            const std::uint64_t target = piece.target.first + k;
            free =
                piece.target.space->writer[target] == 0 && piece.target.space->readers[target] == 0;
            if (!free || piece.source.space == nullptr) continue;
            const std::uint16_t writer = piece.source.space->writer[piece.source.first + k];
            free = writer == 0 || (writer != wave && may_read(writer));
        }
        if (free && piece.source.space == piece.target.space) {
            const std::uint64_t a = piece.source.first, b = piece.target.first;
            free = a + piece.length_bytes <= b || b + piece.length_bytes <= a;
        }
        if (!free) {
            while (i > 0) unclaim(pieces[--i]);
            return false;
        }
        for (std::uint64_t k = 0; k < piece.length_bytes; ++k) {
            piece.target.space->writer[piece.target.first + k] = wave;
            if (piece.source.space != nullptr) {
                ++piece.source.space->readers[piece.source.first + k];
            }
        }
    }
    return true;
}

}  // namespace bwrt::sim
