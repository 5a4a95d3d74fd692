// SPDX-License-Identifier: Apache-2.0
//
// model_storage.h — a storage backend that takes the time of a disk and moves no byte of a segment.
//
//   start() ──▶ [ on the disk, due at ... ] ──clock──▶ reap()
//
//   begins   when the disk works on fewer than `depth`, behind those of its kind before it
//   bus      from then on: max(bytes / rate, 1 s / requests_per_s), and twice that while the other
//            kind is on it, too: reads and writes share it evenly, so neither stands behind all
//            that the other has queued
//   due      when it has left the bus, and the latency later
//
// A queue of one so has bytes / (bytes / rate + latency), a deep one the rate: what bench/ measures
// of disks.  A flush is due behind every write before it.
//
// What has to be read again is moved all the same, at once: the log of a store, which a new log is
// made from, and whatever else is no segment of a store.
//
// wait() is where time passes: until the next result, or the timeout.  The one thread of a modelled
// world is in it, so nobody else could end it: waiting for ever with nothing on the disk is a bug.

#pragma once

#include <cstdint>
#include <vector>

#include "runtime/backend/backend.h"
#include "runtime/model/model_clock.h"

namespace bwrt::runtime {

// What a disk and memory can do; nothing is 0.  The defaults are said with their sources in
// docs/operations.md.
struct ModelMachine {
    std::uint64_t depth = 256;
    std::uint64_t read_bytes_per_s = 6'500'000'000;
    std::uint64_t write_bytes_per_s = 3'500'000'000;
    std::uint64_t read_latency_ns = 65'000;
    std::uint64_t write_latency_ns = 15'000;
    std::uint64_t flush_latency_ns = 15'000;
    std::uint64_t requests_per_s = 900'000;
    std::uint64_t copy_bytes_per_s = 12'000'000'000;
};

class ModelStorage final : public StorageBackend {
 public:
    // Throws std::bad_alloc.
    ModelStorage(const ModelMachine& machine, ModelClock* clock);

    std::int32_t attach_file(int fd) noexcept override;
    void detach_file(std::int32_t file) noexcept override;
    std::int32_t attach_buffer(void* address, std::size_t length_bytes) noexcept override;
    void detach_buffer(std::int32_t /*buffer*/) noexcept override {}
    [[nodiscard]] bool start(const IoRequest& request) noexcept override;
    void cancel(std::uint32_t /*tag*/) noexcept override {}  // a disk goes on
    void submit() noexcept override {}
    [[nodiscard]] std::uint32_t reap(IoResult* results, std::uint32_t capacity) noexcept override;
    void wait(std::int64_t timeout_ns) noexcept override;
    void wake() noexcept override { is_woken_ = true; }
    [[nodiscard]] int readiness_fd() const noexcept override { return -1; }
    [[nodiscard]] std::uint64_t unknown_result_count() const noexcept override { return 0; }

 private:
    struct File {
        int fd = -1;              // -1: free
        bool is_segment = false;  // whose bytes are not moved
    };
    struct Out {
        std::uint64_t due_ns = 0;
        std::uint64_t number = 0;  // of two that are due at once the first comes first
        IoResult result = {};

        // Of a heap, the first due on top.
        bool operator<(const Out& other) const noexcept {
            return due_ns != other.due_ns ? due_ns > other.due_ns : number > other.number;
        }
    };

    [[nodiscard]] std::uint64_t due_ns(const IoRequest& request, std::uint64_t bytes) noexcept;

    static constexpr std::size_t kOutMax = 4'096;  // no runtime has more (queue_depth)

    const ModelMachine machine_;
    ModelClock& clock_;
    std::vector<File> files_;
    std::vector<Out> out_;                 // a heap
    std::vector<std::uint64_t> last_due_;  // of the latest `depth` requests, a ring
    std::uint64_t request_count_ = 0;
    std::uint64_t bus_free_ns_[2] = {};  // of reads, of writes
    std::uint64_t written_ns_ = 0;       // when the last write is there
    bool is_woken_ = false;
};

}  // namespace bwrt::runtime
