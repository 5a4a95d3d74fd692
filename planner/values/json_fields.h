// SPDX-License-Identifier: Apache-2.0
//
// json_fields.h — the fields of a value as they are called in JSON and numbered in protobuf.
//
// A value that has a JSON form says its fields once, in the order in which they are printed:
//
//   template <Of<FileChunk> Chunk, typename Visit>
//   void visit_fields(Chunk& chunk, Visit&& visit) {
//       visit(Field{1, "string", "path"}, chunk.path);
//       visit(Field{2, "uint64", "offset"}, chunk.offset);
//   }
//
// The reader (json_read.h), the printer (json_print.h) and the test that compares the names and
// numbers with bindings/proto/bwrt_plan.proto all go by it, so they cannot disagree.

#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace bwrt::planner {

struct Field {
    std::uint32_t number;         // in protobuf; 0: JSON alone has it
    const char* type;             // in protobuf
    const char* name;             // as it is printed; read in camel case, too, as proto3 spells it
    const char* alias = nullptr;  // read as well
};

// A value that is const or not.
template <typename Value, typename Wanted>
concept Of = std::same_as<std::remove_const_t<Value>, Wanted>;

// The message's name in protobuf, and in sentences.
template <typename Message>
inline constexpr const char* kMessageName = nullptr;

template <typename Message>
concept JsonMessage = kMessageName<Message>
!= nullptr;

// Printed as an array of its fields, and read from either form: [0, 1] or {"m": 0, "n": 1}.
template <typename Message>
inline constexpr bool kIsTuple = false;

// The names of an enumeration, by value.
struct EnumName {
    std::uint32_t number;
    const char* name;
};
template <typename Enum>
inline constexpr const EnumName* kEnumNames = nullptr;  // up to a null name

}  // namespace bwrt::planner
