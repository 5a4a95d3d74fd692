// SPDX-License-Identifier: Apache-2.0
//
// traffic.h — requests that come of themselves, one after the other: what generate.h makes traces
// of.
//
//   Traffic ◀── Conversations ◀── chat, agent     sessions that begin at random, each with its
//   turns
//           ◀── rollout, eval
//           ◀── tenants                           several others, whoever is next
//
// Ids are given out by one counter for all of a trace, so two sources never share a block.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tools/replay/draw.h"

namespace bwrt::replay {

constexpr std::uint64_t kSecondUs = 1'000'000;

class BlockIds {
 public:
    std::uint64_t next() { return next_++; }
    void append(std::size_t count, std::vector<std::uint64_t>& ids_out) {
        for (std::size_t i = 0; i < count; ++i) ids_out.push_back(next());
    }

 private:
    std::uint64_t next_ = 0;
};

struct Asked {
    std::uint64_t at_us = 0;
    std::uint32_t input_tokens = 0, output_tokens = 0;
    std::uint32_t tenant = 0;
    std::uint64_t session = 0;  // from 1 within its source; 0: none
    std::vector<std::uint64_t> ids;
};

class Traffic {
 public:
    virtual ~Traffic() = default;
    // When the next one comes.
    [[nodiscard]] virtual std::uint64_t next_us() const = 0;
    // It, and on to the one behind it.
    virtual void take(Asked& asked_out) = 0;
};

// What every source is told.
struct TrafficSettings {
    std::uint64_t seed = 1;
    std::uint32_t rate_milli = 0;  // requests in 1,000 seconds
    std::uint32_t block_tokens = 0;
};

// One conversation: the blocks of its last prompt, and how many tokens that had.
struct Conversation {
    std::uint64_t session = 0;
    std::vector<std::uint64_t> ids;
    std::uint32_t tokens = 0, output_tokens = 0;
    std::uint32_t head_count = 0;  // of the blocks, what it never loses
    std::uint32_t turn_count = 0;  // before this one
    // While a sub-agent asks for it, what it goes on with then.
    std::vector<std::uint64_t> ids_behind;
    std::uint32_t tokens_behind = 0;
};

class Conversations : public Traffic {
 public:
    [[nodiscard]] std::uint64_t next_us() const override { return turns_.front().at_us; }
    void take(Asked& asked_out) final;

 protected:
    // The turns of a conversation, in thousandths, say how many begin.
    Conversations(const TrafficSettings& settings, std::uint32_t turn_milli_mean, BlockIds& ids);

    // The prompt of its next turn: blocks and tokens.
    virtual void turn(Conversation& conversation) = 0;
    // Until the turn after that; 0: there is none.
    virtual std::uint64_t think_us(const Conversation& conversation) = 0;

    [[nodiscard]] std::size_t whole_count(std::uint64_t tokens) const {
        return tokens / block_tokens_;
    }
    // Keeps so many blocks of the prompt and appends new ones up to `count`.
    void extend(Conversation& conversation, std::size_t kept, std::size_t count);

    Draw draw_;
    BlockIds& ids_;
    const std::uint32_t block_tokens_;

 private:
    struct Turn {
        std::uint64_t at_us;
        std::uint64_t number;  // of turns at the same time the first goes first
        std::size_t place;     // of the conversation
    };
    static bool is_later(const Turn& a, const Turn& b);
    void add_turn(std::uint64_t at_us, std::size_t place);
    void add_start(std::uint64_t at_us);

    const std::uint64_t start_gap_us_;
    std::vector<Turn> turns_;  // a heap; the soonest in front
    std::uint64_t turn_count_ = 0, session_count_ = 0;
    std::vector<Conversation> conversations_;
    std::vector<std::size_t> free_;
};

// Which they are, generate.h says.
[[nodiscard]] std::unique_ptr<Traffic> chat_traffic(const TrafficSettings& settings, BlockIds& ids);
[[nodiscard]] std::unique_ptr<Traffic> agent_traffic(const TrafficSettings& settings,
                                                     BlockIds& ids);
[[nodiscard]] std::unique_ptr<Traffic> rollout_traffic(const TrafficSettings& settings,
                                                       BlockIds& ids);
[[nodiscard]] std::unique_ptr<Traffic> eval_traffic(const TrafficSettings& settings, BlockIds& ids);
[[nodiscard]] std::unique_ptr<Traffic> tenants_traffic(const TrafficSettings& settings,
                                                       BlockIds& ids);

}  // namespace bwrt::replay
