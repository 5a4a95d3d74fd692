// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/drop.h"

#include <algorithm>
#include <cerrno>

#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

constexpr std::size_t kWriteRecordCount = 4096;  // 1 MiB

bwrt_status fail_io(const ErrorSink& sink) {
    const int os_code = errno;
    return fail_os(sink, status_of_io_errno(os_code), os_code, "store.directories", "log: %s",
                   errno_name(os_code));
}

}  // namespace

bwrt_status drop_blocks(const Shard& shard, LogEnd end, const std::vector<BlockKey>& keys,
                        const ErrorSink& sink) {
    BWRT_CHECK(shard.lock.is_held());
    OpenFile file;
    if (const bwrt_status status = resume_log(shard, &file, &end, sink)) return status;
    std::vector<Record> records;
    for (std::size_t first = 0; first < keys.size(); first += records.size()) {
        records.assign(std::min(keys.size() - first, kWriteRecordCount), {});
        const std::uint64_t offset_bytes = end.offset_bytes();
        for (std::size_t i = 0; i < records.size(); ++i) {
            records[i].kind = RecordKind::kRemoved;
            records[i].key = keys[first + i];
            end.put(&records[i]);
        }
        if (!write_at(file.fd(), records.data(), records.size() * sizeof(Record), offset_bytes)) {
            return fail_io(sink);
        }
    }
    return flush(file.fd()) ? BWRT_OK : fail_io(sink);
}

}  // namespace bwrt::runtime
