// SPDX-License-Identifier: Apache-2.0

#include "tools/measured_device.h"

#include <algorithm>

#include "bench/bwrt_io.h"
#include "tools/output.h"

namespace bwrt::tools {
namespace {

constexpr std::uint64_t kFileBytes = std::uint64_t{128} << 20;
constexpr std::uint64_t kJobNs = 200'000'000;
constexpr std::uint64_t kSmallBytes = 4'096, kLargeBytes = std::uint64_t{1} << 20;
constexpr std::uint32_t kDepth = 64, kLargeDepth = 16;

double bytes_per_s(const bench::TestFile& file, std::uint64_t block_bytes, std::uint32_t depth) {
    bench::IoJob job;
    job.block_bytes = block_bytes;
    job.depth = depth;
    job.duration_ns = kJobNs;
    bench::BwrtOptions options;
    options.waves = depth == 1 ? bench::Waves::kSingle : bench::Waves::kBatched;
    return 1e9 * bench::BwrtIo(file, job, options).run(job).gb_per_s();
}

}  // namespace

std::optional<replay::DeviceTable> measured_device(const std::string& folder) {
    try {
        const bench::TestFile file(folder, kFileBytes);
        if (!file.direct()) return std::nullopt;
        const double rate = bytes_per_s(file, kLargeBytes, kLargeDepth);
        const double small = bytes_per_s(file, kSmallBytes, kDepth);
        const double single = bytes_per_s(file, kSmallBytes, 1);
        replay::DeviceTable table;
        table.read_bytes_per_s = static_cast<std::uint64_t>(std::max(rate, 1.0));
        table.requests_per_s = static_cast<std::uint64_t>(std::max(small / kSmallBytes, 1.0));
        // A lone read takes its turn on the bus, and the latency.
        const double alone_ns = 1e9 * kSmallBytes / std::max(single, 1.0);
        const double bus_ns = std::max(replay::ns_of(kSmallBytes, table.read_bytes_per_s),
                                       replay::ns_of(1, table.requests_per_s));
        table.read_latency_ns = static_cast<std::uint64_t>(std::max(alone_ns - bus_ns, 1.0));
        return table;
    } catch (const bench::Failure& failure) {
        throw Failure(failure.code(), failure.what());
    }
}

}  // namespace bwrt::tools
