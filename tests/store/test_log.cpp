// SPDX-License-Identifier: Apache-2.0
//
// test_log.cpp — what a log says is read back up to the first record that is not whole, whatever
// happened to the file, and only a log that counts is read.

#include "runtime/store/log.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <csignal>
#include <vector>

#include "tests/store/folder.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::bytes_of;
using bwrt::test::leave_folder;
using bwrt::test::put_bytes;

constexpr const char* kShardPath = "store/shards/s";
constexpr std::uint64_t kSegmentBytes = 1 << 24;

// The numbers that were put into the records' length_bytes, in order.
struct Heard final : LogReader {
    std::vector<std::uint32_t> numbers;
    int restarts = 0;
    void restart() noexcept override {
        numbers.clear();
        ++restarts;
    }
    void take(const Record& record) noexcept override { numbers.push_back(record.length_bytes); }
};

StoreRoot root;
Shard shard;

int enter_shard(void** state) {
    if (bwrt::test::enter_folder(state) != 0) return -1;
    root = StoreRoot();
    shard = Shard();
    if (open_root("store", 0, nullptr, Access::kCreate, &root, {}) != BWRT_OK) return -1;
    return open_shard(root, "s", Access::kCreate, true, &shard, {}) == BWRT_OK ? 0 : -1;
}

std::string path_of(std::uint64_t number, const char* suffix = "") {
    char name[80];
    std::snprintf(name, sizeof name, "%s/log.%016llx%s", kShardPath,
                  static_cast<unsigned long long>(number), suffix);
    return name;
}

void put(const OpenFile& file, LogEnd* end, RecordKind kind, std::uint32_t number) {
    Record record = {};
    record.kind = kind;
    record.length_bytes = number;
    const std::uint64_t offset = end->offset_bytes();
    end->put(&record);
    assert_int_equal(pwrite(file.fd(), &record, sizeof record, static_cast<off_t>(offset)),
                     sizeof record);
}

// A log that says 1 .. count, half of it before the snapshot's end.
LogEnd make_log(std::uint64_t number, std::uint32_t count) {
    OpenFile file;
    LogEnd end;
    assert_int_equal(create_log(shard, root.superblock, number, kSegmentBytes, &file, &end, {}),
                     BWRT_OK);
    for (std::uint32_t i = 1; i <= count; ++i) {
        if (i == count / 2 + 1) put(file, &end, RecordKind::kSnapshotEnd, 0);
        put(file, &end, i % 3 == 0 ? RecordKind::kRemoved : RecordKind::kStored, i);
    }
    bool counts = false;
    assert_int_equal(publish_log(shard, number, &counts, {}), BWRT_OK);
    assert_true(counts);
    return end;
}

LogReport must_read(Heard* heard) {
    LogReport report;
    bwrt_error error = {};
    if (read_log(shard, root.superblock, heard, &report, {&error}) != BWRT_OK) {
        fail_msg("%s", error.message);
    }
    return report;
}

void expect_first(const Heard& heard, std::uint32_t count) {
    assert_int_equal(heard.numbers.size(), count);
    for (std::uint32_t i = 0; i < count; ++i) assert_int_equal(heard.numbers[i], i + 1);
}

void a_shard_without_a_log_says_nothing(void**) {
    Heard heard;
    const LogReport report = must_read(&heard);
    assert_false(report.found);
    expect_first(heard, 0);
}

void what_a_log_says_is_read_in_order(void**) {
    const LogEnd written = make_log(1, 9000);  // more than one read
    Heard heard;
    const LogReport report = must_read(&heard);
    assert_true(report.found);
    expect_first(heard, 9000);
    assert_true(report.end.log_number == 1 && report.end.sequence == written.sequence &&
                report.end.life == written.life);
    assert_true(report.ignored_bytes == 0);
}

// At every length, not only at those of whole records.
void a_log_that_is_cut_anywhere_says_what_was_whole(void**) {
    static_cast<void>(make_log(1, 4));
    const std::string whole = bytes_of(path_of(1));
    const std::size_t snapshot_end = sizeof(LogHeader) + 4 * sizeof(Record);
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        put_bytes(path_of(1), whole.substr(0, length));
        Heard heard;
        const LogReport report = must_read(&heard);
        assert_int_equal(report.found, length >= snapshot_end);
        if (!report.found) {
            expect_first(heard, 0);
            continue;
        }
        const std::size_t records = (length - sizeof(LogHeader)) / sizeof(Record);
        expect_first(heard, static_cast<std::uint32_t>(records - 2));
        assert_true(report.ignored_bytes == (length - sizeof(LogHeader)) % sizeof(Record));
    }
}

void a_record_with_any_byte_changed_ends_the_log(void**) {
    static_cast<void>(make_log(1, 4));
    const std::string whole = bytes_of(path_of(1));
    const std::size_t third = sizeof(LogHeader) + 4 * sizeof(Record);  // opened, 1, 2, end
    for (std::size_t at = 0; at < sizeof(Record); ++at) {
        std::string bytes = whole;
        bytes[third + at] = static_cast<char>(bytes[third + at] ^ 0x20);
        put_bytes(path_of(1), bytes);
        Heard heard;
        const LogReport report = must_read(&heard);
        expect_first(heard, 2);
        assert_true(report.ignored_bytes == 2 * sizeof(Record));
    }
}

// Whole, of this log and this life: only its number says that it belongs elsewhere.
void a_record_in_anothers_place_ends_the_log(void**) {
    static_cast<void>(make_log(1, 10));
    const std::string whole = bytes_of(path_of(1));
    std::string bytes = whole;
    const std::size_t seventh = sizeof(LogHeader) + 8 * sizeof(Record);
    bytes.replace(seventh, sizeof(Record), whole, seventh + sizeof(Record), sizeof(Record));
    put_bytes(path_of(1), bytes);
    Heard heard;
    static_cast<void>(must_read(&heard));
    expect_first(heard, 6);
}

// A crash may lose a page in the middle and keep what came after it.
void what_lies_behind_a_hole_is_never_taken_for_what_was_written_since(void**) {
    static_cast<void>(make_log(1, 12));
    const std::string whole = bytes_of(path_of(1));
    Heard heard;
    std::string bytes = whole;
    const std::size_t hole = sizeof(LogHeader) + 9 * sizeof(Record);
    bytes.replace(hole, sizeof(Record), sizeof(Record), '\0');
    put_bytes(path_of(1), bytes);
    LogReport report = must_read(&heard);
    expect_first(heard, 7);
    OpenFile file;
    assert_int_equal(resume_log(shard, &file, &report.end, {}), BWRT_OK);
    put(file, &report.end, RecordKind::kStored, 8);
    // What a file system could bring back that lost the cut and kept the rest.
    std::string after = bytes_of(path_of(1));
    assert_int_equal(after.size(), hole + 2 * sizeof(Record));
    put_bytes(path_of(1), after + whole.substr(after.size()));
    report = must_read(&heard);
    expect_first(heard, 8);
    assert_true(report.ignored_bytes == whole.size() - after.size());
}

void a_writer_goes_on_where_the_log_ended(void**) {
    static_cast<void>(make_log(1, 10));
    for (std::uint32_t life = 0; life < 5; ++life) {
        Heard heard;
        LogReport report = must_read(&heard);
        expect_first(heard, 10 + 2 * life);
        OpenFile file;
        assert_int_equal(resume_log(shard, &file, &report.end, {}), BWRT_OK);
        put(file, &report.end, RecordKind::kStored, 11 + 2 * life);
        put(file, &report.end, RecordKind::kSegment, 12 + 2 * life);
    }
}

void of_two_logs_the_newer_counts_and_the_older_when_that_does_not(void**) {
    static_cast<void>(make_log(1, 3));
    const std::string older = bytes_of(path_of(1));
    static_cast<void>(make_log(2, 6));
    assert_int_equal(access(path_of(1).c_str(), F_OK), -1);
    put_bytes(path_of(1), older);
    Heard heard;
    LogReport report = must_read(&heard);
    expect_first(heard, 6);
    assert_true(report.end.log_number == 2 && report.passed_over == 0);

    // It has its name, and what it was to hold was lost.
    const std::string newer = bytes_of(path_of(2));
    for (const std::string& lost :
         {std::string(), std::string(newer.size(), '\0'), newer.substr(0, 4096 + 3 * 256)}) {
        put_bytes(path_of(2), lost);
        report = must_read(&heard);
        expect_first(heard, 3);
        assert_true(report.found && report.end.log_number == 1 && report.passed_over == 1);
    }
}

void a_draft_and_what_is_no_log_do_not_count(void**) {
    static_cast<void>(make_log(1, 3));
    OpenFile file;
    LogEnd end;
    assert_int_equal(create_log(shard, root.superblock, 2, kSegmentBytes, &file, &end, {}),
                     BWRT_OK);
    put(file, &end, RecordKind::kSnapshotEnd, 0);
    std::filesystem::create_directory(path_of(7));
    put_bytes(path_of(8) + "x", "no log");
    put_bytes(std::string(kShardPath) + "/log.9", bytes_of(path_of(1)));
    Heard heard;
    assert_true(must_read(&heard).end.log_number == 1);
    expect_first(heard, 3);
}

void a_log_of_another_store_or_number_does_not_count(void**) {
    static_cast<void>(make_log(1, 3));
    put_bytes(path_of(2), bytes_of(path_of(1)));  // says that it is log 1
    Heard heard;
    assert_true(must_read(&heard).passed_over == 1);
    expect_first(heard, 3);
    Superblock other = root.superblock;
    other.store_id[0] ^= 1;
    LogReport report;
    assert_int_equal(read_log(shard, other, &heard, &report, {}), BWRT_OK);
    assert_false(report.found);
    assert_true(report.next_number == 3);  // names that are taken are not given again
    expect_first(heard, 0);
}

void a_log_of_a_newer_format_is_an_error_and_stays(void**) {
    static_cast<void>(make_log(1, 3));
    std::string bytes = bytes_of(path_of(1));
    reinterpret_cast<LogHeader*>(bytes.data())->version = kFormatVersion + 1;
    put_bytes(path_of(1), bytes);
    Heard heard;
    LogReport report;
    bwrt_error error = {};
    assert_int_equal(read_log(shard, root.superblock, &heard, &report, {&error}), BWRT_E_FORMAT);
    assert_non_null(std::strstr(error.message, "store format 2"));
    assert_true(bytes_of(path_of(1)) == bytes);
}

void the_length_of_segments_is_that_of_the_shards_logs(void**) {
    std::uint64_t segment_bytes = 99;
    assert_int_equal(find_segment_bytes(shard, root.superblock, &segment_bytes, {}), BWRT_OK);
    assert_true(segment_bytes == 0);
    static_cast<void>(make_log(1, 3));
    put_bytes(path_of(2), "damaged");
    assert_int_equal(find_segment_bytes(shard, root.superblock, &segment_bytes, {}), BWRT_OK);
    assert_true(segment_bytes == kSegmentBytes);
}

// A full disk: what could not be written is tried again and leaves no hole.
void a_life_that_could_not_begin_leaves_the_end_where_it_was(void**) {
    static_cast<void>(make_log(1, 4));
    Heard heard;
    LogReport report = must_read(&heard);
    const LogEnd before = report.end;
    rlimit unlimited = {};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    const rlimit full = {before.offset_bytes(), unlimited.rlim_max};
    std::signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    OpenFile file;
    bwrt_error error = {};
    const bwrt_status status = resume_log(shard, &file, &report.end, {&error});
    OpenFile draft;
    LogEnd draft_end;
    const rlimit none = {0, unlimited.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    const bwrt_status created =
        create_log(shard, root.superblock, 2, kSegmentBytes, &draft, &draft_end, {});
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    assert_int_equal(status, BWRT_E_NOSPC);
    assert_int_equal(error.os_code, EFBIG);
    assert_int_equal(created, BWRT_E_NOSPC);
    assert_int_equal(access(path_of(2, ".new").c_str(), F_OK), -1);  // its bytes are missed
    assert_true(report.end.sequence == before.sequence && report.end.life == before.life);
    assert_int_equal(resume_log(shard, &file, &report.end, {}), BWRT_OK);
    put(file, &report.end, RecordKind::kStored, 5);
    static_cast<void>(must_read(&heard));
    expect_first(heard, 5);
}

// What is wrong with the directory must not look like a shard without a log.
void a_directory_that_cannot_be_read_is_an_error(void**) {
    static_cast<void>(make_log(1, 4));
    Heard heard;
    LogReport report;
    const Shard not_a_directory = {open_beneath(shard.directory.fd(), "lock", O_RDONLY), {}};
    assert_int_equal(read_log(not_a_directory, root.superblock, &heard, &report, {}), BWRT_E_IO);
    assert_int_equal(read_log({}, root.superblock, &heard, &report, {}), BWRT_E_IO);
    const int failed = bwrt::test::where_a_call_fails(SYS_getdents64, EIO, [&] {
        return read_log(shard, root.superblock, &heard, &report, {}) == BWRT_E_IO ? 0 : 1;
    });
    assert_int_equal(failed, 0);
}

// The name is given, and whether the directory says so after a power cut nobody knows.
void a_log_that_has_its_name_counts_though_the_flush_failed(void**) {
    static_cast<void>(make_log(1, 3));
    OpenFile file;
    LogEnd end;
    assert_int_equal(create_log(shard, root.superblock, 2, kSegmentBytes, &file, &end, {}),
                     BWRT_OK);
    put(file, &end, RecordKind::kStored, 1);
    put(file, &end, RecordKind::kSnapshotEnd, 0);
    const int failed = bwrt::test::where_a_call_fails(SYS_fsync, EIO, [] {
        bool counts = false;
        const bwrt_status status = publish_log(shard, 2, &counts, {});
        return status == BWRT_E_IO && counts ? 0 : 1;
    });
    assert_int_equal(failed, 0);
    Heard heard;
    assert_true(must_read(&heard).end.log_number == 2);
    expect_first(heard, 1);
}

void a_pipe_with_a_logs_name_keeps_nobody_waiting(void**) {
    static_cast<void>(make_log(1, 4));
    assert_int_equal(mkfifo(path_of(2).c_str(), 0600), 0);
    Heard heard;
    assert_true(must_read(&heard).passed_over == 1);
    expect_first(heard, 4);
}

// A reader has listed the old log when the writer removes it.
void a_reader_beside_a_writer_that_makes_new_logs_reads_one_of_them(void**) {
    static_cast<void>(make_log(1, 4));
    const pid_t writer = fork();
    if (writer == 0) {
        for (std::uint64_t number = 2; number < 300; ++number) {
            static_cast<void>(make_log(number, 4));
        }
        _exit(0);
    }
    int status = -1;
    int read_count = 0;
    while (waitpid(writer, &status, WNOHANG) == 0) {
        Heard heard;
        assert_true(must_read(&heard).found);
        expect_first(heard, 4);
        ++read_count;
    }
    assert_int_equal(status, 0);
    assert_true(read_count > 0);
}

// Any damage at all: never a crash, never a record that was not written, never out of order.
void a_log_damaged_at_random_says_a_beginning_of_the_truth(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    static_cast<void>(make_log(1, 40));
    const std::string whole = bytes_of(path_of(1));
    for (int round = 0; round < 500; ++round) {
        std::string bytes = whole;
        for (std::uint64_t i = random.between(1, 4); i > 0; --i) {
            const std::size_t at = random.below(bytes.size());
            const std::size_t count =
                std::min<std::size_t>(random.between(1, 600), bytes.size() - at);
            if (random.one_in(2)) {
                const std::size_t from = random.below(bytes.size() - count + 1);
                bytes.replace(at, count, whole.substr(from, count));
            } else {
                for (std::size_t k = 0; k < count; ++k) {
                    bytes[at + k] = static_cast<char>(random.bits());
                }
            }
        }
        put_bytes(path_of(1),
                  bytes.substr(0, random.one_in(3) ? random.below(bytes.size()) : bytes.size()));
        Heard heard;
        LogReport report;
        if (read_log(shard, root.superblock, &heard, &report, {}) != BWRT_OK) continue;
        assert_true(heard.numbers.size() <= 40);
        expect_first(heard, static_cast<std::uint32_t>(heard.numbers.size()));
    }
}

}  // namespace

#define IN_A_SHARD(test) cmocka_unit_test_setup_teardown(test, enter_shard, leave_folder)

int main() {
    const CMUnitTest tests[] = {
        IN_A_SHARD(a_shard_without_a_log_says_nothing),
        IN_A_SHARD(what_a_log_says_is_read_in_order),
        IN_A_SHARD(a_log_that_is_cut_anywhere_says_what_was_whole),
        IN_A_SHARD(a_record_with_any_byte_changed_ends_the_log),
        IN_A_SHARD(a_record_in_anothers_place_ends_the_log),
        IN_A_SHARD(what_lies_behind_a_hole_is_never_taken_for_what_was_written_since),
        IN_A_SHARD(a_writer_goes_on_where_the_log_ended),
        IN_A_SHARD(of_two_logs_the_newer_counts_and_the_older_when_that_does_not),
        IN_A_SHARD(a_draft_and_what_is_no_log_do_not_count),
        IN_A_SHARD(a_log_of_another_store_or_number_does_not_count),
        IN_A_SHARD(a_log_of_a_newer_format_is_an_error_and_stays),
        IN_A_SHARD(the_length_of_segments_is_that_of_the_shards_logs),
        IN_A_SHARD(a_life_that_could_not_begin_leaves_the_end_where_it_was),
        IN_A_SHARD(a_directory_that_cannot_be_read_is_an_error),
        IN_A_SHARD(a_log_that_has_its_name_counts_though_the_flush_failed),
        IN_A_SHARD(a_pipe_with_a_logs_name_keeps_nobody_waiting),
        IN_A_SHARD(a_reader_beside_a_writer_that_makes_new_logs_reads_one_of_them),
        IN_A_SHARD(a_log_damaged_at_random_says_a_beginning_of_the_truth),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
