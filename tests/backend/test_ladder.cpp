// SPDX-License-Identifier: Apache-2.0
//
// The ladder: whatever the machine denies, the next step is taken, the report says why, and the
// bytes are right.  Each test runs in a child that first takes something away from itself: a
// system call by a seccomp filter, locked memory, threads or descriptors by a limit (as an
// ordinary user, for root passes most limits).

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <functional>

#include "tests/backend/storage_world.h"

namespace bwrt::test {
namespace {

constexpr int kNoFixedBuffers = 10;  // a child's exit status

// Children report by their exit status: a failed cmocka assertion there would run on into
// the parent's tests.
void require(bool condition, const char* text, int line, const StorageReport& report) {
    if (condition) return;
    std::printf("line %d: %s\nstorage: %s\nfiles: %s\nbuffers: %s\n", line, text,
                report.storage_reason.c_str(), report.fixed_files_reason.c_str(),
                report.fixed_buffers_reason.c_str());
    std::fflush(nullptr);
    _exit(1);
}
#define REQUIRE(condition) require((condition), #condition, __LINE__, report)

void in_child(const std::function<void()>& body) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// From now on the system call fails with the error.
bool deny(int call, int error) {
    const auto number = static_cast<unsigned>(call);
    const auto denied = SECCOMP_RET_ERRNO | static_cast<unsigned>(error);
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, denied),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{std::size(program), program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Locked memory and threads are counted by user, and those of a process that has ended are given
// back a moment later: each child is a user of its own.
void become_ordinary_user() {
    const auto nobody_else = 20000 + static_cast<unsigned>(getpid()) % 40000;
    if (geteuid() == 0 && (setgid(nobody_else) != 0 || setuid(nobody_else) != 0)) _exit(2);
}

void lower_limit(__rlimit_resource_t resource, rlim_t value) {
    const rlimit limit{value, value};
    if (setrlimit(resource, &limit) != 0) _exit(3);
}

bool mentions(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

StorageOptions automatic() {
    StorageOptions options = storage_options("uring");
    options.storage = BWRT_STORAGE_AUTO;
    return options;
}

bool moves_bytes(StorageBackend* storage, int fd) {
    std::vector<unsigned char> bytes(5000);
    const iovec part{bytes.data(), bytes.size()};
    const std::int32_t file = storage->attach_file(fd);
    if (file < 0) return false;
    if (perform(storage, read_of(file, &part, 77)) != 5000) return false;
    if (!has_known_bytes(bytes.data(), bytes.size(), 77)) return false;
    if (perform(storage, write_of(file, &part, 77)) != 5000) return false;
    storage->detach_file(file);
    return true;
}

// Whether this machine lets us try the denials at all.
void need_io_uring() {
    StorageReport report;
    if (make_storage(storage_options("uring"), &report) == nullptr) {
        std::printf("no io_uring: %s\n", report.storage_reason.c_str());
        skip();
    }
}

void takes_io_uring_where_it_works(void**) {
    need_io_uring();
    StorageReport report;

    const auto storage = make_storage(automatic(), &report);

    assert_non_null(storage.get());
    assert_int_equal(report.storage, BWRT_STORAGE_URING);
    assert_string_equal(report.storage_reason.c_str(), "");
    assert_int_equal(report.fixed_files, report.fixed_files_reason.empty());
    assert_int_equal(report.fixed_buffers, report.fixed_buffers_reason.empty());
    assert_int_equal(report.pool_thread_count, 0);
}

void takes_the_pool_when_asked_and_says_so(void**) {
    StorageReport report;

    const auto storage = make_storage(storage_options("pool"), &report);

    assert_non_null(storage.get());
    assert_int_equal(report.storage, BWRT_STORAGE_POOL);
    assert_int_equal(report.pool_thread_count, 3);
    assert_false(report.storage_reason.empty());
    assert_false(report.fixed_files || report.fixed_buffers);
    assert_false(report.fixed_files_reason.empty() || report.fixed_buffers_reason.empty());
}

void takes_the_pool_where_io_uring_is_denied(void**) {
    for (const int error : {EPERM, ENOSYS}) {
        in_child([error] {
            StorageReport report;
            const int fd = open_known_file();
            REQUIRE(deny(SYS_io_uring_setup, error));

            const auto storage = make_storage(automatic(), &report);

            REQUIRE(storage != nullptr);
            REQUIRE(report.storage == BWRT_STORAGE_POOL);
            REQUIRE(mentions(report.storage_reason, "io_uring_setup: "));
            REQUIRE(mentions(report.storage_reason, error == EPERM ? "EPERM" : "ENOSYS"));
            REQUIRE(report.storage_reason.size() < 256);
            REQUIRE(moves_bytes(storage.get(), fd));
        });
    }
}

void has_nothing_to_offer_where_io_uring_is_denied_and_nothing_else_wanted(void**) {
    in_child([] {
        StorageReport report;
        REQUIRE(deny(SYS_io_uring_setup, EPERM));

        const auto storage = make_storage(storage_options("uring"), &report);

        REQUIRE(storage == nullptr);
        REQUIRE(mentions(report.storage_reason, "io_uring_setup: EPERM"));
    });
}

void takes_the_pool_where_the_ring_can_be_made_and_not_entered(void**) {
    need_io_uring();
    in_child([] {
        StorageReport report;
        const int fd = open_known_file();
        REQUIRE(deny(SYS_io_uring_enter, EPERM));

        const auto storage = make_storage(automatic(), &report);

        REQUIRE(storage != nullptr);
        REQUIRE(report.storage == BWRT_STORAGE_POOL);
        REQUIRE(mentions(report.storage_reason, "self test, read: EPERM"));
        REQUIRE(moves_bytes(storage.get(), fd));
    });
}

void does_without_tables_where_registering_is_denied(void**) {
    need_io_uring();
    in_child([] {
        StorageReport report;
        const int fd = open_known_file();
        REQUIRE(deny(SYS_io_uring_register, EPERM));

        const auto storage = make_storage(automatic(), &report);

        REQUIRE(storage != nullptr);
        REQUIRE(report.storage == BWRT_STORAGE_URING);
        REQUIRE(!report.fixed_files);
        REQUIRE(!report.fixed_buffers);
        REQUIRE(mentions(report.fixed_files_reason, "EPERM"));
        REQUIRE(mentions(report.fixed_buffers_reason, "EPERM"));
        REQUIRE(report.fixed_buffers_reason.size() < 128);
        unsigned char bytes[64];
        REQUIRE(storage->attach_buffer(bytes, sizeof bytes) < 0);
        REQUIRE(moves_bytes(storage.get(), fd));
    });
}

// Newer kernels charge the ring itself as well, so a step further down is right, too.
void does_without_what_no_memory_may_be_locked_for(void**) {
    need_io_uring();
    bool some_had_no_fixed_buffers = false;
    for (rlim_t pages = 0; pages < 10; ++pages) {
        std::fflush(nullptr);
        const pid_t child = fork();
        if (child == 0) {
            StorageReport report;
            const int fd = open_known_file();
            lower_limit(RLIMIT_MEMLOCK, pages * 4096);
            become_ordinary_user();

            const auto storage = make_storage(automatic(), &report);

            REQUIRE(storage != nullptr);
            REQUIRE(moves_bytes(storage.get(), fd));
            const bool pool = report.storage == BWRT_STORAGE_POOL;
            const std::string& reason = pool ? report.storage_reason : report.fixed_buffers_reason;
            if (pool || !report.fixed_buffers) {
                REQUIRE(mentions(reason, "ENOMEM (RLIMIT_MEMLOCK is "));
                unsigned char bytes[64];
                REQUIRE(storage->attach_buffer(bytes, sizeof bytes) == -EOPNOTSUPP);
            }
            _exit(!pool && !report.fixed_buffers ? kNoFixedBuffers : 0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        some_had_no_fixed_buffers |= WEXITSTATUS(status) == kNoFixedBuffers;
        assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kNoFixedBuffers);
    }
    assert_true(some_had_no_fixed_buffers);
}

void refuses_a_buffer_that_is_more_than_may_be_locked(void**) {
    need_io_uring();
    in_child([] {
        StorageReport report;
        const int fd = open_known_file();
        lower_limit(RLIMIT_MEMLOCK, 64 * 1024);
        become_ordinary_user();

        const auto storage = make_storage(automatic(), &report);

        REQUIRE(storage != nullptr);
        REQUIRE(report.fixed_buffers);
        std::vector<unsigned char> large(1 << 20);
        std::vector<unsigned char> small(8192);
        REQUIRE(storage->attach_buffer(large.data(), large.size()) == -ENOMEM);
        REQUIRE(storage->attach_buffer(small.data(), small.size()) >= 0);
        REQUIRE(moves_bytes(storage.get(), fd));
    });
}

void goes_on_with_fewer_workers_where_threads_are_scarce(void**) {
    // How many processes nobody has, we cannot know: try limits until some fit and some not.
    for (const rlim_t limit : {1u, 2u, 3u, 4u, 6u, 8u, 12u, 16u}) {
        in_child([limit] {
            StorageReport report;
            const int fd = open_known_file();
            lower_limit(RLIMIT_NPROC, limit);
            become_ordinary_user();
            StorageOptions options = storage_options("pool");
            options.pool_thread_count = 8;

            const auto storage = make_storage(options, &report);

            if (report.pool_thread_count < 8) {
                REQUIRE(mentions(report.storage_reason, "pthread_create: EAGAIN"));
            }
            REQUIRE((storage != nullptr) == (report.pool_thread_count > 0));
            if (storage != nullptr) REQUIRE(moves_bytes(storage.get(), fd));
            if (limit == 1) REQUIRE(report.pool_thread_count < 8);
        });
    }
}

void takes_the_pool_where_no_descriptor_is_left(void**) {
    in_child([] {
        StorageReport report;
        const int fd = open_known_file();
        lower_limit(RLIMIT_NOFILE, static_cast<rlim_t>(fd) + 1);

        const auto storage = make_storage(automatic(), &report);

        REQUIRE(storage != nullptr);
        REQUIRE(report.storage == BWRT_STORAGE_POOL);
        REQUIRE(mentions(report.storage_reason, "EMFILE"));
        REQUIRE(mentions(report.storage_reason, "RLIMIT_NOFILE is"));
        REQUIRE(moves_bytes(storage.get(), fd));
    });
}

void keeps_plain_descriptors_where_the_file_table_may_not_be_as_large(void**) {
    need_io_uring();
    in_child([] {
        StorageReport report;
        const int fd = open_known_file();
        lower_limit(RLIMIT_NOFILE, 32);
        StorageOptions options = automatic();
        options.file_count_max = 1024;

        const auto storage = make_storage(options, &report);

        REQUIRE(storage != nullptr);
        REQUIRE(report.storage == BWRT_STORAGE_URING);
        REQUIRE(!report.fixed_files);
        REQUIRE(mentions(report.fixed_files_reason, "EMFILE (RLIMIT_NOFILE is 32)"));
        REQUIRE(moves_bytes(storage.get(), fd));
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        REQUIRE(limit.rlim_cur == 32);  // ours to respect, not to raise
    });
}

void copies_between_buffers(void**) {
    const auto host = runtime::make_host_copy();
    unsigned char target[6] = {9, 9, 9, 9, 9, 9};

    assert_true(host->copy(target + 1, "abcd", 4));

    assert_memory_equal(target,
                        "\x09"
                        "abcd"
                        "\x09",
                        6);
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(takes_io_uring_where_it_works),
        cmocka_unit_test(takes_the_pool_when_asked_and_says_so),
        cmocka_unit_test(takes_the_pool_where_io_uring_is_denied),
        cmocka_unit_test(has_nothing_to_offer_where_io_uring_is_denied_and_nothing_else_wanted),
        cmocka_unit_test(takes_the_pool_where_the_ring_can_be_made_and_not_entered),
        cmocka_unit_test(does_without_tables_where_registering_is_denied),
        cmocka_unit_test(does_without_what_no_memory_may_be_locked_for),
        cmocka_unit_test(refuses_a_buffer_that_is_more_than_may_be_locked),
        cmocka_unit_test(goes_on_with_fewer_workers_where_threads_are_scarce),
        cmocka_unit_test(takes_the_pool_where_no_descriptor_is_left),
        cmocka_unit_test(keeps_plain_descriptors_where_the_file_table_may_not_be_as_large),
        cmocka_unit_test(copies_between_buffers),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
