// SPDX-License-Identifier: Apache-2.0
//
// validate.h — reads a caller's operations: checks them, resolves their addresses, copies
// their slots, and counts what the executor will have to account for.
//
// One pass, straight into the wave's own memory; the first fault ends it and roll_back()
// leaves no trace.  What came from outside is read once, so a caller that changes his arrays
// meanwhile gets garbage moved inside his own bounds and nothing worse.

#pragma once

#include "include/bwrt.h"
#include "runtime/block_task.h"
#include "runtime/overlap.h"
#include "runtime/plan_row.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

// Of a bwrt_operation of the first release.
constexpr std::size_t kOperationBytesMin = 128;

struct BlockAnswer;

class WaveBuilder {
 public:
    WaveBuilder(Tables* tables, Wave* wave, bwrt_error* error)
        : tables_(*tables), wave_(*wave), sink_{error, BWRT_NONE} {}

    // Reads operation_count elements of operation_bytes each.
    bwrt_status read_operations(const bwrt_wave& wave);

    // The one operation of a wave that can travel in its command; instead of the other two.
    bwrt_status read_flat(const bwrt_operation& given, ringbuf::Command* command);

    // After read_operations(): overlap of targets, order of groups, group table, room for results.
    bwrt_status finish(const bwrt_wave& wave);

    // Gives back everything taken so far.
    void roll_back() noexcept;

    [[nodiscard]] const ErrorSink& sink() const noexcept { return sink_; }

 private:
    struct Side {
        Region* region = nullptr;  // null: process memory, a layout or nothing
        const Layout* layout = nullptr;
        bool is_file = false;
        const DeviceRoom* room = nullptr;  // of a device
        std::uint64_t address = 0;
        std::uint16_t region_slot = 0;
    };

    static const char* side_field(bool is_target) {
        return is_target ? "operations[].target" : "operations[].source";
    }
    static const char* offset_field(bool is_target) {
        return is_target ? "operations[].target_offset_bytes" : "operations[].source_offset_bytes";
    }
    bwrt_status read_operation(const bwrt_operation& given, const bwrt_wave& wave);
    bwrt_status read_transfer(const bwrt_operation& given, Operation* operation);
    bwrt_status read_flush(const bwrt_operation& given, Operation* operation);
    bwrt_status read_signal(const bwrt_operation& given, Operation* operation);
    bwrt_status read_row(const bwrt_operation& given, const Side& source, const Side& target,
                         Operation* operation);
    bwrt_status read_rows(const bwrt_operation& given, const Side& source, const Side& target,
                          Operation* operation);
    bwrt_status read_indexed(const bwrt_operation& given, const Side& source, const Side& target,
                             Operation* operation);
    // validate_blocks.cpp
    bwrt_status check_block_wave(const bwrt_wave& wave);
    bwrt_status check_block_form(const bwrt_operation& given, const bwrt_wave& wave);
    bwrt_status check_block_tier(const bwrt_operation& given);
    bwrt_status read_block_options(const bwrt_operation& given, bwrt_block_options* options);
    bwrt_status check_block_side(const bwrt_operation& given, const Side& side, bool is_target,
                                 const bwrt_block_options& options, std::uint64_t* length_out);
    bwrt_status make_block_copy(const Side& side, bool is_target, std::uint32_t slot,
                                std::uint32_t number, std::uint64_t length, Operation* operation);
    bwrt_status read_blocks(const bwrt_operation& given, const bwrt_wave& wave);
    bwrt_status read_block(const bwrt_operation& given, const bwrt_wave& wave,
                           const bwrt_block_options& options, const Side& side, bool is_target,
                           std::uint64_t length, std::uint32_t number);

    // validate_gemm.cpp
    struct Matrix {
        bwrt_handle handle;
        std::uint64_t offset_bytes;
        std::int64_t stride_bytes;
        std::uint32_t rows, columns;
        bool is_target;
        const char* field;
    };
    bwrt_status read_gemm(const bwrt_operation& given, Operation* operation);
    bwrt_status read_gemm_shape(const bwrt_operation& given, bwrt_gemm* shape_out);
    bwrt_status read_matrix(const Matrix& matrix, std::uint64_t* address_out,
                            std::int64_t* stride_out);
    // validate_planned.cpp
    bwrt_status make_plan_rows();
    bool add_plan_row(const PlanRow& row);
    bool add_plan_blocks(PlanBytes& own);
    bool add_plan_block(const BlockTask& task, const BlockAnswer& answer, PlanBytes& own);

    bwrt_status check_unused(const bwrt_operation& given);
    bwrt_status check_total(std::uint64_t bytes);
    [[nodiscard]] std::uint32_t bus_of(const Operation& operation) const noexcept {
        return operation.lane == Lane::kDevice ? runtime::bus_of(way_)
                                               : runtime::bus_of(operation.lane);
    }
    bwrt_status count_bytes(std::uint64_t bytes, const Operation& operation);
    static bool is_inside(const Side& side, std::uint64_t offset, std::uint64_t length) noexcept;
    bwrt_status check_no_rows(const bwrt_operation& given);
    bwrt_status check_form(const bwrt_operation& given, bool indexed);
    // `field` where it is not the operation's source or target.
    bwrt_status resolve(bwrt_handle handle, bool is_target, std::uint64_t offset, Side* side_out,
                        const char* field = nullptr);
    bwrt_status check_on_host(const Side& side, const char* field, const char* what);
    bwrt_status check_devices(const bwrt_operation& given, const Side& source, const Side& target);
    bwrt_status check_kind(const bwrt_operation& given, const Side& source, const Side& target);
    // `row` is what one of the rows is called where there may be several, null where there is one.
    bwrt_status check_bounds(const Side& side, bool is_target, std::uint64_t offset,
                             std::int64_t stride, std::uint64_t rows, std::uint64_t length,
                             const char* row);
    bwrt_status refuse_row(const Side& side, bool is_target, std::uint64_t offset,
                           std::int64_t stride, std::uint64_t rows, std::uint64_t length,
                           const char* row);
    bwrt_status check_slots(const std::uint32_t* slots, std::uint32_t count, const Layout* layout,
                            const char* field);
    bwrt_status fill_run(const bwrt_operation& given, const Shape& shape, std::uint32_t capacity,
                         SlotRun* run, std::uint32_t* next);
    bwrt_status copy_slots(const bwrt_operation& given, Shape* shape);
    bwrt_status use(Gate* gate, std::uint64_t generation, const char* field);
    bwrt_status check_targets();
    void count_group(const Operation& op) noexcept;
    bwrt_status make_groups(const bwrt_wave& wave);
    bwrt_status make_results(const bwrt_wave& wave);
    bwrt_status full(const char* what);

    Operation* new_operation();
    Shape* new_shape();
    void* new_units(std::uint32_t count);
    [[nodiscard]] std::uint32_t room() const noexcept;
    void note_target(const Operation& operation);

    Tables& tables_;
    Wave& wave_;
    ErrorSink sink_;
    Page* units_ = nullptr;             // page that operations and shapes are being put into
    CopyWay way_ = CopyWay::kToDevice;  // of the operation being read, on a device's lane
    std::uint32_t group_end_ = 0;
    std::uint64_t slot_index_count_ = 0;
    const Tenant* tenant_ = nullptr;  // of a wave with blocks
    BlockTask** blocks_end_ = &wave_.blocks;
    std::uint64_t block_task_count_ = 0;
    PlanRow* last_plan_row_ = nullptr;
    bool has_results_ = false;
    bool has_signal_ = false;
    bool groups_ascend_[kLaneCount] = {true, true, true};
    // Targets that come in ascending or descending order cannot overlap: no sort is needed.
    bool ascending_ = true, descending_ = true;
    Progression last_target_;
};

// A flat operation in a command, its sides as region slot and resolved address.
void pack(const Operation& operation, ringbuf::Command* command) noexcept;
void unpack(const ringbuf::Command& command, Operation* operation_out) noexcept;

}  // namespace bwrt::runtime
