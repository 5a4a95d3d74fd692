// SPDX-License-Identifier: Apache-2.0
//
// request_window.h — what a window of time asks for: rows of "these pages, there, by then".
//
// A row is an interval of pages of one layer of one prefix of one model, which somebody wants on
// another tier.  The table is kept by columns, since each stage of the planner reads a few of them
// for every row and would otherwise pull the others through the cache with them.
//
// A request is looked at once, when it comes in: what no stage could plan is refused with the name
// of its field, and nothing of it is kept.  So the stages behind need no checks, and no sum of
// bytes overflows: those of all rows together stay below 2^61.
//
// Models and prefixes are numbers that whoever decodes a request gives out: equal numbers mean
// equal names, never equal hashes, and pages of different models or prefixes do not alias.

#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace bwrt::planner {

// What moves first when not everything can.  A prediction is nobody's request.
enum class RequestClass : std::uint8_t { kDemand, kHint, kPrediction };

constexpr std::uint64_t kNoDeadline = ~std::uint64_t{0};

struct Request {
    std::uint64_t id = 0;  // the caller's; it comes back with the verdict
    std::uint64_t page_first = 0;
    std::uint64_t page_count = 0;
    std::uint64_t page_bytes = 0;
    std::uint64_t arrival_ns = 0;
    std::uint64_t deadline_ns = kNoDeadline;
    std::uint64_t fill_ns = 0;  // how long the sender believes that it takes; 0: not known
    std::uint32_t model = 0;
    std::uint32_t prefix = 0;
    std::uint32_t weight_milli = 1'000;  // of the tenant, in thousandths
    std::uint16_t layer_first = 0;
    std::uint16_t layer_count = 1;  // a row each
    std::uint16_t tenant = 0;
    std::uint16_t node = 0;
    std::uint8_t tier_src = 0;
    std::uint8_t tier_dst = 0;
    std::uint8_t age = 0;  // windows that it waited already
    RequestClass request_class = RequestClass::kDemand;
};

struct WindowLimits {
    std::uint32_t row_count_max = 4'096;
    std::uint32_t tenant_count = 1;
    std::uint32_t node_count = 1;
    std::uint32_t tier_count = 3;
    std::uint32_t resident_count_max = 0;  // 0: neither evicts nor admits (residents.h)
};

// Why a request was not taken: the field that is wrong and what it must be, both static strings.
struct Refusal {
    const char* field = nullptr;  // nullptr: it was taken
    const char* rule = nullptr;
    explicit operator bool() const noexcept { return field != nullptr; }
};

// All of one length.
struct RequestColumns {
    std::vector<std::uint64_t> id, page_first, page_count, page_bytes;
    std::vector<std::uint64_t> arrival_ns, deadline_ns, fill_ns;
    std::vector<std::uint32_t> model, prefix, weight_milli;
    std::vector<std::uint16_t> layer, tenant, node;
    std::vector<std::uint8_t> tier_src, tier_dst, age;
    std::vector<RequestClass> request_class;

    [[nodiscard]] std::uint64_t bytes(std::uint32_t row) const noexcept {
        return page_count[row] * page_bytes[row];
    }
    [[nodiscard]] std::uint64_t page_end(std::uint32_t row) const noexcept {
        return page_first[row] + page_count[row];
    }
};

class RequestWindow {
 public:
    static constexpr std::uint32_t kRowCountMax = 1u << 26;
    static constexpr std::uint32_t kTierCountMax = 8;
    static constexpr std::uint64_t kPageEndMax = std::uint64_t{1} << 62;
    static constexpr std::uint64_t kBytesMax = (std::uint64_t{1} << 61) - 1;

    // Takes all memory that it will need: 78 bytes a row.  Throws std::bad_alloc, and
    // std::length_error for more rows than kRowCountMax, more tiers than kTierCountMax, or none.
    explicit RequestWindow(const WindowLimits& limits);

    // Appends a row for each layer, or nothing.
    [[nodiscard]] Refusal append(const Request& request) noexcept;

    // The first so many rows stay.
    void truncate(std::uint32_t row_count) noexcept;
    // Of the first so many, takes out those of requests with these ids, which ascend; the others
    // keep their order.  How many went.
    std::uint32_t erase(std::uint32_t row_count, std::span<const std::uint64_t> ids) noexcept;
    void clear() noexcept;

    [[nodiscard]] const RequestColumns& rows() const noexcept { return columns_; }
    [[nodiscard]] std::uint32_t row_count() const noexcept {
        return static_cast<std::uint32_t>(columns_.id.size());
    }
    [[nodiscard]] const WindowLimits& limits() const noexcept { return limits_; }
    // No first page of a row has more; those of rows that went count, too.
    [[nodiscard]] std::uint32_t page_bits() const noexcept {
        return static_cast<std::uint32_t>(std::bit_width(pages_));
    }

    // The row as a request of one layer, as append takes it.
    [[nodiscard]] Request row(std::uint32_t index) const noexcept;

 private:
    [[nodiscard]] Refusal check_place(const Request& request) const noexcept;
    [[nodiscard]] Refusal check_pages(const Request& request,
                                      std::uint64_t& bytes_out) const noexcept;

    WindowLimits limits_;
    RequestColumns columns_;
    std::uint64_t bytes_ = 0;  // of all rows
    std::uint64_t pages_ = 0;  // the bits of all first pages since it was empty
};

}  // namespace bwrt::planner
