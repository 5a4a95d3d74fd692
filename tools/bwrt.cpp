// SPDX-License-Identifier: Apache-2.0
//
// bwrt.cpp — the bwrt command: what this machine can do, how fast, a verified copy, what is in a
// store, what the planner makes of requests, and what a trace of them is like.
//
// Exit status: 0 done, 1 not done or not right, 2 a wrong command line, 130 interrupted.

#include <exception>

#include "tools/command_line.h"
#include "tools/output.h"

int main(int argc, char** argv) {
    bool json = false;
    try {
        return bwrt::tools::run_command_line(argc, argv, &json);
    } catch (const bwrt::tools::Ended& ended) {
        return ended.exit_status;
    } catch (const bwrt::tools::Failure& failure) {
        bwrt::tools::print_failure(failure, json);
        return failure.exit_status();
    } catch (const std::exception& error) {
        bwrt::tools::print_failure({"E_INTERNAL", error.what()}, json);
        return 1;
    }
}
