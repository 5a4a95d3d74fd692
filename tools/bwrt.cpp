// SPDX-License-Identifier: Apache-2.0
//
// bwrt.cpp — the bwrt command: what this machine can do, how fast, a verified copy, and what is in
// a store.
//
// Exit status: 0 done, 1 not done or not right, 2 a wrong command line, 130 interrupted.

#include <exception>
#include <optional>
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

// The first word where a command was looked for, with those that there are; null where one was
// found, or nothing but options given: CLI11 says those itself.
std::optional<bwrt::tools::Failure> unknown_command(const CLI::App& app) {
    const CLI::App* innermost = &app;
    while (!innermost->get_subcommands().empty()) innermost = innermost->get_subcommands().front();
    std::string there_are;
    for (const CLI::App* command : innermost->get_subcommands([](const CLI::App*) { return true; }))
        there_are += (there_are.empty() ? "" : ", ") + command->get_name();
    if (there_are.empty()) return std::nullopt;
    for (const std::string& word : app.remaining(true)) {
        if (word.empty() || word.front() == '-') continue;
        return bwrt::tools::Failure("E_INVAL", "no command '" + word + "'; there are: " + there_are,
                                    2);
    }
    return std::nullopt;
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
    bwrt::tools::add_store(&app, &json);

    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::CallForVersion& asked) {
        if (!json) return app.exit(asked);
        print_version_json();
        return 0;
    } catch (const CLI::ParseError& error) {
        if (const auto failure = unknown_command(app); failure && error.get_exit_code() != 0) {
            bwrt::tools::print_failure(*failure, json);
            return failure->exit_status();
        }
        return app.exit(error) == 0 ? 0 : 2;
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
