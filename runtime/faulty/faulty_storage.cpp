// SPDX-License-Identifier: Apache-2.0

#include "runtime/faulty/faulty_storage.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kRoomNs = 100'000;  // after a refusal, start() is worth another try
constexpr std::uint64_t kTransferBytesMax = 0x7ffff000;  // the kernel cuts here

std::uint64_t now_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec * kNsPerSecond + now.tv_nsec);
}

std::uint64_t bytes_of(const IoRequest& request) noexcept {
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < request.iovec_count; ++i) bytes += request.iovecs[i].iov_len;
    return std::min(bytes, kTransferBytesMax);
}

// The path behind an fd, as far as it fits; empty when it cannot be had.
void path_of(int fd, char* path, std::size_t path_bytes) noexcept {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, path_bytes - 1);
    path[std::max<ssize_t>(length, 0)] = '\0';
}

}  // namespace

FaultyStorage::FaultyStorage(std::unique_ptr<StorageBackend> inner, FaultPlan plan,
                             const StorageOptions& options)
    : plan_(std::move(plan)),
      log_(options.log),
      log_user_(options.log_user),
      counts_(plan_.rules.size()),
      files_(std::max(options.file_count_max, 1u)),
      slots_(std::clamp(options.queue_depth, 1u, kInFlightMax)),
      free_slots_(slots_.size()),
      ready_(slots_.size()),
      free_count_(static_cast<std::uint32_t>(slots_.size())),
      cut_iovecs_(slots_.size() * kIovecCountMax),
      inner_(std::move(inner)) {
    for (std::uint32_t i = 0; i < free_count_; ++i) free_slots_[i] = free_count_ - 1 - i;
    constexpr std::size_t kNumberBytes = 64;  // a count and the words around it
    sentence_.reserve((plan_.rules.size() + 4) * kNumberBytes + describe(plan_).size());
}

// The inner backend first: its threads may still read the iovecs that were cut.
FaultyStorage::~FaultyStorage() {
    inner_.reset();
    if (epoll_fd_ >= 0) close(epoll_fd_);
    if (timer_fd_ >= 0) close(timer_fd_);
    if (log_ != nullptr && !plan_.rules.empty()) report_injected();
}

void FaultyStorage::report_injected() noexcept {
    char number[64];
    std::uint64_t injected = 0;
    for (const RuleCount& count : counts_) injected += count.injected;
    std::snprintf(number, sizeof number, "BWRT_FAULTS injected %llu faults",
                  static_cast<unsigned long long>(injected));
    sentence_ = number;
    std::snprintf(number, sizeof number, " in %llu reads, %llu writes, %llu flushes",
                  static_cast<unsigned long long>(request_counts_[0]),
                  static_cast<unsigned long long>(request_counts_[1]),
                  static_cast<unsigned long long>(request_counts_[2]));
    sentence_ += number;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        std::snprintf(number, sizeof number, "%s%llu by ", i == 0 ? ": " : "; ",
                      static_cast<unsigned long long>(counts_[i].injected));
        sentence_.append(number).append(plan_.rules[i].text);
    }
    log_(log_user_, BWRT_LOG_INFO, sentence_.c_str());
}

std::int32_t FaultyStorage::attach_file(int fd) noexcept {
    const std::int32_t index = inner_->attach_file(fd);
    if (index < 0) return index;
    BWRT_CHECK(static_cast<std::size_t>(index) < files_.size());
    File& file = files_[static_cast<std::uint32_t>(index)];
    file.is_direct = (fcntl(fd, F_GETFL) & O_DIRECT) != 0;
    file.rules = 0;
    char path[PATH_MAX];
    path_of(fd, path, sizeof path);
    for (std::size_t i = 0; i < plan_.rules.size(); ++i) {
        const std::string& wanted = plan_.rules[i].file;
        if (wanted.empty() || std::strstr(path, wanted.c_str()) != nullptr) file.rules |= 1u << i;
    }
    return index;
}

void FaultyStorage::detach_file(std::int32_t file) noexcept { inner_->detach_file(file); }

std::int32_t FaultyStorage::attach_buffer(void* address, std::size_t length_bytes) noexcept {
    return inner_->attach_buffer(address, length_bytes);
}

void FaultyStorage::detach_buffer(std::int32_t buffer) noexcept { inner_->detach_buffer(buffer); }

// ---- requests

bool FaultyStorage::start(const IoRequest& request) noexcept {
    if (free_count_ == 0) return false;
    const std::uint64_t bytes = bytes_of(request);
    if (!has_room(request, bytes)) {
        next_due_ns_ = std::min(next_due_ns_, now_ns() + kRoomNs);
        set_timer();
        return false;
    }
    const Choice choice = choose(request, bytes);
    const std::uint32_t index = free_slots_[free_count_ - 1];
    Slot& slot = slots_[index];
    slot = {};
    slot.request = request;
    slot.bytes = static_cast<std::uint32_t>(bytes);
    spoil(choice.what_index, &slot);
    hold(choice.when_index, now_ns(), &slot);
    if (slot.place == Place::kHeld) {
        ++held_count_;
        next_due_ns_ = std::min(next_due_ns_, slot.due_ns);
    } else if (slot.is_answered) {
        make_ready(index, slot.answer);
    } else if (!start_inner(index)) {
        slot.place = Place::kFree;
        return false;
    }
    --free_count_;
    slot.sequence = ++sequence_;
    count(choice, slot);
    set_timer();
    return true;
}

bool FaultyStorage::start_inner(std::uint32_t index) noexcept {
    Slot& slot = slots_[index];
    IoRequest request = slot.request;
    request.tag = index;
    if (slot.cut_bytes != 0) {
        iovec* const parts = &cut_iovecs_[std::size_t{index} * kIovecCountMax];
        std::size_t left = slot.cut_bytes;
        request.iovec_count = 0;
        for (request.iovecs = parts; left != 0; ++request.iovec_count) {
            const iovec& whole = slot.request.iovecs[request.iovec_count];
            parts[request.iovec_count] = {whole.iov_base, std::min(whole.iov_len, left)};
            left -= parts[request.iovec_count].iov_len;
        }
    }
    if (!inner_->start(request)) return false;
    slot.place = Place::kInner;
    return true;
}

void FaultyStorage::cancel(std::uint32_t tag) noexcept {
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        if (slot.request.tag != tag) continue;
        if (slot.place == Place::kInner) inner_->cancel(i);
        if (slot.place != Place::kHeld) continue;
        --held_count_;
        make_ready(i, -ECANCELED);
    }
    set_timer();
}

// ---- results

void FaultyStorage::make_ready(std::uint32_t index, std::int32_t answer) noexcept {
    slots_[index].place = Place::kReady;
    slots_[index].answer = answer;
    ready_[(ready_first_ + ready_count_++) % ready_.size()] = index;
}

void FaultyStorage::free_slot(std::uint32_t index) noexcept {
    newest_over_ = std::max(newest_over_, slots_[index].sequence);
    slots_[index].place = Place::kFree;
    free_slots_[free_count_++] = index;
}

std::uint32_t FaultyStorage::take_ready(IoResult* results, std::uint32_t capacity) noexcept {
    std::uint32_t count = 0;
    for (; ready_count_ != 0 && count < capacity; --ready_count_) {
        const std::uint32_t index = ready_[ready_first_];
        ready_first_ = (ready_first_ + 1) % static_cast<std::uint32_t>(ready_.size());
        results[count++] = {slots_[index].request.tag, slots_[index].answer};
        free_slot(index);
    }
    return count;
}

// What the inner backend did, as it shall be told.
void FaultyStorage::finish_inner(IoResult* result) noexcept {
    BWRT_CHECK(result->tag < slots_.size());
    const std::uint32_t index = result->tag;
    const Slot& slot = slots_[index];
    BWRT_CHECK(slot.place == Place::kInner);
    if (slot.has_rule && result->result > 0) {
        const auto moved = static_cast<std::uint32_t>(result->result);
        if (slot.fault == FaultKind::kFlip) flip_bit(slot, moved);
        if (slot.fault == FaultKind::kTorn && moved == slot.cut_bytes) {
            result->result = slot.answer;
        }
    }
    result->tag = slot.request.tag;
    free_slot(index);
}

void FaultyStorage::flip_bit(const Slot& slot, std::uint32_t bytes) noexcept {
    std::size_t at = (slot.draw >> 3) % bytes;
    const iovec* part = slot.request.iovecs;
    for (; at >= part->iov_len; ++part) at -= part->iov_len;
    static_cast<unsigned char*>(part->iov_base)[at] ^=
        static_cast<unsigned char>(1u << (slot.draw & 7));
    ++counts_[slot.rule_index].injected;
}

std::uint32_t FaultyStorage::reap(IoResult* results, std::uint32_t capacity) noexcept {
    static_cast<void>(release_due());
    std::uint32_t count = take_ready(results, capacity);
    const std::uint32_t inner_count = inner_->reap(results + count, capacity - count);
    for (std::uint32_t i = 0; i < inner_count; ++i) finish_inner(&results[count + i]);
    count += inner_count;
    set_timer();
    return count;
}

// ---- time

// Whether one that started later is under way and will be over by itself.
bool FaultyStorage::has_later(const Slot& slot) const noexcept {
    return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& other) {
        const bool stays = other.is_reordered || other.due_ns == kNeverNs;
        return other.place != Place::kFree && other.sequence > slot.sequence &&
               !(other.place == Place::kHeld && stays);
    });
}

// True when anything was due: then there may be something to reap or to start again.
bool FaultyStorage::release_due() noexcept {
    if (next_due_ns_ == kNeverNs) return false;
    const std::uint64_t now = now_ns();
    if (now < next_due_ns_) return false;
    next_due_ns_ = kNeverNs;
    for (std::uint32_t i = 0; held_count_ != 0 && i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        if (slot.place != Place::kHeld) continue;
        if (slot.due_ns <= now) {
            if (slot.is_reordered && slot.sequence > newest_over_ && has_later(slot)) {
                slot.due_ns = now + kReorderNs;
            } else if (slot.is_answered) {
                make_ready(i, slot.answer);
            } else if (!start_inner(i)) {
                slot.due_ns = now + kRoomNs;
            }
            if (slot.place != Place::kHeld) {
                --held_count_;
                continue;
            }
        }
        next_due_ns_ = std::min(next_due_ns_, slot.due_ns);
    }
    set_timer();
    return true;
}

void FaultyStorage::submit() noexcept { inner_->submit(); }

// Ends when something held is due; the look that follows starts it.
void FaultyStorage::wait(std::int64_t timeout_ns) noexcept {
    if (release_due() || ready_count_ != 0) timeout_ns = 0;
    if (next_due_ns_ != kNeverNs && timeout_ns != 0) {
        const std::uint64_t now = now_ns();
        const std::uint64_t left_ns = next_due_ns_ > now ? next_due_ns_ - now : 0;
        if (timeout_ns < 0 || left_ns < static_cast<std::uint64_t>(timeout_ns)) {
            timeout_ns = static_cast<std::int64_t>(left_ns);
        }
    }
    inner_->wait(timeout_ns);
}

void FaultyStorage::wake() noexcept { inner_->wake(); }

// The timer runs out when something held is due, and stands run out while a result is ready.
void FaultyStorage::set_timer() const noexcept {
    if (timer_fd_ < 0) return;
    std::uint64_t wanted_ns = std::max<std::uint64_t>(next_due_ns_, 1);
    if (ready_count_ != 0) wanted_ns = 1;
    if (wanted_ns == kNeverNs) wanted_ns = 0;
    if (wanted_ns == timer_ns_) return;
    timer_ns_ = wanted_ns;
    itimerspec spec = {};
    spec.it_value.tv_sec = static_cast<time_t>(wanted_ns / kNsPerSecond);
    spec.it_value.tv_nsec = static_cast<long>(wanted_ns % kNsPerSecond);
    timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

int FaultyStorage::readiness_fd() const noexcept {
    if (epoll_fd_ >= 0) return epoll_fd_;
    const int inner_fd = inner_->readiness_fd();
    if (inner_fd < 0) return -1;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    epoll_event readable{};
    readable.events = EPOLLIN;
    if (epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, inner_fd, &readable) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &readable) != 0) {
        if (epoll >= 0) close(epoll);
        if (timer >= 0) close(timer);
        return -1;
    }
    epoll_fd_ = epoll;
    timer_fd_ = timer;
    set_timer();
    return epoll_fd_;
}

std::uint64_t FaultyStorage::unknown_result_count() const noexcept {
    return inner_->unknown_result_count();
}

}  // namespace bwrt::runtime
