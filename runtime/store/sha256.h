// SPDX-License-Identifier: Apache-2.0
//
// sha256.h — SHA-256, and digests keyed by HMAC (RFC 2104), for identities and for records that
// only the holder of a secret can make.
//
// Both are OpenSSL's: its low-level functions from the static libcrypto, which choose SHA-NI, AVX2
// or plain code by the processor and need nothing else of the library.  So no provider is looked
// for, nothing is configured, allocated or able to fail, and what is linked in is some 20 KiB.
//
// The states are values.  A state that has taken a common beginning can be copied once for each
// ending; HmacSha256 is that: the two padded keys are hashed when it is made, and the digest of a
// message of up to 55 bytes costs two compressions of 64 bytes, where it would be four.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bwrt::runtime {

constexpr std::size_t kSha256Bytes = 32;
constexpr std::size_t kSha256ChunkBytes = 64;  // what one compression takes

using Sha256Digest = std::array<std::uint8_t, kSha256Bytes>;

class Sha256 {
 public:
    Sha256() noexcept;

    void add(const void* bytes, std::size_t length_bytes) noexcept;
    // The digest of all that was added.  The state is spent: copy it before, or make another.
    [[nodiscard]] Sha256Digest finish() noexcept;
    // Overwrites the state in a way that no compiler leaves out; spent, too.
    void wipe() noexcept;

 private:
    // OpenSSL's SHA256_CTX, whose header is for sha256.cpp alone.
    alignas(std::uint64_t) std::array<std::byte, 112> state_;
};

[[nodiscard]] Sha256Digest sha256_of(const void* bytes, std::size_t length_bytes) noexcept;

class HmacSha256 {
 public:
    HmacSha256(const void* key, std::size_t key_bytes) noexcept;  // a key of any length
    HmacSha256(const HmacSha256&) = default;
    HmacSha256& operator=(const HmacSha256&) = default;
    ~HmacSha256();  // nothing of the key stays behind

    [[nodiscard]] Sha256Digest digest(const void* message, std::size_t length_bytes) const noexcept;

 private:
    Sha256 inner_;  // has taken the key xor ipad
    Sha256 outer_;  // has taken the key xor opad
};

// In a time that does not depend on where they differ.
[[nodiscard]] bool equal_in_constant_time(const void* one, const void* other,
                                          std::size_t length_bytes) noexcept;

}  // namespace bwrt::runtime
