// SPDX-License-Identifier: Apache-2.0
//
// replay_main.cpp — runs the inputs in files and folders once each, without a fuzzer: the corpus
// as a test, in every build and under every sanitizer; an input that made a finding, in a debugger.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/machine.h"

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        if (!std::filesystem::is_directory(argv[i])) {
            files.emplace_back(argv[i]);
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
            if (entry.is_regular_file()) files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    bwrt::fuzz::Tally::start();
    static bwrt::fuzz::Machine machine;
    for (const auto& path : files) {
        std::ifstream stream(path, std::ios::binary);
        const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
        std::fprintf(stderr, "%s\n", path.c_str());  // the last one is to blame
        machine.run(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    bwrt::fuzz::Tally::print();
    std::printf("%zu inputs replayed\n", files.size());
    return files.empty() ? 1 : 0;
}
