// SPDX-License-Identifier: Apache-2.0

#include "tools/tune_runs.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/output.h"
#include "tools/replay/replay.h"
#include "tools/signals.h"

namespace bwrt::tools {
namespace {

using namespace bwrt::replay;

constexpr int kLookMs = 200;  // a signal that comes just before poll() is seen after that

// What a child tells; written at once, since it is shorter than PIPE_BUF.
struct Outcome {
    std::int32_t exit_status = 0;
    char code[32] = {};
    char sentence[512] = {};
    TuneScores scores;
};
static_assert(sizeof(Outcome) < 4096);

struct Child {
    pid_t pid = 0;
    int fd = -1;
    std::size_t index = 0;
};

void add(const Served& served, const Trace& trace, std::size_t request, TuneScore& score) {
    const std::uint64_t input = trace.request(request).input_tokens;
    const std::uint64_t hit = input - std::min<std::uint64_t>(served.computed_tokens, input);
    score.tokens += input;
    score.hit_tokens += hit;
    score.host_tokens += std::min(hit, std::uint64_t{served.host_count} * trace.block_tokens());
}

TuneScores score_of(const Scene& scene, std::size_t split, const TuneRun& run) {
    RuntimeCacheOptions options = scene.cache;
    options.tuning = run.tuning;
    RuntimeCache cache(options, scene.trace);
    std::uint64_t written = 0;
    const ReplayResult result =
        replay::replay(scene.trace, scene.rule, cache, [&](const ReplayResult& so_far) {
            if (is_interrupted()) return false;
            if (so_far.served.size() != split) return true;
            written = cache.figures().disk_written_bytes;
            return run.is_whole;
        });
    if (is_interrupted()) throw Failure("interrupted", "interrupted", 130);
    TuneScores scores;
    for (std::size_t i = 0; i < result.served.size(); ++i) {
        add(result.served[i], scene.trace, i, i < split ? scores.first : scores.rest);
    }
    scores.first.written_bytes = written;
    scores.rest.written_bytes = result.cache.disk_written_bytes - written;
    return scores;
}

Outcome outcome_of(const Scene& scene, std::size_t split, const TuneRun& run) {
    Outcome outcome;
    const auto fail = [&](const char* code, const char* sentence, int exit_status) {
        outcome.exit_status = exit_status;
        std::snprintf(outcome.code, sizeof outcome.code, "%s", code);
        std::snprintf(outcome.sentence, sizeof outcome.sentence, "%s", sentence);
    };
    try {
        outcome.scores = score_of(scene, split, run);
    } catch (const Failure& failure) {
        fail(failure.code().c_str(), failure.what(), failure.exit_status());
    } catch (const std::exception& error) {
        fail("E_INTERNAL", error.what(), 1);
    }
    return outcome;
}

// In the child, which has no end but this.
[[noreturn]] void run_in_child(const Scene& scene, std::size_t split, const TuneRun& run,
                               pid_t parent, int fd) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    const Outcome outcome = outcome_of(scene, split, run);
    const ssize_t count = write(fd, &outcome, sizeof outcome);
    _exit(count == static_cast<ssize_t>(sizeof outcome) ? 0 : 1);
}

// The children under way; whatever happens, none of them outlives this.
class Children {
 public:
    Children() = default;
    ~Children() {
        for (const Child& child : children_) kill(child.pid, SIGTERM);
        for (const Child& child : children_) end(child);
    }
    Children(const Children&) = delete;
    Children& operator=(const Children&) = delete;

    [[nodiscard]] std::size_t count() const { return children_.size(); }

    void start(const Scene& scene, std::size_t split, const TuneRun& run, std::size_t index) {
        int fds[2];
        if (pipe(fds) != 0) fail_system("pipe", errno);
        const pid_t parent = getpid();
        const pid_t pid = fork();
        if (pid == 0) {
            close(fds[0]);
            run_in_child(scene, split, run, parent, fds[1]);
        }
        const int os_code = errno;
        close(fds[1]);
        if (pid < 0) {
            close(fds[0]);
            fail_system("fork", os_code);
        }
        children_.push_back({pid, fds[0], index});
    }

    // What the next one says that is done, and whose run it was.
    Outcome take(std::size_t* index_out) {
        for (;;) {
            if (is_interrupted())
                throw Failure("interrupted", "interrupted: nothing is written", 130);
            std::vector<pollfd> fds;
            for (const Child& child : children_) fds.push_back({child.fd, POLLIN, 0});
            if (poll(fds.data(), fds.size(), kLookMs) <= 0) continue;
            for (std::size_t i = 0; i < fds.size(); ++i) {
                if (fds[i].revents != 0) return take_from(i, index_out);
            }
        }
    }

 private:
    static void end(const Child& child) {
        close(child.fd);
        int status = 0;
        while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
        }
    }

    Outcome take_from(std::size_t place, std::size_t* index_out) {
        const Child child = children_[place];
        Outcome outcome;
        ssize_t count;
        do {
            count = read(child.fd, &outcome, sizeof outcome);
        } while (count < 0 && errno == EINTR);
        children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(place));
        end(child);
        if (count != static_cast<ssize_t>(sizeof outcome)) {
            throw Failure("E_INTERNAL", "a replay ended without a word: killed, or out of memory");
        }
        *index_out = child.index;
        return outcome;
    }

    std::vector<Child> children_;
};

void draw(std::size_t done, std::size_t all) {
    if (isatty(STDERR_FILENO) != 1) return;
    std::fprintf(stderr, "\r%zu of %zu replays\x1b[K%s", done, all, done == all ? "\r\x1b[K" : "");
}

}  // namespace

std::vector<TuneScores> run_all(const Scene& scene, std::size_t split,
                                const std::vector<TuneRun>& runs, std::uint32_t job_count) {
    std::vector<TuneScores> scores(runs.size());
    Children children;
    std::size_t started = 0, done = 0;
    while (done < runs.size()) {
        for (; started < runs.size() && children.count() < job_count; ++started) {
            children.start(scene, split, runs[started], started);
        }
        std::size_t index = 0;
        const Outcome outcome = children.take(&index);
        if (outcome.exit_status != 0) {
            throw Failure(outcome.code, outcome.sentence, outcome.exit_status);
        }
        scores[index] = outcome.scores;
        draw(++done, runs.size());
    }
    return scores;
}

}  // namespace bwrt::tools
