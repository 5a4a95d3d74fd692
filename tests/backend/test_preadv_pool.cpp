// SPDX-License-Identifier: Apache-2.0
//
// What is the pool's alone: cancelling while its workers are busy, and what kind of threads they
// are.  A worker is kept busy for as long as a test likes by a read into a page that userfaultfd
// fills only when told; where that is not allowed those tests are skipped.

#include <dirent.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <fstream>
#include <thread>

#include "tests/backend/storage_world.h"

namespace bwrt::test {
namespace {

// A page whose first touch blocks, in the kernel too, until release().
class SlowPage {
 public:
    SlowPage() {
        fd_ = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
        uffdio_api api{};
        api.api = UFFD_API;
        if (fd_ < 0 || ioctl(fd_, UFFDIO_API, &api) != 0) return;
        bytes_ = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        uffdio_register range{};
        range.range = {reinterpret_cast<std::uintptr_t>(bytes_), 4096};
        range.mode = UFFDIO_REGISTER_MODE_MISSING;
        ready_ = ioctl(fd_, UFFDIO_REGISTER, &range) == 0;
    }
    ~SlowPage() {
        if (bytes_ != MAP_FAILED) munmap(bytes_, 4096);
        if (fd_ >= 0) close(fd_);
    }
    SlowPage(const SlowPage&) = delete;
    SlowPage& operator=(const SlowPage&) = delete;

    [[nodiscard]] bool ready() const { return ready_; }
    [[nodiscard]] void* bytes() const { return bytes_; }

    void await_touch() const {
        uffd_msg message{};
        if (read(fd_, &message, sizeof message) != sizeof message) std::abort();
    }
    void release() const {
        uffdio_zeropage zero{};
        zero.range = {reinterpret_cast<std::uintptr_t>(bytes_), 4096};
        if (ioctl(fd_, UFFDIO_ZEROPAGE, &zero) != 0) std::abort();
    }

 private:
    int fd_ = -1;
    void* bytes_ = MAP_FAILED;
    bool ready_ = false;
};

int create_world_of_one_worker(void** state) {
    auto world = std::make_unique<World>();
    StorageOptions options = storage_options("pool");
    options.pool_thread_count = 1;
    world->storage = make_storage(options, &world->report);
    world->fd = open_known_file();
    world->file = world->storage->attach_file(world->fd);
    *state = world.release();
    return 0;
}

void a_queued_request_is_cancelled_at_once_though_all_workers_are_busy(void** state) {
    World* const world = world_of(state);
    SlowPage page;
    if (!page.ready()) skip();
    const iovec slow{page.bytes(), 100};
    unsigned char byte = 0xEE;
    const iovec part{&byte, 1};
    assert_true(world->storage->start(read_of(world->file, &slow, 0, 1)));
    world->storage->submit();
    page.await_touch();

    // More often than there are places, so a cancelled one's comes back only with the worker.
    std::uint32_t cancelled_count = 0;
    while (world->storage->start(read_of(world->file, &part, 1, 2))) {
        world->storage->submit();
        world->storage->cancel(2);
        const IoResult result = take(world->storage.get(), 1)[0];
        assert_int_equal(result.tag, 2);
        assert_int_equal(result.result, -ECANCELED);
        ++cancelled_count;
    }
    page.release();
    const IoResult result = take(world->storage.get(), 1)[0];

    assert_true(cancelled_count >= 16);
    assert_int_equal(result.tag, 1);
    assert_int_equal(result.result, 100);
    unsigned char last_byte = 0;
    const iovec last_part{&last_byte, 1};
    // The places come back one by one, for the worker still passes by what was cancelled.
    while (!world->storage->start(read_of(world->file, &last_part, 1, 3))) {
        world->storage->wait(-1);
        IoResult none;
        assert_int_equal(world->storage->reap(&none, 1), 0);
    }
    assert_int_equal(take(world->storage.get(), 1)[0].result, 1);
    assert_int_equal(last_byte, byte_at(1));
    assert_int_equal(byte, 0xEE);
}

void a_running_request_is_not_taken_back(void** state) {
    World* const world = world_of(state);
    SlowPage page;
    if (!page.ready()) skip();
    const iovec slow{page.bytes(), 100};
    assert_true(world->storage->start(read_of(world->file, &slow, 7, 1)));
    world->storage->submit();
    page.await_touch();
    IoResult result{};

    world->storage->cancel(1);
    world->storage->wait(0);
    assert_int_equal(world->storage->reap(&result, 1), 0);
    page.release();
    result = take(world->storage.get(), 1)[0];

    assert_int_equal(result.result, 100);
    assert_true(has_known_bytes(static_cast<unsigned char*>(page.bytes()), 100, 7));
}

void the_end_waits_for_what_is_running(void** state) {
    World* const world = world_of(state);
    SlowPage page;
    if (!page.ready()) skip();
    const iovec slow{page.bytes(), 100};
    assert_true(world->storage->start(read_of(world->file, &slow, 7, 1)));
    world->storage->submit();
    page.await_touch();
    std::atomic<bool> released{false};
    std::thread releaser([&] {
        released.store(true);
        page.release();
    });

    world->storage.reset();

    const bool was_released = released.load();
    releaser.join();
    assert_true(was_released);
    assert_true(has_known_bytes(static_cast<unsigned char*>(page.bytes()), 100, 7));
}

std::string line_of(const std::string& path, const std::string& begin) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (line.rfind(begin, 0) == 0) return line.substr(begin.size());
    }
    return "";
}

void workers_block_every_signal_that_can_be_blocked(void** state) {
    World* const world = world_of(state);
    assert_int_equal(world->report.pool_thread_count, 3);
    unsigned worker_count = 0;
    DIR* const tasks = opendir("/proc/self/task");

    while (const dirent* const entry = readdir(tasks)) {
        const std::string status = std::string("/proc/self/task/") + entry->d_name + "/status";
        if (line_of(status, "Name:\t") != "bwrt-io") continue;
        ++worker_count;
        const std::uint64_t blocked = std::stoull(line_of(status, "SigBlk:\t"), nullptr, 16);
        // KILL and STOP cannot be blocked, 32 and 33 are the C library's.
        const std::uint64_t never = 1ull << 8 | 1ull << 18 | 1ull << 31 | 1ull << 32;
        assert_int_equal(blocked | never, ~0ull);
    }

    closedir(tasks);
    assert_int_equal(worker_count, 3);
}

void a_pipe_is_refused_rather_than_blocking_a_worker(void** state) {
    World* const world = world_of(state);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    unsigned char byte = 0;
    const iovec part{&byte, 1};
    const std::int32_t file = world->storage->attach_file(ends[0]);

    const std::int32_t result = perform(world->storage.get(), read_of(file, &part, 0));

    close(ends[0]);
    close(ends[1]);
    assert_int_equal(result, -ESPIPE);
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        // First: a joined worker of another test's may stand in /proc a moment longer.
        cmocka_unit_test_setup_teardown(workers_block_every_signal_that_can_be_blocked,
                                        create_world, destroy_world),
        cmocka_unit_test_setup_teardown(
            a_queued_request_is_cancelled_at_once_though_all_workers_are_busy,
            create_world_of_one_worker, destroy_world),
        cmocka_unit_test_setup_teardown(a_running_request_is_not_taken_back,
                                        create_world_of_one_worker, destroy_world),
        cmocka_unit_test_setup_teardown(the_end_waits_for_what_is_running,
                                        create_world_of_one_worker, destroy_world),
        cmocka_unit_test_setup_teardown(a_pipe_is_refused_rather_than_blocking_a_worker,
                                        create_world, destroy_world),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
