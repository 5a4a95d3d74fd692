// SPDX-License-Identifier: Apache-2.0
//
// test_index.cpp — the block index with its writer alone, by hand: keys, fields, numbers, segments,
// full buckets and full indices.  Keys that meet in one bucket are looked for, since with six
// blocks to twelve slots hardly any overflow by themselves.

#include "runtime/store/index.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "tests/store/index_world.h"

namespace {

using namespace bwrt::test;
using Inserted = IndexWriter::Inserted;

constexpr std::uint32_t kBucketCountOf24 = 4;

void an_index_without_blocks_misses_everything(void**) {
    const IndexWorld world(24);

    for (std::uint64_t number = 0; number < 100; ++number) assert_true(world.misses(number));
    assert_int_equal(world.writer.find(key_of(1)), kNoEntry);
    assert_int_equal(world.writer.block_count(), 0);
}

void a_key_is_compared_as_a_whole(void**) {
    IndexWorld world(24);
    world.insert(7);
    assert_true(world.has(7));

    for (std::size_t bit = 0; bit < 8 * sizeof(IndexKey::identity); ++bit) {
        IndexKey other = key_of(7);
        other.identity[bit / 8] ^= std::byte{1} << bit % 8;
        assert_int_equal(world.writer.find(other), kNoEntry);
    }
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
        IndexKey other = key_of(7);
        other.part ^= 1u << bit;
        assert_int_equal(world.writer.find(other), kNoEntry);
    }
    for (std::uint32_t bit = 0; bit < 16; ++bit) {
        IndexKey other = key_of(7);
        other.tenant = static_cast<std::uint16_t>(other.tenant ^ 1u << bit);
        assert_int_equal(world.writer.find(other), kNoEntry);
    }
}

// All in the bucket of one index, so that it is not the place that tells them apart.
void keys_that_differ_in_their_last_bits_are_different_blocks(void**) {
    IndexWorld world(6);
    IndexKey key = {};
    std::uint32_t entries[6];
    const IndexKey keys[] = {key, {{}, 1, 0}, {{}, 0, 1}, {{}, 0, 0x8000}, {{}, 0x8000'0000, 0}};
    for (std::size_t i = 0; i < std::size(keys); ++i) {
        assert_true(world.writer.insert(keys[i], fields_of(i), seal_of(i), &entries[i]) ==
                    Inserted::kNew);
    }

    for (std::size_t i = 0; i < std::size(keys); ++i) {
        assert_int_equal(world.writer.find(keys[i]), entries[i]);
        assert_true(are_equal(world.writer.key_of(entries[i]), keys[i]));
        assert_true(are_equal(world.writer.fields_of(entries[i]), fields_of(i)));
    }
}

void fields_and_seal_come_back_as_they_were_given_up_to_their_last_bit(void**) {
    IndexWorld world(24);
    const std::uint64_t all64 = ~std::uint64_t{0};
    const std::uint32_t all32 = ~std::uint32_t{0};
    const BlockFields full = {all32, all32, kDiskPageCountMax - 1, 0xFFFF, 0x7FFF};
    const BlockFields none = {};
    const BlockSeal full_seal = {all64, all64};
    const BlockSeal no_seal = {};
    BlockSeal seal = {};
    std::uint32_t entry = kNoEntry;

    assert_true(world.writer.insert(key_of(1), full, full_seal, &entry) == Inserted::kNew);
    assert_true(are_equal(world.writer.fields_of(entry), full));
    assert_true(are_equal(world.writer.seal_of(entry), full_seal));
    assert_true(are_equal(world.find(1).fields, full));
    world.writer.update(entry, none, &no_seal);
    assert_true(are_equal(world.writer.reader().find(key_of(1), &seal).fields, none));
    assert_true(are_equal(seal, no_seal));
    assert_true(world.find(1).found == Found::kHit);
    world.writer.update(entry, full, &full_seal);
    assert_true(are_equal(world.writer.reader().find(key_of(1), &seal).fields, full));
    assert_true(are_equal(seal, full_seal));
    assert_true(are_equal(world.writer.key_of(entry), key_of(1)));
}

void an_update_without_a_seal_keeps_the_one_there_is(void**) {
    IndexWorld world(24);
    const std::uint32_t entry = world.insert(1);

    world.writer.update(entry, fields_of(1, kOnDisk));

    assert_true(world.has(1, kOnDisk));
}

void a_second_insert_names_the_first_and_changes_nothing(void**) {
    IndexWorld world(24);
    const std::uint32_t first = world.insert(1);
    const std::vector<std::byte> before = world.bytes();
    std::uint32_t entry = kNoEntry;

    assert_true(world.writer.insert(key_of(1), fields_of(2), seal_of(2), &entry) ==
                Inserted::kPresent);

    assert_int_equal(entry, first);
    assert_true(world.bytes() == before);
    assert_true(world.has(1));
}

void an_erased_block_is_missed_and_its_number_is_the_next_to_be_used(void**) {
    IndexWorld world(24);
    for (std::uint64_t number = 0; number < 3; ++number) world.insert(number);
    const std::uint32_t entry = world.writer.find(key_of(1));

    world.writer.erase(entry);

    assert_true(world.misses(1));
    assert_true(world.has(0));
    assert_true(world.has(2));
    assert_int_equal(world.writer.block_count(), 2);
    assert_int_equal(world.insert(9), entry);
    assert_true(world.misses(1));
    assert_true(world.has(9));
}

// As a reader has it that looked at the bucket before, or one that looks at a damaged bucket.
void an_erased_block_is_missed_by_way_of_its_old_slot_too(void**) {
    IndexWorld world(6);  // a single bucket
    const std::uint32_t entry = world.insert(1);
    const std::uint64_t before = world.buckets()[0].fingerprints.load();

    world.writer.erase(entry);
    world.buckets()[0].fingerprints.store(before);

    assert_true(world.misses(1));
}

void a_full_index_refuses_and_nothing_in_it_changes(void**) {
    constexpr std::uint32_t kCapacity = 24;
    IndexWorld world(kCapacity);
    for (std::uint64_t number = 0; number < kCapacity; ++number) {
        assert_int_equal(world.insert(number), number);
    }
    const std::vector<std::byte> before = world.bytes();
    std::uint32_t entry = 77;

    assert_true(world.writer.insert(key_of(kCapacity), fields_of(1), seal_of(1), &entry) ==
                Inserted::kFull);

    assert_int_equal(entry, 77);
    assert_true(world.bytes() == before);
    assert_int_equal(world.writer.block_count(), kCapacity);
    world.writer.erase(5);
    assert_int_equal(world.insert(kCapacity), 5);
    for (std::uint64_t number = 0; number <= kCapacity; ++number) {
        assert_true(number == 5 ? world.misses(number) : world.has(number));
    }
}

void blocks_that_meet_in_the_last_bucket_go_on_around_the_end(void**) {
    IndexWorld world(24);
    const auto numbers = world.numbers_at(kBucketCountOf24 - 1, 25);
    for (std::size_t i = 0; i < 24; ++i) assert_int_not_equal(world.insert(numbers[i]), kNoEntry);

    for (std::size_t i = 0; i < 24; ++i) assert_true(world.has(numbers[i]));
    assert_true(world.misses(numbers[24]));
    assert_int_equal(world.buckets()[kBucketCountOf24 - 1].look().passed_count(), 12);
    assert_int_equal(world.buckets()[0].look().passed_count(), 0);
    assert_int_equal(world.buckets()[0].look().match(0), 0);
    assert_int_equal(world.buckets()[1].look().match(0), 0xFFF);
}

// What went past stays behind and is found, though the bucket before it is empty by then.
void a_search_goes_past_an_emptied_bucket_as_long_as_something_lies_behind(void**) {
    IndexWorld world(24);
    const auto numbers = world.numbers_at(1, 13);
    std::uint32_t entries[13];
    for (std::size_t i = 0; i < 13; ++i) entries[i] = world.insert(numbers[i]);

    for (std::size_t i = 0; i < 12; ++i) world.writer.erase(entries[i]);

    assert_true(world.has(numbers[12]));
    assert_int_equal(world.buckets()[1].look().passed_count(), 1);
    world.buckets()[1].add_passed(-1);  // and not further than the count says
    assert_true(world.misses(numbers[12]));
    world.buckets()[1].add_passed(1);
    world.writer.erase(entries[12]);
    assert_true(world.misses(numbers[12]));
    for (std::uint32_t i = 0; i < kBucketCountOf24; ++i) {
        assert_int_equal(world.buckets()[i].look().passed_count(), 0);
        assert_int_equal(world.buckets()[i].look().match(0), 0xFFF);
    }
}

// Thirty-two full buckets in a row: the thirty-third is out of reach.
void a_crowd_around_one_bucket_is_refused_before_the_index_is_full(void**) {
    constexpr std::size_t kReach = kProbeBucketCountMax * kSlotCount;
    IndexWorld world(1000);
    const auto numbers = world.numbers_at(150, kReach + 1);  // of 167: it wraps
    for (std::size_t i = 0; i < kReach; ++i) {
        assert_int_not_equal(world.insert(numbers[i]), kNoEntry);
    }
    const std::vector<std::byte> before = world.bytes();
    std::uint32_t entry = 77;

    assert_true(world.writer.insert(key_of(numbers[kReach]), fields_of(1), seal_of(1), &entry) ==
                Inserted::kFull);

    assert_int_equal(entry, 77);
    assert_true(world.bytes() == before);
    for (std::size_t i = 0; i < kReach; ++i) assert_true(world.has(numbers[i]));
    assert_true(world.misses(numbers[kReach]));
}

void place_in(IndexWriter* writer, std::uint32_t entry, std::uint16_t segment, bool on_disk) {
    BlockFields fields = writer->fields_of(entry);
    fields.disk_segment = segment;
    fields.flags = on_disk ? kOnDisk : kInHost;
    writer->update(entry, fields);
}

void a_segment_lists_its_blocks_as_they_came_wherever_one_leaves(void**) {
    using Entries = std::vector<std::uint32_t>;
    IndexWorld world(24);
    IndexWriter& writer = world.writer;
    for (std::uint64_t number = 0; number < 6; ++number) world.insert(number);
    assert_true(blocks_of(writer, 9).empty());

    for (std::uint32_t entry = 0; entry < 6; ++entry) place_in(&writer, entry, 9, true);
    assert_true(blocks_of(writer, 9) == (Entries{0, 1, 2, 3, 4, 5}));
    place_in(&writer, 3, 9, true);  // stays where it is
    assert_true(blocks_of(writer, 9) == (Entries{0, 1, 2, 3, 4, 5}));
    writer.erase(3);                    // in the middle
    place_in(&writer, 5, 9, false);     // at the end
    place_in(&writer, 0, 65535, true);  // at the front, to another
    assert_true(blocks_of(writer, 9) == (Entries{1, 2, 4}));
    place_in(&writer, 5, 9, true);
    assert_true(blocks_of(writer, 9) == (Entries{1, 2, 4, 5}));
    place_in(&writer, 5, 9, false);
    assert_true(blocks_of(writer, 65535) == Entries{0});
    for (const std::uint32_t entry : {4u, 1u, 2u}) writer.erase(entry);
    assert_true(blocks_of(writer, 9).empty());

    assert_int_equal(writer.fields_of(0).disk_segment, 65535);
    assert_true(writer.fields_of(0).flags == kOnDisk);
}

void a_block_that_comes_on_disk_is_listed_at_once(void**) {
    IndexWorld world(24);
    const std::uint32_t entry = world.insert(8, kOnDisk | kVerified);

    assert_int_equal(world.writer.first_of_segment(1), entry);
    assert_int_equal(world.writer.next_of_segment(entry), kNoEntry);
    assert_true(world.has(8, kOnDisk | kVerified));
}

// The list's way back lies in the word of the place.
void what_readers_see_of_a_place_does_not_change_with_the_list(void**) {
    IndexWorld world(24);
    for (const std::uint64_t number : {1u, 8u, 15u}) world.insert(number, kOnDisk);  // one segment

    for (const std::uint64_t number : {1u, 8u, 15u}) assert_true(world.has(number, kOnDisk));
    world.writer.erase(world.writer.find(key_of(8)));
    for (const std::uint64_t number : {1u, 15u}) assert_true(world.has(number, kOnDisk));
}

void a_batch_has_an_answer_for_each_key_whatever_its_length(void**) {
    IndexWorld world(600);
    for (std::uint64_t number = 0; number < 500; number += 2) world.insert(number);

    for (const std::size_t count : {0u, 1u, 31u, 32u, 33u, 64u, 500u}) {
        std::vector<IndexKey> keys;
        for (std::size_t i = 0; i < count; ++i) keys.push_back(key_of(i));
        std::vector<BlockAnswer> answers(count + 1);
        std::vector<BlockSeal> seals(count + 1);
        answers[count].entry = 77;
        seals[count].root_checksum = 78;
        world.writer.reader().find_many(keys, answers.data(), seals.data());
        for (std::size_t i = 0; i < count; ++i) {
            assert_true(answers[i].found == (i % 2 == 0 ? Found::kHit : Found::kMiss));
            assert_int_equal(answers[i].entry, i % 2 == 0 ? i / 2 : kNoEntry);
            if (i % 2 != 0) continue;
            assert_true(are_equal(answers[i].fields, fields_of(i)));
            assert_true(are_equal(seals[i], seal_of(i)));
        }
        assert_int_equal(answers[count].entry, 77);
        assert_int_equal(seals[count].root_checksum, 78);
    }
}

void a_mapping_elsewhere_that_cannot_be_written_answers_the_same(void**) {
    const std::uint64_t length_bytes = IndexWriter::range_bytes(24);
    const int fd = memfd_create("index", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, static_cast<off_t>(length_bytes)), 0);
    void* own = mmap(nullptr, length_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void* other = mmap(nullptr, length_bytes, PROT_READ, MAP_SHARED, fd, 0);
    {
        IndexWriter writer(own, 24, kSeed);
        IndexReader reader;
        assert_null(reader.attach(other, length_bytes));
        std::uint32_t entry = kNoEntry;
        for (std::uint64_t number = 0; number < 24; ++number) {
            assert_true(reader.find(key_of(number)).found == Found::kMiss);
            assert_true(writer.insert(key_of(number), fields_of(number), seal_of(number), &entry) ==
                        Inserted::kNew);
            assert_int_equal(reader.find(key_of(number)).entry, entry);
            assert_true(are_equal(reader.find(key_of(number)).fields, fields_of(number)));
        }
        assert_int_equal(reader.block_count(), 24);
        writer.erase(3);
        assert_true(reader.find(key_of(3)).found == Found::kMiss);
    }
    munmap(own, length_bytes);
    munmap(other, length_bytes);
    close(fd);
}

std::uint64_t resident_bytes(const void* address, std::uint64_t length_bytes) {
    std::vector<unsigned char> pages((length_bytes + 4095) / 4096);
    assert_int_equal(mincore(const_cast<void*>(address), length_bytes, pages.data()), 0);
    return 4096 * static_cast<std::uint64_t>(std::count_if(
                      pages.begin(), pages.end(), [](unsigned char page) { return page & 1; }));
}

void the_largest_index_costs_what_is_used_of_it(void**) {
    constexpr std::uint64_t kBlockCount = 1000;
    IndexWorld world(kIndexBlockCountMax);
    for (std::uint64_t number = 0; number < kBlockCount; ++number) {
        assert_int_equal(world.insert(number), number);
    }

    for (std::uint64_t number = 0; number < kBlockCount; ++number) assert_true(world.has(number));
    assert_true(world.misses(kBlockCount));
    const IndexShape shape(kIndexBlockCountMax);
    assert_true(resident_bytes(world.entries(), shape.range_bytes - shape.entries_offset_bytes) <=
                kBlockCount * kIndexEntryBytes + 2 * kIndexPageBytes);
}

void a_block_costs_at_most_96_bytes_with_its_share_of_the_buckets(void**) {
    for (const std::uint32_t capacity : {1'000'000u, 10'000'000u, kIndexBlockCountMax}) {
        const std::uint64_t buckets_bytes =
            std::uint64_t{IndexShape(capacity).bucket_count} * sizeof(IndexBucket);
        const std::uint64_t block_count = std::uint64_t{capacity} * 85 / 100;

        assert_true(buckets_bytes + block_count * kIndexEntryBytes <= block_count * 96);
        assert_true(IndexWriter::range_bytes(capacity) <=
                    std::uint64_t{capacity} * 91 + 4 * kIndexPageBytes);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_index_without_blocks_misses_everything),
        cmocka_unit_test(a_key_is_compared_as_a_whole),
        cmocka_unit_test(keys_that_differ_in_their_last_bits_are_different_blocks),
        cmocka_unit_test(fields_and_seal_come_back_as_they_were_given_up_to_their_last_bit),
        cmocka_unit_test(an_update_without_a_seal_keeps_the_one_there_is),
        cmocka_unit_test(a_second_insert_names_the_first_and_changes_nothing),
        cmocka_unit_test(an_erased_block_is_missed_and_its_number_is_the_next_to_be_used),
        cmocka_unit_test(an_erased_block_is_missed_by_way_of_its_old_slot_too),
        cmocka_unit_test(a_full_index_refuses_and_nothing_in_it_changes),
        cmocka_unit_test(blocks_that_meet_in_the_last_bucket_go_on_around_the_end),
        cmocka_unit_test(a_search_goes_past_an_emptied_bucket_as_long_as_something_lies_behind),
        cmocka_unit_test(a_crowd_around_one_bucket_is_refused_before_the_index_is_full),
        cmocka_unit_test(a_segment_lists_its_blocks_as_they_came_wherever_one_leaves),
        cmocka_unit_test(a_block_that_comes_on_disk_is_listed_at_once),
        cmocka_unit_test(what_readers_see_of_a_place_does_not_change_with_the_list),
        cmocka_unit_test(a_batch_has_an_answer_for_each_key_whatever_its_length),
        cmocka_unit_test(a_mapping_elsewhere_that_cannot_be_written_answers_the_same),
        cmocka_unit_test(the_largest_index_costs_what_is_used_of_it),
        cmocka_unit_test(a_block_costs_at_most_96_bytes_with_its_share_of_the_buckets),
    };
    return cmocka_run_group_tests_name("runtime/store/index.h", tests, nullptr, nullptr);
}
