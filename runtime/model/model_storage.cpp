// SPDX-License-Identifier: Apache-2.0

#include "runtime/model/model_storage.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>
#include <string_view>

#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

// As the store names them (store/segment_file.cpp).
bool names_a_segment(int fd) noexcept {
    char link[32], path[4096];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path);
    if (length <= 0) return false;
    std::string_view name(path, static_cast<std::size_t>(length));
    name.remove_prefix(name.rfind('/') + 1);
    return name.starts_with("segment.");
}

std::uint64_t bytes_of(const IoRequest& request) noexcept {
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < request.iovec_count; ++i) bytes += request.iovecs[i].iov_len;
    return bytes;
}

std::int32_t move(int fd, const IoRequest& request) noexcept {
    const auto count = static_cast<int>(request.iovec_count);
    const auto offset = static_cast<off_t>(request.offset_bytes);
    const ssize_t moved = request.kind == IoKind::kRead
                              ? preadv(fd, request.iovecs, count, offset)
                              : pwritev(fd, request.iovecs, count, offset);
    return static_cast<std::int32_t>(moved < 0 ? -errno : moved);
}

std::uint64_t time_of(std::uint64_t bytes, std::uint64_t bytes_per_s) noexcept {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    return bytes / bytes_per_s * kSecond + bytes % bytes_per_s * kSecond / bytes_per_s;
}

}  // namespace

ModelStorage::ModelStorage(const ModelMachine& machine, ModelClock* clock)
    : machine_(machine), clock_(*clock), last_due_(machine.depth) {
    out_.reserve(kOutMax);
}

std::int32_t ModelStorage::attach_file(int fd) noexcept try {
    std::size_t file = 0;
    while (file < files_.size() && files_[file].fd >= 0) ++file;
    if (file == files_.size()) files_.emplace_back();
    files_[file] = {fd, names_a_segment(fd)};
    return static_cast<std::int32_t>(file);
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

void ModelStorage::detach_file(std::int32_t file) noexcept {
    files_[static_cast<std::size_t>(file)].fd = -1;
}

// There are none: what they save is processor time, which is not modelled.
std::int32_t ModelStorage::attach_buffer(void* /*address*/, std::size_t /*length_bytes*/) noexcept {
    return -EOPNOTSUPP;
}

std::uint64_t ModelStorage::due_ns(const IoRequest& request, std::uint64_t bytes) noexcept {
    const std::uint64_t now_ns = clock_.now_ns();
    if (request.kind == IoKind::kFlush) {
        return std::max(now_ns, written_ns_) + machine_.flush_latency_ns;
    }
    const bool reads = request.kind == IoKind::kRead;
    std::uint64_t& room_ns = last_due_[request_count_++ % last_due_.size()];
    std::uint64_t& own_free_ns = bus_free_ns_[reads ? 0 : 1];
    std::uint64_t& other_free_ns = bus_free_ns_[reads ? 1 : 0];
    const std::uint64_t begin_ns = std::max({now_ns, room_ns, own_free_ns});
    const std::uint64_t rate = reads ? machine_.read_bytes_per_s : machine_.write_bytes_per_s;
    const std::uint64_t alone_ns =
        std::max(time_of(bytes, rate), time_of(1, machine_.requests_per_s));
    const std::uint64_t beside_ns = other_free_ns > begin_ns ? other_free_ns - begin_ns : 0;
    const std::uint64_t shared_ns = std::min(alone_ns, beside_ns);
    own_free_ns = begin_ns + alone_ns + shared_ns;
    other_free_ns += shared_ns;
    room_ns = own_free_ns + (reads ? machine_.read_latency_ns : machine_.write_latency_ns);
    if (!reads) written_ns_ = std::max(written_ns_, room_ns);
    return room_ns;
}

bool ModelStorage::start(const IoRequest& request) noexcept {
    if (out_.size() == kOutMax) return false;
    const File& file = files_[static_cast<std::size_t>(request.file)];
    const std::uint64_t bytes = bytes_of(request);
    const bool moves = request.kind != IoKind::kFlush && !file.is_segment;
    const std::int32_t result = moves ? move(file.fd, request) : static_cast<std::int32_t>(bytes);
    out_.push_back({due_ns(request, bytes), request_count_, {request.tag, result}});
    std::push_heap(out_.begin(), out_.end());
    return true;
}

std::uint32_t ModelStorage::reap(IoResult* results, std::uint32_t capacity) noexcept {
    std::uint32_t count = 0;
    while (count < capacity && !out_.empty() && out_.front().due_ns <= clock_.now_ns()) {
        results[count++] = out_.front().result;
        std::pop_heap(out_.begin(), out_.end());
        out_.pop_back();
    }
    return count;
}

void ModelStorage::wait(std::int64_t timeout_ns) noexcept {
    if (is_woken_) {
        is_woken_ = false;
        return;
    }
    BWRT_CHECK(timeout_ns >= 0 || !out_.empty());
    std::uint64_t until_ns = deadline_after(clock_.now_ns(), timeout_ns);
    if (!out_.empty()) until_ns = std::min(until_ns, out_.front().due_ns);
    clock_.advance_to(until_ns);
}

}  // namespace bwrt::runtime
