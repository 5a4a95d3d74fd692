// SPDX-License-Identifier: Apache-2.0
//
// plans.h — random plans: any value that a field can hold, sense or not.

#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "planner/values/cache_plan.h"
#include "planner/values/plan_fields.h"
#include "planner/values/swap_plan.h"
#include "planner/values/wave_fields.h"
#include "planner/values/wave_spec.h"
#include "tests/support/random.h"

namespace bwrt::test {

// Each field by its type, as the reader and the printer go.
class PlanDraw {
 public:
    explicit PlanDraw(Random& random) : random_(random) {}

    template <planner::JsonMessage Message>
    void draw(Message& message) {
        visit_fields(message, [this](const planner::Field&, auto& member) { this->draw(member); });
    }

    void draw(std::string& text) {
        static const char* const kParts[] = {
            "a",      "tier://n0/tier1", "\"", "\\", "\n",   "/",         "\x01",
            "\u00e9", "\u20ac",          "{",  " ",  "\x7f", "\U0001f600"};
        for (std::uint64_t i = random_.below(6); i > 0; --i) {
            text += kParts[random_.below(std::size(kParts))];
        }
    }
    void draw(bool& value) { value = random_.one_in(2); }
    void draw(std::uint64_t& value) {
        value = draw_number(std::numeric_limits<std::uint64_t>::max());
    }
    void draw(std::uint32_t& value) {
        value = static_cast<std::uint32_t>(draw_number(std::numeric_limits<std::uint32_t>::max()));
    }
    void draw(std::int64_t& value) {
        value = static_cast<std::int64_t>(draw_number(std::numeric_limits<std::uint64_t>::max()));
    }
    void draw(std::int32_t& value) {
        value = static_cast<std::int32_t>(
            static_cast<std::uint32_t>(draw_number(std::numeric_limits<std::uint32_t>::max())));
    }
    void draw(planner::TransferKind& kind) {
        kind = static_cast<planner::TransferKind>(random_.below(8));
    }
    void draw(planner::VerdictName& name) {
        name = static_cast<planner::VerdictName>(random_.below(11));
    }
    template <typename Value>
    void draw(std::optional<Value>& value) {
        if (random_.one_in(2)) draw(value.emplace());
    }
    template <typename Value>
    void draw(std::vector<Value>& list) {
        for (std::uint64_t i = random_.below(4); i > 0; --i) draw(list.emplace_back());
    }

 private:
    // Small ones, the ends, and those beside 2^53.
    std::uint64_t draw_number(std::uint64_t most) {
        constexpr std::uint64_t kBare = std::uint64_t{1} << 53;
        switch (random_.below(4)) {
            case 0:
                return random_.below(20);
            case 1:
                return most - random_.below(3);
            case 2:
                return (kBare - 2 + random_.below(5)) & most;
            default:
                return random_.bits() & most;
        }
    }

    Random& random_;
};

inline planner::WaveSpec draw_wave(Random& random) {
    planner::WaveForms forms;
    PlanDraw(random).draw(forms);
    return std::move(forms.nested);
}

}  // namespace bwrt::test
