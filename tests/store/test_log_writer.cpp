// SPDX-License-Identifier: Apache-2.0
//
// test_log_writer.cpp — every record that was put is in the file once, in order, and nobody is told
// before it is; whatever the writes bring back.

#include "runtime/store/log_writer.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::runtime;
using bwrt::test::Random;

constexpr LogEnd kEnd = {5, 3, 77};  // log 5, behind three records

Record record_of(std::uint32_t number) {
    Record record = {};
    record.kind = RecordKind::kStored;
    record.length_bytes = number;
    return record;
}

std::uint64_t must_put(LogWriter* writer, std::uint32_t number) {
    std::uint64_t ticket = 0;
    assert_true(writer->put(record_of(number), &ticket));
    return ticket;
}

void records_are_gathered_while_a_write_is_out(void**) {
    LogWriter writer(8);
    writer.attach(kEnd);
    LogWriter::Write write, rest;
    assert_false(writer.next(&write));
    assert_true(must_put(&writer, 1) == 0);
    assert_true(must_put(&writer, 2) == 1);
    assert_true(writer.next(&write));
    assert_true(write.offset_bytes == 4096 + 3 * 256 && write.length_bytes == 512);
    assert_true(must_put(&writer, 3) == 2);
    LogWriter::Write other;
    assert_false(writer.next(&other));
    assert_true(writer.written() == 0);
    assert_true(writer.done(512, &rest));
    assert_true(writer.written() == 2);
    assert_true(writer.next(&write));
    assert_true(write.offset_bytes == 4096 + 5 * 256 && write.length_bytes == 256);
    assert_true(writer.length_bytes() == 4096 + 6 * 256);
}

void a_short_write_is_gone_on_with_and_nobody_is_told_before_its_end(void**) {
    LogWriter writer(8);
    writer.attach(kEnd);
    static_cast<void>(must_put(&writer, 1));
    static_cast<void>(must_put(&writer, 2));
    LogWriter::Write write, rest;
    assert_true(writer.next(&write));
    assert_false(writer.done(300, &rest));
    assert_true(writer.written() == 0);
    assert_true(rest.bytes == static_cast<const char*>(write.bytes) + 300);
    assert_true(rest.length_bytes == 212 && rest.offset_bytes == write.offset_bytes + 300);
    assert_false(writer.done(0, &rest));
    assert_true(rest.length_bytes == 212);
    assert_true(writer.done(212, &rest));
    assert_true(writer.written() == 2);
}

void a_full_writer_says_so_and_has_room_again_when_a_write_goes_out(void**) {
    LogWriter writer(2);
    writer.attach(kEnd);
    std::uint64_t ticket = 99;
    static_cast<void>(must_put(&writer, 1));
    static_cast<void>(must_put(&writer, 2));
    assert_false(writer.put(record_of(3), &ticket));
    assert_true(ticket == 99);
    LogWriter::Write write, rest;
    assert_true(writer.next(&write));
    static_cast<void>(must_put(&writer, 3));
    static_cast<void>(must_put(&writer, 4));
    assert_false(writer.put(record_of(5), &ticket));
    assert_true(writer.done(512, &rest));
    assert_true(writer.next(&write));
    assert_true(static_cast<const Record*>(write.bytes)[1].length_bytes == 4);
    assert_true(static_cast<const Record*>(write.bytes)[1].sequence == 6);
}

void behind_a_failed_write_nothing_is_put(void**) {
    LogWriter writer(8);
    std::uint64_t ticket = 0;
    assert_false(writer.put(record_of(1), &ticket));  // no log yet
    writer.attach(kEnd);
    static_cast<void>(must_put(&writer, 1));
    static_cast<void>(must_put(&writer, 2));
    writer.stop();
    LogWriter::Write write;
    assert_false(writer.next(&write));
    assert_false(writer.put(record_of(3), &ticket));
    assert_true(writer.written() == 0);
    // Another log: what was never written is never counted as written.
    writer.attach({6, 0, 1});
    assert_true(must_put(&writer, 4) == 0);
    LogWriter::Write rest;
    assert_true(writer.next(&write) && writer.done(256, &rest));
    assert_true(writer.written() == 1);
}

void what_is_gathered_goes_to_another_log_with_its_tickets(void**) {
    LogWriter writer(8);
    writer.attach(kEnd);
    LogWriter::Write write, rest;
    static_cast<void>(must_put(&writer, 1));
    assert_true(writer.next(&write));
    static_cast<void>(must_put(&writer, 2));
    static_cast<void>(must_put(&writer, 3));
    assert_true(writer.written_bytes() == kEnd.offset_bytes());
    assert_true(writer.offset_of(0) == write.offset_bytes);
    assert_true(writer.offset_of(2) == write.offset_bytes + 512);
    assert_true(writer.done(256, &rest));
    assert_true(writer.written_bytes() == kEnd.offset_bytes() + 256);
    LogEnd other = {6, 9, 1234};
    writer.move_to(other);
    assert_true(writer.written_bytes() == other.offset_bytes() && writer.written() == 1);
    assert_true(writer.offset_of(1) == other.offset_bytes());
    assert_true(writer.offset_of(2) == other.offset_bytes() + 256);
    assert_true(writer.offset_of(0) == sizeof(LogHeader));  // in the log before
    assert_true(must_put(&writer, 4) == 3);
    assert_true(writer.next(&write));
    assert_true(write.length_bytes == 3 * 256 && write.offset_bytes == other.offset_bytes());
    const auto* records = static_cast<const Record*>(write.bytes);
    for (std::uint32_t i = 0; i < 3; ++i) {
        assert_true(records[i].length_bytes == 2 + i && other.pass(records[i]));
    }
    assert_true(writer.done(3 * 256, &rest));
    assert_true(writer.written() == 4 && writer.written_bytes() == writer.length_bytes());
}

void bytes_of_a_failed_write_are_not_said_to_be_written(void**) {
    LogWriter writer(8);
    writer.attach(kEnd);
    LogWriter::Write write, rest;
    static_cast<void>(must_put(&writer, 1));
    assert_true(writer.next(&write) && writer.done(256, &rest));
    static_cast<void>(must_put(&writer, 2));
    assert_true(writer.next(&write));
    static_cast<void>(must_put(&writer, 3));
    assert_false(writer.done(100, &rest));
    (writer.fail)();  // not the macro
    assert_true(writer.written_bytes() == kEnd.offset_bytes() + 256);
    // Another log does not bring back what was lost.
    writer.move_to({6, 9, 1234});
    assert_true(writer.is_stopped() && !writer.next(&write));
}

void whatever_the_writes_bring_back_the_file_holds_what_was_put(void**) {
    Random random(bwrt::test::test_seed());
    for (int round = 0; round < 100; ++round) {
        LogWriter writer(random.between32(1, 16));
        writer.attach(kEnd);
        std::vector<char> file(4096 + 3 * 256);
        std::uint32_t put_count = 0;
        LogWriter::Write write = {};
        while (put_count < 200 || writer.written() < put_count) {
            std::uint64_t ticket = 0;
            if (put_count < 200 && random.one_in(2) && writer.put(record_of(put_count), &ticket)) {
                assert_true(ticket == put_count++);
            }
            if (!writer.is_out() && !writer.next(&write)) continue;
            const std::uint32_t part =
                random.one_in(3) ? write.length_bytes : random.between32(0, write.length_bytes);
            file.resize(std::max<std::size_t>(file.size(), write.offset_bytes + part));
            std::memcpy(file.data() + write.offset_bytes, write.bytes, part);
            static_cast<void>(writer.done(part, &write));
            assert_true(writer.written() <= (file.size() - 4096) / 256 - 3);
        }
        assert_int_equal(file.size(), 4096 + 203 * 256);
        for (std::uint32_t i = 0; i < 200; ++i) {
            Record record;
            std::memcpy(&record, file.data() + 4096 + (3 + i) * 256, sizeof record);
            assert_true(record.length_bytes == i && record.sequence == 3 + i);
            assert_true(is_whole(record, kEnd.life));
        }
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(records_are_gathered_while_a_write_is_out),
        cmocka_unit_test(a_short_write_is_gone_on_with_and_nobody_is_told_before_its_end),
        cmocka_unit_test(a_full_writer_says_so_and_has_room_again_when_a_write_goes_out),
        cmocka_unit_test(behind_a_failed_write_nothing_is_put),
        cmocka_unit_test(what_is_gathered_goes_to_another_log_with_its_tickets),
        cmocka_unit_test(bytes_of_a_failed_write_are_not_said_to_be_written),
        cmocka_unit_test(whatever_the_writes_bring_back_the_file_holds_what_was_put),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
