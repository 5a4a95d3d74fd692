// SPDX-License-Identifier: Apache-2.0
//
// test_index_model.cpp — random changes of the block index, compared with a map: first all over an
// index that grows full and shrinks in turn, then in two buckets of four, where chains overflow,
// wrap around the end and are cut all the time.

#include <algorithm>
#include <unordered_map>

#include "tests/store/index_world.h"

namespace {

using namespace bwrt::test;
using Inserted = IndexWriter::Inserted;

// The index, and what should be in it.
struct Compared {
    explicit Compared(std::uint32_t capacity) : world(capacity) {}

    struct Block {
        std::uint32_t entry;
        BlockFields fields;
        BlockSeal seal;
    };

    void insert(std::uint64_t number, const BlockFields& fields, const BlockSeal& seal) {
        std::uint32_t entry = kNoEntry;
        const Inserted inserted = world.writer.insert(key_of(number), fields, seal, &entry);
        const auto known = blocks.find(number);
        if (known != blocks.end()) {
            assert_true(inserted == Inserted::kPresent);
            assert_int_equal(entry, known->second.entry);
        } else if (blocks.size() == world.writer.reader().block_count_max()) {
            assert_true(inserted == Inserted::kFull);
        } else {
            assert_true(inserted == Inserted::kNew);
            blocks[number] = {entry, fields, seal};
        }
    }

    void check(std::uint64_t number_count) {
        std::vector<IndexKey> keys;
        for (std::uint64_t number = 0; number < number_count; ++number) {
            keys.push_back(key_of(number));
        }
        std::vector<BlockAnswer> answers(number_count);
        std::vector<BlockSeal> seals(number_count);
        world.writer.reader().find_many(keys, answers.data(), seals.data());
        for (std::uint64_t number = 0; number < number_count; ++number) {
            const auto known = blocks.find(number);
            const bool present = known != blocks.end();
            assert_true(answers[number].found == (present ? Found::kHit : Found::kMiss));
            if (!present) continue;
            assert_int_equal(answers[number].entry, known->second.entry);
            assert_true(are_equal(answers[number].fields, known->second.fields));
            assert_true(are_equal(seals[number], known->second.seal));
            assert_true(are_equal(world.writer.key_of(known->second.entry), keys[number]));
        }
        assert_int_equal(world.writer.block_count(), blocks.size());
        check_segments();
    }

    void check_segments() {
        std::size_t listed_count = 0;
        std::size_t on_disk_count = 0;
        for (const auto& [number, block] : blocks) {
            on_disk_count += (block.fields.flags & kOnDisk) != 0;
        }
        for (std::uint16_t segment = 0; segment < 4; ++segment) {
            for (const std::uint32_t entry : blocks_of(world.writer, segment)) {
                assert_int_equal(world.writer.fields_of(entry).disk_segment, segment);
                ++listed_count;
            }
        }
        assert_int_equal(listed_count, on_disk_count);
    }

    IndexWorld world;
    std::unordered_map<std::uint64_t, Block> blocks;
};

BlockFields random_fields(Random* random) {
    BlockFields fields = fields_of(random->bits());
    fields.disk_segment = static_cast<std::uint16_t>(random->below(4));
    fields.flags = static_cast<std::uint16_t>(random->below(kBlockFlagsMask + 1));
    return fields;
}

void random_changes_agree_with_a_map(void**) {
    constexpr std::uint32_t kCapacity = 150;
    constexpr std::uint64_t kNumberCount = 200;
    Random random(test_seed());
    Compared compared(kCapacity);
    for (int step = 0; step < 60'000; ++step) {
        const std::uint64_t number = random.below(kNumberCount);
        const bool grows = step / 3000 % 2 == 0;
        const auto known = compared.blocks.find(number);
        if (known == compared.blocks.end()) {
            if (grows || random.one_in(3))
                compared.insert(number, random_fields(&random), seal_of(random.bits()));
        } else if (random.one_in(grows ? 8 : 2)) {
            compared.world.writer.erase(known->second.entry);
            compared.blocks.erase(known);
        } else if (random.one_in(4)) {
            compared.insert(number, random_fields(&random), seal_of(random.bits()));
        } else {
            Compared::Block& block = known->second;
            block.fields = random_fields(&random);
            const bool seals = random.one_in(2);
            if (seals) block.seal = seal_of(random.bits());
            compared.world.writer.update(block.entry, block.fields, seals ? &block.seal : nullptr);
        }
        if (step % 100 == 0) compared.check(kNumberCount);
    }
}

void random_changes_in_chains_that_wrap_agree_with_a_map(void**) {
    Random random(test_seed());
    Compared compared(24);
    auto numbers = compared.world.numbers_at(2, 20);
    for (const std::uint64_t number : compared.world.numbers_at(3, 20)) numbers.push_back(number);
    const std::uint64_t number_count = *std::max_element(numbers.begin(), numbers.end()) + 1;
    for (int step = 0; step < 40'000; ++step) {
        const std::uint64_t number = numbers[random.below(numbers.size())];
        const auto known = compared.blocks.find(number);
        const bool grows = step / 500 % 2 == 0;
        if (known == compared.blocks.end()) {
            if (grows || random.one_in(3))
                compared.insert(number, random_fields(&random), seal_of(random.bits()));
        } else if (random.one_in(grows ? 4 : 2)) {
            compared.world.writer.erase(known->second.entry);
            compared.blocks.erase(known);
        }
        if (step % 20 == 0) compared.check(number_count);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_agree_with_a_map),
        cmocka_unit_test(random_changes_in_chains_that_wrap_agree_with_a_map),
    };
    return cmocka_run_group_tests_name("the index and a map", tests, nullptr, nullptr);
}
