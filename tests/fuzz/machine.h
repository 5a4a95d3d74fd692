// SPDX-License-Identifier: Apache-2.0
//
// machine.h — runs one input: makes its calls, remembers what the library answered, and holds
// every answer against what bwrt.h says.
//
//   Machine   what all calls share: the world, two sessions, the waves
//   Session   one runtime and what was added to it
//   Runner    one thread with a program; a DUO call has two for a while
//   Oracle    what the blocks of a session's store may be
//
// What is checked: a refusal leaves its outputs alone and says why; an operation that leaves a
// region is refused; an accepted wave is delivered once, with a completion, results and groups
// that agree; bytes called right are right, and no others change; counters add up; when all is
// over every slot can be had again, everything can be released, shutdown and close succeed, and
// dead handles stay dead.  A block that is had is one that was put.  Memory that is the library's
// only until a call returns is freed then, so that the address sanitizer sees a late use.
//
// `alone` is said of calls with no second thread beside them: only then is it known what they
// must answer.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/bytecode.h"
#include "tests/fuzz/oracle.h"
#include "tests/fuzz/sized.h"
#include "tests/fuzz/world.h"

namespace bwrt::fuzz {

constexpr std::int64_t kPatienceNs = 10'000'000'000;  // after which a wait has hung

std::uint64_t now_ns();

constexpr std::uint32_t kIdentityCount = 32;  // of blocks

// 32 bytes, the same for the same number; draw_blocks.cpp.
void draw_identity(std::uint32_t number, void* identity_out);

struct LayoutPlan {
    std::uint32_t slot_count = 0;
    std::uint64_t block_bytes = 0;
    bool is_file = false;
    bool is_writable = true;
    std::uint32_t group_last = 0;
    std::uint64_t salt = 0;
    std::vector<bwrt_plane> planes;     // every stride said
    std::vector<Space*> spaces;         // of the planes
    std::vector<std::uint64_t> bases;   // of the planes' regions in them
    std::vector<std::uint64_t> limits;  // those regions' lengths
};

// A region or a layout, also after its release.
struct Thing {
    bwrt_handle handle = 0;
    bool is_live = false;
    bool is_layout = false;
    std::uint32_t kind = 0;
    std::uint32_t flags = 0;
    Space* space = nullptr;
    std::uint64_t base = 0;  // of the region in its space
    std::uint64_t length_bytes = 0;
    LayoutPlan plan;
};

// Of a session that has one.
struct StoreState {
    bool is_there = false;
    bool is_reader = false;
    bwrt_store_info info = {};
    std::uint64_t number = 0;                           // BlockKey::store
    std::set<std::uint64_t> tenants;                    // that were set, and 0
    std::set<BlockKey> unpinned;                        // by an UNPIN that was submitted
    std::uint64_t event_cursor = 0;                     // and what was told up to there
    std::set<std::pair<BlockKey, std::uint32_t>> told;  // with the tier
};

// Rows of an engine's windows that are in the next one, in their order.
struct CarriedRow {
    std::uint64_t id = 0;
    std::uint32_t layer = 0;
};

struct Session {
    bwrt_runtime* runtime = nullptr;
    bwrt_caps caps = {};
    StoreState store;
    bool has_planner = false;
    std::vector<CarriedRow> carried;
    bool is_carried_known = true;  // else a window was planned whose decisions were not asked for
    std::uint64_t token = 0;       // that the engine has said to have come to
    std::vector<Thing> things;
    std::uint64_t accepted_count = 0;
    std::uint64_t refused_count = 0;
    bool is_closing = false;        // bwrt_shutdown() was called
    bool is_shut = false;           // and returned BWRT_OK
    bool all_cancelled = false;     // and was told to cancel
    bool has_distant_wave = false;  // some wave may wait for longer than an input may take
    bool any_quiesced = false;
};

// An operation as drawn: the arrays of slots are exactly as long as they were said to be.
struct Draft {
    bwrt_operation operation = {};
    std::uint32_t slot_capacity = 0;
    std::unique_ptr<std::uint32_t[]> source_slots, target_slots;
    std::unique_ptr<std::byte[]> options;
    std::unique_ptr<bwrt_gemm> gemm;
};

// A block that an entry of a wave is about.
struct BlockUse {
    std::uint32_t entry = 0;
    std::uint32_t kind = 0;
    std::uint32_t flags = 0;
    BlockKey key;
    std::uint64_t length_bytes = 0;  // PUT, GET; and how they lie
    std::string layout;
    Content* content = nullptr;  // of a PUT that was submitted
};

struct WaveRecord {
    enum class State { kFree, kSubmitting, kLive, kDelivered, kForgotten };
    State state = State::kFree;
    std::uint32_t session = 0;
    bwrt_handle handle = 0;
    bwrt_wave wave = {};
    bool is_cancelled = false;
    bool may_fail = false;  // it uses parts of files that may be too far away
    bool reads_file = false;
    std::uint32_t entry_count = 0;
    std::uint32_t group_count = 0;
    std::vector<Draft> drafts;  // until it is submitted
    std::vector<bwrt_operation> operations;
    std::vector<std::uint32_t> entry_operations;  // of each entry the operation
    std::vector<Piece> pieces;
    std::vector<bwrt_block> blocks;
    std::vector<BlockUse> block_uses;
    std::uint64_t submitted = 0;                   // by the oracle's count
    std::unique_ptr<std::byte[]> results, groups;  // exactly as long as was said
};

class Machine {
 public:
    static constexpr std::uint32_t kWaveCountMax = 96;
    static constexpr std::uint32_t kThingCountMax = 48;

    World world;
    Oracle oracle;
    std::mutex mutex;
    Session sessions[2];
    std::vector<WaveRecord> waves;  // by user_data - 1
    std::uint32_t wave_count = 0;
    std::uint64_t store_count = 0;
    bool is_probed = false;  // bwrt_get_caps() was asked without a runtime

    Machine() : waves(kWaveCountMax) {}
    void run(const std::uint8_t* bytes, std::size_t count);

    // The next five want the mutex held.
    Thing* find(Session* session, bwrt_handle handle);
    void deliver(const bwrt_completion& completion, std::uint32_t session, bwrt_handle asked);
    void refuse(WaveRecord* record);
    void forget(WaveRecord* record);  // its runtime was closed, or nobody is told
    [[nodiscard]] std::uint32_t live_count(std::uint32_t session) const;
};

// Judges a completed wave against its record; the mutex is held.
void judge(const WaveRecord& record, std::uint16_t id, const bwrt_completion& completion,
           const Session& session);
// Of a wave that nobody is told about.
void judge_detached(const WaveRecord& record);
// What its blocks were is what the oracle says, and what it has done is what the oracle learns.
void judge_blocks(Machine* machine, const WaveRecord& record, std::uint16_t id,
                  const bwrt_completion& completion);

// What an operation is, worked out from bwrt.h.
enum class Verdict {
    kLawful,    // its pieces are known
    kRefused,   // the library has to refuse it
    kUnlawful,  // nobody can refuse it, and a caller must not ask for it
};
// Of the record's next operation; its pieces and blocks are added to the record.
Verdict expand(Machine* machine, std::uint32_t session, const bwrt_operation& operation,
               WaveRecord* record, std::uint32_t* entry_count_out, std::uint32_t* group_last_out);

// What the library should have refused: a slot or row outside of a region, an image with a gap.
void check_layout(const World& world, const LayoutPlan& plan);

// How often each call gave each status; kept when it is printed in the end.
class Tally {
 public:
    static void start();
    static void count(const char* call, bwrt_status status);
    static void print();
};

// The error argument of a call, sometimes NULL; says after the call whether it was used as
// promised.
class Answer {
 public:
    explicit Answer(bool is_asked_for);
    bwrt_error* place() { return is_asked_for_ ? &error_ : nullptr; }
    // Returns the status.
    bwrt_status check(bwrt_status status, const char* call) const;
    [[nodiscard]] bool names(const char* field) const;

 private:
    bwrt_error error_;
    bool is_asked_for_;
};

class Runner {
 public:
    Runner(Machine* machine, bool alone) : machine_(*machine), alone_(alone) {}

    void execute(Bytecode code);
    void open(Bytecode* code, std::uint32_t session, std::uint32_t store_form, bool plans);
    void open_any(Bytecode* code, std::uint8_t opcode);
    void end(std::uint32_t session, bool politely);

 private:
    using Lock = std::lock_guard<std::mutex>;

    // calls_open.cpp
    struct StorePlan;
    bwrt_config draw_config(Bytecode* code);
    void draw_store(Bytecode* code, std::uint32_t form, StorePlan* plan);
    bwrt_planner draw_planner(Bytecode* code);

    // calls_life.cpp
    void shut_down(Bytecode* code);
    void close(Bytecode* code);
    void ask_caps(Bytecode* code);
    void sample(Bytecode* code);
    void event_fd(Bytecode* code);
    void pass_nothing(Bytecode* code);
    void duo(Bytecode* code);

    // calls_window.cpp
    void call_planner(Bytecode* code);
    void advance(Bytecode* code);
    struct WindowPlan;
    void draw_window(Bytecode* code, WindowPlan* plan);
    void draw_request(Bytecode* code, bwrt_request* request);
    void plan_window(Bytecode* code);
    void check_window(const WindowPlan& plan);
    void print_plan(bwrt_handle handle);

    // calls_plans.cpp
    struct PlanText;
    void draw_transfers(Bytecode* code, WaveRecord* record, PlanText* plan);
    void draw_tile(Bytecode* code, WaveRecord* record, PlanText* plan);
    bwrt_status run_plan(const PlanText& plan, const WaveRecord& record, bwrt_handle* waves_out);
    void submit_plan(Bytecode* code);

    // calls_store.cpp
    void call_store(Bytecode* code);
    void look_up(Bytecode* code);
    void draw_split(Bytecode* code, bwrt_split* split);
    void take_events(Bytecode* code);
    void set_tenant(Bytecode* code);
    void sample_store(Bytecode* code);
    void begin_store(std::uint64_t number);
    void follow_event(const bwrt_event& event);
    BlockKey key_of(std::uint64_t tenant, const void* identity, std::uint32_t part);
    bwrt_status pass_nothing_to_store(std::uint8_t which, bwrt_runtime* runtime, bwrt_error* error);

    // calls_names.cpp
    void name_blocks(Bytecode* code);
    void name_content(Bytecode* code);

    // calls_region.cpp
    void add_region(Bytecode* code);
    void draw_host(Bytecode* code, std::uint8_t what, std::uint8_t oddity, bwrt_region* region,
                   Thing* thing);
    void draw_allocated(Bytecode* code, std::uint8_t what, std::uint8_t oddity,
                        bwrt_region* region);
    void draw_file(Bytecode* code, std::uint8_t what, std::uint8_t oddity, bwrt_region* region,
                   Thing* thing);
    bool is_lawful(const bwrt_region& region, const Thing& thing);
    void release(Bytecode* code);
    void set_region(Bytecode* code);
    void cut_file(Bytecode* code);
    void add_drawn_region(std::uint8_t form, const bwrt_region* region, Thing* thing);
    bwrt_status release_thing(bwrt_handle handle);
    void check_unused(bwrt_handle handle);

    // calls_layout.cpp
    void add_layout(Bytecode* code);
    bwrt_layout draw_layout(Bytecode* code, std::vector<bwrt_plane>* planes);
    bool is_lawful(const bwrt_plane& plane, std::uint32_t slot_count);
    void move_to_end(std::uint64_t excess, std::uint32_t slot_count, bwrt_plane* plane);

    // draw.cpp
    bwrt_handle draw_handle(Bytecode* code);
    bwrt_handle draw_wave(Bytecode* code);
    const Thing* draw_thing(Bytecode* code, bool in_file, bool layouts);
    void draw_side(Bytecode* code, bool in_file, bool is_target, std::uint64_t span_bytes,
                   bwrt_operation* operation);
    void draw_operation(Bytecode* code, WaveRecord* record, Draft* draft);
    void draw_rows(Bytecode* code, bwrt_operation* operation);
    void draw_indexed(Bytecode* code, Draft* draft);
    void draw_flush_or_signal(Bytecode* code, bwrt_operation* operation);
    void draw_gemm(Bytecode* code, Draft* draft);
    void draw_times(Bytecode* code, bwrt_wave* wave);

    // draw_blocks.cpp
    void draw_blocks(Bytecode* code, WaveRecord* record, Draft* draft);
    void draw_block_side(Bytecode* code, std::uint8_t form, std::uint64_t length, Draft* draft);
    void draw_block_options(Bytecode* code, Draft* draft);

    // calls_submit.cpp
    void submit(Bytecode* code);
    void draw_header(Bytecode* code, WaveRecord* record);
    bool expand_wave(WaveRecord* record, bool* must_refuse);
    bool can_claim(const WaveRecord& record, std::uint16_t id);
    static bool overlaps_itself(const WaveRecord& record);
    void submit_prepared(WaveRecord* record, std::uint16_t id, bool must_refuse, bool ask_error);
    void submit_blocks(WaveRecord* record);
    void submit_claimed(WaveRecord* record);
    void check_refusal(bwrt_status status, const Answer& answer);

    // calls_wave.cpp
    void wait(Bytecode* code);
    void poll(Bytecode* code);
    void cancel(Bytecode* code);
    std::int64_t draw_timeout(Bytecode* code);
    bwrt_status wait_for(bwrt_handle handle, std::int64_t timeout_ns);
    bool poll_once(std::uint32_t capacity);
    void settle();

    // ending.cpp
    bwrt_counters take_sample();
    void let_end();
    void check_slots();
    void check_store();
    bwrt_store_counters sample_store_at_rest();
    void check_totals(const bwrt_counters& counters);

    Session& session() { return machine_.sessions[session_]; }

    Machine& machine_;
    bool alone_;
    bool ask_error_ = true;
    std::uint32_t session_ = 0;
    std::uint64_t target_count_ = 0;
};

}  // namespace bwrt::fuzz
