// SPDX-License-Identifier: Apache-2.0
//
// test_stream_copy.cpp — every alignment of either side, every length about the lines and about
// where streaming begins: the bytes are copied, and not one beside them is touched.

#include "runtime/stream_copy.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::stream_copy;

constexpr std::size_t kMargin = 64;
constexpr unsigned char kUntouched = 0xA5;

void expect_copy(std::size_t length, std::size_t target_shift, std::size_t source_shift) {
    std::vector<unsigned char> target(length + 3 * kMargin, kUntouched);
    std::vector<unsigned char> source(length + 2 * kMargin);
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<unsigned char>(i * 131);
    unsigned char* const to = target.data() + kMargin + target_shift;
    stream_copy(to, source.data() + source_shift, length);
    assert_memory_equal(to, source.data() + source_shift, length);
    for (std::size_t i = 0; i < kMargin + target_shift; ++i) {
        assert_int_equal(target[i], kUntouched);
    }
    for (unsigned char* at = to + length; at < target.data() + target.size(); ++at) {
        assert_int_equal(*at, kUntouched);
    }
}

void lengths_about_a_line_at_every_alignment_are_copied_exactly(void**) {
    const std::size_t lengths[] = {0, 1, 63, 64, 65, 4095, 4096, 4097, 4096 + 63, 4096 + 65, 12345};
    for (const std::size_t length : lengths) {
        for (std::size_t shift = 0; shift < kMargin; ++shift) {
            expect_copy(length, shift, (shift * 7) % kMargin);
        }
    }
}

void a_long_copy_is_exact(void**) { expect_copy((3 << 20) + 17, 5, 11); }

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(lengths_about_a_line_at_every_alignment_are_copied_exactly),
        cmocka_unit_test(a_long_copy_is_exact),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
