// SPDX-License-Identifier: Apache-2.0

#include "tools/tune_choice.h"

#include <algorithm>
#include <cstdio>

namespace bwrt::tools {
namespace {

// In thousandths: of all prompt tokens, and of the bytes written by default.
constexpr std::int64_t kGain = 5, kLoss = 1, kFewer = 100;

double share(std::uint64_t part, std::uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

std::int64_t difference(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(a) - static_cast<std::int64_t>(b);
}

// What it does of a goal, in tokens or bytes; more is better.
std::int64_t gain_of(TuneGoal goal, const TuneScore& score, const TuneScore& otherwise) {
    switch (goal) {
        case TuneGoal::kHits:
            return difference(score.hit_tokens, otherwise.hit_tokens);
        case TuneGoal::kMemory:
            return difference(score.host_tokens, otherwise.host_tokens);
        case TuneGoal::kWrites:
            break;
    }
    return difference(otherwise.written_bytes, score.written_bytes);
}

// Whether a is to be preferred to b.
bool is_before(const TuneScore& a, const TuneScore& b, const TuneScore& otherwise) {
    const std::optional<TuneGoal> goal_a = goal_of(a, otherwise), goal_b = goal_of(b, otherwise);
    if (goal_a.has_value() != goal_b.has_value()) return goal_a.has_value();
    if (goal_a != goal_b) return *goal_a < *goal_b;
    const TuneGoal goal = goal_a.value_or(TuneGoal::kHits);
    return gain_of(goal, a, otherwise) > gain_of(goal, b, otherwise);
}

std::string text_of(const char* format, double a, double b) {
    char text[160];
    std::snprintf(text, sizeof text, format, a, b);
    return text;
}

}  // namespace

std::optional<TuneGoal> goal_of(const TuneScore& score, const TuneScore& otherwise) {
    const auto tokens = static_cast<std::int64_t>(otherwise.tokens);
    const auto bytes = static_cast<std::int64_t>(otherwise.written_bytes);
    for (const TuneGoal goal : {TuneGoal::kHits, TuneGoal::kMemory}) {
        const std::int64_t gain = 1'000 * gain_of(goal, score, otherwise);
        if (gain != 0 && gain >= kGain * tokens) return goal;
        if (gain < -kLoss * tokens) return std::nullopt;
    }
    const std::int64_t fewer = 1'000 * gain_of(TuneGoal::kWrites, score, otherwise);
    if (fewer != 0 && fewer >= kFewer * bytes) return TuneGoal::kWrites;
    return std::nullopt;
}

std::vector<std::size_t> best_of(const std::vector<TuneScore>& scores, std::size_t count) {
    std::vector<std::size_t> order;
    for (std::size_t i = 1; i < scores.size(); ++i) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return is_before(scores[a], scores[b], scores[0]);
    });
    order.resize(std::min(order.size(), count));
    return order;
}

std::size_t choose(const std::vector<TuneScore>& first, const std::vector<TuneScore>& rest) {
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < rest.size(); ++i) {
        const bool is_better = goal_of(first[i], first[0]) && goal_of(rest[i], rest[0]);
        if (!is_better) continue;
        if (chosen == 0 || is_before(rest[i], rest[chosen], rest[0])) chosen = i;
    }
    return chosen;
}

std::string reason_of(const TuneScore& score, const TuneScore& otherwise) {
    const auto percent = [](std::uint64_t part, const TuneScore& of) {
        return 100 * share(part, of.tokens);
    };
    switch (goal_of(score, otherwise).value_or(TuneGoal::kWrites)) {
        case TuneGoal::kHits:
            return text_of(
                "more prefix hits in the rest: %.2f %% of its prompt tokens, %.2f %% by default",
                percent(score.hit_tokens, score), percent(otherwise.hit_tokens, otherwise));
        case TuneGoal::kMemory:
            return text_of(
                "more of the hits in memory in the rest: %.2f %% of its prompt tokens, %.2f %% by "
                "default",
                percent(score.host_tokens, score), percent(otherwise.host_tokens, otherwise));
        case TuneGoal::kWrites:
            break;
    }
    return text_of("fewer bytes written in the rest: %.3f GB, %.3f GB by default",
                   static_cast<double>(score.written_bytes) / 1e9,
                   static_cast<double>(otherwise.written_bytes) / 1e9);
}

}  // namespace bwrt::tools
