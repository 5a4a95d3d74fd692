// SPDX-License-Identifier: Apache-2.0
//
// test_sha256.cpp — SHA-256 and HMAC-SHA-256 against the examples of FIPS 180-4 and RFC 4231,
// states that are copied and cut anywhere, and the comparison.

#include "runtime/store/sha256.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/support/random.h"

namespace {

using bwrt::runtime::equal_in_constant_time;
using bwrt::runtime::HmacSha256;
using bwrt::runtime::Sha256;
using bwrt::runtime::sha256_of;
using bwrt::runtime::Sha256Digest;

std::string hex_of(const Sha256Digest& digest) {
    std::string text;
    for (const std::uint8_t byte : digest) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", byte);
        text += two;
    }
    return text;
}

std::string sha256_hex(std::string_view text) {
    return hex_of(sha256_of(text.data(), text.size()));
}

std::string hmac_hex(const std::string& key, std::string_view text) {
    return hex_of(HmacSha256(key.data(), key.size()).digest(text.data(), text.size()));
}

void the_standards_messages_have_their_digests(void**) {
    assert_string_equal(sha256_hex("abc").c_str(),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(
        sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").c_str(),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_string_equal(
        sha256_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
                   "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu")
            .c_str(),
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    assert_string_equal(sha256_hex(std::string(1'000'000, 'a')).c_str(),
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

void nothing_has_a_digest(void**) {
    constexpr const char* kOfNothing =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    Sha256 state;

    assert_string_equal(hex_of(sha256_of(nullptr, 0)).c_str(), kOfNothing);
    assert_string_equal(hex_of(state.finish()).c_str(), kOfNothing);
}

void a_message_may_be_cut_anywhere(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    std::string message(300, '\0');
    for (char& byte : message) byte = static_cast<char>(random.bits());
    const Sha256Digest whole = sha256_of(message.data(), message.size());

    for (std::size_t cut = 0; cut <= message.size(); ++cut) {
        Sha256 state;
        state.add(message.data(), cut);
        Sha256 copy = state;
        state.add(message.data() + cut, message.size() - cut);
        assert_memory_equal(state.finish().data(), whole.data(), whole.size());
        // The copy took what was added before it, and nothing since.
        const Sha256Digest beginning = sha256_of(message.data(), cut);
        assert_memory_equal(copy.finish().data(), beginning.data(), beginning.size());
    }
}

void the_rfcs_keys_and_messages_have_their_digests(void**) {
    std::string counting;
    for (char byte = 1; byte <= 25; ++byte) counting += byte;

    assert_string_equal(hmac_hex(std::string(20, '\x0b'), "Hi There").c_str(),
                        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_string_equal(hmac_hex("Jefe", "what do ya want for nothing?").c_str(),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_string_equal(hmac_hex(std::string(20, '\xaa'), std::string(50, '\xdd')).c_str(),
                        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    assert_string_equal(hmac_hex(counting, std::string(50, '\xcd')).c_str(),
                        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

void a_key_longer_than_a_chunk_is_its_digest(void**) {
    const std::string key(131, '\xaa');
    const Sha256Digest digest = sha256_of(key.data(), key.size());
    const std::string digest_key(digest.begin(), digest.end());

    assert_string_equal(
        hmac_hex(key, "Test Using Larger Than Block-Size Key - Hash Key First").c_str(),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_string_equal(hmac_hex(key,
                                 "This is a test using a larger than block-size key and a larger "
                                 "than block-size data. The key needs to be hashed before being "
                                 "used by the HMAC algorithm.")
                            .c_str(),
                        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    assert_string_equal(hmac_hex(key, "").c_str(), hmac_hex(digest_key, "").c_str());
}

// 64 bytes are taken as they are; a shorter one is filled up with zeros, so they count for nothing.
void a_key_of_one_chunk_is_itself(void**) {
    const std::string key(64, 'k');
    const Sha256Digest digest = sha256_of(key.data(), key.size());

    assert_string_not_equal(hmac_hex(key, "m").c_str(),
                            hmac_hex(std::string(digest.begin(), digest.end()), "m").c_str());
    assert_string_equal(hmac_hex("", "m").c_str(), hmac_hex(std::string(64, '\0'), "m").c_str());
}

void a_key_serves_many_messages_and_can_be_copied(void**) {
    const std::string secret(32, 's');
    const HmacSha256 key(secret.data(), secret.size());
    const HmacSha256 copy = key;  // NOLINT(performance-unnecessary-copy-initialization)
    const Sha256Digest first = key.digest("one", 3);

    const Sha256Digest second = key.digest("one", 3);
    const Sha256Digest copied = copy.digest("one", 3);
    const Sha256Digest other = key.digest("two", 3);

    assert_memory_equal(first.data(), second.data(), first.size());
    assert_memory_equal(first.data(), copied.data(), first.size());
    assert_memory_not_equal(first.data(), other.data(), first.size());
}

void a_wiped_state_holds_nothing(void**) {
    Sha256 state;
    state.add("secret", 6);

    state.wipe();

    const std::string zeros(sizeof state, '\0');
    assert_memory_equal(&state, zeros.data(), zeros.size());
}

void bytes_are_equal_when_every_bit_is(void**) {
    const Sha256Digest one = sha256_of("abc", 3);

    assert_true(equal_in_constant_time(one.data(), one.data(), one.size()));
    for (std::size_t bit = 0; bit < one.size() * 8; ++bit) {
        Sha256Digest other = one;
        other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ (1u << bit % 8));
        assert_false(equal_in_constant_time(one.data(), other.data(), one.size()));
    }
    assert_true(equal_in_constant_time("ab", "ac", 1));
    assert_true(equal_in_constant_time("ab", "xy", 0));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_messages_have_their_digests),
        cmocka_unit_test(nothing_has_a_digest),
        cmocka_unit_test(a_message_may_be_cut_anywhere),
        cmocka_unit_test(the_rfcs_keys_and_messages_have_their_digests),
        cmocka_unit_test(a_key_longer_than_a_chunk_is_its_digest),
        cmocka_unit_test(a_key_of_one_chunk_is_itself),
        cmocka_unit_test(a_key_serves_many_messages_and_can_be_copied),
        cmocka_unit_test(a_wiped_state_holds_nothing),
        cmocka_unit_test(bytes_are_equal_when_every_bit_is),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
