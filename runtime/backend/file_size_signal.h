// SPDX-License-Identifier: Apache-2.0
//
// file_size_signal.h — keeps SIGXFSZ from a thread that is not ours.

#pragma once

#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace bwrt::runtime {

// A write past RLIMIT_FSIZE raises SIGXFSZ on the submitting thread, and the default ends the
// process.  Ours to keep from a caller's thread, without touching one that it had pending.
class FileSizeSignalGuard {
 public:
    FileSizeSignalGuard() {
        rlimit limit{};
        if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) return;
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGXFSZ);
        pthread_sigmask(SIG_BLOCK, &signals_, &before_);
        active_ = sigismember(&before_, SIGXFSZ) == 0;
    }
    ~FileSizeSignalGuard() {
        if (!active_) return;
        const timespec at_once{};
        while (sigtimedwait(&signals_, nullptr, &at_once) < 0 && errno == EINTR) {
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    FileSizeSignalGuard(const FileSizeSignalGuard&) = delete;
    FileSizeSignalGuard& operator=(const FileSizeSignalGuard&) = delete;

 private:
    sigset_t signals_{};
    sigset_t before_{};
    bool active_ = false;
};

}  // namespace bwrt::runtime
