// SPDX-License-Identifier: Apache-2.0
//
// child.h — processes of the crash tests: begun, waited for, and what they say before they are
// gone.

#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace bwrt::crash {

constexpr unsigned kChildSeconds = 120;

// In a process of its own, which has so long.
template <typename Body>
pid_t begin_child(Body&& body) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(kChildSeconds);
        body();
        _exit(0);
    }
    return child;
}

// What its end was, as waitpid() has it.
inline int end_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) != child) {
    }
    return status;
}

// In memory that is shared by fork(), and zeros at first: what was found wrong, the first of it.
struct Accusation {
    char failure[256];  // empty: none

    [[gnu::format(printf, 2, 3)]] void accuse(const char* format, ...) noexcept {
        if (failure[0] != '\0') return;
        va_list arguments;
        va_start(arguments, format);
        std::vsnprintf(failure, sizeof failure, format, arguments);
        va_end(arguments);
    }
};

inline void sleep_ns(std::uint64_t nanoseconds) {
    const timespec span = {static_cast<time_t>(nanoseconds / 1'000'000'000),
                           static_cast<long>(nanoseconds % 1'000'000'000)};
    nanosleep(&span, nullptr);
}

// What a variable of the environment says, or so many.
inline std::uint32_t count_of_environment(const char* name, std::uint32_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise
                           : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

}  // namespace bwrt::crash
