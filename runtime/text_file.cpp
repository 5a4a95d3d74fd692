// SPDX-License-Identifier: Apache-2.0

#include "runtime/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace bwrt::runtime {
namespace {

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
};

}  // namespace

bwrt_status read_text_file(const char* path, std::size_t bytes_max, const char* field,
                           std::string* text_out, const ErrorSink& sink) {
    // Not blocking, should it be a pipe; that is refused next.
    const Descriptor file{open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    struct stat stat = {};
    if (file.fd < 0 || fstat(file.fd, &stat) != 0) {
        return fail_os(sink, BWRT_E_IO, errno, field, "%s: %s", path, errno_name(errno));
    }
    if (!S_ISREG(stat.st_mode)) {
        return fail(sink, BWRT_E_FORMAT, field, "%s is not a regular file", path);
    }
    if (static_cast<std::uint64_t>(stat.st_size) > bytes_max) {
        return fail(sink, BWRT_E_FORMAT, field, "%s has %lld bytes, more than %zu", path,
                    static_cast<long long>(stat.st_size), bytes_max);
    }
    std::string text(static_cast<std::size_t>(stat.st_size), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t count = read(file.fd, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            return fail_os(sink, BWRT_E_IO, errno, field, "%s: %s", path, errno_name(errno));
        }
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    text.resize(done);
    *text_out = std::move(text);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
