// SPDX-License-Identifier: Apache-2.0
//
// sized.h — structs and arrays in memory exactly as long as they say, so that a look past their
// end is seen.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "tests/fuzz/bytecode.h"

namespace bwrt::fuzz {

// A struct that grows, in memory as long as it says.
template <typename Struct>
struct Sized {
    explicit Sized(std::uint8_t choice) {
        constexpr auto kOurs = static_cast<std::uint32_t>(sizeof(Struct));
        constexpr std::uint32_t kSizes[] = {kOurs, kOurs,     kOurs, kOurs + 8, kOurs + 48,
                                            0,     kOurs - 8, 70000, ~0u};
        bytes = kSizes[choice % 9];
        memory = std::make_unique<std::byte[]>(std::max(kOurs, bytes > 4096 ? 0 : bytes));
        if (bytes > kOurs && choice >= 0x80 && bytes <= 4096) memory[bytes - 1] = std::byte{1};
        get()->struct_size = bytes;
    }
    Struct* get() { return reinterpret_cast<Struct*>(memory.get()); }

    std::uint32_t bytes;
    std::unique_ptr<std::byte[]> memory;
};

// The size by which a caller says to know an array's elements, or a struct.
inline std::uint32_t draw_bytes(Bytecode* code, std::size_t ours) {
    const auto bytes = static_cast<std::uint32_t>(ours);
    const std::uint32_t sizes[] = {bytes + 8, bytes + 16, bytes + 64, bytes + 4,
                                   bytes - 8, 0,          65544,      ~0u};
    return sizes[code->byte() % 8];
}

// An array is read and written at this stride, or refused unseen.
inline bool is_stride(std::uint32_t bytes, std::size_t ours) {
    return bytes >= ours && bytes <= 65536 && bytes % 8 == 0;
}

// Outputs before a call, and after one that was refused.
constexpr std::byte kUntouchedByte{0xA5};
constexpr std::uint32_t kUntouchedCount = 0xA5A5A5A5u;

template <typename Element>
bool is_untouched(const Element* elements, std::size_t count) {
    const auto* bytes = reinterpret_cast<const std::byte*>(elements);
    return std::all_of(bytes, bytes + count * sizeof *elements,
                       [](std::byte byte) { return byte == kUntouchedByte; });
}

template <typename Element>
std::unique_ptr<Element[]> untouched(std::size_t count) {
    auto elements = std::make_unique<Element[]>(count);
    std::memset(static_cast<void*>(elements.get()), static_cast<int>(kUntouchedByte),
                count * sizeof(Element));
    return elements;
}

}  // namespace bwrt::fuzz
