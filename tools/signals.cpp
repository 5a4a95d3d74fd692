// SPDX-License-Identifier: Apache-2.0

#include "tools/signals.h"

#include <csignal>
#include <initializer_list>

namespace bwrt::tools {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int) { interrupted = 1; }

}  // namespace

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = interrupt;
    for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
    struct sigaction before {};
    sigaction(SIGHUP, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // nohup means it
    action.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &action, nullptr);  // a size limit is an error to report, not to die of
}

bool is_interrupted() { return interrupted != 0; }

}  // namespace bwrt::tools
