// SPDX-License-Identifier: Apache-2.0

#include "runtime/tuning.h"

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "planner/learning/decay.h"
#include "planner/planner.h"
#include "planner/values/json_read.h"
#include "runtime/text_file.h"

namespace bwrt::runtime {
namespace {

using planner::JsonPath;
using planner::JsonReader;
using planner::JsonText;
using planner::PlanError;

constexpr const char* kField = "config.tuning";
constexpr std::int64_t kFormat = 1;
constexpr std::size_t kTextBytesMax = 64u << 10;
constexpr planner::JsonLimits kLimits = {.text_bytes_max = kTextBytesMax, .depth_max = 4};
constexpr std::size_t kShownBytesMax = 40;

// By BWRT_EVICTION_*.
constexpr const char* kEvictions[] = {nullptr, "lru", "learned", "ranked"};

// A field that a file may set.  The ranges are those of the header without 0, which says nothing.
struct Knob {
    const char* name;
    std::int64_t least;
    std::int64_t most;
    bool is_eviction = false;
};
constexpr std::int64_t kMost32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kMost64 = std::int64_t{1} << 53;

template <typename Visit>
void visit_knobs(const bwrt_store*, Visit&& visit) {
    visit(Knob{"eviction", BWRT_EVICTION_LRU, BWRT_EVICTION_RANKED, true}, &bwrt_store::eviction);
    visit(Knob{"write_touch_count", 1, 15}, &bwrt_store::write_touch_count);
}

template <typename Visit>
void visit_knobs(const bwrt_planner*, Visit&& visit) {
    visit(Knob{"window_ns", 100'000, 10'000'000'000}, &bwrt_planner::window_ns);
    visit(Knob{"min_io_bytes", 1, kMost64}, &bwrt_planner::min_io_bytes);
    visit(Knob{"alpha_milli", 1, kMost32}, &bwrt_planner::alpha_milli);
    visit(Knob{"beta_milli", 1, kMost32}, &bwrt_planner::beta_milli);
    visit(Knob{"pmin_milli", 1, kMost32}, &bwrt_planner::pmin_milli);
    visit(Knob{"umin_milli", std::numeric_limits<std::int32_t>::min(),
               std::numeric_limits<std::int32_t>::max()},
          &bwrt_planner::umin_milli);
    visit(Knob{"age_first", 1, 254}, &bwrt_planner::age_first);
    visit(Knob{"age_max", 2, 255}, &bwrt_planner::age_max);
    visit(Knob{"half_life_ns", std::int64_t{planner::kHalfLifeNsMin}, kMost64},
          &bwrt_planner::half_life_ns);
    visit(Knob{"prefetch_horizon_ns", 100'000'000, 7'200'000'000'000},
          &bwrt_planner::prefetch_horizon_ns);
    visit(Knob{"prefetch_wasted_milli", 1, 900}, &bwrt_planner::prefetch_wasted_milli);
}

std::string shown(std::string_view text) {
    std::string said;
    for (const char c : text.substr(0, kShownBytesMax)) said += c >= ' ' && c <= '~' ? c : '?';
    return said;
}

// One text, into a tuning.
class TuningReader {
 public:
    TuningReader(const JsonText& text, Tuning* out) noexcept
        : text_(text), reader_(text), out_(out) {}

    // False: error() says why.
    bool run() {
        bool has_format = false;
        const bool is_read = each_key(0, {}, [&](std::uint32_t key, const JsonPath& path) {
            const std::uint32_t at = key + 1;
            if (text_.is_string(key, "bwrt_tuning")) {
                has_format = true;
                return read_format(at, path);
            }
            if (text_.is_string(key, "store")) return read_part(at, path, &out_->store);
            if (text_.is_string(key, "planner")) return read_part(at, path, &out_->planner);
            std::string ignored;
            if (text_.is_string(key, "trace") || text_.is_string(key, "why")) {
                return reader_.read(at, path, ignored);
            }
            return fail_unknown(key, path);
        });
        if (is_read && !has_format) return reader_.fail(0, {}, "has no bwrt_tuning");
        return is_read && check_ages();
    }
    [[nodiscard]] PlanError& error() noexcept { return reader_.error(); }

 private:
    template <typename OnKey>
    bool each_key(std::uint32_t at, const JsonPath& path, OnKey&& on_key) {
        if (text_[at].kind != planner::JsonKind::kObject) {
            return reader_.fail(at, path, "is not an object");
        }
        for (std::uint32_t key = at + 1; key < text_[at].end; key = text_[key + 1].end) {
            const std::string name = shown(text_.string_at(key));
            if (!on_key(key, JsonPath{&path, name.c_str(), 0})) return false;
        }
        return true;
    }

    bool fail_unknown(std::uint32_t key, const JsonPath& path) {
        return reader_.fail(key, path, "is no field of a tuning file");
    }

    bool read_format(std::uint32_t at, const JsonPath& path) {
        std::int64_t format = 0;
        if (!reader_.read(at, path, format)) return false;
        return format == kFormat ||
               reader_.fail(at, path, "is not " + std::to_string(kFormat) + ", the format known");
    }

    template <typename Part>
    bool read_part(std::uint32_t at, const JsonPath& path, Part* part) {
        return each_key(at, path, [&](std::uint32_t key, const JsonPath& inner) {
            bool is_known = false, is_read = false;
            visit_knobs(part, [&](const Knob& knob, auto member) {
                if (is_known || !text_.is_string(key, knob.name)) return;
                is_known = true;
                std::int64_t value = 0;
                is_read = read_knob(key + 1, inner, knob, value);
                note_place(knob, key + 1);
                if (is_read)
                    part->*member = static_cast<std::decay_t<decltype(part->*member)>>(value);
            });
            return is_known ? is_read : fail_unknown(key, inner);
        });
    }

    bool read_knob(std::uint32_t at, const JsonPath& path, const Knob& knob, std::int64_t& value) {
        if (knob.is_eviction) return read_eviction(at, path, value);
        if (!reader_.read(at, path, value)) return false;
        if (value >= knob.least && value <= knob.most) return true;
        return reader_.fail(at, path,
                            std::to_string(value) + " is outside " + std::to_string(knob.least) +
                                " to " + std::to_string(knob.most));
    }

    bool read_eviction(std::uint32_t at, const JsonPath& path, std::int64_t& value) {
        for (value = BWRT_EVICTION_LRU; value <= BWRT_EVICTION_RANKED; ++value) {
            const bool is_text = text_[at].kind == planner::JsonKind::kString;
            if (is_text && text_.is_string(at, kEvictions[value])) return true;
        }
        return reader_.fail(at, path, "is none of \"lru\", \"learned\", \"ranked\"");
    }

    void note_place(const Knob& knob, std::uint32_t at) noexcept {
        if (std::string_view(knob.name) == "age_max") age_max_at_ = at;
    }

    // As read_planner() will find it.
    bool check_ages() {
        const planner::PlannerRule rule;
        const bwrt_planner& read = out_->planner;
        const std::uint32_t first = read.age_first != 0 ? read.age_first : rule.age_first;
        if (read.age_max == 0 || read.age_max > first) return true;
        const JsonPath part{nullptr, "planner", 0};
        return reader_.fail(
            age_max_at_, {&part, "age_max", 0},
            std::to_string(read.age_max) + " is not above age_first " + std::to_string(first));
    }

    const JsonText& text_;
    JsonReader reader_;
    Tuning* out_;
    std::uint32_t age_max_at_ = 0;
};

// Both or neither: what a caller sets of them, he sets of the other's default.
template <typename Part>
bool is_callers_age(const Part& given, const char* name) {
    if constexpr (std::is_same_v<Part, bwrt_planner>) {
        const bool is_age = std::string_view(name).starts_with("age_");
        return is_age && (given.age_first != 0 || given.age_max != 0);
    }
    return false;
}

// `given` null: there is none of it, which `lacking` says.
template <typename Part>
void fill(const Part& said, Part* given, const std::string& prefix, const char* lacking,
          std::string* reason) {
    const Part before = given != nullptr ? *given : Part{};
    bool is_said = false;
    visit_knobs(&said, [&](const Knob& knob, auto member) {
        const auto value = said.*member;
        if (value == 0) return;
        is_said = true;
        if (given == nullptr) return;
        const bool is_callers = before.*member != 0 || is_callers_age(before, knob.name);
        *reason += "; " + prefix + knob.name + " ";
        if (is_callers) {
            *reason += "is the caller's own";
        } else {
            *reason += knob.is_eviction ? kEvictions[value] : std::to_string(value);
            given->*member = value;
        }
    });
    if (is_said && given == nullptr) *reason += lacking;
}

}  // namespace

void Tuning::fill_in(bwrt_store* given) {
    const bool reads = given != nullptr && (given->flags & BWRT_STORE_READER) != 0;
    fill(store, reads ? nullptr : given, "store.", "; there is no store that this process writes",
         &reason);
}

void Tuning::fill_in(bwrt_planner* given) {
    fill(planner, given, "planner.", "; there is no planner", &reason);
}

bwrt_status parse_tuning(std::string_view text, Tuning* tuning_out, PlanError* error_out) {
    JsonText scanned;
    if (PlanError error = scanned.scan(text, kLimits)) {
        *error_out = std::move(error);
        return BWRT_E_PARSE;
    }
    Tuning tuning;
    TuningReader reader(scanned, &tuning);
    if (!reader.run()) {
        *error_out = std::move(reader.error());
        return BWRT_E_FORMAT;
    }
    *tuning_out = std::move(tuning);
    return BWRT_OK;
}

bwrt_status read_tuning(const char* path, Tuning* tuning_out, const ErrorSink& sink) {
    std::string text;
    if (const bwrt_status status = read_text_file(path, kTextBytesMax, kField, &text, sink)) {
        return status;
    }
    Tuning tuning;
    PlanError error;
    // The path last: should the sentence be cut, it is known to the caller.
    if (const bwrt_status status = parse_tuning(text, &tuning, &error)) {
        return fail(sink, status, kField, "%s, in %s", error.text().c_str(), path);
    }
    tuning.reason = path;
    *tuning_out = std::move(tuning);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
