// SPDX-License-Identifier: Apache-2.0
//
// peer_threads.cpp — see peer_threads.h.

#include "bench/peer_threads.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace bwrt::bench {
namespace {

// Runs one function in every thread at once, and waits for all.
class Crew {
 public:
    explicit Crew(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) threads_.emplace_back([this, i] { serve(i); });
    }
    ~Crew() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            stopping_ = true;
        }
        start_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    [[nodiscard]] std::size_t count() const { return threads_.size(); }

    void run(const std::function<void(std::size_t)>& part) {
        std::unique_lock<std::mutex> lock(mutex_);
        part_ = &part;
        busy_count_ = threads_.size();
        ++turn_;
        start_.notify_all();
        done_.wait(lock, [this] { return busy_count_ == 0; });
        if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

 private:
    void serve(std::size_t index) {
        std::uint64_t seen_turn = 0;
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            start_.wait(lock, [&] { return stopping_ || turn_ != seen_turn; });
            if (stopping_) return;
            seen_turn = turn_;
            lock.unlock();
            std::exception_ptr failure;
            try {
                (*part_)(index);
            } catch (...) {
                failure = std::current_exception();
            }
            lock.lock();
            if (failure != nullptr) failure_ = failure;
            if (--busy_count_ == 0) done_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable start_, done_;
    const std::function<void(std::size_t)>* part_ = nullptr;
    std::size_t busy_count_ = 0;
    std::uint64_t turn_ = 0;
    bool stopping_ = false;
    std::exception_ptr failure_;
    std::vector<std::thread> threads_;  // last: they use all of the above
};

class ThreadedPeer : public Peer {
 public:
    ThreadedPeer(std::unique_ptr<Peer> peer, std::uint32_t threads)
        : peer_(std::move(peer)), crew_(threads) {}

    void put_many(std::span<const PutRequest> requests) override {
        cut(requests, [this](std::span<const PutRequest> part) { peer_->put_many(part); });
    }
    void get_many(std::span<GetRequest> requests) override {
        cut(requests, [this](std::span<GetRequest> part) { peer_->get_many(part); });
    }
    bool contains(const Key& key) override { return peer_->contains(key); }
    void clear() override { peer_->clear(); }
    void flush() override { peer_->flush(); }
    void drop_caches() override { peer_->drop_caches(); }
    std::uint64_t cpu_time_ns() const override { return peer_->cpu_time_ns(); }

 private:
    template <typename Request, typename Call>
    void cut(std::span<Request> requests, const Call& call) {
        crew_.run([&](std::size_t index) {
            const std::size_t begin = requests.size() * index / crew_.count();
            const std::size_t end = requests.size() * (index + 1) / crew_.count();
            if (begin != end) call(requests.subspan(begin, end - begin));
        });
    }

    std::unique_ptr<Peer> peer_;
    Crew crew_;
};

}  // namespace

PeerKind with_threads(const PeerKind& kind) {
    PeerKind threaded = kind;
    threaded.name += "-threads";
    threaded.what += ", threads";
    threaded.make = [make = kind.make](const PeerOptions& options) -> std::unique_ptr<Peer> {
        return std::make_unique<ThreadedPeer>(make(options), options.threads);
    };
    return threaded;
}

}  // namespace bwrt::bench
