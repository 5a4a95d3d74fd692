// SPDX-License-Identifier: Apache-2.0

#include "planner/values/json_scan.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "planner/values/json_string.h"

namespace bwrt::planner {
namespace {

using Byte = unsigned char;

constexpr std::uint32_t kFewKeys = 8;  // each is compared with each
constexpr std::uint32_t kShownKeyBytesMax = 40;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

std::string JsonText::string_at(std::uint32_t index) const {
    std::string said;
    said.reserve(values_[index].length);
    StringBytes bytes(raw(index));
    for (char byte = 0; bytes.next(byte);) said += byte;
    return said;
}

bool JsonText::is_string(std::uint32_t index, std::string_view expected) const noexcept {
    if (!values_[index].has_escape) {
        return raw(index).substr(1, values_[index].length - 2) == expected;
    }
    StringBytes bytes(raw(index));
    for (char byte = 0; bytes.next(byte); expected.remove_prefix(1)) {
        if (expected.empty() || byte != expected[0]) return false;
    }
    return expected.empty();
}

// One scan: where it is in the text, and which containers are open.
class JsonScanner {
 public:
    JsonScanner(JsonText& text_out, const JsonLimits& limits) noexcept
        : text_(text_out.text_), values_(text_out.values_), limits_(limits) {}

    // False: error() says why.
    bool run() {
        for (skip_blanks(); !is_done_;) {
            if (!(expects_key_ ? scan_key() : scan_value())) return false;
        }
        return at_ == text_.size() || fail(at_, "has something behind its value");
    }
    [[nodiscard]] PlanError& error() noexcept { return error_; }

 private:
    struct Open {
        std::uint32_t value;      // the container's index
        std::uint32_t count;      // of elements begun; in an object 1 from a whole key on
        std::uint32_t key;        // the index of the last one
        std::uint32_t key_count;  // all of them
    };

    [[nodiscard]] char here() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
    // Where it still is, or the end of the text: a NUL in the text is no end.
    [[nodiscard]] bool is_end() const noexcept { return at_ >= text_.size(); }
    void skip_blanks() noexcept {
        while (here() == ' ' || here() == '\n' || here() == '\r' || here() == '\t') ++at_;
    }
    bool fail(std::size_t offset, const char* sentence) {
        error_ = {offset, path(), sentence};
        return false;
    }

    bool add(JsonKind kind) {
        if (values_.size() >= limits_.value_count_max) {
            return fail(at_, "comes after as many values as a plan may have");
        }
        const auto index = static_cast<std::uint32_t>(values_.size());
        values_.push_back({static_cast<std::uint32_t>(at_), 0, index + 1, kind, false});
        return true;
    }

    bool scan_value() {
        if (depth_ > 0 && is_array()) ++open_[depth_ - 1].count;
        if (is_end()) return fail(at_, "the text ends where a value should be");
        switch (here()) {
            case '{':
                return open(JsonKind::kObject);
            case '[':
                return open(JsonKind::kArray);
            case '"':
                return add(JsonKind::kString) && scan_string() && leave_value();
            case 'n':
                return scan_word("null", JsonKind::kNull);
            case 't':
                return scan_word("true", JsonKind::kTrue);
            case 'f':
                return scan_word("false", JsonKind::kFalse);
            default:
                return scan_number();
        }
    }

    bool scan_word(std::string_view word, JsonKind kind) {
        if (text_.substr(at_, word.size()) != word) return fail(at_, "is no value of JSON");
        if (!add(kind)) return false;
        at_ += word.size();
        return leave_value();
    }

    bool skip_digits() noexcept {
        const std::size_t first = at_;
        while (is_digit(here())) ++at_;
        return at_ > first;
    }

    bool scan_number() {
        const std::size_t first = at_;
        if (!is_digit(here()) && here() != '-') return fail(at_, "is no value of JSON");
        if (!add(JsonKind::kNumber)) return false;
        if (here() == '-') ++at_;
        const bool begins_with_zero = here() == '0';
        const std::size_t digits = at_;
        if (!skip_digits()) return fail(at_, "is a number without digits");
        if (begins_with_zero && at_ - digits > 1) return fail(digits, "begins with a zero");
        if (here() == '.') {
            ++at_;
            if (!skip_digits()) return fail(at_, "is a number without digits behind the point");
        }
        if (here() == 'e' || here() == 'E') {
            ++at_;
            if (here() == '+' || here() == '-') ++at_;
            if (!skip_digits()) return fail(at_, "is a number without digits in its exponent");
        }
        if (at_ - first > JsonText::kNumberBytesMax) return fail(first, "is a number too long");
        return leave_value();
    }

    // Of the string whose value was added: to behind its closing quote.
    bool scan_string() {
        JsonValue& value = values_.back();
        for (++at_; here() != '"';) {
            if (is_end()) return fail(at_, "the text ends within a string");
            if (here() == '\\') {
                value.has_escape = true;
                if (!scan_escape()) return false;
                continue;
            }
            if (static_cast<Byte>(here()) < 0x20) {
                return fail(at_, "has a control character in a string");
            }
            const std::uint32_t length = utf8_length(text_.substr(at_, 4));
            if (length == 0) return fail(at_, "has a string that is not UTF-8");
            at_ += length;
        }
        ++at_;
        value.length = static_cast<std::uint32_t>(at_) - value.offset;
        return true;
    }

    bool scan_escape() {
        const std::size_t first = at_++;
        if (here() != 'u') {
            if (is_end() || std::string_view("\"\\/bfnrt").find(here()) == std::string_view::npos) {
                return fail(first, "has an escape that JSON does not know");
            }
            ++at_;
            return true;
        }
        if (!has_hex4(text_.substr(at_ + 1)))
            return fail(first, "has an escape without its four digits");
        const std::uint32_t unit = hex4(text_.substr(at_ + 1));
        at_ += 5;
        if (unit == 0) return fail(first, "has U+0000 in a string");
        if (is_low_surrogate(unit)) return fail(first, "has half of a surrogate pair");
        if (!is_high_surrogate(unit)) return true;
        if (text_.substr(at_, 2) != "\\u" || !has_hex4(text_.substr(at_ + 2)) ||
            !is_low_surrogate(hex4(text_.substr(at_ + 2)))) {
            return fail(first, "has half of a surrogate pair");
        }
        at_ += 6;
        return true;
    }

    bool open(JsonKind kind) {
        if (depth_ >= std::min(limits_.depth_max, JsonText::kDepthMax)) {
            return fail(at_, "is nested too deeply");
        }
        if (!add(kind)) return false;
        open_[depth_++] = {static_cast<std::uint32_t>(values_.size()) - 1, 0, 0, 0};
        ++at_;
        skip_blanks();
        if (is_closed_here()) return go_on();
        expects_key_ = !is_array();
        return true;
    }

    bool scan_key() {
        open_[depth_ - 1].count = 0;  // a key is in the path when it is whole
        if (here() != '"') return fail(at_, "has no key where one should be");
        if (++open_[depth_ - 1].key_count > limits_.key_count_max) {
            return fail(at_, "has more keys than an object may have");
        }
        if (!add(JsonKind::kString)) return false;
        const auto key = static_cast<std::uint32_t>(values_.size()) - 1;
        if (!scan_string()) return false;
        open_[depth_ - 1].count = 1;
        open_[depth_ - 1].key = key;
        skip_blanks();
        if (here() != ':') return fail(at_, "has no colon behind its key");
        ++at_;
        skip_blanks();
        expects_key_ = false;
        return true;
    }

    // Behind a value: what closes with it, and whether another follows.
    bool leave_value() {
        JsonValue& last = values_.back();
        if (last.length == 0) last.length = static_cast<std::uint32_t>(at_) - last.offset;
        return go_on();
    }

    bool go_on() {
        for (skip_blanks(); depth_ > 0 && is_closed_here(); skip_blanks()) {
            if (!close()) return false;
        }
        if (depth_ == 0) {
            is_done_ = true;
            return true;
        }
        if (is_end()) return fail(at_, "the text ends before this is closed");
        if (here() != ',') return fail(at_, "has neither a comma nor an end behind its value");
        ++at_;
        skip_blanks();
        expects_key_ = !is_array();
        return true;
    }

    [[nodiscard]] bool is_closed_here() const noexcept {
        return here() == (is_array() ? ']' : '}');
    }

    bool close() {
        ++at_;
        const std::uint32_t index = open_[depth_ - 1].value;
        values_[index].end = static_cast<std::uint32_t>(values_.size());
        values_[index].length = static_cast<std::uint32_t>(at_) - values_[index].offset;
        if (!is_array() && !has_each_key_once(index)) return false;
        --depth_;
        return true;
    }

    bool has_each_key_once(std::uint32_t object) {
        keys_.clear();
        for (std::uint32_t key = object + 1; key < values_[object].end;
             key = values_[key + 1].end) {
            keys_.push_back(key);
        }
        const auto order = [this](std::uint32_t a, std::uint32_t b) {
            if (!values_[a].has_escape && !values_[b].has_escape) return said(a) <=> said(b);
            return compare_strings(raw(a), raw(b));
        };
        if (keys_.size() <= kFewKeys) {
            for (std::size_t i = 1; i < keys_.size(); ++i) {
                for (std::size_t j = 0; j < i; ++j) {
                    if (order(keys_[i], keys_[j]) == 0) return fail_twice(keys_[i]);
                }
            }
            return true;
        }
        std::sort(keys_.begin(), keys_.end(), [&](std::uint32_t a, std::uint32_t b) {
            const auto before = order(a, b);
            return before < 0 || (before == 0 && a < b);
        });
        const auto twice =
            std::adjacent_find(keys_.begin(), keys_.end(),
                               [&](std::uint32_t a, std::uint32_t b) { return order(a, b) == 0; });
        return twice == keys_.end() || fail_twice(*(twice + 1));
    }

    bool fail_twice(std::uint32_t key) {
        open_[depth_ - 1].key = key;
        return fail(values_[key].offset, "is there twice");
    }

    [[nodiscard]] bool is_array() const noexcept {
        return values_[open_[depth_ - 1].value].kind == JsonKind::kArray;
    }
    [[nodiscard]] std::string_view raw(std::uint32_t index) const noexcept {
        return text_.substr(values_[index].offset, values_[index].length);
    }

    // Of a string without an escape.
    [[nodiscard]] std::string_view said(std::uint32_t index) const noexcept {
        return text_.substr(values_[index].offset + 1, values_[index].length - 2);
    }

    // Of the value that is being scanned; bounded, whatever the keys are.
    [[nodiscard]] std::string path() const {
        std::string path;
        for (std::uint32_t i = 0; i < depth_; ++i) {
            if (open_[i].count == 0) break;
            if (values_[open_[i].value].kind == JsonKind::kArray) {
                path += "[" + std::to_string(open_[i].count - 1) + "]";
                continue;
            }
            if (!path.empty()) path += '.';
            path += printable(raw(open_[i].key));
        }
        return path;
    }

    [[nodiscard]] static std::string printable(std::string_view raw) {
        std::string shown;
        StringBytes bytes(raw);
        for (char byte = 0; shown.size() < kShownKeyBytesMax && bytes.next(byte);) {
            shown += byte >= ' ' && byte <= '~' ? byte : '?';
        }
        return shown;
    }

    std::string_view text_;
    std::vector<JsonValue>& values_;
    JsonLimits limits_;
    std::size_t at_ = 0;
    std::uint32_t depth_ = 0;
    bool expects_key_ = false;
    bool is_done_ = false;
    std::array<Open, JsonText::kDepthMax> open_;
    std::vector<std::uint32_t> keys_;
    PlanError error_;
};

PlanError JsonText::scan(std::string_view text, const JsonLimits& limits) {
    text_ = text;
    values_.clear();
    if (text.size() > limits.text_bytes_max) {
        return {limits.text_bytes_max, {}, "is longer than a plan may be"};
    }
    JsonScanner scanner(*this, limits);
    if (scanner.run()) return {};
    values_.clear();
    return std::move(scanner.error());
}

}  // namespace bwrt::planner
