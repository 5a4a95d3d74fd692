/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows of an engine's own queue: what moves by hand reckoning, what is kept from one window to
 * the next, and how large a window may be.  What is refused is in test_window_refusals.c. */

#include <pthread.h>
#include <stdio.h>

#include "tests/abi/window_client.h"

static void assert_decided(const window_client* self, uint32_t row, uint64_t id, uint32_t verdict,
                           uint64_t finish_ns, uint32_t transfer_index, uint32_t transfer_count) {
    const bwrt_decision* decision = &self->decisions[row];

    assert_int_equal(decision->id, id);
    assert_int_equal(decision->verdict, verdict);
    assert_int_equal(decision->finish_ns, finish_ns);
    assert_int_equal(decision->transfer_index, transfer_index);
    assert_int_equal(decision->transfer_count, transfer_count);
    assert_int_equal(decision->reserved, 0);
}

/* What a verdict is, of a row that does not move. */
static void assert_stays(const window_client* self, uint32_t row, uint64_t id, uint32_t verdict) {
    assert_decided(self, row, id, verdict, 0, BWRT_NONE, 0);
}

/* ---- one window */

static void a_window_is_planned_as_by_hand(void** state) {
    window_client* self = *state;
    bwrt_request* urgent = NULL;

    give_bus(self, 1000 * kPage);
    self->buses[0].queued_bytes = kPage;
    ask(self, 11, 0, 4, 20);
    ask(self, 12, 2, 4, 20)->layer_count = 1;
    urgent = ask(self, 13, 0, 2, 20);
    urgent->prefix = 9;
    urgent->model = 8;
    urgent->layer_first = 3;
    urgent->layer_count = 2;
    urgent->priority = BWRT_PRIORITY_URGENT;
    ask(self, 14, 7, 9, 10); /* behind what is urgent it would end at 14 */
    ask(self, 15, 7, 1, 0)->prefix = 7;
    plan(self);

    assert_int_equal(self->window.decision_count, 6);
    assert_int_equal(self->window.transfer_count, 4);
    assert_int_equal(self->window.carried_count, 0);
    assert_decided(self, 0, 11, BWRT_DECISION_PLANNED, kNow + 11 * kMs, 2, 1);
    assert_decided(self, 1, 12, BWRT_DECISION_PLANNED, kNow + 11 * kMs, 2, 1);
    assert_decided(self, 2, 13, BWRT_DECISION_PLANNED, kNow + 3 * kMs, 0, 1);
    assert_decided(self, 3, 13, BWRT_DECISION_PLANNED, kNow + 5 * kMs, 1, 1);
    assert_int_equal(self->decisions[2].layer, 3);
    assert_int_equal(self->decisions[3].layer, 4);
    assert_decided(self, 5, 15, BWRT_DECISION_PLANNED, kNow + 12 * kMs, 3, 1);
    assert_true(is_untouched(&self->decisions[6], sizeof(self->decisions[6])));
    assert_true(is_untouched(&self->transfers[4], sizeof(self->transfers[4])));

    bwrt_transfer expected = {.page_first = 0,
                              .page_count = 2,
                              .page_bytes = kPage,
                              .bytes = 2 * kPage,
                              .deadline_ns = kNow + 20 * kMs,
                              .finish_ns = kNow + 3 * kMs,
                              .model = 8,
                              .prefix = 9,
                              .layer = 3,
                              .source_tier = BWRT_TIER_DISK,
                              .target_tier = BWRT_TIER_HOST,
                              .priority = BWRT_PRIORITY_URGENT,
                              .served_count = 1,
                              .overlap = 2}; /* two milliseconds of copying in layers of one */
    assert_memory_equal(&self->transfers[0], &expected, sizeof(expected));
    expected = self->transfers[2];
    assert_int_equal(expected.page_first, 0);
    assert_int_equal(expected.page_count, 6); /* pages 2 and 3 once */
    assert_int_equal(expected.served_count, 2);
    assert_int_equal(expected.priority, BWRT_PRIORITY_NORMAL);
    assert_int_equal(expected.position, 2);
    assert_int_equal(expected.overlap, 3);
    assert_int_equal(self->transfers[3].deadline_ns, 0);
    assert_stays(self, 4, 14, BWRT_DECISION_LATE);
}

static void without_rates_everything_moves_and_nothing_is_late_before_its_deadline(void** state) {
    window_client* self = *state;

    ask(self, 1, 0, 1000000, 1);
    ask(self, 2, 0, 1, 0)->target_tier = BWRT_TIER_DEVICE;
    ask(self, 3, 5, 1, 1)->deadline_ns = kNow - 1;
    plan(self);
    assert_decided(self, 0, 1, BWRT_DECISION_PLANNED, kNow, 1, 1);
    assert_decided(self, 1, 2, BWRT_DECISION_PLANNED, kNow, 0, 1); /* by target */
    assert_stays(self, 2, 3, BWRT_DECISION_NOT_WORTH);
}

static void routes_share_the_buses_that_they_name(void** state) {
    window_client* self = *state;

    give_bus(self, 1000 * kPage);
    self->buses[1] = (bwrt_bus){.node = 1, .bus = 5, .bytes_per_s = 1000 * kPage};
    self->window.bus_count = 2;
    self->routes[0] = (bwrt_tier_route){.source_tier = BWRT_TIER_HOST,
                                        .target_tier = BWRT_TIER_DEVICE,
                                        .latency_ns = 5 * kMs,
                                        .stream_bytes_per_s = 500 * kPage,
                                        .stream_count = 2,
                                        .bus = 5};
    self->routes[1] = self->routes[0];
    self->routes[1].source_tier = BWRT_TIER_DEVICE;
    self->routes[1].target_tier = BWRT_TIER_HOST;
    self->window.route_count = 2;
    self->layer_ns[0] = 20 * kMs;
    self->layer_ns[1] = 8 * kMs;
    self->window.layer_count = 2;
    for (uint32_t i = 0; i < 3; ++i) {
        bwrt_request* const request = ask(self, i, 0, 2, 0);

        request->node = 1;
        request->layer_first = i;
        request->source_tier = i == 1 ? BWRT_TIER_DEVICE : BWRT_TIER_HOST;
        request->target_tier = i == 1 ? BWRT_TIER_HOST : BWRT_TIER_DEVICE;
    }
    plan(self);
    /* 5 ms, what is in front at a page a millisecond, and two pages on a stream of half of that */
    assert_int_equal(self->decisions[0].finish_ns, kNow + 9 * kMs);
    assert_int_equal(self->decisions[1].finish_ns, kNow + 11 * kMs);
    assert_int_equal(self->decisions[2].finish_ns, kNow + 13 * kMs);
    assert_int_equal(self->transfers[self->decisions[0].transfer_index].overlap, 1);
    assert_int_equal(self->transfers[self->decisions[1].transfer_index].overlap, 2);
    assert_int_equal(self->transfers[self->decisions[2].transfer_index].overlap, 2); /* streams */
}

static void what_is_small_waits_and_knobs_are_those_of_the_planner(void** state) {
    (void)state;
    bwrt_planner planner = small_planner();

    planner.min_io_bytes = 4 * kPage;
    planner.age_max = 6;
    void* own = open_window_client(&planner);
    window_client* self = own;

    assert_non_null(self);
    ask(self, 1, 0, 3, 0);
    ask(self, 2, 10, 4, 0);
    plan(self);
    assert_stays(self, 0, 1, BWRT_DECISION_TOO_SMALL);
    assert_int_equal(self->decisions[1].verdict, BWRT_DECISION_PLANNED);
    for (uint32_t age = 1; age < 6; ++age) {
        begin_window(self);
        plan(self);
        assert_int_equal(self->decisions[0].age, age);
        assert_int_equal(self->decisions[0].verdict,
                         age < 5 ? BWRT_DECISION_TOO_SMALL : BWRT_DECISION_PLANNED);
    }
    assert_int_equal(window_teardown(&own), 0);
}

/* ---- from window to window */

static void what_is_carried_is_decided_in_the_next_window_before_what_is_new(void** state) {
    window_client* self = *state;

    give_budget(self, 4 * kPage);
    ask(self, 1, 0, 4, 500);
    ask(self, 2, 10, 3, 600);
    ask(self, 3, 20, 3, 700);
    plan(self);
    assert_int_equal(self->window.carried_count, 2);
    assert_stays(self, 1, 2, BWRT_DECISION_NO_BUDGET);
    assert_stays(self, 2, 3, BWRT_DECISION_NO_BUDGET);

    begin_window(self);
    give_budget(self, 4 * kPage);
    self->cancelled_ids[0] = 3;
    self->cancelled_ids[1] = 1; /* not carried */
    self->window.cancelled_count = 2;
    ask(self, 3, 30, 1, 100);
    plan(self);
    assert_int_equal(self->window.decision_count, 2);
    assert_decided(self, 0, 2, BWRT_DECISION_PLANNED, kNow + 20 * kMs, 1, 1);
    assert_decided(self, 1, 3, BWRT_DECISION_PLANNED, kNow + 20 * kMs, 0, 1);
    assert_int_equal(self->decisions[0].age, 1);
    assert_int_equal(self->decisions[1].age, 0);
    assert_int_equal(self->window.carried_count, 0);

    begin_window(self);
    plan(self);
    assert_int_equal(self->window.decision_count, 0);
    assert_int_equal(self->window.transfer_count, 0);
}

static void nothing_is_carried_for_ever(void** state) {
    window_client* self = *state;

    ask(self, 1, 0, 1, 0);
    for (uint32_t age = 0; age < 8; ++age) {
        give_budget(self, 0);
        plan(self);
        assert_stays(self, 0, 1, age < 7 ? BWRT_DECISION_NO_BUDGET : BWRT_DECISION_WAITED);
        assert_int_equal(self->window.carried_count, age < 7);
        begin_window(self);
    }
}

static void what_is_larger_than_a_budget_moves_in_parts(void** state) {
    window_client* self = *state;

    ask(self, 1, 100, 7, 0);
    for (uint64_t part = 0; part < 3; ++part) {
        give_budget(self, 3 * kPage);
        plan(self);
        assert_int_equal(self->decisions[0].verdict,
                         part < 2 ? BWRT_DECISION_PLANNED_PART : BWRT_DECISION_PLANNED);
        assert_int_equal(self->decisions[0].rest_first, part < 2 ? 103 + 3 * part : 0);
        assert_int_equal(self->transfers[0].page_first, 100 + 3 * part);
        assert_int_equal(self->transfers[0].page_count, part < 2 ? 3 : 1);
        begin_window(self);
    }
}

static void a_tenant_moves_what_it_has_credit_for(void** state) {
    window_client* self = *state;

    give_credit(self, 7, 50 * kPage, 4 * kPage); /* a page a window */
    ask(self, 1, 0, 4, 0)->tenant = 7;
    ask(self, 2, 10, 1, 0)->tenant = 7;
    ask(self, 3, 20, 9, 0); /* of tenant 0, who has no limit */
    plan(self);
    assert_int_equal(self->decisions[0].verdict, BWRT_DECISION_PLANNED);
    assert_stays(self, 1, 2, BWRT_DECISION_NO_CREDIT);
    assert_int_equal(self->decisions[2].verdict, BWRT_DECISION_PLANNED);

    begin_window(self);
    give_credit(self, 7, 50 * kPage, 4 * kPage); /* as before: no new burst */
    ask(self, 4, 30, 1, 0)->tenant = 7;
    plan(self);
    assert_int_equal(self->decisions[0].verdict, BWRT_DECISION_PLANNED);
    assert_stays(self, 1, 4, BWRT_DECISION_NO_CREDIT);

    begin_window(self);
    give_credit(self, 7, 50 * kPage, 5 * kPage);
    ask(self, 5, 40, 3, 0)->tenant = 7;
    plan(self);
    assert_int_equal(self->decisions[0].verdict, BWRT_DECISION_PLANNED);
    assert_int_equal(self->decisions[1].verdict, BWRT_DECISION_PLANNED);

    begin_window(self);
    give_credit(self, 7, 0, 0);
    give_credit(self, 0, kPage, 0); /* its burst is a second's */
    ask(self, 6, 50, 99, 0)->tenant = 7;
    ask(self, 7, 200, 1, 0);
    ask(self, 8, 300, 1, 0);
    plan(self);
    assert_int_equal(self->decisions[0].verdict, BWRT_DECISION_PLANNED);
    assert_int_equal(self->decisions[1].verdict, BWRT_DECISION_PLANNED);
    assert_stays(self, 2, 8, BWRT_DECISION_NO_CREDIT);
}

/* What has too little time left is worth moving where it was asked for more than once before. */
static void heat_is_what_was_asked_for_before_and_predictions_add_nothing(void** state) {
    (void)state;
    bwrt_planner planner = small_planner();

    planner.umin_milli = INT32_MAX;
    void* own = open_window_client(&planner);
    window_client* self = own;

    assert_non_null(self);
    for (uint32_t window = 0; window < 4; ++window) {
        begin_window(self);
        self->window.now_ns = kNow;
        ask(self, 1, 0, 1, 1)->priority = BWRT_PRIORITY_URGENT;
        ask(self, 2, 1000, 1, 1);
        ask(self, 3, 2000, 1, 1)->priority = BWRT_PRIORITY_BACKGROUND;
        plan(self);
        for (uint32_t row = 0; row < 3; ++row) {
            assert_int_equal(self->decisions[row].verdict, window >= 2 && row < 2
                                                               ? BWRT_DECISION_PLANNED
                                                               : BWRT_DECISION_NOT_WORTH);
        }
    }
    assert_int_equal(window_teardown(&own), 0);
}

static void without_a_time_it_is_now(void** state) {
    window_client* self = *state;

    self->window.now_ns = 0;
    ask(self, 1, 0, 1, 0);
    plan(self);
    assert_true(self->decisions[0].finish_ns > 0);
    const uint64_t then_ns = self->decisions[0].finish_ns;

    begin_window(self);
    self->window.now_ns = then_ns + 3600000 * kMs; /* a clock of the engine's, and ahead */
    plan(self);
    begin_window(self);
    self->window.now_ns = 0;
    ask(self, 2, 0, 1, 0);
    plan(self);
    assert_int_equal(self->decisions[0].finish_ns, then_ns + 3600000 * kMs);
}

/* ---- the plan as a value */

static void a_window_may_become_a_plan_to_print(void** state) {
    window_client* self = *state;
    bwrt_handle plan = 77;
    char text[4096];
    uint64_t text_bytes = sizeof(text) - 1;

    give_budget(self, 5 * kPage);
    ask(self, 5, 3, 2, 10)->prefix = 6;
    ask(self, 6, 9, 4, 0);
    ask(self, 7, 30, 1, 0)->target_tier = BWRT_TIER_DEVICE;
    assert_int_equal(bwrt_plan_window(self->runtime, &self->window, &plan, NULL), BWRT_OK);
    assert_int_equal(bwrt_plan_print(self->runtime, plan, text, &text_bytes, NULL), BWRT_OK);
    text[text_bytes] = '\0';
    assert_non_null(strstr(text, "\"plan_id\": \"window-1\""));
    assert_non_null(strstr(text, "\"kind\": \"STORAGE2H\""));
    assert_non_null(strstr(text, "\"kind\": \"STORAGE2D\""));
    assert_non_null(strstr(text, "\"src\": \"tier://0/tier3\""));
    assert_non_null(strstr(text, "\"dst\": \"tier://0/tier2\""));
    assert_non_null(strstr(text, "\"src_offset\": 12288"));
    assert_non_null(strstr(text, "\"tensor\": \"kv/0/6\""));
    assert_non_null(strstr(text, "\"verdict\": \"NO_BUDGET\""));
    assert_int_equal(bwrt_release(self->runtime, plan, NULL), BWRT_OK);
}

static void what_no_plan_can_say_is_planned_all_the_same(void** state) {
    window_client* self = *state;
    bwrt_handle plan = 77;

    ask(self, 1, 0, 262145, 0);
    assert_int_equal(bwrt_plan_window(self->runtime, &self->window, &plan, NULL), BWRT_OK);
    assert_int_equal(plan, 0);
    assert_int_equal(self->window.transfer_count, 1);
}

/* ---- how large */

static bwrt_request_window large_window(const bwrt_request* requests, uint32_t count) {
    bwrt_request_window window;

    memset(&window, 0, sizeof(window));
    window.struct_size = sizeof(window);
    window.now_ns = kNow;
    window.requests = requests;
    window.request_count = count;
    window.request_bytes = sizeof(*requests);
    return window;
}

static void a_million_duplicates_are_one_transfer(void** state) {
    (void)state;
    enum { COUNT = 1000000 };
    bwrt_planner planner = small_planner();
    bwrt_request* requests = calloc(COUNT, sizeof(*requests));
    bwrt_transfer* transfers = calloc(2 * COUNT, sizeof(*transfers));

    planner.row_count_max = 1u << 20;
    void* own = open_window_client(&planner);
    window_client* self = own;
    assert_non_null(self);
    assert_non_null(requests);
    assert_non_null(transfers);
    ask(self, 1, 0, 1125899906842624u / kPage, 0); /* a petabyte, too */
    for (size_t i = 0; i < COUNT; ++i) requests[i] = self->requests[0];
    for (size_t i = 1; i < COUNT; ++i) requests[i].page_count = 16;
    bwrt_request_window window = large_window(requests, COUNT);
    window.transfers = transfers;
    window.transfer_capacity = 2 * COUNT;
    window.transfer_bytes = sizeof(*transfers);
    assert_int_equal(bwrt_plan_window(self->runtime, &window, NULL, NULL), BWRT_OK);
    assert_int_equal(window.decision_count, COUNT);
    assert_int_equal(window.transfer_count, 1);
    assert_int_equal(transfers[0].served_count, COUNT);
    assert_int_equal(transfers[0].bytes, 1125899906842624u);

    for (size_t i = 1; i < COUNT; ++i) requests[i] = requests[0]; /* 2^70 bytes */
    assert_int_equal(bwrt_plan_window(self->runtime, &window, NULL, &self->error), BWRT_E_INVAL);
    assert_blames(&self->error, BWRT_E_INVAL, "requests[2047].page_bytes");
    free(requests);
    free(transfers);
    assert_int_equal(window_teardown(&own), 0);
}

static void a_window_has_room_for_what_is_carried_and_what_is_new(void** state) {
    window_client* self = *state;
    bwrt_request* requests = calloc(ROW_COUNT_MAX + 1, sizeof(*requests));

    assert_non_null(requests);
    ask(self, 1, 0, 1, 0);
    for (size_t i = 0; i <= ROW_COUNT_MAX; ++i) requests[i] = self->requests[0];
    bwrt_request_window window = large_window(requests, ROW_COUNT_MAX + 1);
    assert_int_equal(bwrt_plan_window(self->runtime, &window, NULL, &self->error), BWRT_E_RANGE);
    assert_blames(&self->error, BWRT_E_RANGE, "window.request_count");
    requests[0].layer_count = 2;
    window = large_window(requests, ROW_COUNT_MAX);
    assert_int_equal(bwrt_plan_window(self->runtime, &window, NULL, &self->error), BWRT_E_RANGE);
    assert_blames(&self->error, BWRT_E_RANGE, "window.requests");

    requests[0].layer_count = 1;
    give_budget(self, 0);
    window.tiers = self->tiers;
    window.tier_count = 1;
    window.tier_bytes = sizeof(bwrt_tier_budget);
    assert_int_equal(bwrt_plan_window(self->runtime, &window, NULL, NULL), BWRT_OK);
    assert_int_equal(window.carried_count, ROW_COUNT_MAX);
    window.request_count = 1;
    assert_int_equal(bwrt_plan_window(self->runtime, &window, NULL, &self->error), BWRT_E_AGAIN);
    assert_blames(&self->error, BWRT_E_AGAIN, "window.requests");
    window.request_count = 0;
    window.tier_count = 0;
    assert_int_equal(bwrt_plan_window(self->runtime, &window, NULL, NULL), BWRT_OK);
    assert_int_equal(window.carried_count, 0);
    free(requests);
}

/* ---- threads */

enum { THREAD_COUNT = 4, WINDOWS_EACH = 1000 };

typedef struct asker {
    pthread_t thread;
    bwrt_runtime* runtime;
    uint64_t first_id;
    uint64_t moved_count;
    uint64_t decided_count;
    int has_failed;
} asker;

/* Whoever calls is told of everything that is carried. */
static void* ask_and_count(void* argument) {
    asker* self = argument;
    bwrt_decision decisions[THREAD_COUNT * WINDOWS_EACH];

    for (uint64_t i = 0; i < WINDOWS_EACH; ++i) {
        bwrt_request request;
        bwrt_tier_budget budget;
        bwrt_request_window window = large_window(&request, 1);

        memset(&request, 0, sizeof(request));
        memset(&budget, 0, sizeof(budget));
        request.id = self->first_id + i;
        request.page_first = 100 * request.id;
        request.page_count = 1;
        request.page_bytes = kPage;
        request.source_tier = BWRT_TIER_DISK;
        request.target_tier = BWRT_TIER_HOST;
        budget.tier = BWRT_TIER_HOST;
        budget.bytes = i % 3 == 0 ? 0 : 2 * kPage;
        window.tiers = &budget;
        window.tier_count = 1;
        window.tier_bytes = sizeof(budget);
        window.decisions = decisions;
        window.decision_capacity = THREAD_COUNT * WINDOWS_EACH;
        window.decision_bytes = sizeof(*decisions);
        if (bwrt_plan_window(self->runtime, &window, NULL, NULL) != BWRT_OK) self->has_failed = 1;
        for (uint32_t row = 0; row < window.decision_count; ++row) {
            const uint32_t verdict = decisions[row].verdict;

            self->moved_count += verdict == BWRT_DECISION_PLANNED;
            self->decided_count +=
                verdict == BWRT_DECISION_PLANNED || verdict == BWRT_DECISION_WAITED;
        }
    }
    return NULL;
}

static void many_may_call_and_each_row_is_decided_once(void** state) {
    window_client* self = *state;
    asker askers[THREAD_COUNT];
    uint64_t moved_count = 0, decided_count = 0;

    memset(askers, 0, sizeof(askers));
    for (uint64_t i = 0; i < THREAD_COUNT; ++i) {
        askers[i].runtime = self->runtime;
        askers[i].first_id = i * WINDOWS_EACH;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_and_count, &askers[i]), 0);
    }
    for (uint64_t i = 0; i < THREAD_COUNT; ++i) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_int_equal(askers[i].has_failed, 0);
        moved_count += askers[i].moved_count;
        decided_count += askers[i].decided_count;
    }
    self->window.now_ns = kNow;
    plan(self); /* what was carried last */
    for (uint32_t row = 0; row < self->window.decision_count; ++row) {
        assert_int_equal(self->decisions[row].verdict, BWRT_DECISION_PLANNED);
        ++moved_count;
        ++decided_count;
    }
    assert_true(moved_count > 0);
    assert_int_equal(decided_count, THREAD_COUNT * WINDOWS_EACH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, window_setup, window_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_window_is_planned_as_by_hand),
        TEST(without_rates_everything_moves_and_nothing_is_late_before_its_deadline),
        TEST(routes_share_the_buses_that_they_name),
        cmocka_unit_test(what_is_small_waits_and_knobs_are_those_of_the_planner),
        TEST(what_is_carried_is_decided_in_the_next_window_before_what_is_new),
        TEST(nothing_is_carried_for_ever),
        TEST(what_is_larger_than_a_budget_moves_in_parts),
        TEST(a_tenant_moves_what_it_has_credit_for),
        cmocka_unit_test(heat_is_what_was_asked_for_before_and_predictions_add_nothing),
        TEST(without_a_time_it_is_now),
        TEST(a_window_may_become_a_plan_to_print),
        TEST(what_no_plan_can_say_is_planned_all_the_same),
        cmocka_unit_test(a_million_duplicates_are_one_transfer),
        TEST(a_window_has_room_for_what_is_carried_and_what_is_new),
        TEST(many_may_call_and_each_row_is_decided_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
