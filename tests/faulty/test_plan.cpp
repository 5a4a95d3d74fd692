// SPDX-License-Identifier: Apache-2.0
//
// The reader of BWRT_FAULTS: what it understands, and that everything else is refused with a
// sentence that fits into a bwrt_error, quotes the item and leaves the plan alone.  Chances are
// counted: what is drawn is fixed by the seed, so the counts are, too.

#include "runtime/faulty/plan.h"

#include <cerrno>
#include <cstring>

#include "tests/support/cmocka.h"

namespace bwrt::test {
namespace {

using runtime::chooses;
using runtime::describe;
using runtime::FaultKind;
using runtime::FaultPlan;
using runtime::FaultRule;
using runtime::kFlushBit;
using runtime::kReadBit;
using runtime::kWriteBit;
using runtime::parse_fault_plan;

FaultPlan plan_of(const char* text) {
    FaultPlan plan;
    std::string reason;
    if (!parse_fault_plan(text, &plan, &reason)) print_error("%s\n", reason.c_str());
    assert_string_equal(reason.c_str(), "");
    return plan;
}

FaultRule rule_of(const char* text) {
    const FaultPlan plan = plan_of(text);
    assert_int_equal(plan.rules.size(), 1);
    return plan.rules[0];
}

void nothing_and_only_separators_are_a_plan_without_rules(void**) {
    assert_int_equal(plan_of("").rules.size(), 0);
    assert_int_equal(plan_of(" ; ;\n;\t").rules.size(), 0);
    assert_string_equal(describe(plan_of("seed=9")).c_str(), "no rules");
}

void a_plan_has_a_seed_and_its_rules_in_order(void**) {
    const FaultPlan plan = plan_of("read:eio@3; seed=18446744073709551615 ;flush:lost\n");

    assert_true(plan.seed == ~std::uint64_t{0});
    assert_int_equal(plan.rules.size(), 2);
    assert_string_equal(plan.rules[0].text.c_str(), "read:eio@3");
    assert_string_equal(plan.rules[1].text.c_str(), "flush:lost");
    assert_string_equal(describe(plan).c_str(),
                        "seed 18446744073709551615, read:eio@3; flush:lost");
}

void kinds_are_those_that_the_fault_can_happen_to(void**) {
    assert_int_equal(rule_of("read:eio").kinds, kReadBit);
    assert_int_equal(rule_of("write:eio").kinds, kWriteBit);
    assert_int_equal(rule_of("flush:eio").kinds, kFlushBit);
    assert_int_equal(rule_of("any:eio").kinds, kReadBit | kWriteBit | kFlushBit);
    assert_int_equal(rule_of("any:short").kinds, kReadBit | kWriteBit);
    assert_int_equal(rule_of("any:flip").kinds, kReadBit);
    assert_int_equal(rule_of("any:torn").kinds, kWriteBit);
    assert_int_equal(rule_of("any:eio at=5").kinds, kReadBit | kWriteBit);
    assert_int_equal(rule_of("start:full").kinds, kReadBit | kWriteBit | kFlushBit);
}

void every_fault_has_its_name(void**) {
    assert_int_equal(rule_of("read:short").fault, FaultKind::kShort);
    assert_int_equal(rule_of("write:torn").fault, FaultKind::kTorn);
    assert_int_equal(rule_of("any:lost").fault, FaultKind::kLost);
    assert_int_equal(rule_of("read:flip").fault, FaultKind::kFlip);
    assert_int_equal(rule_of("any:delay=1s").fault, FaultKind::kDelay);
    assert_int_equal(rule_of("any:hang").fault, FaultKind::kHang);
    assert_int_equal(rule_of("any:reorder").fault, FaultKind::kReorder);
    assert_int_equal(rule_of("start:full").fault, FaultKind::kFull);
}

void an_errno_is_known_by_its_name_in_either_case(void**) {
    assert_int_equal(rule_of("read:eio").os_code, EIO);
    assert_int_equal(rule_of("write:ENOSPC").os_code, ENOSPC);
    assert_int_equal(rule_of("write:eDquot").os_code, EDQUOT);
    assert_int_equal(rule_of("read:ehwpoison").os_code, EHWPOISON);
    assert_int_equal(rule_of("read:eio").fault, FaultKind::kErrno);
}

void times_have_units(void**) {
    assert_true(rule_of("read:delay=1ns").time_ns == 1);
    assert_true(rule_of("read:delay=20us@2").time_ns == 20'000);
    assert_true(rule_of("read:delay=3ms%10").time_ns == 3'000'000);
    assert_true(rule_of("read:delay=86400s").time_ns == 86'400'000'000'000);
    assert_true(rule_of("read:hang=2s").time_ns == 2'000'000'000);
    assert_true(rule_of("read:hang").time_ns == 0);
}

void selectors_choose_by_number(void**) {
    const FaultPlan plan =
        plan_of("read:eio@3; read:eio@2..4; read:eio@3+; read:eio; read:eio@4..4");
    const char* const chosen[] = {"001000", "011100", "001111", "111111", "000100"};

    for (std::size_t rule = 0; rule < 5; ++rule) {
        for (std::size_t number = 1; number <= 6; ++number) {
            assert_int_equal(chooses(plan, rule, number), chosen[rule][number - 1] == '1');
        }
    }
}

std::uint32_t chosen_count(const FaultPlan& plan, std::size_t rule, std::uint64_t count) {
    std::uint32_t chosen = 0;
    for (std::uint64_t number = 1; number <= count; ++number) chosen += chooses(plan, rule, number);
    return chosen;
}

void a_percentage_is_about_kept_and_exactly_repeated(void**) {
    const FaultPlan plan = plan_of("seed=7; read:eio%10; read:eio%0.1; read:eio%100; read:eio%10");
    constexpr std::uint64_t kCount = 1'000'000;

    assert_in_range(chosen_count(plan, 0, kCount), 99'000, 101'000);
    assert_in_range(chosen_count(plan, 1, kCount), 900, 1'100);
    assert_int_equal(chosen_count(plan, 2, kCount), kCount);
    assert_int_equal(chosen_count(plan, 0, kCount), chosen_count(plan, 0, kCount));

    std::uint32_t together = 0;  // one rule's choice says nothing of another's
    for (std::uint64_t n = 1; n <= kCount; ++n)
        together += chooses(plan, 0, n) && chooses(plan, 3, n);
    assert_in_range(together, 9'500, 10'500);
}

void another_seed_chooses_others(void**) {
    const FaultPlan one = plan_of("seed=1; read:eio%50");
    const FaultPlan two = plan_of("seed=2; read:eio%50");
    std::uint32_t differing = 0;

    for (std::uint64_t n = 1; n <= 1000; ++n) differing += chooses(one, 0, n) != chooses(two, 0, n);

    assert_in_range(differing, 400, 600);
}

void conditions_narrow_a_rule(void**) {
    const FaultRule rule = rule_of("read:eio@1   file=/kv-cache  at=18446744073709551615");

    assert_string_equal(rule.file.c_str(), "/kv-cache");
    assert_true(rule.at_byte);
    assert_true(rule.at_offset_bytes == ~std::uint64_t{0});
    assert_true(rule.last == 1);
    assert_false(rule_of("read:eio").at_byte);
}

constexpr const char kNoRule[] =
    " is neither seed=N nor a rule, KIND:FAULT with @N, @N..M, @N+ or %P and then file=TEXT, "
    "at=BYTE";
constexpr const char kNoFault[] =
    "; there are errno names (eio), short, flip, torn, lost, reorder, delay=TIME, hang, "
    "hang=TIME, and start:full";
constexpr const char kNoSelector[] =
    "; there are @N, @N..M, @N+, N from 1 on, and %P, P above 0 and up to 100";
constexpr const char kNoTime[] = "; write a number and ns, us, ms or s, from 1ns to a day";
constexpr const char kNoCondition[] =
    "; there are file=TEXT, a part of the path, and at=BYTE, a number, each once";

void expect_refusal(const char* text, const std::string& sentence) {
    FaultPlan plan = plan_of("seed=5; read:eio");
    std::string reason;

    assert_false(parse_fault_plan(text, &plan, &reason));

    assert_string_equal(reason.c_str(), sentence.c_str());
    assert_true(reason.size() < sizeof(bwrt_error::message));
    assert_int_equal(plan.seed, 5);
    assert_int_equal(plan.rules.size(), 1);
}

void what_is_no_rule_is_refused(void**) {
    expect_refusal("eio", std::string("\"eio\"") + kNoRule);
    expect_refusal("read:eio; seed = 7", std::string("\"seed = 7\"") + kNoRule);
    expect_refusal("read :eio", std::string("\"read :eio\"") + kNoRule);
    expect_refusal("seed=", "\"seed=\": a seed is a number below 2^64");
    expect_refusal("seed=-1", "\"seed=-1\": a seed is a number below 2^64");
    expect_refusal("seed=18446744073709551616",
                   "\"seed=18446744073709551616\": a seed is a number below 2^64");
    expect_refusal("seed=1;seed=1", "\"seed=1\": there is a seed already");
}

void an_unknown_kind_is_refused(void**) {
    expect_refusal("raed:eio",
                   "\"raed:eio\": no kind \"raed\"; there are read, write, flush, any "
                   "and start");
    expect_refusal(":eio", "\":eio\": no kind \"\"; there are read, write, flush, any and start");
    expect_refusal("READ:eio",
                   "\"READ:eio\": no kind \"READ\"; there are read, write, flush, any "
                   "and start");
}

void an_unknown_fault_is_refused(void**) {
    expect_refusal("read:efoo@1", std::string("\"read:efoo@1\": no fault \"efoo\"") + kNoFault);
    expect_refusal("read:", std::string("\"read:\": no fault \"\"") + kNoFault);
    expect_refusal("read:5", std::string("\"read:5\": no fault \"5\"") + kNoFault);
    expect_refusal("read:SHORT", std::string("\"read:SHORT\": no fault \"SHORT\"") + kNoFault);
}

void a_fault_that_cannot_happen_to_a_kind_is_refused(void**) {
    expect_refusal("write:flip", "\"write:flip\": \"flip\" cannot happen to that kind");
    expect_refusal("read:torn", "\"read:torn\": \"torn\" cannot happen to that kind");
    expect_refusal("flush:short", "\"flush:short\": \"short\" cannot happen to that kind");
    expect_refusal("flush:eio at=0", "\"flush:eio at=0\": a flush has no bytes");
    expect_refusal("start:eio", "\"start:eio\": full happens to start, and nothing else");
    expect_refusal("read:full", "\"read:full\": full happens to start, and nothing else");
}

void a_bad_selector_is_refused(void**) {
    for (const char* selector :
         {"@",     "@0",    "@-1",         "@x",   "@1..",         "@..3",
          "@3..2", "@0..2", "@+",          "@0+",  "@3%5",         "@18446744073709551616",
          "%",     "%0",    "%0.0",        "%101", "%100.0000001", "%-1",
          "%1.",   "%.5",   "%0.00000001", "%1e2"}) {
        const std::string item = std::string("read:eio") + selector;
        expect_refusal(item.c_str(),
                       "\"" + item + "\": no selector \"" + selector + "\"" + kNoSelector);
    }
}

void a_bad_time_is_refused(void**) {
    for (const char* time : {"", "5", "ms", "0ms", "-1ms", "1.5ms", "1 ms", "1min", "86401s",
                             "18446744073709551616ns"}) {
        const std::string item = std::string("read:delay=") + time;
        const std::string word = std::strchr(time, ' ') != nullptr ? "1" : time;
        expect_refusal(item.c_str(), "\"" + item + "\": no time \"" + word + "\"" + kNoTime);
    }
    expect_refusal("read:delay", std::string("\"read:delay\": no time \"\"") + kNoTime);
    expect_refusal("read:hang=@1", std::string("\"read:hang=@1\": no time \"\"") + kNoTime);
    expect_refusal("read:short=1ms", "\"read:short=1ms\": \"short\" takes no time");
}

void a_bad_condition_is_refused(void**) {
    for (const char* condition : {"file", "file=", "at=", "at=x", "at=-1", "@3", "size=5"}) {
        const std::string item = std::string("read:eio ") + condition;
        expect_refusal(item.c_str(),
                       "\"" + item + "\": no condition \"" + condition + "\"" + kNoCondition);
    }
    expect_refusal("read:eio at=1 at=1",
                   std::string("\"read:eio at=1 at=1\": no condition \"at=1\"") + kNoCondition);
    expect_refusal(
        "read:eio file=a file=b",
        std::string("\"read:eio file=a file=b\": no condition \"file=b\"") + kNoCondition);
}

void a_long_item_is_quoted_in_part_and_the_sentence_fits(void**) {
    const std::string tail(300, 'x');
    for (const char* before :
         {"", "seed=", "k:", "read:", "read:eio@", "read:delay=", "read:short=", "read:eio ",
          "read:eio file=a file=", "write:flip ", "start:"}) {
        const std::string item = before + tail;
        FaultPlan plan;
        std::string reason;

        assert_false(parse_fault_plan(item.c_str(), &plan, &reason));

        assert_true(reason.size() < sizeof(bwrt_error::message));
        assert_int_equal(reason.find('"' + item.substr(0, 31) + "...\""), 0);
        assert_int_not_equal(reason.back(), 'x');
    }
}

void more_rules_than_fit_are_refused(void**) {
    std::string text;
    for (std::uint32_t i = 0; i < runtime::kFaultRuleCountMax; ++i) text += "read:eio@7;";

    assert_int_equal(plan_of(text.c_str()).rules.size(), runtime::kFaultRuleCountMax);
    text += "any:lost";
    expect_refusal(text.c_str(), "\"any:lost\": there are 32 rules already, which is all that fit");
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_and_only_separators_are_a_plan_without_rules),
        cmocka_unit_test(a_plan_has_a_seed_and_its_rules_in_order),
        cmocka_unit_test(kinds_are_those_that_the_fault_can_happen_to),
        cmocka_unit_test(every_fault_has_its_name),
        cmocka_unit_test(an_errno_is_known_by_its_name_in_either_case),
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(selectors_choose_by_number),
        cmocka_unit_test(a_percentage_is_about_kept_and_exactly_repeated),
        cmocka_unit_test(another_seed_chooses_others),
        cmocka_unit_test(conditions_narrow_a_rule),
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(an_unknown_kind_is_refused),
        cmocka_unit_test(an_unknown_fault_is_refused),
        cmocka_unit_test(a_fault_that_cannot_happen_to_a_kind_is_refused),
        cmocka_unit_test(a_bad_selector_is_refused),
        cmocka_unit_test(a_bad_time_is_refused),
        cmocka_unit_test(a_bad_condition_is_refused),
        cmocka_unit_test(a_long_item_is_quoted_in_part_and_the_sentence_fits),
        cmocka_unit_test(more_rules_than_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
