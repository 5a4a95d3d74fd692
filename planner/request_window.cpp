// SPDX-License-Identifier: Apache-2.0

#include "planner/request_window.h"

#include <algorithm>
#include <stdexcept>

namespace bwrt::planner {
namespace {

// One call for each column, so that none is forgotten.
template <typename Columns, typename Do>
void for_each_column(Columns& columns, Do&& act) {
    act(columns.id);
    act(columns.page_first);
    act(columns.page_count);
    act(columns.page_bytes);
    act(columns.arrival_ns);
    act(columns.deadline_ns);
    act(columns.fill_ns);
    act(columns.model);
    act(columns.prefix);
    act(columns.weight_milli);
    act(columns.layer);
    act(columns.tenant);
    act(columns.node);
    act(columns.tier_src);
    act(columns.tier_dst);
    act(columns.age);
    act(columns.request_class);
}

}  // namespace

RequestWindow::RequestWindow(const WindowLimits& limits) : limits_(limits) {
    if (limits_.row_count_max > kRowCountMax) throw std::length_error("row_count_max");
    if (limits_.tier_count == 0 || limits_.tier_count > kTierCountMax) {
        throw std::length_error("tier_count");
    }
    for_each_column(columns_, [&](auto& column) { column.reserve(limits_.row_count_max); });
}

Refusal RequestWindow::append(const Request& request) noexcept {
    std::uint64_t bytes = 0;
    if (const Refusal refusal = check_place(request)) return refusal;
    if (const Refusal refusal = check_pages(request, bytes)) return refusal;
    bytes_ += bytes;
    pages_ |= request.page_first;
    for (std::uint32_t layer = 0; layer < request.layer_count; ++layer) {
        columns_.id.push_back(request.id);
        columns_.page_first.push_back(request.page_first);
        columns_.page_count.push_back(request.page_count);
        columns_.page_bytes.push_back(request.page_bytes);
        columns_.arrival_ns.push_back(request.arrival_ns);
        columns_.deadline_ns.push_back(request.deadline_ns);
        columns_.fill_ns.push_back(request.fill_ns);
        columns_.model.push_back(request.model);
        columns_.prefix.push_back(request.prefix);
        columns_.weight_milli.push_back(request.weight_milli);
        columns_.layer.push_back(static_cast<std::uint16_t>(request.layer_first + layer));
        columns_.tenant.push_back(request.tenant);
        columns_.node.push_back(request.node);
        columns_.tier_src.push_back(request.tier_src);
        columns_.tier_dst.push_back(request.tier_dst);
        columns_.age.push_back(request.age);
        columns_.request_class.push_back(request.request_class);
    }
    return {};
}

void RequestWindow::truncate(std::uint32_t row_count) noexcept {
    for (std::uint32_t row = row_count; row < this->row_count(); ++row) {
        bytes_ -= columns_.bytes(row);
    }
    for_each_column(columns_, [&](auto& column) { column.resize(row_count); });
}

std::uint32_t RequestWindow::erase(std::uint32_t row_count,
                                   std::span<const std::uint64_t> ids) noexcept {
    std::uint32_t kept = 0;
    for (std::uint32_t row = 0; row < this->row_count(); ++row) {
        if (row < row_count && std::binary_search(ids.begin(), ids.end(), columns_.id[row])) {
            bytes_ -= columns_.bytes(row);
            continue;
        }
        for_each_column(columns_, [&](auto& column) { column[kept] = column[row]; });
        ++kept;
    }
    const std::uint32_t erased = this->row_count() - kept;
    for_each_column(columns_, [&](auto& column) { column.resize(kept); });
    return erased;
}

void RequestWindow::clear() noexcept {
    for_each_column(columns_, [](auto& column) { column.clear(); });
    bytes_ = 0;
    pages_ = 0;
}

Request RequestWindow::row(std::uint32_t index) const noexcept {
    return {.id = columns_.id[index],
            .page_first = columns_.page_first[index],
            .page_count = columns_.page_count[index],
            .page_bytes = columns_.page_bytes[index],
            .arrival_ns = columns_.arrival_ns[index],
            .deadline_ns = columns_.deadline_ns[index],
            .fill_ns = columns_.fill_ns[index],
            .model = columns_.model[index],
            .prefix = columns_.prefix[index],
            .weight_milli = columns_.weight_milli[index],
            .layer_first = columns_.layer[index],
            .layer_count = 1,
            .tenant = columns_.tenant[index],
            .node = columns_.node[index],
            .tier_src = columns_.tier_src[index],
            .tier_dst = columns_.tier_dst[index],
            .age = columns_.age[index],
            .request_class = columns_.request_class[index]};
}

Refusal RequestWindow::check_place(const Request& request) const noexcept {
    if (request.tenant >= limits_.tenant_count) return {"tenant", "is not known"};
    if (request.node >= limits_.node_count) return {"node", "is not known"};
    if (request.tier_src >= limits_.tier_count) return {"tier_src", "is not known"};
    if (request.tier_dst >= limits_.tier_count) return {"tier_dst", "is not known"};
    if (request.tier_src == request.tier_dst) return {"tier_dst", "must not be tier_src"};
    if (request.request_class > RequestClass::kPrediction) return {"class", "is not known"};
    if (request.layer_count == 0) return {"layer_count", "must be 1 at least"};
    if (std::uint32_t{request.layer_first} + request.layer_count > 0x1'0000) {
        return {"layer_count", "goes beyond layer 65,535"};
    }
    if (row_count() + std::uint64_t{request.layer_count} > limits_.row_count_max) {
        return {"layer_count", "has more rows than the window has room for"};
    }
    return {};
}

Refusal RequestWindow::check_pages(const Request& request,
                                   std::uint64_t& bytes_out) const noexcept {
    if (request.page_count == 0) return {"page_count", "must be 1 at least"};
    if (request.page_bytes == 0) return {"page_bytes", "must be 1 at least"};
    if (request.page_first > kPageEndMax || request.page_count > kPageEndMax - request.page_first) {
        return {"page_count", "goes beyond page 2^62"};
    }
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(request.page_count, request.page_bytes, &bytes) ||
        __builtin_mul_overflow(bytes, std::uint64_t{request.layer_count}, &bytes) ||
        bytes > kBytesMax - bytes_) {
        return {"page_bytes", "makes more than 2^61 - 1 bytes in this window"};
    }
    bytes_out = bytes;
    return {};
}

}  // namespace bwrt::planner
