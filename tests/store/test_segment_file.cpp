// SPDX-License-Identifier: Apache-2.0
//
// test_segment_file.cpp — a segment's file is there as the log has it, or it is not touched, and of
// one that could not be made nothing is left.

#include "runtime/store/segment_file.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "tests/store/folder.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::bytes_of;
using bwrt::test::leave_folder;
using bwrt::test::put_bytes;
using bwrt::test::where_a_call_fails;

constexpr std::uint64_t kLength = 1 << 20;
constexpr std::uint32_t kNumber = 0x1A2B;
constexpr const char* kName = "segment.00001a2b";

OpenFile directory;

int enter(void** state) {
    if (bwrt::test::enter_folder(state) != 0) return -1;
    directory = OpenFile(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return directory.is_open() ? 0 : -1;
}

struct Opened {
    bwrt_status status = BWRT_E_INTERNAL;
    OpenFile file;
    SegmentReport report;
    bwrt_error error = {};
};

Opened try_open(Access access, const FileSystemCalls& calls = kFileSystemCalls) {
    Opened opened;
    opened.status = open_segment(directory.fd(), kNumber, kLength, access, &opened.file,
                                 &opened.report, {&opened.error}, calls);
    return opened;
}

Opened must_open(Access access, const FileSystemCalls& calls = kFileSystemCalls) {
    Opened opened = try_open(access, calls);
    if (opened.status != BWRT_OK) fail_msg("%s", opened.error.message);
    assert_true(opened.file.is_open());
    return opened;
}

struct stat stat_of(const char* path) {
    struct stat stat = {};
    assert_int_equal(lstat(path, &stat), 0);
    return stat;
}

bool exists(const char* path) {
    struct stat stat = {};
    return lstat(path, &stat) == 0;
}

void expect_refused(Access access, int os_code) {
    const Opened opened = try_open(access);
    assert_int_equal(opened.status, os_code != 0 ? BWRT_E_IO : BWRT_E_FORMAT);
    assert_int_equal(opened.error.os_code, os_code);
    if (os_code == 0) assert_non_null(std::strstr(opened.error.message, "is not a file"));
    assert_false(opened.file.is_open());
    assert_non_null(std::strstr(opened.error.message, kName));
}

void a_new_segment_has_its_length_and_space_of_its_own(void**) {
    const mode_t before = umask(0777);
    const Opened opened = must_open(Access::kCreate);
    umask(before);
    const struct stat stat = stat_of(kName);
    assert_true(S_ISREG(stat.st_mode));
    assert_int_equal(stat.st_mode & 07777, 0600);
    assert_int_equal(stat.st_size, kLength);
    if (opened.report.reserved) {
        assert_true(stat.st_blocks * 512 >= static_cast<std::int64_t>(kLength));
    }
    assert_int_equal(pwrite(opened.file.fd(), "x", 1, kLength - 1), 1);
    char byte = 0;
    const Opened reader = must_open(Access::kRead);
    assert_int_equal(pread(reader.file.fd(), &byte, 1, kLength - 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(pwrite(reader.file.fd(), "y", 1, 0), -1);
}

// The ring would take a file that does not wait at its word.
void who_reads_a_segment_waits_for_its_bytes(void**) {
    for (const Access access : {Access::kCreate, Access::kRead}) {
        const Opened opened = must_open(access);
        assert_int_equal(fcntl(opened.file.fd(), F_GETFL) & O_NONBLOCK, 0);
        assert_int_equal(fcntl(opened.file.fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    }
}

void what_is_in_a_segment_stays(void**) {
    static_cast<void>(must_open(Access::kCreate));
    const std::string bytes(kLength, 'b');
    put_bytes(kName, bytes);
    static_cast<void>(must_open(Access::kCreate));
    static_cast<void>(must_open(Access::kRead));
    assert_true(bytes_of(kName) == bytes);
}

// A crash came between making it and reserving its space; or a hole is where space should be.
void a_segment_that_is_too_short_is_made_whole(void**) {
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{kLength - 1}}) {
        put_bytes(kName, std::string(length, 'b'));
        const Opened reader = try_open(Access::kRead);
        assert_int_equal(reader.status, BWRT_E_FORMAT);
        assert_int_equal(stat_of(kName).st_size, length);
        const Opened opened = must_open(Access::kCreate);
        assert_true(bytes_of(kName) ==
                    std::string(length, 'b') + std::string(kLength - length, '\0'));
        if (opened.report.reserved) assert_true(stat_of(kName).st_blocks * 512 >= 1 << 20);
    }
    assert_int_equal(truncate(kName, 0), 0);
    assert_int_equal(truncate(kName, kLength), 0);
    if (must_open(Access::kCreate).report.reserved) {
        assert_true(stat_of(kName).st_blocks * 512 >= 1 << 20);
    }
}

void a_segment_that_is_too_long_is_left_as_it_is(void**) {
    const std::string bytes(kLength + 1, 'b');
    put_bytes(kName, bytes);
    for (const Access access : {Access::kCreate, Access::kRead}) {
        const Opened opened = try_open(access);
        assert_int_equal(opened.status, BWRT_E_FORMAT);
        assert_non_null(std::strstr(opened.error.message, "1048577 bytes long, not 1048576"));
        assert_true(bytes_of(kName) == bytes);
    }
    assert_int_equal(remove_segment(directory.fd(), kNumber, {}), BWRT_OK);
    static_cast<void>(must_open(Access::kCreate));
}

void what_is_no_file_is_refused_and_keeps_nobody_waiting(void**) {
    alarm(20);  // rather than for ever
    for (const Access access : {Access::kCreate, Access::kRead}) {
        std::filesystem::create_directory(kName);
        expect_refused(access, access == Access::kCreate ? EISDIR : 0);
        assert_true(S_ISDIR(stat_of(kName).st_mode));
        std::filesystem::remove(kName);
        assert_int_equal(mkfifo(kName, 0600), 0);
        expect_refused(access, 0);
        assert_true(S_ISFIFO(stat_of(kName).st_mode));
        std::filesystem::remove(kName);
        for (const bool dangling : {false, true}) {
            if (!dangling) put_bytes("elsewhere", std::string(kLength, 'e'));
            std::filesystem::create_symlink("elsewhere", kName);
            expect_refused(access, ELOOP);
            assert_int_equal(exists("elsewhere"), !dangling);
            assert_true(S_ISLNK(stat_of(kName).st_mode));
            std::filesystem::remove(kName);
            std::filesystem::remove("elsewhere");
        }
    }
    alarm(0);
}

void a_reader_makes_nothing(void**) {
    const Opened opened = try_open(Access::kRead);
    assert_int_equal(opened.status, BWRT_E_IO);
    assert_int_equal(opened.error.os_code, ENOENT);
    assert_false(exists(kName));
}

// Both of a full disk and of a limit on files: of a new one nothing is left, one that was there is
// as it was.
void where_there_is_no_space_nothing_is_left(void**) {
    for (const int os_code : {ENOSPC, EDQUOT, EFBIG}) {
        const auto open_fails = [&] {
            const Opened opened = try_open(Access::kCreate);
            return opened.status == BWRT_E_NOSPC && opened.error.os_code == os_code ? 0 : 1;
        };
        assert_int_equal(where_a_call_fails(SYS_fallocate, os_code, open_fails), 0);
        assert_false(exists(kName));
        put_bytes(kName, "short");
        assert_int_equal(where_a_call_fails(SYS_fallocate, os_code, open_fails), 0);
        assert_string_equal(bytes_of(kName).c_str(), "short");
        assert_int_equal(stat_of(kName).st_size, 5);
        std::filesystem::remove(kName);
    }
}

void a_file_that_may_not_be_so_long_is_not_left_either(void**) {
    rlimit unlimited = {};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    const rlimit small = {kLength / 2, unlimited.rlim_max};
    std::signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const Opened opened = try_open(Access::kCreate);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    assert_int_equal(opened.status, BWRT_E_NOSPC);
    assert_int_equal(opened.error.os_code, EFBIG);
    assert_false(exists(kName));
}

// A disk that gives a part and then is full: ext4 keeps the part, and the length with it.
int on_a_disk_that_fills_up_halfway(const char* mount_disk) {
    return bwrt::test::in_a_child([&] {
        if (unshare(CLONE_NEWNS) != 0 ||
            mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            std::system(mount_disk) != 0 || chdir("disk") != 0) {
            return 77;
        }
        directory = OpenFile(open(".", O_RDONLY | O_DIRECTORY));
        struct statvfs disk = {};
        const OpenFile rest(open("rest", O_RDWR | O_CREAT, 0600));
        if (statvfs(".", &disk) != 0) return 1;
        const std::uint64_t free_bytes = disk.f_bavail * disk.f_bsize;
        if (posix_fallocate(rest.fd(), 0, static_cast<off_t>(free_bytes - kLength / 2)) != 0) {
            return 2;
        }
        if (try_open(Access::kCreate).status != BWRT_E_NOSPC || exists(kName)) return 3;
        put_bytes(kName, std::string(8192, 'b'));
        if (try_open(Access::kCreate).status != BWRT_E_NOSPC) return 4;
        if (bytes_of(kName) != std::string(8192, 'b')) return 5;
        const OpenFile other(open("other", O_RDWR | O_CREAT, 0600));
        return posix_fallocate(other.fd(), 0, kLength / 4) == 0 ? 0 : 6;  // has room again
    });
}

void of_a_disk_that_fills_up_halfway_no_part_is_kept(void**) {
    std::filesystem::create_directory("disk");
    const int memory = on_a_disk_that_fills_up_halfway("mount -t tmpfs -o size=2m none disk");
    const int ext4 = on_a_disk_that_fills_up_halfway(
        "exec 2>/dev/null; truncate -s 8M image && /sbin/mkfs.ext4 -q -m 0 image && "
        "mount -o loop image disk");
    if (memory == 77 && ext4 == 77) skip();  // mounting is not for everyone
    assert_true(memory == 0 || memory == 77);
    assert_true(ext4 == 0 || ext4 == 77);
}

void where_space_cannot_be_set_aside_the_report_says_so(void**) {
    for (const int os_code : {EOPNOTSUPP, ENOSYS}) {
        const auto open_unreserved = [&] {
            const Opened opened = try_open(Access::kCreate);
            const bool is_told = std::strstr(opened.report.reserving, "fallocate: E") != nullptr;
            return opened.status == BWRT_OK && !opened.report.reserved && is_told ? 0 : 1;
        };
        assert_int_equal(where_a_call_fails(SYS_fallocate, os_code, open_unreserved), 0);
        assert_int_equal(stat_of(kName).st_size, kLength);
        assert_int_equal(truncate(kName, 5), 0);
        assert_int_equal(where_a_call_fails(SYS_fallocate, os_code, open_unreserved), 0);
        assert_int_equal(stat_of(kName).st_size, kLength);
        std::filesystem::remove(kName);
    }
}

// Whichever step fails, a file that was made is gone.
void a_segment_that_could_not_be_made_is_not_there(void**) {
    for (const int call : {SYS_fchmod, SYS_fcntl, SYS_fallocate, SYS_fsync}) {
        const int outcome = where_a_call_fails(call, EIO, [] {
            const Opened opened = try_open(Access::kCreate);
            return opened.status == BWRT_E_IO && opened.error.os_code == EIO &&
                           !opened.file.is_open()
                       ? 0
                       : 1;
        });
        if (outcome != 0) fail_msg("call %d: %d", call, outcome);
        assert_false(exists(kName));
    }
    put_bytes(kName, "there before");
    for (const int call : {SYS_fcntl, SYS_fallocate}) {
        assert_int_equal(
            where_a_call_fails(call, EIO, [] { return -try_open(Access::kCreate).status; }),
            -BWRT_E_IO);
        assert_string_equal(bytes_of(kName).c_str(), "there before");
    }
}

// ---- Lustre

int fake_fstatfs(int, struct statfs* found_out) {
    found_out->f_type = 0x0BD00BD0;
    return 0;
}

struct Asked {
    int count = 0;
    int flags = 0;
    unsigned long request = 0;
    unsigned char bytes[32] = {};
} asked;

int hear(int fd, unsigned long request, void* argument) {
    ++asked.count;
    asked.flags = fcntl(fd, F_GETFL);
    asked.request = request;
    std::memcpy(asked.bytes, argument, sizeof asked.bytes);
    return 0;
}

constexpr FileSystemCalls kLustre = {fake_fstatfs, hear};

void on_lustre_a_new_segment_is_striped(void**) {
    asked = {};
    const Opened opened = must_open(Access::kCreate, kLustre);
    assert_true(opened.report.striped);
    assert_string_equal(opened.report.striping, "16 stripes of 4 MiB");
    assert_int_equal(asked.count, 1);
    assert_int_equal(asked.flags & O_ASYNC, O_ASYNC);  // no layout until it is given one
    assert_int_equal(asked.request, _IOW('f', 154, long));
    const unsigned char layout[32] = {
        0xD0, 0x0B, 0xD1, 0x0B, 1,  0, 0,    0,   0, 0, 0, 0,  // magic, RAID 0
        0,    0,    0,    0,    0,  0, 0,    0,   0, 0, 0, 0,  // object
        0,    0,    0x40, 0,    16, 0, 0xFF, 0xFF};            // 4 MiB, 16, on any
    assert_memory_equal(asked.bytes, layout, sizeof layout);
    assert_int_equal(fcntl(opened.file.fd(), F_GETFL) & O_ASYNC, 0);
    assert_int_equal(stat_of(kName).st_size, kLength);
    assert_int_equal(pwrite(opened.file.fd(), "x", 1, 0), 1);
    const Opened again = must_open(Access::kCreate, kLustre);
    assert_int_equal(asked.count, 1);  // a layout is for ever
    assert_string_equal(again.report.striping, "as it was made");
}

void a_layout_that_is_refused_is_told_and_done_without(void**) {
    const FileSystemCalls refusing = {fake_fstatfs, [](int, unsigned long, void*) {
                                          errno = EINVAL;
                                          return -1;
                                      }};
    const Opened opened = must_open(Access::kCreate, refusing);
    assert_false(opened.report.striped);
    assert_string_equal(opened.report.striping, "Lustre refused: EINVAL");
    assert_int_equal(fcntl(opened.file.fd(), F_GETFL) & O_ASYNC, 0);
    assert_int_equal(stat_of(kName).st_size, kLength);
}

void elsewhere_the_report_says_where(void**) {
    asked = {};
    const auto told = [](long type) {
        static long f_type;
        f_type = type;
        const FileSystemCalls calls = {[](int, struct statfs* found_out) {
                                           found_out->f_type = f_type;
                                           return 0;
                                       },
                                       hear};
        const Opened opened = must_open(Access::kCreate, calls);
        assert_false(opened.report.striped);
        std::filesystem::remove(kName);
        return std::string(opened.report.striping);
    };
    assert_string_equal(told(0xEF53).c_str(), "not on Lustre: ext4");
    assert_string_equal(told(0x58465342).c_str(), "not on Lustre: xfs");
    assert_string_equal(told(0x1234567).c_str(), "not on Lustre: type 0x1234567");
    const FileSystemCalls failing = {[](int, struct statfs*) {
                                         errno = EIO;
                                         return -1;
                                     },
                                     hear};
    assert_string_equal(must_open(Access::kCreate, failing).report.striping, "fstatfs: EIO");
    assert_int_equal(asked.count, 0);
    assert_true(std::strlen(must_open(Access::kRead).report.striping) > 0);  // by the real calls
}

// ---- removing

void a_segment_that_is_removed_is_gone(void**) {
    static_cast<void>(must_open(Access::kCreate));
    put_bytes("segment.00001a2c", "another");
    assert_int_equal(remove_segment(directory.fd(), kNumber, {}), BWRT_OK);
    assert_false(exists(kName));
    assert_true(exists("segment.00001a2c"));
    assert_int_equal(remove_segment(directory.fd(), kNumber, {}), BWRT_OK);
    std::filesystem::create_directory(kName);
    bwrt_error error = {};
    assert_int_equal(remove_segment(directory.fd(), kNumber, {&error}), BWRT_E_IO);
    assert_non_null(std::strstr(error.message, kName));
}

void of_all_names_only_those_of_segments_are_numbers(void**) {
    for (const char* name : {"segment.00000000", "segment.00001a2b", "segment.ffffffff"}) {
        put_bytes(name, "a segment");
    }
    for (const char* name : {"segment.1a2b", "segment.00001A2C", "segment.00001a2d.old",
                             "segment.0x001a2e", "segment.", "log.0000000000000001", "lock"}) {
        put_bytes(name, "something else");
    }
    std::vector<std::uint32_t> numbers = {7};
    assert_int_equal(list_segments(directory.fd(), &numbers, {}), BWRT_OK);
    std::sort(numbers.begin(), numbers.end());
    assert_true(numbers == (std::vector<std::uint32_t>{0, kNumber, 0xFFFFFFFF}));
    bwrt_error error = {};
    assert_int_equal(list_segments(-1, &numbers, {&error}), BWRT_E_IO);
    assert_int_equal(error.os_code, EBADF);
}

}  // namespace

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave_folder)

int main() {
    const CMUnitTest tests[] = {
        IN_A_FOLDER(a_new_segment_has_its_length_and_space_of_its_own),
        IN_A_FOLDER(who_reads_a_segment_waits_for_its_bytes),
        IN_A_FOLDER(what_is_in_a_segment_stays),
        IN_A_FOLDER(a_segment_that_is_too_short_is_made_whole),
        IN_A_FOLDER(a_segment_that_is_too_long_is_left_as_it_is),
        IN_A_FOLDER(what_is_no_file_is_refused_and_keeps_nobody_waiting),
        IN_A_FOLDER(a_reader_makes_nothing),
        IN_A_FOLDER(where_there_is_no_space_nothing_is_left),
        IN_A_FOLDER(a_file_that_may_not_be_so_long_is_not_left_either),
        IN_A_FOLDER(of_a_disk_that_fills_up_halfway_no_part_is_kept),
        IN_A_FOLDER(where_space_cannot_be_set_aside_the_report_says_so),
        IN_A_FOLDER(a_segment_that_could_not_be_made_is_not_there),
        IN_A_FOLDER(on_lustre_a_new_segment_is_striped),
        IN_A_FOLDER(a_layout_that_is_refused_is_told_and_done_without),
        IN_A_FOLDER(elsewhere_the_report_says_where),
        IN_A_FOLDER(a_segment_that_is_removed_is_gone),
        IN_A_FOLDER(of_all_names_only_those_of_segments_are_numbers),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
