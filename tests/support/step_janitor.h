// SPDX-License-Identifier: Apache-2.0
//
// step_janitor.h — a janitor without a thread: jobs run when the test says so.

#pragma once

#include <cstddef>
#include <deque>

#include "runtime/janitor.h"

namespace bwrt::test {

class StepJanitor final : public runtime::Janitor {
 public:
    // Runs the oldest job that was started; false when there is none.
    bool run_one() noexcept {
        if (started_.empty()) return false;
        runtime::Job* const job = started_.front();
        started_.pop_front();
        job->run();
        finished_.push_back(job);
        return true;
    }
    [[nodiscard]] std::size_t started_count() const noexcept { return started_.size(); }

    void start(runtime::Job* job) noexcept override { started_.push_back(job); }
    [[nodiscard]] runtime::Job* reap() noexcept override {
        if (finished_.empty()) return nullptr;
        runtime::Job* const job = finished_.front();
        finished_.pop_front();
        return job;
    }
    [[nodiscard]] bool is_idle() const noexcept override {
        return started_.empty() && finished_.empty();
    }

 private:
    std::deque<runtime::Job*> started_, finished_;
};

}  // namespace bwrt::test
