// SPDX-License-Identifier: Apache-2.0

#include "planner/values/json_read.h"

#include <algorithm>
#include <array>

namespace bwrt::planner {
namespace {

constexpr std::size_t kShownBytesMax = 40;

// Other shapes by the same names that were published: what tells them apart, and what they are.
struct OtherForm {
    std::string_view message;
    std::string_view key;
    const char* sentence;
};
constexpr OtherForm kOtherForms[] = {
    {"TransferOp", "op_type", "is of a form without places; a transfer has kind, src, dst, length"},
    {"TransferOp", "tier_src", "is of a form without places; src is a URI, tier://node/tier0"},
    {"TransferOp", "tier_dst", "is of a form without places; dst is a URI, tier://node/tier1"},
    {"TransferOp", "byte_length", "is of another form; a transfer has length"},
    {"TransferOp", "extents", "is of another form; each extent is a transfer of its own"},
    {"SwapPlan", "from_version", "is of a form without files; a swap has manifest_from"},
    {"SwapPlan", "to_version", "is of a form without files; a swap has manifest_to"},
    {"SwapPlan", "buckets", "is of a form without places; a swap has ops"},
    {"WaveSpec", "spec_id", "is of a form of named stages, which says nothing of tiles"},
    {"WaveSpec", "stages", "is of a form of named stages, which says nothing of tiles"},
    {"WaveSpec", "cohorts", "is of an export of columns, which says nothing of tiles"},
    {"WaveSpec", "extents", "is of an export of columns, which says nothing of tiles"},
    {"WaveSpec", "meta", "is of an export of columns, which says nothing of tiles"},
    {"WaveSpec", "prefix_histogram", "is of an export of columns, which says nothing of tiles"},
};

std::string shown(std::string_view text) {
    std::string said;
    for (const char c : text.substr(0, kShownBytesMax)) said += c >= ' ' && c <= '~' ? c : '?';
    return said;
}

// start_pid becomes startPid.
struct CamelCase {
    std::array<char, 48> bytes{};
    std::size_t length = 0;

    explicit CamelCase(std::string_view name) noexcept {
        bool is_upper = false;
        for (const char c : name.substr(0, bytes.size())) {
            if (c == '_') {
                is_upper = true;
                continue;
            }
            bytes[length++] = is_upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
            is_upper = false;
        }
    }
    [[nodiscard]] std::string_view view() const noexcept { return {bytes.data(), length}; }
};

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_equal_in_any_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

bool is_whole(std::string_view digits) noexcept {
    if (digits.empty() || (digits[0] == '0' && digits.size() > 1)) return false;
    return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The digits of a number that was scanned, and where its point is among them.
struct DecimalDigits {
    std::array<std::uint8_t, JsonText::kNumberBytesMax> digits{};
    std::size_t count = 0;
    std::int64_t point = 0;  // so many digits stand before it; below 0: zeros behind it come first
    bool is_negative = false;

    explicit DecimalDigits(std::string_view text) noexcept {
        is_negative = text.starts_with('-');
        if (is_negative) text.remove_prefix(1);
        bool is_behind = false;
        for (; !text.empty() && text[0] != 'e' && text[0] != 'E'; text.remove_prefix(1)) {
            if (text[0] == '.') {
                is_behind = true;
                continue;
            }
            digits[count++] = static_cast<std::uint8_t>(text[0] - '0');
            point += is_behind ? 0 : 1;
        }
        if (!text.empty()) point += exponent(text.substr(1));
    }

    // 0 where there is none.
    [[nodiscard]] std::uint64_t at(std::int64_t place) const noexcept {
        const bool is_there = place >= 0 && place < static_cast<std::int64_t>(count);
        return is_there ? digits[static_cast<std::size_t>(place)] : 0;
    }

 private:
    static constexpr std::int64_t kExponentMax = 1'000;  // beyond it all is nothing, or too much

    static std::int64_t exponent(std::string_view text) noexcept {
        const bool is_below = text[0] == '-';
        if (is_below || text[0] == '+') text.remove_prefix(1);
        std::int64_t value = 0;
        for (const char c : text) value = std::min(value * 10 + (c - '0'), kExponentMax);
        return is_below ? -value : value;
    }
};

}  // namespace

std::uint64_t JsonDecimal::in(std::uint32_t per_one) const noexcept {
    constexpr std::uint64_t kMillion = 1'000'000;
    std::uint64_t all = 0;
    const bool is_too_much =
        __builtin_mul_overflow(whole, std::uint64_t{per_one}, &all) ||
        __builtin_add_overflow(all, std::uint64_t{millionths} * per_one / kMillion, &all);
    return is_too_much ? ~std::uint64_t{0} : all;
}

std::string JsonPath::text() const {
    std::string before = parent != nullptr ? parent->text() : std::string();
    if (parent == nullptr && name == nullptr) return before;  // the whole
    if (name == nullptr) return before + "[" + std::to_string(index) + "]";
    return before.empty() ? name : before + "." + name;
}

bool JsonReader::read(std::uint32_t at, const JsonPath& path, std::string& out) {
    if (text_[at].kind != JsonKind::kString) return fail(at, path, "is not a string");
    out = text_.string_at(at);
    return true;
}

bool JsonReader::read(std::uint32_t at, const JsonPath& path, bool& out) {
    const JsonKind kind = text_[at].kind;
    if (kind != JsonKind::kTrue && kind != JsonKind::kFalse) {
        return fail(at, path, "is neither true nor false");
    }
    out = kind == JsonKind::kTrue;
    return true;
}

bool JsonReader::read(std::uint32_t at, const JsonPath& path, JsonDecimal& out) {
    if (text_[at].kind != JsonKind::kNumber) return fail(at, path, "is not a number");
    const DecimalDigits number(text_.raw(at));
    JsonDecimal made{.is_negative = number.is_negative};
    for (std::int64_t i = 0; i < number.point; ++i) {
        if (__builtin_mul_overflow(made.whole, std::uint64_t{10}, &made.whole) ||
            __builtin_add_overflow(made.whole, number.at(i), &made.whole)) {
            return fail(at, path, "is beyond 64 bits");
        }
    }
    std::uint64_t millionths = 0;
    for (std::int64_t i = 0; i < 6; ++i) millionths = millionths * 10 + number.at(number.point + i);
    if (number.at(number.point + 6) >= 5) ++millionths;
    if (__builtin_add_overflow(made.whole, millionths / 1'000'000, &made.whole)) {
        return fail(at, path, "is beyond 64 bits");
    }
    made.millionths = static_cast<std::uint32_t>(millionths % 1'000'000);
    made.is_negative &= made.whole != 0 || made.millionths != 0;
    out = made;
    return true;
}

bool JsonReader::read(std::uint32_t at, const JsonPath& path, JsonName& out) {
    if (text_[at].kind == JsonKind::kString) return read(at, path, out.text);
    bool is_negative = false;
    std::uint64_t magnitude = 0;
    if (!read_whole(at, path, is_negative, magnitude)) return false;
    out.text = text_.raw(at);
    return true;
}

bool JsonReader::read_whole(std::uint32_t at, const JsonPath& path, bool& is_negative_out,
                            std::uint64_t& magnitude_out) {
    const bool is_bare = text_[at].kind == JsonKind::kNumber;
    if (!is_bare && (text_[at].kind != JsonKind::kString || text_[at].has_escape)) {
        return fail(at, path, "is not a whole number");
    }
    std::string_view digits = text_.raw(at);
    if (!is_bare) digits = digits.substr(1, digits.size() - 2);
    is_negative_out = digits.starts_with('-');
    if (is_negative_out) digits.remove_prefix(1);
    if (!is_whole(digits) || (is_negative_out && digits == "0")) {
        return fail(at, path, "is not a whole number");
    }
    magnitude_out = 0;
    for (const char c : digits) {
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (__builtin_mul_overflow(magnitude_out, std::uint64_t{10}, &magnitude_out) ||
            __builtin_add_overflow(magnitude_out, digit, &magnitude_out)) {
            return fail(at, path, "is beyond 64 bits");
        }
    }
    if (is_bare && magnitude_out > kBareMax) {
        return fail(at, path, "is beyond 2^53, so it must be a string: others would round it");
    }
    return true;
}

bool JsonReader::read_unsigned(std::uint32_t at, const JsonPath& path, std::uint64_t most,
                               std::uint64_t& out) {
    bool is_negative = false;
    std::uint64_t magnitude = 0;
    if (!read_whole(at, path, is_negative, magnitude)) return false;
    if (is_negative) return fail(at, path, "is below 0");
    if (magnitude > most) return fail(at, path, "is above " + std::to_string(most));
    out = magnitude;
    return true;
}

bool JsonReader::read_signed(std::uint32_t at, const JsonPath& path, std::int64_t most,
                             std::int64_t& out) {
    bool is_negative = false;
    std::uint64_t magnitude = 0;
    if (!read_whole(at, path, is_negative, magnitude)) return false;
    // Two's complement has one more below zero than above.
    const std::uint64_t most_here = static_cast<std::uint64_t>(most) + (is_negative ? 1 : 0);
    if (magnitude > most_here) {
        return fail(at, path,
                    is_negative ? "is below -" + std::to_string(most_here)
                                : "is above " + std::to_string(most_here));
    }
    out = static_cast<std::int64_t>(is_negative ? 0 - magnitude : magnitude);
    return true;
}

bool JsonReader::read_enum(std::uint32_t at, const JsonPath& path, const EnumName* names,
                           std::uint32_t& out) {
    if (text_[at].kind == JsonKind::kString) {
        const std::string said = text_.string_at(at);
        for (const EnumName* each = names; each->name != nullptr; ++each) {
            if (!is_equal_in_any_case(said, each->name)) continue;
            out = each->number;
            return true;
        }
        std::string sentence = "\"" + shown(said) + "\" is none of";
        for (const EnumName* each = names; each->name != nullptr; ++each) {
            sentence += each == names ? " " : ", ";
            sentence += each->name;
        }
        return fail(at, path, sentence);
    }
    std::uint64_t number = 0;
    if (!read_unsigned(at, path, std::numeric_limits<std::uint32_t>::max(), number)) return false;
    for (const EnumName* each = names; each->name != nullptr; ++each) {
        if (each->number != number) continue;
        out = each->number;
        return true;
    }
    return fail(at, path, std::to_string(number) + " has no name");
}

bool JsonReader::is_key_of(std::uint32_t key, const Field& field) const noexcept {
    for (const char* name : {field.name, field.alias}) {
        if (name == nullptr) continue;
        if (text_.is_string(key, name)) return true;
        if (std::string_view(name).find('_') == std::string_view::npos) continue;
        if (text_.is_string(key, CamelCase(name).view())) return true;
    }
    return false;
}

bool JsonReader::fail_unknown(std::uint32_t key, const JsonPath& path, const char* message) {
    const std::string name = shown(text_.string_at(key));
    const JsonPath inner{&path, name.c_str(), 0};
    for (const OtherForm& form : kOtherForms) {
        if (form.message == message && form.key == name) return fail(key, inner, form.sentence);
    }
    return fail(key, inner, std::string("is no field of ") + message);
}

}  // namespace bwrt::planner
