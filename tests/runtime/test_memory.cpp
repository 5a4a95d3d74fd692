// SPDX-License-Identifier: Apache-2.0
//
// test_memory.cpp — tables and regions of memory: zeroed, aligned, moved but not copied, kept from
// children or shared as asked; and the count of calls inside.

#include "runtime/memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "include/bwrt.h"
#include "runtime/calls.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::runtime::Call;
using bwrt::runtime::CallCount;
using bwrt::runtime::kHugePageBytes;
using bwrt::runtime::kRegionSealed;
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

    for (const std::uint32_t sealed : {std::uint32_t{0}, kRegionSealed}) {
        RegionMemory shared;
        assert_int_equal(
            RegionMemory::allocate(4096, BWRT_REGION_HUGE | BWRT_REGION_EXPORT | sealed, &shared),
            0);
        assert_true(shared.huge == (shared.reason[0] == '\0'));
        std::string setting;
        std::getline(std::ifstream("/sys/kernel/mm/transparent_hugepage/shmem_enabled"), setting);
        const bool has_none = setting.find("[never]") != std::string::npos ||
                              setting.find("[deny]") != std::string::npos;
        if (has_none) assert_false(shared.huge);
    }
}

// Pages that are not there, or are taken away, would be a SIGBUS of whoever touches them.
void sealed_memory_is_all_there_and_only_its_own_mapping_writes(void**) {
    RegionMemory memory;
    assert_int_equal(RegionMemory::allocate(5000, BWRT_REGION_EXPORT | kRegionSealed, &memory), 0);
    struct stat stat = {};
    assert_int_equal(fstat(memory.memfd, &stat), 0);
    assert_int_equal(stat.st_size, kHugePageBytes);
    assert_int_equal(stat.st_blocks * 512, kHugePageBytes);

    std::memcpy(memory.mapping.address(), "seen", 5);
    char seen[5] = {};
    assert_int_equal(pread(memory.memfd, seen, 5, 0), 5);
    assert_string_equal(seen, "seen");
    assert_int_equal(pwrite(memory.memfd, "lost", 5, 0), -1);
    assert_int_equal(ftruncate(memory.memfd, 0), -1);
    assert_int_equal(ftruncate(memory.memfd, 2 * kHugePageBytes), -1);
    assert_int_equal(
        fallocate(memory.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kHugePageBytes), -1);
    assert_ptr_equal(mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, memory.memfd, 0), MAP_FAILED);
    assert_int_equal(fcntl(memory.memfd, F_ADD_SEALS, F_SEAL_GROW), -1);
    assert_string_equal(memory.mapping.as<char>(), "seen");
}

void memory_that_cannot_be_had_is_an_errno_and_no_memory(void**) {
    RegionMemory memory;

    assert_int_equal(RegionMemory::allocate(~std::size_t{0}, 0, &memory), ENOMEM);
    assert_int_equal(RegionMemory::allocate(std::size_t{1} << 62, 0, &memory), ENOMEM);

    assert_null(memory.mapping.address());
}

void a_child_does_not_have_allocated_memory(void**) {
    for (const std::uint32_t flags : {std::uint32_t{0}, BWRT_REGION_EXPORT | kRegionSealed}) {
        RegionMemory memory;
        assert_int_equal(RegionMemory::allocate(4096, flags | BWRT_REGION_PREFAULT, &memory), 0);

        *memory.mapping.as<std::uint64_t>() = 0x5EC2E7;
        assert_true(holds(memory.mapping.address(), 0x5EC2E7));

        const pid_t child = fork();
        if (child == 0) _exit(holds(memory.mapping.address(), 0x5EC2E7) ? 1 : 0);
        int outcome = -1;
        waitpid(child, &outcome, 0);

        assert_true(WIFEXITED(outcome));
        assert_int_equal(WEXITSTATUS(outcome), 0);
    }
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

// Where a thread is counted depends on where its stack lies, so these have stacks of many sizes;
// and all of them are alive at once, or they would take turns on one.
void calls_of_all_threads_are_counted_wherever_that_is(void**) {
    constexpr std::uint32_t kThreads = 64;
    constexpr std::uint32_t kRounds = 4;
    bwrt::test::Random random(bwrt::test::test_seed());
    CallCount calls;
    std::set<std::uintptr_t> places;
    for (std::uint32_t round = 1; round <= kRounds; ++round) {
        struct Caller {
            CallCount* calls;
            pthread_barrier_t* all_here;
            std::uintptr_t place;
        } callers[kThreads];
        pthread_barrier_t all_here;
        pthread_t threads[kThreads];
        pthread_barrier_init(&all_here, nullptr, kThreads);
        for (std::uint32_t i = 0; i < kThreads; ++i) {
            callers[i] = {&calls, &all_here, 0};
            pthread_attr_t attributes;
            pthread_attr_init(&attributes);
            pthread_attr_setstacksize(&attributes, random.between(64, 256) * 4096);
            const auto call = [](void* argument) -> void* {
                auto* caller = static_cast<Caller*>(argument);
                { const Call once(caller->calls); }
                // And again, to stay inside.
                caller->place = reinterpret_cast<std::uintptr_t>(&caller->calls->enter());
                pthread_barrier_wait(caller->all_here);
                return nullptr;
            };
            if (pthread_create(&threads[i], &attributes, call, &callers[i]) != 0) std::abort();
            pthread_attr_destroy(&attributes);
        }
        for (const pthread_t thread : threads) pthread_join(thread, nullptr);
        pthread_barrier_destroy(&all_here);
        for (const Caller& caller : callers) places.insert(caller.place);

        assert_int_equal(calls.count(), round * kThreads);
    }
    // Not one place for all, and each on a line of its own.
    print_message("%zu places\n", places.size());
    assert_in_range(places.size(), 2, 16);
    for (const std::uintptr_t place : places) {
        assert_int_equal((place - *places.begin()) % 64, 0);
    }
}

// What a call did is done for whoever counts nobody inside.  Nothing else orders the two here,
// which the thread sanitizer sees.
void who_counts_nobody_inside_sees_what_the_calls_did(void**) {
    for (int round = 0; round < 200; ++round) {
        CallCount calls;
        std::atomic<bool> inside{false};
        int done = 0;
        std::thread caller([&] {
            const Call call(&calls);
            inside.store(true, std::memory_order_relaxed);
            done = 1;
        });
        while (!inside.load(std::memory_order_relaxed)) std::this_thread::yield();
        while (calls.count() != 0) std::this_thread::yield();
        const int seen = done;
        caller.join();

        assert_int_equal(seen, 1);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_zeroed_and_on_a_page),
        cmocka_unit_test(a_table_that_nothing_can_hold_is_out_of_memory),
        cmocka_unit_test(a_mapping_goes_with_its_last_owner),
        cmocka_unit_test(allocated_memory_is_zeroed_on_2_mib_and_freed),
        cmocka_unit_test(exported_memory_is_the_memfds),
        cmocka_unit_test(sealed_memory_is_all_there_and_only_its_own_mapping_writes),
        cmocka_unit_test(huge_pages_hold_or_a_reason_is_given),
        cmocka_unit_test(memory_that_cannot_be_had_is_an_errno_and_no_memory),
        cmocka_unit_test(a_child_does_not_have_allocated_memory),
        cmocka_unit_test(a_call_counts_while_it_lasts),
        cmocka_unit_test(calls_of_all_threads_are_counted_wherever_that_is),
        cmocka_unit_test(who_counts_nobody_inside_sees_what_the_calls_did),
    };
    return cmocka_run_group_tests_name("runtime/memory.cpp, calls.h", tests, nullptr, nullptr);
}
