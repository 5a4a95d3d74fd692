// SPDX-License-Identifier: Apache-2.0
//
// The bytes of every storage backend: what arrives is what the file or the memory held, counts
// and errors are those of the system calls.  One list of tests for all of them; the program's
// argument chooses the backend (storage_world.h).

#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <set>

#include "tests/backend/storage_world.h"

namespace bwrt::test {
namespace {

void reads_exact_bytes_at_odd_offsets(void** state) {
    World* const world = world_of(state);
    std::vector<unsigned char> bytes(5003 + 2, 0xEE);
    const iovec part{bytes.data() + 1, 5003};

    const std::int32_t result = perform(world->storage.get(), read_of(world->file, &part, 12345));

    assert_int_equal(result, 5003);
    assert_true(has_known_bytes(bytes.data() + 1, 5003, 12345));
    assert_int_equal(bytes.front(), 0xEE);
    assert_int_equal(bytes.back(), 0xEE);
}

void scatters_one_range_over_many_buffers(void** state) {
    World* const world = world_of(state);
    std::vector<std::vector<unsigned char>> buffers;
    std::vector<iovec> parts;
    std::size_t total = 0;
    for (std::size_t i = 0; i < runtime::kIovecCountMax; ++i) {
        buffers.emplace_back(1 + i * 7 % 613);
        parts.push_back({buffers.back().data(), buffers.back().size()});
        total += buffers.back().size();
    }
    IoRequest request = read_of(world->file, parts.data(), 777);
    request.iovec_count = runtime::kIovecCountMax;

    const std::int32_t result = perform(world->storage.get(), request);

    assert_int_equal(result, total);
    std::uint64_t offset = 777;
    for (const auto& buffer : buffers) {
        assert_true(has_known_bytes(buffer.data(), buffer.size(), offset));
        offset += buffer.size();
    }
}

void gathers_many_buffers_into_one_range(void** state) {
    World* const world = world_of(state);
    unsigned char first[3] = {1, 2, 3};
    unsigned char second[5] = {4, 5, 6, 7, 8};
    const iovec parts[2] = {{first, sizeof first}, {second, sizeof second}};
    IoRequest request = write_of(world->file, parts, 4095);
    request.iovec_count = 2;

    const std::int32_t result = perform(world->storage.get(), request);

    assert_int_equal(result, 8);
    unsigned char seen[10] = {};
    assert_int_equal(pread(world->fd, seen, sizeof seen, 4094), sizeof seen);
    const unsigned char wanted[10] = {byte_at(4094), 1, 2, 3, 4, 5, 6, 7, 8, byte_at(4103)};
    assert_memory_equal(seen, wanted, sizeof wanted);
}

void moves_bytes_through_an_attached_buffer(void** state) {
    World* const world = world_of(state);
    std::vector<unsigned char> arena(3 * 4096);
    const std::int32_t buffer = world->storage->attach_buffer(arena.data(), arena.size());
    assert_int_equal(buffer >= 0, world->report.fixed_buffers);
    const iovec part{arena.data() + 4096, 4096};
    IoRequest read = read_of(world->file, &part, 8191);
    IoRequest write = write_of(world->file, &part, 40960);
    read.fixed_buffer = write.fixed_buffer = buffer < 0 ? -1 : buffer;

    assert_int_equal(perform(world->storage.get(), read), 4096);
    assert_true(has_known_bytes(arena.data() + 4096, 4096, 8191));
    assert_int_equal(perform(world->storage.get(), write), 4096);

    unsigned char seen[4096];
    assert_int_equal(pread(world->fd, seen, sizeof seen, 40960), sizeof seen);
    assert_memory_equal(seen, arena.data() + 4096, sizeof seen);
    if (buffer >= 0) world->storage->detach_buffer(buffer);
}

void attaches_buffers_again_after_they_were_detached(void** state) {
    World* const world = world_of(state);
    if (!world->report.fixed_buffers) skip();
    std::vector<unsigned char> arena(4096);
    std::vector<std::int32_t> buffers;

    for (int i = 0; i < 8; ++i) {
        buffers.push_back(world->storage->attach_buffer(arena.data(), arena.size()));
        assert_true(buffers.back() >= 0);
    }
    assert_true(world->storage->attach_buffer(arena.data(), arena.size()) < 0);
    world->storage->detach_buffer(buffers[5]);

    assert_int_equal(world->storage->attach_buffer(arena.data(), arena.size()), buffers[5]);
}

void gives_a_short_count_at_the_end_and_then_zero(void** state) {
    World* const world = world_of(state);
    std::vector<unsigned char> bytes(4096);
    const iovec part{bytes.data(), bytes.size()};

    assert_int_equal(perform(world->storage.get(), read_of(world->file, &part, kKnownBytes - 100)),
                     100);
    assert_true(has_known_bytes(bytes.data(), 100, kKnownBytes - 100));
    assert_int_equal(perform(world->storage.get(), read_of(world->file, &part, kKnownBytes)), 0);
}

void extends_a_file_by_a_write_past_its_end(void** state) {
    World* const world = world_of(state);
    unsigned char bytes[10] = "beyond it";
    const iovec part{bytes, sizeof bytes};

    const std::int32_t result =
        perform(world->storage.get(), write_of(world->file, &part, kKnownBytes + 5));

    assert_int_equal(result, sizeof bytes);
    unsigned char seen[15] = {};
    assert_int_equal(pread(world->fd, seen, sizeof seen, kKnownBytes), sizeof seen);
    assert_memory_equal(seen, "\0\0\0\0\0beyond it", sizeof seen);
}

void flushes(void** state) {
    World* const world = world_of(state);
    IoRequest request;
    request.kind = IoKind::kFlush;
    request.file = world->file;
    request.tag = 99;

    assert_true(world->storage->start(request));
    const IoResult result = take(world->storage.get(), 1)[0];

    assert_int_equal(result.result, 0);
    assert_int_equal(result.tag, 99);
}

void says_einval_for_a_flush_of_a_pipe(void** state) {
    World* const world = world_of(state);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    IoRequest request;
    request.kind = IoKind::kFlush;
    request.file = world->storage->attach_file(ends[1]);

    const std::int32_t result = perform(world->storage.get(), request);

    close(ends[0]);
    close(ends[1]);
    assert_int_equal(result, -EINVAL);
}

void says_ebadf_for_a_write_to_a_file_opened_for_reading(void** state) {
    World* const world = world_of(state);
    const std::string path = "/proc/self/fd/" + std::to_string(world->fd);
    const int read_only = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const std::int32_t file = world->storage->attach_file(read_only);
    unsigned char bytes[8] = {};
    const iovec part{bytes, sizeof bytes};

    const std::int32_t result = perform(world->storage.get(), write_of(file, &part, 0));

    world->storage->detach_file(file);
    close(read_only);
    assert_int_equal(result, -EBADF);
}

void says_efault_for_memory_that_is_not_there(void** state) {
    World* const world = world_of(state);
    const iovec part{reinterpret_cast<void*>(16), 4096};

    assert_int_equal(perform(world->storage.get(), read_of(world->file, &part, 0)), -EFAULT);
}

constexpr int kNoStorage = 77;  // a child's exit status

// In a child, for a lowered limit cannot always be raised again.  SIGXFSZ would end it by
// default.  A driver thread of ours blocks all signals, and so does the child for "uring".
int write_past_the_file_size_limit() {
    if (backend_name == "uring") {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, nullptr);
    }
    StorageReport report;
    const auto storage = make_storage(storage_options(backend_name), &report);
    if (storage == nullptr) return kNoStorage;
    const int fd = open_unlinked_file();
    const std::int32_t file = storage->attach_file(fd);
    // Direct writes run in the submitting thread where buffered ones may be handed to a worker.
    const int direct_fd =
        open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC);
    const std::int32_t direct_file = storage->attach_file(direct_fd);
    const rlimit limit{6000, 6000};
    setrlimit(RLIMIT_FSIZE, &limit);
    alignas(4096) static unsigned char bytes[4096];
    const iovec part{bytes, sizeof bytes};

    if (perform(storage.get(), write_of(file, &part, 0)) != 4096) return 2;
    if (perform(storage.get(), write_of(file, &part, 4096)) != 6000 - 4096) return 3;
    if (perform(storage.get(), write_of(file, &part, 6000)) != -EFBIG) return 4;
    if (perform(storage.get(), read_of(file, &part, 0)) != 4096) return 5;
    if (direct_fd >= 0 && perform(storage.get(), write_of(direct_file, &part, 8192)) != -EFBIG) {
        return 7;
    }
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, nullptr, &blocked);
    if (sigismember(&blocked, SIGXFSZ) != (backend_name == "uring" ? 1 : 0)) return 6;
    return 0;
}

void says_efbig_past_the_file_size_limit_and_lives(void**) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) _exit(write_past_the_file_size_limit());
    int status = 0;
    waitpid(child, &status, 0);

    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == kNoStorage) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

void attaches_as_many_files_as_it_was_made_for(void** state) {
    World* const world = world_of(state);
    std::vector<std::int32_t> files;

    for (int i = 1; i < 8; ++i) {  // the first is the known file
        files.push_back(world->storage->attach_file(world->fd));
        assert_true(files.back() >= 0);
    }

    assert_true(world->storage->attach_file(world->fd) < 0);
    assert_true(world->storage->attach_file(-1) < 0);
    world->storage->detach_file(files[3]);
    assert_int_equal(world->storage->attach_file(world->fd), files[3]);
}

// Whatever is given back in whatever order is given out again, the first of it first.
void attaches_again_all_that_was_detached(void** state) {
    World* const world = world_of(state);
    std::mt19937_64 random(test_seed());
    std::set<std::int32_t> attached, free;
    for (int i = 1; i < 8; ++i) attached.insert(world->storage->attach_file(world->fd));
    for (int round = 0; round < 200; ++round) {
        if (random() % 2 == 0 && !attached.empty()) {
            const auto skipped = static_cast<std::ptrdiff_t>(random() % attached.size());
            const auto one = std::next(attached.begin(), skipped);
            world->storage->detach_file(*one);
            free.insert(*one);
            attached.erase(one);
        } else if (free.empty()) {
            assert_true(world->storage->attach_file(world->fd) < 0);
        } else {
            const std::int32_t file = world->storage->attach_file(world->fd);
            assert_int_equal(file, *free.begin());
            free.erase(free.begin());
            attached.insert(file);
        }
    }
}

void reads_from_the_file_that_was_attached_last(void** state) {
    World* const world = world_of(state);
    const int other = open_unlinked_file();
    assert_int_equal(write(other, "other file", 10), 10);
    unsigned char bytes[10] = {};
    const iovec part{bytes, sizeof bytes};
    world->storage->detach_file(world->file);

    const std::int32_t file = world->storage->attach_file(other);
    const std::int32_t result = perform(world->storage.get(), read_of(file, &part, 0));

    close(other);
    assert_int_equal(file, world->file);
    assert_int_equal(result, 10);
    assert_memory_equal(bytes, "other file", 10);
}

// Random reads and writes, one of each page in flight at a time, against a copy in memory.
void agrees_with_a_model_under_random_requests(void** state) {
    World* const world = world_of(state);
    constexpr std::uint32_t kSlots = 16;
    constexpr std::uint64_t kStripe = kKnownBytes / kSlots;
    std::mt19937_64 random(test_seed());
    std::vector<unsigned char> model = known_bytes();
    std::vector<std::vector<unsigned char>> memory(kSlots, std::vector<unsigned char>(kStripe));
    std::vector<iovec> parts(2 * std::size_t{kSlots});

    for (int round = 0; round < 60; ++round) {
        struct Asked {
            IoKind kind;
            std::uint64_t offset, length;
        } asked[kSlots];
        for (std::uint32_t i = 0; i < kSlots; ++i) {
            const std::uint64_t start = random() % kStripe;
            const std::uint64_t length = 1 + random() % (kStripe - start);
            const std::uint64_t cut = random() % (length + 1);
            asked[i] = {random() % 2 == 0 ? IoKind::kRead : IoKind::kWrite, i * kStripe + start,
                        length};
            for (std::size_t at = 0; at < kStripe; at += 8) {
                const std::uint64_t word = random();
                std::memcpy(&memory[i][at], &word, sizeof word);
            }
            parts[2 * i] = {memory[i].data(), cut};
            parts[2 * i + 1] = {memory[i].data() + cut, length - cut};
            if (asked[i].kind == IoKind::kWrite) {
                std::copy_n(memory[i].begin(), length,
                            model.begin() + static_cast<std::ptrdiff_t>(asked[i].offset));
            }
            IoRequest request = read_of(world->file, &parts[2 * i], asked[i].offset, i);
            request.kind = asked[i].kind;
            request.iovec_count = 2;
            start_soon(world->storage.get(), request);
        }

        const std::vector<IoResult> results = take(world->storage.get(), kSlots);

        for (const IoResult& result : results) {
            const Asked& request = asked[result.tag];
            assert_int_equal(result.result, request.length);
            assert_memory_equal(memory[result.tag].data(), &model[request.offset], request.length);
        }
    }
    std::vector<unsigned char> seen(kKnownBytes);
    assert_int_equal(pread(world->fd, seen.data(), seen.size(), 0), seen.size());
    assert_memory_equal(seen.data(), model.data(), seen.size());
}

}  // namespace
}  // namespace bwrt::test

#define WORLD_TEST(name) \
    cmocka_unit_test_setup_teardown(name, bwrt::test::create_world, bwrt::test::destroy_world)

int main(int argc, char** argv) {
    using namespace bwrt::test;
    if (argc > 1) backend_name = argv[1];
    const CMUnitTest tests[] = {
        WORLD_TEST(reads_exact_bytes_at_odd_offsets),
        WORLD_TEST(scatters_one_range_over_many_buffers),
        WORLD_TEST(gathers_many_buffers_into_one_range),
        WORLD_TEST(moves_bytes_through_an_attached_buffer),
        WORLD_TEST(attaches_buffers_again_after_they_were_detached),
        WORLD_TEST(gives_a_short_count_at_the_end_and_then_zero),
        WORLD_TEST(extends_a_file_by_a_write_past_its_end),
        WORLD_TEST(flushes),
        WORLD_TEST(says_einval_for_a_flush_of_a_pipe),
        WORLD_TEST(says_ebadf_for_a_write_to_a_file_opened_for_reading),
        WORLD_TEST(says_efault_for_memory_that_is_not_there),
        cmocka_unit_test(says_efbig_past_the_file_size_limit_and_lives),
        WORLD_TEST(attaches_as_many_files_as_it_was_made_for),
        WORLD_TEST(attaches_again_all_that_was_detached),
        WORLD_TEST(reads_from_the_file_that_was_attached_last),
        WORLD_TEST(agrees_with_a_model_under_random_requests),
    };
    return cmocka_run_group_tests_name(backend_name.c_str(), tests, nullptr, nullptr);
}
