// SPDX-License-Identifier: Apache-2.0

#include "bench/policy_trace.h"

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

}  // namespace

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
    }
    std::free(line);
    if (blocks_.empty()) throw Failure("E_PARSE", "the trace has no blocks");
}

}  // namespace bwrt::bench
