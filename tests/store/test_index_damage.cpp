// SPDX-License-Identifier: Apache-2.0
//
// test_index_damage.cpp — a reader on a range that is no index, is another version's, or has been
// damaged: it refuses, or it answers something, and comes back.  The range ends at a page that
// may not be touched, so a step out of it ends the test.

#include <sys/mman.h>

#include <functional>

#include "tests/store/index_world.h"

namespace {

using namespace bwrt::test;

constexpr std::uint32_t kCapacity = 500;
constexpr std::uint64_t kBlockCount = 400;

// An index with blocks in it and nothing behind it.
class Fenced {
 public:
    Fenced() : length_bytes_(IndexWriter::range_bytes(kCapacity)) {
        base_ = static_cast<std::byte*>(mmap(nullptr, length_bytes_ + 2 * kIndexPageBytes,
                                             PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        mprotect(range(), length_bytes_, PROT_READ | PROT_WRITE);
        IndexWriter writer(range(), kCapacity, kSeed);
        std::uint32_t entry = 0;
        for (std::uint64_t number = 0; number < kBlockCount; ++number) {
            (void)writer.insert(key_of(number), fields_of(number), seal_of(number), &entry);
        }
    }
    ~Fenced() { munmap(base_, length_bytes_ + 2 * kIndexPageBytes); }
    Fenced(const Fenced&) = delete;
    Fenced& operator=(const Fenced&) = delete;

    [[nodiscard]] std::byte* range() const { return base_ + kIndexPageBytes; }
    [[nodiscard]] std::uint64_t length_bytes() const { return length_bytes_; }
    [[nodiscard]] IndexHeader* header() const { return reinterpret_cast<IndexHeader*>(range()); }
    [[nodiscard]] std::uint64_t* words() const {  // those behind the header
        return reinterpret_cast<std::uint64_t*>(range() + kIndexPageBytes);
    }
    [[nodiscard]] std::uint64_t word_count() const {
        return (length_bytes_ - kIndexPageBytes) / sizeof(std::uint64_t);
    }

    // What a lookup of all its keys and as many others says, or nothing when it is refused.
    std::vector<BlockAnswer> ask() {
        IndexReader reader;
        if (reader.attach(range(), length_bytes_) != nullptr) return {};
        std::vector<IndexKey> keys;
        for (std::uint64_t number = 0; number < 2 * kBlockCount; ++number) {
            keys.push_back(key_of(number));
        }
        std::vector<BlockAnswer> answers(keys.size());
        std::vector<BlockSeal> seals(keys.size());
        reader.find_many(keys, answers.data(), seals.data());
        return answers;
    }

 private:
    std::uint64_t length_bytes_;
    std::byte* base_;
};

std::size_t count(const std::vector<BlockAnswer>& answers, Found found) {
    std::size_t all = 0;
    for (const BlockAnswer& answer : answers) all += answer.found == found;
    return all;
}

bool are_possible(const std::vector<BlockAnswer>& answers) {
    for (const BlockAnswer& answer : answers) {
        const bool has_entry = answer.found != Found::kMiss;
        if (has_entry != (answer.entry < kCapacity)) return false;
    }
    return answers.size() == 2 * kBlockCount;
}

void an_index_as_it_was_made_is_taken(void**) {
    Fenced fenced;

    const std::vector<BlockAnswer> answers = fenced.ask();

    assert_true(are_possible(answers));
    assert_int_equal(count(answers, Found::kHit), kBlockCount);
    assert_int_equal(count(answers, Found::kMiss), kBlockCount);
}

void a_header_that_is_not_as_it_should_be_is_refused(void**) {
    const std::function<void(IndexHeader*)> damages[] = {
        [](IndexHeader* header) { header->magic.store(0); },
        [](IndexHeader* header) { header->magic.fetch_xor(1); },
        [](IndexHeader* header) { header->format_version = 2; },
        [](IndexHeader* header) { header->format_version = 0; },
        [](IndexHeader* header) { header->block_count_max = 0; },
        [](IndexHeader* header) { header->block_count_max = kIndexBlockCountMax + 1; },
        [](IndexHeader* header) { header->block_count_max = 0xFFFF'FFFF; },
        [](IndexHeader* header) { header->block_count_max += kBlocksPerBucket; },
        [](IndexHeader* header) { header->bucket_count += 1; },
        [](IndexHeader* header) { header->bucket_count = 0; },
        [](IndexHeader* header) { header->entry_bytes = 64; },
        [](IndexHeader* header) { header->range_bytes -= kIndexPageBytes; },
        [](IndexHeader* header) { header->range_bytes = 0; },
    };
    for (const auto& damage : damages) {
        Fenced fenced;
        IndexReader reader;
        assert_null(reader.attach(fenced.range(), fenced.length_bytes()));

        damage(fenced.header());

        assert_non_null(reader.attach(fenced.range(), fenced.length_bytes()));
    }
}

void a_range_that_ends_too_early_is_refused(void**) {
    Fenced fenced;
    IndexReader reader;

    assert_non_null(reader.attach(fenced.range(), 0));
    assert_non_null(reader.attach(fenced.range(), kIndexPageBytes - 1));
    assert_non_null(reader.attach(fenced.range(), kIndexPageBytes));
    assert_non_null(reader.attach(fenced.range(), fenced.length_bytes() - 1));
    assert_null(reader.attach(fenced.range(), fenced.length_bytes()));
}

// Sizes that agree with each other, of an index that has no bucket to look into.
void an_index_of_nothing_is_refused(void**) {
    Fenced fenced;
    fenced.header()->block_count_max = 0;
    fenced.header()->bucket_count = 0;
    fenced.header()->range_bytes = IndexShape(0).range_bytes;
    IndexReader reader;

    assert_non_null(reader.attach(fenced.range(), fenced.length_bytes()));
}

// An honest header with honest sizes for another capacity, in a range that is too short for it.
void a_larger_index_is_not_read_from_a_smaller_range(void**) {
    Fenced fenced;
    const IndexShape larger(kCapacity * 10);
    fenced.header()->block_count_max = larger.block_count_max;
    fenced.header()->bucket_count = larger.bucket_count;
    fenced.header()->range_bytes = larger.range_bytes;
    IndexReader reader;

    assert_non_null(reader.attach(fenced.range(), fenced.length_bytes()));
}

void bytes_at_random_are_answered_within_the_range(void**) {
    Random random(test_seed());
    for (int round = 0; round < 50; ++round) {
        Fenced fenced;
        for (std::uint64_t i = 0; i < fenced.word_count(); ++i) fenced.words()[i] = random.bits();

        assert_true(are_possible(fenced.ask()));
    }
}

void a_range_of_ones_is_answered_within_the_range(void**) {
    Fenced fenced;
    for (std::uint64_t i = 0; i < fenced.word_count(); ++i) fenced.words()[i] = ~std::uint64_t{0};

    const std::vector<BlockAnswer> answers = fenced.ask();

    assert_true(are_possible(answers));
    assert_int_equal(count(answers, Found::kHit), 0);
}

// Entries stay as they are, and the buckets name them, and others, as it comes.
void damaged_buckets_never_turn_one_block_into_another(void**) {
    Random random(test_seed());
    const std::uint64_t bucket_words = IndexShape(kCapacity).bucket_count * std::uint64_t{8};
    for (int round = 0; round < 200; ++round) {
        Fenced fenced;
        for (std::uint64_t damages = random.between(1, 400); damages > 0; --damages) {
            fenced.words()[random.below(bucket_words)] ^= std::uint64_t{1} << random.below(64);
        }

        const std::vector<BlockAnswer> answers = fenced.ask();

        assert_true(are_possible(answers));
        for (std::uint64_t number = 0; number < answers.size(); ++number) {
            if (answers[number].found == Found::kMiss) continue;
            assert_true(answers[number].found == Found::kHit);
            assert_true(are_equal(answers[number].fields, fields_of(number)));
        }
    }
}

void flipped_bits_anywhere_are_answered_within_the_range(void**) {
    Random random(test_seed());
    for (int round = 0; round < 200; ++round) {
        Fenced fenced;
        for (std::uint64_t damages = random.between(1, 400); damages > 0; --damages) {
            fenced.words()[random.below(fenced.word_count())] ^= std::uint64_t{1}
                                                                 << random.below(64);
        }

        assert_true(are_possible(fenced.ask()));
    }
}

// Every bucket says that the search goes on.
void a_search_without_an_end_is_ended(void**) {
    Fenced fenced;
    auto* buckets = reinterpret_cast<IndexBucket*>(fenced.range() + kIndexPageBytes);
    for (std::uint32_t i = 0; i < IndexShape(kCapacity).bucket_count; ++i) {
        buckets[i].add_passed(1);
    }

    const std::vector<BlockAnswer> answers = fenced.ask();

    assert_int_equal(count(answers, Found::kHit), kBlockCount);
    assert_int_equal(count(answers, Found::kMiss), kBlockCount);
}

// As a writer that was killed leaves one block, or damage all of them: patience is spent once.
void a_block_whose_update_never_ends_is_busy_and_no_other_suffers(void**) {
    Fenced fenced;
    auto* entries =
        reinterpret_cast<IndexEntry*>(fenced.range() + IndexShape(kCapacity).entries_offset_bytes);
    entries[7].version.begin();

    std::vector<BlockAnswer> answers = fenced.ask();

    assert_true(are_possible(answers));
    assert_true(answers[7].found == Found::kBusy);
    assert_int_equal(answers[7].entry, 7);
    assert_int_equal(count(answers, Found::kHit), kBlockCount - 1);
    assert_int_equal(count(answers, Found::kMiss), kBlockCount);
    for (std::uint32_t i = 0; i < kBlockCount; ++i) {
        if (i != 7) entries[i].version.begin();
    }
    answers = fenced.ask();
    assert_int_equal(count(answers, Found::kBusy), kBlockCount);
    assert_int_equal(count(answers, Found::kMiss), kBlockCount);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_index_as_it_was_made_is_taken),
        cmocka_unit_test(a_header_that_is_not_as_it_should_be_is_refused),
        cmocka_unit_test(a_range_that_ends_too_early_is_refused),
        cmocka_unit_test(an_index_of_nothing_is_refused),
        cmocka_unit_test(a_larger_index_is_not_read_from_a_smaller_range),
        cmocka_unit_test(bytes_at_random_are_answered_within_the_range),
        cmocka_unit_test(a_range_of_ones_is_answered_within_the_range),
        cmocka_unit_test(damaged_buckets_never_turn_one_block_into_another),
        cmocka_unit_test(flipped_bits_anywhere_are_answered_within_the_range),
        cmocka_unit_test(a_search_without_an_end_is_ended),
        cmocka_unit_test(a_block_whose_update_never_ends_is_busy_and_no_other_suffers),
    };
    return cmocka_run_group_tests_name("a damaged index", tests, nullptr, nullptr);
}
