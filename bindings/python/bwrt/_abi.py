# SPDX-License-Identifier: Apache-2.0
"""The binary interface of bwrt.h: its structs and constants, under their C names.

Written by hand from include/bwrt.h and compared with what a C compiler makes of it, field by
field and value by value, by tests/python/test_abi.py (through bindings/abi_layout.c).  Nothing
here knows of the library; what a field means stands in bwrt.h.
"""

from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_int32, c_int64, c_uint8
from ctypes import c_uint32, c_uint64, c_void_p

BWRT_ABI_VERSION = 0x00000004

# Status.
BWRT_OK = 0
BWRT_E_INVAL, BWRT_E_ABI, BWRT_E_HANDLE, BWRT_E_RANGE = -1, -2, -3, -4
BWRT_E_OVERLAP, BWRT_E_BUSY, BWRT_E_CLOSED, BWRT_E_FORKED = -5, -6, -7, -8
BWRT_E_AGAIN, BWRT_E_TIMEOUT = -20, -21
BWRT_E_CANCELLED, BWRT_E_LATE, BWRT_E_WINDOW, BWRT_E_DEPENDENCY = -30, -31, -32, -33
BWRT_E_MISS, BWRT_E_CORRUPT, BWRT_E_CONFLICT = -40, -41, -42
BWRT_E_IO, BWRT_E_TRUNCATED, BWRT_E_NOSPC, BWRT_E_NOMEM, BWRT_E_DEVICE = -50, -51, -52, -53, -54
BWRT_E_DEVICE_LOST, BWRT_E_LOCKED, BWRT_E_FORMAT, BWRT_E_PARSE = -55, -56, -57, -58
BWRT_E_UNSUPPORTED = -59
BWRT_E_INTERNAL = -99

BWRT_NONE = 0xFFFFFFFF
BWRT_LOG_ERROR, BWRT_LOG_WARNING, BWRT_LOG_INFO = 1, 2, 3
BWRT_PROGRESS_THREAD, BWRT_PROGRESS_CALLER = 0, 1
BWRT_STORAGE_AUTO, BWRT_STORAGE_URING, BWRT_STORAGE_POOL = 0, 1, 2
BWRT_DEVICE_LATER, BWRT_DEVICE_LOAD, BWRT_DEVICE_START = 0, 1, 2
BWRT_STORE_HUGE = 1
BWRT_STORE_SHARED = 2
BWRT_STORE_READER = 4
BWRT_STORE_EXPORT = 8
BWRT_EVICTION_DEFAULT, BWRT_EVICTION_LRU, BWRT_EVICTION_LEARNED, BWRT_EVICTION_RANKED = range(4)
BWRT_PLANNER_NO_FILTER, BWRT_PLANNER_NO_CREDITS, BWRT_PLANNER_NO_BUDGETS = 1, 2, 4
BWRT_PLANNER_NO_MERGE, BWRT_PLANNER_TAKE_LATE, BWRT_PLANNER_NO_FEEDBACK = 8, 16, 32
BWRT_SHUTDOWN_DRAIN, BWRT_SHUTDOWN_CANCEL = 0, 1
BWRT_PROCESS_MEMORY = 0xFFFFFFFFFFFFFFFF
BWRT_REGION_HOST, BWRT_REGION_ALLOCATED, BWRT_REGION_FILE, BWRT_REGION_DEVICE = 1, 2, 3, 4
BWRT_REGION_READ_ONLY, BWRT_REGION_DIRECT, BWRT_REGION_HUGE = 1, 2, 4
BWRT_REGION_PREFAULT, BWRT_REGION_EXPORT = 8, 16
BWRT_REGION_QUIESCE, BWRT_REGION_RESUME = 1, 2
BWRT_OP_COPY, BWRT_OP_READ, BWRT_OP_WRITE, BWRT_OP_FLUSH, BWRT_OP_SIGNAL = 1, 2, 3, 4, 5
BWRT_OP_PUT, BWRT_OP_GET, BWRT_OP_PREFETCH, BWRT_OP_MOVE, BWRT_OP_DROP = 6, 7, 8, 9, 10
BWRT_OP_PIN, BWRT_OP_UNPIN, BWRT_OP_GEMM = 11, 12, 13
BWRT_PRIORITY_NORMAL, BWRT_PRIORITY_URGENT, BWRT_PRIORITY_BACKGROUND = 0, 1, 2
BWRT_DELIVER_WAIT, BWRT_DELIVER_QUEUE, BWRT_DELIVER_DETACHED = 0, 1, 2
BWRT_LATE_FINISH, BWRT_LATE_ABORT, BWRT_LATE_REFUSE = 0, 1, 2
BWRT_WAVE_BARRIER, BWRT_WAVE_DEADLINE_RELATIVE, BWRT_WAVE_WINDOW_ABORT = 1, 2, 4
BWRT_WAVE_PLANNED = 8
BWRT_WINDOW_NONE, BWRT_WINDOW_TIME, BWRT_WINDOW_TOKEN = 0, 1, 2
BWRT_AFTER_NOTHING, BWRT_AFTER_STREAM, BWRT_AFTER_EVENT = 0, 1, 2
BWRT_PLAN_CACHE, BWRT_PLAN_SWAP, BWRT_PLAN_WAVE_SPEC = 1, 2, 3
BWRT_DECISION_PLANNED, BWRT_DECISION_PLANNED_PART, BWRT_DECISION_NO_CREDIT = 1, 2, 3
BWRT_DECISION_NO_BUDGET, BWRT_DECISION_NO_OPERATION, BWRT_DECISION_NO_PLACE = 4, 5, 6
BWRT_DECISION_TOO_SMALL, BWRT_DECISION_NOT_WORTH, BWRT_DECISION_LATE = 7, 8, 9
BWRT_DECISION_WAITED = 10
BWRT_REQUEST_WINDOW_MEASURED = 1
BWRT_RESULT_PRESENT = 1
BWRT_TIER_NONE, BWRT_TIER_DEVICE, BWRT_TIER_HOST, BWRT_TIER_DISK = 0, 1, 2, 3
BWRT_VERDICT_LOADED, BWRT_VERDICT_PARTIAL, BWRT_VERDICT_RECOMPUTE = 1, 2, 3
BWRT_COMPLETION_LATE = 1
BWRT_BLOCK_STRICT, BWRT_BLOCK_UNRELATED, BWRT_BLOCK_CONTINUES, BWRT_BLOCK_DURABLE = 1, 2, 4, 8
BWRT_BLOCK_CONTENT = 16
BWRT_CLOSURE_PREFIX, BWRT_CLOSURE_WINDOW, BWRT_CLOSURE_LAST_STATE = 0, 1, 2
BWRT_LOOKUP_MISS, BWRT_LOOKUP_HIT, BWRT_LOOKUP_PENDING = 0, 1, 2
BWRT_QUERY_EXPECTED = 1
BWRT_SPLIT_BY_LAYER, BWRT_SPLIT_LEAST_COMPUTE = 1, 2
BWRT_EVENT_STORED, BWRT_EVENT_REMOVED, BWRT_EVENT_RESYNC = 1, 2, 3
BWRT_REASON_NONE, BWRT_REASON_PUT, BWRT_REASON_PROMOTED, BWRT_REASON_EVICTED = 0, 1, 2, 3
BWRT_REASON_EXPIRED, BWRT_REASON_DROPPED, BWRT_REASON_MOVED, BWRT_REASON_CORRUPT = 4, 5, 6, 7
BWRT_REASON_SNAPSHOT = 8
BWRT_BLOCK_ID_BYTES = 32
BWRT_FEATURE_URING, BWRT_FEATURE_FIXED_BUFFERS, BWRT_FEATURE_FIXED_FILES = 1, 2, 4
BWRT_FEATURE_HUGE_PAGES, BWRT_FEATURE_DIRECT, BWRT_FEATURE_CUDA = 8, 16, 32
BWRT_COUNTERS_TENANT = 1
BWRT_LATENCY_BUCKET_COUNT = 592

bwrt_log_function = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)


class bwrt_error(Structure):
    _fields_ = [("status", c_int32), ("operation_index", c_uint32), ("os_code", c_int32),
                ("reserved", c_uint32), ("field", c_char * 48), ("message", c_char * 192)]


class bwrt_store(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("directories", POINTER(c_char_p)),
                ("shard", c_char_p), ("disk_bytes", c_uint64), ("host_bytes", c_uint64),
                ("transit_bytes", c_uint64), ("write_bytes_per_day", c_uint64),
                ("directory_count", c_uint32), ("block_count_max", c_uint32),
                ("block_bytes_max", c_uint32), ("flight_count_max", c_uint32),
                ("tenant_count_max", c_uint32), ("lease_count_max", c_uint32),
                ("write_touch_count", c_uint32), ("eviction", c_uint32),
                ("index_directory", c_char_p)]


class bwrt_planner(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("window_ns", c_uint64),
                ("min_io_bytes", c_uint64), ("caller_budget_bytes", c_uint64),
                ("host_budget_bytes", c_uint64), ("disk_budget_bytes", c_uint64),
                ("operation_count_max", c_uint32), ("row_count_max", c_uint32),
                ("alpha_milli", c_uint32), ("beta_milli", c_uint32), ("pmin_milli", c_uint32),
                ("umin_milli", c_int32), ("age_first", c_uint32), ("age_max", c_uint32),
                ("half_life_ns", c_uint64), ("prefetch_bytes_max", c_uint64),
                ("prefetch_horizon_ns", c_uint64), ("prefetch_wasted_milli", c_uint32),
                ("prefetch_chain_count_max", c_uint32)]


class bwrt_config(Structure):
    _fields_ = [("struct_size", c_uint32), ("progress", c_uint32), ("storage", c_uint32),
                ("wave_count_max", c_uint32), ("operation_count_max", c_uint32),
                ("slot_count_max", c_uint32), ("region_count_max", c_uint32),
                ("layout_count_max", c_uint32), ("plane_count_max", c_uint32),
                ("group_count_max", c_uint32), ("queue_depth", c_uint32),
                ("io_bytes_max", c_uint32), ("staging_count", c_uint32),
                ("pool_thread_count", c_uint32), ("spin_ns", c_uint32), ("reserved", c_uint32),
                ("log", bwrt_log_function), ("log_user", c_void_p), ("calibration", c_char_p),
                ("store", POINTER(bwrt_store)), ("planner", POINTER(bwrt_planner)),
                ("device", c_uint32), ("reserved2", c_uint32), ("tuning", c_char_p)]


class bwrt_region(Structure):
    _fields_ = [("struct_size", c_uint32), ("kind", c_uint32), ("flags", c_uint32),
                ("fd", c_int32), ("address", c_void_p), ("length_bytes", c_uint64),
                ("device", c_uint32), ("reserved", c_uint32)]


class bwrt_region_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("address", c_void_p),
                ("length_bytes", c_uint64), ("fd", c_int32), ("registered", c_uint32),
                ("memory_align_bytes", c_uint32), ("offset_align_bytes", c_uint32),
                ("reason", c_char * 160)]


class bwrt_plane(Structure):
    _fields_ = [("region", c_uint64), ("offset_bytes", c_uint64), ("slot_stride_bytes", c_int64),
                ("row_stride_bytes", c_int64), ("length_bytes", c_uint64),
                ("row_count", c_uint32), ("group", c_uint32), ("block_offset_bytes", c_uint64),
                ("block_row_stride_bytes", c_uint64)]


class bwrt_layout(Structure):
    _fields_ = [("struct_size", c_uint32), ("slot_count", c_uint32), ("block_bytes", c_uint64),
                ("planes", POINTER(bwrt_plane)), ("plane_count", c_uint32),
                ("plane_bytes", c_uint32), ("salt", c_uint64)]


class bwrt_block_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("closure", c_uint32), ("layout_digest", c_uint64),
                ("window_blocks", c_uint32), ("ttl_s", c_uint32), ("access_count", c_uint32),
                ("complexity_milli", c_uint32), ("time_variance_milli", c_uint32),
                ("reserved", c_uint32)]


class bwrt_block(Structure):
    _fields_ = [("identity", c_uint8 * 32), ("part", c_uint32)]


class bwrt_gemm(Structure):
    _fields_ = [("struct_size", c_uint32), ("m", c_uint32), ("n", c_uint32), ("k", c_uint32),
                ("b", c_uint64), ("b_offset_bytes", c_uint64), ("b_stride_bytes", c_int64)]


class bwrt_operation(Structure):
    _fields_ = [("kind", c_uint32), ("flags", c_uint32), ("source", c_uint64),
                ("target", c_uint64), ("source_offset_bytes", c_uint64),
                ("target_offset_bytes", c_uint64), ("length_bytes", c_uint64), ("group", c_uint32),
                ("row_count", c_uint32), ("source_stride_bytes", c_int64),
                ("target_stride_bytes", c_int64), ("source_slots", c_void_p),
                ("target_slots", c_void_p), ("slot_count", c_uint32), ("plane_first", c_uint32),
                ("plane_count", c_uint32), ("tier", c_uint32), ("image_offset_bytes", c_uint64),
                ("value_done", c_uint64), ("value_failed", c_uint64),
                ("block_options", POINTER(bwrt_block_options)), ("block_first", c_uint32),
                ("reserved", c_uint32), ("gemm", POINTER(bwrt_gemm))]


class bwrt_result(Structure):
    _fields_ = [("status", c_int32), ("flags", c_uint32), ("bytes", c_uint64),
                ("address", c_uint64), ("tier", c_uint32), ("os_code", c_int32)]


class bwrt_group_result(Structure):
    _fields_ = [("status", c_int32), ("prefix_count", c_uint32), ("bytes", c_uint64)]


class bwrt_wave(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32),
                ("operations", POINTER(bwrt_operation)), ("operation_count", c_uint32),
                ("operation_bytes", c_uint32), ("priority", c_uint32), ("delivery", c_uint32),
                ("late", c_uint32), ("window", c_uint32), ("deadline_ns", c_uint64),
                ("window_start", c_uint64), ("window_end", c_uint64), ("user_data", c_uint64),
                ("wait_for", c_uint64 * 4), ("results", POINTER(bwrt_result)),
                ("groups", POINTER(bwrt_group_result)), ("result_count", c_uint32),
                ("result_bytes", c_uint32), ("group_count", c_uint32), ("group_bytes", c_uint32),
                ("blocks", POINTER(bwrt_block)), ("block_count", c_uint32),
                ("block_bytes", c_uint32), ("tenant", c_uint64), ("session", c_uint64), ("after", c_uint64),
                ("after_kind", c_uint32), ("after_device", c_uint32)]


class bwrt_completion(Structure):
    _fields_ = [("wave", c_uint64), ("user_data", c_uint64), ("status", c_int32),
                ("verdict", c_uint32), ("operation_index", c_uint32), ("tier", c_uint32),
                ("os_code", c_int32), ("flags", c_uint32), ("bytes", c_uint64),
                ("prefix_count", c_uint64), ("submitted_ns", c_uint64),
                ("finished_ns", c_uint64), ("reserved", c_uint64 * 7)]


class bwrt_span(Structure):
    _fields_ = [("address", c_void_p), ("length_bytes", c_uint64)]


class bwrt_media_item(Structure):
    _fields_ = [("token_first", c_int64), ("token_count", c_uint32), ("reserved", c_uint32),
                ("digest", bwrt_span)]


class bwrt_block_id_input(Structure):
    _fields_ = [("struct_size", c_uint32), ("block_token_count", c_uint32),
                ("tokens", c_void_p), ("parent", c_void_p),
                ("media_items", POINTER(bwrt_media_item)), ("token_count", c_uint32),
                ("media_item_count", c_uint32), ("media_item_bytes", c_uint32),
                ("layer_first", c_uint32), ("layer_count", c_uint32), ("rank", c_uint32),
                ("rank_count", c_uint32), ("reserved", c_uint32), ("model", bwrt_span),
                ("weights", bwrt_span), ("adapter", bwrt_span), ("dtype", bwrt_span),
                ("layout", bwrt_span), ("rope", bwrt_span), ("salt", bwrt_span),
                ("prompt_embeddings", bwrt_span)]


class bwrt_plan_binding(Structure):
    _fields_ = [("name", c_char_p), ("source", c_uint64), ("target", c_uint64),
                ("source_offset_bytes", c_uint64), ("target_offset_bytes", c_uint64)]


class bwrt_plan_run(Structure):
    _fields_ = [("struct_size", c_uint32), ("binding_count", c_uint32),
                ("bindings", POINTER(bwrt_plan_binding)), ("binding_bytes", c_uint32),
                ("reserved", c_uint32), ("wave", POINTER(bwrt_wave)), ("page_bytes", c_uint64)]


class bwrt_request(Structure):
    _fields_ = [("id", c_uint64), ("page_first", c_uint64), ("page_count", c_uint64),
                ("page_bytes", c_uint64), ("deadline_ns", c_uint64), ("fill_ns", c_uint64),
                ("tenant", c_uint64), ("model", c_uint32), ("prefix", c_uint32),
                ("layer_first", c_uint32), ("layer_count", c_uint32), ("node", c_uint32),
                ("source_tier", c_uint32), ("target_tier", c_uint32), ("priority", c_uint32),
                ("weight_milli", c_uint32), ("reserved", c_uint32)]


class bwrt_tier_budget(Structure):
    _fields_ = [("node", c_uint32), ("tier", c_uint32), ("bytes", c_uint64),
                ("operation_count_max", c_uint32), ("reserved", c_uint32)]


class bwrt_tier_route(Structure):
    _fields_ = [("source_tier", c_uint32), ("target_tier", c_uint32), ("latency_ns", c_uint64),
                ("stream_bytes_per_s", c_uint64), ("stream_count", c_uint32), ("bus", c_uint32)]


class bwrt_bus(Structure):
    _fields_ = [("node", c_uint32), ("bus", c_uint32), ("bytes_per_s", c_uint64),
                ("queued_bytes", c_uint64)]


class bwrt_tenant_credit(Structure):
    _fields_ = [("tenant", c_uint64), ("bytes_per_s", c_uint64), ("burst_bytes", c_uint64)]


class bwrt_decision(Structure):
    _fields_ = [("id", c_uint64), ("finish_ns", c_uint64), ("rest_first", c_uint64),
                ("layer", c_uint32), ("verdict", c_uint32), ("transfer_index", c_uint32),
                ("transfer_count", c_uint32), ("age", c_uint32), ("reserved", c_uint32)]


class bwrt_transfer(Structure):
    _fields_ = [("page_first", c_uint64), ("page_count", c_uint64), ("page_bytes", c_uint64),
                ("bytes", c_uint64), ("deadline_ns", c_uint64), ("finish_ns", c_uint64),
                ("model", c_uint32), ("prefix", c_uint32), ("layer", c_uint32), ("node", c_uint32),
                ("source_tier", c_uint32), ("target_tier", c_uint32), ("priority", c_uint32),
                ("served_count", c_uint32), ("position", c_uint32), ("overlap", c_uint32)]


class bwrt_request_window(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("now_ns", c_uint64),
                ("requests", POINTER(bwrt_request)), ("cancelled_ids", POINTER(c_uint64)),
                ("tiers", POINTER(bwrt_tier_budget)), ("routes", POINTER(bwrt_tier_route)),
                ("buses", POINTER(bwrt_bus)), ("tenants", POINTER(bwrt_tenant_credit)),
                ("layer_ns", POINTER(c_uint64)), ("decisions", POINTER(bwrt_decision)),
                ("transfers", POINTER(bwrt_transfer)), ("request_count", c_uint32),
                ("request_bytes", c_uint32), ("cancelled_count", c_uint32),
                ("tier_count", c_uint32), ("tier_bytes", c_uint32), ("route_count", c_uint32),
                ("route_bytes", c_uint32), ("bus_count", c_uint32), ("bus_bytes", c_uint32),
                ("tenant_count", c_uint32), ("tenant_bytes", c_uint32), ("layer_count", c_uint32),
                ("decision_capacity", c_uint32), ("decision_bytes", c_uint32),
                ("transfer_capacity", c_uint32), ("transfer_bytes", c_uint32),
                ("decision_count", c_uint32), ("transfer_count", c_uint32),
                ("carried_count", c_uint32), ("reserved", c_uint32)]


class bwrt_tenant(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("number", c_uint64),
                ("secret", c_void_p), ("host_quota_bytes", c_uint64),
                ("disk_quota_bytes", c_uint64), ("credit_bytes_per_s", c_uint64),
                ("credit_burst_bytes", c_uint64)]


class bwrt_lookup_answer(Structure):
    _fields_ = [("state", c_uint32), ("tier", c_uint32), ("ready_ns", c_uint64)]


class bwrt_split(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("token_count", c_uint32),
                ("block_tokens", c_uint32), ("block_bytes", c_uint64),
                ("prefill_tokens_per_s", c_uint64), ("attention_ps", c_uint64),
                ("deadline_ns", c_uint64), ("layer_count", c_uint32), ("reserved", c_uint32),
                ("load_count", c_uint32), ("is_late", c_uint32), ("loaded_ns", c_uint64),
                ("finish_ns", c_uint64), ("load_finish_ns", c_uint64),
                ("compute_finish_ns", c_uint64), ("disk_bytes_per_s", c_uint64),
                ("host_bytes_per_s", c_uint64)]


class bwrt_lookup_query(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("tenant", c_uint64),
                ("identities", c_void_p), ("identity_count", c_uint32), ("part_first", c_uint32),
                ("part_count", c_uint32), ("lease_ms", c_uint32), ("layout", c_uint64),
                ("split", POINTER(bwrt_split))]


class bwrt_event(Structure):
    _fields_ = [("kind", c_uint32), ("tier", c_uint32), ("reason", c_uint32), ("part", c_uint32),
                ("tenant", c_uint64), ("time_ns", c_uint64), ("identity", c_uint8 * 32)]


class bwrt_caps(Structure):
    _fields_ = [("struct_size", c_uint32), ("abi_version", c_uint32), ("version", c_char * 32),
                ("features", c_uint32), ("progress", c_uint32), ("storage", c_uint32),
                ("wave_count_max", c_uint32), ("operation_count_max", c_uint32),
                ("slot_count_max", c_uint32), ("region_count_max", c_uint32),
                ("layout_count_max", c_uint32), ("plane_count_max", c_uint32),
                ("group_count_max", c_uint32), ("queue_depth", c_uint32),
                ("io_bytes_max", c_uint32), ("staging_count", c_uint32),
                ("pool_thread_count", c_uint32), ("spin_ns", c_uint32), ("reserved", c_uint32),
                ("storage_reason", c_char * 256), ("fixed_buffers_reason", c_char * 128),
                ("fixed_files_reason", c_char * 128), ("huge_pages_reason", c_char * 128),
                ("machine", c_char * 128), ("calibration_reason", c_char * 256),
                ("driver_version", c_uint32), ("batch_copy_abi", c_uint32),
                ("device_count", c_uint32), ("reserved2", c_uint32),
                ("device_reason", c_char * 256), ("tuning_reason", c_char * 512)]


class bwrt_route(Structure):
    _fields_ = [("source_tier", c_uint32), ("target_tier", c_uint32),
                ("request_count", c_uint64), ("piece_count", c_uint64), ("bytes", c_uint64),
                ("error_count", c_uint64), ("resubmit_count", c_uint64),
                ("staged_bytes", c_uint64), ("inflight_count", c_uint64),
                ("latency_sum_ns", c_uint64),
                ("latency_buckets", c_uint64 * BWRT_LATENCY_BUCKET_COUNT)]


class bwrt_counters(Structure):
    _fields_ = [("struct_size", c_uint32), ("route_capacity", c_uint32),
                ("routes", POINTER(bwrt_route)), ("route_bytes", c_uint32),
                ("route_count", c_uint32), ("time_ns", c_uint64), ("waves_accepted", c_uint64),
                ("waves_refused", c_uint64), ("waves_pending", c_uint64),
                ("waves_ok", c_uint64), ("waves_cancelled", c_uint64), ("waves_late", c_uint64),
                ("waves_window", c_uint64), ("waves_dependency", c_uint64),
                ("waves_failed", c_uint64), ("waves_overdue", c_uint64),
                ("undelivered", c_uint64), ("ring_occupancy", c_uint64),
                ("ring_capacity", c_uint64), ("queued_bytes", c_uint64),
                ("inflight_count", c_uint64), ("sleeps", c_uint64), ("wakes", c_uint64),
                ("unknown_completions", c_uint64), ("plan_count", c_uint64),
                ("plan_row_count", c_uint64), ("plan_carried_count", c_uint64),
                ("plan_late_count", c_uint64), ("plan_waited_count", c_uint64),
                ("plan_operation_count", c_uint64), ("plan_served_count", c_uint64),
                ("plan_bytes", c_uint64), ("plan_ns", c_uint64),
                ("token", c_uint64), ("plan_finished_count", c_uint64),
                ("plan_on_time_count", c_uint64), ("plan_error_ns", c_uint64),
                ("prefetch_count", c_uint64), ("prefetch_bytes", c_uint64),
                ("prefetch_right_count", c_uint64), ("prefetch_right_bytes", c_uint64),
                ("prefetch_late_count", c_uint64), ("prefetch_late_bytes", c_uint64),
                ("prefetch_wasted_count", c_uint64), ("prefetch_wasted_bytes", c_uint64),
                ("prefetch_failed_count", c_uint64), ("prefetch_failed_bytes", c_uint64),
                ("prefetch_open_count", c_uint64), ("prefetch_open_bytes", c_uint64),
                ("prefetch_lead_ns", c_uint64), ("prefetch_missed_count", c_uint64)]


class bwrt_tier_counters(Structure):
    _fields_ = [("capacity_bytes", c_uint64), ("used_bytes", c_uint64), ("block_count", c_uint64),
                ("hit_count", c_uint64), ("hit_bytes", c_uint64), ("stored_count", c_uint64),
                ("stored_bytes", c_uint64), ("evicted_count", c_uint64),
                ("expired_count", c_uint64)]


class bwrt_store_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("host_address", c_void_p),
                ("host_bytes", c_uint64), ("transit_bytes", c_uint64), ("disk_bytes", c_uint64),
                ("segment_bytes", c_uint64), ("log_bytes", c_uint64), ("log_bytes_max", c_uint64),
                ("host_fd", c_int32), ("block_count_max", c_uint32),
                ("block_bytes_max", c_uint32), ("flight_count_max", c_uint32),
                ("tenant_count_max", c_uint32), ("lease_count_max", c_uint32),
                ("disk_block_count_max", c_uint32), ("directory_count", c_uint32),
                ("segment_count", c_uint32), ("reserved_count", c_uint32),
                ("unreserved_count", c_uint32), ("striped_count", c_uint32),
                ("stripe_count", c_uint32), ("stripe_bytes", c_uint32), ("checksum", c_char_p),
                ("huge_reason", c_char_p), ("disk_reason", c_char_p), ("direct_reason", c_char_p),
                ("reserve_reason", c_char_p), ("striping_reason", c_char_p),
                ("write_touch_count", c_uint32), ("eviction", c_uint32)]


class bwrt_store_counters(Structure):
    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32), ("tenant", c_uint64),
                ("host", bwrt_tier_counters), ("disk", bwrt_tier_counters),
                ("miss_count", c_uint64), ("put_count", c_uint64), ("present_count", c_uint64),
                ("present_bytes", c_uint64), ("joined_count", c_uint64),
                ("corrupt_count", c_uint64), ("failed_count", c_uint64),
                ("dedup_count", c_uint64), ("dedup_bytes", c_uint64),
                ("written_bytes", c_uint64), ("carried_bytes", c_uint64),
                ("refused_count", c_uint64), ("write_budget_left_bytes", c_uint64),
                ("log_bytes", c_uint64), ("recovery_ns", c_uint64), ("recovered_count", c_uint64),
                ("flight_count", c_uint64), ("unworthy_count", c_uint64),
                ("info", POINTER(bwrt_store_info))]
