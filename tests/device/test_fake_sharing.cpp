// SPDX-License-Identifier: Apache-2.0
//
// Device memory of one process in another: by handles of cuMemAlloc()'s, and by descriptors of
// memory that was made to be exported.  The other process is made before there is a driver, since a
// child of a process with one cannot use it.

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/device/driver_world.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kBytes = std::size_t{2} << 20;

struct Message {
    char kind = 0;  // 'h': a handle, 'd': a descriptor comes along, 'e': the end
    CUipcMemHandle handle = {};
};

void send_message(int socket, const Message& message, int fd) {
    iovec part = {const_cast<Message*>(&message), sizeof message};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (fd >= 0) {
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        cmsghdr* const first = CMSG_FIRSTHDR(&header);
        first->cmsg_level = SOL_SOCKET;
        first->cmsg_type = SCM_RIGHTS;
        first->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(first), &fd, sizeof fd);
    }
    static_cast<void>(sendmsg(socket, &header, 0));
}

Message receive_message(int socket, int* fd_out) {
    Message message;
    iovec part = {&message, sizeof message};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof *fd_out)] = {};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    *fd_out = -1;
    if (recvmsg(socket, &header, 0) <= 0) message.kind = 'e';
    const cmsghdr* const first = CMSG_FIRSTHDR(&header);
    if (first != nullptr) std::memcpy(fd_out, CMSG_DATA(first), sizeof *fd_out);
    return message;
}

// The other process: adds one to the first byte of what it is given.  Its answer is 'y' or what
// went wrong.
char add_one(const Driver& driver, CUdeviceptr memory) {
    CUstream stream = nullptr;
    unsigned char byte = 0;
    if (driver.stream_create_with_priority(&stream, CU_STREAM_NON_BLOCKING, 0) != 0) return 's';
    if (driver.memcpy_d2h_async(&byte, memory, 1, stream) != CUDA_SUCCESS) return 'r';
    ++byte;
    if (driver.memcpy_h2d_async(memory, &byte, 1, stream) != CUDA_SUCCESS) return 'w';
    if (driver.stream_synchronize(stream) != CUDA_SUCCESS) return 'e';
    return driver.stream_destroy(stream) == CUDA_SUCCESS ? 'y' : 'd';
}

char use_handle(const Driver& driver, const CUipcMemHandle& handle) {
    CUdeviceptr memory = 0;
    const unsigned flags = CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS;
    if (driver.ipc_open_mem_handle(&memory, handle, flags) != CUDA_SUCCESS) return 'o';
    const char answer = add_one(driver, memory);
    return driver.ipc_close_mem_handle(memory) == CUDA_SUCCESS ? answer : 'c';
}

CUresult map_all(const Driver& driver, CUmemGenericAllocationHandle handle, CUdeviceptr* memory) {
    const CUmemAccessDesc rights = {{CU_MEM_LOCATION_TYPE_DEVICE, 0},
                                    CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUresult code = driver.mem_address_reserve(memory, kBytes, 0, 0, 0);
    if (code == CUDA_SUCCESS) code = driver.mem_map(*memory, kBytes, 0, handle, 0);
    return code == CUDA_SUCCESS ? driver.mem_set_access(*memory, kBytes, &rights, 1) : code;
}

CUresult unmap_all(const Driver& driver, CUmemGenericAllocationHandle handle, CUdeviceptr memory) {
    CUresult code = driver.mem_unmap(memory, kBytes);
    if (code == CUDA_SUCCESS) code = driver.mem_release(handle);
    return code == CUDA_SUCCESS ? driver.mem_address_free(memory, kBytes) : code;
}

char use_descriptor(const Driver& driver, int fd) {
    CUmemGenericAllocationHandle handle = 0;
    CUdeviceptr memory = 0;
    void* const value = reinterpret_cast<void*>(static_cast<std::intptr_t>(fd));
    if (driver.mem_import_from_shareable_handle(
            &handle, value, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) != CUDA_SUCCESS) {
        return 'i';
    }
    close(fd);
    if (map_all(driver, handle, &memory) != CUDA_SUCCESS) return 'm';
    const char answer = add_one(driver, memory);
    return unmap_all(driver, handle, memory) == CUDA_SUCCESS ? answer : 'u';
}

void serve(int socket) {
    Driver driver;
    std::string reason;
    CUcontext context = nullptr;
    int fd = -1;
    Message message = receive_message(socket, &fd);
    if (message.kind == 'e') return;
    const bool is_ready = runtime::cuda::load_driver_from("libcuda.so.1", &driver, &reason) &&
                          driver.init(0) == CUDA_SUCCESS &&
                          driver.primary_ctx_retain(&context, 0) == CUDA_SUCCESS &&
                          driver.ctx_set_current(context) == CUDA_SUCCESS;
    while (message.kind != 'e') {
        char answer = 'n';
        if (is_ready && message.kind == 'h') answer = use_handle(driver, message.handle);
        if (is_ready && message.kind == 'd') answer = use_descriptor(driver, fd);
        static_cast<void>(!write(socket, &answer, 1));
        message = receive_message(socket, &fd);
    }
}

int other_process = -1;  // the socket

char ask(const Message& message, int fd) {
    char answer = 0;
    send_message(other_process, message, fd);
    return read(other_process, &answer, 1) == 1 ? answer : '0';
}

unsigned char first_byte(DriverWorld* world, CUdeviceptr memory) {
    unsigned char byte = 0;
    assert_int_equal(world->driver.memcpy_d2h_async(&byte, memory, 1, world->stream()), 0);
    return byte;
}

void set_first_byte(DriverWorld* world, CUdeviceptr memory, unsigned char value) {
    const CUstream stream = world->stream();
    assert_int_equal(world->driver.memset_d8_async(memory, value, 1, stream), CUDA_SUCCESS);
    world->synchronize(stream);
}

void another_process_has_the_memory_of_a_handle(void**) {
    DriverWorld world;
    Message message;
    world.start();
    if (world.driver.ipc_get_mem_handle == nullptr) skip();
    const CUdeviceptr memory = world.memory(kBytes);
    set_first_byte(&world, memory, 41);
    message.kind = 'h';
    assert_int_equal(world.driver.ipc_get_mem_handle(&message.handle, memory), CUDA_SUCCESS);

    assert_int_equal(ask(message, -1), 'y');

    assert_int_equal(first_byte(&world, memory), 42);
    world.end();
}

void another_process_has_the_memory_of_a_descriptor(void**) {
    DriverWorld world;
    Message message;
    CUmemGenericAllocationHandle handle = 0;
    CUdeviceptr memory = 0;
    int fd = -1;
    world.start();
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
    properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    assert_int_equal(world.driver.mem_create(&handle, kBytes, &properties, 0), CUDA_SUCCESS);
    assert_int_equal(map_all(world.driver, handle, &memory), CUDA_SUCCESS);
    set_first_byte(&world, memory, 7);
    assert_int_equal(world.driver.mem_export_to_shareable_handle(
                         &fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
                     CUDA_SUCCESS);
    message.kind = 'd';

    assert_int_equal(ask(message, fd), 'y');

    close(fd);
    assert_int_equal(first_byte(&world, memory), 8);
    assert_int_equal(unmap_all(world.driver, handle, memory), CUDA_SUCCESS);
    world.end();
}

void mapped_memory_has_no_handle(void**) {
    DriverWorld world;
    CUmemGenericAllocationHandle handle = 0;
    CUdeviceptr memory = 0;
    CUipcMemHandle ipc = {};
    world.start();
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
    assert_int_equal(world.driver.mem_create(&handle, kBytes, &properties, 0), CUDA_SUCCESS);
    assert_int_equal(map_all(world.driver, handle, &memory), CUDA_SUCCESS);

    assert_int_not_equal(world.driver.ipc_get_mem_handle(&ipc, memory), CUDA_SUCCESS);

    assert_int_equal(unmap_all(world.driver, handle, memory), CUDA_SUCCESS);
    world.end();
}

void memory_that_was_not_made_for_it_is_not_exported(void**) {
    DriverWorld world;
    CUmemGenericAllocationHandle handle = 0;
    int fd = -1;
    world.start_on_fake("");
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
    assert_int_equal(world.driver.mem_create(&handle, kBytes, &properties, 0), CUDA_SUCCESS);

    assert_int_equal(world.driver.mem_export_to_shareable_handle(
                         &fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
                     CUDA_ERROR_INVALID_VALUE);

    assert_reported("memory that was not made to be exported so");
}

void a_process_does_not_open_its_own_handle(void**) {
    DriverWorld world;
    CUipcMemHandle handle = {};
    CUdeviceptr again = 0;
    world.start_on_fake("");
    assert_int_equal(world.driver.ipc_get_mem_handle(&handle, world.memory(64)), CUDA_SUCCESS);

    assert_int_equal(
        world.driver.ipc_open_mem_handle(&again, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS),
        CUDA_ERROR_INVALID_CONTEXT);

    assert_reported("memory of this very process");
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) != 0) return 1;
    const pid_t child = fork();
    if (child == 0) {
        close(sockets[0]);
        serve(sockets[1]);
        return 0;
    }
    close(sockets[1]);
    other_process = sockets[0];
    say_which_driver();
    const CMUnitTest tests[] = {
        cmocka_unit_test(another_process_has_the_memory_of_a_handle),
        cmocka_unit_test(another_process_has_the_memory_of_a_descriptor),
        cmocka_unit_test(mapped_memory_has_no_handle),
        cmocka_unit_test(memory_that_was_not_made_for_it_is_not_exported),
        cmocka_unit_test(a_process_does_not_open_its_own_handle),
    };
    const int failed_count = cmocka_run_group_tests(tests, nullptr, nullptr);
    close(other_process);
    int status = 0;
    waitpid(child, &status, 0);
    return failed_count + (status == 0 ? 0 : 1);
}
