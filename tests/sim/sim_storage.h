// SPDX-License-Identifier: Apache-2.0
//
// sim_storage.h — a storage backend whose files are in memory and whose time is
// simulated.
//
//   start() ──plan──▶ [ out, due at ... ] ──due──▶ [ ready ] ──▶ reap()
//
// What becomes of a request is drawn when it starts; its bytes move then or
// when it is due, and in between the memory it reads into may hold anything, as
// under a real device.  A device in here is as strict as one can be: misaligned
// direct I/O, files not attached and iovecs that change under a request are
// reported, not forgiven.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/backend/backend.h"
#include "tests/sim/faults.h"
#include "tests/sim/model.h"
#include "tests/sim/sim_clock.h"

namespace bwrt::sim {

// A file: as many bytes as it may ever have, and how long it is now.
struct Image {
    std::uint64_t device = 0, inode = 0;
    std::uint64_t length_bytes = 0;
    bool refuses_direct = false;  // since it did once
    std::vector<std::byte> bytes;
    std::vector<BadBlock> bad;
};

class SimStorage final : public runtime::StorageBackend {
 public:
    SimStorage(SimClock* clock, Random* random, const FaultOptions* options, FaultTable* table,
               Verdict* verdict);

    // The file behind fd from now on.
    std::uint32_t add_image(int fd, std::uint64_t capacity_bytes, std::uint64_t length_bytes);
    [[nodiscard]] Image& image(std::uint32_t index) { return images_[index]; }

    // A second way to an image, past the page cache.
    std::int32_t attach_direct(std::uint32_t image);
    void set_alignment(std::int32_t file, std::uint32_t offset_bytes, std::uint32_t memory_bytes);

    // What else is going on, as states; and whether bytes of a file are about to
    // be written.
    std::function<std::uint32_t()> world_states;
    std::function<bool(std::uint32_t image, std::uint64_t first, std::uint64_t last)> is_target;
    std::function<bool(const void* address)> is_callers_memory;

    [[nodiscard]] std::size_t out_count() const noexcept { return out_.size(); }
    [[nodiscard]] std::uint64_t ghost_count() const noexcept { return ghosts_reaped_; }
    [[nodiscard]] std::uint32_t attached_count() const noexcept;

    std::int32_t attach_file(int fd) noexcept override;
    void detach_file(std::int32_t file) noexcept override;
    std::int32_t attach_buffer(void* address, std::size_t length_bytes) noexcept override;
    void detach_buffer(std::int32_t buffer) noexcept override;
    bool start(const runtime::IoRequest& request) noexcept override;
    void cancel(std::uint32_t tag) noexcept override;
    void submit() noexcept override {}
    std::uint32_t reap(runtime::IoResult* results, std::uint32_t capacity) noexcept override;
    void wait(std::int64_t timeout_ns) noexcept override;
    void wake() noexcept override { woken_ = true; }
    [[nodiscard]] int readiness_fd() const noexcept override { return -1; }
    [[nodiscard]] std::uint64_t unknown_result_count() const noexcept override { return 0; }

 private:
    struct File {
        std::uint32_t image = 0;
        bool attached = false;
        bool direct = false;
        std::uint32_t offset_align = 1, memory_align = 1;
    };
    struct Out {
        runtime::IoRequest request;
        std::vector<iovec> iovecs;  // as they were at the start
        std::uint64_t bytes = 0;
        std::uint64_t due_ns = 0;
        std::int32_t result = 0;
        std::uint32_t faults = 0;  // bits
        std::uint32_t states = 0;
        bool lost = false, asked_back = false, moved = false;
    };
    // The last request in a place of the executor's table.
    struct Before {
        std::int32_t file = -1;
        std::uint64_t first = 0, last = 0;
        std::uint64_t whole_first = 0,
                      whole_last = 0;  // of the one that was taken apart
        std::uint32_t faults = 0;
        bool refused = false;
    };
    struct Ready {
        runtime::IoResult result;
        std::uint32_t faults, states;
        bool ghost;
    };

    bool check(const runtime::IoRequest& request, std::uint64_t bytes) noexcept;
    std::uint32_t states_of(const runtime::IoRequest& request, std::uint64_t bytes) noexcept;
    void plan(Out* out) noexcept;
    void move(Out* out) noexcept;
    void scramble(const Out& out) noexcept;
    void complete(Out* out) noexcept;
    void collect_due() noexcept;
    [[nodiscard]] std::uint64_t draw_latency_ns() noexcept;

    SimClock& clock_;
    Random& random_;
    const FaultOptions& options_;
    FaultTable& table_;
    Verdict& verdict_;
    std::vector<Image> images_;
    std::vector<File> files_;
    std::vector<Out> out_;
    std::vector<Ready> ready_;
    std::vector<Before> before_;
    std::uint64_t room_ns_ = ~std::uint64_t{0};  // when a refused request may be asked for again
    std::uint64_t ghosts_reaped_ = 0;
    std::int32_t buffer_count_ = 0;
    bool woken_ = false;
};

class SimHost final : public runtime::HostBackend {
 public:
    SimHost(SimClock* clock, Random* random, const FaultOptions* options, FaultTable* table)
        : clock_(*clock), random_(*random), options_(*options), table_(*table) {}

    std::function<std::uint32_t()> world_states;
    bool copy(void* target, const void* source, std::size_t length_bytes) noexcept override;

 private:
    SimClock& clock_;
    Random& random_;
    const FaultOptions& options_;
    FaultTable& table_;
};

}  // namespace bwrt::sim
