// SPDX-License-Identifier: Apache-2.0
//
// test_root.cpp — the directories of a store: made as promised, refused untouched where they are
// not ours, one writer a shard.

#include "runtime/store/root.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/store/folder.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::bytes_of;
using bwrt::test::enter_folder;
using bwrt::test::leave_folder;
using bwrt::test::put_bytes;

StoreRoot must_open(const char* path, Access access = Access::kCreate, std::uint32_t number = 0,
                    const StoreRoot* first = nullptr) {
    StoreRoot root;
    bwrt_error error = {};
    if (open_root(path, number, first, access, &root, {&error}) != BWRT_OK) {
        fail_msg("%s", error.message);
    }
    return root;
}

void expect_refusal(const char* path, bwrt_status status, const char* says,
                    Access access = Access::kCreate, std::uint32_t number = 0,
                    const StoreRoot* first = nullptr) {
    StoreRoot root;
    bwrt_error error = {};
    assert_int_equal(open_root(path, number, first, access, &root, {&error}), status);
    assert_string_equal(error.field, "store.directories");
    if (std::strstr(error.message, says) == nullptr) fail_msg("%s", error.message);
    assert_false(root.directory.is_open());
}

mode_t mode_of(const char* path) {
    struct stat stat = {};
    assert_int_equal(lstat(path, &stat), 0);
    return stat.st_mode & 07777;
}

std::size_t count_of_files(const char* path) {
    const std::filesystem::directory_iterator all(path);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

void a_store_is_made_for_us_alone_whatever_the_umask(void**) {
    for (const mode_t mask : {0u, 0777u}) {
        const std::string store = "store" + std::to_string(mask);
        const mode_t before = umask(mask);
        const StoreRoot root = must_open(store.c_str());
        Shard shard;
        const bwrt_status status = open_shard(root, "rank-0", Access::kCreate, true, &shard, {});
        umask(before);
        assert_int_equal(status, BWRT_OK);
        for (const char* directory : {"", "/shards", "/shards/rank-0"}) {
            assert_int_equal(mode_of((store + directory).c_str()), 0700);
        }
        assert_int_equal(mode_of((store + "/bwrt-store").c_str()), 0600);
        assert_int_equal(mode_of((store + "/shards/rank-0/lock").c_str()), 0600);
        assert_int_equal(count_of_files(store.c_str()), 2);  // no draft is left
    }
}

void a_store_that_is_opened_again_is_the_same(void**) {
    const Superblock made = must_open("store").superblock;
    const std::string bytes = bytes_of("store/bwrt-store");
    const Superblock again = must_open("store").superblock;
    assert_memory_equal(&made, &again, sizeof made);
    assert_memory_equal(bytes.data(), &made, sizeof made);
    const Superblock other = must_open("other").superblock;
    assert_memory_not_equal(made.store_id, other.store_id, sizeof made.store_id);
    assert_memory_not_equal(made.secret, other.secret, sizeof made.secret);
}

void a_reader_makes_nothing(void**) {
    expect_refusal("store", BWRT_E_IO, "store: no such directory", Access::kRead);
    assert_int_equal(mkdir("store", 0700), 0);
    expect_refusal("store", BWRT_E_FORMAT, "holds no store", Access::kRead);
    assert_int_equal(count_of_files("store"), 0);
    const StoreRoot root = must_open("store");
    Shard shard;
    assert_int_equal(open_shard(root, "rank-0", Access::kRead, false, &shard, {}), BWRT_E_IO);
    assert_int_equal(count_of_files("store"), 1);
}

void what_cannot_be_made_says_what_is_missing(void**) {
    for (const char* path : {"no/such", "no/such/", "no//such"}) {
        expect_refusal(path, BWRT_E_IO,
                       (std::string(path) + " cannot be made: no does not exist").c_str());
    }
    expect_refusal("/no/such", BWRT_E_IO, "/no/such cannot be made: /no does not exist");
    assert_int_equal(count_of_files("."), 0);
}

void a_directory_that_holds_something_else_is_left_alone(void**) {
    assert_int_equal(mkdir("home", 0700), 0);
    put_bytes("home/thesis.txt", "all of it");
    expect_refusal("home", BWRT_E_FORMAT, "not empty");
    assert_int_equal(count_of_files("home"), 1);
    assert_string_equal(bytes_of("home/thesis.txt").c_str(), "all of it");
    put_bytes("file", "no directory");
    expect_refusal("file", BWRT_E_IO, "ENOTDIR");
}

void a_directory_that_others_may_write_is_refused(void**) {
    for (const mode_t mode : {0720u, 0702u, 0777u}) {
        const std::string path = "open" + std::to_string(mode);
        assert_int_equal(mkdir(path.c_str(), 0700), 0);
        assert_int_equal(chmod(path.c_str(), mode), 0);
        expect_refusal(path.c_str(), BWRT_E_INVAL, "may be written by others");
        assert_int_equal(count_of_files(path.c_str()), 0);
    }
}

void a_store_of_a_newer_format_is_refused_and_not_a_byte_of_it_changed(void**) {
    {
        const StoreRoot root = must_open("store");
        Superblock newer = root.superblock;
        newer.version = kFormatVersion + 1;
        put_bytes("store/bwrt-store",
                  std::string(reinterpret_cast<const char*>(&newer), sizeof newer));
    }
    const std::string before = bytes_of("store/bwrt-store");
    expect_refusal("store", BWRT_E_FORMAT, "store format 2");
    assert_true(bytes_of("store/bwrt-store") == before);
    assert_int_equal(count_of_files("store"), 1);
}

void a_damaged_or_foreign_superblock_is_never_repaired(void**) {
    static_cast<void>(must_open("store"));
    const std::string good = bytes_of("store/bwrt-store");
    const auto expect = [&](const std::string& bytes, const char* says) {
        put_bytes("store/bwrt-store", bytes);
        expect_refusal("store", BWRT_E_FORMAT, says);
        assert_true(bytes_of("store/bwrt-store") == bytes);
    };
    std::string flipped = good;
    flipped[100] = static_cast<char>(flipped[100] ^ 1);
    expect(flipped, "damaged");
    expect(good.substr(0, 4000), "not of a bwrt store");
    expect("", "not of a bwrt store");
    expect(std::string(4096, 'x'), "not of a bwrt store");
    put_bytes("store/bwrt-store", good);
    static_cast<void>(must_open("store"));
}

void nothing_is_reached_through_a_symbolic_link(void**) {
    static_cast<void>(must_open("store"));
    std::filesystem::rename("store/bwrt-store", "elsewhere");
    std::filesystem::create_symlink("../elsewhere", "store/bwrt-store");
    expect_refusal("store", BWRT_E_IO, "ELOOP");
    std::filesystem::rename("elsewhere", "store/bwrt-store");
    const StoreRoot root = must_open("store");
    std::filesystem::create_directory("outside");
    std::filesystem::create_symlink("../outside", "store/shards");
    Shard shard;
    assert_int_equal(open_shard(root, "rank-0", Access::kCreate, true, &shard, {}), BWRT_E_IO);
    assert_int_equal(count_of_files("outside"), 0);
}

// An older kernel, or a container's filter that has not heard of the call.
void without_openat2_nothing_is_reached_through_a_symbolic_link_either(void**) {
    static_cast<void>(must_open("store"));
    std::filesystem::copy_file("store/bwrt-store", "elsewhere");
    const int failed = bwrt::test::where_a_call_fails(SYS_openat2, ENOSYS, [] {
        StoreRoot root;
        if (open_root("store", 0, nullptr, Access::kCreate, &root, {}) != BWRT_OK) return 2;
        if (unlink("store/bwrt-store") != 0) return 3;
        if (symlink("../elsewhere", "store/bwrt-store") != 0) return 4;
        if (open_root("store", 0, nullptr, Access::kCreate, &root, {}) != BWRT_E_IO) return 5;
        return 0;
    });
    assert_int_equal(failed, 0);
}

// What cannot be read may hold anything.
void a_directory_that_cannot_be_read_does_not_look_empty(void**) {
    assert_int_equal(mkdir("home", 0700), 0);
    put_bytes("home/thesis.txt", "all of it");
    const int failed = bwrt::test::where_a_call_fails(SYS_getdents64, EIO, [] {
        StoreRoot root;
        return open_root("home", 0, nullptr, Access::kCreate, &root, {}) == BWRT_E_IO ? 0 : 1;
    });
    assert_int_equal(failed, 0);
    assert_int_equal(count_of_files("home"), 1);
}

void further_directories_belong_to_the_store_of_the_first(void**) {
    const StoreRoot first = must_open("a");
    const StoreRoot second = must_open("b", Access::kCreate, 1, &first);
    assert_memory_equal(first.superblock.store_id, second.superblock.store_id, kStoreIdBytes);
    const std::uint8_t no_secret[kSecretBytes] = {};
    assert_memory_equal(second.superblock.secret, no_secret, kSecretBytes);
    static_cast<void>(must_open("b", Access::kRead, 1, &first));
    expect_refusal("b", BWRT_E_FORMAT, "directory 1 of its store, not 2", Access::kRead, 2, &first);
    expect_refusal("b", BWRT_E_FORMAT, "directory 1 of its store, not 0", Access::kRead, 0);
    static_cast<void>(must_open("c"));
    expect_refusal("c", BWRT_E_FORMAT, "another store", Access::kRead, 1, &first);
}

void processes_that_make_a_store_at_once_agree_on_it(void**) {
    constexpr int kCount = 8;
    std::set<std::string> ids;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < kCount; ++i) {
        if (fork() != 0) continue;
        StoreRoot root;
        bwrt_status status = open_root("store", 0, nullptr, Access::kCreate, &root, {});
        // What one has made by then must not look like somebody else's to the next.
        Shard shard;
        const std::string name = std::to_string(i);
        if (status == BWRT_OK) {
            status = open_shard(root, name.c_str(), Access::kCreate, true, &shard, {});
        }
        const bool told = write(pipes[1], root.superblock.store_id, kStoreIdBytes) == kStoreIdBytes;
        _exit(status == BWRT_OK && told ? 0 : 1);
    }
    for (int i = 0; i < kCount; ++i) {
        int status = -1;
        wait(&status);
        assert_int_equal(status, 0);
        char id[kStoreIdBytes];
        assert_int_equal(read(pipes[0], id, sizeof id), sizeof id);
        ids.insert(std::string(id, sizeof id));
    }
    assert_int_equal(ids.size(), 1);
    assert_int_equal(count_of_files("store"), 2);
    assert_int_equal(count_of_files("store/shards"), kCount);
    close(pipes[0]);
    close(pipes[1]);
}

void a_shards_name_cannot_lead_out_of_the_store(void**) {
    const std::string long_name(65, 'a');
    for (const char* name : {"", ".", "..", ".hidden", "a/b", "/etc", "../x", "a b", "a\nb",
                             "\xC3\xA4", long_name.c_str()}) {
        assert_false(is_shard_name(name));
    }
    for (const char* name : {"0", "rank-0", "tp0_pp1", "model.v2", long_name.c_str() + 1}) {
        assert_true(is_shard_name(name));
    }
    const StoreRoot root = must_open("store");
    Shard shard;
    bwrt_error error = {};
    assert_int_equal(open_shard(root, "../x", Access::kCreate, true, &shard, {&error}),
                     BWRT_E_INVAL);
    assert_string_equal(error.field, "store.shard");
    assert_int_equal(count_of_files("store"), 1);
}

void a_store_that_others_may_read_or_write_below_the_root_is_refused(void**) {
    const StoreRoot root = must_open("store");
    assert_int_equal(chmod("store/bwrt-store", 0640), 0);
    expect_refusal("store", BWRT_E_INVAL, "may be read by others");  // the secret
    assert_int_equal(chmod("store/bwrt-store", 0600), 0);
    Shard shard;
    assert_int_equal(open_shard(root, "a", Access::kCreate, false, &shard, {}), BWRT_OK);
    for (const char* directory : {"store/shards", "store/shards/a"}) {
        assert_int_equal(chmod(directory, 0770), 0);
        bwrt_error error = {};
        assert_int_equal(open_shard(root, "a", Access::kRead, false, &shard, {&error}),
                         BWRT_E_INVAL);
        assert_non_null(std::strstr(error.message, "may be written by others"));
        assert_int_equal(chmod(directory, 0700), 0);
    }
}

// A worker that was forked meanwhile has the lock's file open, too: it neither keeps the lock nor
// lets go of it.
void a_lock_is_its_takers_whatever_a_child_does(void**) {
    const StoreRoot root = must_open("store");
    int over[2];
    assert_int_equal(pipe(over), 0);
    auto* shard = new Shard();
    assert_int_equal(open_shard(root, "a", Access::kCreate, true, shard, {}), BWRT_OK);
    const pid_t living = fork();
    if (living == 0) {
        close(over[1]);
        char byte = 0;
        _exit(read(over[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(over[0]);
    const pid_t leaving = fork();
    if (leaving == 0) {
        delete shard;
        _exit(0);
    }
    int status = -1;
    waitpid(leaving, &status, 0);
    Shard other;
    assert_int_equal(open_shard(root, "a", Access::kCreate, true, &other, {}), BWRT_E_LOCKED);
    delete shard;
    assert_int_equal(open_shard(root, "a", Access::kCreate, true, &other, {}), BWRT_OK);
    close(over[1]);
    waitpid(living, &status, 0);
    assert_int_equal(status, 0);
}

void a_shard_has_one_writer_and_says_which_process_it_is(void**) {
    const StoreRoot root = must_open("store");
    int ready[2], over[2];
    assert_int_equal(pipe(ready) | pipe(over), 0);
    const pid_t writer = fork();
    if (writer == 0) {
        Shard shard;
        char byte = open_shard(root, "rank-0", Access::kCreate, true, &shard, {}) == BWRT_OK;
        _exit(write(ready[1], &byte, 1) == 1 && read(over[0], &byte, 1) == 1 ? 0 : 1);
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    Shard shard;
    bwrt_error error = {};
    const bwrt_status second = open_shard(root, "rank-0", Access::kCreate, true, &shard, {&error});
    Shard reader, other;
    const bwrt_status reading = open_shard(root, "rank-0", Access::kRead, false, &reader, {});
    const bwrt_status beside = open_shard(root, "rank-1", Access::kCreate, true, &other, {});
    kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    assert_int_equal(second, BWRT_E_LOCKED);
    assert_non_null(std::strstr(error.message, std::to_string(writer).c_str()));
    assert_int_equal(reading, BWRT_OK);
    assert_int_equal(beside, BWRT_OK);
    // A lock dies with its holder, however that died.
    assert_int_equal(open_shard(root, "rank-0", Access::kCreate, true, &shard, {}), BWRT_OK);
    for (const int fd : {ready[0], ready[1], over[0], over[1]}) close(fd);
}

std::string why_locked(const StoreRoot& root, Access access) {
    Shard shard;
    bwrt_error error = {};
    assert_int_equal(open_shard(root, "a", access, true, &shard, {&error}), BWRT_E_LOCKED);
    return error.message;
}

// Between the lock and the pid in it there is a moment.
void a_lock_without_a_pid_is_anothers_and_one_with_ours_is_this_process_s(void**) {
    const StoreRoot root = must_open("store");
    Shard shard;
    assert_int_equal(open_shard(root, "a", Access::kCreate, true, &shard, {}), BWRT_OK);
    const char* way_out = "; name another store.shard, or open as a READER";
    assert_string_equal(why_locked(root, Access::kCreate).c_str(),
                        (std::string("shard a is written by this process") + way_out).c_str());
    assert_string_equal(why_locked(root, Access::kRead).c_str(),
                        "shard a is written by this process");
    put_bytes("store/shards/a/lock", "");
    assert_string_equal(why_locked(root, Access::kCreate).c_str(),
                        (std::string("shard a is written by another process") + way_out).c_str());
}

}  // namespace

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main() {
    const CMUnitTest tests[] = {
        IN_A_FOLDER(a_store_is_made_for_us_alone_whatever_the_umask),
        IN_A_FOLDER(a_store_that_is_opened_again_is_the_same),
        IN_A_FOLDER(a_reader_makes_nothing),
        IN_A_FOLDER(a_directory_that_holds_something_else_is_left_alone),
        IN_A_FOLDER(what_cannot_be_made_says_what_is_missing),
        IN_A_FOLDER(a_directory_that_others_may_write_is_refused),
        IN_A_FOLDER(a_store_of_a_newer_format_is_refused_and_not_a_byte_of_it_changed),
        IN_A_FOLDER(a_damaged_or_foreign_superblock_is_never_repaired),
        IN_A_FOLDER(nothing_is_reached_through_a_symbolic_link),
        IN_A_FOLDER(without_openat2_nothing_is_reached_through_a_symbolic_link_either),
        IN_A_FOLDER(a_directory_that_cannot_be_read_does_not_look_empty),
        IN_A_FOLDER(further_directories_belong_to_the_store_of_the_first),
        IN_A_FOLDER(processes_that_make_a_store_at_once_agree_on_it),
        IN_A_FOLDER(a_shards_name_cannot_lead_out_of_the_store),
        IN_A_FOLDER(a_store_that_others_may_read_or_write_below_the_root_is_refused),
        IN_A_FOLDER(a_lock_is_its_takers_whatever_a_child_does),
        IN_A_FOLDER(a_shard_has_one_writer_and_says_which_process_it_is),
        IN_A_FOLDER(a_lock_without_a_pid_is_anothers_and_one_with_ours_is_this_process_s),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
