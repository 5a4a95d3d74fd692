// SPDX-License-Identifier: Apache-2.0
//
// oracle.h — what was recorded of the systems whose rules are kept here, where that record is at
// hand: in the folder that BWRT_ORACLE names, else beside the checkout.

#pragma once

#include <cjson/cJSON.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/cmocka.h"

namespace bwrt::test {

// Null, and said so, when it is not at hand.  The caller deletes it.
inline cJSON* read_oracle(const char* name) {
    const char* folder = std::getenv("BWRT_ORACLE");
    const std::string path =
        std::string(folder != nullptr ? folder : BWRT_ORACLE_FOLDER) + "/" + name;
    std::FILE* file = std::fopen(path.c_str(), "r");
    if (file == nullptr) {
        print_message("skipped: %s is not at hand\n", path.c_str());
        return nullptr;
    }
    std::string text;
    for (int c = 0; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
    std::fclose(file);
    return cJSON_Parse(text.c_str());
}

}  // namespace bwrt::test
