// SPDX-License-Identifier: Apache-2.0
//
// cmd_tune.cpp — `bwrt tune TRACE`: which policy suits a trace, found on its first part and proven
// on the rest, as a file for bwrt_config.tuning.
//
//   first part   every candidate ──▶ scores ──▶ the best three           (tune_choice.h)
//   all of it    those and the default; what counts is what they did behind the first part
//                ──▶ the one that is better on both, or the default ──▶ the file
//
// The candidates are few, so that the best of them is not the luckiest of many:
//
//   store     eviction lru, learned, ranked
//             x  write_touch_count 1, 2, 3, the latter where there is a disk
//   planner   where something is foretold, with the best of these: prefetch_horizon_ns 10, 20, 60 s
//             x  prefetch_wasted_milli 100, 200, 400
//
// Each is a file like the one that is written, and read by the library as that will be.  What of
// the planner decides who goes first has no candidates: a replay has one request at a time. Replays
// are those of `bwrt replay --mode model`, several at a time (tune_runs.h).

#include <cjson/cJSON.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tools/commands.h"
#include "tools/draft_file.h"
#include "tools/output.h"
#include "tools/replay/library.h"
#include "tools/replay_scene.h"
#include "tools/signals.h"
#include "tools/trace_source.h"
#include "tools/tune_choice.h"
#include "tools/tune_runs.h"

namespace bwrt::tools {
namespace {

using namespace bwrt::replay;

constexpr std::size_t kFinalistCount = 3;
constexpr double kPercentMost = 100;

// What a candidate says; 0 and null: nothing, so that all of it is the default.
struct Candidate {
    const char* eviction = nullptr;
    std::uint32_t write_touch_count = 0;
    std::uint64_t prefetch_horizon_ns = 0;
    std::uint32_t prefetch_wasted_milli = 0;
};

std::string name_of(const Candidate& candidate) {
    std::string name;
    const auto add = [&](const std::string& text) { name += (name.empty() ? "" : ", ") + text; };
    if (candidate.eviction != nullptr) add(std::string("eviction ") + candidate.eviction);
    if (candidate.write_touch_count != 0) {
        add("write_touch_count " + std::to_string(candidate.write_touch_count));
    }
    if (candidate.prefetch_horizon_ns != 0) {
        add("prefetch_horizon_ns " + std::to_string(candidate.prefetch_horizon_ns));
    }
    if (candidate.prefetch_wasted_milli != 0) {
        add("prefetch_wasted_milli " + std::to_string(candidate.prefetch_wasted_milli));
    }
    return name.empty() ? "default" : name;
}

// The file that says it.
std::string text_of(const Candidate& candidate, const std::string& trace, const std::string& why) {
    JsonObject file, store, planner;
    file.add("bwrt_tuning", std::uint32_t{1});
    file.add("trace", trace);
    file.add("why", why);
    if (candidate.eviction != nullptr) store.add("eviction", candidate.eviction);
    if (candidate.write_touch_count != 0) {
        store.add("write_touch_count", candidate.write_touch_count);
    }
    if (candidate.prefetch_horizon_ns != 0) {
        planner.add("prefetch_horizon_ns", candidate.prefetch_horizon_ns);
    }
    if (candidate.prefetch_wasted_milli != 0) {
        planner.add("prefetch_wasted_milli", candidate.prefetch_wasted_milli);
    }
    file.add("store", std::move(store));
    file.add("planner", std::move(planner));
    return file.line() + "\n";
}

std::vector<Candidate> of_the_store(const Scene& scene) {
    std::vector<Candidate> candidates = {{}};
    for (const char* const eviction : {"lru", "learned", "ranked"}) {
        for (const std::uint32_t touches : {1u, 2u, 3u}) {
            const bool is_default = std::string(eviction) == "lru" && touches == 1;
            if (is_default || (touches != 1 && scene.cache.disk_bytes == 0)) continue;
            candidates.push_back({eviction, touches, 0, 0});
        }
    }
    return candidates;
}

std::vector<Candidate> of_the_planner(const Candidate& store) {
    std::vector<Candidate> candidates;
    for (const std::uint64_t horizon_s : {10u, 20u, 60u}) {
        for (const std::uint32_t wasted : {100u, 200u, 400u}) {
            if (horizon_s == 20 && wasted == 200) continue;  // the default of both
            Candidate candidate = store;
            candidate.prefetch_horizon_ns = horizon_s * 1'000'000'000;
            candidate.prefetch_wasted_milli = wasted;
            candidates.push_back(candidate);
        }
    }
    return candidates;
}

struct Tried {
    Candidate candidate;
    std::string path;  // of the file in the working folder
    TuneScores scores;
    bool is_finalist = false;
};

class Tuning {
 public:
    Tuning(const TuneOptions& options, Scene scene, std::size_t split)
        : scene_(std::move(scene)),
          folder_(options.replay.folder),
          split_(split),
          job_count_(options.job_count != 0 ? options.job_count
                                            : std::max(1u, std::thread::hardware_concurrency())) {
        // Whatever becomes of a replay, what it leaves is in there, and removed.
        scene_.cache.folder = folder_.path();
    }

    void run() {
        try_all(of_the_store(scene_));
        if (scene_.cache.prefetch_bytes != 0) {
            const std::size_t best = best_of(first_scores(), 1).front();
            const bool is_better =
                goal_of(tried_[best].scores.first, tried_[0].scores.first).has_value();
            try_all(of_the_planner(tried_[is_better ? best : 0].candidate));
        }
        prove();
    }

    [[nodiscard]] const std::vector<Tried>& tried() const { return tried_; }
    [[nodiscard]] std::size_t chosen() const { return chosen_; }
    [[nodiscard]] const Scene& scene() const { return scene_; }
    [[nodiscard]] std::uint32_t job_count() const { return job_count_; }

    [[nodiscard]] std::string why() const {
        if (chosen_ == 0) {
            return "the default stays: nothing was better by more than the margin on both parts";
        }
        return reason_of(tried_[chosen_].scores.rest, tried_[0].scores.rest);
    }

 private:
    [[nodiscard]] std::vector<TuneScore> first_scores() const {
        std::vector<TuneScore> scores;
        for (const Tried& one : tried_) scores.push_back(one.scores.first);
        return scores;
    }

    void try_all(const std::vector<Candidate>& candidates) {
        std::vector<TuneRun> runs;
        const std::size_t before = tried_.size();
        for (const Candidate& candidate : candidates) {
            const std::string path = folder_.path() + "/" + std::to_string(tried_.size()) + ".json";
            DraftFile file(path);
            file.append(text_of(candidate, "", ""));
            file.take_place();
            tried_.push_back({candidate, path, {}, false});
            runs.push_back({path, false});
        }
        const std::vector<TuneScores> scores = run_all(scene_, split_, runs, job_count_);
        for (std::size_t i = 0; i < scores.size(); ++i) tried_[before + i].scores = scores[i];
    }

    void prove() {
        std::vector<std::size_t> finalists = best_of(first_scores(), kFinalistCount);
        finalists.insert(finalists.begin(), 0);
        std::vector<TuneRun> runs;
        for (const std::size_t i : finalists) runs.push_back({tried_[i].path, true});
        const std::vector<TuneScores> scores = run_all(scene_, split_, runs, job_count_);
        std::vector<TuneScore> first, rest;
        for (std::size_t i = 0; i < scores.size(); ++i) {
            tried_[finalists[i]].scores = scores[i];
            tried_[finalists[i]].is_finalist = true;
            first.push_back(scores[i].first);
            rest.push_back(scores[i].rest);
        }
        chosen_ = finalists[choose(first, rest)];
    }

    Scene scene_;
    TemporaryFolder folder_;
    std::size_t split_;
    std::uint32_t job_count_;
    std::vector<Tried> tried_;  // the default first
    std::size_t chosen_ = 0;
};

double percent(std::uint64_t part, std::uint64_t all) {
    return all == 0 ? 0 : kPercentMost * static_cast<double>(part) / static_cast<double>(all);
}

void print_score(const TuneScore& score) {
    std::printf("  %8.2f %% %8.2f %% %9.3f GB", percent(score.hit_tokens, score.tokens),
                percent(score.host_tokens, score.tokens),
                static_cast<double>(score.written_bytes) / 1e9);
}

void print_text(const Tuning& tuning, std::size_t split, const std::string& output) {
    print_scene(tuning.scene());
    std::printf("%s at a time\n\n", counted(tuning.job_count(), "replay").c_str());
    std::printf("%-76s  %-34s  %s\n", "", ("the first " + counted(split, "request")).c_str(),
                "the rest");
    std::printf("%-76s  %10s %10s %12s  %10s %10s %12s\n", "candidate", "hits", "in memory",
                "written", "hits", "in memory", "written");
    for (const Tried& one : tuning.tried()) {
        std::printf("%-76s", name_of(one.candidate).c_str());
        print_score(one.scores.first);
        if (one.is_finalist) print_score(one.scores.rest);
        std::printf("\n");
    }
    std::printf("\nhits are of all prompt tokens\n%s: %s\n%s\n",
                shown_name(output, kPathColumnsMax).c_str(),
                name_of(tuning.tried()[tuning.chosen()].candidate).c_str(), tuning.why().c_str());
}

JsonObject json_of(const TuneScore& score) {
    JsonObject object;
    object.add("hit_percent", percent(score.hit_tokens, score.tokens));
    object.add("hit_host_percent", percent(score.host_tokens, score.tokens));
    object.add("written_bytes", score.written_bytes);
    return object;
}

void print_json(const Tuning& tuning, std::size_t split, const std::string& output) {
    JsonObject object;
    object.add("trace", tuning.scene().name);
    object.add("first_request_count", static_cast<std::uint64_t>(split));
    object.add("request_count", static_cast<std::uint64_t>(tuning.scene().trace.request_count()));
    object.add("host_bytes", tuning.scene().cache.host_bytes);
    object.add("disk_bytes", tuning.scene().cache.disk_bytes);
    object.add("output", output);
    object.add("chosen", name_of(tuning.tried()[tuning.chosen()].candidate));
    object.add("why", tuning.why());
    std::vector<JsonObject> all;
    for (const Tried& one : tuning.tried()) {
        JsonObject candidate;
        candidate.add("name", name_of(one.candidate));
        candidate.add("first", json_of(one.scores.first));
        if (one.is_finalist) candidate.add("rest", json_of(one.scores.rest));
        all.push_back(std::move(candidate));
    }
    object.add("candidates", std::move(all));
    object.print();
}

std::size_t split_of(const Trace& trace, double share) {
    const std::size_t count = trace.request_count();
    if (count < 2) throw Failure("E_INVAL", "a trace of one request has no rest", 2);
    const auto split = static_cast<std::size_t>(static_cast<double>(count) * share);
    return std::clamp<std::size_t>(split, 1, count - 1);
}

// What an operator has is kept: only a tuning file gives way to one.  And it can be written.
void check_output(const std::string& path) {
    if (path.empty()) throw Failure("E_INVAL", "--out is empty", 2);
    const std::string text = text_at(path);
    const std::unique_ptr<cJSON, void (*)(cJSON*)> file(cJSON_Parse(text.c_str()), cJSON_Delete);
    if (!text.empty() && !cJSON_HasObjectItem(file.get(), "bwrt_tuning")) {
        throw Failure("E_FORMAT",
                      "--out: " + path +
                          " is not a tuning file and stays as it is: remove it or "
                          "choose another",
                      2);
    }
    const DraftFile draft(path);
}

}  // namespace

void run_tune(const TuneOptions& options, bool json) {
    refuse_trace_as_output(options.replay.source, options.output, "--out");
    check_output(options.output);
    Scene scene = scene_of(options.replay);
    const std::size_t split = split_of(scene.trace, options.first_share);
    if (options.replay.streams == 0) {
        scene.rule.prefill.stream_count = streams_of(scene.trace, options.replay.prefill_rate);
    }
    scene.rule.settles = options.replay.speed <= 0;
    static_cast<void>(model_library());  // what is missing is better known before
    catch_signals();
    Tuning tuning(options, std::move(scene), split);
    tuning.run();
    DraftFile file(options.output);
    file.append(
        text_of(tuning.tried()[tuning.chosen()].candidate, tuning.scene().name, tuning.why()));
    if (is_interrupted()) throw Failure("interrupted", "interrupted: nothing is written", 130);
    file.take_place();
    (json ? print_json : print_text)(tuning, split, options.output);
}

}  // namespace bwrt::tools
