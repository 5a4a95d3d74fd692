// SPDX-License-Identifier: Apache-2.0
//
// redis_server.h — a Redis server of our own, on a unix socket in a folder of ours, and nowhere
// else.
//
// It keeps no files unless it is durable (an append-only file, synced before it answers).  No limit
// of memory is set: its allocator's classes make it take up to a quarter more than the values, and
// it must hold them all.  Its processor time counts as ours: it is the store.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "bench/peer.h"

namespace bwrt::bench {

class RedisServer {
 public:
    explicit RedisServer(const PeerOptions& options);  // returns when it listens
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
    [[nodiscard]] std::uint64_t cpu_time_ns() const;  // of all its threads

 private:
    void stop();

    std::string socket_path_;
    pid_t process_ = -1;
};

// Empty when there is no server to start.
[[nodiscard]] std::string redis_version();
[[nodiscard]] std::string why_redis_is_absent(const PeerOptions& options);

// A stream socket, connected; throws.
[[nodiscard]] int connect_unix(const std::string& path);

}  // namespace bwrt::bench
