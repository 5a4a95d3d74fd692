// SPDX-License-Identifier: Apache-2.0
//
// calls_plans.cpp — waves that come out of plans as values: a cache plan or a swap plan of flat
// transfers, or a wave spec's product, as text.  Its operations are drawn and expanded as those of
// any other wave, so what the wave has to be is known; then they are said in JSON, with names for
// the regions, and taken back out of it by the library.
//
// Texts that are no plans are fuzz_plan.cpp's.

#include <cinttypes>
#include <cstdarg>
#include <cstdio>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

// What a transfer between such places is called.
const char* kind_of(std::uint32_t operation_kind) {
    return operation_kind == BWRT_OP_READ    ? "STORAGE2H"
           : operation_kind == BWRT_OP_WRITE ? "H2STORAGE"
                                             : "H2D";
}

std::string text_of(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string text_of(const char* format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text;
}

}  // namespace

// A plan's text, and what its names stand for.
struct Runner::PlanText {
    std::uint32_t kind = BWRT_PLAN_CACHE;
    std::string text;
    std::vector<std::string> names;
    std::vector<bwrt_plan_binding> bindings;

    void bind(std::string name, bwrt_handle source, bwrt_handle target, std::uint64_t offset) {
        names.push_back(std::move(name));
        bindings.push_back({nullptr, source, target, offset, offset});
    }
};

// Flat transfers; of each offset a part is the name's and the rest the transfer's.
void Runner::draw_transfers(Bytecode* code, WaveRecord* record, PlanText* plan) {
    const std::uint8_t form = code->byte();
    record->drafts.resize(1 + form % 3);
    plan->kind = (form & 0x04) != 0 ? BWRT_PLAN_SWAP : BWRT_PLAN_CACHE;
    plan->text = R"({"plan_id": "p", )";
    if (plan->kind == BWRT_PLAN_SWAP) {
        plan->text += R"("manifest_from": {"model_id": "m", "version": "1"}, )";
        plan->text += R"("manifest_to": {"model_id": "m", "version": "2"}, )";
    }
    plan->text += R"("ops": [)";
    for (std::size_t i = 0; i < record->drafts.size(); ++i) {
        bwrt_operation& operation = record->drafts[i].operation;
        operation.kind = BWRT_OP_COPY + code->byte() % 3;
        operation.length_bytes = 1 + code->word() % 5000;
        draw_side(code, operation.kind == BWRT_OP_READ, false, operation.length_bytes, &operation);
        draw_side(code, operation.kind == BWRT_OP_WRITE, true, operation.length_bytes, &operation);
        const std::uint64_t offsets[] = {operation.source_offset_bytes % 512,
                                         operation.target_offset_bytes % 512};
        plan->bind("s" + std::to_string(i), operation.source, 0,
                   operation.source_offset_bytes - offsets[0]);
        plan->bind("d" + std::to_string(i), 0, operation.target,
                   operation.target_offset_bytes - offsets[1]);
        plan->text += text_of(R"(%s{"kind": "%s", "src": "s%zu", "dst": "d%zu", "length": %)" PRIu64
                              R"(, "src_offset": %)" PRIu64 R"(, "dst_offset": %)" PRIu64 "}",
                              i == 0 ? "" : ", ", kind_of(operation.kind), i, i,
                              operation.length_bytes, offsets[0], offsets[1]);
    }
    plan->text += "]";
    if (plan->kind == BWRT_PLAN_SWAP && (form & 0x08) != 0) {
        bwrt_wave& wave = record->wave;
        wave.window = BWRT_WINDOW_TIME;
        wave.window_start = now_ns() + 1000u * code->byte();
        wave.window_end = wave.window_start + 1 + 1000u * code->word();
        plan->text +=
            text_of(R"(, "window": {"t_start_ns": %)" PRIu64 R"(, "t_deadline_ns": %)" PRIu64 "}",
                    wave.window_start, wave.window_end);
    }
    plan->text += "}";
}

// One tile, packed.
void Runner::draw_tile(Bytecode* code, WaveRecord* record, PlanText* plan) {
    record->drafts.resize(1);
    Draft& draft = record->drafts[0];
    draft.operation.kind = BWRT_OP_GEMM;
    draw_gemm(code, &draft);
    bwrt_operation& operation = draft.operation;
    bwrt_gemm& gemm = *draft.gemm;
    operation.source_stride_bytes = operation.target_stride_bytes = gemm.b_stride_bytes = 0;
    gemm.struct_size = sizeof gemm;
    plan->kind = BWRT_PLAN_WAVE_SPEC;
    plan->text = text_of(R"({"bm": %u, "bn": %u, "bk": %u)", gemm.m, gemm.n, gemm.k);
    const std::uint8_t window = code->byte();
    if (window >= 0x80) {
        bwrt_wave& wave = record->wave;
        wave.window = BWRT_WINDOW_TOKEN;
        wave.window_start = window % 8;
        wave.window_end = wave.window_start + 1 + window / 8 % 8u;
        plan->text += text_of(R"(, "swap_begin": %)" PRIu64 R"(, "swap_end": %)" PRIu64,
                              wave.window_start, wave.window_end);
    }
    plan->text += "}";
    plan->bind("a", operation.source, 0, operation.source_offset_bytes);
    plan->bind("b", gemm.b, 0, gemm.b_offset_bytes);
    plan->bind("c", 0, operation.target, operation.target_offset_bytes);
}

// The waves that came of it; the plan is let go at once, since they need no more of it.
bwrt_status Runner::run_plan(const PlanText& plan, const WaveRecord& record,
                             bwrt_handle* waves_out) {
    bwrt_handle handle = 0;
    Answer parsed(ask_error_);
    const bwrt_status status =
        parsed.check(bwrt_plan_parse(session().runtime, plan.kind, plan.text.data(),
                                     plan.text.size(), &handle, parsed.place()),
                     "bwrt_plan_parse");
    if (status != BWRT_OK) return status;
    auto bindings = plan.bindings;
    for (std::size_t i = 0; i < bindings.size(); ++i) bindings[i].name = plan.names[i].c_str();
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.flags = record.wave.flags;
    wave.priority = record.wave.priority;
    wave.delivery = record.wave.delivery;
    wave.user_data = record.wave.user_data;
    bwrt_plan_run run = {};
    run.struct_size = sizeof run;
    run.binding_count = static_cast<std::uint32_t>(bindings.size());
    run.bindings = bindings.data();
    run.binding_bytes = sizeof(bwrt_plan_binding);
    run.wave = &wave;
    Answer answer(ask_error_);
    const bwrt_status ran =
        answer.check(bwrt_plan_submit(session().runtime, handle, &run, waves_out, answer.place()),
                     "bwrt_plan_submit");
    if (bwrt_release(session().runtime, handle, nullptr) != BWRT_OK) found("a plan stays");
    if (bwrt_release(session().runtime, handle, nullptr) != BWRT_E_HANDLE) found("a plan is back");
    return ran;
}

void Runner::submit_plan(Bytecode* code) {
    if (session().runtime == nullptr || !alone_ || machine_.wave_count == Machine::kWaveCountMax) {
        return;
    }
    WaveRecord* const record = &machine_.waves[machine_.wave_count++];
    const auto id = static_cast<std::uint16_t>(machine_.wave_count);
    const std::uint8_t shape = code->byte();
    bwrt_wave& waits = record->wave;
    record->session = session_;
    waits.user_data = id;
    waits.delivery = shape % 4 % 3;
    waits.priority = (shape >> 2) % 3;
    if (session().has_planner && (shape & 0x10) != 0) waits.flags |= BWRT_WAVE_PLANNED;
    PlanText plan;
    const bool computes = (shape & 0x20) != 0;
    computes ? draw_tile(code, record, &plan) : draw_transfers(code, record, &plan);
    waits.operation_count = static_cast<std::uint32_t>(record->drafts.size());
    bool must_refuse = false;
    const bool is_lawful = expand_wave(record, &must_refuse);
    if (is_lawful && !can_claim(*record, id)) settle();
    if (!is_lawful || !World::claim(record->pieces, id)) {
        record->pieces.clear();
        machine_.refuse(record);
        Tally::count("a plan's wave, kept back", BWRT_OK);
        return;
    }
    submit_claimed(record);

    constexpr bwrt_handle kUntouched = 0xABCDEF;
    const std::uint64_t refused_before = take_sample().waves_refused;
    bwrt_handle waves[2] = {kUntouched, kUntouched};
    const bwrt_status status = run_plan(plan, *record, waves);
    record->drafts.clear();
    if (status != BWRT_OK) {
        if (waves[0] != kUntouched || waves[1] != kUntouched) found("a refused plan has waves");
        session().refused_count += take_sample().waves_refused - refused_before;
        machine_.refuse(record);
        return;
    }
    if (must_refuse) found("plan %u was taken, and had to be refused", id);
    const bwrt_handle handle = waves[computes ? 1 : 0];
    if (handle == 0 || waves[computes ? 0 : 1] != 0) found("plan %u has odd waves", id);
    ++session().accepted_count;
    record->handle = handle;
    if (record->state == WaveRecord::State::kSubmitting) record->state = WaveRecord::State::kLive;
}

}  // namespace bwrt::fuzz
