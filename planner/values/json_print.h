// SPDX-License-Identifier: Apache-2.0
//
// json_print.h — values as JSON text: two spaces a level, fields in the order of visit_fields,
// enums by name, whole numbers above 2^53 as strings, what is not given left out.
//
// It is the layout of Python's json.dumps(indent=2, ensure_ascii=False), so that a plan that went
// through either compares as text.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/values/json_fields.h"

namespace bwrt::planner {

class JsonPrinter {
 public:
    // With a new line at the end.  Throws std::bad_alloc.
    template <JsonMessage Message>
    [[nodiscard]] static std::string text_of(const Message& message) {
        JsonPrinter printer;
        printer.print(message);
        printer.out_ += '\n';
        return std::move(printer.out_);
    }

 private:
    void print(const std::string& text);
    void print(bool value) { out_ += value ? "true" : "false"; }
    void print(std::uint64_t value);
    void print(std::int64_t value);
    void print(std::uint32_t value) { print(std::uint64_t{value}); }
    void print(std::int32_t value) { print(std::int64_t{value}); }

    template <typename Enum>
    requires std::is_enum_v<Enum>
    void print(Enum value) { print_enum(static_cast<std::uint32_t>(value), kEnumNames<Enum>); }

    template <typename Value>
    void print(const std::vector<Value>& list) {
        open('[');
        for (const Value& value : list) {
            next();
            print(value);
        }
        close(']');
    }

    template <JsonMessage Message>
    void print(const Message& message) {
        open(kIsTuple<Message> ? '[' : '{');
        visit_fields(message, [this](const Field& field, const auto& member) {
            this->print_field(field, member, kIsTuple<Message>);
        });
        close(kIsTuple<Message> ? ']' : '}');
    }

    template <typename Member>
    void print_field(const Field& field, const Member& member, bool is_tuple) {
        next();
        if (!is_tuple) print_key(field.name);
        print(member);
    }
    template <typename Value>
    void print_field(const Field& field, const std::optional<Value>& member, bool is_tuple) {
        if (member.has_value()) print_field(field, *member, is_tuple);
    }

    void open(char bracket);
    void next();
    void close(char bracket);
    void print_key(const char* name);
    void print_enum(std::uint32_t value, const EnumName* names);

    std::string out_;
    std::uint32_t depth_ = 0;
    bool is_empty_ = false;  // the innermost that is open
};

}  // namespace bwrt::planner
