// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/traffic.h"

#include <algorithm>
#include <utility>

namespace bwrt::replay {

Conversations::Conversations(const TrafficSettings& settings, std::uint32_t turn_milli_mean,
                             BlockIds& ids)
    : draw_(settings.seed),
      ids_(ids),
      block_tokens_(settings.block_tokens),
      start_gap_us_(kSecondUs * turn_milli_mean / settings.rate_milli) {
    add_start(0);
}

bool Conversations::is_later(const Turn& a, const Turn& b) {
    return std::pair(a.at_us, a.number) > std::pair(b.at_us, b.number);
}

void Conversations::add_turn(std::uint64_t at_us, std::size_t place) {
    turns_.push_back({at_us, turn_count_++, place});
    std::push_heap(turns_.begin(), turns_.end(), is_later);
}

void Conversations::add_start(std::uint64_t at_us) {
    if (free_.empty()) {
        free_.push_back(conversations_.size());
        conversations_.emplace_back();
    }
    conversations_[free_.back()] = Conversation();
    conversations_[free_.back()].session = ++session_count_;
    add_turn(at_us + draw_.exponential(start_gap_us_), free_.back());
    free_.pop_back();
}

void Conversations::extend(Conversation& conversation, std::size_t kept, std::size_t count) {
    std::vector<std::uint64_t>& ids = conversation.ids;
    ids.resize(std::min({kept, count, ids.size()}));
    ids_.append(count - ids.size(), ids);
}

void Conversations::take(Asked& asked_out) {
    const Turn now = turns_.front();
    std::pop_heap(turns_.begin(), turns_.end(), is_later);
    turns_.pop_back();
    if (conversations_[now.place].turn_count == 0) add_start(now.at_us);
    Conversation& conversation = conversations_[now.place];
    turn(conversation);
    ++conversation.turn_count;
    asked_out = {.at_us = now.at_us,
                 .input_tokens = conversation.tokens,
                 .output_tokens = conversation.output_tokens,
                 .session = conversation.session,
                 .ids = conversation.ids};
    if (const std::uint64_t think = think_us(conversation); think > 0) {
        add_turn(now.at_us + think, now.place);
    } else {
        free_.push_back(now.place);
    }
}

}  // namespace bwrt::replay
