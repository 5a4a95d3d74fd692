// SPDX-License-Identifier: Apache-2.0
//
// peer_bwrt.cpp — the store of this tree, through its public header.
//
//   cold   a disk tier alone: direct I/O, every byte verified on its way to the caller
//   hot    a host tier alone
//
// A wave is one wave, driven by who waits for it: there is no other thread.  Values that lie behind
// each other in the caller's memory are one operation.  clear() drops what was put, by name.

#include <algorithm>
#include <memory>

#include "bench/peer.h"
#include "bench/peer_files.h"
#include "bench/runtime.h"

namespace bwrt::bench {
namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

class BwrtPeer final : public Peer {
 public:
    explicit BwrtPeer(const PeerOptions& options) : options_(options) { open(); }

    void put_many(std::span<const PutRequest> requests) override {
        begin(requests.size());
        for (const PutRequest& request : requests) {
            add(BWRT_OP_PUT, *request.key, reinterpret_cast<std::uintptr_t>(request.value),
                request.length_bytes);
            stored_.push_back(*request.key);
        }
        run(true);
    }

    void get_many(std::span<GetRequest> requests) override {
        begin(requests.size());
        for (const GetRequest& request : requests) {
            add(BWRT_OP_GET, *request.key, reinterpret_cast<std::uintptr_t>(request.buffer),
                request.length_bytes);
        }
        run(false);
        for (std::size_t i = 0; i < requests.size(); ++i) {
            requests[i].found = results_[i].status == BWRT_OK;
            if (requests[i].found || results_[i].status == BWRT_E_MISS) continue;
            throw Failure(bwrt_status_name(results_[i].status), "bwrt: a GET failed");
        }
    }

    [[nodiscard]] bool contains(const Key& key) override {
        bwrt_lookup_query query = {};
        query.struct_size = sizeof query;
        query.identities = key.bytes.data();
        query.identity_count = 1;
        std::uint32_t prefix_count = 0;
        bwrt_error error;
        must(bwrt_lookup(runtime_->get(), &query, nullptr, &prefix_count, nullptr, &error), error);
        return prefix_count == 1;
    }

    void clear() override {
        for (std::size_t first = 0; first < stored_.size(); first += kDropCount) {
            begin(kDropCount);
            const std::size_t end = std::min(stored_.size(), first + kDropCount);
            for (std::size_t i = first; i < end; ++i) add(BWRT_OP_DROP, stored_[i], 0, 0);
            run(true);
        }
        stored_.clear();
    }

    // What PUT acknowledged lies in the files; the system writes the rest of them.
    void flush() override {
        if (options_.tier == Tier::kCold) evict_files(options_.folder);
    }

 private:
    static constexpr std::size_t kDropCount = 1024;

    void open() {
        bwrt_store store = {};
        store.struct_size = sizeof store;
        store.flags = BWRT_STORE_HUGE;
        const char* const directory = options_.folder.c_str();
        if (options_.tier == Tier::kCold) {
            store.directories = &directory;
            store.directory_count = 1;
            // A quarter more than is stored, so that a round that puts it all again need not wait
            // for segments to be emptied.
            store.disk_bytes = std::max(options_.capacity_bytes * 2, 512 * kMebibyte);
        } else {
            store.host_bytes =
                options_.capacity_bytes + options_.capacity_bytes / 4 + kMebibyte * 256;
        }
        bwrt_config config = {};
        config.progress = BWRT_PROGRESS_CALLER;
        config.store = &store;
        runtime_ = std::make_unique<Runtime>(config);
    }

    void begin(std::size_t count) {
        operations_.clear();
        blocks_.clear();
        results_.assign(count, {});
    }

    void add(std::uint32_t kind, const Key& key, std::uint64_t address, std::uint64_t length) {
        bwrt_block block = {};
        std::copy_n(reinterpret_cast<const std::uint8_t*>(key.bytes.data()), 32, block.identity);
        blocks_.push_back(block);
        const bool moves = kind != BWRT_OP_DROP;
        if (!operations_.empty()) {
            bwrt_operation& last = operations_.back();
            const std::uint64_t begin =
                kind == BWRT_OP_PUT ? last.source_offset_bytes : last.target_offset_bytes;
            const bool follows = begin + last.slot_count * last.length_bytes == address &&
                                 last.length_bytes == length;
            if (!moves || follows) {
                ++last.slot_count;
                return;
            }
        }
        bwrt_operation operation = {};
        operation.kind = kind;
        operation.flags = moves ? std::uint32_t{BWRT_BLOCK_UNRELATED} : 0;
        operation.slot_count = 1;
        operation.block_first = static_cast<std::uint32_t>(blocks_.size() - 1);
        operation.length_bytes = length;
        if (kind == BWRT_OP_PUT) {
            operation.source = BWRT_PROCESS_MEMORY;
            operation.source_offset_bytes = address;
        } else if (moves) {
            operation.target = BWRT_PROCESS_MEMORY;
            operation.target_offset_bytes = address;
        }
        if (kind == BWRT_OP_PUT && options_.durable) operation.flags |= BWRT_BLOCK_DURABLE;
        operations_.push_back(operation);
    }

    void run(bool all) {
        bwrt_wave wave = {};
        wave.struct_size = sizeof wave;
        wave.operations = operations_.data();
        wave.operation_count = static_cast<std::uint32_t>(operations_.size());
        wave.operation_bytes = sizeof(bwrt_operation);
        wave.blocks = blocks_.data();
        wave.block_count = static_cast<std::uint32_t>(blocks_.size());
        wave.block_bytes = sizeof(bwrt_block);
        wave.results = results_.data();
        wave.result_count = static_cast<std::uint32_t>(results_.size());
        wave.result_bytes = sizeof(bwrt_result);
        bwrt_error error;
        bwrt_handle handle = 0;
        bwrt_completion completion;
        must(bwrt_submit_wave(runtime_->get(), &wave, &handle, &error), error);
        must(bwrt_wait(runtime_->get(), handle, -1, &completion, &error), error);
        if (all) must(completion);
    }

    PeerOptions options_;
    std::unique_ptr<Runtime> runtime_;
    std::vector<bwrt_operation> operations_;
    std::vector<bwrt_block> blocks_;
    std::vector<bwrt_result> results_;
    std::vector<Key> stored_;
};

}  // namespace

PeerKind bwrt_peer() {
    PeerKind kind;
    kind.name = "bwrt";
    kind.what = "bwrt's block store";
    kind.version = BWRT_VERSION;
    kind.why_absent = [](const PeerOptions&) { return std::string(); };
    kind.make = [](const PeerOptions& options) { return std::make_unique<BwrtPeer>(options); };
    return kind;
}

}  // namespace bwrt::bench
