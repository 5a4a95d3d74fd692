// SPDX-License-Identifier: Apache-2.0
//
// xxh3.h — XXH3-64, compiled for more than one instruction set and chosen when a runtime opens.
//
// It says whether bytes came to harm, not whose they are: that is SHA-256's part.  The two are
// never mixed up: no XXH3 value decides that two blocks are the same.

#pragma once

#include <cstddef>
#include <cstdint>

namespace bwrt::runtime {

// Of one stream that comes in pieces; 64 bytes aligned for the vector units.
struct alignas(64) Xxh3State {
    unsigned char opaque[576];
};

struct Xxh3 {
    const char* name;
    std::uint64_t (*hash)(const void* data, std::size_t length_bytes, std::uint64_t seed);

    void (*begin)(Xxh3State* state, std::uint64_t seed);
    void (*add)(Xxh3State* state, const void* data, std::size_t length_bytes);
    std::uint64_t (*end)(const Xxh3State* state);
};

extern const Xxh3 kXxh3Sse2;
extern const Xxh3 kXxh3Avx2;  // not to be called where xxh3() is another one

// The fastest that this processor runs.
[[nodiscard]] const Xxh3& xxh3() noexcept;

}  // namespace bwrt::runtime
