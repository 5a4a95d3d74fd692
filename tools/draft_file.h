// SPDX-License-Identifier: Apache-2.0
//
// draft_file.h — a new file beside a path, behind symbolic links, which takes its place when it is
// whole and on the disk, or does not outlive this.

#pragma once

#include <string>

namespace bwrt::tools {

// Returns errno, or 0.
int write_all(int fd, const std::string& bytes);

// What is at `path`; empty when nothing is.  A pipe or a device is not looked into: it throws.
std::string text_at(const std::string& path);

class DraftFile {
 public:
    // Each throws what the system said of `path`.
    explicit DraftFile(const std::string& path);
    ~DraftFile();
    DraftFile(const DraftFile&) = delete;
    DraftFile& operator=(const DraftFile&) = delete;

    void append(const std::string& bytes);
    void take_place();

 private:
    std::string path_;  // as the caller named it
    std::string target_;
    std::string name_;
    int fd_;
};

}  // namespace bwrt::tools
