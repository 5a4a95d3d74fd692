// SPDX-License-Identifier: Apache-2.0
//
// test_store_report.cpp — what opening segments said, counted by segment, and the words of it,
// which stay where they are.

#include "runtime/store/store_report.h"

#include <cstdio>
#include <cstring>

#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::Access;
using bwrt::runtime::SegmentReport;
using bwrt::runtime::StoreReport;

bwrt_store_info written(const StoreReport& report) {
    bwrt_store_info info = {};
    report.write(&info);
    return info;
}

SegmentReport made(bool reserved, bool striped, const char* reserving, const char* striping) {
    SegmentReport report;
    report.made = true;
    report.reserved = reserved;
    report.striped = striped;
    std::snprintf(report.reserving, sizeof report.reserving, "%s", reserving);
    std::snprintf(report.striping, sizeof report.striping, "%s", striping);
    return report;
}

void nothing_was_told_yet(void**) {
    const bwrt_store_info zeros = {};
    const bwrt_store_info info = written(StoreReport());
    assert_memory_equal(&info, &zeros, sizeof info);
}

void segments_are_counted_once_each(void**) {
    StoreReport report;
    report.set_segment_count(4);
    for (int again = 0; again < 2; ++again) {
        report.segment_opened(0, Access::kCreate, made(true, true, "", "16 stripes of 4 MiB"));
        report.segment_opened(1, Access::kCreate, made(true, false, "", "Lustre refused: EINVAL"));
        report.segment_opened(3, Access::kCreate,
                              made(false, true, "fallocate: EOPNOTSUPP", "16 stripes of 4 MiB"));
    }
    const bwrt_store_info info = written(report);
    assert_int_equal(info.reserved_count, 2);
    assert_int_equal(info.unreserved_count, 1);
    assert_int_equal(info.striped_count, 2);
    assert_int_equal(info.stripe_count, 16);
    assert_int_equal(info.stripe_bytes, 4 << 20);
    assert_string_equal(info.reserve_reason, "fallocate: EOPNOTSUPP");
    assert_string_equal(info.striping_reason, "Lustre refused: EINVAL");
}

void what_another_life_has_made_is_not_counted(void**) {
    StoreReport report;
    report.set_segment_count(1);
    SegmentReport found;
    std::snprintf(found.striping, sizeof found.striping, "as it was made");
    report.segment_opened(0, Access::kRead, found);
    const bwrt_store_info info = written(report);
    assert_int_equal(info.reserved_count + info.unreserved_count + info.striped_count, 0);
    assert_null(info.striping_reason);
}

void each_reason_has_its_own_place(void**) {
    StoreReport report;
    report.say_disk("disk");
    report.say_striping("striping");
    report.segment_not_direct("direct");
    const bwrt_store_info info = written(report);
    assert_string_equal(info.disk_reason, "disk");
    assert_string_equal(info.striping_reason, "striping");
    assert_string_equal(info.direct_reason, "direct");
    assert_null(info.reserve_reason);
    assert_null(info.huge_reason);
}

void words_stay_where_they_are_however_many_come(void**) {
    StoreReport report;
    report.say_striping("the first");
    const char* first = written(report).striping_reason;
    char text[32];
    for (int i = 0; i < 40; ++i) {
        std::snprintf(text, sizeof text, "reason %d", i);
        report.say_striping(text);
        assert_non_null(written(report).striping_reason);
        assert_ptr_not_equal(written(report).striping_reason, text);
        if (i < 15) assert_string_equal(written(report).striping_reason, text);
    }
    assert_string_equal(first, "the first");
    report.say_striping("the first");
    assert_ptr_equal(written(report).striping_reason, first);
    char endless[2000];
    std::memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    StoreReport other;
    other.say_disk(endless);
    assert_int_equal(std::strlen(written(other).disk_reason), 1023);
    assert_string_equal(written(other).disk_reason + 1019, "x...");  // so it says that it goes on
    const char* kept = written(other).disk_reason;
    other.say_disk(endless);
    assert_ptr_equal(written(other).disk_reason, kept);
}

void huge_pages_are_in_force_where_all_memory_has_them(void**) {
    bwrt::runtime::Region host, transit;
    transit.flags = BWRT_REGION_HUGE;
    transit.length_bytes = 7;
    std::snprintf(host.memory.reason, sizeof host.memory.reason, "too small");
    bwrt_store_info info = {};
    write_memory(&host, &transit, &info);
    assert_int_equal(info.flags, 0);
    assert_string_equal(info.huge_reason, "too small");
    assert_int_equal(info.transit_bytes, 7);

    host.flags = BWRT_REGION_HUGE;
    host.memory.reason[0] = '\0';
    info = {};
    write_memory(&host, &transit, &info);
    assert_int_equal(info.flags, BWRT_STORE_HUGE);
    assert_null(info.huge_reason);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_was_told_yet),
        cmocka_unit_test(segments_are_counted_once_each),
        cmocka_unit_test(what_another_life_has_made_is_not_counted),
        cmocka_unit_test(each_reason_has_its_own_place),
        cmocka_unit_test(huge_pages_are_in_force_where_all_memory_has_them),
        cmocka_unit_test(words_stay_where_they_are_however_many_come),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
