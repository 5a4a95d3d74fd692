// SPDX-License-Identifier: Apache-2.0
//
// test_file.cpp — see test_file.h.

#include "bench/test_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <random>

#include "bench/measure.h"
#include "bench/memory.h"

namespace bwrt::bench {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int) { interrupted = 1; }

}  // namespace

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = interrupt;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
    action.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &action, nullptr);  // a size limit is an error to report, not to die of
}

void throw_if_interrupted() {
    if (interrupted != 0) throw Failure("interrupted", "interrupted");
}

TestFile::TestFile(const std::string& place, std::uint64_t length_bytes, Cache cache)
    : path_(place), length_bytes_(length_bytes) {
    struct stat status {};
    if (stat(place.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
        path_ += "/.bwrt-bench-XXXXXX";
        fd_ = mkostemp(path_.data(), O_CLOEXEC);
    } else {
        fd_ = open(place.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd_ < 0) fail_system(path_, errno);
    try {
        direct_ = cache == Cache::kPast && fcntl(fd_, F_SETFL, O_DIRECT) == 0;
        fill();
    } catch (...) {  // the destructor of a half-built object does not run
        close(fd_);
        unlink(path_.c_str());
        throw;
    }
}

TestFile::~TestFile() {
    close(fd_);
    unlink(path_.c_str());
}

void TestFile::fill() {
    const int failed = posix_fallocate(fd_, 0, static_cast<off_t>(length_bytes_));
    if (failed != 0) fail_system(path_, failed);

    const Memory chunk(std::min(length_bytes_, std::uint64_t{4} << 20), Pages::kHuge);
    std::mt19937_64 random(1);
    for (std::uint64_t i = 0; i < chunk.length_bytes(); i += sizeof(std::uint64_t)) {
        const std::uint64_t word = random();
        std::memcpy(chunk.data() + i, &word, sizeof word);
    }
    for (std::uint64_t offset = 0; offset < length_bytes_; offset += chunk.length_bytes()) {
        throw_if_interrupted();
        const std::uint64_t part = std::min(chunk.length_bytes(), length_bytes_ - offset);
        for (std::uint64_t page = 0; page < part; page += kPageBytes) {
            const std::uint64_t word = page_word(offset + page);
            std::memcpy(chunk.data() + page, &word, sizeof word);
        }
        for (std::uint64_t done = 0; done < part;) {
            const ssize_t wrote =
                pwrite(fd_, chunk.data() + done, part - done, static_cast<off_t>(offset + done));
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote <= 0) fail_system(path_, wrote < 0 ? errno : ENOSPC);
            done += static_cast<std::uint64_t>(wrote);
        }
    }
    if (fsync(fd_) != 0) fail_system(path_, errno);
}

}  // namespace bwrt::bench
