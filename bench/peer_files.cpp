// SPDX-License-Identifier: Apache-2.0
//
// peer_files.cpp — see peer_files.h.

#include "bench/peer_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "bench/measure.h"
#include "bench/memory.h"

namespace bwrt::bench {
namespace {

class OpenFile {
 public:
    explicit OpenFile(const std::filesystem::path& path)
        : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (fd_ < 0) fail_system(path.string(), errno);
    }
    ~OpenFile() { close(fd_); }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    [[nodiscard]] int fd() const { return fd_; }

 private:
    int fd_;
};

std::vector<std::filesystem::path> files_in(const std::string& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
}

}  // namespace

PeerFolder::PeerFolder(const std::string& place)
    : path_(std::filesystem::absolute(place) / ".bwrt-bench-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) fail_system(path_, errno);
}

PeerFolder::~PeerFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string PeerFolder::make(const std::string& name) const {
    remove(name);
    const std::string folder = path_ + "/" + name;
    if (mkdir(folder.c_str(), 0700) != 0) fail_system(folder, errno);
    return folder;
}

void PeerFolder::remove(const std::string& name) const {
    std::filesystem::remove_all(path_ + "/" + name);
}

void evict_files(const std::string& folder) {
    for (const std::filesystem::path& path : files_in(folder)) {
        const OpenFile file(path);
        if (fdatasync(file.fd()) != 0) fail_system(path.string(), errno);
        const int failed = posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
        if (failed != 0) fail_system(path.string(), failed);
    }
}

double resident_share(const std::string& folder) {
    std::uint64_t page_count = 0, resident_count = 0;
    for (const std::filesystem::path& path : files_in(folder)) {
        const OpenFile file(path);
        struct stat status {};
        if (fstat(file.fd(), &status) != 0) fail_system(path.string(), errno);
        const auto length_bytes = static_cast<std::uint64_t>(status.st_size);
        if (length_bytes == 0) continue;
        void* const mapped = mmap(nullptr, length_bytes, PROT_READ, MAP_SHARED, file.fd(), 0);
        if (mapped == MAP_FAILED) fail_system(path.string(), errno);
        std::vector<unsigned char> pages((length_bytes + kPageBytes - 1) / kPageBytes);
        const int failed = mincore(mapped, length_bytes, pages.data()) == 0 ? 0 : errno;
        munmap(mapped, length_bytes);
        if (failed != 0) fail_system(path.string(), failed);
        // A file may be longer than its blocks: what was never written is no part of it.
        page_count += std::min<std::uint64_t>(
            pages.size(), static_cast<std::uint64_t>(status.st_blocks) * 512 / kPageBytes);
        for (const unsigned char page : pages) resident_count += page & 1u;
    }
    return page_count == 0 ? 0
                           : static_cast<double>(resident_count) / static_cast<double>(page_count);
}

}  // namespace bwrt::bench
