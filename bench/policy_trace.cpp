// SPDX-License-Identifier: Apache-2.0

#include "bench/policy_trace.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>

#include "bench/measure.h"

namespace bwrt::bench {
namespace {

// The numbers between the brackets after "hash_ids", or false.
bool read_ids(const char* line, std::vector<std::uint64_t>* ids_out) {
    const char* at = std::strstr(line, "\"hash_ids\"");
    if (at != nullptr) at = std::strchr(at, '[');
    if (at == nullptr) return false;
    ids_out->clear();
    ++at;
    for (;;) {
        at += std::strspn(at, " ,");
        if (*at == ']') return true;
        char* end = nullptr;
        const std::uint64_t id = std::strtoull(at, &end, 10);
        if (end == at || *at == '-') return false;
        ids_out->push_back(id);
        at = end;
    }
}

// The number after `name`, in quotes and with a colon, or 0.
std::uint64_t read_number(const char* line, const char* name) {
    const char* at = std::strstr(line, name);
    return at == nullptr ? 0 : std::strtoull(at + std::strlen(name), nullptr, 10);
}

}  // namespace

// Those of one time lie evenly between it and the next.
void PolicyTrace::spread_arrivals() {
    for (std::size_t begin = 0; begin < arrivals_ns_.size();) {
        const std::uint64_t begin_ns = arrivals_ns_[begin];
        std::size_t end = begin + 1;
        while (end < arrivals_ns_.size() && arrivals_ns_[end] == begin_ns) ++end;
        const std::uint64_t end_ns = end < arrivals_ns_.size() ? arrivals_ns_[end] : begin_ns;
        for (std::size_t i = begin; i < end && end_ns > begin_ns; ++i) {
            arrivals_ns_[i] = begin_ns + (end_ns - begin_ns) / (end - begin) * (i - begin);
        }
        begin = end;
    }
}

PolicyTrace::PolicyTrace(std::FILE* lines) {
    std::unordered_map<std::uint64_t, std::uint32_t> numbers;
    std::vector<std::uint64_t> ids;
    char* line = nullptr;
    std::size_t capacity = 0;
    while (getline(&line, &capacity, lines) >= 0) {
        if (!read_ids(line, &ids)) {
            std::free(line);
            throw Failure("E_PARSE", "line " + std::to_string(first_.size()) + " has no hash_ids");
        }
        std::uint32_t parent = kNoBlock;
        for (const std::uint64_t id : ids) {
            const auto [known, is_new] = numbers.try_emplace(id, block_count());
            if (is_new) parents_.push_back(parent);
            parent = known->second;
            blocks_.push_back(parent);
        }
        first_.push_back(blocks_.size());
        arrivals_ns_.push_back(read_number(line, "\"timestamp\":") * 1'000'000);
        inputs_.push_back(read_number(line, "\"input_length\":"));
        outputs_.push_back(read_number(line, "\"output_length\":"));
        const bool has_session = std::strstr(line, "\"session_id\":") != nullptr;
        sessions_.push_back(has_session ? read_number(line, "\"session_id\":") + 1 : 0);
        if (!ids.empty()) {
            const std::uint64_t tokens = (inputs_.back() + ids.size() - 1) / ids.size();
            block_tokens_ = std::max(block_tokens_, std::bit_ceil(tokens));
        }
    }
    std::free(line);
    spread_arrivals();
    if (blocks_.empty()) throw Failure("E_PARSE", "the trace has no blocks");
}

}  // namespace bwrt::bench
