// SPDX-License-Identifier: Apache-2.0
//
// plan_table.h — tables for people: columns as wide as what is in them, and no more lines than were
// asked for.  Names come from files: what a terminal would obey is shown as a question mark.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace bwrt::tools {

class TextTable {
 public:
    enum class Side : std::uint8_t { kLeft, kRight };
    struct Column {
        const char* title;
        Side side;
    };

    TextTable(std::initializer_list<Column> columns, std::uint64_t line_limit);

    // Whether another line would be shown: what is beyond need not be made.
    [[nodiscard]] bool has_room() const { return lines_.size() < line_limit_; }
    void add(std::vector<std::string> cells);
    void skip() { ++skipped_count_; }

    // With a blank line before it, and behind it how many there are more.
    void print() const;

 private:
    std::vector<Column> columns_;
    std::uint64_t line_limit_;
    std::uint64_t skipped_count_ = 0;
    std::vector<std::vector<std::string>> lines_;
};

std::string text_of(std::uint64_t value);
std::string text_of(const char* format, double value);  // of printf, with one number

}  // namespace bwrt::tools
