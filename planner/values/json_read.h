// SPDX-License-Identifier: Apache-2.0
//
// json_read.h — values out of a JSON text that was scanned, each field by its type.
//
// What is read is what json_print.h prints, and what proto3's JSON mapping allows beside it: keys
// in camel case, enumerations by name in any case or by number, whole numbers in strings, null for
// what is not given.  A whole number that stands bare must be at most 2^53: a reader over `double`
// would round what is above, and two readers must not move different bytes.
//
// Tables of measurements have decimals, too.  They are read from their digits into fixed point and
// never through a `double`, so that the same text is the same number everywhere.
//
// A key that the value does not know is refused by name.  A plan that was misspelt would else move
// bytes from offset 0, and a plan of another kind would move nothing and succeed.

#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/values/json_fields.h"
#include "planner/values/json_scan.h"

namespace bwrt::planner {

// Where a value stands, as far as the text is being read: a list from the value outwards, on the
// stack, which becomes a text when something is wrong.
struct JsonPath {
    const JsonPath* parent = nullptr;
    const char* name = nullptr;  // null: an element of an array
    std::uint32_t index = 0;

    [[nodiscard]] std::string text() const;
};

// A number of a table, which may have a fraction: 5.0, 1e-05, 1700000000100.25.
struct JsonDecimal {
    std::uint64_t whole = 0;
    std::uint32_t millionths = 0;  // below a million, the nearest; halves go up
    bool is_negative = false;

    // Without the sign, in units of 1 / 10^6, 1 / 10^3, ... for `per_one` of 10^6, 10^3, ...; what
    // is left over is dropped, and what does not fit is the most that does.
    [[nodiscard]] std::uint64_t in(std::uint32_t per_one) const noexcept;
};

// A string, or a whole number as its digits: 17 and "17" are one name.
struct JsonName {
    std::string text;
};

class JsonReader {
 public:
    // More elements would take memory out of proportion to the text: "{}," is a transfer.
    static constexpr std::uint32_t kListCountMax = 1u << 20;
    static constexpr std::uint64_t kBareMax = std::uint64_t{1} << 53;

    // Which fields of a message there were, by their place in visit_fields.
    using Given = std::uint32_t;

    explicit JsonReader(const JsonText& text) noexcept : text_(text) {}

    [[nodiscard]] PlanError& error() noexcept { return error_; }

    // Each false when it was refused: error() says why.
    bool read(std::uint32_t at, const JsonPath& path, std::string& out);
    bool read(std::uint32_t at, const JsonPath& path, bool& out);
    bool read(std::uint32_t at, const JsonPath& path, JsonDecimal& out);
    bool read(std::uint32_t at, const JsonPath& path, JsonName& out);
    bool read(std::uint32_t at, const JsonPath& path, std::uint64_t& out) {
        return read_unsigned(at, path, std::numeric_limits<std::uint64_t>::max(), out);
    }
    bool read(std::uint32_t at, const JsonPath& path, std::uint32_t& out) {
        std::uint64_t wide = 0;
        if (!read_unsigned(at, path, std::numeric_limits<std::uint32_t>::max(), wide)) return false;
        out = static_cast<std::uint32_t>(wide);
        return true;
    }
    bool read(std::uint32_t at, const JsonPath& path, std::int64_t& out) {
        return read_signed(at, path, std::numeric_limits<std::int64_t>::max(), out);
    }
    bool read(std::uint32_t at, const JsonPath& path, std::int32_t& out) {
        std::int64_t wide = 0;
        if (!read_signed(at, path, std::numeric_limits<std::int32_t>::max(), wide)) return false;
        out = static_cast<std::int32_t>(wide);
        return true;
    }

    template <typename Enum>
    requires std::is_enum_v<Enum>
    bool read(std::uint32_t at, const JsonPath& path, Enum& out) {
        std::uint32_t number = 0;
        if (!read_enum(at, path, kEnumNames<Enum>, number)) return false;
        out = static_cast<Enum>(number);
        return true;
    }

    template <typename Value>
    bool read(std::uint32_t at, const JsonPath& path, std::optional<Value>& out) {
        return read(at, path, out.emplace());
    }

    template <typename Value>
    bool read(std::uint32_t at, const JsonPath& path, std::vector<Value>& out) {
        if (text_[at].kind != JsonKind::kArray) return fail(at, path, "is not an array");
        JsonPath element{&path, nullptr, 0};
        for (std::uint32_t i = at + 1; i < text_[at].end; i = text_[i].end, ++element.index) {
            if (element.index == kListCountMax) return fail(i, path, "has more than 2^20 elements");
            if (!read(i, element, out.emplace_back())) return false;
        }
        return true;
    }

    template <JsonMessage Message>
    bool read(std::uint32_t at, const JsonPath& path, Message& out) {
        Given given = 0;
        return read_message(at, path, out, given);
    }

    template <JsonMessage Message>
    bool read_message(std::uint32_t at, const JsonPath& path, Message& out, Given& given_out) {
        if (kIsTuple<Message> && text_[at].kind == JsonKind::kArray) {
            return read_tuple(at, path, out, given_out);
        }
        if (text_[at].kind != JsonKind::kObject) {
            return fail(
                at, path,
                kIsTuple<Message> ? "is neither an array nor an object" : "is not an object");
        }
        Given named = 0;
        for (std::uint32_t key = at + 1; key < text_[at].end; key = text_[key + 1].end) {
            bool is_known = false, is_right = true;
            Given bit = 1;
            visit_fields(out, [&](const Field& field, auto& member) {
                if (!is_known && is_key_of(key, field)) {
                    is_known = true;
                    const JsonPath inner{&path, field.name, 0};
                    is_right = read_field(key, inner, member, bit, named, given_out);
                }
                bit <<= 1;
            });
            if (!is_known) return fail_unknown(key, path, kMessageName<Message>);
            if (!is_right) return false;
        }
        complete(out, given_out);
        return true;
    }

    bool fail(std::uint32_t at, const JsonPath& path, std::string sentence) {
        error_ = {text_[at].offset, path.text(), std::move(sentence)};
        return false;
    }

 private:
    // For what is filled in when it was not given: an overload beside the value.
    template <typename Message>
    static void complete(Message& message, Given given) {
        if constexpr (requires { fill_in(message, given); }) fill_in(message, given);
    }

    template <typename Member>
    bool read_field(std::uint32_t key, const JsonPath& path, Member& member, Given bit,
                    Given& named, Given& given) {
        if ((named & bit) != 0) return fail(key, path, "is there twice, by two of its names");
        named |= bit;
        if (text_[key + 1].kind == JsonKind::kNull) return true;
        given |= bit;
        return read(key + 1, path, member);
    }

    template <typename Message>
    bool read_tuple(std::uint32_t at, const JsonPath& path, Message& out, Given& given_out) {
        std::uint32_t i = at + 1, count = 0;
        bool is_right = true;
        visit_fields(out, [&](const Field&, auto& member) {
            if (!is_right) return;
            const JsonPath inner{&path, nullptr, count++};
            is_right =
                i < text_[at].end ? read(i, inner, member) : fail(at, path, "has too few elements");
            if (is_right) i = text_[i].end;
        });
        given_out = ~Given{0};
        if (!is_right) return false;
        return i == text_[at].end || fail(i, path, "has too many elements");
    }

    bool read_unsigned(std::uint32_t at, const JsonPath& path, std::uint64_t most,
                       std::uint64_t& out);
    bool read_signed(std::uint32_t at, const JsonPath& path, std::int64_t most, std::int64_t& out);
    // The digits and the sign of a whole number.
    bool read_whole(std::uint32_t at, const JsonPath& path, bool& is_negative_out,
                    std::uint64_t& magnitude_out);
    bool read_enum(std::uint32_t at, const JsonPath& path, const EnumName* names,
                   std::uint32_t& out);
    [[nodiscard]] bool is_key_of(std::uint32_t key, const Field& field) const noexcept;
    bool fail_unknown(std::uint32_t key, const JsonPath& path, const char* message);

    const JsonText& text_;
    PlanError error_;
};

}  // namespace bwrt::planner
