// SPDX-License-Identifier: Apache-2.0
//
// test_page_pool.cpp — pages as a wave uses them: taken clean, chained, given back whole, and
// counted; a random walk of many owners over a small pool must lose and double none.

#include "runtime/page_pool.h"

#include <set>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::runtime::Page;
using bwrt::runtime::PageChain;
using bwrt::runtime::PagePool;

void a_page_is_a_page_and_its_payload_a_multiple_of_units(void**) {
    PagePool pool(1);
    Page* page = pool.take();

    assert_non_null(page);
    assert_int_equal(reinterpret_cast<std::uintptr_t>(page) % Page::kBytes, 0);
    assert_int_equal(reinterpret_cast<std::uintptr_t>(page->payload) % 64, 0);
    assert_ptr_equal(page->payload + Page::kPayloadBytes, page + 1);
    assert_int_equal(Page::kPayloadBytes, Page::kUnitCount * bwrt::runtime::kPageUnitBytes);
}

void a_page_comes_without_what_its_last_owner_left(void**) {
    PagePool pool(1);
    PageChain chain;
    Page* page = chain.grow(&pool);
    page->used = 9;
    page->next = page;
    chain.give_back(&pool);

    page = pool.take();

    assert_int_equal(page->used, 0);
    assert_null(page->next);
    assert_null(page->owned);
}

void an_empty_pool_gives_nothing_and_loses_nothing(void**) {
    PagePool pool(2);
    PageChain chain;
    assert_non_null(chain.grow(&pool));
    assert_non_null(chain.grow(&pool));

    assert_null(chain.grow(&pool));
    assert_int_equal(pool.count_free(), 0);

    chain.give_back(&pool);
    assert_int_equal(pool.count_free(), 2);
}

void a_chain_goes_back_whole_and_once(void**) {
    PagePool pool(8);
    PageChain chain, other;
    for (int i = 0; i < 5; ++i) assert_non_null(chain.grow(&pool));
    assert_non_null(other.grow(&pool));
    assert_int_equal(pool.count_free(), 2);

    chain.give_back(&pool);
    assert_int_equal(pool.count_free(), 7);
    chain.give_back(&pool);
    assert_int_equal(pool.count_free(), 7);

    other.give_back(&pool);
    assert_int_equal(pool.count_free(), 8);
}

void counting_what_is_free_changes_nothing(void**) {
    PagePool pool(4);
    Page* first = pool.take();
    pool.give_back(first);

    assert_int_equal(pool.count_free(), 4);
    assert_int_equal(pool.count_free(), 4);
    assert_ptr_equal(pool.take(), first);
}

void no_page_has_two_owners_over_a_random_walk(void**) {
    constexpr std::uint32_t kCount = 20;
    bwrt::test::Random random(bwrt::test::test_seed());
    PagePool pool(kCount);
    PageChain chains[6];
    std::set<Page*> held[6];
    std::set<Page*> all;
    for (int step = 0; step < 5000; ++step) {
        const std::size_t i = random.below(6);
        if (random.one_in(4)) {
            chains[i].give_back(&pool);
            for (Page* page : held[i]) all.erase(page);
            held[i].clear();
        } else if (Page* page = chains[i].grow(&pool)) {
            assert_true(all.insert(page).second);
            held[i].insert(page);
        } else {
            assert_int_equal(all.size(), kCount);
        }
        if (step % 16 == 0) assert_int_equal(pool.count_free(), kCount - all.size());
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_a_page_and_its_payload_a_multiple_of_units),
        cmocka_unit_test(a_page_comes_without_what_its_last_owner_left),
        cmocka_unit_test(an_empty_pool_gives_nothing_and_loses_nothing),
        cmocka_unit_test(a_chain_goes_back_whole_and_once),
        cmocka_unit_test(counting_what_is_free_changes_nothing),
        cmocka_unit_test(no_page_has_two_owners_over_a_random_walk),
    };
    return cmocka_run_group_tests_name("runtime/page_pool.h", tests, nullptr, nullptr);
}
