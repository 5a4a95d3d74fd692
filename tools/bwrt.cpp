// SPDX-License-Identifier: Apache-2.0
//
// bwrt.cpp — the bwrt command: what this machine can do, and a verified copy.
//
// Exit status: 0 done, 1 not done, 2 a wrong command line, 130 interrupted.

#include <exception>

#include "tools/commands.h"
#include "tools/output.h"

int main(int argc, char** argv) {
    bool json = false;
    CLI::App app{"bwrt, the movement engine below an inference engine"};
    app.add_flag("--json", json, "Print one JSON object");
    app.fallthrough();  // --json may stand behind the subcommand
    app.require_subcommand(1);
    bwrt::tools::add_caps(&app, &json);
    bwrt::tools::add_copy(&app, &json);

    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const bwrt::tools::Failure& failure) {
        bwrt::tools::print_failure(failure, json);
        return failure.exit_status();
    } catch (const std::exception& error) {
        bwrt::tools::print_failure({"E_INTERNAL", error.what()}, json);
        return 1;
    }
}
