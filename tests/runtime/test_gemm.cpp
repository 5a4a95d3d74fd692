// SPDX-License-Identifier: Apache-2.0
//
// test_gemm.cpp — a GEMM is three plain loops, to the bit, and refuses what is no product of two
// matrices.

#include <cstdio>
#include <cstring>
#include <vector>

#include "include/bwrt.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;

using Floats = std::vector<float>;

std::uintptr_t address_of(const Floats& floats) {
    return reinterpret_cast<std::uintptr_t>(floats.data());
}

// A product of matrices in process memory, rows some floats further apart than they are long.
struct Product {
    bwrt_gemm shape = {};
    bwrt_operation operation = {};
    Floats a, b, c;
    std::uint32_t a_step, b_step, c_step;

    Product(std::uint32_t m, std::uint32_t n, std::uint32_t k, std::uint32_t gap = 0)
        : a(std::size_t{m} * (k + gap)),
          b(std::size_t{k} * (n + gap)),
          c(std::size_t{m} * (n + gap), -1.0f),
          a_step(k + gap),
          b_step(n + gap),
          c_step(n + gap) {
        shape.struct_size = sizeof shape;
        shape.m = m;
        shape.n = n;
        shape.k = k;
        shape.b = BWRT_PROCESS_MEMORY;
        shape.b_offset_bytes = address_of(b);
        shape.b_stride_bytes = gap != 0 ? 4 * std::int64_t{b_step} : 0;
        operation.kind = BWRT_OP_GEMM;
        operation.source = operation.target = BWRT_PROCESS_MEMORY;
        operation.source_offset_bytes = address_of(a);
        operation.target_offset_bytes = address_of(c);
        operation.source_stride_bytes = gap != 0 ? 4 * std::int64_t{a_step} : 0;
        operation.target_stride_bytes = gap != 0 ? 4 * std::int64_t{c_step} : 0;
        operation.gemm = &shape;
    }

    void fill(Random* random) {
        for (Floats* matrix : {&a, &b}) {
            for (float& value : *matrix) {
                value = static_cast<float>(random->between(0, 2000)) / 1000.0f - 1.0f;
            }
        }
    }
    bool is_right() const {
        for (std::uint32_t i = 0; i < shape.m; ++i) {
            for (std::uint32_t j = 0; j < c_step; ++j) {
                float sum = 0.0f;
                for (std::uint32_t p = 0; p < shape.k; ++p) {
                    sum += a[std::size_t{i} * a_step + p] * b[std::size_t{p} * b_step + j];
                }
                if (j >= shape.n) sum = -1.0f;  // between rows
                if (std::memcmp(&sum, &c[std::size_t{i} * c_step + j], 4) != 0) return false;
            }
        }
        return true;
    }
};

struct World {
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};

    explicit World(std::uint32_t progress, const bwrt_planner* planner = nullptr) {
        bwrt_config config = {};
        config.struct_size = sizeof config;
        config.progress = progress;
        config.planner = planner;
        config.storage = BWRT_STORAGE_POOL;
        assert_int_equal(bwrt_open(&config, &runtime, nullptr), BWRT_OK);
    }
    void close() {
        assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, nullptr), BWRT_OK);
        assert_int_equal(bwrt_close(runtime, nullptr), BWRT_OK);
    }
    bwrt_status submit(const bwrt_operation& operation, bwrt_handle* handle,
                       std::uint32_t flags = 0) {
        bwrt_wave wave = {};
        wave.struct_size = sizeof wave;
        wave.flags = flags;
        wave.operations = &operation;
        wave.operation_count = 1;
        wave.operation_bytes = sizeof operation;
        error = {};
        return bwrt_submit_wave(runtime, &wave, handle, &error);
    }
    bwrt_completion wait(bwrt_handle handle) {
        bwrt_completion completion = {};
        assert_int_equal(bwrt_wait(runtime, handle, -1, &completion, nullptr), BWRT_OK);
        return completion;
    }
};

void the_references_two_by_two_is_what_it_says(void** state) {
    (void)state;
    World world(BWRT_PROGRESS_CALLER);
    Product product(2, 2, 2);
    product.a = {1, 2, 3, 4};
    product.b = {5, 6, 7, 8};
    product.operation.source_offset_bytes = address_of(product.a);
    product.shape.b_offset_bytes = address_of(product.b);
    bwrt_handle handle = 0;
    assert_int_equal(world.submit(product.operation, &handle), BWRT_OK);
    const bwrt_completion completion = world.wait(handle);
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.bytes, 16);
    const Floats expected = {19, 22, 43, 50};
    assert_memory_equal(product.c.data(), expected.data(), 16);
    world.close();
}

void products_of_any_shape_are_three_loops_to_the_bit(void** state) {
    (void)state;
    Random random(test_seed());
    for (const std::uint32_t progress : {BWRT_PROGRESS_CALLER, BWRT_PROGRESS_THREAD}) {
        World world(progress);
        for (int i = 0; i < 30; ++i) {
            const auto side = [&] { return static_cast<std::uint32_t>(random.between(1, 200)); };
            Product product(side(), side(), side(),
                            random.one_in(2) ? static_cast<std::uint32_t>(random.below(9)) : 0);
            product.fill(&random);
            bwrt_handle handle = 0;
            assert_int_equal(world.submit(product.operation, &handle), BWRT_OK);
            const bwrt_completion completion = world.wait(handle);
            assert_int_equal(completion.status, BWRT_OK);
            assert_int_equal(completion.bytes,
                             std::uint64_t{4} * product.shape.m * product.shape.n);
            assert_true(product.is_right());
        }
        world.close();
    }
}

// A large one takes seconds: what is copied beside it does not wait for its end.
void a_copy_does_not_wait_for_a_product(void** state) {
    (void)state;
    World world(BWRT_PROGRESS_CALLER);
    Product large(4096, 4096, 4096);
    bwrt_handle product = 0, copied = 0;
    assert_int_equal(world.submit(large.operation, &product), BWRT_OK);
    Floats from(100, 3.0f), to(100, 0.0f);
    bwrt_operation copy = {};
    copy.kind = BWRT_OP_COPY;
    copy.source = copy.target = BWRT_PROCESS_MEMORY;
    copy.source_offset_bytes = address_of(from);
    copy.target_offset_bytes = address_of(to);
    copy.length_bytes = 400;
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = &copy;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof copy;
    wave.priority = BWRT_PRIORITY_URGENT;
    assert_int_equal(bwrt_submit_wave(world.runtime, &wave, &copied, nullptr), BWRT_OK);
    assert_int_equal(world.wait(copied).status, BWRT_OK);
    bwrt_completion completion = {};
    assert_int_equal(bwrt_wait(world.runtime, product, 0, &completion, nullptr), BWRT_E_TIMEOUT);
    assert_int_equal(bwrt_cancel(world.runtime, product, nullptr), BWRT_OK);
    completion = world.wait(product);
    assert_int_equal(completion.status, BWRT_E_CANCELLED);
    assert_true(completion.bytes < std::uint64_t{4} * 4096 * 4096);
    world.close();
}

// It has bytes of C to show for it, but nothing was copied, and no plan has to make room for it.
void a_product_makes_bytes_and_moves_none(void** state) {
    (void)state;
    bwrt_planner planner = {};
    planner.struct_size = sizeof planner;
    World world(BWRT_PROGRESS_CALLER, &planner);
    bwrt_route routes[4] = {};
    bwrt_counters counters = {};
    counters.struct_size = sizeof counters;
    counters.routes = routes;
    counters.route_capacity = 4;
    counters.route_bytes = sizeof routes[0];
    Product product(40, 70, 130), large(4096, 4096, 4096);
    bwrt_handle handle = 0;
    assert_int_equal(world.submit(product.operation, &handle, BWRT_WAVE_PLANNED), BWRT_OK);
    assert_int_equal(world.wait(handle).bytes, 4 * 40 * 70);
    assert_int_equal(world.submit(large.operation, &handle), BWRT_OK);
    bwrt_completion completion = {};
    assert_int_equal(bwrt_wait(world.runtime, handle, 1'000'000, &completion, nullptr),
                     BWRT_E_TIMEOUT);

    assert_int_equal(bwrt_sample(world.runtime, &counters, nullptr), BWRT_OK);

    assert_int_equal(counters.plan_count, 0);
    assert_int_equal(counters.plan_bytes, 0);
    assert_int_equal(counters.queued_bytes, 0);
    for (const bwrt_route& route : routes) {
        assert_true(route.request_count == 0 && route.inflight_count == 0);
        assert_true(route.bytes == 0 && route.latency_sum_ns == 0);
    }
    world.close();
}

void what_is_no_product_is_refused_by_its_field(void** state) {
    (void)state;
    World world(BWRT_PROGRESS_CALLER);
    struct Case {
        const char* field;
        bwrt_status status;
        void (*spoil)(Product*);
    };
    static const std::uint32_t slots[1] = {0};
    const Case cases[] = {
        {"operations[].gemm", BWRT_E_INVAL, [](Product* p) { p->operation.gemm = nullptr; }},
        {"operations[].gemm", BWRT_E_INVAL,
         [](Product* p) {
             p->operation.kind = BWRT_OP_COPY;
             p->operation.length_bytes = 4;
         }},
        {"gemm.struct_size", BWRT_E_ABI, [](Product* p) { p->shape.struct_size = 8; }},
        {"gemm.m", BWRT_E_INVAL, [](Product* p) { p->shape.m = 0; }},
        {"gemm.n", BWRT_E_INVAL, [](Product* p) { p->shape.n = (1u << 20) + 1; }},
        {"gemm.k", BWRT_E_INVAL, [](Product* p) { p->shape.k = 0; }},
        {"gemm.b", BWRT_E_HANDLE, [](Product* p) { p->shape.b = 77; }},
        {"gemm.b", BWRT_E_RANGE, [](Product* p) { p->shape.b_offset_bytes = 64; }},
        {"gemm.b", BWRT_E_INVAL, [](Product* p) { p->shape.b_offset_bytes += 2; }},
        {"gemm.b", BWRT_E_INVAL, [](Product* p) { p->shape.b_stride_bytes = 30; }},
        {"gemm.b", BWRT_E_RANGE, [](Product* p) { p->shape.b_stride_bytes = INT64_MIN / 2; }},
        {"operations[].source", BWRT_E_HANDLE, [](Product* p) { p->operation.source = 77; }},
        {"operations[].target", BWRT_E_HANDLE, [](Product* p) { p->operation.target = 77; }},
        {"operations[].length_bytes", BWRT_E_INVAL,
         [](Product* p) { p->operation.length_bytes = 4; }},
        {"operations[].row_count", BWRT_E_INVAL, [](Product* p) { p->operation.row_count = 2; }},
        {"operations[].slot_count", BWRT_E_INVAL,
         [](Product* p) { p->operation.source_slots = slots; }},
        {"operations[].target_stride_bytes", BWRT_E_OVERLAP,
         [](Product* p) { p->operation.target_stride_bytes = 4; }},
        {"operations[].target", BWRT_E_OVERLAP,
         [](Product* p) { p->operation.target_offset_bytes = address_of(p->a); }},
        {"operations[].target", BWRT_E_OVERLAP,
         [](Product* p) { p->operation.target_offset_bytes = address_of(p->b) + 4; }},
    };
    for (const Case& one : cases) {
        Product product(8, 8, 8);
        one.spoil(&product);
        bwrt_handle handle = 0;
        const bwrt_status status = world.submit(product.operation, &handle);
        if (status != one.status || std::strcmp(world.error.field, one.field) != 0) {
            fail_msg("%d at %s (%s), not %d at %s", status, world.error.field, world.error.message,
                     one.status, one.field);
        }
        for (const float value : product.c) assert_true(value == -1.0f);
    }
    world.close();
}

void a_matrix_lies_inside_its_region(void** state) {
    (void)state;
    World world(BWRT_PROGRESS_CALLER);
    Product product(4, 4, 4);
    bwrt_region description = {};
    description.struct_size = sizeof description;
    description.kind = BWRT_REGION_HOST;
    description.address = product.b.data();
    description.length_bytes = 64;
    bwrt_handle region = 0, handle = 0;
    assert_int_equal(bwrt_region_add(world.runtime, &description, &region, nullptr, nullptr), 0);
    product.shape.b = region;
    product.shape.b_offset_bytes = 4;
    assert_int_equal(world.submit(product.operation, &handle), BWRT_E_RANGE);
    assert_string_equal(world.error.field, "gemm.b");
    std::FILE* const file = std::tmpfile();
    description.kind = BWRT_REGION_FILE;
    description.address = nullptr;
    description.length_bytes = 4096;
    description.fd = fileno(file);
    bwrt_handle file_region = 0;
    assert_int_equal(bwrt_region_add(world.runtime, &description, &file_region, nullptr, nullptr),
                     0);
    std::fclose(file);
    product.shape.b = file_region;
    product.shape.b_offset_bytes = 0;
    assert_int_equal(world.submit(product.operation, &handle), BWRT_E_INVAL);
    assert_string_equal(world.error.field, "gemm.b");
    product.shape.b = region;
    product.shape.b_offset_bytes = 48;
    product.shape.b_stride_bytes = -16;  // its rows from the last to the first
    for (std::uint32_t i = 0; i < 16; ++i) {
        product.a[i] = i % 5 == 0 ? 1.0f : 0.0f;
        product.b[i] = static_cast<float>(i);
    }
    assert_int_equal(world.submit(product.operation, &handle), BWRT_OK);
    assert_int_equal(world.wait(handle).status, BWRT_OK);
    for (std::uint32_t i = 0; i < 16; ++i) {
        assert_true(product.c[i] == static_cast<float>((3 - i / 4) * 4 + i % 4));
    }
    product.operation.target_offset_bytes += 48;
    product.operation.target_stride_bytes = -12;  // and so do those of C, but not over each other
    assert_int_equal(world.submit(product.operation, &handle), BWRT_E_OVERLAP);
    product.operation.target_stride_bytes = -16;
    assert_int_equal(world.submit(product.operation, &handle), BWRT_OK);
    assert_int_equal(world.wait(handle).status, BWRT_OK);
    for (std::uint32_t i = 0; i < 16; ++i) assert_true(product.c[i] == static_cast<float>(i));
    world.close();
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_references_two_by_two_is_what_it_says),
        cmocka_unit_test(products_of_any_shape_are_three_loops_to_the_bit),
        cmocka_unit_test(a_copy_does_not_wait_for_a_product),
        cmocka_unit_test(a_product_makes_bytes_and_moves_none),
        cmocka_unit_test(what_is_no_product_is_refused_by_its_field),
        cmocka_unit_test(a_matrix_lies_inside_its_region),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
