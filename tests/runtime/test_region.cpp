// SPDX-License-Identifier: Apache-2.0
//
// test_region.cpp — regions and the files behind them: each refusal starts from a region that is
// taken and breaks one thing; what is reopened is ours; slots are reused and their old handles
// are not.

#include "runtime/region.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::Region;
using bwrt::runtime::RegionTable;

std::uint8_t bytes[4096];

struct World {
    World() : table(2, 50) {
        char path[] = "bwrt-test-XXXXXX";
        fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, 10'000), 0);
        read_only_fd = open(path, O_RDONLY);
        assert_true(read_only_fd >= 0);
        unlink(path);
    }
    ~World() {
        close(fd);
        close(read_only_fd);
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    bwrt_status add(const bwrt_region& region, bwrt_error* error = nullptr) {
        std::uint32_t slot = 0;
        const bwrt_status status =
            table.add(region, &slot, &added, reason, sizeof reason, {error, BWRT_NONE});
        if (status == BWRT_OK) handle = table.publish(slot);
        return status;
    }
    [[nodiscard]] bwrt_region file() const {
        bwrt_region region = {};
        region.struct_size = sizeof region;
        region.kind = BWRT_REGION_FILE;
        region.fd = fd;
        return region;
    }

    RegionTable table;
    int fd = -1;
    int read_only_fd = -1;
    Region* added = nullptr;
    bwrt_handle handle = 0;
    char reason[160] = {};
};

bwrt_region host() {
    bwrt_region region = {};
    region.struct_size = sizeof region;
    region.kind = BWRT_REGION_HOST;
    region.address = bytes;
    region.length_bytes = sizeof bytes;
    return region;
}

bwrt_region allocated() {
    bwrt_region region = host();
    region.kind = BWRT_REGION_ALLOCATED;
    region.address = nullptr;
    return region;
}

bwrt_region on_device() {
    bwrt_region region = allocated();
    region.kind = BWRT_REGION_DEVICE;
    return region;
}

void expect_refusal(World* world, const bwrt_region& broken, bwrt_status status,
                    const char* field) {
    bwrt_error error = {};
    const bwrt_status got = world->add(broken, &error);
    if (got == status && std::strcmp(error.field, field) == 0) return;
    fail_msg("%s at \"%s\" (%s), not %s at \"%s\"", bwrt_status_name(got), error.field,
             error.message, bwrt_status_name(status), field);
}

template <typename Break>
bwrt_region broken(bwrt_region region, Break breaks) {
    breaks(&region);
    return region;
}

using R = bwrt_region;

void a_region_is_refused_for_each_field_that_is_wrong(void**) {
    World world;
    const auto refuse = [&](const R& region, bwrt_status status, const char* field) {
        expect_refusal(&world, region, status, field);
    };
    refuse(broken(host(), [](R* r) { r->kind = 0; }), BWRT_E_INVAL, "region.kind");
    refuse(broken(host(), [](R* r) { r->kind = 5; }), BWRT_E_INVAL, "region.kind");
    refuse(broken(host(), [](R* r) { r->flags = BWRT_REGION_HUGE; }), BWRT_E_INVAL, "region.flags");
    refuse(broken(allocated(), [](R* r) { r->flags = BWRT_REGION_READ_ONLY; }), BWRT_E_INVAL,
           "region.flags");
    refuse(broken(world.file(), [](R* r) { r->flags = BWRT_REGION_EXPORT; }), BWRT_E_INVAL,
           "region.flags");
    refuse(broken(host(), [](R* r) { r->flags = 1u << 5; }), BWRT_E_INVAL, "region.flags");
    refuse(broken(host(), [](R* r) { r->fd = 1; }), BWRT_E_INVAL, "region.fd");
    refuse(broken(host(), [](R* r) { r->device = 1; }), BWRT_E_INVAL, "region.device");
    refuse(broken(host(), [](R* r) { r->reserved = 1; }), BWRT_E_INVAL, "region.reserved");
    refuse(broken(on_device(), [](R* r) { r->flags = BWRT_REGION_HUGE; }), BWRT_E_INVAL,
           "region.flags");
    refuse(broken(on_device(), [](R* r) { r->fd = 1; }), BWRT_E_INVAL, "region.fd");
    refuse(broken(on_device(), [](R* r) { r->length_bytes = 0; }), BWRT_E_INVAL,
           "region.length_bytes");
    refuse(broken(allocated(), [](R* r) { r->address = bytes; }), BWRT_E_INVAL, "region.address");
    refuse(broken(world.file(), [](R* r) { r->address = bytes; }), BWRT_E_INVAL, "region.address");
    refuse(broken(host(), [](R* r) { r->address = nullptr; }), BWRT_E_INVAL, "region.address");
    refuse(broken(host(), [](R* r) { r->length_bytes = 0; }), BWRT_E_INVAL, "region.length_bytes");
    refuse(broken(allocated(), [](R* r) { r->length_bytes = 0; }), BWRT_E_INVAL,
           "region.length_bytes");
    refuse(broken(host(), [](R* r) { r->length_bytes = ~std::uint64_t{0}; }), BWRT_E_RANGE,
           "region.length_bytes");
    refuse(broken(allocated(), [](R* r) { r->length_bytes = std::uint64_t{1} << 62; }),
           BWRT_E_NOMEM, "region.length_bytes");
    refuse(broken(world.file(), [](R* r) { r->fd = -1; }), BWRT_E_INVAL, "region.fd");
    refuse(broken(world.file(), [](R* r) { r->length_bytes = std::uint64_t{1} << 63; }),
           BWRT_E_RANGE, "region.length_bytes");

    // No refusal has taken one of the two slots.
    assert_int_equal(world.add(host()), BWRT_OK);
    assert_int_equal(world.add(world.file()), BWRT_OK);
    expect_refusal(&world, host(), BWRT_E_AGAIN, "config.region_count_max");
}

void a_pipe_and_a_directory_are_no_files(void**) {
    World world;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int directory = open(".", O_RDONLY);

    expect_refusal(&world, broken(world.file(), [&](R* r) { r->fd = ends[0]; }), BWRT_E_INVAL,
                   "region.fd");
    expect_refusal(&world, broken(world.file(), [&](R* r) { r->fd = directory; }), BWRT_E_INVAL,
                   "region.fd");
    close(ends[0]);
    close(ends[1]);
    close(directory);
}

void an_empty_file_needs_a_length(void**) {
    World world;
    assert_int_equal(ftruncate(world.fd, 0), 0);
    expect_refusal(&world, world.file(), BWRT_E_INVAL, "region.length_bytes");

    assert_int_equal(world.add(broken(world.file(), [](R* r) { r->length_bytes = 4096; })),
                     BWRT_OK);
    assert_int_equal(world.added->length_bytes, 4096);
}

void a_files_length_is_its_own_unless_said(void**) {
    World world;
    assert_int_equal(world.add(world.file()), BWRT_OK);
    assert_int_equal(world.added->length_bytes, 10'000);

    assert_int_equal(world.add(broken(world.file(), [](R* r) { r->length_bytes = 77; })), BWRT_OK);
    assert_int_equal(world.added->length_bytes, 77);
}

void a_file_is_reopened_so_the_callers_may_be_closed(void**) {
    World world;
    assert_int_equal(lseek(world.fd, 123, SEEK_SET), 123);
    assert_int_equal(fcntl(world.fd, F_SETFL, O_APPEND), 0);

    assert_int_equal(world.add(world.file()), BWRT_OK);

    const int ours = world.added->file->fd;
    assert_true(ours != world.fd);
    assert_int_equal(fcntl(ours, F_GETFL) & O_APPEND, 0);
    assert_int_equal(fcntl(ours, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(pwrite(ours, "x", 1, 0), 1);
    assert_int_equal(lseek(world.fd, 0, SEEK_CUR), 123);
    struct stat stat;
    assert_int_equal(fstat(ours, &stat), 0);
    assert_int_equal(stat.st_size, 10'000);
}

void a_descriptor_opened_for_reading_does(void**) {
    World world;
    bwrt_region region = world.file();
    region.fd = world.read_only_fd;
    region.flags = BWRT_REGION_READ_ONLY;

    assert_int_equal(world.add(region), BWRT_OK);

    assert_int_equal(fcntl(world.added->file->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
}

void a_direct_region_may_not_extend_its_file(void**) {
    World world;
    bwrt_region region = world.file();
    region.flags = BWRT_REGION_DIRECT;
    region.length_bytes = 10'001;
    expect_refusal(&world, region, BWRT_E_RANGE, "region.length_bytes");

    region.flags |= BWRT_REGION_READ_ONLY;
    assert_int_equal(world.add(region), BWRT_OK);
}

void direct_holds_with_its_alignment_or_a_reason_is_given(void**) {
    World world;
    bwrt_region region = world.file();
    region.flags = BWRT_REGION_DIRECT;

    assert_int_equal(world.add(region), BWRT_OK);

    if ((world.added->flags & BWRT_REGION_DIRECT) != 0) {
        assert_true(world.added->file->direct_fd >= 0);
        assert_true(world.added->file->offset_align_bytes >= 512);
        assert_int_equal(world.added->file->direct_end, 8192);
        assert_string_equal(world.reason, "");
    } else {
        assert_int_equal(world.added->file->direct_fd, -1);
        assert_int_equal(world.added->file->offset_align_bytes, 1);
        assert_true(world.reason[0] != '\0');
    }
}

void a_removed_region_closes_its_file_and_frees_its_slot(void**) {
    World world;
    assert_int_equal(world.add(world.file()), BWRT_OK);
    const bwrt_handle stale = world.handle;
    const int ours = world.added->file->fd;
    assert_true(world.added->gate.is_open(bwrt::runtime::generation_of(stale)));

    world.table.remove(bwrt::runtime::slot_of(stale));
    assert_int_equal(fcntl(ours, F_GETFD), -1);
    assert_int_equal(world.add(host()), BWRT_OK);

    assert_int_equal(bwrt::runtime::slot_of(world.handle), bwrt::runtime::slot_of(stale));
    assert_true(world.handle != stale);
    const Region* region = world.table.find(stale);
    assert_false(region->gate.is_open(bwrt::runtime::generation_of(stale)));
    assert_true(region->gate.is_open(bwrt::runtime::generation_of(world.handle)));
}

void only_a_regions_handle_finds_one(void**) {
    World world;
    assert_int_equal(world.add(host()), BWRT_OK);

    assert_ptr_equal(world.table.find(world.handle), world.added);
    assert_null(world.table.find(0));
    assert_null(world.table.find(BWRT_PROCESS_MEMORY));
    assert_null(world.table.find(world.handle ^ (3ull << 60)));
    assert_null(world.table.find(world.handle + (2ull << 44)));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_region_is_refused_for_each_field_that_is_wrong),
        cmocka_unit_test(a_pipe_and_a_directory_are_no_files),
        cmocka_unit_test(an_empty_file_needs_a_length),
        cmocka_unit_test(a_files_length_is_its_own_unless_said),
        cmocka_unit_test(a_file_is_reopened_so_the_callers_may_be_closed),
        cmocka_unit_test(a_descriptor_opened_for_reading_does),
        cmocka_unit_test(a_direct_region_may_not_extend_its_file),
        cmocka_unit_test(direct_holds_with_its_alignment_or_a_reason_is_given),
        cmocka_unit_test(a_removed_region_closes_its_file_and_frees_its_slot),
        cmocka_unit_test(only_a_regions_handle_finds_one),
    };
    return cmocka_run_group_tests_name("runtime/region.cpp, region_file.cpp", tests, nullptr,
                                       nullptr);
}
