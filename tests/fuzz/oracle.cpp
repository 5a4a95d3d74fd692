// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/oracle.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace bwrt::fuzz {

Content* Oracle::submit_put(const BlockKey& key, std::vector<std::byte> bytes, std::string layout) {
    Content content;
    content.bytes = std::move(bytes);
    content.layout = std::move(layout);
    content.submitted = tick();
    std::list<Content>& contents = blocks_[key];
    contents.push_back(std::move(content));
    return &contents.back();
}

void Oracle::withdraw(const BlockKey& key, const Content* content) {
    const auto found = blocks_.find(key);
    found->second.remove_if([&](const Content& one) { return &one == content; });
    if (found->second.empty()) blocks_.erase(found);
}

void Oracle::stored(const BlockKey& key, Content* content) {
    const std::uint64_t submitted = content->submitted;
    end_put(content);
    dropped(key, submitted);
}

// Contents that are gone stay: somebody may have asked before.
void Oracle::dropped(const BlockKey& key, std::uint64_t submitted) {
    const auto found = blocks_.find(key);
    if (found == blocks_.end()) return;
    const std::uint64_t now = tick();
    for (Content& one : found->second) {
        if (one.over < submitted && one.gone == Content::kNever) one.gone = now;
    }
}

template <typename Judge>
bool Oracle::any_of(const BlockKey& key, Judge judge) const {
    const std::uint64_t first = key.store == kAnyShard ? 0 : key.store;
    const std::uint64_t last = key.store == kAnyShard ? kShardCount - 1 : key.store;
    BlockKey one = key;
    for (one.store = first; one.store <= last; ++one.store) {
        const auto found = blocks_.find(one);
        if (found == blocks_.end()) continue;
        if (std::any_of(found->second.begin(), found->second.end(), judge)) return true;
    }
    return false;
}

bool Oracle::is_known(const BlockKey& key) const {
    return any_of(key, [](const Content&) { return true; });
}

bool Oracle::may_hold(const BlockKey& key, std::uint64_t length_bytes, const std::string& layout,
                      std::uint64_t submitted, const std::vector<Stretch>& stretches) const {
    return any_of(key, [&](const Content& one) {
        if (one.bytes.size() != length_bytes || one.layout != layout || one.gone < submitted) {
            return false;
        }
        return std::all_of(stretches.begin(), stretches.end(), [&](const Stretch& stretch) {
            return std::memcmp(one.bytes.data() + stretch.first, stretch.bytes,
                               stretch.length_bytes) == 0;
        });
    });
}

bool Oracle::may_lie_at(const BlockKey& key, const std::byte* address, std::uint64_t bytes_max,
                        std::uint64_t submitted) const {
    return any_of(key, [&](const Content& one) {
        return one.gone >= submitted && one.bytes.size() <= bytes_max &&
               std::memcmp(one.bytes.data(), address, one.bytes.size()) == 0;
    });
}

}  // namespace bwrt::fuzz
