// SPDX-License-Identifier: Apache-2.0

//! ffi.rs — bwrt.h as Rust declares it, by hand and without another crate.
//!
//! The names are the header's, which is also the manual.  What is declared here is listed by the
//! same macros: examples/layout.rs prints sizes, offsets and values, and tools/check_bindings.sh
//! compares them with what the C compiler makes of the header.
//!
//! Every struct is made by `default()`, all zero, as the header asks; set `struct_size` in those
//! that have it.

#![allow(non_camel_case_types)]

use crate::constants::BWRT_LATENCY_BUCKET_COUNT;
use std::os::raw::{c_char, c_void};

pub type bwrt_status = i32;
pub type bwrt_handle = u64;
pub type bwrt_log_function = extern "C" fn(user: *mut c_void, level: i32, sentence: *const c_char);

/// Opaque: seen through a pointer only.
#[repr(C)]
pub struct bwrt_runtime {
    _private: [u8; 0],
}

structs! {
    bwrt_error {
        status: bwrt_status,
        operation_index: u32,
        os_code: i32,
        reserved: u32,
        field: [c_char; 48],
        message: [c_char; 192],
    }
    bwrt_store {
        struct_size: u32,
        flags: u32,
        directories: *const *const c_char,
        shard: *const c_char,
        disk_bytes: u64,
        host_bytes: u64,
        transit_bytes: u64,
        write_bytes_per_day: u64,
        directory_count: u32,
        block_count_max: u32,
        block_bytes_max: u32,
        flight_count_max: u32,
        tenant_count_max: u32,
        lease_count_max: u32,
        write_touch_count: u32,
        eviction: u32,
        index_directory: *const c_char,
    }
    bwrt_planner {
        struct_size: u32,
        flags: u32,
        window_ns: u64,
        min_io_bytes: u64,
        caller_budget_bytes: u64,
        host_budget_bytes: u64,
        disk_budget_bytes: u64,
        operation_count_max: u32,
        row_count_max: u32,
        alpha_milli: u32,
        beta_milli: u32,
        pmin_milli: u32,
        umin_milli: i32,
        age_first: u32,
        age_max: u32,
        half_life_ns: u64,
        prefetch_bytes_max: u64,
        prefetch_horizon_ns: u64,
        prefetch_wasted_milli: u32,
        prefetch_chain_count_max: u32,
    }
    bwrt_config {
        struct_size: u32,
        progress: u32,
        storage: u32,
        wave_count_max: u32,
        operation_count_max: u32,
        slot_count_max: u32,
        region_count_max: u32,
        layout_count_max: u32,
        plane_count_max: u32,
        group_count_max: u32,
        queue_depth: u32,
        io_bytes_max: u32,
        staging_count: u32,
        pool_thread_count: u32,
        spin_ns: u32,
        reserved: u32,
        log: Option<bwrt_log_function>,
        log_user: *mut c_void,
        calibration: *const c_char,
        store: *const bwrt_store,
        planner: *const bwrt_planner,
        device: u32,
        reserved2: u32,
        tuning: *const c_char,
    }
    bwrt_region {
        struct_size: u32,
        kind: u32,
        flags: u32,
        fd: i32,
        address: *mut c_void,
        length_bytes: u64,
        device: u32,
        reserved: u32,
    }
    bwrt_region_info {
        struct_size: u32,
        flags: u32,
        address: *mut c_void,
        length_bytes: u64,
        fd: i32,
        registered: u32,
        memory_align_bytes: u32,
        offset_align_bytes: u32,
        reason: [c_char; 160],
    }
    bwrt_plane {
        region: bwrt_handle,
        offset_bytes: u64,
        slot_stride_bytes: i64,
        row_stride_bytes: i64,
        length_bytes: u64,
        row_count: u32,
        group: u32,
        block_offset_bytes: u64,
        block_row_stride_bytes: u64,
    }
    bwrt_layout {
        struct_size: u32,
        slot_count: u32,
        block_bytes: u64,
        planes: *const bwrt_plane,
        plane_count: u32,
        plane_bytes: u32,
        salt: u64,
    }
    bwrt_gemm {
        struct_size: u32,
        m: u32,
        n: u32,
        k: u32,
        b: bwrt_handle,
        b_offset_bytes: u64,
        b_stride_bytes: i64,
    }
    bwrt_operation {
        kind: u32,
        flags: u32,
        source: bwrt_handle,
        target: bwrt_handle,
        source_offset_bytes: u64,
        target_offset_bytes: u64,
        length_bytes: u64,
        group: u32,
        row_count: u32,
        source_stride_bytes: i64,
        target_stride_bytes: i64,
        source_slots: *const u32,
        target_slots: *const u32,
        slot_count: u32,
        plane_first: u32,
        plane_count: u32,
        tier: u32,
        image_offset_bytes: u64,
        value_done: u64,
        value_failed: u64,
        block_options: *const bwrt_block_options,
        block_first: u32,
        reserved: u32,
        gemm: *const bwrt_gemm,
    }
    bwrt_result {
        status: bwrt_status,
        flags: u32,
        bytes: u64,
        address: u64,
        tier: u32,
        os_code: i32,
    }
    bwrt_group_result {
        status: bwrt_status,
        prefix_count: u32,
        bytes: u64,
    }
    bwrt_block {
        identity: [u8; 32],
        part: u32,
    }
    bwrt_wave {
        struct_size: u32,
        flags: u32,
        operations: *const bwrt_operation,
        operation_count: u32,
        operation_bytes: u32,
        priority: u32,
        delivery: u32,
        late: u32,
        window: u32,
        deadline_ns: u64,
        window_start: u64,
        window_end: u64,
        user_data: u64,
        wait_for: [bwrt_handle; 4],
        results: *mut bwrt_result,
        groups: *mut bwrt_group_result,
        result_count: u32,
        result_bytes: u32,
        group_count: u32,
        group_bytes: u32,
        blocks: *const bwrt_block,
        block_count: u32,
        block_bytes: u32,
        tenant: u64,
        session: u64,
        after: u64,
        after_kind: u32,
        after_device: u32,
    }
    bwrt_completion {
        wave: bwrt_handle,
        user_data: u64,
        status: bwrt_status,
        verdict: u32,
        operation_index: u32,
        tier: u32,
        os_code: i32,
        flags: u32,
        bytes: u64,
        prefix_count: u64,
        submitted_ns: u64,
        finished_ns: u64,
        reserved: [u64; 7],
    }
    bwrt_span {
        address: *const c_void,
        length_bytes: u64,
    }
    bwrt_media_item {
        token_first: i64,
        token_count: u32,
        reserved: u32,
        digest: bwrt_span,
    }
    bwrt_block_id_input {
        struct_size: u32,
        block_token_count: u32,
        tokens: *const u32,
        parent: *const c_void,
        media_items: *const bwrt_media_item,
        token_count: u32,
        media_item_count: u32,
        media_item_bytes: u32,
        layer_first: u32,
        layer_count: u32,
        rank: u32,
        rank_count: u32,
        reserved: u32,
        model: bwrt_span,
        weights: bwrt_span,
        adapter: bwrt_span,
        dtype: bwrt_span,
        layout: bwrt_span,
        rope: bwrt_span,
        salt: bwrt_span,
        prompt_embeddings: bwrt_span,
    }
    bwrt_block_options {
        struct_size: u32,
        closure: u32,
        layout_digest: u64,
        window_blocks: u32,
        ttl_s: u32,
        access_count: u32,
        complexity_milli: u32,
        time_variance_milli: u32,
        reserved: u32,
    }
    bwrt_plan_binding {
        name: *const c_char,
        source: bwrt_handle,
        target: bwrt_handle,
        source_offset_bytes: u64,
        target_offset_bytes: u64,
    }
    bwrt_plan_run {
        struct_size: u32,
        binding_count: u32,
        bindings: *const bwrt_plan_binding,
        binding_bytes: u32,
        reserved: u32,
        wave: *const bwrt_wave,
        page_bytes: u64,
    }
    bwrt_request {
        id: u64,
        page_first: u64,
        page_count: u64,
        page_bytes: u64,
        deadline_ns: u64,
        fill_ns: u64,
        tenant: u64,
        model: u32,
        prefix: u32,
        layer_first: u32,
        layer_count: u32,
        node: u32,
        source_tier: u32,
        target_tier: u32,
        priority: u32,
        weight_milli: u32,
        reserved: u32,
    }
    bwrt_tier_budget {
        node: u32,
        tier: u32,
        bytes: u64,
        operation_count_max: u32,
        reserved: u32,
    }
    bwrt_tier_route {
        source_tier: u32,
        target_tier: u32,
        latency_ns: u64,
        stream_bytes_per_s: u64,
        stream_count: u32,
        bus: u32,
    }
    bwrt_bus {
        node: u32,
        bus: u32,
        bytes_per_s: u64,
        queued_bytes: u64,
    }
    bwrt_tenant_credit {
        tenant: u64,
        bytes_per_s: u64,
        burst_bytes: u64,
    }
    bwrt_decision {
        id: u64,
        finish_ns: u64,
        rest_first: u64,
        layer: u32,
        verdict: u32,
        transfer_index: u32,
        transfer_count: u32,
        age: u32,
        reserved: u32,
    }
    bwrt_transfer {
        page_first: u64,
        page_count: u64,
        page_bytes: u64,
        bytes: u64,
        deadline_ns: u64,
        finish_ns: u64,
        model: u32,
        prefix: u32,
        layer: u32,
        node: u32,
        source_tier: u32,
        target_tier: u32,
        priority: u32,
        served_count: u32,
        position: u32,
        overlap: u32,
    }
    bwrt_request_window {
        struct_size: u32,
        flags: u32,
        now_ns: u64,
        requests: *const bwrt_request,
        cancelled_ids: *const u64,
        tiers: *const bwrt_tier_budget,
        routes: *const bwrt_tier_route,
        buses: *const bwrt_bus,
        tenants: *const bwrt_tenant_credit,
        layer_ns: *const u64,
        decisions: *mut bwrt_decision,
        transfers: *mut bwrt_transfer,
        request_count: u32,
        request_bytes: u32,
        cancelled_count: u32,
        tier_count: u32,
        tier_bytes: u32,
        route_count: u32,
        route_bytes: u32,
        bus_count: u32,
        bus_bytes: u32,
        tenant_count: u32,
        tenant_bytes: u32,
        layer_count: u32,
        decision_capacity: u32,
        decision_bytes: u32,
        transfer_capacity: u32,
        transfer_bytes: u32,
        decision_count: u32,
        transfer_count: u32,
        carried_count: u32,
        reserved: u32,
    }
    bwrt_tenant {
        struct_size: u32,
        flags: u32,
        number: u64,
        secret: *const c_void,
        host_quota_bytes: u64,
        disk_quota_bytes: u64,
        credit_bytes_per_s: u64,
        credit_burst_bytes: u64,
    }
    bwrt_lookup_answer {
        state: u32,
        tier: u32,
        ready_ns: u64,
    }
    bwrt_split {
        struct_size: u32,
        flags: u32,
        token_count: u32,
        block_tokens: u32,
        block_bytes: u64,
        prefill_tokens_per_s: u64,
        attention_ps: u64,
        deadline_ns: u64,
        layer_count: u32,
        reserved: u32,
        load_count: u32,
        is_late: u32,
        loaded_ns: u64,
        finish_ns: u64,
        load_finish_ns: u64,
        compute_finish_ns: u64,
        disk_bytes_per_s: u64,
        host_bytes_per_s: u64,
    }
    bwrt_lookup_query {
        struct_size: u32,
        flags: u32,
        tenant: u64,
        identities: *const c_void,
        identity_count: u32,
        part_first: u32,
        part_count: u32,
        lease_ms: u32,
        layout: bwrt_handle,
        split: *mut bwrt_split,
    }
    bwrt_event {
        kind: u32,
        tier: u32,
        reason: u32,
        part: u32,
        tenant: u64,
        time_ns: u64,
        identity: [u8; 32],
    }
    bwrt_caps {
        struct_size: u32,
        abi_version: u32,
        version: [c_char; 32],
        features: u32,
        progress: u32,
        storage: u32,
        wave_count_max: u32,
        operation_count_max: u32,
        slot_count_max: u32,
        region_count_max: u32,
        layout_count_max: u32,
        plane_count_max: u32,
        group_count_max: u32,
        queue_depth: u32,
        io_bytes_max: u32,
        staging_count: u32,
        pool_thread_count: u32,
        spin_ns: u32,
        reserved: u32,
        storage_reason: [c_char; 256],
        fixed_buffers_reason: [c_char; 128],
        fixed_files_reason: [c_char; 128],
        huge_pages_reason: [c_char; 128],
        machine: [c_char; 128],
        calibration_reason: [c_char; 256],
        driver_version: u32,
        batch_copy_abi: u32,
        device_count: u32,
        reserved2: u32,
        device_reason: [c_char; 256],
        tuning_reason: [c_char; 512],
    }
    bwrt_route {
        source_tier: u32,
        target_tier: u32,
        request_count: u64,
        piece_count: u64,
        bytes: u64,
        error_count: u64,
        resubmit_count: u64,
        staged_bytes: u64,
        inflight_count: u64,
        latency_sum_ns: u64,
        latency_buckets: [u64; BWRT_LATENCY_BUCKET_COUNT as usize],
    }
    bwrt_counters {
        struct_size: u32,
        route_capacity: u32,
        routes: *mut bwrt_route,
        route_bytes: u32,
        route_count: u32,
        time_ns: u64,
        waves_accepted: u64,
        waves_refused: u64,
        waves_pending: u64,
        waves_ok: u64,
        waves_cancelled: u64,
        waves_late: u64,
        waves_window: u64,
        waves_dependency: u64,
        waves_failed: u64,
        waves_overdue: u64,
        undelivered: u64,
        ring_occupancy: u64,
        ring_capacity: u64,
        queued_bytes: u64,
        inflight_count: u64,
        sleeps: u64,
        wakes: u64,
        unknown_completions: u64,
        plan_count: u64,
        plan_row_count: u64,
        plan_carried_count: u64,
        plan_late_count: u64,
        plan_waited_count: u64,
        plan_operation_count: u64,
        plan_served_count: u64,
        plan_bytes: u64,
        plan_ns: u64,
        token: u64,
        plan_finished_count: u64,
        plan_on_time_count: u64,
        plan_error_ns: u64,
        prefetch_count: u64,
        prefetch_bytes: u64,
        prefetch_right_count: u64,
        prefetch_right_bytes: u64,
        prefetch_late_count: u64,
        prefetch_late_bytes: u64,
        prefetch_wasted_count: u64,
        prefetch_wasted_bytes: u64,
        prefetch_failed_count: u64,
        prefetch_failed_bytes: u64,
        prefetch_open_count: u64,
        prefetch_open_bytes: u64,
        prefetch_lead_ns: u64,
        prefetch_missed_count: u64,
    }
    bwrt_tier_counters {
        capacity_bytes: u64,
        used_bytes: u64,
        block_count: u64,
        hit_count: u64,
        hit_bytes: u64,
        stored_count: u64,
        stored_bytes: u64,
        evicted_count: u64,
        expired_count: u64,
    }
    bwrt_store_counters {
        struct_size: u32,
        flags: u32,
        tenant: u64,
        host: bwrt_tier_counters,
        disk: bwrt_tier_counters,
        miss_count: u64,
        put_count: u64,
        present_count: u64,
        present_bytes: u64,
        joined_count: u64,
        corrupt_count: u64,
        failed_count: u64,
        dedup_count: u64,
        dedup_bytes: u64,
        written_bytes: u64,
        carried_bytes: u64,
        refused_count: u64,
        write_budget_left_bytes: u64,
        log_bytes: u64,
        recovery_ns: u64,
        recovered_count: u64,
        flight_count: u64,
        unworthy_count: u64,
        info: *mut bwrt_store_info,
    }
    bwrt_store_info {
        struct_size: u32,
        flags: u32,
        host_address: *mut c_void,
        host_bytes: u64,
        transit_bytes: u64,
        disk_bytes: u64,
        segment_bytes: u64,
        log_bytes: u64,
        log_bytes_max: u64,
        host_fd: i32,
        block_count_max: u32,
        block_bytes_max: u32,
        flight_count_max: u32,
        tenant_count_max: u32,
        lease_count_max: u32,
        disk_block_count_max: u32,
        directory_count: u32,
        segment_count: u32,
        reserved_count: u32,
        unreserved_count: u32,
        striped_count: u32,
        stripe_count: u32,
        stripe_bytes: u32,
        checksum: *const c_char,
        huge_reason: *const c_char,
        disk_reason: *const c_char,
        direct_reason: *const c_char,
        reserve_reason: *const c_char,
        striping_reason: *const c_char,
        write_touch_count: u32,
        eviction: u32,
    }
}

functions! {
    fn bwrt_status_name(status: bwrt_status) -> *const c_char;
    fn bwrt_abi_version() -> u32;
    fn bwrt_open(
        config: *const bwrt_config, runtime_out: *mut *mut bwrt_runtime, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_shutdown(
        runtime: *mut bwrt_runtime, flags: u32, timeout_ns: i64, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_close(runtime: *mut bwrt_runtime, error: *mut bwrt_error) -> bwrt_status;
    fn bwrt_region_add(
        runtime: *mut bwrt_runtime, region: *const bwrt_region, region_out: *mut bwrt_handle,
        info: *mut bwrt_region_info, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_region_set(
        runtime: *mut bwrt_runtime, region: bwrt_handle, action: u32, timeout_ns: i64,
        error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_layout_add(
        runtime: *mut bwrt_runtime, layout: *const bwrt_layout, layout_out: *mut bwrt_handle,
        error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_release(
        runtime: *mut bwrt_runtime, handle: bwrt_handle, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_submit_wave(
        runtime: *mut bwrt_runtime, wave: *const bwrt_wave, wave_out: *mut bwrt_handle,
        error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_wait(
        runtime: *mut bwrt_runtime, wave: bwrt_handle, timeout_ns: i64,
        completion_out: *mut bwrt_completion, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_poll(
        runtime: *mut bwrt_runtime, completions: *mut bwrt_completion, capacity: u32,
        count_out: *mut u32, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_plan_parse(
        runtime: *mut bwrt_runtime, kind: u32, text: *const c_char, text_bytes: u64,
        plan_out: *mut bwrt_handle, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_plan_print(
        runtime: *mut bwrt_runtime, plan: bwrt_handle, text: *mut c_char, text_bytes: *mut u64,
        error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_plan_submit(
        runtime: *mut bwrt_runtime, plan: bwrt_handle, run: *const bwrt_plan_run,
        waves_out: *mut bwrt_handle, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_plan_window(
        runtime: *mut bwrt_runtime, window: *mut bwrt_request_window, plan_out: *mut bwrt_handle,
        error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_advance(
        runtime: *mut bwrt_runtime, token: u64, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_stream_wait(
        runtime: *mut bwrt_runtime, wave: bwrt_handle, group: u32, device: u32, stream: u64,
        timeout_ns: i64, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_cancel(
        runtime: *mut bwrt_runtime, wave: bwrt_handle, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_event_fd(
        runtime: *mut bwrt_runtime, fd_out: *mut i32, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_block_id(
        input: *const bwrt_block_id_input, ids_out: *mut c_void, id_capacity: u32,
        count_out: *mut u32, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_content_id(
        spans: *const bwrt_span, span_count: u32, id_out: *mut c_void, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_tenant_set(
        runtime: *mut bwrt_runtime, tenant: *const bwrt_tenant, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_lookup(
        runtime: *mut bwrt_runtime, query: *const bwrt_lookup_query,
        answers: *mut bwrt_lookup_answer, prefix_count_out: *mut u32, leased_count_out: *mut u32,
        error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_events(
        runtime: *mut bwrt_runtime, cursor: *mut u64, events: *mut bwrt_event, capacity: u32,
        count_out: *mut u32, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_get_caps(
        runtime: *mut bwrt_runtime, caps: *mut bwrt_caps, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_sample(
        runtime: *mut bwrt_runtime, counters: *mut bwrt_counters, error: *mut bwrt_error
    ) -> bwrt_status;
    fn bwrt_sample_store(
        runtime: *mut bwrt_runtime, counters: *mut bwrt_store_counters, error: *mut bwrt_error
    ) -> bwrt_status;
}
