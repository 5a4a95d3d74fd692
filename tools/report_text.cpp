// SPDX-License-Identifier: Apache-2.0
//
// report_text.cpp — what strangers wrote (a trace's name, a tenant's, a file's), as it may stand in
// a page.

#include <cstdio>
#include <string_view>

#include "tools/output.h"
#include "tools/report_data.h"

namespace bwrt::tools {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Each character as `other` says; what is none is replaced.
template <typename Other>
std::string each_character(std::string_view text, Other other) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t count = character_bytes(text);
        if (count == 0) {
            out += kReplacement;
        } else if (const char* instead = other(text[0])) {
            out += instead;
        } else {
            out += text.substr(0, count);
        }
        text.remove_prefix(count == 0 ? 1 : count);
    }
    return out;
}

std::string in_shell(const std::string& word) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
    if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return word;
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

}  // namespace

// Inside of JSON these stand in strings alone, where any character may be escaped.
std::string in_script(const std::string& json) {
    return each_character(json, [](char c) -> const char* {
        return c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : c == '&' ? "\\u0026" : nullptr;
    });
}

std::string in_html(const std::string& text) {
    return each_character(text, [](char c) -> const char* {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return kReplacement;
        return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : nullptr;
    });
}

std::string command_text() {
    std::string text, word;
    std::FILE* const file = std::fopen("/proc/self/cmdline", "r");
    if (file == nullptr) return "unknown";
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
        if (c != 0) {
            word += static_cast<char>(c);
            continue;
        }
        text += (text.empty() ? "" : " ") + in_shell(word);
        word.clear();
    }
    std::fclose(file);
    return text;
}

}  // namespace bwrt::tools
