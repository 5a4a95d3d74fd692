// SPDX-License-Identifier: Apache-2.0
//
// tune_choice.h — which of several configurations is worth having, by what each did on two parts of
// a trace: the first, on which it was found, and the rest.
//
// Three goals, the most important first, each only where those before it lose nothing:
//
//   hits     prompt tokens that need not be computed     more by 0.5 % of all prompt tokens
//   memory   of them, those that were in memory          likewise
//   writes   bytes written to the disk                   fewer by 10 %
//
// To lose is to have fewer by more than 0.1 % of all prompt tokens.  A candidate is chosen that
// reaches a goal on both parts; of several the one that does most of the first goal reached on the
// rest.  What the first part alone praises may be that part's accident, and then the default stays.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bwrt::tools {

// What a configuration did on a part of a trace.
struct TuneScore {
    std::uint64_t tokens = 0;       // of all prompts
    std::uint64_t hit_tokens = 0;   // that were not computed
    std::uint64_t host_tokens = 0;  // of them, from memory
    std::uint64_t written_bytes = 0;
};

enum class TuneGoal : std::uint8_t { kHits, kMemory, kWrites };

// The first goal that it reaches, if any.
[[nodiscard]] std::optional<TuneGoal> goal_of(const TuneScore& score, const TuneScore& otherwise);

// Positions in `scores`, the best first, at most `count`: those that reach a goal, then those with
// the most hits.  The first of the scores is the default's and never among them.
[[nodiscard]] std::vector<std::size_t> best_of(const std::vector<TuneScore>& scores,
                                               std::size_t count);

// Of finalists, the first of which is the default: 0 where it stays.
[[nodiscard]] std::size_t choose(const std::vector<TuneScore>& first,
                                 const std::vector<TuneScore>& rest);

// "more prefix hits in the rest: 41.20 % of its prompt tokens, 38.00 % by default"
[[nodiscard]] std::string reason_of(const TuneScore& score, const TuneScore& otherwise);

}  // namespace bwrt::tools
