// SPDX-License-Identifier: Apache-2.0
//
// fio.cpp — see fio.h.

#include "bench/fio.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

extern char** environ;

namespace bwrt::bench {
namespace {

// Starts a program, its standard output to be read from what is returned.
pid_t start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            int* output_out) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail_system("a pipe", errno);
    std::vector<char*> argv, envp;
    for (const std::string& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
    for (const std::string& one : environment) envp.push_back(const_cast<char*>(one.c_str()));
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t child = -1;
    const int failed = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        fail_system(arguments[0], failed);
    }
    *output_out = ends[0];
    return child;
}

std::string read_all(int fd) {
    std::string all;
    char buffer[8192];
    for (;;) {
        const ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        all.append(buffer, static_cast<std::size_t>(got));
    }
    close(fd);
    return all;
}

// What it printed; *status_out is waitpid's.
std::string run(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment, int* status_out) {
    int output = -1;
    const pid_t child = start(arguments, environment, &output);
    const std::string said = read_all(output);
    while (waitpid(child, status_out, 0) < 0 && errno == EINTR) {
    }
    return said;
}

std::vector<std::string> environment_of(FioMemory memory) {
    std::vector<std::string> environment;
    for (char** one = environ; *one != nullptr; ++one) environment.emplace_back(*one);
    if (memory == FioMemory::kHugeFixed) {
        environment.emplace_back("GLIBC_TUNABLES=glibc.malloc.hugetlb=1");
    }
    return environment;
}

std::vector<std::string> arguments_of(const TestFile& file, const IoJob& job, FioMemory memory) {
    std::vector<std::string> arguments = {
        "fio", "--name=bench", "--filename=" + file.path(),
        "--size=" + std::to_string(file.length_bytes()), "--allow_file_create=0",
        "--ioengine=io_uring", "--registerfiles", "--direct=1",
        "--rw=" + std::string(job.run_blocks > 1 ? "" : "rand") +
            (job.direction == Direction::kRead ? "read" : "write"),
        "--bs=" + std::to_string(job.block_bytes), "--iodepth=" + std::to_string(job.depth),
        // Worth 10 to 20 %: else it makes a system call for each request, and a vector of one.
        "--iodepth_batch_submit=" + std::to_string(job.depth), "--iodepth_batch_complete_min=1",
        "--iodepth_batch_complete_max=" + std::to_string(job.depth), "--nonvectored=1",
        "--time_based",
        "--runtime=" + std::to_string(std::max<std::uint64_t>(job.duration_ns / 1'000'000, 1)) +
            "ms",
        "--randseed=" + std::to_string(job.seed), "--gtod_reduce=1", "--scramble_buffers=0",
        "--output-format=json"};
    if (memory != FioMemory::kPlain) arguments.emplace_back("--fixedbufs");
    return arguments;
}

// 0 when there is no such number.
double number(const cJSON* object, const char* name) {
    const cJSON* const item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

}  // namespace

std::string find_fio() {
    try {
        int status = 0;
        std::string said = run({"fio", "--version"}, environment_of(FioMemory::kPlain), &status);
        if (status != 0) return "";
        said.erase(said.find_last_not_of(" \n") + 1);
        return said;
    } catch (const Failure&) {
        return "";
    }
}

IoResult run_fio(const TestFile& file, const IoJob& job, FioMemory memory) {
    int status = 0;
    const std::string said = run(arguments_of(file, job, memory), environment_of(memory), &status);
    throw_if_interrupted();
    if (status != 0) throw Failure("E_IO", "fio failed: " + said.substr(0, 200));
    // A warning may stand in front.
    const std::unique_ptr<cJSON, void (*)(cJSON*)> root(
        cJSON_Parse(said.c_str() + std::min(said.find('{'), said.size())), cJSON_Delete);
    const cJSON* const jobs = cJSON_GetObjectItemCaseSensitive(root.get(), "jobs");
    const cJSON* const first = cJSON_GetArrayItem(jobs, 0);
    const cJSON* const part = cJSON_GetObjectItemCaseSensitive(
        first, job.direction == Direction::kRead ? "read" : "write");
    IoResult result;
    result.bytes = static_cast<std::uint64_t>(number(part, "io_bytes"));
    const double runtime_ms = number(part, "runtime");
    if (result.bytes == 0 || runtime_ms <= 0) {
        throw Failure("E_PARSE", "fio's output has no figures: " + said.substr(0, 200));
    }
    result.wall_ns = static_cast<std::uint64_t>(1e6 * runtime_ms);
    const double cpu_percent = number(first, "usr_cpu") + number(first, "sys_cpu");
    result.cpu_ns = static_cast<std::uint64_t>(1e4 * cpu_percent * number(first, "job_runtime"));
    return result;
}

}  // namespace bwrt::bench
