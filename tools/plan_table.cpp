// SPDX-License-Identifier: Apache-2.0
//
// plan_table.cpp — see plan_table.h.

#include "tools/plan_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tools/output.h"

namespace bwrt::tools {
namespace {

std::string padded(const std::string& text, std::size_t width, TextTable::Side side) {
    const std::string blanks(width - std::min(width, columns_of(text)), ' ');
    return side == TextTable::Side::kRight ? blanks + text : text + blanks;
}

}  // namespace

TextTable::TextTable(std::initializer_list<Column> columns, std::uint64_t line_limit)
    : columns_(columns), line_limit_(line_limit) {}

void TextTable::add(std::vector<std::string> cells) { lines_.push_back(std::move(cells)); }

void TextTable::print() const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = columns_of(columns_[i].title);
        for (const auto& line : lines_) width = std::max(width, columns_of(line[i]));
        widths.push_back(width);
    }
    const auto print_line = [&](const auto& cell_of) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i > 0) line += "  ";
            line += padded(cell_of(i), widths[i], columns_[i].side);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        std::printf("%s\n", line.c_str());
    };
    std::printf("\n");
    print_line([&](std::size_t i) { return std::string(columns_[i].title); });
    for (const auto& line : lines_) print_line([&](std::size_t i) { return line[i]; });
    if (skipped_count_ > 0) std::printf("and %s more\n", text_of(skipped_count_).c_str());
}

std::string text_of(std::uint64_t value) { return std::to_string(value); }

std::string text_of(const char* format, double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

}  // namespace bwrt::tools
