// SPDX-License-Identifier: Apache-2.0
//
// bytecode.h — an input of the fuzzer, read as a program of calls.
//
//   program   config, then calls until the bytes end
//   call      opcode, operands
//   operand   as many bytes as its reader takes
//
// Every operand is optional: what lies past the end reads as 0, and 0 is always the plain,
// lawful choice.  So a short input is a sensible program, and a mutation adds one oddity to it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bwrt::fuzz {

class Bytecode {
 public:
    Bytecode(const std::uint8_t* bytes, std::size_t count) : next_(bytes), left_(count) {}

    [[nodiscard]] bool is_over() const { return left_ == 0; }

    std::uint8_t byte() {
        if (left_ == 0) return 0;
        --left_;
        return *next_++;
    }
    std::uint32_t word() {
        const std::uint32_t low = byte();
        return low | static_cast<std::uint32_t>(byte()) << 8;
    }
    std::uint64_t wide() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 8) {
            value |= static_cast<std::uint64_t>(byte()) << shift;
        }
        return value;
    }

    // The next `count` bytes, a program of their own.
    Bytecode part(std::size_t count) {
        count = std::min(count, left_);
        const Bytecode taken(next_, count);
        next_ += count;
        left_ -= count;
        return taken;
    }

    // A number where arithmetic goes wrong, if it goes wrong anywhere; often close to `near`.
    std::uint64_t wild(std::uint64_t near) {
        constexpr std::uint64_t kTop = std::uint64_t{1} << 63;
        const std::uint8_t choice = byte();
        switch (choice % 20) {
            case 0:
                return near + 1;
            case 1:
                return near - 1;
            case 2:
                return 0;
            case 3:
                return 1;
            case 4:
                return near * 2;
            case 5:
                return near / 2;
            case 6:
                return 0 - near;
            case 7:
                return ~std::uint64_t{0};
            case 8:
                return kTop;
            case 9:
                return kTop - 1;
            case 10:
                return kTop - near;
            case 11:
                return 0 - std::uint64_t{4096};
            case 12:
                return 0xFFFFFFFFu;
            case 13:
                return 0x80000000u;
            case 14:
                return std::uint64_t{1} << (byte() % 64);
            case 15:
                return near ^ byte();
            case 16:
                return near + word();
            case 17:
                return near + 8;
            case 18:
                return byte();
            default:
                return wide();
        }
    }

 private:
    const std::uint8_t* next_;
    std::size_t left_;
};

// A field of a struct that may be overwritten with any number; pointers never are.
struct Field {
    std::uint16_t offset;
    std::uint16_t bytes;
};

template <typename Struct, std::size_t kCount>
void break_field(Struct* target, const Field (&fields)[kCount], Bytecode* code) {
    const Field& field = fields[code->byte() % kCount];
    auto* place = reinterpret_cast<unsigned char*>(target) + field.offset;
    std::uint64_t value = 0;
    std::memcpy(&value, place, field.bytes);
    value = code->wild(value);
    std::memcpy(place, &value, field.bytes);
}

#define BWRT_FUZZ_FIELD(type, name) \
    { offsetof(type, name), sizeof(type::name) }

}  // namespace bwrt::fuzz
