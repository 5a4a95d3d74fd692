// SPDX-License-Identifier: Apache-2.0
//
// traffic_batch.cpp — what programs ask by the thousand: rollouts and evaluations.
//
//   rollout   a prompt comes at random, all its samples with it, a millisecond apart.  When they
//             are trained on the weights change, and no prompt is asked for again.
//   eval      57 subjects, one after the other and from the first again, 100 questions of each:
//             the subject's worked examples, which are the same each time, then a question
//
// Their lengths are round numbers of the kind that is common (a mathematical task and a long
// answer; five examples and a letter), not measured ones.

#include <utility>

#include "tools/replay/traffic.h"

namespace bwrt::replay {
namespace {

constexpr std::uint32_t kSampleCount = 16;
constexpr std::uint32_t kSampleGapUs = 1000;
constexpr Quantiles kPromptTokens = {{60, 80, 100, 150, 260, 600, 1500, 2500, 4000, 6000, 8000}};
constexpr Quantiles kSampleTokens = {
    {50, 300, 500, 1100, 2400, 4800, 9000, 13'000, 16'000, 16'384, 16'384}};

constexpr std::uint32_t kSubjectCount = 57;
constexpr std::uint32_t kQuestionCount = 100;  // of a subject, before the next one
constexpr Quantiles kExampleTokens = {
    {350, 400, 450, 550, 750, 1100, 1900, 2600, 3400, 3500, 3600}};
constexpr Quantiles kQuestionTokens = {{30, 40, 45, 60, 85, 130, 220, 350, 700, 900, 1000}};

std::size_t block_count(std::uint32_t tokens, std::uint32_t block_tokens) {
    return (std::size_t{tokens} + block_tokens - 1) / block_tokens;
}

class Rollout final : public Traffic {
 public:
    Rollout(const TrafficSettings& settings, BlockIds& ids)
        : settings_(settings), ids_(ids), draw_(settings.seed) {
        begin(0);
    }

    [[nodiscard]] std::uint64_t next_us() const override {
        return begin_us_ + sample_ * kSampleGapUs;
    }

    void take(Asked& asked_out) override {
        prompt_.at_us = next_us();
        prompt_.output_tokens = draw_.from(kSampleTokens);
        asked_out = prompt_;
        if (++sample_ == kSampleCount) begin(next_us());
    }

 private:
    void begin(std::uint64_t from_us) {
        begin_us_ =
            from_us + draw_.exponential(1000 * kSecondUs * kSampleCount / settings_.rate_milli);
        sample_ = 0;
        ++prompt_.session;
        prompt_.input_tokens = draw_.from(kPromptTokens);
        prompt_.ids.clear();
        ids_.append(block_count(prompt_.input_tokens, settings_.block_tokens), prompt_.ids);
    }

    const TrafficSettings settings_;
    BlockIds& ids_;
    Draw draw_;
    Asked prompt_;
    std::uint64_t begin_us_ = 0;
    std::uint32_t sample_ = 0;
};

class Eval final : public Traffic {
 public:
    Eval(const TrafficSettings& settings, BlockIds& ids)
        : settings_(settings), ids_(ids), draw_(settings.seed), subjects_(kSubjectCount) {
        for (Subject& subject : subjects_) {
            subject.tokens = draw_.from(kExampleTokens);
            ids_.append(subject.tokens / settings_.block_tokens, subject.ids);
        }
        wait();
    }

    [[nodiscard]] std::uint64_t next_us() const override { return next_us_; }

    void take(Asked& asked_out) override {
        const Subject& subject = subjects_[question_ / kQuestionCount % kSubjectCount];
        asked_out = {.at_us = next_us_,
                     .input_tokens = subject.tokens + draw_.from(kQuestionTokens),
                     .output_tokens = draw_.between(1, 4),
                     .ids = subject.ids};
        ids_.append(
            block_count(asked_out.input_tokens, settings_.block_tokens) - subject.ids.size(),
            asked_out.ids);
        ++question_;
        wait();
    }

 private:
    struct Subject {
        std::uint32_t tokens = 0;
        std::vector<std::uint64_t> ids;  // of whole blocks: a question begins in the one after
    };

    void wait() { next_us_ += draw_.exponential(1000 * kSecondUs / settings_.rate_milli); }

    const TrafficSettings settings_;
    BlockIds& ids_;
    Draw draw_;
    std::vector<Subject> subjects_;
    std::uint64_t question_ = 0, next_us_ = 0;
};

}  // namespace

std::unique_ptr<Traffic> rollout_traffic(const TrafficSettings& settings, BlockIds& ids) {
    return std::make_unique<Rollout>(settings, ids);
}

std::unique_ptr<Traffic> eval_traffic(const TrafficSettings& settings, BlockIds& ids) {
    return std::make_unique<Eval>(settings, ids);
}

}  // namespace bwrt::replay
