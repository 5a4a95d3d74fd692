// SPDX-License-Identifier: Apache-2.0
//
// commands.h — the subcommands of the bwrt command: what each can be told, and the call for it.
//
//   argv ──command_line.cpp──▶ options ──▶ run_...()        one file each: cmd_*.cpp
//
// A command knows its options as values, and nothing of the parser.  The initial values are the
// defaults that the help shows.  What a command throws is a Failure or Ended (output.h): main()
// prints it and picks the exit status.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bwrt::tools {

struct CapsOptions {
    std::string calibration;  // a table's path; empty: none
    bool device = false;      // start the driver of devices, too
};

struct CopyOptions {
    std::string source;
    std::string target;
    std::uint64_t chunk_bytes = std::uint64_t{1} << 20;
    std::uint32_t depth = 8;
    bool direct = false;
};

struct BenchIoOptions {
    std::string place;
    std::uint64_t file_bytes = std::uint64_t{1} << 30;
    std::vector<std::uint64_t> sizes = {4096, 65536, 262144, 1 << 20, 4 << 20};
    std::uint32_t depth = 32;
    double seconds = 1;
    bool read_only = false;
    bool write_only = false;
    bool caller_pages = false;
};

struct BenchOverheadOptions {
    std::string place = ".";
    std::uint32_t wave_count = 20'000;
    std::uint32_t round_count = 5;
};

struct BenchRingOptions {
    std::size_t command_count = 500'000;
    std::uint32_t round_count = 5;
};

struct CalibrateOptions {
    std::string directory;
    std::string output = "bwrt-calibration.json";
    std::uint64_t file_bytes = std::uint64_t{1} << 30;
    std::uint32_t round_count = 5;
    double sample_seconds = 0.25;
    bool network = false;
};

// Of each command that looks into a store; stat has no tenants.
struct StoreOptions {
    std::string directory;
    std::vector<std::string> further;
    std::string shard;  // empty: all
    std::vector<std::uint64_t> tenants;
    std::vector<std::string> secret_files;
};

struct StoreStatOptions : StoreOptions {
    std::string index_directory;  // empty: as a writer's is
};

struct StoreListOptions : StoreOptions {
    std::uint64_t limit = ~std::uint64_t{0};
};

struct StoreVerifyOptions : StoreOptions {
    bool skip_unknown = false;
};

struct StoreDropOptions : StoreOptions {
    bool all = false;
    std::string identity;
    std::optional<std::uint32_t> part;
    std::string index_directory;  // empty: as a writer's is
};

// What the planner can be told.  What is not given is taken from the file, then from BCache's
// defaults, which are the planner's.
struct PlanSettings {
    std::optional<std::uint64_t> now_ms;
    std::optional<double> window_ms;
    std::optional<std::uint64_t> min_io_bytes;
    std::optional<std::uint32_t> max_ops;  // of a tier of a node in a window
    std::optional<double> pmin;
    std::optional<double> umin;
    std::optional<double> alpha;
    std::optional<double> beta;
    std::optional<double> half_life_s;
    std::optional<double> reuse_threshold;  // hits from which on a page is worth writing
    std::optional<std::uint64_t> tenant_credits_bytes;  // of a tenant without caps
    bool no_filter = false;
    bool no_credits = false;
    bool no_budgets = false;
    bool no_merge = false;
    bool no_overlap = false;
    bool no_eviction = false;
    bool no_admission = false;
    bool take_late = false;
    bool smallest_first = false;
};

struct PlanOptions {
    std::string file;  // empty: a synthetic window
    bool synthetic = false;
    std::uint32_t request_count = 200;
    std::uint64_t seed = 7;
    std::uint64_t line_limit = 40;  // of each list
    bool waves = false;
    PlanSettings settings;
};

// A trace of requests: from a file, or drawn.
struct TraceSource {
    std::string command;                // that takes it: "replay"
    std::string file;                   // empty: a generated trace; "-": standard input
    std::optional<std::uint32_t> kind;  // a replay::TraceKind
    std::uint64_t seed = 1;
    std::uint32_t seconds = 600;
    std::uint32_t rate_milli = 0;    // requests in 1,000 seconds; 0: as the kind has
    std::uint32_t block_tokens = 0;  // 0: as the file or the kind has
};

struct TraceOptions {
    TraceSource source;
    std::string output;  // empty: it is not written
};

struct ReplayOptions {
    TraceSource source;
    // Of a tier, 0: there is none; not given: as many per cent of the trace's blocks.
    std::optional<std::uint64_t> host_bytes, disk_bytes;
    double host_percent = 10;
    double disk_percent = 50;
    std::uint64_t block_bytes = 65'536;
    std::string model;  // whose KV a block has; empty: block_bytes
    double scale = 1;   // how many times smaller than the model's
    double speed = 1;   // trace seconds in a second; 0: nobody waits for an arrival
    double deadline_ms = 0;
    double lookahead_s = 0;
    std::uint32_t streams = 1;
    std::uint64_t prefill_rate = 28'000;  // tokens a second of a stream
    std::uint32_t write_touch_count = 0;  // 0: as the tuning file or the library has it
    std::string policy;                   // empty: likewise
    std::string tuning;                   // a file by `bwrt tune`; empty: none
    double prefetch_percent = 0;          // of the tier in memory, for what is foretold
    bool sample = false;
    bool no_plan = false;
    std::string folder = ".";
    std::string mode = "real";
    std::string calibration;  // empty: the model's defaults
    std::string report;       // an HTML file; empty: none
};

struct CompareOptions {
    ReplayOptions replay;               // 0 streams: as many as the trace needs without a cache
    std::vector<std::string> policies;  // empty: all, and bwrt
};

struct TuneOptions {
    ReplayOptions replay;         // in a modelled world; 0 streams: as compare
    double first_share = 0.5;     // of the requests, on which candidates are found
    std::uint32_t job_count = 0;  // 0: as many as there are processors
    std::string output = "tuning.json";
};

void run_caps(const CapsOptions& options, bool json);
void run_copy(const CopyOptions& options, bool json);
void run_bench_io(const BenchIoOptions& options, bool json);
void run_bench_overhead(const BenchOverheadOptions& options, bool json);
void run_bench_ring(const BenchRingOptions& options, bool json);
void run_calibrate(const CalibrateOptions& options, bool json);

// Moves nothing and opens no runtime.  A file that makes no sense is status 2, its field named.
void run_plan(const PlanOptions& options, bool json);

// Opens no runtime.  A trace that is not taken is status 2, its line and field named.
void run_trace(const TraceOptions& options, bool json);

// Every delivered byte is compared; a wrong one is status 1, an interrupt 130.
void run_replay(const ReplayOptions& options, bool json);

// Likewise, for the columns of bwrt.
void run_compare(const CompareOptions& options, bool json);

// Writes a file that is whole, or nothing.
void run_tune(const TuneOptions& options, bool json);

// The first three take no lock and change nothing: the store may be at rest, or be written by a
// process meanwhile.  What the library would refuse is refused in its words and left as it is.
void run_store_stat(const StoreStatOptions& options, bool json);
void run_store_list(const StoreListOptions& options, bool json);
void run_store_verify(const StoreVerifyOptions& options, bool json);
void run_store_drop(const StoreDropOptions& options, bool json);

}  // namespace bwrt::tools
