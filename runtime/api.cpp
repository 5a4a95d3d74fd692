// SPDX-License-Identifier: Apache-2.0
//
// api.cpp — the exported functions, and nothing else (those of plans are in api_plans.cpp, and
// bwrt_status_name is beside its table).
//
// Each one checks its pointers, counts itself as a call inside, calls the core inside guard(),
// and returns a status.  No decision is taken here and no exception leaves this file.

#include <algorithm>
#include <cstddef>

#include "runtime/api_entry.h"
#include "runtime/boundary.h"
#include "runtime/runtime.h"
#include "runtime/store/block_id.h"
#include "runtime/store/content_id.h"

using bwrt::runtime::Call;
using bwrt::runtime::check_array;
using bwrt::runtime::copy_in;
using bwrt::runtime::copy_out;
using bwrt::runtime::enter;
using bwrt::runtime::ErrorSink;
using bwrt::runtime::fail;
using bwrt::runtime::guard;
using bwrt::runtime::need;
using bwrt::runtime::Runtime;

namespace {

// Of the first release.
constexpr std::size_t kCapsBytesMin = 744;
constexpr std::size_t kRegionBytesMin = 32;
constexpr std::size_t kLayoutBytesMin = 32;
constexpr std::size_t kCountersBytesMin = 176;
constexpr std::size_t kQueryBytesMin = 48;

// Checks a struct the library writes to.
template <typename Struct>
bwrt_status check_out(const Struct* target, std::size_t oldest_bytes, const char* field,
                      bwrt_error* error) {
    Struct probe;
    return copy_in(&probe, target, target->struct_size, oldest_bytes, field, {error, BWRT_NONE});
}

template <typename Struct>
void write_out(Struct* target, Struct value) {
    const std::uint32_t target_bytes = target->struct_size;
    value.struct_size = target_bytes;
    copy_out(target, target_bytes, value);
}

}  // namespace

// One that has a store.
static bwrt_status enter_store(bwrt_runtime* runtime, bwrt_error* error) {
    if (const bwrt_status status = enter(runtime, error)) return status;
    if (runtime->runtime.has_store()) return BWRT_OK;
    return fail({error, BWRT_NONE}, BWRT_E_UNSUPPORTED, "runtime", "it has no store");
}

extern "C" {

uint32_t bwrt_abi_version(void) { return BWRT_ABI_VERSION; }

bwrt_status bwrt_open(const bwrt_config* config, bwrt_runtime** runtime_out, bwrt_error* error) {
    BWRT_RETURN_IF(need(runtime_out, "runtime_out", error));
    if (config != nullptr) BWRT_RETURN_IF(need(config, "config", error));
    return bwrt::runtime::open_runtime(config, {}, runtime_out, error);
}

bwrt_status bwrt_shutdown(bwrt_runtime* runtime, uint32_t flags, int64_t timeout_ns,
                          bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] {
        return runtime->runtime.shutdown(flags, timeout_ns, {error, BWRT_NONE});
    });
}

bwrt_status bwrt_close(bwrt_runtime* runtime, bwrt_error* error) {
    if (runtime == nullptr) return BWRT_OK;
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(runtime->runtime.check_closable({error, BWRT_NONE}));
    return guard(error, [&]() -> bwrt_status {
        delete runtime;
        return BWRT_OK;
    });
}

bwrt_status bwrt_get_caps(bwrt_runtime* runtime, bwrt_caps* caps, bwrt_error* error) {
    BWRT_RETURN_IF(need(caps, "caps", error));
    BWRT_RETURN_IF(check_out(caps, kCapsBytesMin, "caps.struct_size", error));
    if (runtime == nullptr) {
        bwrt_runtime* probe = nullptr;
        BWRT_RETURN_IF(bwrt_open(nullptr, &probe, error));
        bwrt_status status = bwrt_get_caps(probe, caps, error);
        if (status == BWRT_OK) status = bwrt_shutdown(probe, BWRT_SHUTDOWN_CANCEL, -1, error);
        if (status == BWRT_OK) status = bwrt_close(probe, error);
        return status;
    }
    BWRT_RETURN_IF(enter(runtime, error));
    const Call call(&runtime->runtime.calls());
    return guard(error, [&]() -> bwrt_status {
        bwrt_caps found;
        runtime->runtime.caps(&found);
        write_out(caps, found);
        return BWRT_OK;
    });
}

bwrt_status bwrt_sample(bwrt_runtime* runtime, bwrt_counters* counters, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(need(counters, "counters", error));
    BWRT_RETURN_IF(check_out(counters, kCountersBytesMin, "counters.struct_size", error));
    if (counters->routes != nullptr) {
        BWRT_RETURN_IF(check_array(counters->routes, "counters.routes", counters->route_bytes,
                                   sizeof(bwrt_route), "counters.route_bytes", {error, BWRT_NONE}));
    }
    const Call call(&runtime->runtime.calls());
    return guard(error, [&]() -> bwrt_status {
        bwrt_counters sampled;
        bwrt_route routes[bwrt::runtime::kRouteCount];
        runtime->runtime.sample(&sampled, routes);
        sampled.routes = counters->routes;
        sampled.route_capacity = counters->route_capacity;
        sampled.route_bytes = counters->route_bytes;
        sampled.route_count = bwrt::runtime::kRouteCount;
        const std::uint32_t count =
            counters->routes == nullptr
                ? 0
                : std::min(counters->route_capacity, bwrt::runtime::kRouteCount);
        auto* target = reinterpret_cast<std::byte*>(counters->routes);
        for (std::uint32_t i = 0; i < count; ++i) {
            copy_out(target + std::size_t{i} * counters->route_bytes, counters->route_bytes,
                     routes[i]);
        }
        write_out(counters, sampled);
        return BWRT_OK;
    });
}

bwrt_status bwrt_region_add(bwrt_runtime* runtime, const bwrt_region* region,
                            bwrt_handle* region_out, bwrt_region_info* info, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(need(region, "region", error));
    BWRT_RETURN_IF(need(region_out, "region_out", error));
    if (info != nullptr) {
        BWRT_RETURN_IF(need(info, "info", error));
        BWRT_RETURN_IF(check_out(info, sizeof *info, "info.struct_size", error));
    }
    const ErrorSink sink{error, BWRT_NONE};
    bwrt_region checked;
    BWRT_RETURN_IF(copy_in(&checked, region, region->struct_size, kRegionBytesMin,
                           "region.struct_size", sink));
    const Call call(&runtime->runtime.calls());
    return guard(error, [&]() -> bwrt_status {
        bwrt_handle handle = 0;
        bwrt_region_info made = {};
        BWRT_RETURN_IF(
            runtime->runtime.add_region(checked, &handle, info == nullptr ? nullptr : &made, sink));
        *region_out = handle;
        if (info != nullptr) write_out(info, made);
        return BWRT_OK;
    });
}

bwrt_status bwrt_region_set(bwrt_runtime* runtime, bwrt_handle region, uint32_t action,
                            int64_t timeout_ns, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] {
        return runtime->runtime.set_region(region, action, timeout_ns, {error, BWRT_NONE});
    });
}

bwrt_status bwrt_layout_add(bwrt_runtime* runtime, const bwrt_layout* layout,
                            bwrt_handle* layout_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(need(layout, "layout", error));
    BWRT_RETURN_IF(need(layout_out, "layout_out", error));
    const ErrorSink sink{error, BWRT_NONE};
    bwrt_layout checked;
    BWRT_RETURN_IF(copy_in(&checked, layout, layout->struct_size, kLayoutBytesMin,
                           "layout.struct_size", sink));
    const Call call(&runtime->runtime.calls());
    return guard(error, [&]() -> bwrt_status {
        bwrt_handle handle = 0;
        BWRT_RETURN_IF(runtime->runtime.add_layout(checked, &handle, sink));
        *layout_out = handle;
        return BWRT_OK;
    });
}

bwrt_status bwrt_release(bwrt_runtime* runtime, bwrt_handle handle, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] { return runtime->runtime.release(handle, {error, BWRT_NONE}); });
}

bwrt_status bwrt_submit_wave(bwrt_runtime* runtime, const bwrt_wave* wave, bwrt_handle* wave_out,
                             bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(need(wave, "wave", error));
    BWRT_RETURN_IF(need(wave_out, "wave_out", error));
    return runtime->runtime.submit(wave, wave_out, error);
}

bwrt_status bwrt_wait(bwrt_runtime* runtime, bwrt_handle wave, int64_t timeout_ns,
                      bwrt_completion* completion_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(need(completion_out, "completion_out", error));
    const Call call(&runtime->runtime.calls());
    return runtime->runtime.wait(wave, timeout_ns, completion_out, {error, BWRT_NONE});
}

bwrt_status bwrt_poll(bwrt_runtime* runtime, bwrt_completion* completions, uint32_t capacity,
                      uint32_t* count_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    BWRT_RETURN_IF(need(completions, "completions", error));
    if (count_out == nullptr) return fail({error, BWRT_NONE}, BWRT_E_INVAL, "count_out", "NULL");
    if (capacity == 0) return fail({error, BWRT_NONE}, BWRT_E_INVAL, "capacity", "0");
    const Call call(&runtime->runtime.calls());
    *count_out = runtime->runtime.poll(completions, capacity);
    return BWRT_OK;
}

bwrt_status bwrt_advance(bwrt_runtime* runtime, uint64_t token, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    const Call call(&runtime->runtime.calls());
    return runtime->runtime.advance(token, {error, BWRT_NONE});
}

bwrt_status bwrt_stream_wait(bwrt_runtime* runtime, bwrt_handle wave, uint32_t group,
                             uint32_t device, uint64_t stream, int64_t timeout_ns,
                             bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    const Call call(&runtime->runtime.calls());
    return runtime->runtime.stream_wait(wave, group, device, stream, timeout_ns,
                                        {error, BWRT_NONE});
}

bwrt_status bwrt_cancel(bwrt_runtime* runtime, bwrt_handle wave, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    const Call call(&runtime->runtime.calls());
    return runtime->runtime.cancel(wave, {error, BWRT_NONE});
}

bwrt_status bwrt_event_fd(bwrt_runtime* runtime, int32_t* fd_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter(runtime, error));
    if (fd_out == nullptr) return fail({error, BWRT_NONE}, BWRT_E_INVAL, "fd_out", "NULL");
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] { return runtime->runtime.event_fd(fd_out, {error, BWRT_NONE}); });
}

bwrt_status bwrt_block_id(const bwrt_block_id_input* input, void* ids_out, uint32_t id_capacity,
                          uint32_t* count_out, bwrt_error* error) {
    BWRT_RETURN_IF(need(input, "input", error));
    if (count_out == nullptr) return fail({error, BWRT_NONE}, BWRT_E_INVAL, "count_out", "NULL");
    return bwrt::runtime::name_blocks(input, ids_out, id_capacity, count_out, {error, BWRT_NONE});
}

bwrt_status bwrt_content_id(const bwrt_span* spans, uint32_t span_count, void* id_out,
                            bwrt_error* error) {
    BWRT_RETURN_IF(need(spans, "spans", error));
    if (id_out == nullptr) return fail({error, BWRT_NONE}, BWRT_E_INVAL, "id_out", "NULL");
    return bwrt::runtime::name_content({spans, span_count}, id_out, {error, BWRT_NONE});
}

bwrt_status bwrt_tenant_set(bwrt_runtime* runtime, const bwrt_tenant* tenant, bwrt_error* error) {
    BWRT_RETURN_IF(enter_store(runtime, error));
    BWRT_RETURN_IF(need(tenant, "tenant", error));
    const ErrorSink sink{error, BWRT_NONE};
    bwrt_tenant checked;
    BWRT_RETURN_IF(
        copy_in(&checked, tenant, tenant->struct_size, sizeof checked, "tenant.struct_size", sink));
    if (checked.flags != 0) {
        return fail(sink, BWRT_E_INVAL, "tenant.flags", "0x%x: there are none", checked.flags);
    }
    if (checked.number == ~std::uint64_t{0}) {
        return fail(sink, BWRT_E_INVAL, "tenant.number", "all ones: events say so of no tenant");
    }
    if ((checked.credit_bytes_per_s | checked.credit_burst_bytes) != 0 &&
        !runtime->runtime.tables().has_planner()) {
        return fail(sink, BWRT_E_UNSUPPORTED, "tenant.credit_bytes_per_s",
                    "the runtime was opened without a planner");
    }
    if (checked.credit_bytes_per_s == 0 && checked.credit_burst_bytes != 0) {
        return fail(sink, BWRT_E_INVAL, "tenant.credit_burst_bytes",
                    "set, and credit_bytes_per_s is 0");
    }
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] { return runtime->runtime.set_tenant(checked, sink); });
}

bwrt_status bwrt_lookup(bwrt_runtime* runtime, const bwrt_lookup_query* query,
                        bwrt_lookup_answer* answers, uint32_t* prefix_count_out,
                        uint32_t* leased_count_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter_store(runtime, error));
    BWRT_RETURN_IF(need(query, "query", error));
    if (answers != nullptr) BWRT_RETURN_IF(need(answers, "answers", error));
    const ErrorSink sink{error, BWRT_NONE};
    if (prefix_count_out == nullptr) return fail(sink, BWRT_E_INVAL, "prefix_count_out", "NULL");
    bwrt_lookup_query checked;
    BWRT_RETURN_IF(
        copy_in(&checked, query, query->struct_size, kQueryBytesMin, "query.struct_size", sink));
    if (checked.split != nullptr) BWRT_RETURN_IF(need(checked.split, "query.split", error));
    const Call call(&runtime->runtime.calls());
    return guard(error, [&] {
        return runtime->runtime.look_up(checked, answers, prefix_count_out, leased_count_out, sink);
    });
}

bwrt_status bwrt_events(bwrt_runtime* runtime, uint64_t* cursor, bwrt_event* events,
                        uint32_t capacity, uint32_t* count_out, bwrt_error* error) {
    BWRT_RETURN_IF(enter_store(runtime, error));
    BWRT_RETURN_IF(need(cursor, "cursor", error));
    BWRT_RETURN_IF(need(events, "events", error));
    const ErrorSink sink{error, BWRT_NONE};
    if (count_out == nullptr) return fail(sink, BWRT_E_INVAL, "count_out", "NULL");
    if (capacity == 0) return fail(sink, BWRT_E_INVAL, "capacity", "0");
    const Call call(&runtime->runtime.calls());
    return guard(
        error, [&] { return runtime->runtime.events(cursor, events, capacity, count_out, sink); });
}

bwrt_status bwrt_sample_store(bwrt_runtime* runtime, bwrt_store_counters* counters,
                              bwrt_error* error) {
    BWRT_RETURN_IF(enter_store(runtime, error));
    BWRT_RETURN_IF(need(counters, "counters", error));
    BWRT_RETURN_IF(check_out(counters, sizeof *counters, "counters.struct_size", error));
    bwrt_store_info* const info = counters->info;
    if (info != nullptr) {
        BWRT_RETURN_IF(need(info, "counters.info", error));
        BWRT_RETURN_IF(check_out(info, sizeof *info, "info.struct_size", error));
    }
    const ErrorSink sink{error, BWRT_NONE};
    const bwrt::runtime::Tenant* tenant = nullptr;
    if (counters->flags == BWRT_COUNTERS_TENANT) {
        tenant = runtime->runtime.tenants().find(counters->tenant);
    }
    if (counters->flags > BWRT_COUNTERS_TENANT ||
        (tenant == nullptr && (counters->flags | counters->tenant) != 0)) {
        return fail(sink, BWRT_E_INVAL,
                    counters->flags > BWRT_COUNTERS_TENANT ? "counters.flags" : "counters.tenant",
                    "flags 0x%x, tenant %llu: not a tenant that was set", counters->flags,
                    static_cast<unsigned long long>(counters->tenant));
    }
    const Call call(&runtime->runtime.calls());
    return guard(error, [&]() -> bwrt_status {
        bwrt_store_counters sampled = {};
        sampled.flags = counters->flags;
        sampled.tenant = counters->tenant;
        sampled.info = info;
        runtime->runtime.sample_store(tenant, &sampled);
        write_out(counters, sampled);
        if (info == nullptr) return BWRT_OK;
        bwrt_store_info found = {};
        runtime->runtime.store_info(&found);
        write_out(info, found);
        return BWRT_OK;
    });
}

}  // extern "C"
