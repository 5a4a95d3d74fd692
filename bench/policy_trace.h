// SPDX-License-Identifier: Apache-2.0
//
// policy_trace.h — requests of a trace in Mooncake's form, one JSON object a line, of which
// "hash_ids" is read: the blocks of a prompt, root first.  Blocks get numbers from 0 in the order
// in which they appear; equal ids are equal prefixes, so each has one parent.
//
// "timestamp", "input_length", "output_length" and "session_id" are read where they are; a session
// is 1 more than its number, 0 is none.  A trace may tell times in bins of seconds: requests of one
// bin are spread over it, in their order.

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
    [[nodiscard]] std::uint64_t arrival_ns(std::size_t index) const { return arrivals_ns_[index]; }
    [[nodiscard]] std::uint64_t output_tokens(std::size_t index) const { return outputs_[index]; }
    [[nodiscard]] std::uint64_t session(std::size_t index) const { return sessions_[index]; }
    // Of the request's blocks those that no token is missing from: all, or all but the last.
    [[nodiscard]] std::size_t full_count(std::size_t index) const {
        const std::size_t count = first_[index + 1] - first_[index];
        return count == 0 || inputs_[index] % block_tokens_ == 0 ? count : count - 1;
    }

 private:
    void spread_arrivals();

    std::vector<std::uint64_t> arrivals_ns_, inputs_, outputs_, sessions_;
    std::uint64_t block_tokens_ = 1;
    std::vector<std::uint32_t> blocks_;
    std::vector<std::size_t> first_ = {0};
    std::vector<std::uint32_t> parents_;
};

}  // namespace bwrt::bench
