// SPDX-License-Identifier: Apache-2.0
//
// test_queue.cpp — what a replay that sees its queue tells the cache, and when.

#include "tools/replay/queue.h"

#include <set>
#include <vector>

#include "tools/replay/replay.h"

// last, since it defines names that others use
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::replay;

constexpr std::uint64_t kSecond = 1'000'000'000;

// With what the loads of those in front may take.
constexpr std::uint64_t after(std::uint64_t seconds) { return seconds * kSecond + kSecond / 20; }

struct Line {
    std::uint64_t at_s;
    std::vector<std::uint64_t> ids;
};

Trace trace_of(const std::vector<Line>& lines) {
    TraceBuilder builder;
    for (const Line& line : lines) {
        TraceRequest request;
        request.arrival_us = line.at_s * 1'000'000;
        request.input_tokens = 16 * static_cast<std::uint32_t>(line.ids.size());
        assert_false(static_cast<bool>(builder.add(request, line.ids)));
    }
    Trace trace;
    assert_false(static_cast<bool>(builder.finish(16, trace)));
    return trace;
}

struct Told {
    std::size_t served;  // before it
    std::uint32_t last;  // block that is expected
    std::uint64_t within_ns;

    bool operator==(const Told&) const = default;
};

// Keeps all, and notes what it is told.
class TellingCache final : public Cache {
 public:
    Located look_up(std::span<const std::uint32_t> blocks, const Asker&) override {
        ++served_;
        return {leading(blocks), 0, 0};
    }
    Loaded load(std::span<const std::uint32_t> blocks, const Asker&, std::uint64_t) override {
        return {static_cast<std::uint32_t>(blocks.size()), 0, 0, false, false};
    }
    void store(std::span<const std::uint32_t> blocks, std::uint32_t, const Asker&) override {
        kept_.insert(blocks.begin(), blocks.end());
    }
    void expect(std::span<const std::uint32_t> blocks, const Asker&,
                std::uint64_t within_ns) override {
        told.push_back({served_, blocks.back(), within_ns});
    }
    void settle() override {}
    CacheFigures figures() override { return {}; }
    std::uint64_t now_ns() const override { return now_ns_; }
    void sleep_until(std::uint64_t due_ns) override { now_ns_ = due_ns; }

    std::vector<Told> told;

 private:
    std::uint32_t leading(std::span<const std::uint32_t> blocks) const {
        std::uint32_t count = 0;
        while (count < blocks.size() && kept_.count(blocks[count]) != 0) ++count;
        return count;
    }

    std::set<std::uint32_t> kept_;
    std::size_t served_ = 0;
    std::uint64_t now_ns_ = 0;
};

std::vector<Told> told_by(const std::vector<Line>& lines, std::uint64_t lookahead_s,
                          double speed = 1) {
    const Trace trace = trace_of(lines);
    TellingCache cache;
    const ReplayResult result =
        replay(trace, {.speed = speed, .lookahead_ns = lookahead_s * kSecond}, cache, {});
    assert_int_equal(result.served.size(), lines.size());
    return cache.told;
}

// Blocks are numbered as they come first.
const std::vector<Line> kApart = {{0, {70}}, {10, {80}}, {30, {90}}, {70, {95}}};

void who_looks_nowhere_is_told_of_nothing(void**) { assert_true(told_by(kApart, 0).empty()); }

void each_request_is_told_of_when_it_comes_into_sight(void**) {
    const std::vector<Told> told = told_by(kApart, 30);
    // The last one is never seen before its turn.
    const std::vector<Told> right = {{0, 1, after(10)}, {0, 2, after(30)}};
    assert_true(told == right);
}

void times_are_those_of_the_cache_s_clock(void**) {
    const std::vector<Told> told = told_by(kApart, 30, 10);
    const std::vector<Told> right = {{0, 1, after(10) / 10}, {0, 2, after(30) / 10}};
    assert_true(told == right);
}

// Blocks 0, 1 and then 2: the second request waits for block 1, and is told of once for both.
void who_lacks_a_block_is_told_of_again_when_it_is_stored(void**) {
    const std::vector<Told> told = told_by({{0, {70, 71, 72}}, {20, {70, 71, 72, 73}}}, 30);
    const std::vector<Told> right = {{0, 3, after(20)}, {1, 3, after(20)}};
    assert_true(told == right);
}

void who_is_through_is_not_told_of_any_more(void**) {
    // The second one stores what it waited for itself.
    const std::vector<Told> told = told_by({{0, {70}}, {10, {80, 81}}, {20, {80, 81}}}, 30);
    const std::vector<Told> right = {{0, 2, after(10)}, {0, 2, after(20)}, {2, 2, after(10)}};
    assert_true(told == right);
}

const CMUnitTest kTests[] = {
    cmocka_unit_test(who_looks_nowhere_is_told_of_nothing),
    cmocka_unit_test(each_request_is_told_of_when_it_comes_into_sight),
    cmocka_unit_test(times_are_those_of_the_cache_s_clock),
    cmocka_unit_test(who_lacks_a_block_is_told_of_again_when_it_is_stored),
    cmocka_unit_test(who_is_through_is_not_told_of_any_more),
};

}  // namespace

int main() { return cmocka_run_group_tests_name("tools/replay/queue.h", kTests, nullptr, nullptr); }
