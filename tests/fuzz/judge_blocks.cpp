// SPDX-License-Identifier: Apache-2.0
//
// judge_blocks.cpp — the blocks of a completed wave held against all that they may be.

#include <cstring>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr const char* kKinds[] = {"PUT", "GET", "PREFETCH", "MOVE", "DROP", "PIN", "UNPIN"};

class BlockJudge {
 public:
    BlockJudge(Machine* machine, const WaveRecord& record, std::uint16_t id,
               const bwrt_completion& end)
        : oracle_(machine->oracle),
          store_(machine->sessions[record.session].store),
          record_(record),
          id_(id),
          end_(end) {}

    void judge(const BlockUse& use) {
        const bool is_told = record_.results != nullptr;
        bwrt_result result = {};
        if (is_told) {
            std::memcpy(&result,
                        record_.results.get() + std::size_t{use.entry} * record_.wave.result_bytes,
                        sizeof result);
            Tally::count(store_.is_reader ? "a reader's GET" : kKinds[use.kind - BWRT_OP_PUT],
                         result.status);
        }
        const bool is_well = end_.status == BWRT_OK || (is_told && result.status == BWRT_OK);
        switch (use.kind) {
            case BWRT_OP_PUT:
                judge_put(use, is_well, is_told, result);
                break;
            case BWRT_OP_GET:
                judge_get(use, is_well);
                break;
            case BWRT_OP_PIN:
                if (is_well && is_told) judge_pin(use, result);
                break;
            case BWRT_OP_DROP:
                if (is_well) oracle_.dropped(use.key, record_.submitted);
                break;
            case BWRT_OP_UNPIN:
                break;
            default:
                if (is_well && !oracle_.is_known(use.key))
                    found("wave %u found what never was", id_);
                break;
        }
    }

 private:
    void judge_put(const BlockUse& use, bool is_well, bool is_told, const bwrt_result& result) {
        const bool was_present = is_well && is_told && (result.flags & BWRT_RESULT_PRESENT) != 0;
        const bool is_strict = (use.flags & BWRT_BLOCK_STRICT) != 0;
        const bool conflicts = is_told && result.status == BWRT_E_CONFLICT;
        if (was_present && is_strict) found("wave %u: a STRICT PUT of what is present", id_);
        if (was_present || conflicts) {
            oracle_.withdraw(use.key, use.content);
            if (!oracle_.is_known(use.key))
                found("wave %u: nobody else has put entry %u", id_, use.entry);
        } else if (is_well && (is_told || is_strict)) {
            oracle_.stored(use.key, use.content);
        } else {
            oracle_.end_put(use.content);
        }
    }

    // The pieces that are called right are those of one block.
    void judge_get(const BlockUse& use, bool is_well) {
        std::vector<Stretch> stretches;
        for (const Piece& piece : record_.pieces) {
            if (piece.entry != use.entry || piece.target->actual == nullptr) continue;
            bool is_right = is_well || use.entry < end_.prefix_count;
            if (record_.groups != nullptr) {
                bwrt_group_result group;
                std::memcpy(
                    &group,
                    record_.groups.get() + std::size_t{piece.group} * record_.wave.group_bytes,
                    sizeof group);
                is_right = is_right || use.entry < group.prefix_count;
            }
            if (!is_right) continue;
            stretches.push_back(
                {piece.image_first, piece.target->actual + piece.target_first, piece.length_bytes});
        }
        if (stretches.empty()) return;
        if (!oracle_.may_hold(use.key, use.length_bytes, use.layout, record_.submitted,
                              stretches)) {
            found("wave %u: entry %u, %llu bytes, is called right and is no block that was put",
                  id_, use.entry, static_cast<unsigned long long>(use.length_bytes));
        }
    }

    // It lies there until an UNPIN is submitted.
    void judge_pin(const BlockUse& use, const bwrt_result& result) {
        const auto first = reinterpret_cast<std::uintptr_t>(store_.info.host_address);
        if (result.address < first || result.address - first >= store_.info.host_bytes) {
            found("wave %u: a block is pinned outside of the host tier", id_);
        }
        if (store_.unpinned.count(use.key) != 0) return;
        if (!oracle_.may_lie_at(use.key, reinterpret_cast<const std::byte*>(result.address),
                                first + store_.info.host_bytes - result.address,
                                record_.submitted)) {
            found("wave %u: what is pinned is no block that was put", id_);
        }
    }

    Oracle& oracle_;
    const StoreState& store_;
    const WaveRecord& record_;
    const std::uint16_t id_;
    const bwrt_completion& end_;
};

}  // namespace

void judge_blocks(Machine* machine, const WaveRecord& record, std::uint16_t id,
                  const bwrt_completion& completion) {
    BlockJudge judge(machine, record, id, completion);
    for (const BlockUse& use : record.block_uses) judge.judge(use);
}

}  // namespace bwrt::fuzz
