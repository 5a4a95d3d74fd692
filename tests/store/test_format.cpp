// SPDX-License-Identifier: Apache-2.0
//
// test_format.cpp — that a header or record is taken for what it is and for nothing else.

#include "runtime/store/format.h"

#include <cstring>

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::runtime;

Superblock store_of(std::uint8_t id) {
    Superblock block = {};
    std::memset(block.store_id, id, sizeof block.store_id);
    seal(&block);
    return block;
}

LogHeader log_of(std::uint64_t number) {
    LogHeader header = {};
    header.log_number = number;
    seal(&header);
    return header;
}

Record record_of(std::uint64_t sequence) {
    Record record = {};
    record.kind = RecordKind::kStored;
    record.sequence = sequence;
    record.length_bytes = 65536;
    return record;
}

template <typename Struct>
void expect_each_byte_to_count(Struct sealed) {
    assert_int_equal(check(sealed), Sealed::kGood);
    auto* const bytes = reinterpret_cast<unsigned char*>(&sealed);
    for (std::size_t at = 0; at < sizeof sealed; ++at) {
        bytes[at] ^= 0x10;
        assert_int_not_equal(check(sealed), Sealed::kGood);
        bytes[at] ^= 0x10;
    }
}

void a_header_with_any_byte_changed_is_not_good(void**) {
    expect_each_byte_to_count(store_of(1));
    expect_each_byte_to_count(log_of(1));
}

void a_header_says_whether_it_is_foreign_newer_or_damaged(void**) {
    Superblock block = store_of(1);
    block.magic[0] = 'x';
    assert_int_equal(check(block), Sealed::kForeign);
    block = store_of(1);
    block.byte_order = 0x04030201;
    assert_int_equal(check(block), Sealed::kForeign);
    // A later version may have put its checksum elsewhere.
    block = store_of(1);
    block.version = kFormatVersion + 1;
    assert_int_equal(check(block), Sealed::kNewer);
    block = store_of(1);
    block.secret[5] ^= 1;
    assert_int_equal(check(block), Sealed::kDamaged);
    const Superblock nothing = {};
    assert_int_equal(check(nothing), Sealed::kForeign);
}

void a_record_with_any_byte_changed_is_not_whole(void**) {
    const std::uint64_t life = first_life(log_of(3));
    Record record = record_of(8);
    seal(&record, life);
    assert_true(is_whole(record, life));
    auto* const bytes = reinterpret_cast<unsigned char*>(&record);
    for (std::size_t at = 0; at < sizeof record; ++at) {
        bytes[at] ^= 0x01;
        assert_false(is_whole(record, life));
        bytes[at] ^= 0x01;
    }
    assert_true(is_whole(record, life));
}

void a_record_of_another_log_or_life_is_not_whole(void**) {
    const std::uint64_t life = first_life(log_of(3));
    Record record = record_of(8);
    seal(&record, life);
    assert_false(is_whole(record, first_life(log_of(4))));
    assert_false(is_whole(record, next_life(life, 99)));
    const Record zeros = {};
    assert_false(is_whole(zeros, life));
    assert_false(is_whole(zeros, 0));
}

void lives_differ_by_what_began_them(void**) {
    assert_true(next_life(1, 5) != next_life(1, 6));
    assert_true(next_life(1, 5) != next_life(2, 5));
    assert_true(next_life(1, 5) == next_life(1, 5));
}

void a_place_holds_the_payload_and_of_several_chunks_their_sums(void**) {
    assert_true(payload_bytes_on_disk(1) == 4096);
    assert_true(payload_bytes_on_disk(4096) == 4096);
    assert_true(payload_bytes_on_disk(4097) == 8192);
    assert_true(payload_bytes_on_disk(0xFFFFFFFFu) == std::uint64_t{1} << 32);
    assert_true(sums_bytes_on_disk(kChunkBytes) == 0);
    assert_true(sums_bytes_on_disk(kChunkBytes + 1) == 4096);
    assert_true(sums_bytes_on_disk(512 * kChunkBytes) == 4096);
    assert_true(sums_bytes_on_disk(512 * kChunkBytes + 1) == 8192);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_header_with_any_byte_changed_is_not_good),
        cmocka_unit_test(a_header_says_whether_it_is_foreign_newer_or_damaged),
        cmocka_unit_test(a_record_with_any_byte_changed_is_not_whole),
        cmocka_unit_test(a_record_of_another_log_or_life_is_not_whole),
        cmocka_unit_test(lives_differ_by_what_began_them),
        cmocka_unit_test(a_place_holds_the_payload_and_of_several_chunks_their_sums),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
