// SPDX-License-Identifier: Apache-2.0
//
// peer_rocksdb.cpp — RocksDB with blob files: keys in the tree, values beside it.
//
//   cold     direct reads, direct writes at flush, no cache of blobs
//   hot      through the page cache, and a cache of blobs that holds the whole capacity, in one
//            shard, for values this large would not share shards evenly
//   cache    no write-ahead log: a PUT is done when it is in a memtable
//   durable  with the log, synced
//
// Nothing is compressed and nothing is collected: the values do not compress, and clear() makes a
// new database.  RocksDB verifies a CRC-32C of every blob that it reads from a file, and Debian's
// computes it from tables, at about 1 GB/s: so there is one that reads without.  It is written with
// a sum in any case.
//
// A wave of GETs is one MultiGet, which sorts by file and offset.  A wave of PUTs is one write
// each: a batch of all would hold them twice.  Batches and results are kept for each thread, so
// that their memory is allocated once.

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>

#include <cstring>

#include "bench/peer.h"
#include "bench/peer_files.h"

namespace bwrt::bench {
namespace {

void must(const rocksdb::Status& status) {
    if (!status.ok()) throw Failure("E_IO", "rocksdb: " + status.ToString());
}

rocksdb::Slice slice_of(const Key& key) {
    return {reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()};
}

class RocksdbPeer : public Peer {
 public:
    RocksdbPeer(const PeerOptions& options, bool verifies) : options_(options) {
        reading_.verify_checksums = verifies;
        open();
    }
    ~RocksdbPeer() override { close(); }

    void put_many(std::span<const PutRequest> requests) override {
        thread_local rocksdb::WriteBatch batch;
        rocksdb::WriteOptions how;
        how.disableWAL = !options_.durable;
        how.sync = options_.durable;
        for (const PutRequest& request : requests) {
            batch.Clear();
            must(batch.Put(slice_of(*request.key),
                           {reinterpret_cast<const char*>(request.value), request.length_bytes}));
            must(database_->Write(how, &batch));
        }
    }

    void get_many(std::span<GetRequest> requests) override {
        thread_local std::vector<rocksdb::Slice> keys;
        thread_local std::vector<rocksdb::PinnableSlice> values;
        thread_local std::vector<rocksdb::Status> statuses;
        keys.clear();
        for (const GetRequest& request : requests) keys.push_back(slice_of(*request.key));
        if (values.size() < requests.size()) values.resize(requests.size());
        if (statuses.size() < requests.size()) statuses.resize(requests.size());
        database_->MultiGet(reading_, database_->DefaultColumnFamily(), keys.size(), keys.data(),
                            values.data(), statuses.data());
        for (std::size_t i = 0; i < requests.size(); ++i) {
            GetRequest& request = requests[i];
            if (!statuses[i].ok() && !statuses[i].IsNotFound()) must(statuses[i]);
            request.found = statuses[i].ok() && values[i].size() == request.length_bytes;
            if (request.found) std::memcpy(request.buffer, values[i].data(), values[i].size());
            values[i].Reset();
        }
    }

    // The tree may not know without a look at the value.
    bool contains(const Key& key) override {
        std::string found;
        bool is_certain = false;
        if (!database_->KeyMayExist({}, slice_of(key), &found, &is_certain)) return false;
        if (is_certain) return true;
        rocksdb::PinnableSlice value;
        const rocksdb::Status status =
            database_->Get({}, database_->DefaultColumnFamily(), slice_of(key), &value);
        if (!status.ok() && !status.IsNotFound()) must(status);
        return status.ok();
    }

    void clear() override {
        close();
        must(rocksdb::DestroyDB(options_.folder, rocksdb::Options()));
        open();
    }

    void flush() override { must(database_->Flush(rocksdb::FlushOptions())); }

    void drop_caches() override {
        close();
        evict_files(options_.folder);
        open();
    }

 private:
    void open() {
        const bool cold = options_.tier == Tier::kCold;
        rocksdb::Options how;
        how.create_if_missing = true;
        how.compression = rocksdb::kNoCompression;
        how.enable_blob_files = true;
        how.min_blob_size = 0;
        how.write_buffer_size = kMemtableBytes;
        how.max_write_buffer_number = 4;
        how.max_background_jobs = 4;
        how.use_direct_reads = cold;
        how.use_direct_io_for_flush_and_compaction = cold;
        how.info_log_level = rocksdb::FATAL_LEVEL;
        if (!cold) how.blob_cache = rocksdb::NewLRUCache(options_.capacity_bytes, 0);
        rocksdb::DB* database = nullptr;
        must(rocksdb::DB::Open(how, options_.folder, &database));
        database_.reset(database);
    }

    // Memtables are no log: they go to the files first.
    void close() {
        if (database_ == nullptr) return;
        database_->Flush(rocksdb::FlushOptions());
        database_->Close();
        database_.reset();
    }

    static constexpr std::size_t kMemtableBytes = std::size_t{64} << 20;

    PeerOptions options_;
    rocksdb::ReadOptions reading_;
    std::unique_ptr<rocksdb::DB> database_;
};

PeerKind kind_of(const char* name, const char* what, bool verifies) {
    PeerKind kind;
    kind.name = name;
    kind.what = what;
    kind.version = rocksdb::GetRocksVersionAsString(true);
    kind.why_absent = [verifies](const PeerOptions& options) {
        const bool same = !verifies && options.tier == Tier::kHot;
        return std::string(same ? "what is cached is not verified again anyway" : "");
    };
    kind.make = [verifies](const PeerOptions& options) {
        return std::make_unique<RocksdbPeer>(options, verifies);
    };
    kind.takes_threads = true;
    return kind;
}

}  // namespace

PeerKind rocksdb_peer() { return kind_of("rocksdb", "RocksDB", true); }

PeerKind rocksdb_unverified_peer() {
    return kind_of("rocksdb-unverified", "RocksDB, unverified", false);
}

}  // namespace bwrt::bench
