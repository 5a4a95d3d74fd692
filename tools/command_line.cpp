// SPDX-License-Identifier: Apache-2.0
//
// command_line.cpp — the command line as a whole: its subcommands, what they take and what the help
// says of them.

#include "tools/command_line.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "tools/command_line_parts.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace bwrt::tools {
namespace {

void add_caps(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "caps", "Show what was found on this machine, and the reason for what was not",
        run_caps, json);
    app->add_option("--calibration", options->calibration, "With this table by bwrt calibrate");
    app->add_flag("--device", options->device, "Start the CUDA driver and count its devices, too");
}

void add_copy(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "copy", "Copy a file, read the copy back and compare; DST is whole or untouched",
        run_copy, json);
    app->add_option("SRC", options->source, "A regular file or block device")->required();
    app->add_option("DST", options->target, "A file name; a file of that name is replaced")
        ->required();
    app->add_option("--chunk", options->chunk_bytes, "Bytes of one wave: 256k, 1m")
        ->transform(size_value())
        ->check(CLI::Range(std::uint64_t{4096}, std::uint64_t{64} << 20))
        ->capture_default_str();
    app->add_option("--depth", options->depth, "Chunks in flight")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app->add_flag("--direct", options->direct, "Go past the page cache");
}

void add_bench_io(CLI::App* bench, const bool* json) {
    const auto [app, options] = add_command(
        bench, "io", "Random direct reads and writes of a new file, which is removed at the end",
        run_bench_io, json);
    app->add_option("PLACE", options->place, "A folder, or the name of a file to be made")
        ->required();
    app->add_option("--bytes", options->file_bytes, "Of the file: 256m, 1g")
        ->transform(size_value())
        ->capture_default_str();
    app->add_option("--sizes", options->sizes, "Of a block: 4k,64k,1m")
        ->delimiter(',')
        ->transform(size_value());
    app->add_option("--depth", options->depth, "Blocks in flight")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    app->add_option("--seconds", options->seconds, "For each direction and size")
        ->check(real_range(0.001, 3600.0))
        ->capture_default_str();
    CLI::Option* const reads = app->add_flag("--reads", options->read_only, "Only reads");
    app->add_flag("--writes", options->write_only, "Only writes")->excludes(reads);
    app->add_flag("--caller-pages", options->caller_pages,
                  "To and from ordinary pages, not memory of bwrt's own");
}

void add_rounds(CLI::App* app, std::uint32_t* round_count) {
    app->add_option("--rounds", *round_count, "The figures are medians over them")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
}

void add_bench_overhead(CLI::App* bench, const bool* json) {
    const auto [app, options] =
        add_command(bench, "overhead", "What submissions and cached reads cost in software",
                    run_bench_overhead, json);
    app->add_option("PLACE", options->place, "A folder for a temporary file of 256 MiB")
        ->capture_default_str();
    app->add_option("--waves", options->wave_count, "Single ones in a round")
        ->check(CLI::Range(1, 10'000'000))
        ->capture_default_str();
    add_rounds(app, &options->round_count);
}

void add_bench_ring(CLI::App* bench, const bool* json) {
    const auto [app, options] =
        add_command(bench, "ring", "What a hand-over between threads costs", run_bench_ring, json);
    app->add_option("--commands", options->command_count, "In one round")
        ->check(CLI::Range(64, 100'000'000))
        ->capture_default_str();
    add_rounds(app, &options->round_count);
}

void add_bench(CLI::App* bwrt, const bool* json) {
    CLI::App* const bench = bwrt->add_subcommand("bench", "Measure bwrt on this machine");
    bench->require_subcommand(1);
    add_bench_io(bench, json);
    add_bench_overhead(bench, json);
    add_bench_ring(bench, json);
}

void add_calibrate(CLI::App* bwrt, const bool* json) {
    const auto [app, options] = add_command(
        bwrt, "calibrate", "Measure the device behind a folder and write a table for bwrt_open()",
        run_calibrate, json);
    app->add_option("DIR", options->directory, "A folder on the device; a file is made and removed")
        ->required();
    app->add_option("--output", options->output, "The table; other devices in it are kept")
        ->capture_default_str();
    app->add_option("--bytes", options->file_bytes, "Of the file: 256m, 1g")
        ->transform(size_value())
        ->capture_default_str();
    app->add_option("--rounds", options->round_count, "The best of them counts")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app->add_option("--seconds", options->sample_seconds, "For each sample")
        ->check(real_range(0.001, 60.0))
        ->capture_default_str();
    app->add_flag("--network", options->network, "Also on a network file system");
}

// The command's own version and the ABI of the library it runs on, as `bwrt caps` begins.  Nothing
// is opened for it: it answers where nothing else does.
std::string version() {
    const std::uint32_t abi = bwrt_abi_version();
    return "bwrt " BWRT_VERSION ", ABI " + std::to_string(abi >> 16) + "." +
           std::to_string(abi & 0xFFFF);
}

void print_version_json() {
    JsonObject object;
    object.add("version", BWRT_VERSION);
    object.add("abi_version", bwrt_abi_version());
    object.print();
}

// Throws for the first word where a command was looked for, with those that there are; returns
// where one was found, or nothing but options given: CLI11 says those itself.
void refuse_unknown_command(const CLI::App& app) {
    const CLI::App* innermost = &app;
    while (!innermost->get_subcommands().empty()) innermost = innermost->get_subcommands().front();
    std::string there_are;
    for (const CLI::App* command : innermost->get_subcommands([](const CLI::App*) { return true; }))
        there_are += (there_are.empty() ? "" : ", ") + command->get_name();
    if (there_are.empty()) return;
    for (const std::string& word : app.remaining(true)) {
        if (word.empty() || word.front() == '-') continue;
        throw Failure("E_INVAL", "no command '" + word + "'; there are: " + there_are, 2);
    }
}

}  // namespace

CLI::Validator size_value() {
    const CLI::AsSizeValue size(false);
    const auto transform = [size](std::string& text) {
        return text.starts_with('-') ? "Value " + text + " is less than 0" : size(text);
    };
    return {transform, size.get_description()};
}

CLI::Validator real_range(double least, double most) {
    const CLI::Range range(least, most);
    const auto check = [range](std::string& text) {
        double value = 0;
        const bool is_nan = CLI::detail::lexical_cast(text, value) && std::isnan(value);
        return is_nan ? "Value " + text + " is not a number" : range(text);
    };
    return {check, range.get_description()};
}

int run_command_line(int argc, const char* const* argv, bool* json_out) {
    CLI::App app{"bwrt, the movement engine below an inference engine"};
    *json_out = false;
    app.add_flag("--json", *json_out, "Print one JSON object");
    app.set_version_flag("--version", version, "Print the version and the library's ABI version");
    app.fallthrough();  // --json may stand behind the subcommand
    app.require_subcommand(1);
    add_caps(&app, json_out);
    add_copy(&app, json_out);
    add_bench(&app, json_out);
    add_calibrate(&app, json_out);
    add_plan(&app, json_out);
    add_trace_commands(&app, json_out);
    add_store(&app, json_out);

    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::CallForVersion& asked) {
        if (!*json_out) return app.exit(asked);
        print_version_json();
        return 0;
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0) refuse_unknown_command(app);
        return app.exit(error) == 0 ? 0 : 2;
    }
}

}  // namespace bwrt::tools
