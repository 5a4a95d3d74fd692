// SPDX-License-Identifier: Apache-2.0
//
// peer.h — what bench_store_peers asks of a store: keys of 32 bytes, values of one size, no more
// than every contestant has.
//
//   bench_store_peers ──▶ Peer ──┬── rocksdb, lmdb, hdf5   a library in this process
//                                ├── redis                 a server of its own, a unix socket
//                                └── bwrt                  the store of this tree
//
// The rules are those of the comparison, and each peer's file says how it keeps them:
//
//   - A peer is the real thing, set up as well as its manual allows, or it is absent and says why.
//   - A PUT is done when the peer says so, as a cache needs it: nothing is synced.  flush() is what
//     brings the rest to the device.  A durable peer has synced every wave that it acknowledged.
//   - A GET ends with the bytes in the caller's buffer, copied there if the peer lends them.
//   - Cold values come from the device, hot ones from memory.
//   - A wave is one call.  A peer that can take its parts together does.
//
// What a peer cannot do ends in a Failure; a value that is not there, or has another length, is
// not found.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/measure.h"

namespace bwrt::bench {

struct Key {
    std::array<std::byte, 32> bytes;
};

struct PutRequest {
    const Key* key;
    const std::byte* value;
    std::uint64_t length_bytes;
};

struct GetRequest {
    const Key* key;
    std::byte* buffer;
    std::uint64_t length_bytes;  // that the value must have
    bool found;                  // set by the peer
};

enum class Tier { kCold, kHot };

struct PeerOptions {
    std::string folder;  // empty, the peer's own
    std::uint64_t capacity_bytes = 0;
    Tier tier = Tier::kCold;
    bool durable = false;
    std::uint32_t threads = 1;  // of the contestants that are called from several
};

class Peer {
 public:
    Peer() = default;
    virtual ~Peer() = default;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    virtual void put_many(std::span<const PutRequest> requests) = 0;
    virtual void get_many(std::span<GetRequest> requests) = 0;
    [[nodiscard]] virtual bool contains(const Key& key) = 0;
    virtual void clear() = 0;
    virtual void flush() = 0;
    // What the system keeps of the peer's files in memory goes, and what the peer keeps.
    virtual void drop_caches() {}
    // Of all processes that the peer needs.
    [[nodiscard]] virtual std::uint64_t cpu_time_ns() const { return cpu_ns(); }

    void put(const Key& key, const std::byte* value, std::uint64_t length_bytes) {
        const PutRequest request = {&key, value, length_bytes};
        put_many({&request, 1});
    }
    [[nodiscard]] bool get(const Key& key, std::byte* buffer, std::uint64_t length_bytes) {
        GetRequest request = {&key, buffer, length_bytes, false};
        get_many({&request, 1});
        return request.found;
    }
};

struct PeerKind {
    std::string name;
    std::string what;
    std::string version;  // empty where it is absent
    // Empty when it takes part.
    std::function<std::string(const PeerOptions&)> why_absent;
    std::function<std::unique_ptr<Peer>(const PeerOptions&)> make;
    bool takes_threads = false;  // waves from several threads at once
};

// Every contestant by name, the absent ones too.
[[nodiscard]] const std::vector<PeerKind>& peer_kinds();

// One for each file that is compiled in.
[[nodiscard]] PeerKind bwrt_peer();
[[nodiscard]] PeerKind rocksdb_peer();
[[nodiscard]] PeerKind rocksdb_unverified_peer();
[[nodiscard]] PeerKind lmdb_peer();
[[nodiscard]] PeerKind hdf5_peer();
[[nodiscard]] PeerKind redis_peer();
[[nodiscard]] PeerKind redis_socket_peer();

}  // namespace bwrt::bench
