// SPDX-License-Identifier: Apache-2.0

#include "planner/values/plan_export.h"

#include <utility>

namespace bwrt::planner {
namespace {

constexpr TransferKind kKinds[3][3] = {
    // to storage, host, device
    {TransferKind::kUnspecified, TransferKind::kStorageToHost, TransferKind::kStorageToDevice},
    {TransferKind::kHostToStorage, TransferKind::kUnspecified, TransferKind::kHostToDevice},
    {TransferKind::kDeviceToStorage, TransferKind::kDeviceToHost, TransferKind::kPeerToPeer},
};

// A switch, so that the compiler asks for a name when there is another verdict.
VerdictName name_of(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::kPlanned:
            return VerdictName::kPlanned;
        case Verdict::kPlannedPart:
            return VerdictName::kPlannedPart;
        case Verdict::kNoCredit:
            return VerdictName::kNoCredit;
        case Verdict::kNoBudget:
            return VerdictName::kNoBudget;
        case Verdict::kNoOperation:
            return VerdictName::kNoOperation;
        case Verdict::kNoPlace:
            return VerdictName::kNoPlace;
        case Verdict::kTooSmall:
            return VerdictName::kTooSmall;
        case Verdict::kNotWorth:
            return VerdictName::kNotWorth;
        case Verdict::kLate:
            return VerdictName::kLate;
        case Verdict::kWaited:
            return VerdictName::kWaited;
    }
    return VerdictName::kUnspecified;
}

const char* name_of(RequestClass request_class) noexcept {
    switch (request_class) {
        case RequestClass::kDemand:
            return "demand";
        case RequestClass::kHint:
            return "hint";
        case RequestClass::kPrediction:
            return "prediction";
    }
    return "unknown";
}

bool find_name(std::span<const std::string> names, std::uint32_t number, std::string& out) {
    if (!names.empty() && number >= names.size()) return false;
    out = names.empty() ? std::to_string(number) : names[number];
    return true;
}

std::string tier_uri(const std::string& node, std::uint8_t tier) {
    return "tier://" + node + "/tier" + std::to_string(tier);
}

// A prefix's name without a slash, so that the last one of a tensor's stands behind the model:
// "a/b" with "c" and "a" with "b/c" are two.
std::string escaped(const std::string& name) {
    std::string made;
    for (const char c : name) {
        if (c == '/') {
            made += "%2F";
        } else if (c == '%') {
            made += "%25";
        } else {
            made += c;
        }
    }
    return made;
}

std::string note_of(const Operation& operation) {
    std::string note = "fanout=" + std::to_string(operation.fan_out) +
                       " class=" + name_of(operation.request_class);
    if (operation.deadline_ns != kNoDeadline) {
        note += " deadline_ns=" + std::to_string(operation.deadline_ns);
    }
    return note + " finish_ns=" + std::to_string(operation.finish_ns);
}

// Null when all went well, else the sentence.
const char* export_operation(const Operation& operation, const PlanNames& names,
                             std::uint64_t& page_count_left, TransferOp& out) {
    std::string node, model, prefix;
    if (!find_name(names.nodes, operation.node, node)) return "has a node without a name";
    if (!find_name(names.models, operation.model, model)) return "has a model without a name";
    if (!find_name(names.prefixes, operation.prefix, prefix)) return "has a prefix without a name";
    if (operation.tier_src >= names.tiers.size() || operation.tier_dst >= names.tiers.size()) {
        return "has a tier that there is not";
    }
    const auto from = static_cast<std::size_t>(names.tiers[operation.tier_src]);
    const auto to = static_cast<std::size_t>(names.tiers[operation.tier_dst]);
    out.kind = kKinds[from][to];
    if (out.kind == TransferKind::kUnspecified) return "moves between tiers of one medium";
    if (__builtin_mul_overflow(operation.page_first, operation.page_bytes, &out.src_offset)) {
        return "begins beyond byte 2^64";
    }
    std::uint64_t end = 0;
    if (__builtin_add_overflow(out.src_offset, operation.bytes, &end)) {
        return "ends beyond byte 2^64";
    }
    if (operation.page_end - operation.page_first > page_count_left) {
        return "has more pages than a plan may name";
    }
    page_count_left -= operation.page_end - operation.page_first;
    out.src = tier_uri(node, operation.tier_src);
    out.dst = tier_uri(node, operation.tier_dst);
    out.dst_offset = out.src_offset;
    out.length = operation.bytes;
    out.note = note_of(operation);
    const std::string tensor = "kv/" + model + "/" + escaped(prefix);
    out.kv_refs.reserve(operation.page_end - operation.page_first);
    for (std::uint64_t page = operation.page_first; page < operation.page_end; ++page) {
        out.kv_refs.push_back({tensor, page, 0, operation.layer});
    }
    return nullptr;
}

}  // namespace

PlanError export_plan(const Plan& plan, const RequestColumns* rows, const PlanNames& names,
                      const ExportRule& rule, CachePlan& out) {
    CachePlan made;
    made.plan_id = rule.plan_id;
    if (rule.window_ms != 0) made.window_ms = rule.window_ms;
    std::uint64_t page_count_left = rule.page_count_max;
    made.ops.reserve(plan.operations.size());
    for (const Operation& operation : plan.operations) {
        const char* sentence =
            export_operation(operation, names, page_count_left, made.ops.emplace_back());
        if (sentence == nullptr) continue;
        return plan_error("operations[" + std::to_string(made.ops.size() - 1) + "]", sentence);
    }
    for (std::uint32_t row = 0; rows != nullptr && row < plan.verdicts.size(); ++row) {
        RequestVerdict& each = made.verdicts.emplace_back();
        each.request_id = rows->id[row];
        each.verdict = name_of(plan.verdicts[row]);
        if (plan.verdicts[row] == Verdict::kPlannedPart) each.rest_first = plan.rest_first[row];
    }
    out = std::move(made);
    return {};
}

}  // namespace bwrt::planner
