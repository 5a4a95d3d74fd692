// SPDX-License-Identifier: Apache-2.0
//
// peer_files.h — a folder for the stores that are compared, and the page cache of what is in it.
//
// The folder is new, and removed with all that is in it at every way out, Ctrl-C included: the
// signal sets a flag (test_file.h), the loops look at it, and the destructor removes.

#pragma once

#include <cstdint>
#include <string>

namespace bwrt::bench {

class PeerFolder {
 public:
    explicit PeerFolder(const std::string& place);
    ~PeerFolder();
    PeerFolder(const PeerFolder&) = delete;
    PeerFolder& operator=(const PeerFolder&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    // A new empty folder in it; whatever had the name is removed.
    [[nodiscard]] std::string make(const std::string& name) const;
    void remove(const std::string& name) const;

 private:
    std::string path_;
};

// Of one hint that bytes will be needed: the kernel cuts off a longer one.
constexpr std::uint64_t kHintBytes = std::uint64_t{1} << 20;

// Writes back what is dirty of the files in a folder and has the system forget them.  A page that
// is mapped stays: unmap first.
void evict_files(const std::string& folder);

// Of the bytes of the files in a folder, how much is in the page cache: 0 to 1.
[[nodiscard]] double resident_share(const std::string& folder);

}  // namespace bwrt::bench
