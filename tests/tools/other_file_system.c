/* SPDX-License-Identifier: Apache-2.0
 *
 * other_file_system.c — file systems that a test cannot mount: loaded before the C library
 * (LD_PRELOAD), it answers as one of them where BWRT_TEST_FILE_SYSTEM names it, and passes all else
 * on.
 *
 *   nfs       statfs() says so
 *   buffered  no file of it takes O_DIRECT */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#define REPLACED __attribute__((visibility("default")))

static int is(const char* name) {
    const char* file_system = getenv("BWRT_TEST_FILE_SYSTEM");
    return file_system != NULL && strcmp(file_system, name) == 0;
}

REPLACED int statfs(const char* path, struct statfs* found) {
    int (*real)(const char*, struct statfs*) = NULL;
    *(void**)&real = dlsym(RTLD_NEXT, "statfs");
    const int status = real(path, found);
    if (status == 0 && is("nfs")) found->f_type = NFS_SUPER_MAGIC;
    return status;
}

REPLACED int fcntl(int fd, int command, ...) {
    int (*real)(int, int, ...) = NULL;
    *(void**)&real = dlsym(RTLD_NEXT, "fcntl");
    va_list arguments;
    va_start(arguments, command);
    const long argument = va_arg(arguments, long);
    va_end(arguments);
    if (command == F_SETFL && (argument & O_DIRECT) != 0 && is("buffered")) {
        errno = EINVAL;
        return -1;
    }
    return real(fd, command, argument);
}
