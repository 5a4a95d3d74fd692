// SPDX-License-Identifier: Apache-2.0
//
// test_tenant.cpp — that a record is a tenant's own, or is refused.

#include "runtime/store/tenant.h"

#include <cstring>

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::runtime;

constexpr std::uint8_t kSecret[kSecretBytes] = {1, 2, 3};
constexpr std::uint8_t kOther[kSecretBytes] = {1, 2, 4};

Record record_of(const TenantKeys& tenant) {
    Record record = {};
    record.kind = RecordKind::kStored;
    record.key.space = tenant.space();
    std::memset(record.key.identity, 0x33, sizeof record.key.identity);
    record.key.part = 5;
    record.length_bytes = 65536;
    record.layout_digest = 17;
    record.root = 23;
    record.segment = 2;
    tenant.put_tag(&record);
    return record;
}

// Made with Python's hmac from docs/format.md; little-endian words.
void the_keys_are_those_of_the_document(void**) {
    const TenantKeys tenant(7, kSecret);
    assert_true(tenant.space() == 0xC805B101101A718Au);
    assert_true(tenant.seed() == 0x2B8E167B9F6840EAu);
    const Record record = record_of(tenant);
    constexpr std::uint8_t kTag[kTagBytes] = {0x35, 0x2A, 0xD1, 0x27, 0x7C, 0xC5, 0x18, 0x18,
                                              0x5B, 0xA5, 0xEA, 0x1F, 0xCC, 0x9D, 0x78, 0x79};
    assert_memory_equal(record.tag, kTag, sizeof kTag);
}

void another_number_or_secret_is_another_tenant(void**) {
    const TenantKeys tenant(7, kSecret);
    for (const TenantKeys& other : {TenantKeys(8, kSecret), TenantKeys(7, kOther)}) {
        assert_true(other.space() != tenant.space());
        assert_true(other.seed() != tenant.seed());
        assert_false(other.has_made(record_of(tenant)));
        // Also where it claims that space for itself.
        Record planted = record_of(tenant);
        other.put_tag(&planted);
        assert_false(tenant.has_made(planted));
    }
    assert_true(TenantKeys(7, kSecret).has_made(record_of(tenant)));
}

void every_byte_that_says_what_the_block_is_is_tagged_and_none_of_its_place(void**) {
    const TenantKeys tenant(7, kSecret);
    Record record = record_of(tenant);
    auto* const bytes = reinterpret_cast<unsigned char*>(&record);
    for (std::size_t at = 0; at < sizeof record; ++at) {
        const bool says_what =
            at >= offsetof(Record, key) && at < offsetof(Record, segment);  // the tag itself, too
        bytes[at] ^= 0x80;
        assert_int_equal(tenant.has_made(record), !says_what);
        bytes[at] ^= 0x80;
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_keys_are_those_of_the_document),
        cmocka_unit_test(another_number_or_secret_is_another_tenant),
        cmocka_unit_test(every_byte_that_says_what_the_block_is_is_tagged_and_none_of_its_place),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
