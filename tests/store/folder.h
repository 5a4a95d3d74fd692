// SPDX-License-Identifier: Apache-2.0
//
// folder.h — each test in a folder of its own, gone at its end also when it fails.

#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/cmocka.h"

namespace bwrt::test {

inline int enter_folder(void** state) {
    static char folder[64];
    std::strcpy(folder, "store-test-XXXXXX");
    *state = mkdtemp(folder);
    return *state == nullptr ? -1 : chdir(folder);
}

inline int leave_folder(void** state) {
    if (chdir("..") != 0) return -1;
    return std::filesystem::remove_all(static_cast<const char*>(*state)) == 0 ? -1 : 0;
}

inline std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();  // not byte by byte, each of which a sanitizer looks at
    return bytes.str();
}

inline void put_bytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

constexpr int kAnyFd = -1;

// From now on the system call, of this fd if one is named, fails in this process with os_code.
// There is no way back: for a child's.
inline void fail_from_now_on(int call, int os_code, int fd = kAnyFd) {
    const auto code = static_cast<unsigned>(call);
    const auto first = static_cast<unsigned>(fd);
    const auto fail = SECCOMP_RET_ERRNO | static_cast<unsigned>(os_code);
    const unsigned char skipped = fd == kAnyFd ? 2 : 0;
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, code, 0, 4),
        BPF_JUMP(BPF_JMP | BPF_JA, skipped, 0, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, fail),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(99);
    }
}

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;  // a child of a process with threads may begin none
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
#else
constexpr bool kThreadSanitizer = false;
#endif

// What body() returns in a child process, as an exit status.
template <typename Body>
int in_a_child(Body&& body) {
    const pid_t child = fork();
    if (child == 0) _exit(body());
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// In a child process in which the system call fails with os_code: what body() returns, as an exit
// status.
template <typename Body>
int where_a_call_fails(int call, int os_code, Body&& body) {
    return in_a_child([&] {
        fail_from_now_on(call, os_code);
        return body();
    });
}

}  // namespace bwrt::test
