// SPDX-License-Identifier: Apache-2.0
//
// test_request_window.cpp — what is taken, what is refused by which name, and that sums stay below
// 2^61.

#include "planner/request_window.h"

#include <stdexcept>

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kEndMax = RequestWindow::kPageEndMax;
constexpr std::uint64_t kBytesMax = RequestWindow::kBytesMax;

Request a_request() {
    Request request;
    request.page_count = 1;
    request.page_bytes = 1;
    request.tier_dst = 1;
    return request;
}

const WindowLimits kLimits{.row_count_max = 8, .tenant_count = 3, .node_count = 2, .tier_count = 3};

void assert_refused(const Request& request, const char* field) {
    RequestWindow window(kLimits);
    const Refusal refusal = window.append(request);
    assert_true(static_cast<bool>(refusal));
    assert_string_equal(refusal.field, field);
    assert_non_null(refusal.rule);
    assert_int_equal(window.row_count(), 0);
}

void assert_taken(const Request& request) {
    RequestWindow window(kLimits);
    assert_false(static_cast<bool>(window.append(request)));
    assert_int_equal(window.row_count(), request.layer_count);
}

void what_nobody_knows_is_refused_by_its_name(void**) {
    Request request = a_request();
    request.tenant = 3;
    assert_refused(request, "tenant");
    request.tenant = 2;
    assert_taken(request);
    request.node = 2;
    assert_refused(request, "node");
    request.node = 1;
    assert_taken(request);
    request.tier_src = 3;
    assert_refused(request, "tier_src");
    request.tier_src = 2;
    assert_taken(request);
    request.tier_dst = 3;
    assert_refused(request, "tier_dst");
    request.tier_dst = 2;
    assert_refused(request, "tier_dst");  // where it is already
    request.tier_dst = 0;
    request.request_class = static_cast<RequestClass>(3);
    assert_refused(request, "class");
    request.request_class = RequestClass::kPrediction;
    assert_taken(request);
}

void layers_end_at_65535_and_where_the_window_is_full(void**) {
    Request request = a_request();
    request.layer_count = 0;
    assert_refused(request, "layer_count");
    request.layer_count = 8;
    assert_taken(request);
    request.layer_count = 9;
    assert_refused(request, "layer_count");
    request.layer_first = 65'530;
    request.layer_count = 6;
    assert_taken(request);
    request.layer_count = 7;
    assert_refused(request, "layer_count");

    RequestWindow window(kLimits);
    request.layer_count = 6;
    assert_false(static_cast<bool>(window.append(request)));
    request.layer_count = 3;
    assert_true(static_cast<bool>(window.append(request)));
    request.layer_count = 2;
    assert_false(static_cast<bool>(window.append(request)));
    request.layer_count = 1;
    assert_true(static_cast<bool>(window.append(request)));
    assert_int_equal(window.row_count(), 8);
}

void no_page_is_none_and_the_last_is_2_to_the_62(void**) {
    Request request = a_request();
    request.page_count = 0;
    assert_refused(request, "page_count");
    request.page_count = 1;
    request.page_bytes = 0;
    assert_refused(request, "page_bytes");
    request.page_bytes = 1;
    request.page_first = kEndMax - 1;
    assert_taken(request);
    request.page_count = 2;
    assert_refused(request, "page_count");
    request.page_count = ~std::uint64_t{0};  // an interval that ends before it begins
    assert_refused(request, "page_count");
    request.page_count = 1;
    request.page_first = kEndMax + 1;
    assert_refused(request, "page_count");
    request.page_first = ~std::uint64_t{0};
    assert_refused(request, "page_count");
}

void bytes_of_all_rows_stay_below_2_to_the_61(void**) {
    Request request = a_request();
    request.page_bytes = kBytesMax;
    assert_taken(request);
    request.page_bytes = kBytesMax + 1;
    assert_refused(request, "page_bytes");
    request.page_bytes = std::uint64_t{1} << 32;
    request.page_count = std::uint64_t{1} << 32;  // 2^64: nothing, were it not looked at
    assert_refused(request, "page_bytes");
    request.page_count = std::uint64_t{1} << 31;
    request.layer_count = 2;  // 2^63 and 2^64
    assert_refused(request, "page_bytes");
    request.page_count = std::uint64_t{1} << 26;
    request.layer_count = 8;
    assert_refused(request, "page_bytes");
    request.layer_count = 7;
    assert_taken(request);
    request = a_request();
    request.page_bytes = 1'125'899'906'842'624;  // a petabyte
    assert_taken(request);

    RequestWindow window(kLimits);
    request.page_bytes = kBytesMax - 5;
    assert_null(window.append(request).field);
    request.page_bytes = 6;
    assert_string_equal(window.append(request).field, "page_bytes");
    request.page_bytes = 5;
    assert_null(window.append(request).field);
    request.page_bytes = 1;
    assert_string_equal(window.append(request).field, "page_bytes");
    window.clear();  // as if it were new
    assert_int_equal(window.row_count(), 0);
    request.page_bytes = kBytesMax;
    assert_null(window.append(request).field);
}

void a_row_is_what_was_asked_for_in_one_layer(void**) {
    Request request;
    request.id = 1;
    request.page_first = 2;
    request.page_count = 3;
    request.page_bytes = 4;
    request.arrival_ns = 5;
    request.deadline_ns = 6;
    request.fill_ns = 7;
    request.model = 8;
    request.prefix = 9;
    request.weight_milli = 10;
    request.layer_first = 11;
    request.layer_count = 2;
    request.tenant = 2;
    request.node = 1;
    request.tier_src = 2;
    request.tier_dst = 1;
    request.age = 12;
    request.request_class = RequestClass::kHint;
    RequestWindow window(kLimits);
    assert_null(window.append(request).field);

    assert_int_equal(window.rows().bytes(1), 12);
    assert_int_equal(window.rows().page_end(1), 5);
    for (std::uint32_t layer = 0; layer < 2; ++layer) {
        const Request row = window.row(layer);
        assert_int_equal(row.id, 1);
        assert_int_equal(row.page_first, 2);
        assert_int_equal(row.page_count, 3);
        assert_int_equal(row.page_bytes, 4);
        assert_int_equal(row.arrival_ns, 5);
        assert_int_equal(row.deadline_ns, 6);
        assert_int_equal(row.fill_ns, 7);
        assert_int_equal(row.model, 8);
        assert_int_equal(row.prefix, 9);
        assert_int_equal(row.weight_milli, 10);
        assert_int_equal(row.layer_first, 11 + layer);
        assert_int_equal(row.layer_count, 1);
        assert_int_equal(row.tenant, 2);
        assert_int_equal(row.node, 1);
        assert_int_equal(row.tier_src, 2);
        assert_int_equal(row.tier_dst, 1);
        assert_int_equal(row.age, 12);
        assert_int_equal(row.request_class, RequestClass::kHint);
    }
}

void rows_that_are_taken_back_leave_their_bytes(void**) {
    RequestWindow window(kLimits);
    Request request = a_request();
    request.page_bytes = kBytesMax - 4;
    assert_null(window.append(request).field);
    request.page_bytes = 2;
    request.layer_count = 2;
    assert_null(window.append(request).field);
    window.truncate(1);
    assert_int_equal(window.row_count(), 1);
    request.page_bytes = 4;
    request.layer_count = 1;
    assert_null(window.append(request).field);
    assert_int_equal(window.rows().bytes(1), 4);
}

void rows_are_erased_by_their_ids_and_the_others_keep_their_order(void**) {
    RequestWindow window(kLimits);
    for (std::uint64_t id = 1; id <= 4; ++id) {
        Request request = a_request();
        request.id = id % 3;  // 1, 2, 0, 1
        request.page_first = id;
        request.page_bytes = id == 1 ? kBytesMax - 3 : 1;
        assert_null(window.append(request).field);
    }
    const std::uint64_t ids[] = {1, 2, 7};
    assert_int_equal(window.erase(3, ids), 2);
    assert_int_equal(window.row_count(), 2);
    assert_int_equal(window.row(0).id, 0);
    assert_int_equal(window.row(0).page_first, 3);
    assert_int_equal(window.row(1).id, 1);  // behind the first three
    assert_int_equal(window.row(1).page_first, 4);
    Request request = a_request();
    request.page_bytes = kBytesMax - 2;
    assert_null(window.append(request).field);
}

void a_page_has_no_more_bits_than_are_said(void**) {
    RequestWindow window(kLimits);
    assert_int_equal(window.page_bits(), 0);
    Request request = a_request();
    for (const std::uint64_t page_first : {4u, 0u, 3u}) {
        request.page_first = page_first;
        assert_false(static_cast<bool>(window.append(request)));
        assert_int_equal(window.page_bits(), 3);
    }
    request.page_first = kEndMax;
    assert_true(static_cast<bool>(window.append(request)));
    assert_int_equal(window.page_bits(), 3);  // nothing of it is kept
    window.clear();
    assert_int_equal(window.page_bits(), 0);
}

void limits_have_limits(void**) {
    const auto is_refused = [](const WindowLimits& limits) {
        try {
            const RequestWindow window(limits);
        } catch (const std::length_error&) {
            return true;
        }
        return false;
    };
    assert_true(is_refused({.row_count_max = 1, .tier_count = RequestWindow::kTierCountMax + 1}));
    assert_true(is_refused({.row_count_max = 1, .tier_count = 0}));
    assert_true(is_refused({.row_count_max = RequestWindow::kRowCountMax + 1}));
    assert_false(is_refused({.row_count_max = 1, .tier_count = RequestWindow::kTierCountMax}));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_knows_is_refused_by_its_name),
        cmocka_unit_test(layers_end_at_65535_and_where_the_window_is_full),
        cmocka_unit_test(no_page_is_none_and_the_last_is_2_to_the_62),
        cmocka_unit_test(bytes_of_all_rows_stay_below_2_to_the_61),
        cmocka_unit_test(a_row_is_what_was_asked_for_in_one_layer),
        cmocka_unit_test(rows_that_are_taken_back_leave_their_bytes),
        cmocka_unit_test(rows_are_erased_by_their_ids_and_the_others_keep_their_order),
        cmocka_unit_test(a_page_has_no_more_bits_than_are_said),
        cmocka_unit_test(limits_have_limits),
    };
    return cmocka_run_group_tests_name("request window", tests, nullptr, nullptr);
}
