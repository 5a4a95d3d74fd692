// SPDX-License-Identifier: Apache-2.0
//
// test_trace_read.cpp — traces in Mooncake's form: what is taken of a line, what is refused with
// which line and field, and that nothing is left of what was refused.  Refusals start from a text
// that would be taken and break one thing.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/cmocka.h"
#include "tools/replay/trace_read.h"
#include "tools/replay/trace_write.h"

namespace {

using namespace bwrt::replay;

// A file of these bytes, while it lives.
class Text {
 public:
    explicit Text(const std::string& bytes) : fd_(memfd_create("trace", MFD_CLOEXEC)) {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t count = write(fd_, bytes.data() + done, bytes.size() - done);
            if (count <= 0) break;
            done += static_cast<std::size_t>(count);
        }
    }
    ~Text() { close(fd_); }
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
    int fd_;
};

std::string packed(const std::string& text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

std::string line(const std::string& ms, const std::string& ids, const std::string& more = "") {
    return "{\"timestamp\": " + ms +
           ", \"input_length\": 1000, \"output_length\": 7, \"hash_ids\": [" + ids + "]" + more +
           "}\n";
}

const std::string kGood = line("0", "1, 2") + line("10", "1, 3") + line("20", "1, 3");

std::string error_of(const std::string& text, const TraceLimits& limits = {}) {
    Trace trace;
    return read_trace(Text(text).path(), 0, limits, trace).text();
}

Trace trace_of(const std::string& text, std::uint32_t block_tokens = 0) {
    Trace trace;
    const TraceError error = read_trace(Text(text).path(), block_tokens, {}, trace);
    if (error) fail_msg("%s", error.text().c_str());
    return trace;
}

void says(const std::string& text, const char* expected) {
    assert_string_equal(error_of(text).c_str(), expected);
}

// ---- what is taken

void blocks_are_numbered_as_they_appear_and_have_one_parent(void**) {
    const Trace trace = trace_of(line("0", "70, 50") + line("1", "70, 60, 9") + line("2", "8"));
    assert_int_equal(trace.request_count(), 3);
    assert_int_equal(trace.block_count(), 5);
    assert_int_equal(trace.reference_count(), 6);
    assert_int_equal(trace.blocks_of(1)[0], 0);
    assert_int_equal(trace.blocks_of(1)[1], 2);
    assert_int_equal(trace.blocks_of(1)[2], 3);
    assert_int_equal(trace.id(3), 9);
    assert_int_equal(trace.parent(3), 2);
    assert_int_equal(trace.parent(2), 0);
    assert_int_equal(trace.parent(0), Trace::kNoBlock);
    assert_int_equal(trace.parent(4), Trace::kNoBlock);
}

void ids_are_whole_up_to_64_bits(void**) {
    const Trace trace = trace_of(line("0", "18446744073709551615, 18446744073709551614, 0") +
                                 line("1", "9007199254740993, \"9007199254740992\""));
    assert_true(trace.id(0) == 0xFFFF'FFFF'FFFF'FFFF);
    assert_true(trace.id(1) == 0xFFFF'FFFF'FFFF'FFFE);
    assert_true(trace.id(2) == 0);
    assert_true(trace.id(3) == 9007199254740993);
    assert_true(trace.id(4) == 9007199254740992);
}

void sessions_and_tenants_are_numbered_by_name_and_may_be_absent(void**) {
    const Trace trace = trace_of(
        line("0", "1", ", \"session_id\": 21, \"tenant\": \"a\\u0022b\"") + line("1", "2") +
        line("2", "3",
             ", \"session_id\": \"21\", \"tenant\": \"c\", \"turn\": [1, {\"x\": null}]") +
        line("3", "4", ", \"session_id\": \"0\", \"tenant\": null"));
    assert_int_equal(trace.session_count(), 2);
    assert_int_equal(trace.request(0).session, 1);
    assert_int_equal(trace.request(1).session, 0);
    assert_int_equal(trace.request(2).session, 1);
    assert_int_equal(trace.request(3).session, 2);
    assert_int_equal(trace.tenants().size(), 3);
    assert_string_equal(trace.tenants()[1].name.c_str(), "a\"b");
    assert_int_equal(trace.request(1).tenant, 0);
    assert_int_equal(trace.request(2).tenant, 2);
    assert_int_equal(trace.request(3).tenant, 0);
}

void arrivals_of_one_time_are_spread_over_their_bin_by_rank(void**) {
    const Trace trace = trace_of(line("3000", "1") + line("3000", "2") + line("3000", "3") +
                                 line("6000", "4") + line("12000", "5") + line("12000", "6"));
    assert_int_equal(trace.bin_us(), 3'000'000);
    const std::uint64_t expected[] = {0, 1'000'000, 2'000'000, 3'000'000, 9'000'000, 10'500'000};
    for (std::size_t i = 0; i < 6; ++i) assert_int_equal(trace.request(i).arrival_us, expected[i]);
}

void where_times_are_told_to_the_millisecond_none_moves_further_than_one(void**) {
    const Trace trace = trace_of(line("0", "1") + line("0", "2") + line("5", "3") + line("5", "4") +
                                 line("9000", "5"));
    assert_int_equal(trace.bin_us(), 1000);
    const std::uint64_t expected[] = {0, 500, 5000, 5500, 9'000'000};
    for (std::size_t i = 0; i < 5; ++i) assert_int_equal(trace.request(i).arrival_us, expected[i]);
    assert_int_equal(trace_of(line("0", "1") + line("0", "2") + line("0.25", "3")).bin_us(), 250);
}

void times_may_have_fractions_and_begin_anywhere(void**) {
    const Trace trace = trace_of(line("1700000000000.25", "1") + line("1700000000001.5", "2"));
    assert_int_equal(trace.request(0).arrival_us, 0);
    assert_int_equal(trace.request(1).arrival_us, 1250);
}

void a_request_that_is_told_a_little_late_arrives_with_the_one_above_it(void**) {
    const Trace trace = trace_of(line("0", "1") + line("5000", "2") + line("2000", "3") +
                                 line("4999", "4") + line("6000", "5"));
    assert_int_equal(trace.tolerated().late_count, 2);
    assert_int_equal(trace.tolerated().late_us_max, 3'000'000);
    assert_int_equal(trace.request(1).arrival_us, 5'000'000);
    assert_true(trace.request(3).arrival_us > trace.request(2).arrival_us);
    assert_true(trace.request(4).arrival_us > trace.request(3).arrival_us);
    assert_int_equal(trace.blocks_of(2)[0], 2);
}

std::string long_line(std::uint32_t tokens, std::uint32_t block_count) {
    std::string ids;
    for (std::uint32_t i = 0; i < block_count; ++i) {
        ids += (i == 0 ? "" : ", ") + std::to_string(tokens * 1000ull + i);
    }
    return "{\"timestamp\": 0, \"input_length\": " + std::to_string(tokens) +
           ", \"output_length\": 1, \"hash_ids\": [" + ids + "]}\n";
}

void the_size_of_a_block_follows_from_lengths_with_partial_blocks_and_without(void**) {
    assert_int_equal(trace_of(long_line(36'280, 566)).block_tokens(), 64);  // the rest is left out
    assert_int_equal(trace_of(long_line(36'280, 567)).block_tokens(), 64);
    assert_int_equal(trace_of(long_line(51'700, 100)).block_tokens(), 512);
    assert_int_equal(trace_of(long_line(700, 2)).block_tokens(), 512);
    assert_int_equal(trace_of(long_line(300, 1)).block_tokens(), 512);
    assert_int_equal(trace_of(long_line(30'000, 100)).block_tokens(), 300);
    assert_int_equal(trace_of(long_line(1024, 2)).block_tokens(), 512);

    const Trace trace = trace_of(long_line(36'280, 567) + long_line(100, 1) + long_line(640, 10) +
                                 long_line(650, 12));
    assert_int_equal(trace.full_count(0), 566);
    assert_int_equal(trace.full_count(1), 1);
    assert_int_equal(trace.full_count(2), 10);
    assert_int_equal(trace.tolerated().misfit_count, 1);
    assert_int_equal(trace_of(kGood, 16).block_tokens(), 16);
    assert_int_equal(trace_of(kGood, 16).tolerated().misfit_count, 3);
}

void zstd_blank_lines_and_a_missing_end_of_line_change_nothing(void**) {
    const std::string windows = "\r\n" + kGood.substr(0, kGood.find('\n')) + "\r\n\n \t\n" +
                                kGood.substr(kGood.find('\n') + 1, kGood.size());
    std::string many;
    for (int i = 0; i < 20'000; ++i) many += line(std::to_string(i), std::to_string(i * 7919));
    for (const std::string& text : {kGood, windows, kGood.substr(0, kGood.size() - 1)}) {
        assert_int_equal(trace_of(text).request_count(), 3);
        assert_int_equal(trace_of(packed(text)).block_count(), 3);
    }
    assert_int_equal(trace_of(packed(many)).block_count(), 20'000);
    assert_int_equal(trace_of(packed(line("0", "1, 2")) + packed(line("5", "1, 3"))).block_count(),
                     3);
}

void what_is_written_is_read_back_as_the_same_trace(void**) {
    const Trace trace =
        trace_of(line("0", "1, 2", ", \"session_id\": \"x\", \"tenant\": \"a\\\\\\u0001\\\"\"") +
                 line("7", "1, 18446744073709551615") + line("7", "5"));
    std::string text;
    for (std::size_t i = 0; i < trace.request_count(); ++i) append_line(trace, i, text);
    const Trace again = trace_of(text);
    std::string text_again;
    for (std::size_t i = 0; i < again.request_count(); ++i) append_line(again, i, text_again);
    assert_string_equal(text.c_str(), text_again.c_str());
    assert_string_equal(again.tenants()[1].name.c_str(), trace.tenants()[1].name.c_str());
    assert_true(again.id(2) == 0xFFFF'FFFF'FFFF'FFFF);
}

// ---- what is refused

void what_is_no_json_is_refused_with_its_line(void**) {
    says(kGood + "not json\n", "line 4: is no value of JSON (at byte 0)");
    says(kGood + "[1]\n", "line 4: is not a JSON object");
    says(kGood + "{\"timestamp\": 1} {}\n", "line 4: has something behind its value (at byte 17)");
    says("\xEF\xBB\xBF" + kGood, "line 1: is no value of JSON (at byte 0)");
    says(kGood + std::string(1, '\0') + "\n", "line 4: is no value of JSON (at byte 0)");
    says(
        "\x7F"
        "ELF\x02\x01",
        "line 1: is no value of JSON (at byte 0)");
}

void a_truncated_trace_is_refused(void**) {
    const std::string cut = kGood.substr(0, kGood.size() - 5);
    says(cut, "line 3: hash_ids[1]: the text ends where a value should be (at byte 75)");
    const std::string whole = packed(kGood);
    says(whole.substr(0, whole.size() - 3), "ends within what zstd packed");
    says(whole.substr(0, 6), "ends within what zstd packed");
}

void a_damaged_frame_of_zstd_is_refused(void**) {
    std::string whole = packed(kGood);
    whole[whole.size() / 2] ^= 0x55;
    const std::string error = error_of(whole);
    assert_true(!error.empty());
    says(packed(kGood) + "more", "line 3: zstd: Unknown frame descriptor");
}

void an_empty_trace_is_refused(void**) {
    says("", "the trace has no requests");
    says("\n\n", "the trace has no requests");
    says(packed(""), "the trace has no requests");
    says(line("0", ""), "the trace has no blocks");
}

void a_missing_or_wrong_field_is_refused_by_name(void**) {
    const auto without = [](const char* field) {
        std::string text = line("5", "1");
        return text.replace(text.find(field), 1, "x");
    };
    says(without("timestamp"), "line 1: timestamp: is missing");
    says(without("input_length"), "line 1: input_length: is missing");
    says(without("output_length"), "line 1: output_length: is missing");
    says(without("hash_ids"), "line 1: hash_ids: is missing");
    says(line("null", "1"), "line 1: timestamp: is missing");
    says(line("\"soon\"", "1"), "line 1: timestamp: is not a number");
    says(line("-1", "1"), "line 1: timestamp: is below 0");
    says(line("1e20", "1"), "line 1: timestamp: is beyond 64 bits");
    says(line("10000000000001", "1"), "line 1: timestamp: is no time in milliseconds");
    says(line("0", "1") + line("31622400001", "2"),
         "line 2: timestamp: is 366 days and more after the first one");
    says(line("0", "1", ", \"session_id\": []"),
         "line 1: session_id: is neither a string nor a number");
    says(line("0", "1", ", \"tenant\": {}"), "line 1: tenant: is neither a string nor a number");
    says(line("0", "1", ", \"tenant\": \"" + std::string(201, 'x') + "\""),
         "line 1: tenant: is longer than 200 bytes");
    says(line("0", "1", ", \"timestamp\": 3"), "line 1: timestamp: is there twice (at byte 76)");
}

void lengths_are_whole_and_fit_in_32_bits(void**) {
    const auto with = [](const char* length) {
        std::string text = line("0", "1");
        return text.replace(text.find("1000"), 4, length);
    };
    says(with("-1"), "line 1: input_length: is below 0");
    says(with("1.5"), "line 1: input_length: is not a whole number");
    says(with("4294967296"), "line 1: input_length: is beyond 32 bits");
    says(with("true"), "line 1: input_length: is not a whole number");
    assert_int_equal(trace_of(with("4294967295")).request(0).input_tokens, 0xFFFF'FFFF);
}

void an_id_beyond_64_bits_is_refused(void**) {
    says(kGood + line("30", "1, 18446744073709551616"), "line 4: hash_ids[1]: is beyond 64 bits");
    says(line("0", "-1"), "line 1: hash_ids[0]: is below 0");
    says(line("0", "1.0"), "line 1: hash_ids[0]: is not a whole number");
    says(line("0", "1e3"), "line 1: hash_ids[0]: is not a whole number");
    says(line("0", "\"0x12\""), "line 1: hash_ids[0]: is not a whole number");
    says(line("0", "\"\""), "line 1: hash_ids[0]: is not a whole number");
    says(line("0", "[1]"), "line 1: hash_ids[0]: is not a whole number");
    says("{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": 5}",
         "line 1: hash_ids: is not an array");
}

void an_id_twice_in_a_request_is_refused(void**) {
    says(line("0", "1, 1"), "line 1: hash_ids[1]: 1 is in the request twice");
    says(line("0", "1, 2, 3, 2"), "line 1: hash_ids[3]: 2 is in the request twice");
    says(kGood + line("30", "1, 3, 1"), "line 4: hash_ids[2]: 1 is in the request twice");
}

void an_id_that_changes_its_parent_is_refused(void**) {
    says(kGood + line("30", "3"),
         "line 4: hash_ids[0]: 3 begins a prompt here and follows 1 in a request above it: equal "
         "ids must be equal prefixes");
    says(kGood + line("30", "1, 2, 3"),
         "line 4: hash_ids[2]: 3 follows 2 here and follows 1 in a request above it: equal ids "
         "must be equal prefixes");
    says(kGood + line("30", "9, 1"),
         "line 4: hash_ids[1]: 1 follows 9 here and begins a prompt in a request above it: equal "
         "ids must be equal prefixes");
}

void a_time_long_before_one_above_it_is_refused(void**) {
    says(line("9000", "1") + line("5999", "2"),
         "line 2: timestamp: is 3001 ms before that of a request above it");
}

void a_request_of_a_million_blocks_is_refused(void**) {
    std::string ids = "0";
    for (int i = 1; i < 1'000'000; ++i) ids += "," + std::to_string(i);
    says(kGood + line("30", ids), "line 4: hash_ids: has more than 262144 blocks");
}

void a_line_without_an_end_is_refused_before_memory_is(void**) {
    says(kGood + std::string((64u << 20) + 1, ' ') + "\n", "line 4: is longer than 64 MiB");
    says(packed(kGood + std::string(200u << 20, '\0')), "line 4: is longer than 64 MiB");
}

void a_trace_beyond_its_limits_is_refused(void**) {
    assert_string_equal(error_of(kGood, {.request_count_max = 2}).c_str(),
                        "line 3: the trace has more than 2 requests");
    assert_string_equal(error_of(kGood, {.reference_count_max = 5}).c_str(),
                        "line 3: hash_ids: the trace has more than 5 ids");
    assert_string_equal(error_of(kGood, {.block_count_max = 2}).c_str(),
                        "line 2: hash_ids: the trace has more than 2 blocks");
    assert_string_equal(error_of(kGood, {.request_count_max = 3,
                                         .reference_count_max = 6,
                                         .block_count_max = 3,
                                         .request_block_count_max = 2})
                            .c_str(),
                        "");
}

void what_cannot_be_opened_or_read_says_why(void**) {
    Trace trace;
    assert_string_equal(read_trace("no such file", 0, {}, trace).text().c_str(),
                        "No such file or directory");
    assert_string_equal(read_trace("/", 0, {}, trace).text().c_str(), "Is a directory");
}

void a_refused_trace_leaves_the_old_one(void**) {
    Trace trace = trace_of(kGood);
    const Text bad(line("0", "4, 5") + line("1", "5"));
    assert_true(static_cast<bool>(read_trace(bad.path(), 0, {}, trace)));
    assert_int_equal(trace.request_count(), 3);
    assert_int_equal(trace.block_count(), 3);
    assert_int_equal(trace.id(0), 1);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_numbered_as_they_appear_and_have_one_parent),
        cmocka_unit_test(ids_are_whole_up_to_64_bits),
        cmocka_unit_test(sessions_and_tenants_are_numbered_by_name_and_may_be_absent),
        cmocka_unit_test(arrivals_of_one_time_are_spread_over_their_bin_by_rank),
        cmocka_unit_test(where_times_are_told_to_the_millisecond_none_moves_further_than_one),
        cmocka_unit_test(times_may_have_fractions_and_begin_anywhere),
        cmocka_unit_test(a_request_that_is_told_a_little_late_arrives_with_the_one_above_it),
        cmocka_unit_test(the_size_of_a_block_follows_from_lengths_with_partial_blocks_and_without),
        cmocka_unit_test(zstd_blank_lines_and_a_missing_end_of_line_change_nothing),
        cmocka_unit_test(what_is_written_is_read_back_as_the_same_trace),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_line),
        cmocka_unit_test(a_truncated_trace_is_refused),
        cmocka_unit_test(a_damaged_frame_of_zstd_is_refused),
        cmocka_unit_test(an_empty_trace_is_refused),
        cmocka_unit_test(a_missing_or_wrong_field_is_refused_by_name),
        cmocka_unit_test(lengths_are_whole_and_fit_in_32_bits),
        cmocka_unit_test(an_id_beyond_64_bits_is_refused),
        cmocka_unit_test(an_id_twice_in_a_request_is_refused),
        cmocka_unit_test(an_id_that_changes_its_parent_is_refused),
        cmocka_unit_test(a_time_long_before_one_above_it_is_refused),
        cmocka_unit_test(a_request_of_a_million_blocks_is_refused),
        cmocka_unit_test(a_line_without_an_end_is_refused_before_memory_is),
        cmocka_unit_test(a_trace_beyond_its_limits_is_refused),
        cmocka_unit_test(what_cannot_be_opened_or_read_says_why),
        cmocka_unit_test(a_refused_trace_leaves_the_old_one),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
