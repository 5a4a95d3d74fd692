// SPDX-License-Identifier: Apache-2.0
//
// storage_world.h — what the tests of storage backends stand on: a backend chosen by the
// program's argument, an unlinked file of known bytes, and a loop that brings results home.
//
//   pool           preadv_pool
//   uring          io_uring as a driver thread of ours has it
//   uring_shared   io_uring as callers that take turns have it
//
// It is had through open_storage(), so linked with another seam the same tests run on what that
// puts around it (tests/faulty).
//
// Where the machine forbids io_uring its tests are skipped, and say so.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "include/bwrt.h"
#include "runtime/backend/backend.h"
#include "tests/support/cmocka.h"

namespace bwrt::test {

using runtime::IoKind;
using runtime::IoRequest;
using runtime::IoResult;
using runtime::StorageBackend;
using runtime::StorageOptions;
using runtime::StorageReport;

inline std::string backend_name = "pool";

inline StorageOptions storage_options(const std::string& name) {
    StorageOptions options;
    options.storage = name == "pool" ? BWRT_STORAGE_POOL : BWRT_STORAGE_URING;
    options.single_driver = name == "uring";
    options.queue_depth = 16;
    options.file_count_max = 8;
    options.buffer_count_max = 8;
    options.pool_thread_count = 3;
    return options;
}

// The byte at an offset of the known file: no two pages of it are alike.
inline unsigned char byte_at(std::uint64_t offset) {
    return static_cast<unsigned char>(offset * 167 + (offset >> 8) * 13 + (offset >> 16));
}

constexpr std::uint64_t kKnownBytes = 1 << 20;

inline int open_unlinked_file() {
    char path[] = "bwrt-test-XXXXXX";
    const int fd = mkstemp(path);
    if (fd >= 0) unlink(path);
    return fd;
}

// Made once, and then copied and compared as a whole: a sanitizer looks at each byte that is made.
inline const std::vector<unsigned char>& known_bytes() {
    static const std::vector<unsigned char> known = [] {
        std::vector<unsigned char> bytes(kKnownBytes);
        for (std::uint64_t i = 0; i < kKnownBytes; ++i) bytes[i] = byte_at(i);
        return bytes;
    }();
    return known;
}

inline int open_known_file() {
    const int fd = open_unlinked_file();
    const std::vector<unsigned char>& bytes = known_bytes();
    if (fd < 0 || pwrite(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        std::perror("the known file");
        std::abort();
    }
    return fd;
}

inline bool has_known_bytes(const unsigned char* bytes, std::size_t count, std::uint64_t offset) {
    assert_true(offset <= kKnownBytes && count <= kKnownBytes - offset);
    return count == 0 || std::memcmp(bytes, known_bytes().data() + offset, count) == 0;
}

inline IoRequest read_of(std::int32_t file, const iovec* part, std::uint64_t offset,
                         std::uint32_t tag = 0) {
    IoRequest request;
    request.file = file;
    request.tag = tag;
    request.iovec_count = 1;
    request.iovecs = part;
    request.offset_bytes = offset;
    return request;
}

inline IoRequest write_of(std::int32_t file, const iovec* part, std::uint64_t offset,
                          std::uint32_t tag = 0) {
    IoRequest request = read_of(file, part, offset, tag);
    request.kind = IoKind::kWrite;
    return request;
}

// Starts what there is room for.  It may be refused all the same while a worker is held up in the
// middle of taking an earlier one; that goes by.
inline void start_soon(StorageBackend* storage, const IoRequest& request) {
    while (!storage->start(request)) std::this_thread::yield();
}

// Waits until `count` results came, in the order they came.
inline std::vector<IoResult> take(StorageBackend* storage, std::size_t count) {
    std::vector<IoResult> results(count);
    std::size_t taken = 0;
    while (taken < count) {
        storage->wait(-1);
        taken += storage->reap(&results[taken], static_cast<std::uint32_t>(count - taken));
    }
    return results;
}

// Starts one request and returns its result.
inline std::int32_t perform(StorageBackend* storage, const IoRequest& request) {
    start_soon(storage, request);
    return take(storage, 1)[0].result;
}

struct World {
    std::unique_ptr<StorageBackend> storage;
    StorageReport report;
    int fd = -1;
    std::int32_t file = -1;
};

inline int create_world(void** state) {
    auto world = std::make_unique<World>();
    world->storage = open_storage(storage_options(backend_name), &world->report);
    if (world->storage == nullptr && backend_name != "pool") {
        std::printf("no io_uring: %s\n", world->report.storage_reason.c_str());
    } else if (world->storage == nullptr) {
        return -1;
    } else {
        world->fd = open_known_file();
        world->file = world->storage->attach_file(world->fd);
    }
    *state = world.release();
    return 0;
}

inline int destroy_world(void** state) {
    const std::unique_ptr<World> world(static_cast<World*>(*state));
    if (world->fd >= 0) close(world->fd);
    return 0;
}

// The world of a test; ends the test where there is none.
inline World* world_of(void** state) {
    auto* const world = static_cast<World*>(*state);
    if (world->storage == nullptr) skip();
    return world;
}

inline std::uint64_t test_seed() {
    const char* const given = std::getenv("BWRT_TEST_SEED");
    const std::uint64_t seed = given != nullptr
                                   ? std::strtoull(given, nullptr, 0)
                                   : static_cast<std::uint64_t>(getpid()) * 2654435761u;
    std::printf("BWRT_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return seed;
}

}  // namespace bwrt::test
