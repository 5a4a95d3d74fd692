// SPDX-License-Identifier: Apache-2.0
//
// copy_window.cpp — see copy_window.h.

#include "tools/copy_window.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "tools/signals.h"

namespace bwrt::tools {
namespace {

constexpr std::int64_t kLookAgainNs = 100'000'000;  // for Ctrl-C while a disk is slow

[[noreturn]] void fail_wave(const bwrt_completion& completion, const std::string& doing) {
    std::string reason;
    switch (completion.status) {
        case BWRT_E_TRUNCATED:
            reason = "it is shorter than it was when the copy began";
            break;
        case BWRT_E_NOSPC:
            reason = "no space left, or a quota or size limit reached";
            break;
        default:
            reason = bwrt_status_name(completion.status);
    }
    if (completion.os_code != 0) reason += std::string(": ") + std::strerror(completion.os_code);
    throw Failure(bwrt_status_name(completion.status), doing + ": " + reason);
}

}  // namespace

CopyWindow::CopyWindow(std::uint64_t chunk_bytes, std::uint32_t depth)
    : chunk_bytes_(chunk_bytes), waves_(depth, 0) {
    bwrt_error error{};
    bwrt_region memory{};
    bwrt_region_info info{};
    memory.struct_size = sizeof(memory);
    memory.kind = BWRT_REGION_ALLOCATED;
    memory.length_bytes = chunk_bytes * depth;
    info.struct_size = sizeof(info);

    must(bwrt_open(nullptr, &runtime_, &error), error);
    const bwrt_status status = bwrt_region_add(runtime_, &memory, &memory_, &info, &error);
    if (status != BWRT_OK) {  // the destructor of a half-built object does not run
        bwrt_shutdown(runtime_, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
        bwrt_close(runtime_, nullptr);
        must(status, error);
    }
    bytes_ = static_cast<const char*>(info.address);
}

CopyWindow::~CopyWindow() {
    bwrt_shutdown(runtime_, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
    bwrt_close(runtime_, nullptr);
}

FileInfo CopyWindow::add_file(int fd, std::uint32_t flags) {
    bwrt_error error{};
    bwrt_region region{};
    bwrt_region_info info{};
    FileInfo file;
    region.struct_size = sizeof(region);
    region.kind = BWRT_REGION_FILE;
    region.flags = flags;
    region.fd = fd;
    info.struct_size = sizeof(info);
    must(bwrt_region_add(runtime_, &region, &file.region, &info, &error), error);
    file.length_bytes = info.length_bytes;
    file.direct = (info.flags & BWRT_REGION_DIRECT) != 0;
    return file;
}

void CopyWindow::release_file(const FileInfo& file) {
    bwrt_error error{};
    must(bwrt_release(runtime_, file.region, &error), error);
}

bwrt_handle CopyWindow::submit(std::uint32_t kind, bwrt_handle file, std::uint64_t chunk,
                               std::uint64_t length_bytes) {
    const std::uint64_t file_offset = chunk * chunk_bytes_;
    const std::uint64_t memory_offset = chunk % waves_.size() * chunk_bytes_;
    bwrt_error error{};
    bwrt_operation operation{};
    bwrt_wave wave{};
    bwrt_handle handle = 0;

    operation.kind = kind;
    operation.target = file;
    if (kind == BWRT_OP_READ) {
        operation.source = file;
        operation.target = memory_;
        operation.source_offset_bytes = file_offset;
        operation.target_offset_bytes = memory_offset;
    } else if (kind == BWRT_OP_WRITE) {
        operation.source = memory_;
        operation.source_offset_bytes = memory_offset;
        operation.target_offset_bytes = file_offset;
    }
    operation.length_bytes = length_bytes;
    wave.struct_size = sizeof(wave);
    wave.operations = &operation;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof(operation);
    must(bwrt_submit_wave(runtime_, &wave, &handle, &error), error);
    return handle;
}

bool CopyWindow::wait(bwrt_handle wave, bool look_only, const std::string& doing) {
    bwrt_error error{};
    bwrt_completion completion{};
    bwrt_status status = BWRT_E_TIMEOUT;
    while (status == BWRT_E_TIMEOUT) {
        if (is_interrupted()) throw Failure("interrupted", "interrupted", 130);
        status = bwrt_wait(runtime_, wave, look_only ? 0 : kLookAgainNs, &completion, &error);
        if (status == BWRT_E_TIMEOUT && look_only) return false;
    }
    must(status, error);
    if (completion.status != BWRT_OK) fail_wave(completion, doing);
    return true;
}

std::uint64_t hash_of_nothing() { return XXH3_64bits(nullptr, 0); }

std::uint64_t CopyWindow::run(const FileInfo& source, const std::string& source_name,
                              const FileInfo* target, const std::string& target_name,
                              std::uint64_t length_bytes, ProgressBar* progress) {
    const std::uint64_t depth = waves_.size();
    const std::uint64_t count = (length_bytes + chunk_bytes_ - 1) / chunk_bytes_;
    const std::string reading = "reading " + source_name;
    const std::string writing = "writing " + target_name;
    const auto length_of = [&](std::uint64_t chunk) {
        return std::min(chunk_bytes_, length_bytes - chunk * chunk_bytes_);
    };
    const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> hash(XXH3_createState(),
                                                                               XXH3_freeState);
    std::uint64_t asked_count = 0;
    std::uint64_t hashed_count = 0;
    std::uint64_t written_count = 0;

    if (hash == nullptr) throw Failure("E_NOMEM", "no memory for a hash");
    XXH3_64bits_reset(hash.get());
    while (written_count < count) {
        for (; asked_count < count && asked_count - written_count < depth; asked_count++) {
            waves_[asked_count % depth] =
                submit(BWRT_OP_READ, source.region, asked_count, length_of(asked_count));
        }
        // A write in front that is over makes room for a read; else the next chunk is hashed; and
        // only when all are hashed is a write worth waiting for.
        const bool writes_run = target != nullptr && written_count < hashed_count;
        const bool all_hashed = hashed_count == asked_count;
        if (writes_run && wait(waves_[written_count % depth], !all_hashed, writing)) {
            progress->advance(length_of(written_count++));
            continue;
        }
        bwrt_handle& wave = waves_[hashed_count % depth];
        wait(wave, false, reading);
        XXH3_64bits_update(hash.get(), bytes_ + hashed_count % depth * chunk_bytes_,
                           length_of(hashed_count));
        if (target != nullptr)
            wave = submit(BWRT_OP_WRITE, target->region, hashed_count, length_of(hashed_count));
        else
            progress->advance(length_of(written_count++));
        hashed_count++;
    }
    return XXH3_64bits_digest(hash.get());
}

void CopyWindow::flush(const FileInfo& target, const std::string& target_name) {
    wait(submit(BWRT_OP_FLUSH, target.region, 0, 0), false, "flushing " + target_name);
}

const char* CopyWindow::storage() const {
    bwrt_caps caps{};
    caps.struct_size = sizeof(caps);
    const bwrt_status status = bwrt_get_caps(runtime_, &caps, nullptr);
    return status == BWRT_OK && caps.storage == BWRT_STORAGE_URING ? "io_uring" : "pool";
}

}  // namespace bwrt::tools
