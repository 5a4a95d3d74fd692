// SPDX-License-Identifier: Apache-2.0
//
// cmd_copy.cpp — `bwrt copy SRC DST`: a copy that has been read back.
//
//   check names ─▶ temporary file beside DST ─▶ copy, hashing ─▶ flush
//              ─▶ read it back from the device, hashing ─▶ compare ─▶ rename ─▶ sync the folder
//
// DST is either what it was or the whole, verified copy, never a part of it: until the
// rename all bytes lie in a file of another name, which is removed on every way out, Ctrl-C
// included.  Reading back goes past the page cache (O_DIRECT), or, where the file system has
// no such thing, after the cache was asked to forget the file: else the copy in memory would
// be compared with itself.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "tools/commands.h"
#include "tools/copy_window.h"
#include "tools/output.h"
#include "tools/signals.h"

namespace bwrt::tools {
namespace {

struct CopyResult {
    std::uint64_t length_bytes = 0;
    std::uint64_t hash = hash_of_nothing();  // as that of an empty file stays
    double copy_seconds = 0;
    double verify_seconds = 0;
    bool source_direct = false;
    bool target_direct = false;
    bool verify_direct = false;
    std::string storage;
};

class OwnedFd {
 public:
    OwnedFd(int fd, const std::string& name) : fd_(fd) {
        if (fd < 0) fail_system(name, errno);
    }
    ~OwnedFd() { close(fd_); }
    OwnedFd(const OwnedFd&) = delete;
    OwnedFd& operator=(const OwnedFd&) = delete;
    int get() const { return fd_; }

 private:
    int fd_;
};

struct stat status_of(int fd, const std::string& name) {
    struct stat status {};
    if (fstat(fd, &status) != 0) fail_system(name, errno);
    return status;
}

// The copy until it has its name.
class TemporaryFile {
 public:
    explicit TemporaryFile(const std::filesystem::path& target)
        : target_(target),
          folder_(target.has_parent_path() ? target.parent_path() : "."),
          name_((folder_ / ".bwrt-copy-XXXXXX").string()),
          fd_(mkostemp(name_.data(), O_CLOEXEC), folder_.string()) {}

    ~TemporaryFile() {
        if (!renamed_) unlink(name_.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    int fd() const { return fd_.get(); }

    // All space now: a full disk is found before the copy, and a direct write needs the length.
    void reserve(std::uint64_t length_bytes) {
        const auto length = static_cast<off_t>(length_bytes);
        if (length == 0 || fallocate(fd(), 0, 0, length) == 0) return;
        if (errno == EINTR) throw Failure("interrupted", "interrupted", 130);
        if (errno != EOPNOTSUPP && errno != ENOSYS) fail_system(target_.string(), errno);
        if (ftruncate(fd(), length) != 0) fail_system(target_.string(), errno);
    }

    // The rename is durable when this returns.
    void rename_to_target(mode_t mode) {
        if (fchmod(fd(), mode) != 0) fail_system(target_.string(), errno);
        if (fsync(fd()) != 0) fail_system(target_.string(), errno);
        if (rename(name_.c_str(), target_.c_str()) != 0) fail_system(target_.string(), errno);
        renamed_ = true;
        const OwnedFd folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                             folder_.string());
        if (fsync(folder.get()) != 0 && errno != EINVAL) fail_system(folder_.string(), errno);
    }

 private:
    std::filesystem::path target_;
    std::filesystem::path folder_;
    std::string name_;
    OwnedFd fd_;
    bool renamed_ = false;
};

// A file of /proc has bytes but no length; copying 0 bytes of it would be a lie.
void check_source(int fd, const struct stat& status, const std::string& name) {
    char byte = 0;
    if (S_ISDIR(status.st_mode)) throw Failure("E_INVAL", name + ": is a directory");
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        throw Failure("E_INVAL", name + ": is neither a regular file nor a block device");
    if (S_ISREG(status.st_mode) && status.st_size == 0 && pread(fd, &byte, 1, 0) > 0)
        throw Failure("E_INVAL", name + ": does not say how long it is");
}

// Where the copy goes (behind symbolic links) and the mode it gets.
std::pair<std::filesystem::path, mode_t> check_target(const CopyOptions& options,
                                                      const struct stat& source) {
    const mode_t mask = umask(0);
    umask(mask);
    const mode_t fresh_mode = (S_ISREG(source.st_mode) ? source.st_mode & 0777 : 0666) & ~mask;

    struct stat target {};
    if (stat(options.target.c_str(), &target) != 0) {
        if (errno != ENOENT) fail_system(options.target, errno);
        if (lstat(options.target.c_str(), &target) == 0)
            throw Failure("E_INVAL", options.target + ": is a symbolic link to nothing");
        if (options.target.empty() || options.target.back() == '/')
            throw Failure("E_INVAL", options.target + ": is not a file name");
        return {options.target, fresh_mode};
    }
    if (S_ISDIR(target.st_mode)) throw Failure("E_INVAL", options.target + ": is a directory");
    if (!S_ISREG(target.st_mode))
        throw Failure("E_INVAL", options.target + ": is not a regular file");
    if (target.st_dev == source.st_dev && target.st_ino == source.st_ino) {
        throw Failure("E_INVAL", options.source + " and " + options.target + " are the same file");
    }
    return {std::filesystem::canonical(options.target), target.st_mode & 0777};
}

bool unchanged(const struct stat& before, const struct stat& after) {
    return before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
           before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
}

// What the device says the copy is.
std::uint64_t read_back(const TemporaryFile& copy, CopyWindow* window, const CopyOptions& options,
                        CopyResult* result) {
    const FileInfo written =
        window->add_file(copy.fd(), BWRT_REGION_READ_ONLY | BWRT_REGION_DIRECT);
    result->verify_direct = written.direct;
    if (!written.direct) posix_fadvise(copy.fd(), 0, 0, POSIX_FADV_DONTNEED);
    ProgressBar progress("verifying", result->length_bytes);
    const std::uint64_t hash =
        window->run(written, options.target, nullptr, "", result->length_bytes, &progress);
    window->release_file(written);
    return hash;
}

void copy_bytes(int source_fd, const TemporaryFile& copy, CopyWindow* window,
                const FileInfo& source, const CopyOptions& options, CopyResult* result) {
    const FileInfo target =
        window->add_file(copy.fd(), options.direct ? std::uint32_t{BWRT_REGION_DIRECT} : 0);
    result->source_direct = source.direct;
    result->target_direct = target.direct;
    const struct stat before = status_of(source_fd, options.source);
    {
        ProgressBar progress("copying", result->length_bytes);
        result->hash = window->run(source, options.source, &target, options.target,
                                   result->length_bytes, &progress);
    }
    window->flush(target, options.target);
    window->release_file(target);
    if (!unchanged(before, status_of(source_fd, options.source)))
        throw Failure("E_INVAL", options.source + ": changed while it was copied");
}

CopyResult copy_file(const CopyOptions& options) {
    // O_NONBLOCK: a pipe without a writer is refused, not waited for.
    const OwnedFd source_fd(open(options.source.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK),
                            options.source);
    const struct stat status = status_of(source_fd.get(), options.source);
    check_source(source_fd.get(), status, options.source);
    const auto [target, mode] = check_target(options, status);

    CopyResult result;
    TemporaryFile copy(target);
    CopyWindow window(options.chunk_bytes, options.depth);
    result.storage = window.storage();
    const double start = seconds_now();
    double copied = start;
    if (S_ISBLK(status.st_mode) || status.st_size > 0) {
        const std::uint32_t flags = options.direct ? std::uint32_t{BWRT_REGION_DIRECT} : 0;
        const FileInfo source = window.add_file(source_fd.get(), BWRT_REGION_READ_ONLY | flags);
        result.length_bytes = source.length_bytes;
        copy.reserve(result.length_bytes);
        copy_bytes(source_fd.get(), copy, &window, source, options, &result);
        copied = seconds_now();
        if (read_back(copy, &window, options, &result) != result.hash)
            throw Failure("E_CORRUPT", options.target + ": does not read back as it was written");
    }
    if (is_interrupted()) throw Failure("interrupted", "interrupted", 130);
    copy.rename_to_target(mode);
    result.copy_seconds = copied - start;
    result.verify_seconds = seconds_now() - copied;
    return result;
}

double rate_gb_per_s(const CopyResult& result, double seconds) {
    return seconds > 0 ? 1e-9 * static_cast<double>(result.length_bytes) / seconds : 0;
}

void print_json(const CopyOptions& options, const CopyResult& result, const char* hash) {
    JsonObject object;
    object.add("source", options.source);
    object.add("target", options.target);
    object.add("bytes", result.length_bytes);
    object.add("xxh3", hash);
    object.add("verified", true);
    object.add("verify_direct", result.verify_direct);
    object.add("source_direct", result.source_direct);
    object.add("target_direct", result.target_direct);
    object.add("storage", result.storage);
    object.add("chunk_bytes", options.chunk_bytes);
    object.add("depth", options.depth);
    object.add("copy_s", result.copy_seconds);
    object.add("copy_gb_per_s", rate_gb_per_s(result, result.copy_seconds));
    object.add("verify_s", result.verify_seconds);
    object.add("verify_gb_per_s", rate_gb_per_s(result, result.verify_seconds));
    object.print();
}

void print_text(const CopyOptions& options, const CopyResult& result, const char* hash) {
    std::printf("%s: %s copied and flushed in %.2f s (%.2f GB/s)\n", options.target.c_str(),
                format_bytes(result.length_bytes).c_str(), result.copy_seconds,
                rate_gb_per_s(result, result.copy_seconds));
    std::printf("read back %s in %.2f s (%.2f GB/s), XXH3 %s\n",
                result.verify_direct ? "past the page cache" : "after dropping the page cache",
                result.verify_seconds, rate_gb_per_s(result, result.verify_seconds), hash);
}

}  // namespace

void run_copy(const CopyOptions& options, bool json) {
    char hash[24];
    if (options.chunk_bytes % 4096 != 0)
        throw Failure("E_INVAL", "--chunk is not a multiple of 4096", 2);
    catch_signals();
    const CopyResult result = copy_file(options);
    std::snprintf(hash, sizeof(hash), "%016llx", static_cast<unsigned long long>(result.hash));
    (json ? print_json : print_text)(options, result, hash);
}

}  // namespace bwrt::tools
