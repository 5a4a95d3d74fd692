// SPDX-License-Identifier: Apache-2.0
//
// traffic_chat.cpp — people who talk to one assistant.
//
// A conversation begins with the system prompt, which all share, and goes on with some probability.
// Its next prompt is the last one, the answer and what was typed; the answer's KV is new to the
// cache, as is a block that was partial, so a follow-up hits the whole blocks of the prompt before.
// One follow-up in seven keeps a part of the conversation only: it was edited, or shortened.
//
// The tables are quantiles of the first 1,770 s of Mooncake's conversation trace (kvcache-ai/
// Mooncake, FAST25-release), where a turn continues the request that had its last hit block.

#include <algorithm>
#include <array>

#include "tools/replay/traffic.h"

namespace bwrt::replay {
namespace {

constexpr std::uint32_t kSystemTokens = 512;
constexpr std::uint32_t kContextTokensMax = 128'000;
// After the first turn, the second, ...: who went on goes on.
constexpr std::array<std::uint32_t, 6> kGoesOnMilli = {350, 450, 530, 580, 630, 680};
constexpr std::uint32_t kTurnMilliMean = 1735;  // as these make it
constexpr std::uint32_t kEditedMilli = 220;

constexpr Quantiles kFirstTokens = {
    {891, 897, 906, 1250, 4700, 11'600, 22'500, 35'000, 78'000, 115'000, 122'889}};
constexpr Quantiles kTypedTokens = {{4, 6, 8, 9, 26, 379, 4247, 8500, 22'000, 60'000, 91'467}};
constexpr Quantiles kAnswerTokens = {{1, 9, 24, 149, 356, 477, 609, 708, 1105, 1900, 2000}};
constexpr Quantiles kThinkMs = {{3000, 30'000, 42'000, 66'000, 120'000, 260'000, 520'000, 800'000,
                                 1'700'000, 2'900'000, 3'500'000}};

class Chat final : public Conversations {
 public:
    Chat(const TrafficSettings& settings, BlockIds& ids)
        : Conversations(settings, kTurnMilliMean, ids) {
        ids.append(whole_count(kSystemTokens), system_);
    }

 private:
    void turn(Conversation& conversation) override {
        std::uint32_t tokens = 0;
        std::size_t kept = whole_count(conversation.tokens);
        if (conversation.turn_count == 0) {
            conversation.ids = system_;
            kept = system_.size();
            tokens = draw_.from(kFirstTokens);
        } else {
            tokens = conversation.tokens + conversation.output_tokens + draw_.from(kTypedTokens);
            if (draw_.happens(kEditedMilli)) kept = draw_.below(kept + 1);
            kept = std::max(kept, system_.size());
        }
        conversation.tokens = std::min(tokens, kContextTokensMax);
        conversation.output_tokens = draw_.from(kAnswerTokens);
        extend(conversation, kept, whole_count(conversation.tokens + block_tokens_ - 1));
    }

    std::uint64_t think_us(const Conversation& conversation) override {
        const std::uint32_t goes_on =
            kGoesOnMilli[std::min<std::size_t>(conversation.turn_count, kGoesOnMilli.size()) - 1];
        if (conversation.tokens == kContextTokensMax || !draw_.happens(goes_on)) return 0;
        return std::uint64_t{draw_.from(kThinkMs)} * 1000;
    }

    std::vector<std::uint64_t> system_;
};

}  // namespace

std::unique_ptr<Traffic> chat_traffic(const TrafficSettings& settings, BlockIds& ids) {
    return std::make_unique<Chat>(settings, ids);
}

}  // namespace bwrt::replay
