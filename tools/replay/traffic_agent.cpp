// SPDX-License-Identifier: Apache-2.0
//
// traffic_agent.cpp — coding agents: long sessions of many short steps.
//
// A session begins with the head of its agent's kind (system prompt and tools), a few kinds being
// most of them, and some are copies of a session that runs.  Each step sends the whole context with
// what the last tool said at its end.  A context that is full is compacted: the head stays, a
// summary takes the place of the rest; now and then a session does so of itself.  Or a sub-agent
// asks once, with the head and something of its own that nobody needs again.  A rest of less than a
// block has no id.
//
// The tables are quantiles of sessions recorded with coding agents (callanjfox/kv-cache-tester,
// WEKA), in blocks of 512 tokens.

#include <algorithm>
#include <array>
#include <utility>

#include "tools/replay/traffic.h"

namespace bwrt::replay {
namespace {

constexpr std::uint32_t kEndsMilli = 22;
constexpr std::uint32_t kStepMilliMean = 1'000'000 / kEndsMilli;
constexpr std::uint32_t kCopiedMilli = 200;
constexpr std::uint32_t kCompactedMilli = 3;
constexpr std::uint32_t kSubAgentMilli = 12;
constexpr std::uint32_t kContextTokens = 142'000;  // few have a larger window than that
constexpr std::uint32_t kLargeContextTokens = 520'000;
constexpr std::uint32_t kLargeMilli = 60;

// The kinds of agents by how long their heads are; the k-th is drawn 1/k as often as the first.
constexpr std::array<std::uint32_t, 8> kHeadTokens = {14'800, 15'600, 8'900, 17'200,
                                                      2'100,  12'300, 6'000, 16'400};

constexpr Quantiles kFirstTokens = {
    {6697, 11'687, 12'178, 16'692, 19'442, 40'479, 102'689, 130'000, 200'000, 400'000, 509'308}};
constexpr Quantiles kStepTokens = {
    {8, 151, 190, 335, 726, 1700, 3600, 6000, 13'000, 35'000, 80'000}};
constexpr Quantiles kSummaryTokens = {
    {1000, 2000, 3000, 5000, 12'000, 30'000, 60'000, 80'000, 120'000, 125'000, 130'000}};
constexpr Quantiles kAnswerTokens = {{0, 92, 109, 141, 213, 395, 830, 1424, 3409, 9000, 13'442}};
constexpr Quantiles kThinkMs = {
    {500, 4000, 6000, 9000, 15'000, 34'000, 111'000, 208'000, 1'337'000, 1'790'000, 1'800'000}};

class Agent final : public Conversations {
 public:
    Agent(const TrafficSettings& settings, BlockIds& ids)
        : Conversations(settings, kStepMilliMean, ids) {
        for (std::size_t i = 0; i < kHeadTokens.size(); ++i) {
            ids.append(whole_count(kHeadTokens[i]), heads_[i]);
        }
    }

 private:
    void turn(Conversation& conversation) override {
        if (conversation.turn_count == 0) {
            begin(conversation);
        } else {
            step(conversation);
        }
        conversation.output_tokens = draw_.from(kAnswerTokens);
        last_ = conversation;
    }

    void begin(Conversation& conversation) {
        if (draw_.happens(kCopiedMilli) && !last_.ids.empty()) {
            const std::uint64_t session = conversation.session;
            conversation = last_;
            conversation.session = session;
            return step(conversation);
        }
        const std::vector<std::uint64_t>& head = heads_[draw_kind()];
        conversation.ids = head;
        conversation.head_count = static_cast<std::uint32_t>(head.size());
        conversation.tokens = std::max<std::uint32_t>(draw_.from(kFirstTokens),
                                                      conversation.head_count * block_tokens_);
        extend(conversation, head.size(), whole_count(conversation.tokens));
    }

    void step(Conversation& conversation) {
        if (!conversation.ids_behind.empty()) {
            conversation.ids = std::move(conversation.ids_behind);
            conversation.ids_behind.clear();
            conversation.tokens = conversation.tokens_behind;
        } else if (draw_.happens(kSubAgentMilli)) {
            conversation.ids_behind = conversation.ids;
            conversation.tokens_behind = conversation.tokens;
            return compact(conversation);
        }
        const std::uint32_t tokens = conversation.tokens + draw_.from(kStepTokens);
        const bool is_full = tokens > kContextTokens && !draw_.happens(1000 - kLargeMilli);
        if (is_full || tokens > kLargeContextTokens || draw_.happens(kCompactedMilli)) {
            compact(conversation);
        } else {
            conversation.tokens = tokens;
            extend(conversation, conversation.ids.size(), whole_count(tokens));
        }
    }

    void compact(Conversation& conversation) {
        conversation.tokens = conversation.head_count * block_tokens_ + draw_.from(kSummaryTokens);
        extend(conversation, conversation.head_count, whole_count(conversation.tokens));
    }

    std::uint64_t think_us(const Conversation&) override {
        if (draw_.happens(kEndsMilli)) return 0;
        return std::uint64_t{draw_.from(kThinkMs)} * 1000;
    }

    // 840 is the least common multiple of 1 to 8.
    std::size_t draw_kind() {
        std::uint64_t left = draw_.below(840 + 420 + 280 + 210 + 168 + 140 + 120 + 105);
        std::size_t kind = 0;
        for (; left >= 840 / (kind + 1); ++kind) left -= 840 / (kind + 1);
        return kind;
    }

    std::array<std::vector<std::uint64_t>, kHeadTokens.size()> heads_;
    Conversation last_;  // whose step was the last
};

}  // namespace

std::unique_ptr<Traffic> agent_traffic(const TrafficSettings& settings, BlockIds& ids) {
    return std::make_unique<Agent>(settings, ids);
}

}  // namespace bwrt::replay
