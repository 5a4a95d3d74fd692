// SPDX-License-Identifier: Apache-2.0
//
// tiering_device.h — which pages the device of tiering.h holds, and what is known of each.

#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/support/cmocka.h"

namespace bwrt::test {

constexpr std::uint32_t kSessionCount = 40;
constexpr std::uint32_t kLayerCount = 8;
constexpr std::uint32_t kPagesMax = 80;  // of a request in a layer
constexpr std::uint64_t kPageBytes = 262'144;
constexpr std::uint32_t kCapacityPages = 4096;

using PageIndex = std::uint32_t;

inline PageIndex index_of(std::uint32_t session, std::uint32_t layer, std::uint32_t page) {
    return (session * kLayerCount + layer) * kPagesMax + page;
}

struct Page {
    bool is_here = false;
    std::uint32_t came = 0;       // its place among those that came
    std::uint32_t hit_count = 0;  // requests that found it here
    std::uint32_t ask_count = 0;  // requests that asked for it
    std::uint32_t needed = 0;     // one past the last window in which an interactive one needed it
};

class Device {
 public:
    Device() : pages_(kSessionCount * kLayerCount * kPagesMax) {}

    [[nodiscard]] Page& page(PageIndex index) { return pages_[index]; }
    [[nodiscard]] std::uint32_t room() const { return kCapacityPages - count_; }
    [[nodiscard]] std::uint32_t count() const { return count_; }
    [[nodiscard]] std::uint64_t evicted_bytes() const { return evicted_count_ * kPageBytes; }

    void bring(PageIndex index) {
        Page& page = pages_[index];
        if (page.is_here) return;
        assert_true(count_ < kCapacityPages);
        page.is_here = true;
        page.came = ++came_count_;
        ++count_;
    }
    void evict(PageIndex index) {
        assert_true(pages_[index].is_here);
        pages_[index].is_here = false;
        --count_;
        ++evicted_count_;
    }
    // Those that are here and may go, by what `worth` says of them, the first that came first.
    template <typename Worth, typename May>
    [[nodiscard]] std::vector<PageIndex> coldest(Worth&& worth, May&& may) {
        std::vector<PageIndex> all;
        for (PageIndex index = 0; index < pages_.size(); ++index) {
            if (pages_[index].is_here && may(index)) all.push_back(index);
        }
        std::sort(all.begin(), all.end(), [&](PageIndex a, PageIndex b) {
            return std::pair(worth(a), pages_[a].came) < std::pair(worth(b), pages_[b].came);
        });
        return all;
    }

 private:
    std::vector<Page> pages_;
    std::uint32_t count_ = 0;
    std::uint32_t came_count_ = 0;
    std::uint64_t evicted_count_ = 0;
};

}  // namespace bwrt::test
