// SPDX-License-Identifier: Apache-2.0
//
// What the threads of the kernel for small pages do, run on the host: every byte of every page and
// no other, whatever its length and wherever it lies, in units as large as its place allows.

#include "tests/device/page_kernel_twin.h"
#include "tests/support/random.h"

namespace bwrt::test {
namespace {

using runtime::cuda::kPageChunkBytes;

constexpr unsigned char kUntouched = 0xEE;

// Memory that begins 16 bytes aligned, of an allocation of its own: beyond it sanitizers look.
struct Side {
    explicit Side(std::size_t bytes) : units((bytes + 15) / 16) {}
    unsigned char* at(std::size_t offset) {
        return reinterpret_cast<unsigned char*>(units.data()) + offset;
    }
    std::vector<runtime::cuda::PageUnit16> units;
};

PageCopy page_of(Side* target, std::size_t target_offset, Side* source, std::size_t source_offset,
                 std::size_t bytes) {
    return {reinterpret_cast<std::uint64_t>(target->at(target_offset)),
            reinterpret_cast<std::uint64_t>(source->at(source_offset)), bytes};
}

unsigned chunk_count_of(std::size_t bytes) {
    return static_cast<unsigned>((bytes + kPageChunkBytes - 1) / kPageChunkBytes);
}

// One page, by so many blocks; returns how many units were loaded.
std::uint64_t copy_and_compare(std::size_t target_offset, std::size_t source_offset,
                               std::size_t bytes, unsigned block_count, Random* random) {
    Side target(target_offset + bytes + 64), source(source_offset + bytes);
    for (std::size_t i = 0; i < bytes; ++i) {
        *source.at(source_offset + i) = static_cast<unsigned char>(random->below(256));
    }
    std::memset(target.at(0), kUntouched, target.units.size() * 16);
    const PageCopy page = page_of(&target, target_offset, &source, source_offset, bytes);

    const std::uint64_t unit_count = run_page_kernel(&page, 1, chunk_count_of(bytes), block_count);

    assert_memory_equal(target.at(target_offset), source.at(source_offset), bytes);
    for (std::size_t i = 0; i < target_offset; ++i) assert_int_equal(*target.at(i), kUntouched);
    for (std::size_t i = target_offset + bytes; i < target.units.size() * 16; ++i) {
        assert_int_equal(*target.at(i), kUntouched);
    }
    return unit_count;
}

void pages_of_any_length_and_place_are_copied_whole(void**) {
    Random random(test_seed());
    for (int i = 0; i < 300; ++i) {
        const std::size_t bytes = 1 + random.below(i % 3 == 0 ? 100u << 10 : 5000u);
        const std::size_t apart = i % 2 == 0 ? 1 : 4;
        const auto block_count = static_cast<unsigned>(1 + random.below(16));
        const std::uint64_t unit_count =
            copy_and_compare(random.below(16) / apart * apart, random.below(16) / apart * apart,
                             bytes, block_count, &random);
        assert_true(unit_count != 0);  // none lay across its own size
    }
}

void units_are_as_large_as_both_sides_allow(void**) {
    Random random(test_seed());
    constexpr std::size_t kBytes = 3 * kPageChunkBytes + 48;
    assert_int_equal(copy_and_compare(16, 32, kBytes, 2, &random), kBytes / 16);
    assert_int_equal(copy_and_compare(16, 32, kBytes + 5, 2, &random), kBytes / 16 + 5);
    assert_int_equal(copy_and_compare(16, 4, kBytes, 2, &random), kBytes / 4);
    assert_int_equal(copy_and_compare(12, 8, kBytes + 3, 2, &random), kBytes / 4 + 3);
    assert_int_equal(copy_and_compare(16, 2, kBytes, 2, &random), kBytes);
    assert_int_equal(copy_and_compare(5, 5, kBytes, 2, &random), kBytes);
}

// A short one beside a long one has no more chunks than it is long.
void pages_of_different_lengths_go_together(void**) {
    constexpr std::size_t kCount = 200;
    Random random(test_seed());
    std::vector<Side> targets, sources;
    std::vector<PageCopy> pages;
    for (std::size_t i = 0; i < kCount; ++i) {
        targets.emplace_back(28u << 10);
        sources.emplace_back(28u << 10);
    }
    std::size_t longest = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
        const std::size_t bytes = 1 + random.below(28u << 10);
        longest = std::max(longest, bytes);
        std::memset(targets[i].at(0), kUntouched, 28u << 10);
        std::memset(sources[i].at(0), static_cast<int>(i % 200), 28u << 10);
        pages.push_back(page_of(&targets[i], 0, &sources[i], 0, bytes));
    }

    assert_true(run_page_kernel(pages.data(), kCount, chunk_count_of(longest), 16) != 0);

    for (std::size_t i = 0; i < kCount; ++i) {
        assert_memory_equal(targets[i].at(0), sources[i].at(0), pages[i].bytes);
        for (std::size_t at = pages[i].bytes; at < 28u << 10; ++at) {
            assert_int_equal(*targets[i].at(at), kUntouched);
        }
    }
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_any_length_and_place_are_copied_whole),
        cmocka_unit_test(units_are_as_large_as_both_sides_allow),
        cmocka_unit_test(pages_of_different_lengths_go_together),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
