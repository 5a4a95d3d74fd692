// SPDX-License-Identifier: Apache-2.0
//
// peer_lmdb.cpp — LMDB: a tree in a mapped file, values in runs of whole pages.
//
//   cold     nothing of the file is in memory; the kernel is told of all values of a wave before
//            the first is copied, for else each page fault would read by itself, and its own
//            reading ahead is off, for between random values it reads what nobody wants
//   hot      the file is in the page cache
//   cache    MDB_NOSYNC: a wave is one transaction, written to the page cache.  MDB_WRITEMAP, one
//            copy less, is two to four times slower: it takes a page fault for each page
//   durable  the transaction is synced
//
// clear() makes a new file in the cold tier and empties the tree in the hot one, whose pages are
// then used again; each is the faster there.  The map is address space, wide enough for either.

#include <lmdb.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bench/memory.h"
#include "bench/peer.h"
#include "bench/peer_files.h"

namespace bwrt::bench {
namespace {

void must(int code) {
    if (code != 0) throw Failure("E_IO", std::string("lmdb: ") + mdb_strerror(code));
}

MDB_val value_of(const Key& key) {
    return {key.bytes.size(), const_cast<std::byte*>(key.bytes.data())};
}

class Transaction {
 public:
    Transaction(MDB_env* environment, unsigned flags) {
        must(mdb_txn_begin(environment, nullptr, flags, &transaction_));
    }
    ~Transaction() {
        if (transaction_ != nullptr) mdb_txn_abort(transaction_);
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    [[nodiscard]] MDB_txn* get() const { return transaction_; }
    void commit() {
        MDB_txn* const ended = transaction_;
        transaction_ = nullptr;
        must(mdb_txn_commit(ended));
    }

 private:
    MDB_txn* transaction_ = nullptr;
};

class LmdbPeer : public Peer {
 public:
    explicit LmdbPeer(const PeerOptions& options) : options_(options) { open(); }
    ~LmdbPeer() override { close(); }

    void put_many(std::span<const PutRequest> requests) override {
        Transaction transaction(environment_, 0);
        for (const PutRequest& request : requests) {
            MDB_val key = value_of(*request.key);
            MDB_val room = {request.length_bytes, nullptr};
            must(mdb_put(transaction.get(), tree_, &key, &room, MDB_RESERVE));
            std::memcpy(room.mv_data, request.value, request.length_bytes);
        }
        transaction.commit();
    }

    void get_many(std::span<GetRequest> requests) override {
        thread_local std::vector<MDB_val> values;
        values.assign(requests.size(), MDB_val{});
        const Transaction transaction(environment_, MDB_RDONLY);
        for (std::size_t i = 0; i < requests.size(); ++i) {
            MDB_val key = value_of(*requests[i].key);
            const int code = mdb_get(transaction.get(), tree_, &key, &values[i]);
            if (code != 0 && code != MDB_NOTFOUND) must(code);
            requests[i].found = code == 0 && values[i].mv_size == requests[i].length_bytes;
            if (requests[i].found && options_.tier == Tier::kCold) read_ahead(values[i]);
        }
        for (std::size_t i = 0; i < requests.size(); ++i) {
            if (!requests[i].found) continue;
            std::memcpy(requests[i].buffer, values[i].mv_data, values[i].mv_size);
        }
    }

    bool contains(const Key& key) override {
        const Transaction transaction(environment_, MDB_RDONLY);
        MDB_val name = value_of(key), value = {};
        const int code = mdb_get(transaction.get(), tree_, &name, &value);
        if (code != 0 && code != MDB_NOTFOUND) must(code);
        return code == 0;
    }

    void clear() override {
        if (options_.tier == Tier::kHot) {
            Transaction transaction(environment_, 0);
            must(mdb_drop(transaction.get(), tree_, 0));
            transaction.commit();
            return;
        }
        close();
        unlink(path().c_str());
        unlink((path() + "-lock").c_str());
        open();
    }

    void flush() override { must(mdb_env_sync(environment_, 1)); }

    void drop_caches() override {
        close();
        evict_files(options_.folder);
        open();
    }

 private:
    // Starts the reads; the copy waits for them.
    static void read_ahead(const MDB_val& value) {
        const auto address = reinterpret_cast<std::uintptr_t>(value.mv_data);
        const std::uintptr_t end = address + value.mv_size;
        for (std::uintptr_t at = address / kPageBytes * kPageBytes; at < end; at += kHintBytes) {
            madvise(reinterpret_cast<void*>(at), std::min(kHintBytes, end - at), MADV_WILLNEED);
        }
    }

    [[nodiscard]] std::string path() const { return options_.folder + "/data.mdb"; }

    void open() {
        unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | MDB_NOMEMINIT;
        if (!options_.durable) flags |= MDB_NOSYNC;
        must(mdb_env_create(&environment_));
        try {
            must(mdb_env_set_mapsize(environment_, 3 * options_.capacity_bytes));
            must(mdb_env_open(environment_, path().c_str(), flags, 0600));
            Transaction transaction(environment_, 0);
            must(mdb_dbi_open(transaction.get(), nullptr, 0, &tree_));
            transaction.commit();
        } catch (...) {
            close();
            throw;
        }
    }

    void close() {
        mdb_env_close(environment_);
        environment_ = nullptr;
    }

    PeerOptions options_;
    MDB_env* environment_ = nullptr;
    MDB_dbi tree_ = 0;
};

}  // namespace

PeerKind lmdb_peer() {
    PeerKind kind;
    kind.name = "lmdb";
    kind.what = "LMDB";
    int major = 0, minor = 0, patch = 0;
    mdb_version(&major, &minor, &patch);
    kind.version =
        std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
    kind.why_absent = [](const PeerOptions&) { return std::string(); };
    kind.make = [](const PeerOptions& options) { return std::make_unique<LmdbPeer>(options); };
    kind.takes_threads = true;
    return kind;
}

}  // namespace bwrt::bench
