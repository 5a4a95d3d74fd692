// SPDX-License-Identifier: Apache-2.0

#include "tools/draft_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/output.h"

namespace bwrt::tools {

int write_all(int fd, const std::string& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t count = write(fd, bytes.data() + done, bytes.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count < 0 ? errno : ENOSPC;
        done += static_cast<std::size_t>(count);
    }
    return 0;
}

std::string text_at(const std::string& path) {
    struct stat stat = {};
    if (::stat(path.c_str(), &stat) != 0) {
        if (errno == ENOENT) return {};
        fail_system(path, errno);
    }
    if (!S_ISREG(stat.st_mode)) throw Failure("E_INVAL", path + " is not a regular file");
    std::ifstream file(path);
    if (!file) fail_system(path, errno);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

DraftFile::DraftFile(const std::string& path) : path_(path), target_(path) {
    struct stat stat = {};
    if (::stat(path.c_str(), &stat) == 0) {
        // A device or a pipe would be gone, and a file in its place.
        if (!S_ISREG(stat.st_mode)) throw Failure("E_INVAL", path + " is not a regular file");
        target_ = std::filesystem::canonical(path);
    } else if (lstat(path.c_str(), &stat) == 0) {
        throw Failure("E_INVAL", path + " is a symbolic link to nothing");
    }
    name_ = target_ + ".XXXXXX";
    fd_ = mkostemp(name_.data(), O_CLOEXEC);
    if (fd_ < 0) fail_system(path, errno);
}

DraftFile::~DraftFile() {
    close(fd_);
    if (!name_.empty()) unlink(name_.c_str());
}

void DraftFile::append(const std::string& bytes) {
    if (const int os_code = write_all(fd_, bytes); os_code != 0) fail_system(path_, os_code);
}

void DraftFile::take_place() {
    if (fchmod(fd_, 0644) != 0 || fsync(fd_) != 0 || rename(name_.c_str(), target_.c_str()) != 0) {
        fail_system(path_, errno);
    }
    name_.clear();
}

}  // namespace bwrt::tools
