// SPDX-License-Identifier: Apache-2.0
//
// output.h — how the bwrt command speaks: sentences for people, one JSON object for
// programs, a progress bar on a terminal only.
//
// Results go to standard output, progress and failures to standard error; with --json a
// failure is also an object on standard output, so that a program always has one to read:
//
//   {"error": {"code": "E_NOSPC", "sentence": "no space left ..."}}

#pragma once

#include <bwrt.h>
#include <cjson/cJSON.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bwrt::tools {

// Why a command ended without doing what it was asked for.
class Failure : public std::runtime_error {
 public:
    Failure(std::string code, const std::string& sentence, int exit_status = 1)
        : std::runtime_error(sentence), code_(std::move(code)), exit_status_(exit_status) {}

    const std::string& code() const { return code_; }
    int exit_status() const { return exit_status_; }

 private:
    std::string code_;  // "E_NOSPC"; "usage"; "interrupted"
    int exit_status_;
};

// Thrown by a command that has printed its result and found that not all is well: main() ends with
// the status and says no more.
struct Ended {
    int exit_status;
};

// Throws what the library said.
void must(bwrt_status status, const bwrt_error& error);

// Throws `subject: strerror(os_code)`.
[[noreturn]] void fail_system(const std::string& subject, int os_code);

// The bytes of the character at the front of what is not empty; 0: it is none in UTF-8.
std::size_t character_bytes(std::string_view text);
// The same text where all of it is UTF-8; what is not is U+FFFD.
std::string in_utf8(std::string_view text);

// Whatever a text is made of, in JSON it is UTF-8.
class JsonObject {
 public:
    JsonObject() : object_(cJSON_CreateObject(), cJSON_Delete) {}

    void add(const char* name, const std::string& value) {
        cJSON_AddStringToObject(object_.get(), name, in_utf8(value).c_str());
    }
    void add(const char* name, const char* value) {
        cJSON_AddStringToObject(object_.get(), name, value);
    }
    void add(const char* name, double value) {
        cJSON_AddNumberToObject(object_.get(), name, value);
    }
    void add(const char* name, std::uint64_t value) { add(name, static_cast<double>(value)); }
    void add(const char* name, std::uint32_t value) { add(name, static_cast<double>(value)); }
    void add(const char* name, bool value) { cJSON_AddBoolToObject(object_.get(), name, value); }
    void add(const char* name, JsonObject value) {
        cJSON_AddItemToObject(object_.get(), name, value.object_.release());
    }

    void add(const char* name, std::vector<JsonObject> values) {
        cJSON* const array = cJSON_AddArrayToObject(object_.get(), name);
        for (JsonObject& value : values) cJSON_AddItemToArray(array, value.object_.release());
    }

    void add(const char* name, const std::vector<std::uint32_t>& numbers) {
        cJSON* const array = cJSON_AddArrayToObject(object_.get(), name);
        for (const std::uint32_t number : numbers)
            cJSON_AddItemToArray(array, cJSON_CreateNumber(number));
    }

    // What is no number becomes null.
    void add(const char* name, const std::vector<double>& numbers) {
        cJSON* const array = cJSON_AddArrayToObject(object_.get(), name);
        for (const double number : numbers) cJSON_AddItemToArray(array, cJSON_CreateNumber(number));
    }
    void add(const char* name, const std::vector<std::string>& texts) {
        cJSON* const array = cJSON_AddArrayToObject(object_.get(), name);
        for (const std::string& text : texts)
            cJSON_AddItemToArray(array, cJSON_CreateString(in_utf8(text).c_str()));
    }

    // On standard output, with a newline.
    void print() const;
    // In one line, for lists that are too long to be held.
    std::string line() const;

 private:
    std::unique_ptr<cJSON, void (*)(cJSON*)> object_;
};

void print_failure(const Failure& failure, bool json);

// "3.00 MiB"
std::string format_bytes(std::uint64_t bytes);

// "1 request", "2 requests"
std::string counted(std::uint64_t count, const std::string& what);

// Of text in UTF-8, as most terminals show it.
std::size_t columns_of(std::string_view text);
constexpr std::size_t kNameColumnsMax = 40, kPathColumnsMax = 200;
// A name that others chose: cut to so many characters, without control characters.
std::string shown_name(std::string_view name, std::size_t columns_max = kNameColumnsMax);

double seconds_now();

// One line on standard error, rewritten in place ten times a second and cleared at the end;
// silent when standard error is no terminal.
class ProgressBar {
 public:
    ProgressBar(std::string title, std::uint64_t total_bytes);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    void advance(std::uint64_t bytes);

 private:
    void draw(double now) const;

    std::string title_;
    std::uint64_t total_bytes_;
    std::uint64_t done_bytes_ = 0;
    double start_;
    double drawn_ = 0;
    bool terminal_;
};

}  // namespace bwrt::tools
