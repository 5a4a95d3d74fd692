// SPDX-License-Identifier: Apache-2.0
//
// trace.h — a trace of requests as a value: what was asked for, when, by whom, and which blocks of
// KV each prompt is made of.
//
//   requests     in order of arrival; each has a range of references
//   references   numbers of blocks, root first        0 1 2 3 | 0 1 4 | 0 1 4 5 | ...
//   blocks       numbered from 0 in the order in which they appear first; each has the id that
//                the trace gave it, and one parent: equal ids are equal prefixes
//
// The numbers are dense, so whatever is known of a block is an array.  A trace that was built is
// never changed.
//
// Recorded times may come in bins (3 s in Mooncake's).  The smallest step between two times of a
// trace is taken for its bin, and request i of the n that share a time arrives i/n of a bin after
// it: in their order, before the next bin, and the same each time.  Where that step is less than
// 100 ms there are no bins but that of the clock, a millisecond, and nothing moves that anybody
// could see.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bwrt::replay {

// Why a trace was not taken.
struct TraceError {
    std::uint64_t line = 0;  // from 1; 0: it is not of a line
    std::string field;       // "hash_ids[3]"; empty: the whole
    std::string sentence;    // empty: there is no error

    explicit operator bool() const noexcept { return !sentence.empty(); }

    // "line 17: hash_ids[3]: is beyond 64 bits"
    [[nodiscard]] std::string text() const;
};

// What a trace may have at most; all of it lies in memory.  A reference takes 4 bytes, a request
// 40, a block 12, and while the trace is built some 50 more: 4 GiB for a trace that is at every
// limit.
struct TraceLimits {
    std::uint64_t request_count_max = 1u << 24;
    std::uint64_t reference_count_max = 1u << 28;
    std::uint32_t block_count_max = 1u << 25;
    std::uint32_t request_block_count_max = 1u << 18;  // 4 Mi tokens in blocks of 16
    std::uint64_t duration_us_max = 366ull * 86'400 * 1'000'000;
};

struct TraceRequest {
    std::uint64_t arrival_us = 0;  // after the first one
    std::uint32_t input_tokens = 0;
    std::uint32_t output_tokens = 0;
    std::uint32_t tenant = 0;   // its index; 0: the one without a name
    std::uint32_t session = 0;  // from 1; 0: none
    std::uint64_t first_reference = 0;
    std::uint32_t block_count = 0;
};

struct TraceTenant {
    std::string name;               // empty: requests of which no tenant is told
    std::uint32_t quota_milli = 0;  // of each tier, in thousandths; 0: none
};

// What was not as it should be and was taken all the same.
struct TraceTolerated {
    std::uint64_t late_count = 0;    // told after a later request, by no more than kLateUsMax:
    std::uint64_t late_us_max = 0;   //   they arrive together with it
    std::uint64_t misfit_count = 0;  // number of blocks is not that of the tokens
};

class Trace {
 public:
    static constexpr std::uint32_t kNoBlock = 0xFFFF'FFFF;
    static constexpr std::uint64_t kLateUsMax = 3'000'000;  // a bin of Mooncake's

    [[nodiscard]] std::size_t request_count() const { return requests_.size(); }
    [[nodiscard]] const TraceRequest& request(std::size_t index) const { return requests_[index]; }
    [[nodiscard]] std::span<const std::uint32_t> blocks_of(std::size_t index) const {
        return {references_.data() + requests_[index].first_reference,
                requests_[index].block_count};
    }
    [[nodiscard]] std::uint64_t arrival_ns(std::size_t index) const {
        return 1000 * requests_[index].arrival_us;
    }
    // Of the request's blocks those that no token is missing from: all, or all but the last.
    [[nodiscard]] std::uint32_t full_count(std::size_t index) const;

    [[nodiscard]] std::uint32_t block_count() const {
        return static_cast<std::uint32_t>(ids_.size());
    }
    [[nodiscard]] std::uint32_t parent(std::uint32_t block) const { return parents_[block]; }
    [[nodiscard]] std::uint64_t id(std::uint32_t block) const { return ids_[block]; }

    [[nodiscard]] std::size_t reference_count() const { return references_.size(); }
    [[nodiscard]] std::uint32_t block_tokens() const { return block_tokens_; }
    [[nodiscard]] std::uint64_t bin_us() const { return bin_us_; }
    [[nodiscard]] std::uint64_t duration_us() const {
        return requests_.empty() ? 0 : requests_.back().arrival_us;
    }
    [[nodiscard]] std::uint32_t session_count() const { return session_count_; }
    [[nodiscard]] const std::vector<TraceTenant>& tenants() const { return tenants_; }
    [[nodiscard]] const TraceTolerated& tolerated() const { return tolerated_; }

 private:
    friend class TraceBuilder;

    std::vector<TraceRequest> requests_;
    std::vector<std::uint32_t> references_;
    std::vector<std::uint32_t> parents_;
    std::vector<std::uint64_t> ids_;
    std::vector<TraceTenant> tenants_ = {{}};
    std::uint32_t session_count_ = 0;
    std::uint32_t block_tokens_ = 1;
    std::uint64_t bin_us_ = 0;
    TraceTolerated tolerated_;
};

// Makes a trace of requests in their order.  After an error it is of no use any more.
class TraceBuilder {
 public:
    explicit TraceBuilder(const TraceLimits& limits = {}) : limits_(limits) {}

    // The number of a name, the same each time.
    [[nodiscard]] std::uint32_t tenant(std::string_view name, std::uint32_t quota_milli = 0);
    [[nodiscard]] std::uint32_t session(std::string_view name);

    // `arrival_us` counts from anywhere; the range of references is not looked at.
    [[nodiscard]] TraceError add(TraceRequest request, std::span<const std::uint64_t> ids);

    // `block_tokens` 0: as the request with the most blocks has it.  `trace_out` is untouched on an
    // error.
    [[nodiscard]] TraceError finish(std::uint32_t block_tokens, Trace& trace_out);

 private:
    // Ids come from files: as they are, they could be chosen to fall into one bucket.
    struct MixedHash {
        std::size_t operator()(std::uint64_t id) const noexcept;
    };

    [[nodiscard]] TraceError add_blocks(std::span<const std::uint64_t> ids);
    [[nodiscard]] TraceError wrong_parent(std::span<const std::uint64_t> ids, std::size_t index,
                                          std::uint32_t block) const;
    void spread_arrivals();
    void count_misfits();
    [[nodiscard]] std::uint32_t infer_block_tokens() const;

    TraceLimits limits_;
    Trace trace_;
    std::unordered_map<std::uint64_t, std::uint32_t, MixedHash> numbers_;
    std::unordered_map<std::string, std::uint32_t> tenants_, sessions_;
};

}  // namespace bwrt::replay
