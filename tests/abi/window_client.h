/* SPDX-License-Identifier: Apache-2.0
 *
 * window_client.h — where the tests of bwrt_plan_window() start from: a runtime with a planner, and
 * a window that would be planned.  A page is 4 KiB and comes from the disk to the host, where node
 * 0's bus moves one in a millisecond. */

#ifndef BWRT_TESTS_ABI_WINDOW_CLIENT_H
#define BWRT_TESTS_ABI_WINDOW_CLIENT_H

#include "tests/abi/client.h"

enum { ROW_COUNT_MAX = 2048, OUT_COUNT = 64 };

static const uint64_t kPage = 4096;
static const uint64_t kMs = 1000000;
static const uint64_t kNow = 1000000000;

typedef struct window_client {
    bwrt_runtime* runtime;
    bwrt_error error;
    uint64_t now_ns; /* of the next window */
    bwrt_request_window window;
    bwrt_request requests[OUT_COUNT];
    bwrt_tier_budget tiers[4];
    bwrt_tier_route routes[4];
    bwrt_bus buses[4];
    bwrt_tenant_credit tenants[4];
    uint64_t layer_ns[4];
    uint64_t cancelled_ids[4];
    bwrt_decision decisions[OUT_COUNT];
    bwrt_transfer transfers[2 * OUT_COUNT];
} window_client;

/* Nothing asked for; outputs that a refused call must leave alone. */
static inline void begin_window(window_client* self) {
    bwrt_request_window* window = &self->window;

    memset(window, 0, sizeof(*window));
    window->struct_size = sizeof(*window);
    window->now_ns = self->now_ns;
    window->requests = self->requests;
    window->request_bytes = sizeof(bwrt_request);
    window->cancelled_ids = self->cancelled_ids;
    window->tiers = self->tiers;
    window->tier_bytes = sizeof(bwrt_tier_budget);
    window->routes = self->routes;
    window->route_bytes = sizeof(bwrt_tier_route);
    window->buses = self->buses;
    window->bus_bytes = sizeof(bwrt_bus);
    window->tenants = self->tenants;
    window->tenant_bytes = sizeof(bwrt_tenant_credit);
    window->layer_ns = self->layer_ns;
    window->decisions = self->decisions;
    window->decision_capacity = OUT_COUNT;
    window->decision_bytes = sizeof(bwrt_decision);
    window->transfers = self->transfers;
    window->transfer_capacity = 2 * OUT_COUNT;
    window->transfer_bytes = sizeof(bwrt_transfer);
    window->decision_count = window->transfer_count = window->carried_count = 77;
    mark_untouched(self->decisions, sizeof(self->decisions));
    mark_untouched(self->transfers, sizeof(self->transfers));
}

static inline void give_bus(window_client* self, uint64_t bytes_per_s) {
    memset(self->buses, 0, sizeof(self->buses));
    self->buses[0].bus = BWRT_TIER_DISK;
    self->buses[0].bytes_per_s = bytes_per_s;
    self->window.bus_count = 1;
}

static inline void give_budget(window_client* self, uint64_t bytes) {
    memset(self->tiers, 0, sizeof(self->tiers));
    self->tiers[0].tier = BWRT_TIER_HOST;
    self->tiers[0].bytes = bytes;
    self->window.tier_count = 1;
}

static inline void give_credit(window_client* self, uint64_t tenant, uint64_t bytes_per_s,
                               uint64_t burst_bytes) {
    bwrt_tenant_credit* credit = &self->tenants[self->window.tenant_count++];

    credit->tenant = tenant;
    credit->bytes_per_s = bytes_per_s;
    credit->burst_bytes = burst_bytes;
}

/* deadline_ms counts from the window; 0: none. */
static inline bwrt_request* ask(window_client* self, uint64_t id, uint64_t page_first,
                                uint64_t page_count, uint64_t deadline_ms) {
    bwrt_request* request = &self->requests[self->window.request_count++];

    memset(request, 0, sizeof(*request));
    request->id = id;
    request->page_first = page_first;
    request->page_count = page_count;
    request->page_bytes = kPage;
    request->deadline_ns = deadline_ms == 0 ? 0 : self->window.now_ns + deadline_ms * kMs;
    request->source_tier = BWRT_TIER_DISK;
    request->target_tier = BWRT_TIER_HOST;
    return request;
}

static inline bwrt_status plan_window(window_client* self) {
    return bwrt_plan_window(self->runtime, &self->window, NULL, &self->error);
}

/* The next one is a window's time later. */
static inline void plan(window_client* self) {
    if (plan_window(self) != BWRT_OK) fail_msg("%s: %s", self->error.field, self->error.message);
    self->now_ns = self->window.now_ns + 20 * kMs;
}

/* Refused for this field, with nothing written. */
static inline void assert_refused(window_client* self, bwrt_status status, const char* field) {
    memset(&self->error, UNTOUCHED_BYTE, sizeof(self->error));
    assert_int_equal(plan_window(self), status);
    assert_blames(&self->error, status, field);
    assert_int_equal(self->window.decision_count, 77);
    assert_int_equal(self->window.transfer_count, 77);
    assert_int_equal(self->window.carried_count, 77);
    assert_true(is_untouched(self->decisions, sizeof(self->decisions)));
    assert_true(is_untouched(self->transfers, sizeof(self->transfers)));
}

static inline window_client* open_window_client(const bwrt_planner* planner) {
    window_client* self = calloc(1, sizeof(*self));
    bwrt_config config;

    if (self == NULL) return NULL;
    memset(&config, 0, sizeof(config));
    config.struct_size = sizeof(config);
    config.planner = planner;
    if (bwrt_open(&config, &self->runtime, NULL) != BWRT_OK) {
        free(self);
        return NULL;
    }
    self->now_ns = kNow;
    begin_window(self);
    return self;
}

static inline bwrt_planner small_planner(void) {
    bwrt_planner planner;

    memset(&planner, 0, sizeof(planner));
    planner.struct_size = sizeof(planner);
    planner.row_count_max = ROW_COUNT_MAX;
    return planner;
}

static inline int window_setup(void** state) {
    const bwrt_planner planner = small_planner();

    *state = open_window_client(&planner);
    return *state == NULL ? -1 : 0;
}

static inline int window_teardown(void** state) {
    window_client* self = *state;

    if (bwrt_shutdown(self->runtime, BWRT_SHUTDOWN_CANCEL, -1, NULL) != BWRT_OK ||
        bwrt_close(self->runtime, NULL) != BWRT_OK) {
        return -1;
    }
    free(self);
    return 0;
}

#endif
