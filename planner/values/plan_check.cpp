// SPDX-License-Identifier: Apache-2.0

#include "planner/values/plan_check.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <vector>

#include "planner/values/json_string.h"

namespace bwrt::planner {
namespace {

constexpr std::string_view kFileScheme = "file://";
constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::size_t kHashDigits = 64;

std::string at(const std::string& list, std::size_t index) {
    return list + "[" + std::to_string(index) + "]";
}

PlanError check_text(const std::string& field, const std::string& text) {
    if (is_text(text)) return {};
    return plan_error(field, "is not UTF-8, or has U+0000");
}

PlanError check_named(const std::string& field, const std::string& text) {
    if (text.empty()) return plan_error(field, "is empty");
    return check_text(field, text);
}

// [offset, offset + length), and what it belongs to.
struct Extent {
    std::string_view of;
    std::uint64_t offset;
    std::uint64_t length;
    std::size_t index;

    friend auto operator<=>(const Extent&, const Extent&) = default;
};

bool goes_beyond(std::uint64_t offset, std::uint64_t length) noexcept {
    std::uint64_t end = 0;
    return __builtin_add_overflow(offset, length, &end);
}

// Of two extents of one thing that share a byte the later one's index, else -1; sorts them.
// Empty ones share nothing.
std::ptrdiff_t find_overlap(std::vector<Extent>& extents, std::size_t& other_out) {
    std::erase_if(extents, [](const Extent& extent) { return extent.length == 0; });
    std::sort(extents.begin(), extents.end());
    for (std::size_t i = 1; i < extents.size(); ++i) {
        const Extent &a = extents[i - 1], &b = extents[i];
        if (a.of != b.of || b.offset - a.offset >= a.length) continue;
        other_out = std::min(a.index, b.index);
        return static_cast<std::ptrdiff_t>(std::max(a.index, b.index));
    }
    return -1;
}

PlanError check_refs(const std::string& field, const std::vector<KvPageRef>& refs) {
    for (std::size_t i = 0; i < refs.size(); ++i) {
        if (refs[i].tensor.empty() || !is_text(refs[i].tensor)) {
            return check_named(at(field, i) + ".tensor", refs[i].tensor);
        }
    }
    return {};
}

PlanError check_op(const std::string& field, const TransferOp& op, const PlanRule& rule) {
    if (op.kind == TransferKind::kUnspecified) return plan_error(field + ".kind", "is not given");
    if (op.kind > TransferKind::kDeviceToStorage)
        return plan_error(field + ".kind", "is not known");
    if (PlanError error = check_named(field + ".src", op.src)) return error;
    if (PlanError error = check_named(field + ".dst", op.dst)) return error;
    if (PlanError error = check_text(field + ".note", op.note)) return error;
    if (PlanError error = check_refs(field + ".kv_refs", op.kv_refs)) return error;
    if (op.length == 0) return plan_error(field + ".length", "is 0");
    if (goes_beyond(op.src_offset, op.length)) {
        return plan_error(field + ".src_offset", "and length go beyond 2^64");
    }
    if (goes_beyond(op.dst_offset, op.length)) {
        return plan_error(field + ".dst_offset", "and length go beyond 2^64");
    }
    const std::uint64_t page_count = op.kv_refs.size();
    if (page_count == 0) return {};
    if (rule.page_bytes == 0 && op.length % page_count != 0) {
        return plan_error(field + ".length", std::to_string(op.length) + " is not a multiple of " +
                                                 std::to_string(page_count) + " pages");
    }
    if (rule.page_bytes != 0 &&
        (op.length % page_count != 0 || op.length / page_count != rule.page_bytes)) {
        return plan_error(field + ".length", std::to_string(op.length) + " is not " +
                                                 std::to_string(page_count) + " pages of " +
                                                 std::to_string(rule.page_bytes) + " bytes");
    }
    return {};
}

PlanError check_ops(const std::vector<TransferOp>& ops, const PlanRule& rule) {
    for (std::size_t i = 0; i < ops.size(); ++i) {
        if (PlanError error = check_op(at("ops", i), ops[i], rule)) return error;
    }
    return {};
}

// A page where the plan names it.
struct Mention {
    const KvPageRef* ref;
    const TransferOp* op;  // null: in a list of the plan's own
    std::uint32_t list;    // of the operation, or of kPrefetch and kEvict
    std::uint32_t index;   // in it
};

auto page_of(const KvPageRef& ref) noexcept {
    return std::tuple<const std::string&, std::uint32_t, std::uint64_t, std::uint32_t>(
        ref.tensor, ref.layer, ref.page, ref.head);
}

std::string field_of(const Mention& mention, const char* list) {
    if (mention.op == nullptr) return at(list, mention.index);
    return at(at("ops", mention.list) + ".kv_refs", mention.index);
}

std::vector<Mention> mentions_in(const std::vector<KvPageRef>& refs) {
    std::vector<Mention> mentions;
    mentions.reserve(refs.size());
    for (const KvPageRef& ref : refs) {
        mentions.push_back({&ref, nullptr, 0, static_cast<std::uint32_t>(mentions.size())});
    }
    std::sort(mentions.begin(), mentions.end(), [](const Mention& a, const Mention& b) {
        return std::tuple_cat(page_of(*a.ref), std::tie(a.index)) <
               std::tuple_cat(page_of(*b.ref), std::tie(b.index));
    });
    return mentions;
}

PlanError check_once(const std::vector<Mention>& mentions, const char* list) {
    for (std::size_t i = 1; i < mentions.size(); ++i) {
        if (page_of(*mentions[i].ref) != page_of(*mentions[i - 1].ref)) continue;
        return plan_error(field_of(mentions[i], list),
                          "is the page of " + field_of(mentions[i - 1], list));
    }
    return {};
}

bool brings_up(TransferKind kind) noexcept {
    return kind == TransferKind::kHostToDevice || kind == TransferKind::kStorageToHost ||
           kind == TransferKind::kStorageToDevice;
}

// Sorted by page, and by target in it.
std::vector<Mention> moved_pages(const std::vector<TransferOp>& ops) {
    std::vector<Mention> moved;
    for (std::size_t i = 0; i < ops.size(); ++i) {
        for (std::size_t j = 0; j < ops[i].kv_refs.size(); ++j) {
            moved.push_back({&ops[i].kv_refs[j], &ops[i], static_cast<std::uint32_t>(i),
                             static_cast<std::uint32_t>(j)});
        }
    }
    std::sort(moved.begin(), moved.end(), [](const Mention& a, const Mention& b) {
        return std::tuple_cat(page_of(*a.ref), std::tie(a.op->dst, a.list, a.index)) <
               std::tuple_cat(page_of(*b.ref), std::tie(b.op->dst, b.list, b.index));
    });
    return moved;
}

PlanError check_moved(const std::vector<Mention>& moved) {
    for (std::size_t i = 1; i < moved.size(); ++i) {
        const Mention &a = moved[i - 1], &b = moved[i];
        if (page_of(*a.ref) != page_of(*b.ref) || a.op->dst != b.op->dst) continue;
        return plan_error(field_of(b, "ops"),
                          "is moved to the same place by " + field_of(a, "ops"));
    }
    return {};
}

PlanError check_evicted(const std::vector<Mention>& evicted, const std::vector<Mention>& kept,
                        const char* list, const char* what) {
    const auto before = [](const Mention& a, const Mention& b) {
        return page_of(*a.ref) < page_of(*b.ref);
    };
    for (const Mention& each : evicted) {
        const auto [first, last] = std::equal_range(kept.begin(), kept.end(), each, before);
        const auto found = std::find_if(first, last, [](const Mention& other) {
            return other.op == nullptr || brings_up(other.op->kind);
        });
        if (found == last) continue;
        return plan_error(field_of(each, "evict"), what + field_of(*found, list));
    }
    return {};
}

bool is_hash(std::string_view text) noexcept {
    if (text.starts_with(kHashPrefix)) text.remove_prefix(kHashPrefix.size());
    return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
           });
}

// With the scheme or without, it is one file.
std::string_view path_of(const FileChunk& chunk) noexcept {
    std::string_view path = chunk.path;
    if (path.starts_with(kFileScheme)) path.remove_prefix(kFileScheme.size());
    return path;
}

PlanError check_manifest(const std::string& field, const WeightManifest& manifest) {
    if (PlanError error = check_text(field + ".model_id", manifest.model_id)) return error;
    if (PlanError error = check_text(field + ".version", manifest.version)) return error;
    std::vector<Extent> chunks;
    for (std::size_t i = 0; i < manifest.files.size(); ++i) {
        const FileChunk& chunk = manifest.files[i];
        const std::string here = at(field + ".files", i);
        if (PlanError error = check_named(here + ".path", chunk.path)) return error;
        if (goes_beyond(chunk.offset, chunk.length)) {
            return plan_error(here + ".offset", "and length go beyond 2^64");
        }
        if (!chunk.sha256.empty() && !is_hash(chunk.sha256)) {
            return plan_error(here + ".sha256", "is not 64 hexadecimal digits");
        }
        chunks.push_back({path_of(chunk), chunk.offset, chunk.length, i});
    }
    std::size_t other = 0;
    const std::ptrdiff_t index = find_overlap(chunks, other);
    if (index < 0) return {};
    return plan_error(at(field + ".files", static_cast<std::size_t>(index)),
                      "shares bytes with " + at(field + ".files", other));
}

// The bytes of each file that the manifest has; chunks that meet are one, and so is an empty one
// with what it lies in.
std::vector<Extent> file_bytes_of(const WeightManifest& manifest) {
    std::vector<Extent> chunks;
    for (const FileChunk& chunk : manifest.files) {
        chunks.push_back({path_of(chunk), chunk.offset, chunk.length, 0});
    }
    std::sort(chunks.begin(), chunks.end());
    std::vector<Extent> merged;
    for (const Extent& chunk : chunks) {
        const bool goes_on = !merged.empty() && merged.back().of == chunk.of &&
                             chunk.offset - merged.back().offset <= merged.back().length;
        if (!goes_on) {
            merged.push_back(chunk);
        } else {
            merged.back().length += chunk.length;
        }
    }
    return merged;
}

// Of a file that the manifest has, only what it says is there.
PlanError check_sources(const SwapPlan& plan) {
    const std::vector<Extent> files = file_bytes_of(plan.manifest_to);
    for (std::size_t i = 0; i < plan.ops.size(); ++i) {
        const TransferOp& op = plan.ops[i];
        if (!op.src.starts_with(kFileScheme)) continue;
        const std::string_view path = std::string_view(op.src).substr(kFileScheme.size());
        // The last one that begins at the operation's first byte or before it.
        const Extent wanted = {path, op.src_offset, ~std::uint64_t{0}, ~std::size_t{0}};
        const auto after = std::upper_bound(files.begin(), files.end(), wanted);
        const bool has_before = after != files.begin() && (after - 1)->of == path;
        if (!has_before && (after == files.end() || after->of != path)) continue;  // not its file
        if (has_before) {
            const Extent& file = *(after - 1);
            const std::uint64_t inside = op.src_offset - file.offset;
            if (inside <= file.length && op.length <= file.length - inside) continue;
        }
        return plan_error(at("ops", i) + ".src_offset",
                          std::to_string(op.src_offset) + " and length " +
                              std::to_string(op.length) + " are not in what manifest_to has of it");
    }
    return {};
}

PlanError check_targets(const std::vector<TransferOp>& ops) {
    std::vector<Extent> targets;
    for (std::size_t i = 0; i < ops.size(); ++i) {
        targets.push_back({ops[i].dst, ops[i].dst_offset, ops[i].length, i});
    }
    std::size_t other = 0;
    const std::ptrdiff_t index = find_overlap(targets, other);
    if (index < 0) return {};
    return plan_error(at("ops", static_cast<std::size_t>(index)) + ".dst_offset",
                      "writes bytes that " + at("ops", other) + " writes");
}

}  // namespace

PlanError check(const CachePlan& plan, const PlanRule& rule) {
    if (PlanError error = check_named("plan_id", plan.plan_id)) return error;
    if (PlanError error = check_ops(plan.ops, rule)) return error;
    if (PlanError error = check_refs("prefetch", plan.prefetch)) return error;
    if (PlanError error = check_refs("evict", plan.evict)) return error;
    for (std::size_t i = 0; i < plan.verdicts.size(); ++i) {
        if (plan.verdicts[i].verdict != VerdictName::kUnspecified) continue;
        return plan_error(at("verdicts", i) + ".verdict", "is not given");
    }
    const std::vector<Mention> prefetched = mentions_in(plan.prefetch);
    const std::vector<Mention> evicted = mentions_in(plan.evict);
    if (PlanError error = check_once(prefetched, "prefetch")) return error;
    if (PlanError error = check_once(evicted, "evict")) return error;
    if (PlanError error =
            check_evicted(evicted, prefetched, "prefetch", "is to go and is prefetched by ")) {
        return error;
    }
    const std::vector<Mention> moved = moved_pages(plan.ops);
    if (PlanError error = check_moved(moved)) return error;
    return check_evicted(evicted, moved, "ops", "is to go and is brought by ");
}

PlanError check(const SwapPlan& plan, const PlanRule& rule) {
    if (PlanError error = check_named("plan_id", plan.plan_id)) return error;
    if (PlanError error = check_manifest("manifest_from", plan.manifest_from)) return error;
    if (PlanError error = check_manifest("manifest_to", plan.manifest_to)) return error;
    if (PlanError error = check_ops(plan.ops, rule)) return error;
    if (PlanError error = check_sources(plan)) return error;
    if (PlanError error = check_targets(plan.ops)) return error;
    if (plan.window && plan.window->t_deadline_ns <= plan.window->t_start_ns) {
        return plan_error("window.t_deadline_ns", std::to_string(plan.window->t_deadline_ns) +
                                                      " is not after t_start_ns " +
                                                      std::to_string(plan.window->t_start_ns));
    }
    return {};
}

}  // namespace bwrt::planner
