/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka.h wants four headers before it and has no C++ guard; say so once. */

#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <cmocka.h>

#ifdef __cplusplus
}
#endif
