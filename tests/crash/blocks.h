// SPDX-License-Identifier: Apache-2.0
//
// blocks.h — the blocks of the crash tests: a key says all there is to know of one.
//
//   chain ──▶ length, part, kinship                key = chain x kChainBlocks + position
//     └── position 0, 1, 2 ..   each the parent of the next, in chains that are no strangers
//
// A block's bytes are a window of one random pattern, at a place that follows from its key: of a
// whole run of a chain they lie behind each other, so that a PUT takes them from where they are,
// and what came back is compared at the speed of memory.  Windows begin at any byte: those of
// another block differ in nearly all of theirs.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "include/bwrt.h"

namespace bwrt::crash {

constexpr std::uint32_t kChainBlocks = 12;
constexpr std::uint32_t kBlockBytesMax = 1u << 20;

// Below a unit, at its edges, below a chunk, at its edges, and of several, odd and even.
constexpr std::array<std::uint32_t, 16> kLengths = {
    1,     700,   4095,   4096,   4097,   12288,          20001,      65535,
    65536, 65537, 131072, 200704, 262145, 640 * 1024 + 8, 1000 * 999, kBlockBytesMax};

inline std::uint64_t mix(std::uint64_t word) noexcept {
    word += 0x9E3779B97F4A7C15u;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    return word ^ (word >> 31);
}

class Blocks {
 public:
    // No block is longer than `longest_bytes`, but for chains from `filler_first` on: those have
    // one block each, of `filler_bytes`, in which one sector in 512 is not zeros.
    explicit Blocks(std::uint32_t longest_bytes = kBlockBytesMax,
                    std::uint32_t filler_first = ~std::uint32_t{0}, std::uint32_t filler_bytes = 0)
        : longest_bytes_(longest_bytes),
          filler_first_(filler_first),
          filler_bytes_(filler_bytes),
          pattern_(std::size_t{2} * kChainBlocks * longest_bytes + 8),
          thin_(std::size_t{2} * filler_bytes) {
        std::mt19937_64 engine(20'26);
        for (std::size_t i = 0; i + 8 <= pattern_.size(); i += 8) {
            const std::uint64_t word = engine();
            std::memcpy(&pattern_[i], &word, sizeof word);
        }
        for (std::size_t i = 0; i < thin_.size(); i += kThinBytes) {
            std::memcpy(&thin_[i], &pattern_[engine() % (pattern_.size() - 512)], 512);
        }
    }

    [[nodiscard]] std::uint32_t length_of(std::uint32_t chain) const noexcept {
        if (chain >= filler_first_) return filler_bytes_;
        const std::uint32_t length = kLengths[mix(chain) % kLengths.size()];
        return length <= longest_bytes_ ? length : 1 + length % std::min(5000u, longest_bytes_);
    }
    [[nodiscard]] std::uint32_t length_max() const noexcept {
        return std::max(longest_bytes_, filler_bytes_);
    }
    [[nodiscard]] static std::uint32_t part_of(std::uint32_t chain) noexcept { return chain % 3; }
    [[nodiscard]] static bool are_strangers(std::uint32_t chain) noexcept { return chain % 5 == 0; }

    // Of that block, and those behind it.
    [[nodiscard]] const unsigned char* bytes_of(std::uint32_t chain,
                                                std::uint32_t position) const noexcept {
        if (chain >= filler_first_) {
            return &thin_[(chain - filler_first_) * kThinBytes % filler_bytes_];
        }
        const std::size_t first = mix(~std::uint64_t{chain}) % (pattern_.size() / 2 - 8);
        return &pattern_[first + std::size_t{position} * length_of(chain)];
    }

    [[nodiscard]] static bwrt_block name_of(std::uint32_t chain, std::uint32_t position) noexcept {
        bwrt_block block;
        for (std::uint32_t i = 0; i < 4; ++i) {
            const std::uint64_t word =
                mix((std::uint64_t{chain} * kChainBlocks + position) * 4 + i + 1);
            std::memcpy(block.identity + i * sizeof word, &word, sizeof word);
        }
        block.part = part_of(chain);
        return block;
    }

 private:
    static constexpr std::size_t kThinBytes = 256 << 10;

    std::uint32_t longest_bytes_, filler_first_, filler_bytes_;
    std::vector<unsigned char> pattern_, thin_;
};

// A block operation on a run of a chain, ready to be submitted.
class Run {
 public:
    // `memory`: of a GET its target, else not looked at.
    void make(const Blocks& blocks, std::uint32_t kind, std::uint32_t chain, std::uint32_t first,
              std::uint32_t count, unsigned char* memory = nullptr) noexcept {
        chain_ = chain;
        first_ = first;
        count_ = count;
        memory_ = memory;
        operation = {};
        operation.kind = kind;
        operation.slot_count = count;
        const bool continues = first != 0 && !Blocks::are_strangers(chain);
        operation.block_first = continues ? 1 : 0;
        const std::uint32_t parent = continues ? 1 : 0;
        for (std::uint32_t i = 0; i < count + parent; ++i) {
            names_[i] = Blocks::name_of(chain, first - parent + i);
        }
        if (kind == BWRT_OP_PUT) {
            operation.source = BWRT_PROCESS_MEMORY;
            operation.source_offset_bytes =
                reinterpret_cast<std::uintptr_t>(blocks.bytes_of(chain, first));
        } else if (kind == BWRT_OP_GET) {
            operation.target = BWRT_PROCESS_MEMORY;
            operation.target_offset_bytes = reinterpret_cast<std::uintptr_t>(memory);
            // What it has from before is right nowhere.
            const std::size_t bytes = std::size_t{count} * blocks.length_of(chain);
            for (std::size_t i = 0; i < bytes; i += i + 512 < bytes ? 512 : 1) {
                memory[i] = static_cast<unsigned char>(~memory[i]);
            }
        }
        if (kind == BWRT_OP_PUT || kind == BWRT_OP_GET) {
            operation.length_bytes = blocks.length_of(chain);
            if (continues) operation.flags = BWRT_BLOCK_CONTINUES;
            if (Blocks::are_strangers(chain)) operation.flags = BWRT_BLOCK_UNRELATED;
        }
        wave = {};
        wave.struct_size = sizeof wave;
        wave.operations = &operation;
        wave.operation_count = 1;
        wave.operation_bytes = sizeof operation;
        wave.blocks = names_.data();
        wave.block_count = count + parent;
        wave.block_bytes = sizeof(bwrt_block);
        wave.results = results.data();
        wave.result_count = count;
        wave.result_bytes = sizeof(bwrt_result);
    }

    [[nodiscard]] std::uint32_t chain() const noexcept { return chain_; }
    [[nodiscard]] std::uint32_t first() const noexcept { return first_; }
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    // Of a GET: block i is what was stored.
    [[nodiscard]] bool is_right(const Blocks& blocks, std::uint32_t i) const noexcept {
        const std::uint32_t length = blocks.length_of(chain_);
        return std::memcmp(memory_ + std::size_t{i} * length, blocks.bytes_of(chain_, first_ + i),
                           length) == 0;
    }

    bwrt_operation operation;
    bwrt_wave wave;
    std::array<bwrt_result, kChainBlocks> results;

 private:
    std::array<bwrt_block, kChainBlocks + 1> names_;
    std::uint32_t chain_ = 0, first_ = 0, count_ = 0;
    unsigned char* memory_ = nullptr;
};

}  // namespace bwrt::crash
