// SPDX-License-Identifier: Apache-2.0
//
// json_scan.h — a JSON text from outside, looked at wholly before anything in it is believed.
//
// One pass makes a table of the text's values, 16 bytes each, in the order in which they stand:
//
//   {"ops": [7, "a"]}      0 object  end 5      `end` is one past the last value inside,
//                          1 string  "ops"      so it is where the next sibling is; in an
//                          2 array   end 5      object keys and values take turns
//                          3 number  7
//                          4 string  "a"
//
// Refused, with the byte's offset and the path of the value it is in: what RFC 8259 does not allow
// (leading zeros, bare control characters, a byte order mark, anything behind the value), strings
// that are not UTF-8, halves of surrogate pairs, U+0000 (a C string would end there), a key twice
// in an object however it is spelt ("a" is "\u0061"), nesting, numbers, texts and tables beyond the
// limits.  What is read of two equal keys differs between readers, and what somebody checked must
// be what somebody else runs.
//
// Time is linear in the text: the keys of an object are sorted, and there are at most 1024. Nothing
// recurses, and no number is converted: a whole number is read from the text itself, where a reader
// over `double` would make 2^64 of 2^64 - 1.  Several threads may scan at a time, each with a table
// of its own; cJSON cannot, since it notes its last error in a variable of the process, and there
// is no lock here that could guard it.  What passes here is a part of what cJSON takes, with the
// same meaning; a test and a fuzzer compare the two.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "planner/values/plan_error.h"

namespace bwrt::planner {

enum class JsonKind : std::uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

struct JsonValue {
    std::uint32_t offset = 0;  // of its first byte in the text
    std::uint32_t length = 0;  // in bytes, quotes and brackets with it
    std::uint32_t end = 0;     // index of what follows it and all inside
    JsonKind kind = JsonKind::kNull;
    bool has_escape = false;  // a string with a backslash
};

struct JsonLimits {
    std::uint32_t text_bytes_max = 64u << 20;
    std::uint32_t value_count_max = 8u << 20;  // keys count, too: 128 MiB of table
    std::uint32_t key_count_max = 1024;        // of an object; no value of ours has 20 fields
    std::uint32_t depth_max = 32;              // at most kDepthMax
};

class JsonText {
 public:
    static constexpr std::uint32_t kDepthMax = 64;
    static constexpr std::uint32_t kNumberBytesMax = 32;

    // The text must live as long as this is read.  Throws std::bad_alloc.
    [[nodiscard]] PlanError scan(std::string_view text, const JsonLimits& limits = {});

    [[nodiscard]] const JsonValue& operator[](std::uint32_t index) const noexcept {
        return values_[index];
    }
    [[nodiscard]] std::uint32_t value_count() const noexcept {
        return static_cast<std::uint32_t>(values_.size());
    }

    // Its bytes as they stand in the text.
    [[nodiscard]] std::string_view raw(std::uint32_t index) const noexcept {
        return text_.substr(values_[index].offset, values_[index].length);
    }
    // What the string says.  Throws std::bad_alloc.
    [[nodiscard]] std::string string_at(std::uint32_t index) const;
    [[nodiscard]] bool is_string(std::uint32_t index, std::string_view expected) const noexcept;

 private:
    friend class JsonScanner;
    std::string_view text_;
    std::vector<JsonValue> values_;
};

}  // namespace bwrt::planner
