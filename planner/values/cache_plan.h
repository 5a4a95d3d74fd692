// SPDX-License-Identifier: Apache-2.0
//
// cache_plan.h — a plan as it is handed from one program to another: what moves, from where to
// where, for which pages of KV.
//
// The window's own Plan (plan.h) speaks in dense numbers, which mean something only beside the
// planner that gave them out.  These values speak in names and have a JSON form (plan_json.h) and a
// protobuf one (bindings/proto/bwrt_plan.proto).  They are plain data: whatever a text says can be
// held, and check() (plan_check.h) tells what of it makes no sense.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bwrt::planner {

// H is the host's memory, D a device's.  From 5 on they are ours: a plan with one of them moves
// what the first four have no name for.
enum class TransferKind : std::uint32_t {
    kUnspecified = 0,
    kHostToDevice = 1,
    kDeviceToHost = 2,
    kPeerToPeer = 3,
    kStorageToHost = 4,
    kHostToStorage = 5,
    kStorageToDevice = 6,
    kDeviceToStorage = 7,
};

// A page of one head and layer of a tensor.  Pages of two prefixes are two pages, so the tensor's
// name must tell them apart: "kv/llama-70b/chat-17".
struct KvPageRef {
    std::string tensor;
    std::uint64_t page = 0;
    std::uint32_t head = 0;
    std::uint32_t layer = 0;

    friend bool operator==(const KvPageRef&, const KvPageRef&) = default;
};

struct TransferOp {
    TransferKind kind = TransferKind::kUnspecified;
    std::string src;  // URIs: tier://node/tier0, device://bucket/3, file:///weights/a.bin
    std::string dst;
    std::uint64_t length = 0;      // in bytes, as are the offsets
    std::uint64_t src_offset = 0;  // in what src names, not in the plan
    std::uint64_t dst_offset = 0;
    std::vector<KvPageRef>
        kv_refs;       // the pages it moves; none: it does not move pages, or too many
    std::string note;  // for people
    std::optional<std::uint32_t> stream_hint;
    std::optional<std::uint32_t> tier_hint;
    std::optional<std::uint64_t> cluster_id;

    friend bool operator==(const TransferOp&, const TransferOp&) = default;
};

// plan.h's Verdict, one up, as 0 must mean that there is none.
enum class VerdictName : std::uint32_t {
    kUnspecified,
    kPlanned,
    kPlannedPart,
    kNoCredit,
    kNoBudget,
    kNoOperation,
    kNoPlace,
    kTooSmall,
    kNotWorth,
    kLate,
    kWaited,
};

struct RequestVerdict {
    std::uint64_t request_id = 0;
    VerdictName verdict = VerdictName::kUnspecified;
    std::optional<std::uint64_t> rest_first;  // of a part: the first page that waits

    friend bool operator==(const RequestVerdict&, const RequestVerdict&) = default;
};

struct CachePlan {
    std::string plan_id;
    std::vector<TransferOp> ops;
    std::vector<KvPageRef> prefetch;
    std::vector<KvPageRef> evict;
    std::optional<std::uint64_t> window_ms;
    std::vector<RequestVerdict> verdicts;

    friend bool operator==(const CachePlan&, const CachePlan&) = default;
};

}  // namespace bwrt::planner
