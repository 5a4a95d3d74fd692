// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/trace.h"

#include <algorithm>
#include <bit>

namespace bwrt::replay {
namespace {

constexpr std::uint64_t kDayUs = 86'400'000'000;
constexpr std::uint64_t kMillisecondUs = 1000;
constexpr std::uint64_t kBinUsMin = 100'000;  // a smaller step is no bin, but two that were close

TraceError error_of(std::string field, std::string sentence) {
    return {0, std::move(field), std::move(sentence)};
}

std::string at_most(const char* what, std::uint64_t most) {
    return std::string("has more than ") + std::to_string(most) + " " + what;
}

}  // namespace

std::string TraceError::text() const {
    std::string all = line == 0 ? std::string() : "line " + std::to_string(line) + ": ";
    if (!field.empty()) all += field + ": ";
    return all + sentence;
}

std::uint32_t Trace::full_count(std::size_t index) const {
    const TraceRequest& request = requests_[index];
    return std::min(request.block_count, request.input_tokens / block_tokens_);
}

// A mixer of 64 bits; see https://prng.di.unimi.it/splitmix64.c for its constants.
std::size_t TraceBuilder::MixedHash::operator()(std::uint64_t id) const noexcept {
    id += 0x9E37'79B9'7F4A'7C15u;
    id = (id ^ id >> 30) * 0xBF58'476D'1CE4'E5B9u;
    id = (id ^ id >> 27) * 0x94D0'49BB'1331'11EBu;
    return id ^ id >> 31;
}

std::uint32_t TraceBuilder::tenant(std::string_view name, std::uint32_t quota_milli) {
    if (name.empty()) return 0;
    const auto number = static_cast<std::uint32_t>(trace_.tenants_.size());
    const auto [known, is_new] = tenants_.try_emplace(std::string(name), number);
    if (is_new) trace_.tenants_.push_back({std::string(name), quota_milli});
    return known->second;
}

std::uint32_t TraceBuilder::session(std::string_view name) {
    const auto [known, is_new] =
        sessions_.try_emplace(std::string(name), trace_.session_count_ + 1);
    if (is_new) ++trace_.session_count_;
    return known->second;
}

TraceError TraceBuilder::add(TraceRequest request, std::span<const std::uint64_t> ids) {
    std::vector<TraceRequest>& requests = trace_.requests_;
    if (requests.size() >= limits_.request_count_max) {
        return error_of({}, "the trace " + at_most("requests", limits_.request_count_max));
    }
    if (ids.size() > limits_.request_block_count_max) {
        return error_of("hash_ids", at_most("blocks", limits_.request_block_count_max));
    }
    if (!requests.empty() && request.arrival_us < requests.back().arrival_us) {
        const std::uint64_t late_us = requests.back().arrival_us - request.arrival_us;
        if (late_us > Trace::kLateUsMax) {
            return error_of("timestamp", "is " + std::to_string(late_us / 1000) +
                                             " ms before that of a request above it");
        }
        ++trace_.tolerated_.late_count;
        trace_.tolerated_.late_us_max = std::max(trace_.tolerated_.late_us_max, late_us);
        request.arrival_us = requests.back().arrival_us;
    }
    if (!requests.empty() &&
        request.arrival_us - requests.front().arrival_us > limits_.duration_us_max) {
        return error_of("timestamp", "is " + std::to_string(limits_.duration_us_max / kDayUs) +
                                         " days and more after the first one");
    }
    request.first_reference = trace_.references_.size();
    request.block_count = static_cast<std::uint32_t>(ids.size());
    if (TraceError error = add_blocks(ids)) return error;
    requests.push_back(request);
    return {};
}

TraceError TraceBuilder::add_blocks(std::span<const std::uint64_t> ids) {
    if (trace_.references_.size() + ids.size() > limits_.reference_count_max) {
        return error_of("hash_ids", "the trace " + at_most("ids", limits_.reference_count_max));
    }
    std::uint32_t parent = Trace::kNoBlock;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto [known, is_new] = numbers_.try_emplace(ids[i], trace_.block_count());
        if (is_new) {
            if (trace_.block_count() == limits_.block_count_max) {
                return error_of("hash_ids",
                                "the trace " + at_most("blocks", limits_.block_count_max));
            }
            trace_.ids_.push_back(ids[i]);
            trace_.parents_.push_back(parent);
        } else if (trace_.parents_[known->second] != parent) {
            return wrong_parent(ids, i, known->second);
        }
        parent = known->second;
        trace_.references_.push_back(parent);
    }
    return {};
}

// A cycle is an id that is there twice: the second one's parent is not the first one's.
TraceError TraceBuilder::wrong_parent(std::span<const std::uint64_t> ids, std::size_t index,
                                      std::uint32_t block) const {
    const auto follows = [](bool is_root, std::uint64_t parent) {
        return is_root ? std::string("begins a prompt") : "follows " + std::to_string(parent);
    };
    const std::string field = "hash_ids[" + std::to_string(index) + "]";
    const std::string id = std::to_string(ids[index]);
    if (std::find(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(index), ids[index]) !=
        ids.begin() + static_cast<std::ptrdiff_t>(index)) {
        return error_of(field, id + " is in the request twice");
    }
    const std::uint32_t parent = trace_.parents_[block];
    return error_of(field, id + " " + follows(index == 0, index == 0 ? 0 : ids[index - 1]) +
                               " here and " +
                               follows(parent == Trace::kNoBlock,
                                       parent == Trace::kNoBlock ? 0 : trace_.ids_[parent]) +
                               " in a request above it: equal ids must be equal prefixes");
}

TraceError TraceBuilder::finish(std::uint32_t block_tokens, Trace& trace_out) {
    if (trace_.requests_.empty()) return error_of({}, "the trace has no requests");
    if (trace_.references_.empty()) return error_of({}, "the trace has no blocks");
    trace_.block_tokens_ = block_tokens != 0 ? block_tokens : infer_block_tokens();
    spread_arrivals();
    count_misfits();
    trace_out = std::move(trace_);
    return {};
}

// A request of n blocks of B tokens has between (n - 1) B and n B tokens when its last block may be
// partial, as in Mooncake's traces, and up to (n + 1) B when a rest is left out, as in others.  Of
// many blocks either is narrow enough for one power of two.
std::uint32_t TraceBuilder::infer_block_tokens() const {
    const TraceRequest& most = *std::max_element(
        trace_.requests_.begin(), trace_.requests_.end(), [](const auto& a, const auto& b) {
            return std::pair(a.block_count, a.input_tokens) <
                   std::pair(b.block_count, b.input_tokens);
        });
    const std::uint64_t tokens = most.input_tokens, count = most.block_count;
    const auto is_possible = [=](std::uint64_t size) { return size * (count - 1) < tokens; };
    std::uint64_t size = std::bit_ceil((tokens + count - 1) / count);
    if (!is_possible(size)) size = std::bit_ceil(tokens / (count + 1) + 1);
    if (!is_possible(size)) size = tokens / count;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(size, 1, 1u << 31));
}

void TraceBuilder::count_misfits() {
    for (const TraceRequest& request : trace_.requests_) {
        const std::uint64_t least = request.input_tokens / trace_.block_tokens_;
        const bool has_rest = request.input_tokens % trace_.block_tokens_ != 0;
        if (request.block_count < least || request.block_count > least + (has_rest ? 1 : 0)) {
            ++trace_.tolerated_.misfit_count;
        }
    }
}

// And the first one arrives at 0.
void TraceBuilder::spread_arrivals() {
    std::vector<TraceRequest>& requests = trace_.requests_;
    const std::uint64_t begin_us = requests.front().arrival_us;
    std::uint64_t bin_us = ~std::uint64_t{0};
    for (std::size_t i = 1; i < requests.size(); ++i) {
        const std::uint64_t step_us = requests[i].arrival_us - requests[i - 1].arrival_us;
        if (step_us > 0) bin_us = std::min(bin_us, step_us);
    }
    if (bin_us == ~std::uint64_t{0}) bin_us = 0;
    if (bin_us < kBinUsMin) bin_us = std::min(bin_us, kMillisecondUs);
    bin_us = std::min(bin_us, Trace::kLateUsMax);
    trace_.bin_us_ = bin_us;
    for (std::size_t first = 0, end = 0; first < requests.size(); first = end) {
        const std::uint64_t at_us = requests[first].arrival_us;
        while (end < requests.size() && requests[end].arrival_us == at_us) ++end;
        for (std::size_t i = first; i < end; ++i) {
            requests[i].arrival_us = at_us - begin_us + bin_us * (i - first) / (end - first);
        }
    }
}

}  // namespace bwrt::replay
