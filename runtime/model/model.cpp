// SPDX-License-Identifier: Apache-2.0
//
// model.cpp — a modelled world and the runtime in it.

#include "runtime/model/bwrt_model.h"

#include <memory>

#include "runtime/boundary.h"
#include "runtime/janitor.h"
#include "runtime/model/chance.h"
#include "runtime/model/model_clock.h"
#include "runtime/model/model_storage.h"
#include "runtime/runtime.h"

namespace bwrt::runtime {
namespace {

// Takes the time of a copy and leaves the bytes alone.
class ModelHost final : public HostBackend {
 public:
    ModelHost(std::uint64_t bytes_per_s, ModelClock* clock)
        : bytes_per_s_(bytes_per_s), clock_(*clock) {}

    [[nodiscard]] bool copy(void* /*target*/, const void* /*source*/,
                            std::size_t length_bytes) noexcept override {
        clock_.advance(length_bytes * 1'000'000'000 / bytes_per_s_);
        return true;
    }

 private:
    std::uint64_t bytes_per_s_;
    ModelClock& clock_;
};

// Files are made at once; that they are made is news, as it is where a thread makes them.
class ModelJanitor final : public Janitor {
 public:
    explicit ModelJanitor(StorageBackend* storage) noexcept : storage_(*storage) {}

    void start(Job* job) noexcept override {
        inline_.start(job);
        storage_.wake();
    }
    [[nodiscard]] Job* reap() noexcept override { return inline_.reap(); }
    [[nodiscard]] bool is_idle() const noexcept override { return inline_.is_idle(); }
    [[nodiscard]] bool has_finished() const noexcept override { return !inline_.is_idle(); }

 private:
    InlineJanitor inline_;
    StorageBackend& storage_;
};

constexpr std::size_t kMachineBytesMin = 64;  // of the first release

bwrt_status read_machine(const bwrt_model_machine* given, ModelMachine* machine_out,
                         const ErrorSink& sink) {
    if (given == nullptr) return BWRT_OK;
    bwrt_model_machine read;
    if (const bwrt_status status = copy_in(&read, given, given->struct_size, kMachineBytesMin,
                                           "machine.struct_size", sink)) {
        return status;
    }
    const auto take = [](std::uint64_t value, std::uint64_t* target) {
        if (value != 0) *target = value;
    };
    take(read.depth, &machine_out->depth);
    take(read.read_bytes_per_s, &machine_out->read_bytes_per_s);
    take(read.write_bytes_per_s, &machine_out->write_bytes_per_s);
    take(read.read_latency_ns, &machine_out->read_latency_ns);
    take(read.write_latency_ns, &machine_out->write_latency_ns);
    take(read.flush_latency_ns, &machine_out->flush_latency_ns);
    take(read.requests_per_s, &machine_out->requests_per_s);
    take(read.copy_bytes_per_s, &machine_out->copy_bytes_per_s);
    return BWRT_OK;
}

}  // namespace
}  // namespace bwrt::runtime

using namespace bwrt::runtime;

struct bwrt_model {
    explicit bwrt_model(const ModelMachine& machine)
        : storage(machine, &clock), host(machine.copy_bytes_per_s, &clock), janitor(&storage) {}

    ModelClock clock;
    ModelStorage storage;
    ModelHost host;
    ModelJanitor janitor;
    bwrt_runtime* runtime = nullptr;
};

bwrt_status bwrt_model_create(const bwrt_model_machine* machine, bwrt_model** model_out,
                              bwrt_error* error) {
    return guard(error, [&]() -> bwrt_status {
        const ErrorSink sink{error, BWRT_NONE};
        if (model_out == nullptr) return fail(sink, BWRT_E_INVAL, "model_out", "NULL");
        ModelMachine with;
        if (const bwrt_status status = read_machine(machine, &with, sink)) return status;
        *model_out = std::make_unique<bwrt_model>(with).release();
        return BWRT_OK;
    });
}

bwrt_status bwrt_model_open(bwrt_model* model, const bwrt_config* config,
                            bwrt_runtime** runtime_out, bwrt_error* error) {
    const ErrorSink sink{error, BWRT_NONE};
    if (model == nullptr) return fail(sink, BWRT_E_INVAL, "model", "NULL");
    if (runtime_out == nullptr) return fail(sink, BWRT_E_INVAL, "runtime_out", "NULL");
    if (config == nullptr || config->progress != BWRT_PROGRESS_CALLER) {
        return fail(sink, BWRT_E_INVAL, "config.progress",
                    "a modelled world has one thread: BWRT_PROGRESS_CALLER");
    }
    if (model->runtime != nullptr) {
        return fail(sink, BWRT_E_INVAL, "model", "a world has one runtime, and it was opened");
    }
    begin_chance();
    World world;
    world.clock = &model->clock;
    world.storage = &model->storage;
    world.host = &model->host;
    world.janitor = &model->janitor;
    world.has_devices = false;
    const bwrt_status status = open_runtime(config, world, &model->runtime, error);
    if (status == BWRT_OK) *runtime_out = model->runtime;
    return status;
}

uint64_t bwrt_model_now_ns(const bwrt_model* model) { return model->clock.now_ns(); }

void bwrt_model_pass(bwrt_model* model, uint64_t until_ns) {
    if (model->runtime != nullptr) model->runtime->runtime.progress().drive_until_time(until_ns);
    model->clock.advance_to(until_ns);
}

void bwrt_model_destroy(bwrt_model* model) { delete model; }
