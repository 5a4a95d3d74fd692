// SPDX-License-Identifier: Apache-2.0
//
// test_plan_check.cpp — what of a plan makes no sense, and where: each test starts from a plan that
// does and breaks one thing.

#include "planner/values/plan_check.h"

#include <string>
#include <vector>

#include "tests/planner/plan_errors.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::expect_error;
using bwrt::test::expect_none;

constexpr std::uint64_t kMost = ~std::uint64_t{0};
constexpr std::uint64_t kPage = 4096;

KvPageRef page(std::uint64_t number, std::uint32_t layer = 0) {
    return {"kv/m/p", number, 0, layer};
}

TransferOp transfer(TransferKind kind, const char* src, const char* dst, std::uint64_t length) {
    TransferOp op;
    op.kind = kind;
    op.src = src;
    op.dst = dst;
    op.length = length;
    return op;
}

// Pages 0 and 1 to the host, page 2 to the device; page 3 is to come, page 4 to go.
CachePlan good_plan() {
    CachePlan plan;
    plan.plan_id = "cache-1";
    plan.ops = {
        transfer(TransferKind::kStorageToHost, "tier://n0/tier0", "tier://n0/tier1", 2 * kPage),
        transfer(TransferKind::kHostToDevice, "tier://n0/tier1", "tier://n0/tier2", kPage)};
    plan.ops[0].kv_refs = {page(0), page(1)};
    plan.ops[1].src_offset = plan.ops[1].dst_offset = 2 * kPage;
    plan.ops[1].kv_refs = {page(2)};
    plan.prefetch = {page(3)};
    plan.evict = {page(4)};
    return plan;
}

const std::string kHash = "sha256:" + std::string(32, '0') + std::string(32, 'f');

// Two files, the second in two chunks, into two buckets.
SwapPlan good_swap() {
    SwapPlan plan;
    plan.plan_id = "swap-2";
    plan.manifest_from = {"m", "1", {{"/w/1/a", 0, 100, kHash}}};
    plan.manifest_to = {
        "m", "2", {{"/w/2/a", 0, 100, kHash}, {"/w/2/b", 50, 50, ""}, {"/w/2/b", 0, 50, ""}}};
    plan.ops = {transfer(TransferKind::kStorageToHost, "file:///w/2/a", "device://bucket/0", 100),
                transfer(TransferKind::kStorageToHost, "file:///w/2/b", "device://bucket/0", 100)};
    plan.ops[1].dst_offset = 100;
    plan.window = {10, 20};
    return plan;
}

void what_makes_sense_is_taken(void**) {
    expect_none(check(good_plan()));
    expect_none(check(good_plan(), {.page_bytes = kPage}));
    expect_none(check(good_swap()));

    CachePlan nothing;
    nothing.plan_id = "x";
    expect_none(check(nothing));
}

void a_plan_has_a_name(void**) {
    CachePlan plan = good_plan();
    plan.plan_id.clear();
    expect_error(check(plan), "plan_id", "is empty");

    SwapPlan swap = good_swap();
    swap.plan_id.clear();
    expect_error(check(swap), "plan_id", "is empty");
}

void a_transfer_says_what_it_moves(void**) {
    CachePlan plan = good_plan();
    plan.ops[1].kind = TransferKind::kUnspecified;
    expect_error(check(plan), "ops[1].kind", "is not given");
    plan.ops[1].kind = static_cast<TransferKind>(8);
    expect_error(check(plan), "ops[1].kind", "is not known");

    plan = good_plan();
    plan.ops[1].src.clear();
    expect_error(check(plan), "ops[1].src", "is empty");

    plan = good_plan();
    plan.ops[0].dst.clear();
    expect_error(check(plan), "ops[0].dst", "is empty");

    plan = good_plan();
    plan.ops[0].length = 0;
    expect_error(check(plan), "ops[0].length", "is 0");
}

void bytes_end_below_two_to_the_64(void**) {
    CachePlan plan = good_plan();
    plan.ops[1].src_offset = kMost - kPage;
    plan.ops[1].dst_offset = kMost - kPage;
    expect_none(check(plan));

    plan.ops[1].src_offset += 1;
    expect_error(check(plan), "ops[1].src_offset", "and length go beyond 2^64");
    plan.ops[1].src_offset = 0;
    plan.ops[1].dst_offset += 1;
    expect_error(check(plan), "ops[1].dst_offset", "and length go beyond 2^64");
}

void a_length_is_that_of_its_pages(void**) {
    CachePlan plan = good_plan();
    plan.ops[0].length = 2 * kPage + 1;
    expect_error(check(plan), "ops[0].length", "8193 is not a multiple of 2 pages");
    plan.ops[0].length = 2;
    expect_none(check(plan));
    expect_error(check(plan, {.page_bytes = kPage}), "ops[0].length",
                 "2 is not 2 pages of 4096 bytes");
    plan.ops[0].length = 2 * kPage + 1;
    expect_error(check(plan, {.page_bytes = kPage}), "ops[0].length",
                 "8193 is not 2 pages of 4096 bytes");
    plan.ops[0].kv_refs.clear();
    expect_none(check(plan, {.page_bytes = kPage}));
}

void no_page_is_moved_twice_to_one_place(void**) {
    CachePlan plan = good_plan();
    plan.ops[1].kv_refs = {page(1)};
    expect_none(check(plan));  // to the host, and on to the device
    plan.ops[1].dst = plan.ops[0].dst;
    expect_error(check(plan), "ops[1].kv_refs[0]",
                 "is moved to the same place by ops[0].kv_refs[1]");

    plan = good_plan();
    plan.ops[0].kv_refs[1] = page(0);
    expect_error(check(plan), "ops[0].kv_refs[1]",
                 "is moved to the same place by ops[0].kv_refs[0]");

    plan.ops[0].kv_refs[1] = page(0, 1);
    expect_none(check(plan));
    plan.ops[0].kv_refs[1] = {"kv/m/p", 0, 1, 0};
    expect_none(check(plan));
    plan.ops[0].kv_refs[1] = {"kv/m/q", 0, 0, 0};
    expect_none(check(plan));
}

void no_list_has_a_page_twice(void**) {
    CachePlan plan = good_plan();
    plan.prefetch = {page(9), page(3), page(5), page(3)};
    expect_error(check(plan), "prefetch[3]", "is the page of prefetch[1]");

    plan = good_plan();
    plan.evict = {page(4), page(4)};
    expect_error(check(plan), "evict[1]", "is the page of evict[0]");
}

void nothing_that_comes_is_to_go(void**) {
    CachePlan plan = good_plan();
    plan.evict = {page(4), page(3)};
    expect_error(check(plan), "evict[1]", "is to go and is prefetched by prefetch[0]");

    plan.evict = {page(2)};
    expect_error(check(plan), "evict[0]", "is to go and is brought by ops[1].kv_refs[0]");
    plan.ops[1].kind = TransferKind::kStorageToDevice;
    expect_error(check(plan), "evict[0]", "is to go and is brought by ops[1].kv_refs[0]");
    plan.evict = {page(1)};
    expect_error(check(plan), "evict[0]", "is to go and is brought by ops[0].kv_refs[1]");
    // It is kept elsewhere first.
    plan.ops[0].kind = TransferKind::kDeviceToHost;
    expect_none(check(plan));
}

void a_page_has_a_tensor(void**) {
    CachePlan plan = good_plan();
    plan.ops[0].kv_refs[1].tensor.clear();
    expect_error(check(plan), "ops[0].kv_refs[1].tensor", "is empty");

    plan = good_plan();
    plan.prefetch[0].tensor.clear();
    expect_error(check(plan), "prefetch[0].tensor", "is empty");

    plan = good_plan();
    plan.evict[0].tensor = "\xFF";
    expect_error(check(plan), "evict[0].tensor", "is not UTF-8, or has U+0000");
}

void strings_can_be_printed(void**) {
    CachePlan plan = good_plan();
    plan.ops[1].note = std::string("a\0b", 3);
    expect_error(check(plan), "ops[1].note", "is not UTF-8, or has U+0000");
    plan.ops[1].note = "\u00e9";
    expect_none(check(plan));
    plan.ops[1].src = "\xC3";
    expect_error(check(plan), "ops[1].src", "is not UTF-8, or has U+0000");

    SwapPlan swap = good_swap();
    swap.manifest_to.version = "\xFF";
    expect_error(check(swap), "manifest_to.version", "is not UTF-8, or has U+0000");
    swap = good_swap();
    swap.manifest_from.model_id = "\xFF";
    expect_error(check(swap), "manifest_from.model_id", "is not UTF-8, or has U+0000");
}

void a_verdict_is_one(void**) {
    CachePlan plan = good_plan();
    plan.verdicts = {{1, VerdictName::kPlanned, {}}, {2, VerdictName::kUnspecified, {}}};
    expect_error(check(plan), "verdicts[1].verdict", "is not given");
}

void a_window_begins_before_it_ends(void**) {
    SwapPlan swap = good_swap();
    swap.window = {20, 21};
    expect_none(check(swap));
    swap.window = {20, 20};
    expect_error(check(swap), "window.t_deadline_ns", "20 is not after t_start_ns 20");
    swap.window.reset();
    expect_none(check(swap));
}

void chunks_of_a_file_do_not_overlap(void**) {
    SwapPlan swap = good_swap();
    swap.manifest_to.files[1].offset = 49;
    expect_error(check(swap), "manifest_to.files[2]", "shares bytes with manifest_to.files[1]");

    swap = good_swap();
    swap.manifest_from.files = {{"/a", 0, 100, ""}, {"/b", 10, 5, ""}, {"/a", 60, 1, ""}};
    expect_error(check(swap), "manifest_from.files[2]", "shares bytes with manifest_from.files[0]");
    swap.manifest_from.files[2].length = 0;
    expect_none(check(swap));
    swap.manifest_from.files[2] = {"file:///a", 99, 1, ""};
    expect_error(check(swap), "manifest_from.files[2]", "shares bytes with manifest_from.files[0]");
}

void chunks_have_a_path_a_place_and_a_hash(void**) {
    SwapPlan swap = good_swap();
    swap.manifest_to.files[0].path.clear();
    expect_error(check(swap), "manifest_to.files[0].path", "is empty");

    swap = good_swap();
    swap.manifest_from.files[0].offset = kMost - 99;
    expect_error(check(swap), "manifest_from.files[0].offset", "and length go beyond 2^64");

    for (const std::string& hash :
         {kHash + "0", kHash.substr(1), std::string("md5"), std::string(63, '0') + "g"}) {
        swap = good_swap();
        swap.manifest_to.files[0].sha256 = hash;
        expect_error(check(swap), "manifest_to.files[0].sha256", "is not 64 hexadecimal digits");
    }
    swap.manifest_to.files[0].sha256 = std::string(64, 'A');
    expect_none(check(swap));
}

// The reference writes the offset in the bucket, which is beyond the end of a later file.
void a_file_is_read_where_the_manifest_has_it(void**) {
    SwapPlan swap = good_swap();
    swap.ops[1].src_offset = 1;
    expect_error(check(swap), "ops[1].src_offset",
                 "1 and length 100 are not in what manifest_to has of it");
    swap.ops[1].length = 99;
    expect_none(check(swap));
    swap.ops[1].src_offset = 101;
    swap.ops[1].length = 1;
    expect_error(check(swap), "ops[1].src_offset",
                 "101 and length 1 are not in what manifest_to has of it");

    swap = good_swap();
    swap.manifest_to.files.pop_back();  // of b only the second half is left
    expect_error(check(swap), "ops[1].src_offset",
                 "0 and length 100 are not in what manifest_to has of it");
    swap.manifest_to.files.pop_back();
    expect_none(check(swap));  // nothing is known of it
    swap.manifest_to.files.push_back({"file:///w/2/b", 0, 0, ""});
    expect_error(check(swap), "ops[1].src_offset",
                 "0 and length 100 are not in what manifest_to has of it");
    swap.manifest_to.files.push_back({"/w/2/b", 0, 100, ""});
    swap.manifest_to.files.push_back({"/w/2/b", 40, 0, ""});  // takes nothing away
    expect_none(check(swap));
    swap.ops[1].src_offset = 60;
    swap.ops[1].length = 40;
    expect_none(check(swap));
}

void no_byte_of_a_bucket_is_written_twice(void**) {
    SwapPlan swap = good_swap();
    swap.ops[1].dst_offset = 99;
    expect_error(check(swap), "ops[1].dst_offset", "writes bytes that ops[0] writes");
    swap.ops[1].dst = "device://bucket/1";
    expect_none(check(swap));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_makes_sense_is_taken),
        cmocka_unit_test(a_plan_has_a_name),
        cmocka_unit_test(a_transfer_says_what_it_moves),
        cmocka_unit_test(bytes_end_below_two_to_the_64),
        cmocka_unit_test(a_length_is_that_of_its_pages),
        cmocka_unit_test(no_page_is_moved_twice_to_one_place),
        cmocka_unit_test(no_list_has_a_page_twice),
        cmocka_unit_test(nothing_that_comes_is_to_go),
        cmocka_unit_test(a_page_has_a_tensor),
        cmocka_unit_test(strings_can_be_printed),
        cmocka_unit_test(a_verdict_is_one),
        cmocka_unit_test(a_window_begins_before_it_ends),
        cmocka_unit_test(chunks_of_a_file_do_not_overlap),
        cmocka_unit_test(chunks_have_a_path_a_place_and_a_hash),
        cmocka_unit_test(a_file_is_read_where_the_manifest_has_it),
        cmocka_unit_test(no_byte_of_a_bucket_is_written_twice),
    };
    return cmocka_run_group_tests_name("planner/values/plan_check.cpp", tests, nullptr, nullptr);
}
