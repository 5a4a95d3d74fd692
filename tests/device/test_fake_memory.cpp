// SPDX-License-Identifier: Apache-2.0
//
// Memory as the fake driver has it: what CUDA allows works, what only happens to work elsewhere
// does not, and what must not be is noted.

#include <unistd.h>

#include <cerrno>

#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kBytes = 5000;
constexpr std::size_t kGranularity = std::size_t{2} << 20;

std::vector<unsigned char> pattern(std::size_t bytes, unsigned seed) {
    std::vector<unsigned char> made(bytes);
    for (std::size_t i = 0; i < bytes; ++i) {
        made[i] = static_cast<unsigned char>(i * 7 + (i >> 8) + seed);
    }
    return made;
}

// There and back, through memory of any kind.
void assert_round_trip(DriverWorld* world, CUdeviceptr memory, std::size_t bytes) {
    const std::vector<unsigned char> sent = pattern(bytes, 3);
    std::vector<unsigned char> received(bytes);
    const CUstream stream = world->stream();
    const Driver& driver = world->driver;
    assert_int_equal(driver.memcpy_h2d_async(memory, sent.data(), bytes, stream), CUDA_SUCCESS);
    assert_int_equal(driver.memcpy_d2h_async(received.data(), memory, bytes, stream), CUDA_SUCCESS);
    world->synchronize(stream);
    assert_memory_equal(received.data(), sent.data(), bytes);
}

void a_round_trip_brings_the_bytes_back(void**) {
    DriverWorld world;
    world.start();
    assert_round_trip(&world, world.memory(kBytes), kBytes);
    world.end();
}

void the_host_cannot_touch_device_memory(void**) {
    DriverWorld world;
    int ends[2];
    world.start_on_fake("");
    const CUdeviceptr memory = world.memory(kBytes);
    assert_int_equal(pipe(ends), 0);

    const ssize_t written = write(ends[1], reinterpret_cast<const void*>(memory), 1);
    const int code = errno;

    close(ends[0]);
    close(ends[1]);
    assert_int_equal(written, -1);
    assert_int_equal(code, EFAULT);
    world.end();
}

void new_memory_is_garbage(void**) {
    DriverWorld world;
    unsigned char byte = 0;
    world.start_on_fake("");
    const CUstream stream = world.stream();

    assert_int_equal(world.driver.memcpy_d2h_async(&byte, world.memory(kBytes), 1, stream), 0);

    assert_int_equal(byte, 0xA5);
    world.end();
}

void memory_ends_where_it_ends_and_is_given_back(void**) {
    DriverWorld world;
    CUdeviceptr memory = 0;
    CUdeviceptr second = 0;
    world.start_on_fake("memory=1m");

    assert_int_equal(world.driver.mem_alloc(&memory, 1 << 20), CUDA_SUCCESS);
    assert_int_equal(world.driver.mem_alloc(&second, 1), CUDA_ERROR_OUT_OF_MEMORY);
    assert_int_equal(world.driver.mem_free(memory), CUDA_SUCCESS);
    assert_int_equal(world.driver.mem_alloc(&second, 1), CUDA_SUCCESS);

    assert_int_equal(world.driver.mem_free(second), CUDA_SUCCESS);
    world.end();
}

void a_leak_is_reported(void**) {
    DriverWorld world;
    CUdeviceptr memory = 0;
    CUevent event = nullptr;
    world.start_on_fake("");
    assert_int_equal(world.driver.mem_alloc(&memory, 4321), CUDA_SUCCESS);
    assert_int_equal(world.driver.event_create(&event, 0), CUDA_SUCCESS);

    const std::string report = fake_driver()->report();

    assert_true(has(report, "left behind: 4321 bytes of device memory"));
    assert_true(has(report, "left behind: 1 events"));
    assert_true(has(report, "left behind: 1 retained contexts"));
    assert_int_equal(world.driver.primary_ctx_release(0), CUDA_SUCCESS);
    assert_reported("with the context went an event");
}

void memory_is_freed_once(void**) {
    DriverWorld world;
    CUdeviceptr memory = 0;
    world.start_on_fake("");
    assert_int_equal(world.driver.mem_alloc(&memory, kBytes), CUDA_SUCCESS);
    assert_int_equal(world.driver.mem_free(memory), CUDA_SUCCESS);

    assert_int_equal(world.driver.mem_free(memory), CUDA_ERROR_INVALID_VALUE);

    assert_reported("cuMemFree: memory that it does not know");
}

void host_memory_has_another_address_on_the_device(void**) {
    DriverWorld world;
    alignas(8) unsigned char memory[64] = {};
    world.start_on_fake("");
    world.pin(memory, sizeof memory);

    const CUdeviceptr seen = world.view(memory + 8);

    assert_true(seen != reinterpret_cast<CUdeviceptr>(memory + 8));
    const CUstream stream = world.stream();
    assert_int_equal(world.driver.stream_write_value32(stream, seen, 0x12345678, 0), CUDA_SUCCESS);
    world.synchronize(stream);
    assert_memory_equal(memory + 8, "\x78\x56\x34\x12", 4);
    world.end();
}

void host_memory_has_none_where_nobody_asked_for_it(void**) {
    DriverWorld world;
    unsigned char memory[64];
    CUdeviceptr seen = 0;
    world.start_on_fake("");
    assert_int_equal(world.driver.mem_host_register(memory, sizeof memory, 0), CUDA_SUCCESS);

    assert_int_equal(world.driver.mem_host_get_device_pointer(&seen, memory, 0),
                     CUDA_ERROR_INVALID_VALUE);

    assert_int_equal(world.driver.mem_host_unregister(memory), CUDA_SUCCESS);
    world.end();
}

void host_memory_is_registered_once_and_unregistered_once(void**) {
    DriverWorld world;
    unsigned char memory[64];
    world.start_on_fake("");
    world.pin(memory, sizeof memory);
    const std::string left = fake_driver()->report();

    assert_int_equal(world.driver.mem_host_register(memory + 32, 8, 0),
                     CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    assert_string_equal(fake_driver()->report(), left.c_str());  // it may be the engine's
    assert_int_equal(world.driver.mem_host_unregister(memory + 32),
                     CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    assert_int_equal(world.driver.mem_host_unregister(memory), CUDA_SUCCESS);
    assert_int_equal(world.driver.mem_host_unregister(memory),
                     CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);

    assert_reported("cuMemHostUnregister: memory that it does not know");
}

void what_is_not_mapped_cannot_be_registered(void**) {
    DriverWorld world;
    world.start_on_fake("");
    CUdeviceptr memory = world.memory(kBytes);  // reserved, and then not even that
    assert_int_equal(world.driver.mem_free(memory), CUDA_SUCCESS);

    void* const nothing = reinterpret_cast<void*>(memory);
    assert_int_equal(world.driver.mem_host_register(nothing, 64, 0), CUDA_ERROR_INVALID_VALUE);

    assert_reported("cuMemHostRegister: no memory");
}

void unregistering_what_a_copy_needs_is_noted(void**) {
    DriverWorld world;
    unsigned char memory[64] = {};
    world.start_on_fake(kLate);
    world.pin(memory, sizeof memory);
    const CUstream stream = world.stream();
    const CUdeviceptr target = world.memory(64);
    assert_int_equal(world.driver.memcpy_h2d_async(target, memory, 64, stream), CUDA_SUCCESS);

    assert_int_equal(world.driver.mem_host_unregister(memory), CUDA_SUCCESS);

    world.synchronize(stream);
    assert_reported("cuMemHostUnregister: what was enqueued still needs it");
}

void allocated_host_memory_is_as_good_as_registered(void**) {
    DriverWorld world;
    void* memory = nullptr;
    world.start_on_fake("");
    const unsigned flags = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP;
    assert_int_equal(world.driver.mem_host_alloc(&memory, 64, flags), CUDA_SUCCESS);
    const CUstream stream = world.stream();

    assert_int_equal(world.driver.memcpy_h2d_async(world.memory(64), memory, 64, stream), 0);

    world.synchronize(stream);
    assert_int_equal(fake_driver()->count("pageable"), 0);
    assert_true(world.view(memory) != reinterpret_cast<CUdeviceptr>(memory));
    assert_int_equal(world.driver.mem_free_host(memory), CUDA_SUCCESS);
    world.end();
}

// Two mappings side by side, as an allocator that grows has them.
struct Mapped {
    CUdeviceptr address = 0;
    CUmemGenericAllocationHandle halves[2] = {};

    void make(const Driver& driver, bool with_access) {
        CUmemAllocationProp properties = {};
        properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
        properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
        assert_int_equal(driver.mem_address_reserve(&address, 2 * kGranularity, 0, 0, 0), 0);
        for (int i = 0; i < 2; ++i) {
            const CUdeviceptr here = address + static_cast<unsigned>(i) * kGranularity;
            assert_int_equal(driver.mem_create(&halves[i], kGranularity, &properties, 0), 0);
            assert_int_equal(driver.mem_map(here, kGranularity, 0, halves[i], 0), CUDA_SUCCESS);
        }
        if (!with_access) return;
        const CUmemAccessDesc rights = {{CU_MEM_LOCATION_TYPE_DEVICE, 0},
                                        CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
        assert_int_equal(driver.mem_set_access(address, 2 * kGranularity, &rights, 1), 0);
    }

    void free(const Driver& driver) const {
        assert_int_equal(driver.mem_unmap(address, 2 * kGranularity), CUDA_SUCCESS);
        for (const auto handle : halves) assert_int_equal(driver.mem_release(handle), CUDA_SUCCESS);
        assert_int_equal(driver.mem_address_free(address, 2 * kGranularity), CUDA_SUCCESS);
    }
};

void a_copy_goes_over_neighbouring_mappings(void**) {
    DriverWorld world;
    Mapped mapped;
    world.start();
    mapped.make(world.driver, true);

    assert_round_trip(&world, mapped.address + kGranularity - kBytes / 2, kBytes);

    mapped.free(world.driver);
    world.end();
}

void mapped_memory_needs_access_first(void**) {
    DriverWorld world;
    Mapped mapped;
    unsigned char bytes[64] = {};
    world.start_on_fake("");
    mapped.make(world.driver, false);

    assert_int_equal(world.driver.memcpy_h2d_async(mapped.address, bytes, 64, world.stream()),
                     CUDA_ERROR_INVALID_VALUE);

    assert_reported("mapped memory that was given no access");
}

void unmapping_what_a_copy_needs_is_noted(void**) {
    DriverWorld world;
    Mapped mapped;
    world.start_on_fake(kLate);
    mapped.make(world.driver, true);
    const CUstream stream = world.stream();
    assert_int_equal(world.driver.memset_d8_async(mapped.address, 1, 64, stream), CUDA_SUCCESS);

    mapped.free(world.driver);

    assert_reported("cuMemUnmap: what was enqueued still needs it");
}

void reserved_addresses_with_memory_behind_them_are_kept(void**) {
    DriverWorld world;
    Mapped mapped;
    world.start_on_fake("");
    mapped.make(world.driver, true);

    assert_int_equal(world.driver.mem_address_free(mapped.address, 2 * kGranularity),
                     CUDA_ERROR_INVALID_VALUE);

    assert_reported("addresses with memory behind them");
}

void the_kind_of_memory_is_told(void**) {
    DriverWorld world;
    Mapped mapped;
    unsigned char host[64];
    world.start();
    mapped.make(world.driver, true);
    const CUdeviceptr memory = world.memory(kBytes);
    const auto ask = [&](CUdeviceptr address) {
        unsigned type = 77;
        unsigned legacy = 77;
        CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                            CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE};
        void* values[] = {&type, &legacy};
        assert_int_equal(world.driver.pointer_get_attributes(2, attributes, values, address), 0);
        return type * 10 + (legacy & 1);
    };

    assert_int_equal(ask(memory + 100), CU_MEMORYTYPE_DEVICE * 10 + 1);
    assert_int_equal(ask(mapped.address + kGranularity), CU_MEMORYTYPE_DEVICE * 10);
    assert_int_equal(ask(reinterpret_cast<CUdeviceptr>(host)), 0);
    world.pin(host, sizeof host);
    assert_int_equal(ask(reinterpret_cast<CUdeviceptr>(host)), CU_MEMORYTYPE_HOST * 10);

    mapped.free(world.driver);
    world.end();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_round_trip_brings_the_bytes_back),
        cmocka_unit_test(the_host_cannot_touch_device_memory),
        cmocka_unit_test(new_memory_is_garbage),
        cmocka_unit_test(memory_ends_where_it_ends_and_is_given_back),
        cmocka_unit_test(a_leak_is_reported),
        cmocka_unit_test(memory_is_freed_once),
        cmocka_unit_test(host_memory_has_another_address_on_the_device),
        cmocka_unit_test(host_memory_has_none_where_nobody_asked_for_it),
        cmocka_unit_test(host_memory_is_registered_once_and_unregistered_once),
        cmocka_unit_test(what_is_not_mapped_cannot_be_registered),
        cmocka_unit_test(unregistering_what_a_copy_needs_is_noted),
        cmocka_unit_test(allocated_host_memory_is_as_good_as_registered),
        cmocka_unit_test(a_copy_goes_over_neighbouring_mappings),
        cmocka_unit_test(mapped_memory_needs_access_first),
        cmocka_unit_test(unmapping_what_a_copy_needs_is_noted),
        cmocka_unit_test(reserved_addresses_with_memory_behind_them_are_kept),
        cmocka_unit_test(the_kind_of_memory_is_told),
    };
    return run_on_driver(tests);
}
