// SPDX-License-Identifier: Apache-2.0
//
// peer_redis.cpp — Redis over a unix socket, by way of hiredis, as its users have it.
//
// A wave is a pipeline, a few MiB of it at a time: hiredis copies values into one buffer before it
// writes, and the server copies them into one before it answers, so a whole wave of large values
// would only leave the caches.  A reply is memory of hiredis and is copied to the caller.

#include <hiredis/hiredis.h>

#include <algorithm>
#include <cstring>

#include "bench/peer.h"
#include "bench/redis_server.h"

namespace bwrt::bench {
namespace {

using Reply = std::unique_ptr<redisReply, void (*)(redisReply*)>;

class RedisPeer : public Peer {
 public:
    explicit RedisPeer(const PeerOptions& options)
        : server_(options), connection_(redisConnectUnix(server_.socket_path().c_str())) {
        if (connection_ == nullptr) throw Failure("E_NOMEM", "hiredis: out of memory");
        if (connection_->err == 0) return;
        const std::string sentence = connection_->errstr;
        redisFree(connection_);
        throw Failure("E_IO", "hiredis: " + sentence);
    }
    ~RedisPeer() override { redisFree(connection_); }

    void put_many(std::span<const PutRequest> requests) override {
        while (!requests.empty()) {
            const std::size_t count = pipelined(requests);
            for (const PutRequest& request : requests.first(count)) {
                append("SET", *request.key, request.value, request.length_bytes);
            }
            for (std::size_t i = 0; i < count; ++i) read();
            requests = requests.subspan(count);
        }
    }

    void get_many(std::span<GetRequest> requests) override {
        while (!requests.empty()) {
            const std::size_t count = pipelined(requests);
            for (const GetRequest& request : requests.first(count)) append("GET", *request.key);
            for (GetRequest& request : requests.first(count)) {
                const Reply reply = read();
                request.found =
                    reply->type == REDIS_REPLY_STRING && reply->len == request.length_bytes;
                if (request.found) std::memcpy(request.buffer, reply->str, reply->len);
            }
            requests = requests.subspan(count);
        }
    }

    bool contains(const Key& key) override {
        append("EXISTS", key);
        return read()->integer == 1;
    }

    void clear() override {
        if (redisAppendCommand(connection_, "FLUSHALL SYNC") != REDIS_OK) fail();
        read();
    }

    void flush() override {}

    std::uint64_t cpu_time_ns() const override { return cpu_ns() + server_.cpu_time_ns(); }

 private:
    static constexpr std::uint64_t kPipelineBytes = std::uint64_t{2} << 20;

    template <typename Request>
    static std::size_t pipelined(std::span<Request> requests) {
        const std::uint64_t count = kPipelineBytes / requests.front().length_bytes;
        return std::clamp<std::size_t>(count, 1, requests.size());
    }

    [[noreturn]] void fail() const {
        throw Failure("E_IO", std::string("hiredis: ") + connection_->errstr);
    }

    void append(const char* command, const Key& key, const std::byte* value = nullptr,
                std::size_t length_bytes = 0) {
        const char* words[] = {command, reinterpret_cast<const char*>(key.bytes.data()),
                               reinterpret_cast<const char*>(value)};
        const std::size_t lengths[] = {std::strlen(command), key.bytes.size(), length_bytes};
        const int word_count = value == nullptr ? 2 : 3;
        if (redisAppendCommandArgv(connection_, word_count, words, lengths) != REDIS_OK) fail();
    }

    Reply read() {
        void* raw = nullptr;
        if (redisGetReply(connection_, &raw) != REDIS_OK) fail();
        Reply reply(static_cast<redisReply*>(raw), [](redisReply* one) { freeReplyObject(one); });
        if (reply->type == REDIS_REPLY_ERROR) {
            throw Failure("E_IO", std::string("redis: ") + reply->str);
        }
        return reply;
    }

    RedisServer server_;
    redisContext* connection_;
};

}  // namespace

PeerKind redis_peer() {
    PeerKind kind;
    kind.name = "redis";
    kind.what = "Redis, hiredis";
    kind.version = redis_version();
    kind.why_absent = why_redis_is_absent;
    kind.make = [](const PeerOptions& options) { return std::make_unique<RedisPeer>(options); };
    return kind;
}

}  // namespace bwrt::bench
