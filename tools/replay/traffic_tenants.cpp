// SPDX-License-Identifier: Apache-2.0
//
// traffic_tenants.cpp — several tenants with traffic of their own, the first of whom asks most.

#include <algorithm>

#include "tools/replay/generate.h"
#include "tools/replay/traffic.h"

namespace bwrt::replay {
namespace {

class Tenants final : public Traffic {
 public:
    Tenants(const TrafficSettings& settings, BlockIds& ids) {
        std::uint64_t weight_sum = 0;
        for (std::uint32_t k = 1; k <= kTenantCount; ++k) weight_sum += kWeight / k;
        for (std::uint32_t k = 1; k <= kTenantCount; ++k) {
            TrafficSettings own = settings;
            own.seed = settings.seed * kTenantCount + k;
            own.rate_milli = static_cast<std::uint32_t>(
                std::max<std::uint64_t>(1, settings.rate_milli * (kWeight / k) / weight_sum));
            tenants_.push_back(k % 2 == 1 ? chat_traffic(own, ids) : agent_traffic(own, ids));
        }
        choose();
    }

    [[nodiscard]] std::uint64_t next_us() const override { return tenants_[next_]->next_us(); }

    void take(Asked& asked_out) override {
        tenants_[next_]->take(asked_out);
        asked_out.tenant = static_cast<std::uint32_t>(next_ + 1);
        asked_out.session = asked_out.session * kTenantCount + next_;
        choose();
    }

 private:
    static constexpr std::uint64_t kWeight = 840;  // 1 to 8 divide it

    void choose() {
        const auto soonest = std::min_element(
            tenants_.begin(), tenants_.end(),
            [](const auto& a, const auto& b) { return a->next_us() < b->next_us(); });
        next_ = static_cast<std::size_t>(soonest - tenants_.begin());
    }

    std::vector<std::unique_ptr<Traffic>> tenants_;
    std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Traffic> tenants_traffic(const TrafficSettings& settings, BlockIds& ids) {
    return std::make_unique<Tenants>(settings, ids);
}

}  // namespace bwrt::replay
