// SPDX-License-Identifier: Apache-2.0
//
// test_index_threads.cpp — readers beside a writer that never rests, in the threads of one process
// and through a mapping that is read-only: no entry is ever a mixture of two, and no block that
// was there all the time is missed.
//
// All keys meet in two buckets of ten, so that chains overflow and wrap, and blocks come and go
// before, between and behind those that stay.  Readers only count what is wrong; the asserts come
// after all threads have been joined.

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/store/index_world.h"

namespace {

using namespace bwrt::test;

constexpr std::uint32_t kCapacity = 60;
constexpr std::uint32_t kBucketCount = 10;
constexpr std::uint64_t kPassCount = 60'000;  // of each reader

// Fields and seal of a block tell its number and the number of the update.
BlockFields fields_at(std::uint64_t number, std::uint32_t update) {
    BlockFields fields = fields_of(update, static_cast<std::uint16_t>(kOnDisk | (update & 0xF0)));
    fields.disk_segment = static_cast<std::uint16_t>(number);
    return fields;
}

BlockSeal seal_at(std::uint64_t number, std::uint32_t update) {
    return seal_of(number << 32 | update);
}

bool is_whole(const BlockFields& fields, const BlockSeal& seal, std::uint64_t number) {
    const std::uint32_t update = fields.length_bytes;
    return are_equal(fields, fields_at(number, update)) && are_equal(seal, seal_at(number, update));
}

struct Shared {
    Shared() : length_bytes(IndexWriter::range_bytes(kCapacity)) {
        fd = memfd_create("index", MFD_CLOEXEC);
        if (ftruncate(fd, static_cast<off_t>(length_bytes)) != 0) abort();
        own = mmap(nullptr, length_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        foreign = mmap(nullptr, length_bytes, PROT_READ, MAP_SHARED, fd, 0);
    }
    ~Shared() {
        munmap(own, length_bytes);
        munmap(foreign, length_bytes);
        close(fd);
    }
    std::uint64_t length_bytes;
    int fd;
    void* own;
    void* foreign;
};

struct Counts {
    std::atomic<std::uint64_t> hit{0}, mixed{0}, missed{0}, impossible{0};
};

// Looks for all keys, the lasting ones first.
void look(const IndexReader& reader, const std::vector<std::uint64_t>& numbers,
          std::size_t lasting_count, Counts* counts) {
    std::vector<IndexKey> keys;
    for (const std::uint64_t number : numbers) keys.push_back(key_of(number));
    std::vector<BlockAnswer> answers(keys.size());
    std::vector<BlockSeal> seals(keys.size());
    for (std::uint64_t pass = 0; pass < kPassCount; ++pass) {
        reader.find_many(keys, answers.data(), seals.data());
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const BlockAnswer& answer = answers[i];
            if (answer.found == Found::kMiss) {
                if (i < lasting_count) counts->missed.fetch_add(1);
                continue;
            }
            if (answer.entry >= kCapacity) counts->impossible.fetch_add(1);
            if (answer.found == Found::kBusy) continue;  // on a machine that is
            counts->hit.fetch_add(1);
            if (!is_whole(answer.fields, seals[i], numbers[i])) counts->mixed.fetch_add(1);
        }
    }
}

void readers_beside_a_writer_see_whole_blocks_and_miss_none_that_stays(void**) {
    constexpr std::size_t kLastingCount = 15;
    Shared shared;
    IndexWriter writer(shared.own, kCapacity, kSeed);
    IndexReader foreign;
    assert_null(foreign.attach(shared.foreign, shared.length_bytes));
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t number = 0; numbers.size() < 70; ++number) {
        const std::uint32_t home = writer.home_of(key_of(number));
        if (home == kBucketCount - 1 || home == 0) numbers.push_back(number);
    }
    Random random(test_seed());
    const auto insert = [&](std::size_t i) {
        std::uint32_t entry = 0;
        const auto update = static_cast<std::uint32_t>(random.bits());
        (void)writer.insert(key_of(numbers[i]), fields_at(numbers[i], update),
                            seal_at(numbers[i], update), &entry);  // or it is full
    };
    // Filled up, so that the lasting ones come to lie anywhere in the chains.
    for (std::size_t i = kLastingCount; i < 50; ++i) insert(i);
    for (std::size_t i = kLastingCount; i < 50; i += 2) {
        writer.erase(writer.find(key_of(numbers[i])));
    }
    for (std::size_t i = 0; i < kLastingCount; ++i) insert(i);

    Counts counts;
    std::atomic<int> reader_count{2};
    std::thread readers[2];
    for (int i = 0; i < 2; ++i) {
        readers[i] = std::thread([&, i] {
            look(i == 0 ? writer.reader() : foreign, numbers, kLastingCount, &counts);
            reader_count.fetch_sub(1);
        });
    }
    while (reader_count.load() > 0) {
        const std::size_t i = random.below(numbers.size());
        const std::uint32_t entry = writer.find(key_of(numbers[i]));
        if (entry == kNoEntry) {
            insert(i);
        } else if (i < kLastingCount || random.one_in(4)) {
            const auto update = static_cast<std::uint32_t>(random.bits());
            const BlockSeal seal = seal_at(numbers[i], update);
            writer.update(entry, fields_at(numbers[i], update), &seal);
        } else {
            writer.erase(entry);
        }
    }
    for (std::thread& reader : readers) reader.join();

    assert_true(counts.hit.load() > kPassCount);
    assert_int_equal(counts.missed.load(), 0);
    assert_int_equal(counts.mixed.load(), 0);
    assert_int_equal(counts.impossible.load(), 0);
}

// One entry, many owners: what is erased makes room for another key at once, in the same place.
void an_entry_that_changes_hands_is_never_taken_for_the_one_before(void**) {
    IndexWorld world(1);
    IndexWriter& writer = world.writer;
    const std::vector<std::uint64_t> numbers = {1, 2, 3, 4, 5};
    Random random(test_seed());
    Counts counts;
    std::atomic<bool> over{false};

    std::thread reader([&] {
        look(writer.reader(), numbers, 0, &counts);
        over.store(true);
    });
    while (!over.load()) {
        const std::uint64_t number = numbers[random.below(numbers.size())];
        const auto update = static_cast<std::uint32_t>(random.bits());
        std::uint32_t entry = 0;
        (void)writer.insert(key_of(number), fields_at(number, update), seal_at(number, update),
                            &entry);
        writer.erase(entry);
    }
    reader.join();

    assert_int_equal(counts.mixed.load(), 0);
    assert_int_equal(counts.impossible.load(), 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(readers_beside_a_writer_see_whole_blocks_and_miss_none_that_stays),
        cmocka_unit_test(an_entry_that_changes_hands_is_never_taken_for_the_one_before),
    };
    return cmocka_run_group_tests_name("the index under threads", tests, nullptr, nullptr);
}
