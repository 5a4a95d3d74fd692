// SPDX-License-Identifier: Apache-2.0

#include "tests/planner/tiering.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "planner/planner.h"
#include "tests/planner/tiering_device.h"
#include "tests/support/reference_window.h"

namespace bwrt::test {
namespace {

constexpr std::uint32_t kWindowCount = 12;
constexpr std::uint32_t kStride = 4096;     // page numbers of a session, as the reference has them
constexpr std::uint32_t kKeptPages = 3481;  // 85 % of the device
constexpr std::uint64_t kWindowPages = 1024;
constexpr std::uint32_t kOperationCountMax = 128;
constexpr std::uint64_t kMinIoBytes = 524'288;
constexpr std::uint64_t kWindowMs = 50;
constexpr std::uint64_t kTurnMs = 25;
constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint8_t kDevice = 2;

struct Interval {
    const TieringRequest* request;
    std::uint32_t layer, first, end;
};

class Simulation {
 public:
    Simulation(const std::vector<TieringRequest>& requests, TieringPolicy policy)
        : requests_(requests),
          policy_(policy),
          planner_({.row_count_max = 1u << 16, .tier_count = 3}, rule_of()),
          budgets_(3),
          routes_(9),
          buses_(planner::kBusCountMax) {
        // All that a window may move is there when its interactive requests are due.
        buses_[0].bytes_per_ms = kWindowPages * kPageBytes / kTurnMs;
    }

    TieringResult run() {
        for (window_ = 0; window_ < kWindowCount; ++window_) {
            asked_.clear();
            for (const TieringRequest& request : requests_) {
                if (request.window == window_) asked_.push_back(&request);
            }
            look();
            fetched_count_ = operation_count_ = 0;
            if (policy_ == TieringPolicy::kOurs) {
                turn(true);
                look_at_interactive();
                turn(false);
            } else {
                evict_background();
                if (policy_ == TieringPolicy::kReference) plan_reference();
                if (policy_ == TieringPolicy::kNaive) plan_naive();
                look_at_interactive();
            }
            result_.planned_bytes += fetched_count_ * kPageBytes;
            result_.operations += operation_count_ / double{kWindowCount};
        }
        result_.evicted_bytes = device_.evicted_bytes();
        return result_;
    }

 private:
    static planner::PlannerRule rule_of() {
        planner::PlannerRule rule;
        rule.window_ns = kTurnMs * kMs;
        rule.min_io_bytes = kMinIoBytes;
        rule.score.smallest_first = true;
        return rule;
    }

    template <typename Act>
    static void for_each_page(const TieringRequest& request, Act&& act) {
        for (std::uint32_t layer = 0; layer < kLayerCount; ++layer) {
            for (std::uint32_t page = 0; page < request.pages; ++page) {
                act(index_of(request.session, layer, page), page);
            }
        }
    }

    // What was here before the window, and who asks for what.
    void look() {
        std::uint64_t asked = 0, hit = 0, prefix_asked = 0, prefix_hit = 0;
        for (const TieringRequest* request : asked_) {
            ++session_count_[request->session];
            for_each_page(*request, [&](PageIndex index, std::uint32_t number) {
                Page& page = device_.page(index);
                ++page.ask_count;
                page.hit_count += page.is_here;
                if (request->is_interactive) page.needed = window_ + 1;
                ++asked;
                hit += page.is_here;
                prefix_asked += number < request->prefix_pages;
                prefix_hit += number < request->prefix_pages && page.is_here;
            });
        }
        result_.hit += share(hit, asked);
        result_.prefix_hit += share(prefix_hit, prefix_asked);
    }

    void look_at_interactive() {
        std::uint64_t asked = 0, hit = 0, count = 0, served = 0;
        for (const TieringRequest* request : asked_) {
            if (!request->is_interactive) continue;
            std::uint64_t here = 0;
            for_each_page(*request,
                          [&](PageIndex index, auto) { here += device_.page(index).is_here; });
            const std::uint64_t all = std::uint64_t{request->pages} * kLayerCount;
            asked += all;
            hit += here;
            ++count;
            served += here * 100 >= all * 95;
        }
        result_.interactive_hit += share(hit, asked);
        result_.served += share(served, count);
    }

    static double share(std::uint64_t part, std::uint64_t all) {
        return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all) / kWindowCount;
    }

    // What is not here, as it comes; where `cuts(a, b)`, an interval ends between the two pages.
    template <typename Cuts>
    [[nodiscard]] std::vector<Interval> missing(Cuts&& cuts) {
        std::vector<Interval> intervals;
        for (const TieringRequest* request : asked_) {
            for (std::uint32_t layer = 0; layer < kLayerCount; ++layer) {
                bool goes_on = false;
                for (std::uint32_t page = 0; page < request->pages; ++page) {
                    const PageIndex index = index_of(request->session, layer, page);
                    const bool is_here = device_.page(index).is_here;
                    if (!is_here && goes_on && !cuts(index - 1, index)) {
                        ++intervals.back().end;
                    } else if (!is_here) {
                        intervals.push_back({request, layer, page, page + 1});
                    }
                    goes_on = !is_here;
                }
            }
        }
        return intervals;
    }
    [[nodiscard]] std::vector<Interval> missing() {
        return missing([](PageIndex, PageIndex) { return false; });
    }

    void bring(std::uint32_t session, std::uint32_t layer, std::uint32_t first, std::uint32_t end) {
        for (std::uint32_t page = first; page < end; ++page) {
            device_.bring(index_of(session, layer, page));
        }
        fetched_count_ += end - first;
        ++operation_count_;
    }

    void evict_background() {
        if (device_.count() <= kKeptPages) return;
        const std::uint32_t surplus = device_.count() - kKeptPages;
        const std::vector<PageIndex> order =
            device_.coldest([&](PageIndex index) { return device_.page(index).hit_count; },
                            [](PageIndex) { return true; });
        for (std::uint32_t i = 0; i < surplus; ++i) device_.evict(order[i]);
    }

    void plan_naive() {
        std::uint64_t left = std::min<std::uint64_t>(kWindowPages, device_.room());
        for (const Interval& interval : missing()) {
            const std::uint32_t count = interval.end - interval.first;
            if (count > left || operation_count_ == kOperationCountMax) continue;
            left -= count;
            bring(interval.request->session, interval.layer, interval.first, interval.end);
        }
    }

    void plan_reference() {
        ReferenceInputs inputs;
        for (const Interval& interval : missing()) {
            const std::int64_t base = std::int64_t{interval.request->session} * kStride;
            ReferenceRequest request;
            request.id = interval.request->id;
            request.cluster = interval.request->session;
            request.layer = interval.layer;
            request.page_first = base + interval.first;
            request.page_last = base + interval.end - 1;
            request.tier_dst = kDevice;
            request.deadline_ms = static_cast<std::int64_t>(deadline_ms(*interval.request));
            request.page_bytes = kPageBytes;
            inputs.requests.push_back(request);
        }
        constexpr std::int64_t kNoLimit = std::int64_t{1} << 60;
        inputs.tiers = {{0, kNoLimit, kNoLimit},
                        {1, kNoLimit, kNoLimit},
                        {kDevice, kWindowPages * kPageBytes,
                         static_cast<std::int64_t>(device_.room() * kPageBytes)}};
        ReferenceRule rule;
        rule.now_ms = static_cast<std::int64_t>(window_ * kWindowMs);
        rule.operation_count_max = kOperationCountMax;
        rule.min_io_bytes = kMinIoBytes;
        // All has a deadline to come, so heat decides nothing, and as no more is taken than there
        // is room for, nothing is evicted either.
        for (const ReferenceRun& run : reference_window(inputs, rule).runs) {
            const auto first = static_cast<std::uint32_t>(run.page_first % kStride);
            const auto end = static_cast<std::uint32_t>(run.page_last % kStride) + 1;
            bring(static_cast<std::uint32_t>(run.page_first / kStride),
                  static_cast<std::uint32_t>(run.layer), first, end);
        }
    }

    [[nodiscard]] static std::uint64_t deadline_ms(const TieringRequest& request) {
        return request.is_interactive ? request.window * kWindowMs + 25
                                      : (request.window + 3) * kWindowMs;
    }

    // How many of a thousand requests of its session ask for a page: as many as did, and one that
    // did not, so that what was seen once is not sure.
    [[nodiscard]] std::uint64_t worth_milli(PageIndex index) {
        const std::uint64_t count = session_count_[index / (kLayerCount * kPagesMax)];
        return device_.page(index).ask_count * 1'000 / (count + 1);
    }

    // One of ours: what is due before the next one, or what can wait.
    void turn(bool is_first) {
        now_ns_ = (window_ * kWindowMs + (is_first ? 0 : kTurnMs)) * kMs;
        const std::vector<PageIndex> may_go =
            device_.coldest([&](PageIndex index) { return worth_milli(index); },
                            [&](PageIndex index) {
                                return !is_first || device_.page(index).needed != window_ + 1;
                            });
        std::vector<Interval> wanted;
        if (is_first) {
            wanted = missing();
            std::erase_if(wanted, [](const Interval& i) { return !i.request->is_interactive; });
        } else {
            wanted = worth_bringing(may_go);
        }
        for (const Interval& interval : wanted) ask(interval, is_first);
        const std::uint64_t room = device_.room() + may_go.size();
        budgets_[kDevice] = {std::min(kWindowPages - fetched_count_, room) * kPageBytes,
                             kOperationCountMax - operation_count_};
        const planner::Plan& plan = planner_.plan({.now_ns = now_ns_,
                                                   .budgets = budgets_.data(),
                                                   .routes = routes_.data(),
                                                   .buses = buses_.data()});
        move(plan, may_go);
        planner_.clear();
    }

    void ask(const Interval& interval, bool is_first) {
        planner::Request request;
        request.id = interval.request->id;
        request.prefix = interval.request->session;
        request.layer_first = static_cast<std::uint16_t>(interval.layer);
        request.page_first = interval.first;
        request.page_count = interval.end - interval.first;
        request.page_bytes = kPageBytes;
        request.tier_dst = kDevice;
        request.arrival_ns = window_ * kWindowMs * kMs;
        request.deadline_ns = deadline_ms(*interval.request) * kMs;
        if (!is_first) request.request_class = planner::RequestClass::kHint;
        assert_null(planner_.request(request).field);
    }

    // Of what can wait, the intervals whose pages are worth more than those that would go for them.
    [[nodiscard]] std::vector<Interval> worth_bringing(const std::vector<PageIndex>& may_go) {
        std::vector<Interval> wanted =
            missing([&](PageIndex a, PageIndex b) { return worth_milli(a) != worth_milli(b); });
        std::map<PageIndex, std::uint64_t> pages;
        for (const Interval& interval : wanted) {
            for (std::uint32_t page = interval.first; page < interval.end; ++page) {
                const PageIndex index = index_of(interval.request->session, interval.layer, page);
                pages[index] = worth_milli(index);
            }
        }
        std::vector<std::uint64_t> worths;
        for (const auto& page : pages) worths.push_back(page.second);
        std::sort(worths.begin(), worths.end(), std::greater<>());
        const std::uint64_t budget = kWindowPages - fetched_count_;
        std::uint64_t count = 0, least = 0;
        while (count < worths.size() && count < budget) {
            if (count >= device_.room()) {
                const std::uint64_t gone = count - device_.room();
                if (gone >= may_go.size() || worths[count] <= worth_milli(may_go[gone])) break;
            }
            least = worths[count++];
        }
        std::erase_if(wanted, [&](const Interval& interval) {
            const PageIndex index =
                index_of(interval.request->session, interval.layer, interval.first);
            return count == 0 || worth_milli(index) < least;
        });
        return wanted;
    }

    void move(const planner::Plan& plan, const std::vector<PageIndex>& may_go) {
        std::uint64_t count = 0;
        for (const planner::Operation& operation : plan.operations) {
            count += operation.page_end - operation.page_first;
        }
        const std::uint64_t room = device_.room();
        for (std::size_t i = 0; i + room < count; ++i) device_.evict(may_go.at(i));
        for (const planner::Operation& operation : plan.operations) {
            bring(operation.prefix, operation.layer,
                  static_cast<std::uint32_t>(operation.page_first),
                  static_cast<std::uint32_t>(operation.page_end));
        }
    }

    const std::vector<TieringRequest>& requests_;
    TieringPolicy policy_;
    Device device_;
    TieringResult result_;
    std::uint32_t window_ = 0;
    std::uint64_t now_ns_ = 0;
    std::vector<const TieringRequest*> asked_;  // in this window
    std::uint64_t fetched_count_ = 0;           // pages in this window
    std::uint32_t operation_count_ = 0;         // in this window
    std::uint64_t session_count_[kSessionCount] = {};
    planner::Planner planner_;
    std::vector<planner::TierBudget> budgets_;
    std::vector<planner::Route> routes_;
    std::vector<planner::Bus> buses_;
};

}  // namespace

std::vector<TieringRequest> draw_tiering(std::uint32_t seed) {
    std::vector<TieringRequest> requests;
    for (const char* python : {"/usr/bin/python3", "python3"}) {
        const std::string command = std::string(python) + " " + BWRT_TIERING_WORKLOAD + " " +
                                    std::to_string(seed) + " 2>/dev/null";
        std::FILE* rows = popen(command.c_str(), "r");
        if (rows == nullptr) continue;
        TieringRequest row;
        unsigned is_interactive = 0;
        while (std::fscanf(rows, "%u %u %u %u %u %u", &row.id, &row.session, &row.window,
                           &row.prefix_pages, &row.pages, &is_interactive) == 6) {
            row.is_interactive = is_interactive != 0;
            requests.push_back(row);
        }
        if (pclose(rows) == 0 && !requests.empty()) return requests;
        requests.clear();
    }
    print_message("skipped: python3 with numpy, which draws this workload, is not at hand\n");
    return requests;
}

TieringResult simulate_tiering(const std::vector<TieringRequest>& requests, TieringPolicy policy) {
    return Simulation(requests, policy).run();
}

}  // namespace bwrt::test
