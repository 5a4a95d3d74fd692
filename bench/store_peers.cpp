// SPDX-License-Identifier: Apache-2.0
//
// store_peers.cpp — block stores that others wrote, behind one adapter (peer.h), side by side.
//
//   for each tier and size:
//     every store once, not timed:  clear, PUT all, flush, GET all and compare every byte
//     rounds of { every store once, in an order drawn anew, for what one leaves behind is felt by
//                 the next: clear, PUT all, flush, GET all at random }
//     every store once, not timed:  compare every byte again
//
// A store that has lost a value is reported and has no figures.  Between the flush and the GETs a
// cold store's caches are dropped, and what the page cache still has of its files is looked at; a
// hot one has read everything once.  PUT is until the store acknowledges; "and flush" is until the
// device has it.  CPU is that of this process with all its threads, and of the server; the kernel's
// own threads, which write back what is dirty, are nobody's.
//
// Ratios are formed inside a round, to the store of others that is fastest by its median.
//
//   bench_store_peers [--folder DIR] [--bytes 1g] [--rounds 7] [--sizes 64k,10m]
//                     [--tiers cold,hot] [--peers NAMES] [--durable]
//
// The peers are Debian's, each optional; what is not there is named as absent:
//
//   apt-get install librocksdb-dev liblmdb-dev libhdf5-dev libhiredis-dev redis-server

#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <numeric>
#include <random>

#include "bench/measure.h"
#include "bench/memory.h"
#include "bench/peer.h"
#include "bench/peer_files.h"
#include "bench/store_load.h"
#include "bench/store_report.h"
#include "bench/test_file.h"

namespace {

using namespace bwrt::bench;

constexpr double kColdShareMax = 0.02;

struct Options {
    std::string place = ".";
    std::uint64_t bytes = std::uint64_t{1} << 30;
    std::uint32_t rounds = 7;
    std::uint32_t wave = 32;
    std::uint32_t threads = 8;
    std::vector<std::uint64_t> sizes = {65536, 262144, 655360, 2621440, 10u << 20};
    std::vector<std::string> tiers = {"cold", "hot"};
    std::vector<std::string> names;  // none: see takes_part()
    bool durable = false;
};

// Runs one step of a store; one that throws is out, unless the whole run is to end.
template <typename Step>
void attempt(StoreRow* row, const Step& step) {
    if (!row->runs()) return;
    try {
        step();
    } catch (const Failure& failure) {
        if (failure.code() == "interrupted") throw;
        row->failure = failure.what();
        row->peer.reset();
    }
}

void expect_whole(StoreRow* row, StoreLoad* load) {
    const std::size_t lost = load->check(row->peer.get());
    if (lost != 0) {
        throw Failure("E_CORRUPT", "lost " + std::to_string(lost) + " of " +
                                       std::to_string(load->block_count()) + " values");
    }
    const std::size_t wrong = load->check_contains(row->peer.get());
    if (wrong != 0) throw Failure("E_CORRUPT", "contains() is wrong");
}

void expect_cold(const StoreRow& row) {
    const double share = resident_share(row.folder);
    if (share <= kColdShareMax) return;
    throw Failure("E_INVAL", "not cold: " + std::to_string(static_cast<int>(100 * share)) +
                                 " % of its files are in memory");
}

void warm_up(StoreRow* row, StoreLoad* load, Tier tier) {
    std::uint64_t flush_ns = 0;
    row->peer->clear();
    static_cast<void>(load->put_all(row->peer.get(), &flush_ns));
    if (tier == Tier::kCold) row->peer->drop_caches();
    expect_whole(row, load);
}

// A virtual machine gives memory that is free for seconds back to its host, and a page that has to
// come from there again costs more than what is measured: whoever comes first would pay for all.
void prepare_memory(std::uint64_t total_bytes) {
    const Memory touched(2 * total_bytes, Pages::kHuge);
}

void run_round(StoreRow* row, StoreLoad* load, Tier tier, std::uint32_t seed) {
    Peer* const peer = row->peer.get();
    std::uint64_t flush_ns = 0;
    peer->clear();
    prepare_memory(load->total_bytes());
    const Pass put = load->put_all(peer, &flush_ns);
    if (tier == Tier::kCold) {
        peer->drop_caches();
        expect_cold(*row);
    } else {
        static_cast<void>(load->get_all(peer, seed + 1));
    }
    const Pass get = load->get_all(peer, seed);
    row->get_gb_per_s.push_back(get.gb_per_s());
    row->get_cpu.push_back(get.cpu_ms_per_gb());
    row->put_gb_per_s.push_back(put.gb_per_s());
    row->put_cpu.push_back(put.cpu_ms_per_gb());
    row->flush_ms.push_back(static_cast<double>(flush_ns) / 1e6);
    row->flushed_gb_per_s.push_back(static_cast<double>(put.bytes) /
                                    static_cast<double>(put.wall_ns + flush_ns));
}

// Without names: all, those with threads only where they add depth at the device.
bool takes_part(const PeerKind& kind, Tier tier, const Options& options) {
    const auto& names = options.names;
    if (!names.empty()) return std::find(names.begin(), names.end(), kind.name) != names.end();
    return tier == Tier::kCold || kind.name.find("-threads") == std::string::npos;
}

void compare(const PeerFolder& folder, const Options& options, const std::string& tier_name,
             StoreLoad* load) {
    const Tier tier = tier_name == "cold" ? Tier::kCold : Tier::kHot;
    PeerOptions peer_options;
    peer_options.capacity_bytes = options.bytes / 4 * 5;
    peer_options.tier = tier;
    peer_options.durable = options.durable;
    peer_options.threads = options.threads;
    std::vector<StoreRow> rows;
    for (const PeerKind& kind : peer_kinds()) {
        if (!takes_part(kind, tier, options) || !kind.why_absent(peer_options).empty()) continue;
        StoreRow& row = rows.emplace_back();
        row.kind = &kind;
        row.folder = peer_options.folder = folder.make(kind.name);
        attempt(&row, [&] { row.peer = kind.make(peer_options); });
        attempt(&row, [&] { warm_up(&row, load, tier); });
    }
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::mt19937 random(1);
    for (std::uint32_t round = 0; round < options.rounds; ++round) {
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t turn : order) {
            StoreRow* const row = &rows[turn];
            attempt(row, [&] { run_round(row, load, tier, round * 64 + 1); });
        }
    }
    for (StoreRow& row : rows) {
        attempt(&row, [&] { expect_whole(&row, load); });
        row.peer.reset();
        folder.remove(row.kind->name);
    }
    print_result(rows, tier_name, load->block_bytes());
}

void print_peers(const Options& options) {
    for (const PeerKind& kind : peer_kinds()) {
        if (kind.name.find("-threads") != std::string::npos) continue;
        std::string absent;
        for (const Tier tier : {Tier::kCold, Tier::kHot}) {
            PeerOptions peer_options;
            peer_options.tier = tier;
            peer_options.durable = options.durable;
            const std::string why = kind.why_absent(peer_options);
            if (why.empty()) continue;
            absent += absent.empty() ? "; absent " : ", ";
            absent += std::string(tier == Tier::kCold ? "cold: " : "hot: ") + why;
        }
        std::printf("peer: %s %s%s\n", kind.what.c_str(), kind.version.c_str(), absent.c_str());
    }
}

void run(const Options& options) {
    print_machine();
    print_peers(options);
    std::printf(
        "%s in blocks, %s, %u rounds, waves of %u, %u threads where named; "
        "median (95 %% interval)\n",
        size_text(options.bytes).c_str(), options.durable ? "DURABLE" : "not synced",
        options.rounds, options.wave, options.threads);
    const PeerFolder folder(options.place);
    StoreLoad load(options.bytes, options.wave);
    for (const std::string& tier : options.tiers) {
        for (const std::uint64_t size : options.sizes) {
            load.cut_into(size);
            compare(folder, options, tier, &load);
        }
    }
}

// A peer that allocates a buffer for each value need not get it from the kernel each time.
void keep_memory() {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Block stores of others behind one adapter, cold and hot"};
    std::vector<std::string> names;
    std::string listed = "Peers:";
    for (const PeerKind& kind : peer_kinds()) {
        names.push_back(kind.name);
        listed += "\n  " + kind.name + ": " + kind.what;
    }
    app.footer(listed);
    app.add_option("--folder", options.place, "Where the stores are made, and removed")
        ->check(CLI::ExistingDirectory);
    app.add_option("--bytes", options.bytes, "Of all blocks of one size")
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--rounds", options.rounds, "Rounds of every store")->check(CLI::Range(1, 1000));
    app.add_option("--sizes", options.sizes, "Of a block")
        ->delimiter(',')
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--tiers", options.tiers, "cold, hot")
        ->delimiter(',')
        ->check(CLI::IsMember({"cold", "hot"}));
    app.add_option("--wave", options.wave, "Blocks in one call")->check(CLI::Range(1, 256));
    app.add_option("--threads", options.threads, "Of the stores called from several")
        ->check(CLI::Range(1, 256));
    app.add_option("--peers", options.names, "Stores, see below; all if none is named")
        ->delimiter(',')
        ->check(CLI::IsMember(names));
    app.add_flag("--durable", options.durable,
                 "A wave of PUTs is synced before it is acknowledged");
    CLI11_PARSE(app, argc, argv);
    catch_signals();
    signal(SIGPIPE, SIG_IGN);  // a server that has gone is an error of its store alone
    keep_memory();
    try {
        run(options);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_store_peers: %s\n", error.what());
        return 1;
    }
}
