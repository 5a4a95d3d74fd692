// SPDX-License-Identifier: Apache-2.0
//
// faults.h — what can go wrong in the simulated world, how often, and in which
// state of the executor it did.
//
// A state is what the world can see of a request: whose memory it names,
// whether its range continues or repeats an earlier one, whether it was refused
// before or asked back.  The table counts fault x state; an empty cell says
// that the workload never went there.

#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>

namespace bwrt::sim {

enum class Fault : std::uint32_t {
    kShort,     // fewer bytes than asked for
    kZero,      // none, before the end
    kEio,       // by chance
    kBadBlock,  // EIO of certain bytes, each time
    kEnospc,
    kEintr,
    kEagain,
    kEinval,      // direct I/O, refused from here on
    kLost,        // comes back when asked back, or after a minute
    kCancelled,   // came back because it was asked back
    kTooLate,     // was asked back and ended by itself
    kFull,        // start() took no more
    kDuplicate,   // one result twice
    kUnknown,     // a result for what was never asked
    kHostFailed,  // a copy did not arrive
    kCount
};

enum class State : std::uint32_t {
    kPlain,   // through the page cache, first request of its transfer
    kDirect,  // past it, from the caller's memory
    kStaged,  // past it, through bounce memory
    kEdge,    // a block read because it will be written in part
    kFlush,
    kContinued,  // the rest after a short count
    kRepeated,   // the same again after EINTR or EAGAIN
    kIsolated,   // one piece of a request that failed whole
    kParked,     // refused before
    kStopping,   // asked back
    kWaiting,    // while other waves wait for their dependencies, barriers or
                 // windows
    kQuiescing,  // while a region comes to rest
    kClosing,    // while the runtime shuts down
    kCount
};

constexpr std::uint32_t kFaultCount = static_cast<std::uint32_t>(Fault::kCount);
constexpr std::uint32_t kStateCount = static_cast<std::uint32_t>(State::kCount);

constexpr std::uint32_t bit(Fault fault) { return 1u << static_cast<std::uint32_t>(fault); }
constexpr std::uint32_t bit(State state) { return 1u << static_cast<std::uint32_t>(state); }

// Chances in permille of a request, unless it says otherwise.
struct FaultOptions {
    std::uint64_t latency_ns_min = 2'000;
    std::uint64_t latency_ns_mean = 50'000;
    std::uint32_t short_count = 0;
    std::uint32_t zero_count = 0;
    std::uint32_t eio = 0;
    std::uint32_t bad_block_count = 0;  // ranges of a file that cannot be read or written
    std::uint32_t enospc = 0;
    std::uint32_t eintr = 0;
    std::uint32_t eagain = 0;
    std::uint32_t einval = 0;
    std::uint32_t lost = 0;
    std::uint32_t cancel_too_late = 300;  // of requests asked back
    std::uint32_t full = 0;
    std::uint32_t duplicate = 0;
    std::uint32_t unknown = 0;
    std::uint32_t host_failed = 0;
};

class FaultTable {
 public:
    void count(Fault fault, std::uint32_t states) noexcept {
        for (std::uint32_t state = 0; state < kStateCount; ++state) {
            if ((states >> state & 1) != 0) ++hits_[static_cast<std::uint32_t>(fault)][state];
        }
    }
    // Prints the table; the number of cells that are empty and need not be.
    std::uint32_t print() const;

 private:
    std::uint64_t hits_[kFaultCount][kStateCount] = {};
};

// The first thing that was found wrong with a run.
class Verdict {
 public:
    explicit Verdict(std::uint64_t seed) : seed_(seed) {}

    __attribute__((format(printf, 2, 3))) void wrong(const char* format, ...) noexcept {
        if (++count_ > 1) return;
        va_list arguments;
        va_start(arguments, format);
        std::vsnprintf(sentence_, sizeof sentence_, format, arguments);
        va_end(arguments);
        std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed_), sentence_);
    }
    [[nodiscard]] bool is_good() const noexcept { return count_ == 0; }

 private:
    std::uint64_t seed_;
    std::uint32_t count_ = 0;
    char sentence_[256] = {};
};

}  // namespace bwrt::sim
