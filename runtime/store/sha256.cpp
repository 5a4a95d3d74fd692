// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/sha256.h"

// The low-level functions are called deprecated since 3.0 and are there in every 3.x; what is to
// take their place looks for a provider, allocates and may fail.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstring>
#include <type_traits>

#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

static_assert(sizeof(Sha256) == sizeof(SHA256_CTX) && alignof(Sha256) >= alignof(SHA256_CTX));
static_assert(std::is_trivially_copyable_v<Sha256> && std::is_trivially_copyable_v<SHA256_CTX>);
static_assert(kSha256Bytes == SHA256_DIGEST_LENGTH && kSha256ChunkBytes == SHA256_CBLOCK);

// Plain integers, so the bytes may be taken for one.
template <typename Bytes>
SHA256_CTX* context(Bytes* state) {
    return reinterpret_cast<SHA256_CTX*>(state->data());
}

}  // namespace

// The three calls return 1 whatever happens; a zero would be another library than we know.
Sha256::Sha256() noexcept { BWRT_CHECK(SHA256_Init(context(&state_)) == 1); }

void Sha256::add(const void* bytes, std::size_t length_bytes) noexcept {
    BWRT_CHECK(SHA256_Update(context(&state_), bytes, length_bytes) == 1);
}

Sha256Digest Sha256::finish() noexcept {
    Sha256Digest digest;
    BWRT_CHECK(SHA256_Final(digest.data(), context(&state_)) == 1);
    return digest;
}

void Sha256::wipe() noexcept { OPENSSL_cleanse(state_.data(), state_.size()); }

Sha256Digest sha256_of(const void* bytes, std::size_t length_bytes) noexcept {
    Sha256 state;
    state.add(bytes, length_bytes);
    return state.finish();
}

HmacSha256::HmacSha256(const void* key, std::size_t key_bytes) noexcept {
    std::array<std::uint8_t, kSha256ChunkBytes> padded = {};
    if (key_bytes > padded.size()) {  // a longer key is its digest
        const Sha256Digest digest = sha256_of(key, key_bytes);
        std::memcpy(padded.data(), digest.data(), digest.size());
    } else if (key_bytes > 0) {
        std::memcpy(padded.data(), key, key_bytes);
    }
    for (std::uint8_t& byte : padded) byte ^= 0x36;
    inner_.add(padded.data(), padded.size());
    for (std::uint8_t& byte : padded) byte ^= 0x36 ^ 0x5C;
    outer_.add(padded.data(), padded.size());
    OPENSSL_cleanse(padded.data(), padded.size());
}

HmacSha256::~HmacSha256() {
    inner_.wipe();
    outer_.wipe();
}

Sha256Digest HmacSha256::digest(const void* message, std::size_t length_bytes) const noexcept {
    Sha256 inner = inner_;
    inner.add(message, length_bytes);
    const Sha256Digest within = inner.finish();
    Sha256 outer = outer_;
    outer.add(within.data(), within.size());
    const Sha256Digest digest = outer.finish();
    inner.wipe();  // finishing left the key's state and the message's end where they were
    outer.wipe();
    return digest;
}

bool equal_in_constant_time(const void* one, const void* other, std::size_t length_bytes) noexcept {
    return CRYPTO_memcmp(one, other, length_bytes) == 0;
}

}  // namespace bwrt::runtime
