// SPDX-License-Identifier: Apache-2.0
//
// What each fault does at the seam to a request's result and to the bytes, in memory and in the
// file; and which requests a rule is about.

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "tests/faulty/faulty_world.h"

namespace bwrt::test {
namespace {

Bytes file_bytes(const World& world, std::uint64_t offset, std::size_t count) {
    Bytes bytes(count);
    assert_int_equal(pread(world.fd, bytes.data(), count, static_cast<off_t>(offset)), count);
    return bytes;
}

void a_failed_read_says_its_errno_and_moves_nothing(void** state) {
    World* const world = world_with(state, "read:eio@2");
    Bytes bytes;

    assert_int_equal(read_into(world, &bytes, 0), kBytes);
    assert_int_equal(read_into(world, &bytes, 0), -EIO);
    assert_true(is_untouched(bytes));
    assert_int_equal(read_into(world, &bytes, 0), kBytes);
    assert_true(has_known_bytes(bytes.data(), kBytes, 0));
}

void a_failed_write_stores_nothing_and_a_flush_can_fail(void** state) {
    World* const world = world_with(state, "write:enospc@1; flush:eio@1");
    Bytes bytes(kBytes, kUntouched);
    const iovec part{bytes.data(), kBytes};

    assert_int_equal(perform(world->storage.get(), write_of(world->file, &part, 100)), -ENOSPC);
    const Bytes stored = file_bytes(*world, 100, kBytes);
    assert_true(has_known_bytes(stored.data(), kBytes, 100));
    assert_int_equal(flush(world), -EIO);
    assert_int_equal(flush(world), 0);
    assert_int_equal(perform(world->storage.get(), write_of(world->file, &part, 100)), kBytes);
}

void a_short_read_is_a_right_prefix(void** state) {
    World* const world = world_with(state, "read:short");
    Bytes bytes;
    std::int32_t least = kBytes, most = 0;

    for (int round = 0; round < 200; ++round) {
        bytes.assign(kBytes, kUntouched);
        const iovec parts[] = {
            {bytes.data(), 10}, {bytes.data() + 10, 4000}, {bytes.data() + 4010, kBytes - 4010}};
        IoRequest request = read_of(world->file, parts, 77);
        request.iovec_count = 3;
        const std::int32_t count = perform(world->storage.get(), request);

        assert_in_range(count, 1, kBytes - 1);
        assert_true(has_known_bytes(bytes.data(), static_cast<std::size_t>(count), 77));
        assert_true(is_untouched(bytes, static_cast<std::size_t>(count)));
        least = std::min(least, count);
        most = std::max(most, count);
    }

    assert_true(least < 1000 && most > 8000);
}

void two_bytes_are_always_short_and_one_never(void** state) {
    World* const world = world_with(state, "read:short");
    unsigned char bytes[2] = {};
    const iovec two{bytes, 2};
    const iovec one{bytes + 1, 1};

    for (int round = 0; round < 30; ++round) {
        assert_int_equal(perform(world->storage.get(), read_of(world->file, &two, 4)), 1);
        assert_int_equal(perform(world->storage.get(), read_of(world->file, &one, 5)), 1);
    }
    assert_int_equal(bytes[0], byte_at(4));
    assert_int_equal(bytes[1], byte_at(5));
}

void a_short_write_stores_what_it_says(void** state) {
    World* const world = world_with(state, "write:short@1");
    Bytes bytes(kBytes, kUntouched);
    const iovec part{bytes.data(), kBytes};

    const std::int32_t count = perform(world->storage.get(), write_of(world->file, &part, 0));

    assert_in_range(count, 1, kBytes - 1);
    const auto stored = static_cast<std::size_t>(count);
    assert_memory_equal(file_bytes(*world, 0, stored).data(), bytes.data(), stored);
    const Bytes rest = file_bytes(*world, stored, kBytes - stored);
    assert_true(has_known_bytes(rest.data(), rest.size(), stored));
}

void a_torn_write_says_all_and_stores_a_prefix(void** state) {
    World* const world = world_with(state, "write:torn@1..2");
    Bytes bytes(kBytes, kUntouched);
    const iovec part{bytes.data(), kBytes};
    const iovec one{bytes.data(), 1};

    assert_int_equal(perform(world->storage.get(), write_of(world->file, &part, 0)), kBytes);

    const Bytes stored = file_bytes(*world, 0, kBytes);
    std::size_t prefix = kBytes;
    while (prefix > 0 && stored[prefix - 1] == byte_at(prefix - 1)) --prefix;
    assert_true(prefix < kBytes);
    assert_memory_equal(stored.data(), bytes.data(), prefix);
    assert_int_equal(perform(world->storage.get(), write_of(world->file, &one, 70000)), 1);
    assert_int_equal(file_bytes(*world, 70000, 1)[0], byte_at(70000));
}

void what_is_lost_is_said_to_be_done(void** state) {
    World* const world = world_with(state, "any:lost@1..3");
    Bytes bytes(kBytes, kUntouched);
    const iovec part{bytes.data(), kBytes};

    assert_int_equal(perform(world->storage.get(), write_of(world->file, &part, 0)), kBytes);
    const Bytes stored = file_bytes(*world, 0, kBytes);
    assert_true(has_known_bytes(stored.data(), kBytes, 0));
    assert_int_equal(read_into(world, &bytes, 0), kBytes);
    assert_true(is_untouched(bytes));
    assert_int_equal(flush(world), 0);
    assert_int_equal(read_into(world, &bytes, 0), kBytes);
    assert_true(has_known_bytes(bytes.data(), kBytes, 0));
}

void a_flip_is_one_bit_of_what_was_read(void** state) {
    World* const world = world_with(state, "read:flip");
    Bytes bytes;
    std::size_t last_half_count = 0;

    for (int round = 0; round < 100; ++round) {
        assert_int_equal(read_into(world, &bytes, 50), kBytes);

        int flipped = 0;
        for (std::size_t i = 0; i < kBytes; ++i) {
            const auto difference = static_cast<unsigned>(bytes[i] ^ byte_at(50 + i));
            flipped += std::popcount(difference);
            if (difference != 0 && i >= kBytes / 2) ++last_half_count;
        }
        assert_int_equal(flipped, 1);
    }

    assert_in_range(last_half_count, 25, 75);
}

void a_byte_that_is_bad_fails_whoever_asks_for_it(void** state) {
    World* const world = world_with(state, "read:eio at=10000");
    Bytes bytes;

    assert_int_equal(read_into(world, &bytes, 10000 - kBytes), kBytes);
    assert_int_equal(read_into(world, &bytes, 10001 - kBytes), -EIO);
    assert_int_equal(read_into(world, &bytes, 10000), -EIO);
    assert_int_equal(read_into(world, &bytes, 10001), kBytes);
}

void a_rule_can_name_its_file(void** state) {
    World* const world = world_with(state, "read:eio@1 file=bwrt-test-; write:eio file=/elsewhere");
    Bytes bytes;
    const int other_fd = memfd_create("other", MFD_CLOEXEC);
    const std::int32_t other = world->storage->attach_file(other_fd);
    unsigned char byte = 0;
    const iovec one{&byte, 1};

    const std::int32_t from_other = perform(world->storage.get(), read_of(other, &one, 0));
    const std::int32_t from_named = read_into(world, &bytes, 0);
    const std::int32_t written = perform(world->storage.get(), write_of(world->file, &one, 0));
    close(other_fd);

    assert_int_equal(from_other, 0);  // the empty file's; not the rule's first
    assert_int_equal(from_named, -EIO);
    assert_int_equal(written, 1);
}

void a_direct_file_is_cut_at_blocks_only(void** state) {
    World* const world = world_with(state, "any:short@1..64; write:torn");
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", world->fd);
    const int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0) skip();
    const std::int32_t file = world->storage->attach_file(fd);
    constexpr std::size_t kBlocks = 16384;
    void* const memory = std::aligned_alloc(4096, kBlocks);
    const iovec four{memory, kBlocks};
    const iovec one{memory, 4096};
    std::array<std::int32_t, 66> counts{};

    for (std::size_t i = 0; i < 32; ++i) {
        counts[i] = perform(world->storage.get(), read_of(file, &four, 4096));
        counts[32 + i] = perform(world->storage.get(), read_of(file, &one, 4096));
    }
    counts[64] = perform(world->storage.get(), write_of(file, &four, 0));
    counts[65] = perform(world->storage.get(), write_of(file, &one, 0));
    close(fd);
    std::free(memory);

    for (std::size_t i = 0; i < 32; ++i) {
        assert_in_range(counts[i], 4096, kBlocks);
        assert_int_equal(counts[i] % 4096, 0);
        assert_int_equal(counts[32 + i], 4096);
    }
    assert_int_equal(counts[64], kBlocks);
    assert_int_equal(counts[65], 4096);
}

void the_report_says_which_library_and_what_is_in_force(void** state) {
    World* const world = world_with(state, "seed=7; read:eio@3");
    const std::string& reason = world->report.storage_reason;

    assert_int_equal(reason.find("fault-injecting library, BWRT_FAULTS has seed 7, read:eio@3"), 0);
    assert_int_equal(
        world_with(state, "")->report.storage_reason.find("fault-injecting library, BWRT_FAULTS "
                                                          "has no rules"),
        0);
}

}  // namespace
}  // namespace bwrt::test

int main(int argc, char** argv) {
    using namespace bwrt::test;
    if (argc > 1) backend_name = argv[1];
    setenv("BWRT_FAULTS", "", 1);
    const CMUnitTest tests[] = {
        WORLD_TEST(a_failed_read_says_its_errno_and_moves_nothing),
        WORLD_TEST(a_failed_write_stores_nothing_and_a_flush_can_fail),
        WORLD_TEST(a_short_read_is_a_right_prefix),
        WORLD_TEST(two_bytes_are_always_short_and_one_never),
        WORLD_TEST(a_short_write_stores_what_it_says),
        WORLD_TEST(a_torn_write_says_all_and_stores_a_prefix),
        WORLD_TEST(what_is_lost_is_said_to_be_done),
        WORLD_TEST(a_flip_is_one_bit_of_what_was_read),
        WORLD_TEST(a_byte_that_is_bad_fails_whoever_asks_for_it),
        WORLD_TEST(a_rule_can_name_its_file),
        WORLD_TEST(a_direct_file_is_cut_at_blocks_only),
        WORLD_TEST(the_report_says_which_library_and_what_is_in_force),
    };
    return cmocka_run_group_tests_name(backend_name.c_str(), tests, nullptr, nullptr);
}
