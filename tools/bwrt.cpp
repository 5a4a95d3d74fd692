// SPDX-License-Identifier: Apache-2.0
//
// bwrt.cpp — the bwrt command: what this machine can do, how fast, and a verified copy.
//
// Exit status: 0 done, 1 not done, 2 a wrong command line, 130 interrupted.

#include <exception>
#include <string>

#include "tools/commands.h"
#include "tools/output.h"

namespace {

// The command's own version and the ABI of the library it runs on, as `bwrt caps` begins.  Nothing
// is opened for it: it answers where nothing else does.
std::string version() {
    const std::uint32_t abi = bwrt_abi_version();
    return "bwrt " BWRT_VERSION ", ABI " + std::to_string(abi >> 16) + "." +
           std::to_string(abi & 0xFFFF);
}

void print_version_json() {
    bwrt::tools::JsonObject object;
    object.add("version", BWRT_VERSION);
    object.add("abi_version", bwrt_abi_version());
    object.print();
}

}  // namespace

int main(int argc, char** argv) {
    bool json = false;
    CLI::App app{"bwrt, the movement engine below an inference engine"};
    app.add_flag("--json", json, "Print one JSON object");
    app.set_version_flag("--version", version, "Print the version and the library's ABI version");
    app.fallthrough();  // --json may stand behind the subcommand
    app.require_subcommand(1);
    bwrt::tools::add_caps(&app, &json);
    bwrt::tools::add_copy(&app, &json);
    bwrt::tools::add_bench(&app, &json);
    bwrt::tools::add_calibrate(&app, &json);

    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::CallForVersion& asked) {
        if (!json) return app.exit(asked);
        print_version_json();
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
