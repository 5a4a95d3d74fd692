// SPDX-License-Identifier: Apache-2.0
//
// faulty_storage.h — a storage backend around another one, which lets happen what a plan says.
//
//   start() --choose--> [ held until due ] --> inner start() --> [ result made worse ] --> reap()
//                  \--> [ answered without the inner one ] ------------------------------>/
//
// It keeps every rule of the seam (runtime/backend/backend.h): what start() took yields exactly one
// result, and bytes move only between the two.  A request that is held has not reached the inner
// backend, so it can be cancelled at once, and what is late arrives late.
//
// A request suffers at most two rules: the first that chooses it of those that say what becomes of
// it (an errno, short, torn, lost, flip), and the first of those that say when (delay, hang,
// reorder).  A refused start() is no request: it counts for the rules of start only.
//
// Where a fault would need a part of a block from a file opened past the page cache, the request
// passes: no such file could do that.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/backend/backend.h"
#include "runtime/faulty/plan.h"
#include "runtime/memory.h"

namespace bwrt::runtime {

class FaultyStorage final : public StorageBackend {
 public:
    // The options that `inner` was made with.
    FaultyStorage(std::unique_ptr<StorageBackend> inner, FaultPlan plan,
                  const StorageOptions& options);

    // Says to the log function what was injected.
    ~FaultyStorage() override;

    FaultyStorage(const FaultyStorage&) = delete;
    FaultyStorage& operator=(const FaultyStorage&) = delete;

    std::int32_t attach_file(int fd) noexcept override;
    void detach_file(std::int32_t file) noexcept override;
    std::int32_t attach_buffer(void* address, std::size_t length_bytes) noexcept override;
    void detach_buffer(std::int32_t buffer) noexcept override;

    [[nodiscard]] bool start(const IoRequest& request) noexcept override;
    void cancel(std::uint32_t tag) noexcept override;
    void submit() noexcept override;
    [[nodiscard]] std::uint32_t reap(IoResult* results, std::uint32_t capacity) noexcept override;
    void wait(std::int64_t timeout_ns) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] int readiness_fd() const noexcept override;
    [[nodiscard]] std::uint64_t unknown_result_count() const noexcept override;

 private:
    static constexpr std::uint64_t kNeverNs = ~std::uint64_t{0};
    static constexpr std::uint64_t kReorderNs = 1'000'000;  // how often one looks who is over

    enum class Place : std::uint8_t { kFree, kHeld, kInner, kReady };

    // A request from start() until its result is reaped.  Its index is its tag in the inner one.
    struct Slot {
        IoRequest request;
        Place place = Place::kFree;
        bool is_answered = false;  // the inner backend is not asked
        bool is_reordered = false;
        FaultKind fault = FaultKind::kErrno;  // with a rule: kTorn and kFlip work on the result
        std::int32_t answer = 0;
        std::uint32_t rule_index = 0;
        std::uint32_t cut_bytes = 0;  // the inner one is asked for so many; 0: for all
        std::uint32_t bytes = 0;
        std::uint64_t draw = 0;
        std::uint64_t due_ns = 0;
        std::uint64_t sequence = 0;
        bool has_rule = false;
    };
    // What the rules have for a request, before it is known to be taken.
    struct Choice {
        std::uint32_t counted_rules = 0;  // bits
        std::int32_t what_index = -1;
        std::int32_t when_index = -1;
    };
    struct RuleCount {
        std::uint64_t seen = 0;
        std::uint64_t injected = 0;
    };
    struct File {
        std::uint32_t rules = 0;  // bits of those that it meets
        bool is_direct = false;
    };

    // choice.cpp
    [[nodiscard]] bool meets(std::size_t rule_index, const IoRequest& request,
                             std::uint64_t bytes) const noexcept;
    [[nodiscard]] bool has_room(const IoRequest& request, std::uint64_t bytes) noexcept;
    [[nodiscard]] Choice choose(const IoRequest& request, std::uint64_t bytes) const noexcept;
    void spoil(std::int32_t rule_index, Slot* slot) noexcept;
    void hold(std::int32_t rule_index, std::uint64_t now, Slot* slot) noexcept;
    [[nodiscard]] std::uint32_t cut(std::uint64_t draw, std::uint32_t least_bytes,
                                    const Slot& slot) const noexcept;
    void count(const Choice& choice, const Slot& slot) noexcept;

    // faulty_storage.cpp
    [[nodiscard]] bool start_inner(std::uint32_t index) noexcept;
    void make_ready(std::uint32_t index, std::int32_t answer) noexcept;
    [[nodiscard]] std::uint32_t take_ready(IoResult* results, std::uint32_t capacity) noexcept;
    void finish_inner(IoResult* result) noexcept;
    void flip_bit(const Slot& slot, std::uint32_t bytes) noexcept;
    void free_slot(std::uint32_t index) noexcept;
    [[nodiscard]] bool has_later(const Slot& slot) const noexcept;
    bool release_due() noexcept;
    void set_timer() const noexcept;
    void report_injected() noexcept;

    const FaultPlan plan_;
    const bwrt_log_function log_;
    void* const log_user_;
    std::vector<RuleCount> counts_;  // one a rule
    std::array<std::uint64_t, 3> request_counts_ = {};
    std::string sentence_;  // room for the last words: the destructor must not allocate
    std::vector<File> files_;

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;  // a stack
    std::vector<std::uint32_t> ready_;       // a ring of as many as there are slots
    std::uint32_t free_count_ = 0;
    std::uint32_t ready_first_ = 0;
    std::uint32_t ready_count_ = 0;
    std::uint32_t held_count_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint64_t newest_over_ = 0;  // the highest sequence whose result was reaped
    std::uint64_t next_due_ns_ = kNeverNs;
    Table<iovec> cut_iovecs_;  // kIovecCountMax a slot

    // The inner backend's readiness joined to a timer, made when somebody asks.
    mutable int epoll_fd_ = -1;
    mutable int timer_fd_ = -1;
    mutable std::uint64_t timer_ns_ = 0;  // what it is set to; 0: off

    std::unique_ptr<StorageBackend> inner_;
};

}  // namespace bwrt::runtime
