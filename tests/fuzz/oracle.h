// SPDX-License-Identifier: Apache-2.0
//
// oracle.h — what a block may be: of each key all contents that somebody has put under it.
//
//   PUT   submitted: one more        over, stored: those that were over before it was submitted
//                                    are gone, or it would not have been stored
//   DROP                             over: the same
//   GET                              right when one of those that were not gone when it was
//                                    submitted has its length, its layout and its bytes; a
//                                    reader's when one in any shard has
//
// A store may forget, so a miss is never wrong.  Whoever asks at the same time may see the one or
// the other: times here are counts of submissions and ends, as the harness learns of them, which
// for an end is never too early.
//
// It is guarded by Machine::mutex and forgets all at the start of an input.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace bwrt::fuzz {

// Shards in the folder have their number, in whatever session; memory has one of its own, from
// kMemoryFirst on.
constexpr std::uint64_t kShardCount = 2;
constexpr std::uint64_t kAnyShard = 2;  // a reader's
constexpr std::uint64_t kMemoryFirst = 3;

struct BlockKey {
    std::uint64_t store = 0;
    std::uint64_t tenant = 0;
    std::array<std::uint8_t, 32> identity = {};
    std::uint32_t part = 0;

    friend bool operator<(const BlockKey& a, const BlockKey& b) {
        return std::tie(a.store, a.tenant, a.identity, a.part) <
               std::tie(b.store, b.tenant, b.identity, b.part);
    }
};

struct Content {
    static constexpr std::uint64_t kNever = ~std::uint64_t{0};

    std::vector<std::byte> bytes;
    std::string layout;
    std::uint64_t submitted = 0;
    std::uint64_t over = kNever;
    std::uint64_t gone = kNever;
};

// A stretch of a block that is called right.
struct Stretch {
    std::uint64_t first = 0;
    const std::byte* bytes = nullptr;
    std::uint64_t length_bytes = 0;
};

class Oracle {
 public:
    void reset() { blocks_.clear(); }
    std::uint64_t tick() { return ++now_; }

    Content* submit_put(const BlockKey& key, std::vector<std::byte> bytes, std::string layout);
    void withdraw(const BlockKey& key, const Content* content);  // it was never read
    void stored(const BlockKey& key, Content* content);
    void end_put(Content* content) { content->over = tick(); }  // it may have been, or may be
    void dropped(const BlockKey& key, std::uint64_t submitted);

    [[nodiscard]] bool is_known(const BlockKey& key) const;
    [[nodiscard]] bool may_hold(const BlockKey& key, std::uint64_t length_bytes,
                                const std::string& layout, std::uint64_t submitted,
                                const std::vector<Stretch>& stretches) const;
    // Whether one of at most that many bytes lies there.
    [[nodiscard]] bool may_lie_at(const BlockKey& key, const std::byte* address,
                                  std::uint64_t bytes_max, std::uint64_t submitted) const;

 private:
    template <typename Judge>
    [[nodiscard]] bool any_of(const BlockKey& key, Judge judge) const;

    std::map<BlockKey, std::list<Content>> blocks_;
    std::uint64_t now_ = 0;
};

}  // namespace bwrt::fuzz
