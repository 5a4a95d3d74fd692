// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/machine.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <utility>

namespace bwrt::fuzz {
namespace {

// Low numbers are given first, so one that is left open is sooner or later seen here.
int count_files() {
    int count = 0;
    for (int fd = 0; fd < 96; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

}  // namespace

std::uint64_t now_ns() {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// ---- what was reached

namespace {
std::mutex tally_mutex;
std::map<std::pair<std::string, bwrt_status>, std::uint64_t>* tally = nullptr;
}  // namespace

void Tally::start() {
    tally = new std::remove_pointer_t<decltype(tally)>;  // as long as the process
}

void Tally::count(const char* call, bwrt_status status) {
    if (tally == nullptr) return;
    const std::lock_guard<std::mutex> lock(tally_mutex);
    ++(*tally)[{call, status}];
}

void Tally::print() {
    for (const auto& [key, count] : *tally) {
        std::printf("%8llu %s %s\n", static_cast<unsigned long long>(count), key.first.c_str(),
                    bwrt_status_name(key.second));
    }
}

// ---- the error argument

Answer::Answer(bool is_asked_for) : is_asked_for_(is_asked_for) {
    std::memset(&error_, static_cast<int>(kUntouchedByte), sizeof error_);
}

bwrt_status Answer::check(bwrt_status status, const char* call) const {
    if (status == BWRT_E_INTERNAL || status > BWRT_OK ||
        std::strcmp(bwrt_status_name(status), "unknown") == 0) {
        found("%s answers %d", call, status);
    }
    Tally::count(call, status);
    if (!is_asked_for_) return status;
    if (status == BWRT_OK) {
        const auto* bytes = reinterpret_cast<const std::byte*>(&error_);
        if (std::any_of(bytes, bytes + sizeof error_,
                        [](std::byte byte) { return byte != kUntouchedByte; })) {
            found("%s succeeds and writes an error", call);
        }
        return status;
    }
    if (error_.status != status || error_.reserved != 0 || error_.message[0] == '\0' ||
        std::memchr(error_.message, 0, sizeof error_.message) == nullptr ||
        std::memchr(error_.field, 0, sizeof error_.field) == nullptr) {
        found("%s fails with %d and the error says otherwise", call, status);
    }
    return status;
}

bool Answer::names(const char* field) const {
    return is_asked_for_ && std::strcmp(error_.field, field) == 0;
}

// ---- what was handed out

Thing* Machine::find(Session* session, bwrt_handle handle) {
    for (Thing& thing : session->things) {
        if (thing.is_live && thing.handle == handle) return &thing;
    }
    return nullptr;
}

std::uint32_t Machine::live_count(std::uint32_t session) const {
    return static_cast<std::uint32_t>(
        std::count_if(waves.begin(), waves.begin() + wave_count, [&](const WaveRecord& record) {
            return record.session == session && (record.state == WaveRecord::State::kLive ||
                                                 record.state == WaveRecord::State::kSubmitting);
        }));
}

void Machine::deliver(const bwrt_completion& completion, std::uint32_t session, bwrt_handle asked) {
    using State = WaveRecord::State;
    const std::uint64_t id = completion.user_data;
    if (id == 0 || id > wave_count) found("a completion of no wave");
    WaveRecord& record = waves[id - 1];
    if (record.session != session)
        found("wave %llu was delivered by another runtime", static_cast<unsigned long long>(id));
    if (record.state != State::kLive && record.state != State::kSubmitting) {
        found("wave %llu was delivered twice, or never taken", static_cast<unsigned long long>(id));
    }
    const bool by_wait = asked != 0;
    if (record.wave.delivery != (by_wait ? BWRT_DELIVER_WAIT : BWRT_DELIVER_QUEUE) ||
        (by_wait && completion.wave != asked) ||
        (record.handle != 0 && completion.wave != record.handle)) {
        found("wave %llu was delivered to the wrong call", static_cast<unsigned long long>(id));
    }
    record.handle = completion.wave;
    Tally::count("a completion", completion.status);
    judge(record, static_cast<std::uint16_t>(id), completion, sessions[session]);
    judge_blocks(this, record, static_cast<std::uint16_t>(id), completion);
    record.state = State::kDelivered;
    for (const Piece& piece : record.pieces) World::unclaim(piece);
    record.pieces.clear();
    record.results.reset();
    record.groups.reset();
}

void Machine::refuse(WaveRecord* record) {
    if (record->state == WaveRecord::State::kDelivered) found("a refused wave was delivered");
    const auto check = [](const std::byte* array, std::uint64_t bytes) {
        if (array == nullptr) return;
        if (std::any_of(array, array + bytes,
                        [](std::byte byte) { return byte != kUntouchedByte; })) {
            found("a refused wave has results");
        }
    };
    const bwrt_wave& wave = record->wave;
    const auto fits = [](std::uint32_t stride) { return stride <= 65536 && stride % 8 == 0; };
    if (fits(wave.result_bytes) && wave.result_bytes >= sizeof(bwrt_result)) {
        check(record->results.get(), std::uint64_t{wave.result_count} * wave.result_bytes);
    }
    if (fits(wave.group_bytes) && wave.group_bytes >= sizeof(bwrt_group_result)) {
        check(record->groups.get(), std::uint64_t{wave.group_count} * wave.group_bytes);
    }
    for (const BlockUse& use : record->block_uses) {
        if (use.content != nullptr) oracle.withdraw(use.key, use.content);
    }
    forget(record);
    record->state = WaveRecord::State::kFree;
}

void Machine::forget(WaveRecord* record) {
    if (record->state == WaveRecord::State::kLive) judge_detached(*record);
    if (record->state != WaveRecord::State::kFree) {
        for (const Piece& piece : record->pieces) World::unclaim(piece);
    }
    record->state = WaveRecord::State::kForgotten;
    record->pieces.clear();
    record->drafts.clear();
    record->results.reset();
    record->groups.reset();
}

// ---- one input

void Machine::run(const std::uint8_t* bytes, std::size_t count) {
    const int files_before = count_files();
    world.reset();
    oracle.reset();
    Bytecode code(bytes, count);
    Runner runner(this, true);
    const std::uint8_t shape = code.byte();
    const bool politely = shape % 2 == 0;
    runner.open(&code, 0, shape / 2 % 4, (shape & 0x08) != 0);
    runner.execute(code);
    for (std::uint32_t i = 0; i < 2; ++i) {
        if (sessions[i].runtime != nullptr) runner.end(i, politely);
    }
    World::check_memory(world.memory, "the arena");
    world.check_files();
    for (std::uint32_t i = 0; i < wave_count; ++i) waves[i] = WaveRecord();
    wave_count = 0;
    is_probed = false;
    for (const Space* space : {&world.memory, &world.files[0], &world.files[1]}) {
        if (space->is_claimed()) found("the harness left a claim");
    }
    if (count_files() != files_before) found("a file was left open");
}

// The first session or the second, with a store of some kind or none.
void Runner::open_any(Bytecode* code, std::uint8_t opcode) {
    const std::uint8_t form = (opcode & 0x20) != 0 ? code->byte() : 0xFF;
    open(code, (opcode & 0x40) != 0 ? 1 : 0, form == 0xFF ? 0 : 1 + form % 4u,
         form != 0xFF && (form & 0x80) != 0);
}

void Runner::execute(Bytecode code) {
    for (int calls = 0; calls < 160 && !code.is_over(); ++calls) {
        const std::uint8_t opcode = code.byte();
        session_ = (opcode & 0x40) != 0 && machine_.sessions[1].runtime != nullptr ? 1 : 0;
        ask_error_ = (opcode & 0x80) == 0;
        switch (opcode % 32) {
            default:
                submit(&code);
                break;
            case 9:
                call_planner(&code);
                break;
            case 10:
            case 11:
            case 12:
                wait(&code);
                break;
            case 13:
            case 14:
                poll(&code);
                break;
            case 15:
                cancel(&code);
                break;
            case 16:
            case 17:
                add_region(&code);
                break;
            case 18:
            case 19:
                add_layout(&code);
                break;
            case 20:
                release(&code);
                break;
            case 21:
                set_region(&code);
                break;
            case 22:
                event_fd(&code);
                break;
            case 23:
                sample(&code);
                break;
            case 24:
                ask_caps(&code);
                break;
            case 25:
                shut_down(&code);
                break;
            case 26:
                close(&code);
                break;
            case 27:
                if (!alone_) break;
                open_any(&code, opcode);
                break;
            case 28:
                if (alone_) duo(&code);
                break;
            case 29:
                cut_file(&code);
                break;
            case 30:
                pass_nothing(&code);
                break;
            case 31:
                call_store(&code);
                break;
        }
    }
}

}  // namespace bwrt::fuzz
