// SPDX-License-Identifier: Apache-2.0
//
// io_contestants.cpp — see io_contestants.h.

#include "bench/io_contestants.h"

#include <memory>

#include "bench/bwrt_io.h"
#include "bench/fio.h"
#include "bench/raw_io.h"
#include "bench/store_io.h"

namespace bwrt::bench {
namespace {

using Run = Contestant::Run;
using Make = Contestant::Make;

Make fio(FioMemory memory) {
    return [memory](const TestFile& file, const IoJob&, const ContestantOptions&) -> Run {
        return [&file, memory](const IoJob& job) { return run_fio(file, job, memory); };
    };
}

Make raw(RawMemory memory, std::uint64_t request_bytes_max = UINT64_MAX) {
    return [=](const TestFile& file, const IoJob& shape, const ContestantOptions& options) -> Run {
        const RawOptions raw_options = {memory, request_bytes_max, options.spread_bytes};
        const auto loop = std::make_shared<RawIo>(file, shape, raw_options);
        return [loop](const IoJob& job) { return loop->run(job); };
    };
}

Make bwrt(Waves waves, Pages memory, std::uint32_t progress = BWRT_PROGRESS_THREAD) {
    return [=](const TestFile& file, const IoJob& shape, const ContestantOptions& options) -> Run {
        const char* const table =
            options.calibration.empty() ? nullptr : options.calibration.c_str();
        const BwrtOptions bwrt_options = {progress, waves, memory, options.io_bytes_max, table};
        const auto engine = std::make_shared<BwrtIo>(file, shape, bwrt_options);
        return [engine](const IoJob& job) { return engine->run(job); };
    };
}

Make store(std::uint32_t progress) {
    return [=](const TestFile& file, const IoJob& shape, const ContestantOptions& options) -> Run {
        if (shape.direction != Direction::kRead) {
            throw Failure("E_INVAL", "the store is a contestant of reads");
        }
        const char* const table =
            options.calibration.empty() ? nullptr : options.calibration.c_str();
        const auto engine = std::make_shared<StoreIo>(file, shape, progress, table);
        return [engine](const IoJob& job) { return engine->run(job); };
    };
}

}  // namespace

const std::vector<Contestant>& contestants() {
    // The device of the reference machine takes 254 segments: 512 KiB are 128 pages of any kind.
    constexpr std::uint64_t kHalfMebibyte = 512 << 10;
    static const std::vector<Contestant> all = {
        {"fio-plain", "fio, plain pages", fio(FioMemory::kPlain)},
        {"fio-plain-fixed", "fio, plain pages, fixed", fio(FioMemory::kPlainFixed)},
        {"fio-huge", "fio, huge pages, fixed", fio(FioMemory::kHugeFixed)},
        {"raw", "raw loop, huge pages, fixed", raw(RawMemory::kHugeFixed)},
        {"raw-plain", "raw loop, plain pages", raw(RawMemory::kOrdinary)},
        {"raw-fresh", "raw loop, fresh pages", raw(RawMemory::kFresh)},
        {"raw-plain-split", "raw loop, plain, 512 KiB at once",
         raw(RawMemory::kOrdinary, kHalfMebibyte)},
        {"raw-staged", "raw loop, huge, then memcpy", raw(RawMemory::kStaged)},
        {"bwrt", "bwrt, own memory, waves of many", bwrt(Waves::kBatched, Pages::kHuge)},
        {"bwrt-plain", "bwrt, plain pages, waves of many", bwrt(Waves::kBatched, Pages::kOrdinary)},
        {"bwrt-fresh", "bwrt, fresh pages, waves of many", bwrt(Waves::kBatched, Pages::kFresh)},
        {"bwrt-queued", "bwrt, own memory, waves of one", bwrt(Waves::kQueued, Pages::kHuge)},
        {"bwrt-plain-queued", "bwrt, plain pages, waves of one",
         bwrt(Waves::kQueued, Pages::kOrdinary)},
        {"bwrt-caller", "bwrt, own memory, caller mode",
         bwrt(Waves::kBatched, Pages::kHuge, BWRT_PROGRESS_CALLER)},
        {"bwrt-plain-caller", "bwrt, plain pages, caller mode",
         bwrt(Waves::kBatched, Pages::kOrdinary, BWRT_PROGRESS_CALLER)},
        {"store", "bwrt, GET from the store, verified", store(BWRT_PROGRESS_THREAD)},
        {"store-caller", "bwrt, GET from the store, caller mode", store(BWRT_PROGRESS_CALLER)}};
    return all;
}

}  // namespace bwrt::bench
