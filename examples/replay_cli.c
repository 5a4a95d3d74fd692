/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_cli.c — see replay_cli.h.  Nothing here knows bwrt. */

#define _GNU_SOURCE 1 /* getopt_long */

#include "replay_cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char kUsage[] =
    "usage: replay_trace [options] TRACE\n"
    "       replay_trace [options] --generate [SEED]\n"
    "\n"
    "Replays the prompts of a request trace (Mooncake's JSON lines; .zst is unpacked,\n"
    "- is standard input) against a block cache in memory and a file, and checks every\n"
    "byte that is handed out.  Blocks are 16 KiB.\n"
    "\n"
    "  --memory-blocks N  blocks kept in memory (default 4096: 64 MiB)\n"
    "  --disk-blocks N    blocks kept in the file (default 32768: 512 MiB)\n"
    "  --file PATH        the block file, overwritten and kept; may be a block device\n"
    "                     (default: a temporary file in $TMPDIR or /tmp)\n"
    "  --direct           go past the page cache\n"
    "  --speed S          S seconds of the trace in one (default 60; 0: no waiting)\n"
    "  --seconds N        only the first N seconds of the trace\n"
    "  --deadline-ms D    what a load may take (default 100; 0: as long as it takes)\n"
    "  --in-flight K      requests under way at once (default 4)\n"
    "  --generate [SEED]  a chat-like trace made from SEED (default 1), of --seconds\n"
    "                     (default 600)\n"
    "  --damage N         flip a bit of every Nth block in the file after it was\n"
    "                     stored, to see that the check finds it\n"
    "  --json             the result as one JSON object\n"
    "\n"
    "Ctrl-C ends the replay with what was measured.  The exit status is 0 when no byte\n"
    "was wrong and no wave failed, 1 otherwise, 2 for a wrong command line.\n";

enum {
    OPT_MEMORY_BLOCKS = 256,
    OPT_DISK_BLOCKS,
    OPT_FILE,
    OPT_DIRECT,
    OPT_SPEED,
    OPT_SECONDS,
    OPT_DEADLINE_MS,
    OPT_IN_FLIGHT,
    OPT_GENERATE,
    OPT_DAMAGE,
    OPT_JSON,
    OPT_HELP
};

static const struct option kLongOptions[] = {
    {"memory-blocks", required_argument, NULL, OPT_MEMORY_BLOCKS},
    {"disk-blocks", required_argument, NULL, OPT_DISK_BLOCKS},
    {"file", required_argument, NULL, OPT_FILE},
    {"direct", no_argument, NULL, OPT_DIRECT},
    {"speed", required_argument, NULL, OPT_SPEED},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"deadline-ms", required_argument, NULL, OPT_DEADLINE_MS},
    {"in-flight", required_argument, NULL, OPT_IN_FLIGHT},
    {"generate", optional_argument, NULL, OPT_GENERATE},
    {"damage", required_argument, NULL, OPT_DAMAGE},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0}};

/* A number from `least` to `most`, or not a number. */
static double number(const char* name, const char* text, double least, double most) {
    char* end = NULL;
    const double value = strtod(text, &end);
    if (end != text && *end == '\0' && value >= least && value <= most) return value;
    fprintf(stderr, "--%s %s is not a number from %.0f to %.0f\n", name, text, least, most);
    return (double)NAN;
}

static double whole(const char* name, const char* text, double least, double most) {
    const double value = number(name, text, least, most);
    if (isnan(value) || value == floor(value)) return value;
    fprintf(stderr, "--%s %s is not a whole number\n", name, text);
    return (double)NAN;
}

static bool take_seed(const char* text, Options* options) {
    const double value = whole("generate", text, 0, 1e15);
    if (isnan(value)) return false;
    options->seed = (uint64_t)value;
    return true;
}

/* False for an option that is not known or has a value it cannot have. */
static bool take_option(int option, const char* name, Options* options) {
    double value = 0;
    switch (option) {
        case OPT_MEMORY_BLOCKS:
            value = whole(name, optarg, 1, 1 << 26);
            if (!isnan(value)) options->memory_block_count = (uint32_t)value;
            break;
        case OPT_DISK_BLOCKS:
            value = whole(name, optarg, 1, 1 << 30);
            if (!isnan(value)) options->disk_block_count = (uint32_t)value;
            break;
        case OPT_SPEED:
            options->speed = value = number(name, optarg, 0, 1e9);
            break;
        case OPT_SECONDS:
            options->seconds = value = number(name, optarg, 0, 1e9);
            break;
        case OPT_DEADLINE_MS:
            value = number(name, optarg, 0, 1e9);
            if (!isnan(value)) options->deadline_ns = (uint64_t)(1e6 * value);
            break;
        case OPT_IN_FLIGHT:
            value = whole(name, optarg, 1, 256);
            if (!isnan(value)) options->in_flight_count = (uint32_t)value;
            break;
        case OPT_GENERATE:
            return optarg == NULL || take_seed(optarg, options);
        case OPT_DAMAGE:
            value = whole(name, optarg, 0, 1e9);
            if (!isnan(value)) options->damage_every = (uint32_t)value;
            break;
        case OPT_FILE:
            options->file_path = optarg;
            break;
        case OPT_DIRECT:
            options->direct = true;
            break;
        case OPT_JSON:
            options->json = true;
            break;
        default:
            return false;
    }
    return !isnan(value);
}

bool options_parse(int argc, char** argv, Options* options_out, int* exit_out) {
    Options options = {.deadline_ns = 100 * 1000 * 1000,
                       .seed = 1,
                       .speed = 60,
                       .memory_block_count = 4096,
                       .disk_block_count = 32768,
                       .in_flight_count = 4};
    bool generate = false;
    int option = 0;
    int option_index = 0;

    *exit_out = 2;
    while ((option = getopt_long(argc, argv, "", kLongOptions, &option_index)) != -1) {
        if (option == OPT_HELP) {
            fputs(kUsage, stdout);
            *exit_out = 0;
            return false;
        }
        if (!take_option(option, kLongOptions[option_index].name, &options)) return false;
        generate = generate || option == OPT_GENERATE;
    }
    const char* left = optind < argc ? argv[optind] : NULL; /* TRACE, or the seed */
    if (argc - optind > 1 || (left == NULL && !generate)) {
        fputs(kUsage, stderr);
        return false;
    }
    if (generate && left != NULL && !take_seed(left, &options)) return false;
    options.trace_path = generate ? NULL : left;
    if (generate && options.seconds <= 0) options.seconds = 600;
    *options_out = options;
    return true;
}

void progress_show(const Totals* totals, uint64_t now_ns) {
    static uint64_t shown_ns;
    if (now_ns - shown_ns < 200 * 1000 * 1000 || !isatty(STDERR_FILENO)) return;
    shown_ns = now_ns;
    fprintf(stderr,
            "\r%" PRIu64 " of %" PRIu64 " requests, %" PRIu64 " blocks from memory, %" PRIu64
            " loaded \x1b[K",
            totals->requests_done, totals->requests_planned, totals->blocks_from_memory,
            totals->blocks_loaded);
}

void progress_clear(void) {
    if (isatty(STDERR_FILENO)) fputs("\r\x1b[K", stderr);
}

static int compare_ns(const void* left, const void* right) {
    const uint64_t a = *(const uint64_t*)left;
    const uint64_t b = *(const uint64_t*)right;
    return (a > b) - (a < b);
}

/* The smallest latency that `share` of the waves did not pass, in milliseconds. */
static double percentile_ms(const Totals* totals, double share) {
    if (totals->load_waves == 0) return 0;
    const double rank = ceil(share * (double)totals->load_waves);
    return 1e-6 * (double)totals->latency_ns[rank < 1 ? 0 : (uint64_t)rank - 1];
}

static void print_table(const Totals* totals, double p50_ms, double p99_ms, double rate) {
    const uint64_t asked =
        totals->blocks_from_memory + totals->blocks_loaded + totals->blocks_computed;
    const double percent = asked == 0 ? 0 : 100.0 / (double)asked;

    printf("requests            %10" PRIu64 "   of %" PRIu64 "%s\n", totals->requests_done,
           totals->requests_planned, totals->interrupted ? ", interrupted" : "");
    printf("time                %10.2f s for %.0f s of the trace\n",
           1e-9 * (double)totals->elapsed_ns, totals->trace_seconds);
    printf("blocks asked for    %10" PRIu64 "   of %" PRIu64 " KiB\n", asked, BLOCK_BYTES / 1024);
    printf("  from memory       %10" PRIu64 "   %.1f %%\n", totals->blocks_from_memory,
           percent * (double)totals->blocks_from_memory);
    printf("  loaded            %10" PRIu64 "   %.1f %%\n", totals->blocks_loaded,
           percent * (double)totals->blocks_loaded);
    printf("  computed          %10" PRIu64 "   %.1f %%\n", totals->blocks_computed,
           percent * (double)totals->blocks_computed);
    printf("blocks stored       %10" PRIu64 "   in %" PRIu64 " waves\n", totals->blocks_stored,
           totals->store_waves);
    if (totals->blocks_damaged > 0)
        printf("blocks damaged      %10" PRIu64 "   on purpose\n", totals->blocks_damaged);
    printf("load waves          %10" PRIu64 "   p50 %.2f ms, p99 %.2f ms\n", totals->load_waves,
           p50_ms, p99_ms);
    printf("load rate           %10.2f GB/s while a load ran\n", rate);
    printf("late waves          %10" PRIu64 "\n", totals->late_waves);
    printf("failed waves        %10" PRIu64 "\n", totals->failed_waves);
    printf("wrong bytes         %10" PRIu64 "\n", totals->wrong_bytes);
}

static void print_json(const Totals* totals, double p50_ms, double p99_ms, double rate) {
    printf(
        "{\"requests\": %" PRIu64 ", \"requests_planned\": %" PRIu64
        ", \"interrupted\": %s, \"elapsed_s\": %.6f, \"trace_s\": %.3f, \"block_bytes\": %" PRIu64,
        totals->requests_done, totals->requests_planned, totals->interrupted ? "true" : "false",
        1e-9 * (double)totals->elapsed_ns, totals->trace_seconds, BLOCK_BYTES);
    printf(", \"blocks_from_memory\": %" PRIu64 ", \"blocks_loaded\": %" PRIu64
           ", \"blocks_computed\": %" PRIu64 ", \"blocks_stored\": %" PRIu64
           ", \"blocks_damaged\": %" PRIu64,
           totals->blocks_from_memory, totals->blocks_loaded, totals->blocks_computed,
           totals->blocks_stored, totals->blocks_damaged);
    printf(", \"load_waves\": %" PRIu64 ", \"store_waves\": %" PRIu64
           ", \"load_gb_per_s\": %.4f, \"load_p50_ms\": %.4f, \"load_p99_ms\": %.4f",
           totals->load_waves, totals->store_waves, rate, p50_ms, p99_ms);
    printf(", \"late_waves\": %" PRIu64 ", \"failed_waves\": %" PRIu64 ", \"wrong_bytes\": %" PRIu64
           "}\n",
           totals->late_waves, totals->failed_waves, totals->wrong_bytes);
}

void totals_print(const Totals* totals, const Options* options) {
    const double loaded_bytes = (double)(totals->blocks_loaded * BLOCK_BYTES);
    const double rate = totals->busy_ns == 0 ? 0 : loaded_bytes / (double)totals->busy_ns;

    qsort(totals->latency_ns, totals->load_waves, sizeof(uint64_t), compare_ns);
    const double p50_ms = percentile_ms(totals, 0.50);
    const double p99_ms = percentile_ms(totals, 0.99);
    if (options->json)
        print_json(totals, p50_ms, p99_ms, rate);
    else
        print_table(totals, p50_ms, p99_ms, rate);
}
