// SPDX-License-Identifier: Apache-2.0
//
// test_model_storage.cpp — the modelled disk: when requests are there, what they move, and how time
// passes while somebody waits for them.

#include <fcntl.h>

#include <string>
#include <vector>

#include "runtime/model/model_storage.h"
#include "tests/store/folder.h"

// last, since it defines names that others use
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::runtime;

constexpr std::uint64_t kUs = 1'000;
constexpr std::uint32_t kBytes = 64'000;

// A byte a nanosecond read, one in two written; latencies of 100 and 10 us; a request in 5 us.
ModelMachine small_machine() {
    ModelMachine machine;
    machine.depth = 4;
    machine.read_bytes_per_s = 1'000'000'000;
    machine.write_bytes_per_s = 500'000'000;
    machine.read_latency_ns = 100 * kUs;
    machine.write_latency_ns = 10 * kUs;
    machine.flush_latency_ns = 1'000 * kUs;
    machine.requests_per_s = 200'000;
    return machine;
}

class Disk {
 public:
    explicit Disk(const char* name = "segment.00000000", const ModelMachine& with = small_machine())
        : storage(with, &clock), fd(open(name, O_RDWR | O_CREAT, 0600)) {
        assert_true(fd >= 0);
        file = storage.attach_file(fd);
        assert_int_equal(file, 0);
    }
    ~Disk() { close(fd); }
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    void start(IoKind kind, std::uint32_t tag, std::size_t bytes = kBytes,
               std::uint64_t offset = 0) {
        parts.push_back({memory.data(), bytes});
        IoRequest request;
        request.kind = kind;
        request.file = file;
        request.tag = tag;
        request.iovec_count = kind == IoKind::kFlush ? 0 : 1;
        request.iovecs = &parts.back();
        request.offset_bytes = offset;
        assert_true(storage.start(request));
    }
    // Waits for the next; how long after the beginning it was there.
    std::uint64_t next_us(std::uint32_t* tag_out = nullptr, std::int32_t* result_out = nullptr) {
        IoResult result = {};
        assert_int_equal(storage.reap(&result, 1), 0);
        storage.wait(-1);
        assert_int_equal(storage.reap(&result, 1), 1);
        if (tag_out != nullptr) *tag_out = result.tag;
        if (result_out != nullptr) *result_out = result.result;
        return (clock.now_ns() - begin_ns) / kUs;
    }

    ModelClock clock;
    ModelStorage storage;
    std::string memory = std::string(1 << 20, 'm');
    std::vector<iovec> parts = [] {
        std::vector<iovec> room;
        room.reserve(64);  // they stay where they are
        return room;
    }();
    std::int32_t file = -1;
    std::uint64_t begin_ns = clock.now_ns();
    int fd;
};

void a_lone_request_takes_its_bytes_and_the_latency(void**) {
    Disk disk;
    std::uint32_t tag = 0;
    std::int32_t result = 0;
    disk.start(IoKind::kRead, 7);
    assert_int_equal(disk.next_us(&tag, &result), 64 + 100);
    assert_int_equal(tag, 7);
    assert_int_equal(result, kBytes);
    disk.start(IoKind::kWrite, 8);
    assert_int_equal(disk.next_us(&tag), 164 + 128 + 10);
    assert_int_equal(tag, 8);
}

void requests_that_are_queued_take_turns_on_the_bus(void**) {
    Disk disk;
    for (std::uint32_t i = 0; i < 3; ++i) disk.start(IoKind::kRead, i);
    assert_int_equal(disk.next_us(), 164);
    assert_int_equal(disk.next_us(), 228);
    assert_int_equal(disk.next_us(), 292);
}

void short_requests_are_as_many_a_second_as_there_may_be(void**) {
    Disk disk;
    disk.start(IoKind::kRead, 0, 512);
    disk.start(IoKind::kRead, 1, 512);
    assert_int_equal(disk.next_us(), 105);
    assert_int_equal(disk.next_us(), 110);
}

void more_than_the_depth_wait_for_those_before_them(void**) {
    Disk disk;
    for (std::uint32_t i = 0; i < 5; ++i) disk.start(IoKind::kRead, i, 10'000);
    for (const std::uint64_t us : {110u, 120u, 130u, 140u}) assert_int_equal(disk.next_us(), us);
    assert_int_equal(disk.next_us(), 110 + 110);  // behind the first
}

void reads_and_writes_share_the_bus(void**) {
    Disk disk;
    std::uint32_t tag = 0;
    for (std::uint32_t i = 0; i < 3; ++i) disk.start(IoKind::kWrite, i);  // 128 us each
    disk.start(IoKind::kRead, 9);                                         // 64 us, twice
    assert_int_equal(disk.next_us(&tag), 138);
    assert_int_equal(tag, 0);
    assert_int_equal(disk.next_us(&tag), 128 + 100);
    assert_int_equal(tag, 9);
    assert_int_equal(disk.next_us(), 266);
    assert_int_equal(disk.next_us(), 394);
    disk.begin_ns = disk.clock.now_ns();
    disk.start(IoKind::kWrite, 3);  // what the read took is gone by now
    assert_int_equal(disk.next_us(), 64 - 10 + 128 + 10);
}

void a_flush_is_behind_every_write(void**) {
    Disk disk;
    std::uint32_t tag = 0;
    disk.start(IoKind::kWrite, 1);
    disk.start(IoKind::kFlush, 2);
    assert_int_equal(disk.next_us(&tag), 138);
    assert_int_equal(disk.next_us(&tag), 1'138);
    assert_int_equal(tag, 2);
}

void a_wait_ends_with_its_time_or_when_it_was_woken(void**) {
    Disk disk;
    IoResult result;
    disk.start(IoKind::kRead, 0);
    disk.storage.wait(0);
    assert_int_equal(disk.clock.now_ns(), disk.begin_ns);
    disk.storage.wait(50 * kUs);
    assert_int_equal(disk.clock.now_ns(), disk.begin_ns + 50 * kUs);
    assert_int_equal(disk.storage.reap(&result, 1), 0);
    disk.storage.wake();
    disk.storage.wait(-1);
    assert_int_equal(disk.clock.now_ns(), disk.begin_ns + 50 * kUs);
    assert_int_equal(disk.next_us(), 164);
    disk.storage.wait(1'000 * kUs);  // nothing is there to be waited for
    assert_int_equal(disk.clock.now_ns(), disk.begin_ns + 1'164 * kUs);
}

void segments_keep_their_bytes_and_a_log_gets_its_own(void**) {
    for (const bool is_segment : {true, false}) {
        const char* const name = is_segment ? "segment.0000000a" : "log.0000000a";
        bwrt::test::put_bytes(name, "before");
        Disk disk(name);
        std::int32_t result = 0;
        disk.start(IoKind::kWrite, 0, 6);
        static_cast<void>(disk.next_us(nullptr, &result));
        assert_int_equal(result, 6);
        assert_string_equal(bwrt::test::bytes_of(name).c_str(), is_segment ? "before" : "mmmmmm");
        disk.memory.replace(0, 6, "memory");
        disk.start(IoKind::kRead, 1, 6);
        static_cast<void>(disk.next_us(nullptr, &result));
        assert_int_equal(result, 6);
        assert_string_equal(disk.memory.substr(0, 6).c_str(), is_segment ? "memory" : "mmmmmm");
    }
}

void what_a_file_refuses_is_its_errno(void**) {
    Disk disk("log");
    std::int32_t result = 0;
    disk.start(IoKind::kRead, 0, 6, ~std::uint64_t{0});
    static_cast<void>(disk.next_us(nullptr, &result));
    assert_int_equal(result, -EINVAL);
}

void a_file_that_is_detached_leaves_its_place_to_the_next(void**) {
    Disk disk;
    assert_int_equal(disk.storage.attach_file(disk.fd), 1);
    disk.storage.detach_file(0);
    assert_int_equal(disk.storage.attach_file(disk.fd), 0);
    assert_int_equal(disk.storage.attach_file(disk.fd), 2);
}

}  // namespace

int main() {
    using bwrt::test::enter_folder, bwrt::test::leave_folder;
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lone_request_takes_its_bytes_and_the_latency,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(requests_that_are_queued_take_turns_on_the_bus,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(short_requests_are_as_many_a_second_as_there_may_be,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(more_than_the_depth_wait_for_those_before_them,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(reads_and_writes_share_the_bus, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_flush_is_behind_every_write, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_wait_ends_with_its_time_or_when_it_was_woken,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(segments_keep_their_bytes_and_a_log_gets_its_own,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(what_a_file_refuses_is_its_errno, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_file_that_is_detached_leaves_its_place_to_the_next,
                                        enter_folder, leave_folder),
    };
    return cmocka_run_group_tests_name("model_storage", tests, nullptr, nullptr);
}
