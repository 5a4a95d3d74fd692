/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows that are refused: for which field, and that nothing of them is left.  Each would be
 * planned but for one thing. */

#include <stddef.h>

#include "tests/abi/window_client.h"

/* One that names something of everything. */
static void full_window(window_client* self) {
    begin_window(self);
    give_budget(self, 100 * kPage);
    give_bus(self, 1000 * kPage);
    memset(self->routes, 0, sizeof(self->routes));
    self->routes[0].source_tier = BWRT_TIER_DISK;
    self->routes[0].target_tier = BWRT_TIER_HOST;
    self->routes[0].bus = BWRT_TIER_DISK;
    self->window.route_count = 1;
    give_credit(self, 7, 1000 * kPage, 0);
    self->layer_ns[0] = kMs;
    self->window.layer_count = 1;
    self->cancelled_ids[0] = 99;
    self->window.cancelled_count = 1;
    ask(self, 1, 0, 4, 0)->tenant = 7;
    ask(self, 2, 10, 4, 0);
    ask(self, 3, 20, 4, 0);
}

struct refusal {
    size_t offset;
    size_t bytes;
    uint64_t value;
    const char* field;
};

/* Writes the value where it is wrong, asks, and makes it right again. */
static void assert_refuses_each(window_client* self, void* element, const struct refusal* refusals,
                                size_t count, const char* prefix) {
    for (size_t i = 0; i < count; ++i) {
        unsigned char* const place = (unsigned char*)element + refusals[i].offset;
        unsigned char before[8];
        char field[48];

        memcpy(before, place, refusals[i].bytes);
        memcpy(place, &refusals[i].value, refusals[i].bytes);
        strcpy(field, prefix);
        strcat(field, refusals[i].field);
        print_message("%s %llu\n", field, (unsigned long long)refusals[i].value);
        assert_refused(self, BWRT_E_INVAL, field);
        memcpy(place, before, refusals[i].bytes);
    }
}

#define FIELD(type, name, value) \
    { offsetof(type, name), sizeof(((type*)NULL)->name), value, #name }

static void a_request_is_refused_by_its_field(void** state) {
    window_client* self = *state;
    static const struct refusal refusals[] = {
        FIELD(bwrt_request, page_count, 0),
        FIELD(bwrt_request, page_count, (uint64_t)-3), /* an interval that ends before it begins */
        FIELD(bwrt_request, page_bytes, 0),
        FIELD(bwrt_request, page_bytes, (uint64_t)1 << 60),
        FIELD(bwrt_request, page_bytes, (uint64_t)1 << 62), /* 2^64 bytes: none, if nobody looks */
        FIELD(bwrt_request, page_bytes, (uint64_t)-1),
        FIELD(bwrt_request, tenant, 8),
        FIELD(bwrt_request, tenant, (uint64_t)-1),
        FIELD(bwrt_request, node, 64),
        FIELD(bwrt_request, node, 65536), /* 0 in the planner's bits */
        FIELD(bwrt_request, source_tier, BWRT_TIER_NONE),
        FIELD(bwrt_request, source_tier, 4),
        FIELD(bwrt_request, source_tier, 256 + BWRT_TIER_DISK),
        FIELD(bwrt_request, target_tier, BWRT_TIER_NONE),
        FIELD(bwrt_request, target_tier, 4),
        FIELD(bwrt_request, target_tier, BWRT_TIER_DISK), /* where it is */
        FIELD(bwrt_request, priority, 3),
        FIELD(bwrt_request, reserved, 1),
    };
    static const struct refusal layers[] = {
        FIELD(bwrt_request, layer_count, 65536),
        FIELD(bwrt_request, layer_count, (uint32_t)-1),
    };

    full_window(self);
    assert_refuses_each(self, &self->requests[1], refusals, sizeof(refusals) / sizeof(refusals[0]),
                        "requests[1].");
    assert_refuses_each(self, &self->requests[2], layers, 2, "requests[2].");
    self->requests[2].layer_first = 65535;
    assert_refused(self, BWRT_E_INVAL, "requests[2].layer_count");
    self->requests[2].layer_first = 65534;
    self->requests[0].page_first = ((uint64_t)1 << 62) - 3;
    assert_refused(self, BWRT_E_INVAL, "requests[0].page_count");
    self->requests[0].page_first -= 1;
    plan(self);
}

static void tables_are_refused_by_their_elements(void** state) {
    window_client* self = *state;
    static const struct refusal tiers[] = {
        FIELD(bwrt_tier_budget, node, 64),
        FIELD(bwrt_tier_budget, tier, BWRT_TIER_NONE),
        FIELD(bwrt_tier_budget, tier, 4),
        FIELD(bwrt_tier_budget, reserved, 1),
    };
    static const struct refusal routes[] = {
        FIELD(bwrt_tier_route, source_tier, 4),
        FIELD(bwrt_tier_route, target_tier, BWRT_TIER_NONE),
        FIELD(bwrt_tier_route, target_tier, BWRT_TIER_DISK),
        FIELD(bwrt_tier_route, stream_count, 256),
        FIELD(bwrt_tier_route, bus, 8),
    };
    static const struct refusal buses[] = {
        FIELD(bwrt_bus, node, 64),
        FIELD(bwrt_bus, bus, 8),
    };

    full_window(self);
    assert_refuses_each(self, self->tiers, tiers, 4, "tiers[0].");
    assert_refuses_each(self, self->routes, routes, 5, "routes[0].");
    assert_refuses_each(self, self->buses, buses, 2, "buses[0].");
    self->tiers[1] = self->tiers[0];
    self->window.tier_count = 2;
    assert_refused(self, BWRT_E_INVAL, "tiers[1].tier");
    self->tiers[1].node = 63;
    self->routes[1] = self->routes[0];
    self->window.route_count = 2;
    assert_refused(self, BWRT_E_INVAL, "routes[1].target_tier");
    self->routes[1].target_tier = BWRT_TIER_DEVICE;
    self->buses[1] = self->buses[0];
    self->window.bus_count = 2;
    assert_refused(self, BWRT_E_INVAL, "buses[1].bus");
    self->buses[1].node = 63;
    give_credit(self, 7, 1000 * kPage, 0);
    assert_refused(self, BWRT_E_INVAL, "tenants[1].tenant");
    self->tenants[1].tenant = (uint64_t)-1;
    self->tenants[1].bytes_per_s = 0;
    self->tenants[1].burst_bytes = 1;
    assert_refused(self, BWRT_E_INVAL, "tenants[1].burst_bytes");
    self->tenants[1].burst_bytes = 0;
    plan(self);
}

static void numbers_at_their_ends_are_planned(void** state) {
    window_client* self = *state;

    full_window(self);
    self->tiers[0].bytes = self->buses[0].queued_bytes = UINT64_MAX;
    self->tiers[0].operation_count_max = UINT32_MAX;
    self->routes[0].latency_ns = self->routes[0].stream_bytes_per_s = UINT64_MAX;
    self->tenants[0].bytes_per_s = self->tenants[0].burst_bytes = UINT64_MAX;
    self->layer_ns[0] = UINT64_MAX;
    for (uint64_t bytes_per_s = UINT64_MAX; bytes_per_s != 0; bytes_per_s /= 1u << 16) {
        self->buses[0].bytes_per_s = bytes_per_s;
        self->window.request_count = 0;
        self->window.decision_count = 77;
        bwrt_request* const request = ask(self, UINT64_MAX, ((uint64_t)1 << 62) - 1, 1, 0);
        request->page_bytes = ((uint64_t)1 << 61) - 1;
        request->fill_ns = UINT64_MAX;
        request->model = request->prefix = request->weight_milli = UINT32_MAX;
        request->deadline_ns = UINT64_MAX - 1;
        plan(self);
        assert_int_equal(self->window.decision_count, 1);
        assert_int_equal(self->decisions[0].id, UINT64_MAX);
        assert_int_equal(self->decisions[0].verdict, BWRT_DECISION_LATE);
        self->window.now_ns = self->now_ns;
    }
}

static void a_window_itself_is_refused_by_its_field(void** state) {
    window_client* self = *state;

    full_window(self);
    plan(self); /* at kNow */
    full_window(self);
    self->window.struct_size = 0;
    assert_refused(self, BWRT_E_ABI, "window.struct_size");
    self->window.struct_size = sizeof(self->window) - 8;
    assert_refused(self, BWRT_E_ABI, "window.struct_size");
    self->window.struct_size = sizeof(self->window);
    self->window.flags = 2;
    assert_refused(self, BWRT_E_INVAL, "window.flags");
    self->window.flags = BWRT_REQUEST_WINDOW_MEASURED;
    self->window.reserved = 1;
    assert_refused(self, BWRT_E_INVAL, "window.reserved");
    self->window.reserved = 0;
    self->window.now_ns = kNow - 1;
    assert_refused(self, BWRT_E_INVAL, "window.now_ns");
    self->window.now_ns = kNow;
    self->window.layer_count = 65536;
    assert_refused(self, BWRT_E_RANGE, "window.layer_count");
    self->window.layer_count = 1;
    self->window.cancelled_count = ROW_COUNT_MAX + 1;
    assert_refused(self, BWRT_E_RANGE, "window.cancelled_count");
    self->window.cancelled_count = 1;
    self->window.decision_capacity = 2;
    assert_refused(self, BWRT_E_RANGE, "window.decision_capacity");
    self->window.decision_capacity = 3;
    self->window.transfer_capacity = 5;
    assert_refused(self, BWRT_E_RANGE, "window.transfer_capacity");
    self->window.transfer_capacity = 6;
    plan(self);
    assert_int_equal(bwrt_plan_window(self->runtime, NULL, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "window");
}

/* What is there is aligned, where its count says so it is there, and elements have their length. */
static void arrays_are_refused_that_cannot_be_read(void** state) {
    window_client* self = *state;
    static const struct {
        size_t array, element_bytes;
        const char *array_field, *bytes_field;
    } arrays[] = {
#define ARRAY(name, bytes)                                                                       \
    {offsetof(bwrt_request_window, name), offsetof(bwrt_request_window, bytes), "window." #name, \
     "window." #bytes}
        ARRAY(requests, request_bytes),   ARRAY(tiers, tier_bytes),
        ARRAY(routes, route_bytes),       ARRAY(buses, bus_bytes),
        ARRAY(tenants, tenant_bytes),     ARRAY(decisions, decision_bytes),
        ARRAY(transfers, transfer_bytes),
    };

    full_window(self);
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); ++i) {
        unsigned char* const bytes = (unsigned char*)&self->window;
        uintptr_t array = 0, astray = 0;
        uint32_t element_bytes = 0, wrong = 0;

        memcpy(&array, bytes + arrays[i].array, sizeof(array));
        memcpy(&element_bytes, bytes + arrays[i].element_bytes, sizeof(element_bytes));
        if (i < 5) { /* outputs may be NULL */
            memcpy(bytes + arrays[i].array, &astray, sizeof(astray));
            assert_refused(self, BWRT_E_INVAL, arrays[i].array_field);
        }
        astray = array + 4;
        memcpy(bytes + arrays[i].array, &astray, sizeof(astray));
        assert_refused(self, BWRT_E_INVAL, arrays[i].array_field);
        memcpy(bytes + arrays[i].array, &array, sizeof(array));
        for (int shorter = 0; shorter < 3; ++shorter) {
            wrong = shorter == 0 ? 0 : shorter == 1 ? element_bytes - 8 : element_bytes + 4;
            memcpy(bytes + arrays[i].element_bytes, &wrong, sizeof(wrong));
            assert_refused(self, BWRT_E_ABI, arrays[i].bytes_field);
        }
        memcpy(bytes + arrays[i].element_bytes, &element_bytes, sizeof(element_bytes));
    }
    self->window.layer_ns = NULL;
    assert_refused(self, BWRT_E_INVAL, "window.layer_ns");
    self->window.layer_ns = (const uint64_t*)(const void*)((const char*)self->layer_ns + 1);
    assert_refused(self, BWRT_E_INVAL, "window.layer_ns");
    self->window.layer_ns = self->layer_ns;
    self->window.cancelled_ids = NULL;
    assert_refused(self, BWRT_E_INVAL, "window.cancelled_ids");
    self->window.cancelled_ids =
        (const uint64_t*)(const void*)((const char*)self->cancelled_ids + 1);
    assert_refused(self, BWRT_E_INVAL, "window.cancelled_ids");
    self->window.cancelled_ids = self->cancelled_ids;
    plan(self);
}

/* A caller of a later bwrt.h, with one field more in everything. */
static void longer_elements_are_taken_while_the_rest_is_zero(void** state) {
    window_client* self = *state;
    struct {
        bwrt_request known;
        uint64_t added_later;
    } requests[2];
    struct {
        bwrt_decision known;
        uint64_t added_later;
    } decisions[3];
    struct {
        bwrt_request_window known;
        uint64_t added_later;
    } window;

    ask(self, 1, 0, 1, 0);
    ask(self, 2, 10, 1, 0);
    memset(&requests, 0, sizeof(requests));
    requests[0].known = self->requests[0];
    requests[1].known = self->requests[1];
    requests[1].added_later = 1;
    self->window.requests = &requests[0].known;
    self->window.request_bytes = sizeof(requests[0]);
    self->window.decisions = &decisions[0].known;
    self->window.decision_bytes = sizeof(decisions[0]);
    assert_refused(self, BWRT_E_ABI, "window.request_bytes");
    requests[1].added_later = 0;
    window.known = self->window;
    window.known.struct_size = sizeof(window);
    window.added_later = 1;
    assert_int_equal(bwrt_plan_window(self->runtime, &window.known, NULL, &self->error),
                     BWRT_E_ABI);
    assert_blames(&self->error, BWRT_E_ABI, "window.struct_size");
    window.added_later = 0;
    mark_untouched(decisions, sizeof(decisions));
    assert_int_equal(bwrt_plan_window(self->runtime, &window.known, NULL, NULL), BWRT_OK);
    assert_int_equal(window.known.decision_count, 2);
    assert_int_equal(window.known.struct_size, sizeof(window));
    assert_int_equal(decisions[1].known.id, 2);
    assert_int_equal(decisions[1].added_later, 0);
    assert_true(is_untouched(&decisions[2], sizeof(decisions[2])));
}

/* Two runtimes see the same windows, one of them refused ones in between. */
static void a_refused_window_changes_nothing(void** state) {
    window_client* self = *state;
    void* own = NULL;

    assert_int_equal(window_setup(&own), 0);
    window_client* other = own;
    for (uint64_t i = 0; i < 6; ++i) {
        window_client* const both[2] = {self, other};

        for (int which = 0; which < 2; ++which) {
            window_client* const one = both[which];

            full_window(one);
            give_budget(one, 3 * kPage);
            one->requests[0].id = 10 * i;
            one->requests[1].id = 10 * i + 1;
            one->requests[2].id = 10 * i + 2;
            one->requests[2].layer_first = 65535; /* the last of them */
            one->cancelled_ids[0] = i == 3 ? 10 * i - 9 : 99;
            one->tenants[0].bytes_per_s = (2 + i / 2) * 10 * kPage;
            if (which == 0) {
                give_credit(one, 1000 + i, kPage, 0);
                one->window.now_ns += kMs;
                one->cancelled_ids[0] = 10 * i - 8;
                assert_refused(one, BWRT_E_INVAL, "requests[2].layer_count");
                one->requests[1].tenant = 1000 + i - 1; /* that was named in a refused one */
                assert_refused(one, BWRT_E_INVAL, "requests[1].tenant");
                one->requests[1].tenant = 0;
                one->window.tenant_count = 1;
                one->window.now_ns -= kMs;
                one->cancelled_ids[0] = i == 3 ? 10 * i - 9 : 99;
            }
            one->requests[2].layer_first = 0;
            plan(one);
        }
        assert_int_equal(self->window.decision_count, other->window.decision_count);
        assert_int_equal(self->window.transfer_count, other->window.transfer_count);
        assert_int_equal(self->window.carried_count, other->window.carried_count);
        assert_true(self->window.carried_count > 0);
        assert_memory_equal(self->decisions, other->decisions, sizeof(self->decisions));
        assert_memory_equal(self->transfers, other->transfers, sizeof(self->transfers));
    }
    assert_int_equal(window_teardown(&own), 0);
}

static void there_is_room_for_1023_tenants_besides_0(void** state) {
    window_client* self = *state;
    static bwrt_tenant_credit tenants[1025];

    for (size_t i = 0; i < 1025; ++i) tenants[i].tenant = (i * 0x9E3779B97F4A7C15u) ^ (i << 3);
    self->window.tenants = tenants;
    self->window.tenant_count = 1025;
    assert_refused(self, BWRT_E_INVAL, "tenants[1024].tenant");
    self->window.tenant_count = 1024;
    for (size_t i = 0; i < OUT_COUNT; ++i) ask(self, i, 0, 1, 0)->tenant = tenants[i * 16].tenant;
    plan(self);
    begin_window(self);
    ask(self, 1, 0, 1, 0)->tenant = tenants[1023].tenant;
    ask(self, 1, 0, 1, 0)->tenant = tenants[1024].tenant;
    assert_refused(self, BWRT_E_INVAL, "requests[1].tenant");
}

static void no_window_is_planned_without_a_planner_or_a_place_for_its_plan(void** state) {
    window_client* self = *state;
    bwrt_handle plan = 0, last = 0;
    void* own = open_window_client(NULL);
    window_client* without = own;

    assert_non_null(without);
    assert_refused(without, BWRT_E_UNSUPPORTED, "runtime");
    assert_int_equal(window_teardown(&own), 0);

    for (int i = 0; i < 256; ++i) {
        begin_window(self);
        assert_int_equal(bwrt_plan_window(self->runtime, &self->window, &last, NULL), BWRT_OK);
        assert_int_not_equal(last, 0);
    }
    begin_window(self);
    plan = 77;
    assert_int_equal(bwrt_plan_window(self->runtime, &self->window, &plan, &self->error),
                     BWRT_E_AGAIN);
    assert_blames(&self->error, BWRT_E_AGAIN, "plan");
    assert_int_equal(plan, 77);
    assert_int_equal(self->window.decision_count, 77);
    assert_int_equal(bwrt_plan_window(self->runtime, &self->window, NULL, NULL), BWRT_OK);
    assert_int_equal(bwrt_release(self->runtime, last, NULL), BWRT_OK);
    assert_int_equal(bwrt_plan_window(self->runtime, &self->window, &plan, NULL), BWRT_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, window_setup, window_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_refused_by_its_field),
        TEST(tables_are_refused_by_their_elements),
        TEST(numbers_at_their_ends_are_planned),
        TEST(a_window_itself_is_refused_by_its_field),
        TEST(arrays_are_refused_that_cannot_be_read),
        TEST(longer_elements_are_taken_while_the_rest_is_zero),
        TEST(a_refused_window_changes_nothing),
        TEST(there_is_room_for_1023_tenants_besides_0),
        TEST(no_window_is_planned_without_a_planner_or_a_place_for_its_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
