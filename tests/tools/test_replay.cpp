// SPDX-License-Identifier: Apache-2.0
//
// test_replay.cpp — the parts of `bwrt replay` that need no runtime: what blocks contain, what the
// simulated processors take, the way of a request through a cache that is told what to do, and
// the figures.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "tools/replay/content.h"
#include "tools/replay/figures.h"
#include "tools/replay/machine.h"
#include "tools/replay/prefill.h"
#include "tools/replay/replay.h"

// last, since it defines names that others use
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::replay;

constexpr std::uint64_t kMs = 1'000'000;

std::vector<std::byte> block_of(std::uint64_t id, std::size_t bytes = 16'384) {
    std::vector<std::byte> block(bytes);
    fill_block(id, block);
    return block;
}

void a_block_is_right_for_its_id_and_for_no_other(void**) {
    const std::vector<std::byte> block = block_of(7);
    assert_int_equal(first_wrong(7, block), block.size());
    assert_int_equal(first_wrong(8, block), 0);
    assert_int_equal(first_wrong(0, std::vector<std::byte>(4'096)), 0);
    assert_int_equal(first_wrong(~std::uint64_t{0}, block_of(~std::uint64_t{0})), block.size());
    // A block's content shifted by a word is not its own.
    assert_int_equal(first_wrong(7, std::span(block).subspan(8)), 0);
}

void any_flipped_bit_of_a_block_is_found_where_it_is(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    for (const std::size_t bytes : {8u, 4'096u, 4'104u, 20'480u}) {
        std::vector<std::byte> block = block_of(random.bits(), bytes);
        const std::uint64_t id = random.bits();
        fill_block(id, block);
        for (int i = 0; i < 200; ++i) {
            const std::size_t place = random.below(bytes);
            const auto bit = static_cast<std::byte>(1u << random.below(8));
            block[place] ^= bit;
            assert_int_equal(first_wrong(id, block), place / 8 * 8);
            block[place] ^= bit;
        }
    }
}

void a_sample_sees_pages_that_are_anothers(void**) {
    std::vector<std::byte> block = block_of(7);
    assert_int_equal(first_wrong(7, block, Checked::kSample), block.size());
    const std::vector<std::byte> other = block_of(8);
    std::copy_n(other.begin() + 8'192, 4'096, block.begin() + 8'192);
    assert_int_equal(first_wrong(7, block, Checked::kSample), 8'192);
}

void identities_differ_where_ids_or_salts_do(void**) {
    std::set<std::string> seen;
    for (std::uint64_t id = 0; id < 100; ++id) {
        for (std::uint64_t salt = 0; salt < 100; ++salt) {
            std::uint8_t identity[kIdentityBytes];
            identity_of(id, salt, identity);
            assert_true(seen.emplace(reinterpret_cast<char*>(identity), kIdentityBytes).second);
        }
    }
}

void processors_take_requests_in_their_order_and_compute_one_token_at_least(void**) {
    Prefill prefill({.stream_count = 2, .tokens_per_s = 1'000});
    assert_int_equal(prefill.compute(0, 100), 100 * kMs);
    assert_int_equal(prefill.compute(10 * kMs, 200), 210 * kMs);  // on the other one
    assert_int_equal(prefill.compute(20 * kMs, 10), 110 * kMs);   // behind the first
    assert_int_equal(prefill.compute(500 * kMs, 0), 501 * kMs);
    assert_int_equal(prefill.busy_ns(), 311 * kMs);
    assert_int_equal(prefill.end_ns(), 501 * kMs);
    assert_int_equal(Prefill({1, 28'000}).duration_ns(28'000'000'000), 1'000'000'000'000'000);
}

// Keeps all it is given; delivers what it is told.
class ScriptedCache final : public Cache {
 public:
    Located look_up(std::span<const std::uint32_t> blocks, const Asker&) override {
        Located located;
        while (located.block_count < blocks.size() && kept.count(blocks[located.block_count]) > 0) {
            ++located.block_count;
        }
        located.disk_count = std::min(located.block_count, disk_most);
        located.host_count = located.block_count - located.disk_count;
        return located;
    }
    Loaded load(std::span<const std::uint32_t> blocks, const Asker&,
                std::uint64_t deadline_ns) override {
        deadlines.push_back(deadline_ns);
        Loaded loaded;
        loaded.block_count = std::min(static_cast<std::uint32_t>(blocks.size()), deliver_most);
        loaded.is_failed = loaded.block_count < blocks.size();
        loaded.wrong_count = wrong;
        loaded.took_ns = took_ns;
        return loaded;
    }
    void store(std::span<const std::uint32_t> blocks, std::uint32_t first,
               const Asker& asker) override {
        stored.push_back({first, asker.tenant});
        sessions.push_back(asker.session);
        kept.insert(blocks.begin(), blocks.end());
    }
    void settle() override { ++settled; }
    CacheFigures figures() override {
        return {.disk_read_bytes = 8'192, .disk_read_count = 1, .disk_piece_count = 3};
    }

    std::set<std::uint32_t> kept;
    std::vector<std::uint64_t> deadlines;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> stored;
    std::vector<std::uint32_t> sessions;
    std::uint32_t deliver_most = ~0u, disk_most = 0;
    std::uint64_t wrong = 0, took_ns = 0;
    int settled = 0;
};

// 1 2 3 | 1 2 4 | 1 2 3 5, a second apart, 512 tokens a block, the last of another tenant.
Trace small_trace() {
    TraceBuilder builder;
    const std::vector<std::vector<std::uint64_t>> prompts = {{1, 2, 3}, {1, 2, 4}, {1, 2, 3, 5}};
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        TraceRequest request;
        request.arrival_us = i * 1'000'000;
        request.input_tokens = static_cast<std::uint32_t>(prompts[i].size()) * 512;
        if (i == 2) request.tenant = builder.tenant("other");
        if (i > 0) request.session = builder.session(i == 1 ? "one" : "two");
        assert_false(static_cast<bool>(builder.add(request, prompts[i])));
    }
    Trace trace;
    assert_false(static_cast<bool>(builder.finish(512, trace)));
    return trace;
}

ReplayRule rule_of(std::uint64_t deadline_ms = 0) {
    ReplayRule rule;
    rule.speed = 0;
    rule.deadline_ns = deadline_ms * kMs;
    rule.prefill = {.stream_count = 1, .tokens_per_s = 1'024};
    return rule;
}

void what_one_request_stored_the_next_one_loads(void**) {
    const Trace trace = small_trace();
    ScriptedCache cache;
    cache.disk_most = 1;
    cache.took_ns = 100 * kMs;
    const ReplayResult result = replay(trace, rule_of(), cache, nullptr);
    assert_int_equal(result.served.size(), 3);
    const std::uint32_t delivered[] = {0, 2, 3}, computed[] = {1'536, 512, 512};
    for (std::size_t i = 0; i < 3; ++i) {
        assert_int_equal(result.served[i].delivered_count, delivered[i]);
        assert_int_equal(result.served[i].computed_tokens, computed[i]);
        assert_int_equal(result.served[i].disk_count, delivered[i] > 0 ? 1 : 0);
        assert_int_equal(cache.stored[i].first, delivered[i]);
    }
    assert_int_equal(cache.stored[2].second, 1);  // the tenant
    assert_true(cache.sessions == std::vector<std::uint32_t>({0, 1, 2}));
    assert_int_equal(cache.settled, 1);
    // Half a second for each of five blocks; the second request waits for the first, the third is
    // loaded meanwhile.
    const std::uint64_t loaded_ms[] = {0, 1'100, 2'100}, first_token_ms[] = {1'500, 2'000, 2'600};
    for (std::size_t i = 0; i < 3; ++i) {
        assert_int_equal(result.served[i].loaded_ns, loaded_ms[i] * kMs);
        assert_int_equal(result.served[i].first_token_ns, first_token_ms[i] * kMs);
    }
    assert_int_equal(result.load_ns, 200 * kMs);
    assert_int_equal(result.prefill_busy_ns, 2'500 * kMs);
    assert_int_equal(result.cache.disk_read_bytes, 8'192);
}

void what_was_not_delivered_is_computed_and_stored_again(void**) {
    const Trace trace = small_trace();
    ScriptedCache cache;
    cache.deliver_most = 1;
    const ReplayResult result = replay(trace, rule_of(), cache, nullptr);
    assert_int_equal(result.served[2].host_count, 3);
    assert_int_equal(result.served[2].delivered_count, 1);
    assert_int_equal(result.served[2].computed_tokens, 3 * 512);
    assert_int_equal(cache.stored[2].first, 1);
    assert_int_equal(result.failed_load_count, 2);
    assert_int_equal(result.late_load_count, 0);
}

void a_load_has_as_long_as_is_left_of_the_deadline(void**) {
    const Trace trace = small_trace();
    ScriptedCache cache;
    const ReplayResult result = replay(trace, rule_of(600), cache, nullptr);
    assert_true(cache.deadlines == std::vector<std::uint64_t>({600 * kMs, 600 * kMs}));
    // 1,500 ms, then 500 behind them from 1,000 on, then 500 more of which 500 are left.
    assert_true(result.served[0].is_late && result.served[1].is_late);
    assert_false(result.served[2].is_late);
    // A load of 1,200 ms leaves none to the request behind it.
    cache = {};
    cache.took_ns = 1'200 * kMs;
    static_cast<void>(replay(trace, rule_of(600), cache, nullptr));
    assert_true(cache.deadlines == std::vector<std::uint64_t>({600 * kMs, 400 * kMs}));
}

void wrong_blocks_are_counted_and_an_interrupt_ends_the_replay(void**) {
    const Trace trace = small_trace();
    ScriptedCache cache;
    cache.wrong = 2;
    int calls = 0;
    const ReplayResult result =
        replay(trace, rule_of(), cache, [&](const ReplayResult&) { return ++calls < 3; });
    assert_true(result.is_interrupted);
    assert_int_equal(result.served.size(), 2);
    assert_int_equal(result.wrong_block_count, 2);
    assert_int_equal(cache.settled, 1);
}

// The second request comes after three years.
void an_interrupt_ends_the_replay_while_an_arrival_is_waited_for(void**) {
    const Trace trace = small_trace();
    ScriptedCache cache;
    ReplayRule rule = rule_of();
    rule.speed = 1e-8;
    int calls = 0;
    const ReplayResult result =
        replay(trace, rule, cache, [&](const ReplayResult&) { return ++calls < 4; });
    assert_true(result.is_interrupted);
    assert_int_equal(result.served.size(), 1);
    assert_int_equal(cache.settled, 1);
}

void times_beyond_the_clocks_are_never(void**) {
    const Trace trace = small_trace();
    ScriptedCache cache;
    cache.kept = {0};
    ReplayRule rule = rule_of(1'000'000'000);
    rule.speed = 1e-12;
    const ReplayResult result = replay(
        trace, rule, cache, [](const ReplayResult& so_far) { return so_far.served.empty(); });
    assert_int_equal(result.served.size(), 1);
    assert_true(cache.deadlines == std::vector<std::uint64_t>({9'000'000'000'000'000'000u}));
}

const Figure& figure(const std::vector<Figure>& figures, const std::string& key) {
    const auto it = std::find_if(figures.begin(), figures.end(),
                                 [&](const Figure& one) { return one.key == key; });
    if (it == figures.end()) fail_msg("no figure %s", key.c_str());
    return *it;
}

void figures_are_those_of_the_requests(void**) {
    const Trace trace = small_trace();
    ScriptedCache cache;
    cache.disk_most = 1;
    const std::vector<Figure> figures =
        figures_of(replay(trace, rule_of(600), cache, nullptr), trace, 4'096);
    assert_int_equal(figure(figures, "block_count").value, 10);
    assert_string_equal(figure(figures, "hit_host_percent").text.c_str(), "30.00 %");
    assert_string_equal(figure(figures, "hit_disk_percent").text.c_str(), "20.00 %");
    assert_string_equal(figure(figures, "hit_percent").text.c_str(), "50.00 %");
    assert_string_equal(figure(figures, "past_deadline_percent").text.c_str(), "66.67 %");
    assert_string_equal(figure(figures, "disk_blocks_per_operation").text.c_str(), "3.00");
    assert_true(figure(figures, "tenant_ttft_p99_ms").tenant == "");
    assert_true(std::any_of(figures.begin(), figures.end(), [](const Figure& one) {
        return one.tenant == "other" && one.key == "tenant_ttft_p99_ms" && one.value >= 500;
    }));
    const auto without = figures_of(replay(trace, rule_of(), cache, nullptr), trace, 4'096);
    assert_true(std::none_of(without.begin(), without.end(), [](const Figure& one) {
        return one.key == "past_deadline_percent" || one.key == "prefetch_bytes";
    }));
    assert_true(figure(figures, "ttft_p99_ms").value >= 1'500);
}

// Two loads of 1 ms, each with two blocks from the disk; what was cut off has neither bytes nor a
// time.
void the_rate_of_the_disk_is_that_of_whole_loads_with_blocks_from_it(void**) {
    const Trace trace = small_trace();
    ScriptedCache cache;
    cache.disk_most = 2;
    cache.took_ns = 1 * kMs;
    const auto rate_of = [&](std::uint32_t deliver_most) {
        cache.deliver_most = deliver_most;
        cache.kept.clear();
        return figure(figures_of(replay(trace, rule_of(), cache, nullptr), trace, 1'000'000),
                      "disk_gb_per_s")
            .value;
    };
    assert_float_equal(rate_of(~0u), 2.0, 1e-9);  // 4 MB in 2 ms
    assert_float_equal(rate_of(2), 2.0, 1e-9);    // the second load of 3 is cut off: 2 MB in 1 ms
    assert_float_equal(rate_of(1), 0.0, 1e-9);
    cache.disk_most = 0;
    assert_float_equal(rate_of(~0u), 0.0, 1e-9);
}

void a_disk_is_modelled_by_what_was_measured_of_it(void**) {
    constexpr std::uint64_t kKiB = 1'024;
    const bwrt_model_machine none = machine_of({});
    assert_int_equal(none.read_bytes_per_s + none.write_bytes_per_s + none.read_latency_ns, 0);
    // 64 KiB, eight in flight, take 262 us at 2 GB/s; on the bus each takes 16.4.
    const bwrt_model_machine disk = machine_of({{64 * kKiB, 8, 2e9},
                                                {64 * kKiB, 64, 3.9e9},
                                                {1'024 * kKiB, 64, 4e9},
                                                {16 * kKiB, 64, 2e9}});
    assert_int_equal(disk.read_bytes_per_s, 4'000'000'000);
    assert_int_equal(disk.write_bytes_per_s, 3'500'000'000);  // the default
    assert_in_range(disk.read_latency_ns, 245'000, 246'000);
    assert_int_equal(disk.requests_per_s, 2'000'000'000 / (16 * kKiB));
    // One that is as fast with everything shows neither; it writes no faster than it reads.
    const bwrt_model_machine plain = machine_of({{64 * kKiB, 8, 1.45e9}, {256 * kKiB, 8, 1.5e9}});
    assert_int_equal(plain.write_bytes_per_s, 1'500'000'000);
    assert_int_equal(plain.read_latency_ns + plain.requests_per_s, 0);
}

void a_number_that_is_rounded_to_none_has_no_sign(void**) {
    assert_string_equal(number_text("%.1f %%", -0.04).c_str(), "0.0 %");
    assert_string_equal(number_text("%.1f %%", -0.06).c_str(), "-0.1 %");
    assert_string_equal(number_text("%.0f", -0.0).c_str(), "0");
    assert_string_equal(number_text("%.2f s", 10).c_str(), "10.00 s");
}

void quantiles_are_values_at_their_ranks(void**) {
    std::vector<std::uint64_t> none, some;
    for (std::uint64_t i = 100; i > 0; --i) some.push_back(i);
    assert_int_equal(quantile(none, 0.5), 0);
    assert_int_equal(quantile(some, 0), 1);
    assert_int_equal(quantile(some, 0.5), 51);
    assert_int_equal(quantile(some, 0.99), 100);
    assert_int_equal(quantile(some, 1), 100);
}

void a_table_has_a_column_for_each_run(void**) {
    const std::vector<Figure> one = {{"a", "first", 1, "1 ms"}, {"b", "second one", 2, "2"}};
    const std::string text = table_of({{"bwrt", one}, {"a title that is long", one}});
    assert_string_equal(text.c_str(),
                        "            bwrt  a title that is long\n"
                        "first       1 ms                  1 ms\n"
                        "second one     2                     2\n");
    assert_string_equal(table_of({}).c_str(), "");
    assert_string_equal(table_of({{"x", {{"a", "\u00e9", 1, "1"}}}}).c_str(), "   x\n\u00e9  1\n");
}

void columns_have_the_same_rows_where_one_has_less(void**) {
    const Figure a = {"a", "A", 1, "1"}, b = {"b", "B", 2, "2"}, c = {"c", "C", 3, "3"};
    const Figure blue = {"t", "T", 4, "4", "blue"}, red = {"t", "T", 5, "5", "red"};
    std::vector<FigureColumn> columns = {
        {"one", {a, c}}, {"two", {a, b, blue, red}}, {"three", {}}};
    align(columns);
    // What only the second has stands behind what it follows there.
    const char* const expected[] = {"1---3", "1245-", "-----"};
    for (std::size_t i = 0; i < columns.size(); ++i) {
        std::string texts;
        for (const Figure& figure : columns[i].figures) texts += figure.text;
        assert_string_equal(texts.c_str(), expected[i]);
        assert_string_equal(columns[i].figures.back().key.c_str(), "c");
    }
}

// A tenant may be called as it likes.
void a_tenants_name_is_a_value_and_no_key(void**) {
    bwrt::tools::JsonObject object;
    add_figures(object, {{"a", "A", 1, "1"},
                         {"b", "B", std::nan(""), "-"},
                         {"tenant_ttft_p99_ms", "", 2, "2", "\"a\""},
                         {"tenant_ttft_p99_ms", "", 3, "3", ""}});
    assert_string_equal(object.line().c_str(),
                        "{\"a\":1,\"tenants\":[{\"name\":\"\\\"a\\\"\",\"ttft_p99_ms\":2},"
                        "{\"name\":\"\",\"ttft_p99_ms\":3}]}");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_right_for_its_id_and_for_no_other),
        cmocka_unit_test(any_flipped_bit_of_a_block_is_found_where_it_is),
        cmocka_unit_test(a_sample_sees_pages_that_are_anothers),
        cmocka_unit_test(identities_differ_where_ids_or_salts_do),
        cmocka_unit_test(processors_take_requests_in_their_order_and_compute_one_token_at_least),
        cmocka_unit_test(what_one_request_stored_the_next_one_loads),
        cmocka_unit_test(what_was_not_delivered_is_computed_and_stored_again),
        cmocka_unit_test(a_load_has_as_long_as_is_left_of_the_deadline),
        cmocka_unit_test(wrong_blocks_are_counted_and_an_interrupt_ends_the_replay),
        cmocka_unit_test(an_interrupt_ends_the_replay_while_an_arrival_is_waited_for),
        cmocka_unit_test(times_beyond_the_clocks_are_never),
        cmocka_unit_test(figures_are_those_of_the_requests),
        cmocka_unit_test(the_rate_of_the_disk_is_that_of_whole_loads_with_blocks_from_it),
        cmocka_unit_test(a_disk_is_modelled_by_what_was_measured_of_it),
        cmocka_unit_test(a_number_that_is_rounded_to_none_has_no_sign),
        cmocka_unit_test(quantiles_are_values_at_their_ranks),
        cmocka_unit_test(a_table_has_a_column_for_each_run),
        cmocka_unit_test(columns_have_the_same_rows_where_one_has_less),
        cmocka_unit_test(a_tenants_name_is_a_value_and_no_key),
    };
    return cmocka_run_group_tests_name("replay", tests, nullptr, nullptr);
}
