// SPDX-License-Identifier: Apache-2.0
//
// What is io_uring's alone: requests that never finish by themselves (a pipe that nobody writes
// to), threads that end, completions that a kernel makes up or drops.  The last two no kernel
// does on request, so UringPeer forges them in the ring that the kernel and we share.

#include <sys/mman.h>

#include <thread>

#include "runtime/backend/uring.h"
#include "tests/backend/storage_world.h"

namespace bwrt::runtime {

struct UringPeer {
    static Uring& of(StorageBackend* storage) { return *static_cast<Uring*>(storage); }

    // A completion that belongs to nobody.
    static void forge_completion(Uring& uring, std::uint64_t user_data) {
        io_uring_sqe* const entry = uring.next_entry();
        io_uring_prep_nop(entry);
        entry->user_data = user_data;
    }

    // Takes the oldest completion away and counts it as the kernel does when it has no memory.
    static void drop_completion(Uring& uring) {
        assert_true(io_uring_cq_ready(&uring.ring_) >= 1);
        io_uring_cq_advance(&uring.ring_, 1);
        ++*uring.ring_.cq.koverflow;
        uring.settle_error(-EBADR);
    }

    // Makes the two pages at `pages` look like the end of one piece and the begin of the next.
    static void forge_two_pieces(Uring& uring, unsigned char* pages) {
        const std::uintptr_t base =
            reinterpret_cast<std::uintptr_t>(pages) + 4096 - kUringPieceBytes;
        assert_int_equal(uring.set_buffer(0, iovec{pages, 4096}), 0);
        assert_int_equal(uring.set_buffer(1, iovec{pages + 4096, 4096}), 0);
        uring.buffers_[0] = {base, 2, true};
        uring.buffers_[1] = {base, 0, true};
    }

    static std::uint32_t free_count(const Uring& uring) { return uring.free_count_; }
    static std::uint32_t cancel_backlog_count(const Uring& uring) {
        return uring.cancel_backlog_count_;
    }
    static std::uint32_t slot_count(const Uring& uring) { return uring.slot_count_; }
};

}  // namespace bwrt::runtime

namespace bwrt::test {
namespace {

using runtime::Uring;
using runtime::UringPeer;

struct Pipe {
    int ends[2] = {-1, -1};
    std::int32_t file = -1;
    unsigned char byte = 0;
    iovec part{&byte, 1};

    explicit Pipe(StorageBackend* storage) {
        if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
        file = storage->attach_file(ends[0]);
    }
    ~Pipe() {
        close(ends[0]);
        if (ends[1] >= 0) close(ends[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
};

std::uint32_t look(StorageBackend* storage, IoResult* result) {
    storage->wait(0);
    return storage->reap(result, 1);
}

void a_read_that_never_finishes_reports_only_once_it_is_cancelled(void** state) {
    World* const world = world_of(state);
    Pipe pipe(world->storage.get());
    IoResult result{};
    assert_true(world->storage->start(read_of(pipe.file, &pipe.part, 0, 42)));
    for (int i = 0; i < 100; ++i) assert_int_equal(look(world->storage.get(), &result), 0);

    world->storage->cancel(42);
    result = take(world->storage.get(), 1)[0];

    assert_int_equal(result.tag, 42);
    assert_int_equal(result.result, -ECANCELED);
    assert_int_equal(world->storage->unknown_result_count(), 0);
}

void what_finishes_first_is_reported_first(void** state) {
    World* const world = world_of(state);
    Pipe pipe(world->storage.get());
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    assert_true(world->storage->start(read_of(pipe.file, &pipe.part, 0, 1)));
    assert_true(world->storage->start(read_of(world->file, &part, 7, 2)));

    const IoResult first = take(world->storage.get(), 1)[0];
    assert_int_equal(write(pipe.ends[1], "x", 1), 1);
    const IoResult second = take(world->storage.get(), 1)[0];

    assert_int_equal(first.tag, 2);
    assert_int_equal(second.tag, 1);
    assert_int_equal(second.result, 1);
    assert_int_equal(pipe.byte, 'x');
}

// Whether the answer to the cancel comes before or after the read's own result, cancelled or
// not, sent or still queued, asked for once or often: afterwards every slot is free.
void slots_come_back_after_any_number_of_cancels(void** state) {
    World* const world = world_of(state);
    Uring& uring = UringPeer::of(world->storage.get());
    Pipe pipe(world->storage.get());
    unsigned char bytes[16];
    iovec parts[16];

    for (int round = 0; round < 300; ++round) {
        for (std::uint32_t i = 0; i < 16; ++i) {
            parts[i] = {&bytes[i], 1};
            assert_true(world->storage->start(read_of(pipe.file, &parts[i], 0, i)));
        }
        if (round % 2 == 0) world->storage->submit();
        if (round % 3 == 0) assert_int_equal(write(pipe.ends[1], "xy", 2), 2);
        for (std::uint32_t i = 0; i < 16; ++i) world->storage->cancel(15 - i);
        for (std::uint32_t i = 0; i < 16; ++i) world->storage->cancel(i);
        unsigned seen = 0;
        for (const IoResult& result : take(world->storage.get(), 16)) {
            assert_true(result.result == -ECANCELED || result.result == 1);
            seen |= 1u << result.tag;
        }
        assert_int_equal(seen, 0xFFFF);
        IoResult more;
        assert_int_equal(look(world->storage.get(), &more), 0);
        char rest[2];
        if (round % 3 == 0) {  // what the reads left
            assert_int_equal(write(pipe.ends[1], "z", 1), 1);
            assert_true(read(pipe.ends[0], rest, sizeof rest) > 0);
            while (rest[0] != 'z' && rest[1] != 'z') {
                rest[0] = rest[1] = 0;
                assert_true(read(pipe.ends[0], rest, sizeof rest) > 0);
            }
        }
    }

    assert_int_equal(UringPeer::free_count(uring), UringPeer::slot_count(uring));
    assert_int_equal(UringPeer::cancel_backlog_count(uring), 0);
    assert_int_equal(world->storage->unknown_result_count(), 0);
}

void ending_with_reads_that_never_finish_neither_hangs_nor_leaves_them_running(void** state) {
    world_of(state);
    for (int round = 0; round < 30; ++round) {
        StorageReport report;
        auto storage = make_storage(storage_options(backend_name), &report);
        Pipe pipe(storage.get());
        unsigned char bytes[16] = {};
        iovec parts[16];
        for (std::uint32_t i = 0; i < 16; ++i) {
            parts[i] = {&bytes[i], 1};
            assert_true(storage->start(read_of(pipe.file, &parts[i], 0, i)));
        }
        if (round % 2 == 0) storage->submit();
        storage->cancel(3);

        storage.reset();

        char seen = 0;  // nobody reads any more: the byte stays in the pipe
        assert_int_equal(write(pipe.ends[1], "x", 1), 1);
        fcntl(pipe.ends[0], F_SETFL, O_NONBLOCK);
        assert_int_equal(read(pipe.ends[0], &seen, 1), 1);
        assert_int_equal(seen, 'x');
    }
}

void completions_of_nobody_are_counted_and_dropped(void** state) {
    World* const world = world_of(state);
    Uring& uring = UringPeer::of(world->storage.get());
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    assert_int_equal(perform(world->storage.get(), read_of(world->file, &part, 1, 1)), 1);

    UringPeer::forge_completion(uring, 0);                       // a slot that is free, long ago
    UringPeer::forge_completion(uring, std::uint64_t{1} << 32);  // and as of now
    UringPeer::forge_completion(uring, 4000 << 2);               // a slot that is not
    UringPeer::forge_completion(uring, 1);                       // a cancel that was not sent
    UringPeer::forge_completion(uring, 4000 << 2 | 1);           // nor that could be
    UringPeer::forge_completion(uring, 3);                       // no kind
    const std::int32_t result = perform(world->storage.get(), read_of(world->file, &part, 2, 2));

    assert_int_equal(result, 1);
    assert_int_equal(byte, byte_at(2));
    assert_int_equal(world->storage->unknown_result_count(), 6);
}

void a_second_completion_for_a_request_is_counted_and_dropped(void** state) {
    World* const world = world_of(state);
    Uring& uring = UringPeer::of(world->storage.get());
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    const std::uint32_t top = 0;  // the slot that a fresh backend hands out first
    assert_true(world->storage->start(read_of(world->file, &part, 1, 1)));
    UringPeer::forge_completion(uring, top << 2);

    const std::vector<IoResult> results = take(world->storage.get(), 1);
    IoResult more;

    assert_int_equal(results[0].result, 1);
    assert_int_equal(look(world->storage.get(), &more), 0);
    assert_int_equal(world->storage->unknown_result_count(), 1);
}

// The pipe's read is with the kernel still, so until it ends nobody can tell which one was lost.
void a_dropped_completion_is_reported_once_the_kernel_is_done_with_all(void** state) {
    World* const world = world_of(state);
    Uring& uring = UringPeer::of(world->storage.get());
    Pipe pipe(world->storage.get());
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    IoResult result{};
    world->storage->wait(1);  // arms the wake read, which then counts as well
    assert_true(world->storage->start(read_of(world->file, &part, 1, 10)));
    world->storage->submit();
    assert_true(world->storage->start(read_of(pipe.file, &pipe.part, 0, 11)));
    world->storage->submit();

    UringPeer::drop_completion(uring);
    for (int i = 0; i < 50; ++i) {
        assert_int_equal(look(world->storage.get(), &result), 0);
        assert_false(world->storage->start(read_of(world->file, &part, 1, 12)));
        world->storage->wait(-1);  // sleeps a little at most
    }
    assert_int_equal(write(pipe.ends[1], "x", 1), 1);
    const std::vector<IoResult> results = take(world->storage.get(), 2);

    assert_int_equal(results[0].tag, 11);
    assert_int_equal(results[0].result, 1);
    assert_int_equal(results[1].tag, 10);
    assert_int_equal(results[1].result, -EIO);
    assert_int_equal(perform(world->storage.get(), read_of(world->file, &part, 5, 13)), 1);
    assert_int_equal(byte, byte_at(5));
    world->storage->wake();
    world->storage->wait(-1);
    assert_int_equal(UringPeer::free_count(uring), UringPeer::slot_count(uring));
}

void several_dropped_completions_are_reported_through_a_small_window(void** state) {
    World* const world = world_of(state);
    Uring& uring = UringPeer::of(world->storage.get());
    unsigned char bytes[3];
    iovec parts[3];
    for (std::uint32_t i = 0; i < 3; ++i) {
        parts[i] = {&bytes[i], 1};
        assert_true(world->storage->start(read_of(world->file, &parts[i], i, i)));
    }
    world->storage->submit();
    for (int i = 0; i < 3; ++i) UringPeer::drop_completion(uring);

    unsigned seen = 0;
    for (int i = 0; i < 3; ++i) {
        IoResult result{};
        world->storage->wait(-1);
        assert_int_equal(world->storage->reap(&result, 1), 1);
        assert_int_equal(result.result, -EIO);
        seen |= 1u << result.tag;
    }

    assert_int_equal(seen, 7);
    assert_int_equal(perform(world->storage.get(), read_of(world->file, &parts[0], 0)), 1);
}

void a_request_may_lie_in_any_piece_of_a_buffer_or_across_two(void** state) {
    World* const world = world_of(state);
    if (!world->report.fixed_buffers) skip();
    Uring& uring = UringPeer::of(world->storage.get());
    auto* const pages =
        static_cast<unsigned char*>(mmap(nullptr, std::size_t{2} * 4096, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    UringPeer::forge_two_pieces(uring, pages);

    for (const std::size_t start : {0u, 2048u, 4096u}) {
        const iovec part{pages + start, 4096};
        IoRequest request = read_of(world->file, &part, 100 + start);
        request.fixed_buffer = 0;
        assert_int_equal(perform(world->storage.get(), request), 4096);
        assert_true(has_known_bytes(pages + start, 4096, 100 + start));
    }

    world->storage->detach_buffer(0);
    munmap(pages, std::size_t{2} * 4096);
}

// The kernel finishes, or gives up, what a thread submitted in that thread's name.
void a_thread_that_submitted_and_ended_is_not_missed(void** state) {
    World* const world = world_of(state);
    if (backend_name == "uring") skip();
    Pipe pipe(world->storage.get());
    std::thread submitter([&] {
        if (!world->storage->start(read_of(pipe.file, &pipe.part, 0, 1))) std::abort();
        world->storage->wait(1);  // arms the wake read, too
    });
    submitter.join();

    std::thread waker([&] { world->storage->wake(); });
    world->storage->wait(-1);  // or hangs
    waker.join();
    assert_int_equal(write(pipe.ends[1], "x", 1), 1);
    std::int32_t result = take(world->storage.get(), 1)[0].result;
    if (result == -EAGAIN)
        result = perform(world->storage.get(), read_of(pipe.file, &pipe.part, 0));

    assert_int_equal(result, 1);
    assert_int_equal(pipe.byte, 'x');
}

// The registered descriptor of a thread is an index that every thread counts for itself.
void a_backend_ended_after_its_thread_leaves_other_rings_alone(void** state) {
    World* const world = world_of(state);
    std::unique_ptr<StorageBackend> other;
    std::thread driver([&] {
        StorageReport report;
        other = make_storage(storage_options(backend_name), &report);
        other->wait(1);
    });
    driver.join();

    other.reset();

    unsigned char byte = 0;
    const iovec part{&byte, 1};
    assert_int_equal(perform(world->storage.get(), read_of(world->file, &part, 6)), 1);
    assert_int_equal(byte, byte_at(6));
}

}  // namespace
}  // namespace bwrt::test

#define WORLD_TEST(name) \
    cmocka_unit_test_setup_teardown(name, bwrt::test::create_world, bwrt::test::destroy_world)

int main(int argc, char** argv) {
    using namespace bwrt::test;
    backend_name = argc > 1 ? argv[1] : "uring";
    const CMUnitTest tests[] = {
        WORLD_TEST(a_read_that_never_finishes_reports_only_once_it_is_cancelled),
        WORLD_TEST(what_finishes_first_is_reported_first),
        WORLD_TEST(slots_come_back_after_any_number_of_cancels),
        WORLD_TEST(ending_with_reads_that_never_finish_neither_hangs_nor_leaves_them_running),
        WORLD_TEST(completions_of_nobody_are_counted_and_dropped),
        WORLD_TEST(a_second_completion_for_a_request_is_counted_and_dropped),
        WORLD_TEST(a_dropped_completion_is_reported_once_the_kernel_is_done_with_all),
        WORLD_TEST(several_dropped_completions_are_reported_through_a_small_window),
        WORLD_TEST(a_request_may_lie_in_any_piece_of_a_buffer_or_across_two),
        WORLD_TEST(a_thread_that_submitted_and_ended_is_not_missed),
        WORLD_TEST(a_backend_ended_after_its_thread_leaves_other_rings_alone),
    };
    return cmocka_run_group_tests_name(backend_name.c_str(), tests, nullptr, nullptr);
}
