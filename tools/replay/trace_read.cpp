// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/trace_read.h"

#include <charconv>
#include <optional>
#include <utility>

#include "planner/values/json_read.h"
#include "planner/values/json_scan.h"
#include "tools/replay/line_source.h"

namespace bwrt::replay {
namespace {

using planner::JsonDecimal;
using planner::JsonKind;
using planner::JsonPath;
using planner::JsonReader;
using planner::JsonText;
using planner::PlanError;

constexpr std::uint64_t kTimestampMsMax = 10'000'000'000'000;  // three hundred years
constexpr std::size_t kNameBytesMax = 200;

// Where the fields of a line are in its scanned text; 0, which is the line itself: nowhere.
struct Places {
    std::uint32_t timestamp = 0, input = 0, output = 0, ids = 0, session = 0, tenant = 0;
};

struct Key {
    const char* name;
    std::uint32_t Places::*place;
    bool is_needed;
};
constexpr Key kKeys[] = {
    {"timestamp", &Places::timestamp, true},  {"input_length", &Places::input, true},
    {"output_length", &Places::output, true}, {"hash_ids", &Places::ids, true},
    {"session_id", &Places::session, false},  {"tenant", &Places::tenant, false},
};

class RequestLine {
 public:
    explicit RequestLine(TraceBuilder& builder) : builder_(builder) {}

    [[nodiscard]] TraceError take(std::string_view line) {
        error_ = {};
        if (PlanError wrong = text_.scan(line)) {
            fail(wrong.field, wrong.sentence + " (at byte " + std::to_string(wrong.offset) + ")");
        } else if (TraceRequest request; read(request)) {
            return builder_.add(request, ids_);
        }
        return std::move(error_);
    }

 private:
    bool fail(std::string field, std::string sentence) {
        error_ = {0, std::move(field), std::move(sentence)};
        return false;
    }

    bool find(Places& places_out) {
        if (text_[0].kind != JsonKind::kObject) return fail({}, "is not a JSON object");
        for (std::uint32_t key = 1; key < text_[0].end; key = text_[key + 1].end) {
            for (const Key& known : kKeys) {
                if (!text_.is_string(key, known.name)) continue;
                places_out.*known.place = text_[key + 1].kind == JsonKind::kNull ? 0 : key + 1;
            }
        }
        for (const Key& known : kKeys) {
            if (known.is_needed && places_out.*known.place == 0) {
                return fail(known.name, "is missing");
            }
        }
        return true;
    }

    bool read(TraceRequest& request_out) {
        Places places;
        std::string session, tenant;
        if (!find(places) || !read_time(places.timestamp, request_out.arrival_us) ||
            !read_tokens(places.input, "input_length", request_out.input_tokens) ||
            !read_tokens(places.output, "output_length", request_out.output_tokens) ||
            !read_ids(places.ids) || !read_name(places.session, "session_id", session) ||
            !read_name(places.tenant, "tenant", tenant)) {
            return false;
        }
        request_out.tenant = builder_.tenant(tenant);
        if (places.session != 0) request_out.session = builder_.session(session);
        return true;
    }

    bool read_time(std::uint32_t at, std::uint64_t& us_out) {
        JsonReader reader(text_);
        JsonDecimal ms;
        if (!reader.read(at, JsonPath{}, ms)) return fail("timestamp", reader.error().sentence);
        if (ms.is_negative) return fail("timestamp", "is below 0");
        if (ms.whole > kTimestampMsMax) return fail("timestamp", "is no time in milliseconds");
        us_out = ms.in(1000);
        return true;
    }

    // The digits of a whole number, or of a string that is one; empty when it is none.
    [[nodiscard]] std::string_view digits_at(std::uint32_t at) const {
        const JsonKind kind = text_[at].kind;
        if (kind == JsonKind::kNumber) return text_.raw(at);
        if (kind != JsonKind::kString) return {};
        return text_.raw(at).substr(1, text_[at].length - 2);
    }

    // What is wrong with it, or nothing.
    [[nodiscard]] const char* read_whole(std::uint32_t at, std::uint64_t& out) const {
        const std::string_view digits = digits_at(at);
        const char* const end = digits.data() + digits.size();
        const auto [behind, code] = std::from_chars(digits.data(), end, out);
        if (digits.empty() || behind != end || code == std::errc::invalid_argument) {
            return digits.starts_with('-') ? "is below 0" : "is not a whole number";
        }
        return code == std::errc::result_out_of_range ? "is beyond 64 bits" : nullptr;
    }

    bool read_tokens(std::uint32_t at, const char* field, std::uint32_t& out) {
        std::uint64_t wide = 0;
        if (const char* wrong = read_whole(at, wide)) return fail(field, wrong);
        if (wide > 0xFFFF'FFFF) return fail(field, "is beyond 32 bits");
        out = static_cast<std::uint32_t>(wide);
        return true;
    }

    bool read_ids(std::uint32_t at) {
        if (text_[at].kind != JsonKind::kArray) return fail("hash_ids", "is not an array");
        ids_.clear();
        for (std::uint32_t i = at + 1; i < text_[at].end; i = text_[i].end) {
            if (const char* wrong = read_whole(i, ids_.emplace_back())) {
                return fail("hash_ids[" + std::to_string(ids_.size() - 1) + "]", wrong);
            }
        }
        return true;
    }

    bool read_name(std::uint32_t at, const char* field, std::string& out) {
        if (at == 0) return true;
        const JsonKind kind = text_[at].kind;
        if (kind != JsonKind::kString && kind != JsonKind::kNumber) {
            return fail(field, "is neither a string nor a number");
        }
        if (text_[at].length > kNameBytesMax) return fail(field, "is longer than 200 bytes");
        out = kind == JsonKind::kString ? text_.string_at(at) : std::string(text_.raw(at));
        return true;
    }

    TraceBuilder& builder_;
    JsonText text_;
    std::vector<std::uint64_t> ids_;
    TraceError error_;
};

}  // namespace

TraceError read_trace(const std::string& path, std::uint32_t block_tokens,
                      const TraceLimits& limits, Trace& trace_out) {
    LineSource lines(path);
    TraceBuilder builder(limits);
    RequestLine request(builder);
    for (std::string_view line; lines.next(line);) {
        if (line.find_first_not_of(" \t\r") == line.npos) continue;
        if (TraceError error = request.take(line)) {
            error.line = lines.line();
            return error;
        }
    }
    if (!lines.error().empty()) return {lines.line(), {}, lines.error()};
    return builder.finish(block_tokens, trace_out);
}

}  // namespace bwrt::replay
