// SPDX-License-Identifier: Apache-2.0
//
// peer_kinds.cpp — see peer.h.
//
// A peer whose library was not found is in the list all the same, so that a run says who is
// missing.

#include "bench/peer.h"
#include "bench/peer_threads.h"

namespace bwrt::bench {
namespace {

[[maybe_unused]] PeerKind left_out(const char* name, const char* what, const char* package) {
    PeerKind kind;
    kind.name = name;
    kind.what = what;
    kind.why_absent = [reason = std::string(package) + " was not there at build time"](
                          const PeerOptions&) { return reason; };
    return kind;
}

void add(const PeerKind& kind, std::vector<PeerKind>* kinds_out) {
    kinds_out->push_back(kind);
    if (kind.takes_threads) kinds_out->push_back(with_threads(kind));
}

std::vector<PeerKind> all_kinds() {
    std::vector<PeerKind> kinds;
    add(bwrt_peer(), &kinds);
#ifdef BWRT_BENCH_ROCKSDB
    add(rocksdb_peer(), &kinds);
    add(rocksdb_unverified_peer(), &kinds);
#else
    add(left_out("rocksdb", "RocksDB", "librocksdb-dev"), &kinds);
#endif
#ifdef BWRT_BENCH_LMDB
    add(lmdb_peer(), &kinds);
#else
    add(left_out("lmdb", "LMDB", "liblmdb-dev"), &kinds);
#endif
#ifdef BWRT_BENCH_HDF5
    add(hdf5_peer(), &kinds);
#else
    add(left_out("hdf5", "HDF5", "libhdf5-dev"), &kinds);
#endif
#ifdef BWRT_BENCH_HIREDIS
    add(redis_peer(), &kinds);
#else
    add(left_out("redis", "Redis, hiredis", "libhiredis-dev"), &kinds);
#endif
    add(redis_socket_peer(), &kinds);
    return kinds;
}

}  // namespace

const std::vector<PeerKind>& peer_kinds() {
    static const std::vector<PeerKind> kinds = all_kinds();
    return kinds;
}

}  // namespace bwrt::bench
