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
#include <iterator>
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
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void put_bytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

// In a child process in which the system call fails with os_code: what body() returns, as an exit
// status.
template <typename Body>
int where_a_call_fails(int call, int os_code, Body&& body) {
    const pid_t child = fork();
    if (child == 0) {
        sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(os_code)),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const sock_fprog program = {sizeof filter / sizeof *filter, filter};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
            _exit(99);
        }
        _exit(body());
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace bwrt::test
