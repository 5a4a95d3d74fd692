// SPDX-License-Identifier: Apache-2.0
//
// plan_errors.h — what a plan was refused for, as an assertion that shows it.

#pragma once

#include "planner/values/plan_error.h"
#include "tests/support/cmocka.h"

namespace bwrt::test {

inline void expect_none(const planner::PlanError& error) {
    assert_string_equal(error.text().c_str(), "");
}

inline void expect_error(const planner::PlanError& error, const char* field, const char* sentence) {
    assert_string_equal(error.sentence.c_str(), sentence);
    assert_string_equal(error.field.c_str(), field);
}

}  // namespace bwrt::test
