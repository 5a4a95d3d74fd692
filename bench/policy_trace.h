// SPDX-License-Identifier: Apache-2.0
//
// policy_trace.h — requests of a trace in Mooncake's form, one JSON object a line, of which
// "hash_ids" is read: the blocks of a prompt, root first.  Blocks get numbers from 0 in the order
// in which they appear; equal ids are equal prefixes, so each has one parent.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <vector>

namespace bwrt::bench {

class PolicyTrace {
 public:
    static constexpr std::uint32_t kNoBlock = 0xFFFF'FFFF;

    // Throws Failure, with the line that is not understood.
    explicit PolicyTrace(std::FILE* lines);

    [[nodiscard]] std::size_t request_count() const { return first_.size() - 1; }
    [[nodiscard]] std::uint32_t block_count() const {
        return static_cast<std::uint32_t>(parents_.size());
    }
    [[nodiscard]] std::size_t reference_count() const { return blocks_.size(); }
    [[nodiscard]] std::span<const std::uint32_t> request(std::size_t index) const {
        return {blocks_.data() + first_[index], first_[index + 1] - first_[index]};
    }
    [[nodiscard]] std::uint32_t parent(std::uint32_t block) const { return parents_[block]; }

 private:
    std::vector<std::uint32_t> blocks_;
    std::vector<std::size_t> first_ = {0};
    std::vector<std::uint32_t> parents_;
};

}  // namespace bwrt::bench
