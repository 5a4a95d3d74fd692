// SPDX-License-Identifier: Apache-2.0
//
// test_checksum.cpp — XXH3 on each instruction set, and that a sum fits one block, one place in it,
// and nothing else.

#include "runtime/store/checksum.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::Random;

std::vector<unsigned char> random_bytes(Random* random, std::size_t count) {
    std::vector<unsigned char> bytes(count);
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random->bits());
    return bytes;
}

// Values of the reference implementation, published with it (xxhsum's sanity checks).
void the_empty_string_has_its_published_sum(void**) {
    assert_true(kXxh3Sse2.hash("", 0, 0) == 0x2D06800538D394C2u);
    assert_true(kXxh3Sse2.hash("", 0, 0x9E3779B185EBCA8Du) == 0xA8A6B918B2F0364Au);
}

void every_instruction_set_gives_the_same_sums(void**) {
    Random random(bwrt::test::test_seed());
    const auto bytes = random_bytes(&random, 3 * kChunkBytes);
    const Xxh3& here = xxh3();
    print_message("chosen: %s\n", here.name);
    for (std::size_t length = 0; length < bytes.size(); length += 1 + length / 7) {
        const std::uint64_t seed = random.bits();
        assert_true(here.hash(bytes.data(), length, seed) ==
                    kXxh3Sse2.hash(bytes.data(), length, seed));
    }
}

void a_stream_in_pieces_of_any_length_has_the_sum_of_the_whole(void**) {
    Random random(bwrt::test::test_seed());
    const auto bytes = random_bytes(&random, kChunkBytes);
    for (const Xxh3* one : {&kXxh3Sse2, &xxh3()}) {
        for (int round = 0; round < 50; ++round) {
            const std::size_t length = random.between(0, bytes.size());
            const std::uint64_t seed = random.bits();
            Xxh3State state;
            one->begin(&state, seed);
            for (std::size_t at = 0; at < length;) {
                const std::size_t piece =
                    std::min<std::size_t>(random.between(0, 9000), length - at);
                one->add(&state, bytes.data() + at, piece);
                at += piece;
            }
            assert_true(one->end(&state) == one->hash(bytes.data(), length, seed));
        }
    }
}

void everything_that_says_which_block_it_is_changes_the_sums(void**) {
    BlockKey key;
    key.space = 7;
    std::memset(key.identity, 0x5A, sizeof key.identity);
    key.part = 3;
    const std::uint64_t seed = block_seed(key, 4096, 11, 13);
    BlockKey other = key;
    other.space = 8;
    assert_true(block_seed(other, 4096, 11, 13) != seed);
    other = key;
    other.part = 2;
    assert_true(block_seed(other, 4096, 11, 13) != seed);
    for (unsigned char& byte : key.identity) {
        byte ^= 1;
        assert_true(block_seed(key, 4096, 11, 13) != seed);
        byte ^= 1;
    }
    assert_true(block_seed(key, 4095, 11, 13) != seed);
    assert_true(block_seed(key, 4096, 12, 13) != seed);
    assert_true(block_seed(key, 4096, 11, 14) != seed);
    assert_true(block_seed(key, 4096, 11, 13) == seed);
}

void a_chunk_in_another_place_of_its_block_does_not_fit(void**) {
    const std::vector<unsigned char> chunk(kChunkBytes, 0);
    std::vector<std::uint64_t> sums;
    for (std::uint32_t number = 0; number < 200; ++number) {
        sums.push_back(chunk_sum(xxh3(), chunk.data(), chunk.size(), 42, number));
    }
    std::sort(sums.begin(), sums.end());
    assert_true(std::adjacent_find(sums.begin(), sums.end()) == sums.end());
}

void the_root_of_one_chunk_is_its_sum_and_of_several_depends_on_each_and_their_order(void**) {
    std::uint64_t sums[3] = {1, 2, 3};
    assert_true(root_of(xxh3(), sums, 1, 9) == 1);
    const std::uint64_t root = root_of(xxh3(), sums, 3, 9);
    assert_true(root_of(xxh3(), sums, 3, 10) != root);
    assert_true(root_of(xxh3(), sums, 2, 9) != root);
    std::swap(sums[0], sums[2]);
    assert_true(root_of(xxh3(), sums, 3, 9) != root);
}

void a_block_has_as_many_chunks_as_its_bytes_need(void**) {
    assert_int_equal(chunk_count(1), 1);
    assert_int_equal(chunk_count(kChunkBytes), 1);
    assert_int_equal(chunk_count(kChunkBytes + 1), 2);
    assert_int_equal(chunk_count(0xFFFFFFFFu), 65536);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_string_has_its_published_sum),
        cmocka_unit_test(every_instruction_set_gives_the_same_sums),
        cmocka_unit_test(a_stream_in_pieces_of_any_length_has_the_sum_of_the_whole),
        cmocka_unit_test(everything_that_says_which_block_it_is_changes_the_sums),
        cmocka_unit_test(a_chunk_in_another_place_of_its_block_does_not_fit),
        cmocka_unit_test(
            the_root_of_one_chunk_is_its_sum_and_of_several_depends_on_each_and_their_order),
        cmocka_unit_test(a_block_has_as_many_chunks_as_its_bytes_need),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
