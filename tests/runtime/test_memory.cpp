// SPDX-License-Identifier: Apache-2.0
//
// test_memory.cpp — tables and regions of memory: zeroed, aligned, moved but not copied, kept from
// children or shared as asked; and the count of calls inside.

#include "runtime/memory.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "include/bwrt.h"
#include "runtime/calls.h"
#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::Call;
using bwrt::runtime::CallCount;
using bwrt::runtime::kHugePageBytes;
using bwrt::runtime::Mapping;
using bwrt::runtime::RegionMemory;
using bwrt::runtime::Table;

bool is_mapped(void* address) {
    unsigned char resident = 0;
    return mincore(address, 4096, &resident) == 0;
}

// What a sanitizer's runtime may have mapped there since is not ours.
bool holds(void* address, std::uint64_t value) {
    std::uint64_t found = 0;
    const iovec local = {&found, sizeof found};
    const iovec remote = {address, sizeof found};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == sizeof found && found == value;
}

void a_table_is_zeroed_and_on_a_page(void**) {
    const Table<std::uint64_t> table(1000);

    assert_int_equal(table.count(), 1000);
    assert_int_equal(reinterpret_cast<std::uintptr_t>(table.data()) % 4096, 0);
    for (std::size_t i = 0; i < table.count(); ++i) assert_int_equal(table[i], 0);
}

void a_table_that_nothing_can_hold_is_out_of_memory(void**) {
    bool refused = false;
    try {
        const Mapping mapping = Mapping::table(std::size_t{1} << 62);
    } catch (const std::bad_alloc&) {
        refused = true;
    }
    assert_true(refused);
}

void a_mapping_goes_with_its_last_owner(void**) {
    void* address = nullptr;
    {
        Mapping first = Mapping::table(10);
        address = first.address();
        Mapping second = std::move(first);
        assert_null(first.address());  // NOLINT: moved from on purpose
        assert_ptr_equal(second.address(), address);
        assert_int_equal(second.length_bytes(), 10);
        assert_true(is_mapped(address));
    }
    assert_false(is_mapped(address));
}

void allocated_memory_is_zeroed_on_2_mib_and_freed(void**) {
    void* address = nullptr;
    {
        RegionMemory memory;
        assert_int_equal(RegionMemory::allocate(5000, BWRT_REGION_PREFAULT, &memory), 0);
        address = memory.mapping.address();
        assert_int_equal(reinterpret_cast<std::uintptr_t>(address) % kHugePageBytes, 0);
        assert_int_equal(memory.mapping.length_bytes(), 5000);
        assert_int_equal(memory.memfd, -1);
        const auto* bytes = memory.mapping.as<unsigned char>();
        for (int i = 0; i < 5000; ++i) assert_int_equal(bytes[i], 0);
        memory.mapping.as<unsigned char>()[4999] = 1;
    }
    assert_false(is_mapped(address));
}

void exported_memory_is_the_memfds(void**) {
    int fd = -1;
    {
        RegionMemory memory;
        assert_int_equal(RegionMemory::allocate(5000, BWRT_REGION_EXPORT, &memory), 0);
        fd = memory.memfd;
        std::memcpy(memory.mapping.address(), "seen", 5);
        char seen[5] = {};
        assert_int_equal(pread(fd, seen, 5, 0), 5);
        assert_string_equal(seen, "seen");
    }
    struct stat stat;
    assert_int_equal(fstat(fd, &stat), -1);
}

void huge_pages_hold_or_a_reason_is_given(void**) {
    RegionMemory memory;
    assert_int_equal(RegionMemory::allocate(kHugePageBytes, BWRT_REGION_HUGE, &memory), 0);

    assert_true(memory.huge == (memory.reason[0] == '\0'));

    RegionMemory shared;
    assert_int_equal(RegionMemory::allocate(4096, BWRT_REGION_HUGE | BWRT_REGION_EXPORT, &shared),
                     0);
    assert_false(shared.huge);
    assert_true(shared.reason[0] != '\0');
}

void memory_that_cannot_be_had_is_an_errno_and_no_memory(void**) {
    RegionMemory memory;

    assert_int_equal(RegionMemory::allocate(~std::size_t{0}, 0, &memory), ENOMEM);
    assert_int_equal(RegionMemory::allocate(std::size_t{1} << 62, 0, &memory), ENOMEM);

    assert_null(memory.mapping.address());
}

void a_child_does_not_have_allocated_memory(void**) {
    RegionMemory memory;
    assert_int_equal(RegionMemory::allocate(4096, BWRT_REGION_PREFAULT, &memory), 0);

    *memory.mapping.as<std::uint64_t>() = 0x5EC2E7;
    assert_true(holds(memory.mapping.address(), 0x5EC2E7));

    const pid_t child = fork();
    if (child == 0) _exit(holds(memory.mapping.address(), 0x5EC2E7) ? 1 : 0);
    int outcome = -1;
    waitpid(child, &outcome, 0);

    assert_true(WIFEXITED(outcome));
    assert_int_equal(WEXITSTATUS(outcome), 0);
}

void a_call_counts_while_it_lasts(void**) {
    CallCount calls;
    {
        const Call one(&calls);
        const Call two(&calls);
        assert_int_equal(calls.count(), 2);
    }
    assert_int_equal(calls.count(), 0);
}

void calls_of_all_threads_are_counted(void**) {
    CallCount calls;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 2000; ++k) const Call call(&calls);
            static_cast<void>(calls.enter());  // and stays inside
        });
    }
    for (std::thread& thread : threads) thread.join();

    assert_int_equal(calls.count(), 8);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_zeroed_and_on_a_page),
        cmocka_unit_test(a_table_that_nothing_can_hold_is_out_of_memory),
        cmocka_unit_test(a_mapping_goes_with_its_last_owner),
        cmocka_unit_test(allocated_memory_is_zeroed_on_2_mib_and_freed),
        cmocka_unit_test(exported_memory_is_the_memfds),
        cmocka_unit_test(huge_pages_hold_or_a_reason_is_given),
        cmocka_unit_test(memory_that_cannot_be_had_is_an_errno_and_no_memory),
        cmocka_unit_test(a_child_does_not_have_allocated_memory),
        cmocka_unit_test(a_call_counts_while_it_lasts),
        cmocka_unit_test(calls_of_all_threads_are_counted),
    };
    return cmocka_run_group_tests_name("runtime/memory.cpp, calls.h", tests, nullptr, nullptr);
}
