// SPDX-License-Identifier: Apache-2.0
//
// folder.h — each test in a folder of its own, gone at its end also when it fails.

#pragma once

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

}  // namespace bwrt::test
