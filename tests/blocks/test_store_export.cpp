// SPDX-License-Identifier: Apache-2.0
//
// test_store_export.cpp — a host tier that another process looks into: what is pinned lies there as
// it was put, and nothing that process does can harm it.
//
// The other process is forked before there is a runtime, so that it has nothing of it, and is sent
// the fd over a socket.  It is told where a block lies and says whether that is the block.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;

enum What : std::uint32_t {
    kIsBlock,     // at this offset
    kCanBeRead,   // every page of it
    kIsReadOnly,  // whatever is tried
};

struct Question {
    What what = kIsBlock;
    Key key;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

enum : int { kYes = 0, kNo = 1, kNoMapping = 2 };

void send_fd(int socket, int fd, std::uint64_t length_bytes) {
    char control[CMSG_SPACE(sizeof fd)] = {};
    iovec bytes = {&length_bytes, sizeof length_bytes};
    msghdr message = {};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    assert_int_equal(sendmsg(socket, &message, 0), sizeof length_bytes);
}

int receive_fd(int socket, std::uint64_t* length_bytes_out) {
    int fd = -1;
    char control[CMSG_SPACE(sizeof fd)] = {};
    iovec bytes = {length_bytes_out, sizeof *length_bytes_out};
    msghdr message = {};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(socket, &message, 0) != sizeof *length_bytes_out) return -1;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

// Through this fd, and through another one of the same file.
bool is_refused(int fd) {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const int again = open(path, O_RDWR | O_CLOEXEC);
    bool refused = true;
    for (const int one : {fd, again}) {
        if (one < 0) continue;  // which is a refusal, too
        const char byte = 1;
        refused = refused && pwrite(one, &byte, 1, 0) < 0 && errno == EPERM;
        refused = refused && ftruncate(one, 4096) != 0 && errno == EPERM;
        refused = refused && ftruncate(one, off_t{1} << 40) != 0 && errno == EPERM;
        refused = refused && fallocate(one, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) &&
                  errno == EPERM;
        refused = refused &&
                  mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, one, 0) == MAP_FAILED;
        refused = refused && fcntl(one, F_ADD_SEALS, F_SEAL_GROW) != 0 && errno == EPERM;
    }
    if (again >= 0) close(again);
    return refused;
}

[[noreturn]] void answer_questions(int socket) {
    std::uint64_t length_bytes = 0;
    const int fd = receive_fd(socket, &length_bytes);
    void* mapped = mmap(nullptr, length_bytes, PROT_READ, MAP_SHARED, fd, 0);
    const auto* bytes = static_cast<const unsigned char*>(mapped);
    Question question;
    while (recv(socket, &question, sizeof question, 0) == sizeof question) {
        char answer = mapped == MAP_FAILED ? kNoMapping : kNo;
        if (mapped == MAP_FAILED) {
        } else if (question.what == kIsBlock) {
            const bool inside = question.offset + question.length <= length_bytes;
            if (inside && is_block(bytes + question.offset, question.key, question.length)) {
                answer = kYes;
            }
        } else if (question.what == kCanBeRead) {
            unsigned sum = 0;
            for (std::uint64_t i = 0; i < length_bytes; i += 4096) sum += bytes[i];
            answer = sum != 0 ? kYes : kNo;
        } else if (is_refused(fd)) {
            answer = kYes;
        }
        if (send(socket, &answer, 1, MSG_NOSIGNAL) != 1) break;
    }
    _exit(0);
}

struct Neighbour {
    BlockWorld world;
    pid_t process = -1;
    int socket = -1;

    void open(StoreOf store) {
        store.store.flags |= BWRT_STORE_EXPORT;
        world.open(store);
        const bwrt_store_info found = info();
        assert_true(found.host_fd >= 0);
        send_fd(socket, found.host_fd, found.host_bytes);
    }
    bwrt_store_info info() { return info_of(&world); }
    int ask_it(const Question& question) {
        char answer = -1;
        assert_int_equal(send(socket, &question, sizeof question, MSG_NOSIGNAL), sizeof question);
        assert_int_equal(recv(socket, &answer, 1, 0), 1);
        return answer;
    }
    int sees(Key key, std::uint64_t address, std::uint64_t length = kLength) {
        const auto start = reinterpret_cast<std::uintptr_t>(info().host_address);
        return ask_it({kIsBlock, key, address - start, length});
    }
    std::uint64_t pin(Key key, std::uint32_t count = 1) {
        Request request(&world, BWRT_OP_PIN, key, count);
        assert_int_equal(request.run(), BWRT_OK);
        return request.results[0].address;
    }
};

Neighbour* neighbour_of(void** state) { return static_cast<Neighbour*>(*state); }

int enter_neighbour(void** state) {
    auto* neighbour = new Neighbour;
    *state = neighbour;
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) return -1;
    neighbour->process = fork();
    if (neighbour->process == 0) {
        close(sockets[0]);
        answer_questions(sockets[1]);
    }
    close(sockets[1]);
    neighbour->socket = sockets[0];
    return enter_folder(&neighbour->world.folder);
}

int leave_neighbour(void** state) {
    Neighbour* neighbour = neighbour_of(state);
    int failed = neighbour->world.close_with(BWRT_SHUTDOWN_CANCEL);
    close(neighbour->socket);
    int status = 0;
    failed |= waitpid(neighbour->process, &status, 0) == neighbour->process ? status : -1;
    delete neighbour->world.clock;
    failed |= leave_folder(&neighbour->world.folder);
    delete neighbour;
    return failed;
}

void another_process_sees_a_pinned_block_whatever_else_comes_and_goes(void** state) {
    Neighbour* neighbour = neighbour_of(state);
    BlockWorld* world = &neighbour->world;
    neighbour->open(StoreOf(16 * kMib, 0));
    std::vector<std::pair<Key, std::uint64_t>> pinned;
    for (std::uint32_t chain = 1; chain <= 8; ++chain) {
        assert_int_equal(put(world, {chain, 0}), BWRT_OK);
        pinned.emplace_back(Key{chain, 0}, neighbour->pin({chain, 0}));
    }
    for (std::uint32_t round = 0; round < 3; ++round) {
        // As much as the tier has room for, and so as much goes.
        for (std::uint32_t i = 0; i < 16; ++i) {
            put(world, {100 + round * 16 + i, 0}, 16);
        }
        for (const auto& [key, address] : pinned) {
            assert_int_equal(neighbour->sees(key, address), kYes);
        }
        assert_int_equal(neighbour->sees({99, 0}, pinned[0].second), kNo);
    }
    assert_true(sample_store(world).host.evicted_count > 256);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {1, 0}), BWRT_OK);
}

void another_process_sees_what_a_pin_has_brought_from_the_disk(void** state) {
    Neighbour* neighbour = neighbour_of(state);
    BlockWorld* world = &neighbour->world;
    neighbour->open(StoreOf(16 * kMib, kDiskBytes));
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 4), BWRT_OK);
    settle(world);
    for (std::uint32_t i = 0; i < 4; ++i) {
        assert_int_equal(neighbour->sees({1, i}, neighbour->pin({1, i})), kYes);
    }
}

void nobody_but_the_store_can_change_its_memory(void** state) {
    Neighbour* neighbour = neighbour_of(state);
    neighbour->open(StoreOf(16 * kMib, 0));
    assert_int_equal(neighbour->ask_it({kIsReadOnly, {}, 0, 0}), kYes);
    assert_true(is_refused(neighbour->info().host_fd));
    assert_int_equal(put(&neighbour->world, {1, 0}, 4), BWRT_OK);
    assert_int_equal(get(&neighbour->world, {1, 0}, 4), BWRT_OK);
}

void what_was_mapped_can_be_read_when_the_store_is_closed(void** state) {
    Neighbour* neighbour = neighbour_of(state);
    neighbour->open(StoreOf(16 * kMib, 0));
    assert_int_equal(put(&neighbour->world, {1, 0}, 4), BWRT_OK);
    const int fd = neighbour->info().host_fd;
    neighbour->world.close();
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(neighbour->ask_it({kCanBeRead, {}, 0, 0}), kYes);
}

void the_info_tells_of_a_memfd_that_is_all_there(void** state) {
    Neighbour* neighbour = neighbour_of(state);
    neighbour->open(StoreOf(16 * kMib, kDiskBytes));
    const bwrt_store_info info = neighbour->info();
    assert_int_equal(info.flags, BWRT_STORE_EXPORT);
    assert_null(info.huge_reason);
    assert_int_equal(fcntl(info.host_fd, F_GETFD), FD_CLOEXEC);
    struct stat stat = {};
    assert_int_equal(fstat(info.host_fd, &stat), 0);
    assert_true(stat.st_size >= static_cast<off_t>(info.host_bytes));
    assert_true(stat.st_blocks * 512 >= static_cast<off_t>(info.host_bytes));
    int memfd_count = 0;  // what blocks pass through on their way is nobody's
    for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        const std::string target = std::filesystem::read_symlink(fd, gone).string();
        if (target.find("memfd:bwrt-region") != std::string::npos) ++memfd_count;
    }
    assert_int_equal(memfd_count, 1);
}

void huge_pages_of_exported_memory_are_in_force_or_it_is_said_why_not(void** state) {
    Neighbour* neighbour = neighbour_of(state);
    StoreOf store(16 * kMib, 0);
    store.store.flags = BWRT_STORE_HUGE;
    neighbour->open(store);
    const bwrt_store_info info = neighbour->info();
    const bool is_huge = (info.flags & BWRT_STORE_HUGE) != 0;
    assert_int_equal(info.flags & ~std::uint32_t{BWRT_STORE_HUGE}, BWRT_STORE_EXPORT);
    assert_int_equal(is_huge, info.huge_reason == nullptr);
    assert_int_equal(put(&neighbour->world, {1, 0}), BWRT_OK);
    assert_int_equal(neighbour->sees({1, 0}, neighbour->pin({1, 0})), kYes);
}

void without_a_host_tier_there_is_nothing_to_export(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf store(0, kDiskBytes);
    store.store.flags = BWRT_STORE_EXPORT;
    assert_int_equal(world->try_open(store), BWRT_E_INVAL);
    assert_string_equal(world->error.field, "store.flags");
    store.store.disk_bytes = 0;
    store.store.block_count_max = 0;
    store.store.flags |= BWRT_STORE_READER;
    assert_int_equal(world->try_open(store), BWRT_E_INVAL);
    assert_string_equal(world->error.field, "store.flags");
}

#define BESIDE_A_NEIGHBOUR(sentence) \
    cmocka_unit_test_setup_teardown(sentence, enter_neighbour, leave_neighbour)

const CMUnitTest kTests[] = {
    BESIDE_A_NEIGHBOUR(another_process_sees_a_pinned_block_whatever_else_comes_and_goes),
    BESIDE_A_NEIGHBOUR(another_process_sees_what_a_pin_has_brought_from_the_disk),
    BESIDE_A_NEIGHBOUR(nobody_but_the_store_can_change_its_memory),
    BESIDE_A_NEIGHBOUR(what_was_mapped_can_be_read_when_the_store_is_closed),
    BESIDE_A_NEIGHBOUR(the_info_tells_of_a_memfd_that_is_all_there),
    BESIDE_A_NEIGHBOUR(huge_pages_of_exported_memory_are_in_force_or_it_is_said_why_not),
    IN_BLOCK_WORLD(without_a_host_tier_there_is_nothing_to_export),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES_OF(kTests, kBlocksModes, failures);
    return failures;
}
