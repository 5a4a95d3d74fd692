// SPDX-License-Identifier: Apache-2.0
//
// redis_server.cpp — see redis_server.h.

#include "bench/redis_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "bench/measure.h"

namespace bwrt::bench {
namespace {

// -1 with errno when nobody listens.
int try_connect(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        throw Failure("E_INVAL", path + ": too long for the name of a socket");
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail_system("a socket", errno);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    const int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

// In the child: what runs here may be called after a fork.
[[noreturn]] void become(const std::vector<char*>& arguments, const std::vector<char*>& variables) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();  // a Ctrl-C is for the benchmark, which then stops its server
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, fd);
    execvpe(arguments[0], arguments.data(), variables.data());
    _exit(127);
}

}  // namespace

int connect_unix(const std::string& path) {
    const int fd = try_connect(path);
    if (fd < 0) fail_system(path, errno);
    return fd;
}

RedisServer::RedisServer(const PeerOptions& options) : socket_path_(options.folder + "/socket") {
    const std::string durable = options.durable ? "yes" : "no";
    std::vector<std::string> words = {"redis-server",
                                      "--port",
                                      "0",
                                      "--unixsocket",
                                      socket_path_,
                                      "--dir",
                                      options.folder,
                                      "--save",
                                      "",
                                      "--appendonly",
                                      durable,
                                      "--appendfsync",
                                      "always",
                                      "--daemonize",
                                      "no",
                                      "--maxmemory",
                                      "0",
                                      "--logfile",
                                      "",
                                      "--timeout",
                                      "0"};
    // It keeps the memory of large values too, which it would else give back after each.
    std::string allocator = "MALLOC_CONF=oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1";
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<char*> variables = {allocator.data()};
    for (char** one = environ; *one != nullptr; ++one) variables.push_back(*one);
    variables.push_back(nullptr);

    process_ = fork();
    if (process_ < 0) fail_system("redis-server", errno);
    if (process_ == 0) become(arguments, variables);
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const int fd = try_connect(socket_path_);
        if (fd >= 0) {
            close(fd);
            return;
        }
        if (waitpid(process_, nullptr, WNOHANG) == process_) {
            process_ = -1;
            throw Failure("E_IO", "redis-server ended at once");
        }
        const timespec pause = {0, 10'000'000};
        nanosleep(&pause, nullptr);
    }
    stop();
    throw Failure("E_IO", "redis-server does not listen");
}

RedisServer::~RedisServer() { stop(); }

// It has nothing to save.
void RedisServer::stop() {
    if (process_ < 0) return;
    kill(process_, SIGKILL);
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
}

std::uint64_t RedisServer::cpu_time_ns() const {
    clockid_t clock = 0;
    timespec time = {};
    const int failed = clock_getcpuclockid(process_, &clock);
    if (failed != 0) fail_system("redis-server's processor time", failed);
    if (clock_gettime(clock, &time) != 0) fail_system("redis-server's processor time", errno);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(time.tv_nsec);
}

std::string redis_version() {
    std::FILE* const output = popen("redis-server --version 2>/dev/null", "re");
    if (output == nullptr) return "";
    char line[256] = {};
    const bool said = std::fgets(line, sizeof line, output) != nullptr;
    if (pclose(output) != 0 || !said) return "";
    const char* const begin = std::strstr(line, "v=");
    if (begin == nullptr) return "";
    return {begin + 2, std::strcspn(begin + 2, " \n")};
}

std::string why_redis_is_absent(const PeerOptions& options) {
    static const std::string version = redis_version();
    if (version.empty()) return "there is no redis-server";
    if (options.tier == Tier::kCold) return "it keeps everything in memory";
    return "";
}

}  // namespace bwrt::bench
