// SPDX-License-Identifier: Apache-2.0
//
// cmd_store_verify.cpp — `bwrt store verify DIR`: reads every block of a store and says of each
// that is not right what is wrong with it.  Status 0: all is right.
//
//   log ──▶ blocks ──verify──▶ right
//                       └────▶ suspects ──the log once more──▶ at the same place: damaged
//                                  ▲                      ├──▶ gone: no damage
//                                  └────verified there────┴─── elsewhere
//
// A process may write the store meanwhile: a place is not filled anew before the log says so, so
// what is at its place before and after it was read was what lay there.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <thread>

#include "runtime/store/verify_block.h"
#include "tools/commands.h"
#include "tools/store_options.h"

namespace bwrt::tools {
namespace {

using runtime::BlockFinding;
using runtime::Record;

constexpr int kRoundCountMax = 64;

struct Trouble {
    std::string fault;  // name_of(BlockFault), "log", "place", "room" or "length"
    std::string sentence;
    std::optional<Record> block;
    std::vector<std::uint32_t> chunks = {};
};

struct ShardResult {
    std::string name;
    std::uint64_t log_number = 0;
    std::uint64_t block_count = 0, bytes = 0;
    std::uint64_t right = 0, damaged = 0, unverified = 0;
    std::uint64_t gone = 0, moved = 0, restless = 0;  // while they were read
    std::vector<Trouble> troubles;

    bool is_right(bool skip_unknown) const {
        return troubles.empty() && (skip_unknown || unverified == 0) && restless == 0;
    }
};

class ShardVerification {
 public:
    ShardVerification(const OpenedStore& store, const Keys& keys, const std::string& name)
        : store_(store), keys_(keys), shard_(store.open_shard(name)) {
        must_do(
            [&](const auto& sink) { return verifier_.attach(store.directories(), name, sink); });
        result_.name = name;
    }

    ShardResult run() {
        read();
        const runtime::LogReport log = contents_.log();
        result_.log_number = log.end.log_number;
        const std::vector<const Record*> blocks = contents_.blocks_by_place();
        result_.block_count = blocks.size();
        for (const Record* record : blocks) result_.bytes += record->length_bytes;
        check_log(log);
        check_segments();
        std::vector<Suspect> suspects = verify_all(blocks);
        for (int round = 0; round < kRoundCountMax && !suspects.empty(); round++)
            suspects = look_up(suspects);
        result_.restless = suspects.size();
        return std::move(result_);
    }

 private:
    struct Suspect {
        Record record;
        BlockFinding finding;
    };

    void read() {
        must_do(
            [&](const auto& sink) { return contents_.read(store_.directories(), shard_, sink); });
    }

    void trouble(const char* fault, std::string sentence) {
        result_.troubles.push_back({fault, std::move(sentence), std::nullopt});
    }

    void check_log(const runtime::LogReport& log) {
        if (log.passed_over != 0) {
            trouble("log", std::to_string(log.passed_over) + (log.found ? " newer" : "") +
                               " logs do not count: their header is damaged, or a record before "
                               "the snapshot's end");
        }
        const runtime::RecoveryCounts& counts = contents_.counts();
        if (counts.no_place != 0) {
            trouble("place",
                    std::to_string(counts.no_place) + " records name a place that no segment has");
        }
        if (counts.no_room != 0)
            trouble("room", std::to_string(counts.no_room) + " blocks are too many to look at");
        if (log.found && log.ignored_bytes != 0) check_tail(log.end);
    }

    // What a writer is just putting there is whole a moment later.
    void check_tail(const runtime::LogEnd& end) {
        runtime::LogTail tail;
        for (int i = 0; i < 20; i++) {
            if (!runtime::look_behind(shard_, end, &tail)) {
                if (errno == ENOENT) return;  // there is a new log
                fail_system("log", errno);
            }
            if (tail.goes_on || tail.zeros) return;
            if (!runtime::find_writer(shard_).is_there) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        std::string sentence = "record " + std::to_string(end.sequence) + " is not whole, and " +
                               std::to_string(tail.length_bytes) + " bytes from it on are ignored";
        sentence += tail.whole_records != 0
                        ? ", " + std::to_string(tail.whole_records) + " whole records among them"
                        : ": a crash left them, or the record was damaged";
        trouble("log", sentence);
    }

    // What has blocks in it had its whole length before the first of them.
    void check_segments() {
        const runtime::Segments& segments = contents_.segments();
        segments.for_each([&](std::uint32_t segment) {
            if (segments.live_bytes_of(segment) == 0) return;
            const std::optional<std::uint64_t> bytes = verifier_.file_bytes_of(segment);
            if (!bytes || *bytes == contents_.segment_bytes()) return;
            trouble("length", "segment " + std::to_string(segment) + " has " +
                                  std::to_string(*bytes) + " bytes, not " +
                                  std::to_string(contents_.segment_bytes()));
        });
    }

    std::vector<Suspect> verify_all(const std::vector<const Record*>& blocks) {
        std::vector<Suspect> suspects;
        ProgressBar progress("verifying shard " + result_.name, result_.bytes);
        for (const Record* record : blocks) {
            const auto keys = keys_.find(record->key.space);
            if (keys == keys_.end()) {
                result_.unverified++;
            } else {
                verify(*record, &suspects);
            }
            progress.advance(record->length_bytes);
        }
        return suspects;
    }

    void verify(const Record& record, std::vector<Suspect>* suspects) {
        BlockFinding finding = verifier_.verify(record, keys_.at(record.key.space));
        if (finding.fault == runtime::BlockFault::kNone) {
            result_.right++;
        } else {
            suspects->push_back({record, std::move(finding)});
        }
    }

    std::vector<Suspect> look_up(const std::vector<Suspect>& suspects) {
        std::vector<Suspect> left;
        read();
        verifier_.forget();
        for (const Suspect& one : suspects) {
            const Record* now = contents_.find(one.record.key);
            if (now == nullptr) {
                result_.gone++;
            } else if (now->segment == one.record.segment &&
                       now->generation == one.record.generation &&
                       now->offset_bytes == one.record.offset_bytes) {
                result_.damaged++;
                result_.troubles.push_back({runtime::name_of(one.finding.fault),
                                            runtime::describe(one.finding, one.record), one.record,
                                            one.finding.chunks});
            } else {
                result_.moved++;
                verify(*now, &left);
            }
        }
        return left;
    }

    const OpenedStore& store_;
    const Keys& keys_;
    runtime::Shard shard_;
    runtime::ShardContents contents_;
    runtime::BlockVerifier verifier_;
    ShardResult result_;
};

std::string name_of(const Record& record) {
    return "block " + hex(record.key.space) + " " +
           hex(record.key.identity, runtime::kIdentityBytes) + " part " +
           std::to_string(record.key.part);
}

JsonObject json_of(const Trouble& trouble) {
    JsonObject object;
    object.add("fault", trouble.fault);
    object.add("sentence", trouble.sentence);
    if (!trouble.block) return object;
    const Record& block = *trouble.block;
    object.add("space", hex(block.key.space));
    object.add("identity", hex(block.key.identity, runtime::kIdentityBytes));
    object.add("part", block.key.part);
    object.add("segment", block.segment);
    object.add("offset", block.offset_bytes);
    object.add("length", block.length_bytes);
    object.add("chunks", trouble.chunks);
    return object;
}

void add_counts(JsonObject* object, const ShardResult& result) {
    object->add("blocks", result.block_count);
    object->add("bytes", result.bytes);
    object->add("verified", result.right);
    object->add("damaged", result.damaged);
    object->add("unverified", result.unverified);
    object->add("gone", result.gone);
    object->add("moved", result.moved);
    object->add("restless", result.restless);
}

void print_json(const OpenedStore& store, const std::vector<ShardResult>& results,
                const ShardResult& sum, bool right) {
    const runtime::Superblock& block = store.directories().superblock();
    JsonObject object;
    object.add("store_id", hex(block.store_id, sizeof block.store_id));
    object.add("right", right);
    add_counts(&object, sum);
    std::vector<JsonObject> shards;
    for (const ShardResult& one : results) {
        JsonObject shard;
        shard.add("name", one.name);
        shard.add("log_number", one.log_number);
        add_counts(&shard, one);
        std::vector<JsonObject> findings;
        for (const Trouble& trouble : one.troubles) findings.push_back(json_of(trouble));
        shard.add("findings", std::move(findings));
        shards.push_back(std::move(shard));
    }
    object.add("shards", std::move(shards));
    object.print();
}

void print_text(const std::vector<ShardResult>& results, const ShardResult& sum, bool right) {
    for (const ShardResult& one : results) {
        for (const Trouble& trouble : one.troubles) {
            std::printf("%s: %s%s\n", one.name.c_str(),
                        trouble.block ? (name_of(*trouble.block) + ": ").c_str() : "",
                        trouble.sentence.c_str());
        }
    }
    if (sum.unverified != 0) {
        std::printf("unverified: %llu, of tenants whose secret was not given or does not fit\n",
                    runtime::ull(sum.unverified));
    }
    if (sum.gone + sum.moved != 0) {
        std::printf("while they were read %llu went and %llu moved\n", runtime::ull(sum.gone),
                    runtime::ull(sum.moved));
    }
    if (sum.restless != 0)
        std::printf("moved too often to be read: %llu\n", runtime::ull(sum.restless));
    std::printf("%llu blocks, %s: %llu right, %llu damaged; %s\n", runtime::ull(sum.block_count),
                format_bytes(sum.bytes).c_str(), runtime::ull(sum.right), runtime::ull(sum.damaged),
                right ? "all is right" : "not all is right");
}

}  // namespace

void run_store_verify(const StoreVerifyOptions& options, bool json) {
    const OpenedStore store(options);
    const Keys keys = keys_of(options, store);
    std::vector<ShardResult> results;
    ShardResult sum;
    bool right = true;
    for (const std::string& name : store.shards()) {
        results.push_back(ShardVerification(store, keys, name).run());
        const ShardResult& one = results.back();
        right = right && one.is_right(options.skip_unknown);
        sum.block_count += one.block_count;
        sum.bytes += one.bytes;
        sum.right += one.right;
        sum.damaged += one.damaged;
        sum.unverified += one.unverified;
        sum.gone += one.gone;
        sum.moved += one.moved;
        sum.restless += one.restless;
    }
    if (json) {
        print_json(store, results, sum, right);
    } else {
        print_text(results, sum, right);
    }
    if (!right) throw Ended{1};
}

}  // namespace bwrt::tools
