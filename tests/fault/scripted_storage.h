// SPDX-License-Identifier: Apache-2.0
//
// scripted_storage.h — a storage backend around a real one, told what goes wrong.
//
//   executor --start--> [ script ] --pass, cut, hold--> real backend
//            <--reap--- [ own    ] <--results, repeated, shuffled, with strangers--
//
// The script is asked once for each request, with how many of its kind came before.  It runs on
// the driver; what it reads is set before the wave is submitted, and let_go() is for any thread.
// Requests are copied: one that is held still stands when the executor's own memory moved on.

#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/backend/backend.h"
#include "runtime/runtime.h"
#include "tests/fault/faults.h"

namespace bwrt::test {

using runtime::IoKind;
using runtime::IoRequest;
using runtime::IoResult;

struct Action {
    enum class Kind { kPass, kAnswer, kCut, kHold };
    Kind kind = Kind::kPass;
    std::int32_t result = 0;    // kAnswer: comes back without the request being made
    std::size_t bytes_max = 0;  // kCut: at most so many are asked for

    static Action pass() { return {}; }
    static Action answer(std::int32_t result) { return {Kind::kAnswer, result, 0}; }
    static Action cut(std::size_t bytes_max) { return {Kind::kCut, 0, bytes_max}; }
    static Action hold() { return {Kind::kHold, 0, 0}; }
};

class ScriptedStorage final : public runtime::StorageBackend {
 public:
    // Told the request and its number among those of its kind, from 0.
    using Script = std::function<Action(const IoRequest&, std::uint64_t)>;

    explicit ScriptedStorage(std::uint32_t storage) {
        runtime::StorageOptions options;
        runtime::StorageReport report;
        options.storage = storage;
        options.single_driver = false;  // made here, driven elsewhere
        inner_ = runtime::make_storage(options, &report);
    }

    [[nodiscard]] bool is_made() const { return inner_ != nullptr; }

    // Empty: everything passes.  May be set while the driver runs.
    class SharedScript {
     public:
        SharedScript& operator=(Script next) {
            const std::lock_guard<std::mutex> lock(mutex_);
            script_ = std::move(next);
            return *this;
        }
        Action operator()(const IoRequest& request, std::uint64_t number) {
            Script current;
            {
                const std::lock_guard<std::mutex> lock(mutex_);
                current = script_;
            }
            return current ? current(request, number) : Action::pass();
        }

     private:
        std::mutex mutex_;
        Script script_;
    };
    SharedScript script;
    // The driver looks at these whenever it looks for results; `random` it reads after them.
    std::atomic<bool> repeats{false};              // each result comes twice
    std::atomic<bool> shuffles{false};             // results come in another order, later
    std::atomic<std::uint32_t> stranger_count{0};  // answers to come that nobody asked for
    std::uint64_t random = 1;
    std::atomic<std::uint32_t> refused_file_count{0};  // attachments to come that are refused

    // What is held goes its way, and so does what the script would hold later, until hold_again().
    void let_go() {
        letting_go_.store(true, std::memory_order_release);
        inner_->wake();
    }
    void hold_again() { letting_go_.store(false, std::memory_order_release); }
    [[nodiscard]] std::uint64_t held_count() const { return held_count_.load(); }
    [[nodiscard]] std::uint64_t count(IoKind kind) const {
        return counts_[static_cast<std::size_t>(kind)].load();
    }
    [[nodiscard]] std::uint64_t cancel_count() const { return cancel_count_.load(); }

    // Those that are attached now.
    [[nodiscard]] std::uint32_t file_count() const { return file_count_.load(); }

    std::int32_t attach_file(int fd) noexcept override {
        if (refused_file_count.load() != 0) {
            refused_file_count.fetch_sub(1);
            return -ENFILE;
        }
        const std::int32_t file = inner_->attach_file(fd);
        if (file >= 0) file_count_.fetch_add(1);
        return file;
    }
    void detach_file(std::int32_t file) noexcept override {
        file_count_.fetch_sub(1);
        inner_->detach_file(file);
    }
    std::int32_t attach_buffer(void* address, std::size_t bytes) noexcept override {
        return inner_->attach_buffer(address, bytes);
    }
    void detach_buffer(std::int32_t buffer) noexcept override { inner_->detach_buffer(buffer); }

    bool start(const IoRequest& request) noexcept override {
        const std::uint64_t number = counts_[static_cast<std::size_t>(request.kind)].fetch_add(1);
        const Action action = script(request, number);
        switch (action.kind) {
            case Action::Kind::kPass:
                return inner_->start(request);
            case Action::Kind::kAnswer:
                own_.push_back({request.tag, action.result});
                return true;
            case Action::Kind::kCut: {
                Kept& kept = cut_[request.tag % 4096];  // the executor's place for it
                kept = Kept(request, action.bytes_max);
                return inner_->start(kept.request);
            }
            case Action::Kind::kHold:
                held_.push_back(std::make_unique<Kept>(request, ~std::size_t{0}));
                held_count_.fetch_add(1);
                return true;
        }
        return false;
    }

    void cancel(std::uint32_t tag) noexcept override {
        cancel_count_.fetch_add(1);
        const bool is_held = std::any_of(
            held_.begin(), held_.end(), [&](const auto& kept) { return kept->request.tag == tag; });
        if (!is_held) inner_->cancel(tag);
    }

    void submit() noexcept override {
        release_held();
        inner_->submit();
    }

    std::uint32_t reap(IoResult* results, std::uint32_t capacity) noexcept override {
        release_held();
        IoResult fresh[16];
        for (std::uint32_t got; (got = inner_->reap(fresh, 16)) != 0;) {
            own_.insert(own_.end(), fresh, fresh + got);
            if (repeats) own_.insert(own_.end(), fresh, fresh + got);
        }
        for (; stranger_count != 0 && !own_.empty(); --stranger_count) {
            // The highest bit comes with the half millionth request of one place: not here.
            own_.push_back({static_cast<std::uint32_t>(next_random(&random)) | 1u << 31, 4096});
        }
        if (shuffles && own_.size() > 1) {
            for (std::size_t i = own_.size() - 1; i > 0; --i) {
                std::swap(own_[i], own_[next_random(&random) % (i + 1)]);
            }
            // Some of them only at the next look.
            capacity = std::min(capacity, 1 + static_cast<std::uint32_t>(own_.size() / 2));
        }
        const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(own_.size(), capacity));
        std::copy_n(own_.begin(), count, results);
        own_.erase(own_.begin(), own_.begin() + count);
        return count;
    }

    void wait(std::int64_t timeout_ns) noexcept override {
        release_held();
        inner_->wait(own_.empty() ? timeout_ns : 0);
    }

    void wake() noexcept override { inner_->wake(); }
    [[nodiscard]] int readiness_fd() const noexcept override { return inner_->readiness_fd(); }
    [[nodiscard]] std::uint64_t unknown_result_count() const noexcept override { return 0; }

 private:
    struct Kept {
        Kept() = default;
        Kept(const IoRequest& given, std::size_t bytes_max) : request(given) {
            for (std::uint32_t i = 0; i < given.iovec_count && bytes_max != 0; ++i) {
                const std::size_t bytes = std::min(given.iovecs[i].iov_len, bytes_max);
                iovecs.push_back({given.iovecs[i].iov_base, bytes});
                bytes_max -= bytes;
            }
            request.iovecs = iovecs.data();
            request.iovec_count = static_cast<std::uint32_t>(iovecs.size());
        }
        Kept(Kept&&) = default;
        Kept& operator=(Kept&&) = default;

        IoRequest request;
        std::vector<iovec> iovecs;  // moves keep its data where it is
    };

    void release_held() noexcept {
        if (!letting_go_.load(std::memory_order_acquire)) return;
        while (!held_.empty()) {
            if (!inner_->start(held_.back()->request)) return;
            released_.push_back(std::move(held_.back()));
            held_.pop_back();
        }
    }

    std::unique_ptr<runtime::StorageBackend> inner_;
    std::vector<IoResult> own_;
    std::map<std::uint32_t, Kept> cut_;
    std::vector<std::unique_ptr<Kept>> held_, released_;
    std::atomic<bool> letting_go_{false};
    std::atomic<std::uint64_t> held_count_{0}, cancel_count_{0};
    std::atomic<std::uint64_t> counts_[3] = {};
    std::atomic<std::uint32_t> file_count_{0};
};

// The system's clock, until a test sets it forward or stops it: an hour that a deadline leaves is
// more than any machine takes, and over when the test says so.
class MovableClock final : public runtime::Clock {
 public:
    [[nodiscard]] std::uint64_t now_ns() const noexcept override {
        const std::uint64_t forward_ns = forward_ns_.load();
        if (stopped_ns_.load() == 0) return forward_ns + monotonic_ns();
        const std::uint64_t question_ns = question_ns_.load();
        return forward_ns + stopped_ns_.fetch_add(question_ns) + question_ns;
    }
    // For good: from now on no wait ends by its time, nor does who spins until then.
    void stop() { stop_but_for(0); }
    // As well, but that a microsecond passes by each question: who spins for a while, or ends a
    // window after one, asks until it is over.
    void stop_while_not_asked() { stop_but_for(1000); }
    // The driver sees it when it next looks.
    void set_forward(std::uint64_t by_ns) { forward_ns_.fetch_add(by_ns); }

 private:
    // It stands a little ahead, so that a thread which asks just now sees no later time.
    void stop_but_for(std::uint64_t question_ns) {
        question_ns_.store(question_ns);
        stopped_ns_.store(monotonic_ns() + 10'000'000);
    }

    std::atomic<std::uint64_t> forward_ns_{0}, question_ns_{0};
    mutable std::atomic<std::uint64_t> stopped_ns_{0};
};

// A runtime over a scripted backend and a clock that can be set, with the usual regions.
struct ScriptedWorld {
    faults base;  // first: a test's state is also a faults
    ScriptedStorage* storage;
    MovableClock* clock;
};

// All that is over by then has been told to the driver when this returns.
inline void let_time_pass(ScriptedWorld* world, std::uint64_t by_ns) {
    world->clock->set_forward(by_ns);
    world->storage->wake();
    // A call runs in the middle of a turn, so the second runs behind a whole one.
    for (int i = 0; i < 2; ++i) static_cast<void>(counters_of(world->base.runtime));
}

inline std::uint32_t queue_depth_to_open = 0;  // 0: the default

inline int scripted_setup(void** state) {
    auto* world = static_cast<ScriptedWorld*>(std::calloc(1, sizeof(ScriptedWorld)));
    *state = world;
    world->base.fd = -1;
    world->clock = new MovableClock;
    world->storage = new ScriptedStorage(fault_mode_now->storage);
    if (!world->storage->is_made()) return -1;
    bwrt_config config = config_of_mode();
    config.queue_depth = queue_depth_to_open;
    runtime::World seams;
    seams.storage = world->storage;
    seams.clock = world->clock;
    if (runtime::open_runtime(&config, seams, &world->base.runtime, &world->base.error) != 0) {
        return -1;
    }
    return faults_add_regions(&world->base);
}

inline int scripted_teardown(void** state) {
    auto* world = static_cast<ScriptedWorld*>(*state);
    world->storage->let_go();
    const int failed = faults_close(&world->base);
    delete world->storage;
    delete world->clock;
    std::free(world);
    return failed;
}

}  // namespace bwrt::test

#define IN_SCRIPTED_WORLD(sentence)                                       \
    cmocka_unit_test_setup_teardown(sentence, bwrt::test::scripted_setup, \
                                    bwrt::test::scripted_teardown)
