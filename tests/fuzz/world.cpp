// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

namespace bwrt::fuzz {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kMemoryBytes = World::kArenaBytes + 2 * World::kCanaryBytes;

std::byte pattern(std::uint64_t salt, std::uint64_t i) {
    return static_cast<std::byte>(salt + i * 31 + (i >> 8) * 7 + 1);
}

// On a memory file system where there is one: an input should be quick.
const char* parent_folder() {
    const char* const named = std::getenv("BWRT_FUZZ_FOLDER");
    for (const char* folder : {named, "/dev/shm", "/tmp"}) {
        if (folder != nullptr && access(folder, W_OK) == 0) return folder;
    }
    found("no folder for the files");
}

// A file without a name.
int make_file() {
    std::string path = std::string(parent_folder()) + "/bwrt-fuzz-XXXXXX";
    const int fd = mkstemp(path.data());
    if (fd < 0) found("no file can be made");
    unlink(path.c_str());
    return fd;
}

// What a process left that made a finding.
void remove_orphans() {
    std::error_code ignored;
    const std::string prefix = "bwrt-fuzz-stores-";
    for (const auto& entry : std::filesystem::directory_iterator(parent_folder(), ignored)) {
        const std::string name = entry.path().filename();
        if (name.rfind(prefix, 0) != 0) continue;
        const int process = std::atoi(name.c_str() + prefix.size());
        if (process > 0 && kill(process, 0) != 0 && errno == ESRCH) {
            std::filesystem::remove_all(entry.path(), ignored);
        }
    }
}

// Without their logs they have no blocks.  What is in their segments stays, for those take longest
// to make: bytes of the same keys, and not to be had any more.
void empty_stores(const std::string& folder) {
    std::vector<std::filesystem::path> going;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().filename();
        const bool stays = name == "bwrt-store" || name.rfind("segment.", 0) == 0;
        if (entry.is_regular_file() && !stays) going.push_back(entry.path());
    }
    for (const auto& path : going) std::filesystem::remove(path);
}

void write_file(int fd, const std::byte* bytes, std::uint64_t count) {
    if (ftruncate(fd, 0) != 0 || ftruncate(fd, static_cast<off_t>(count)) != 0 ||
        pwrite(fd, bytes, count, 0) != static_cast<ssize_t>(count)) {
        found("the file cannot be written");
    }
}

}  // namespace

void found(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::fputs("found: ", stderr);
    std::vfprintf(stderr, format, arguments);
    std::fputc('\n', stderr);
    va_end(arguments);
    std::abort();
}

void Space::make(std::uint64_t bytes) {
    tracked_bytes = bytes;
    value.assign(bytes, std::byte{0});
    is_known.assign(bytes, 1);
    writer.assign(bytes, 0);
    readers.assign(bytes, 0);
}

std::uint64_t Space::tracked(std::uint64_t first, std::uint64_t count) const {
    return first >= tracked_bytes ? 0 : std::min(count, tracked_bytes - first);
}

bool Space::is_claimed() const {
    // Each is what the one before it is: one call, which a sanitizer looks at as a whole.
    const auto are_zero = [](const std::vector<std::uint16_t>& waves) {
        return waves.empty() ||
               (waves[0] == 0 && std::memcmp(waves.data(), waves.data() + 1,
                                             (waves.size() - 1) * sizeof waves[0]) == 0);
    };
    return !are_zero(writer) || !are_zero(readers);
}

World::World() {
    void* mapping =
        mmap(nullptr, kMemoryBytes + 2 * kPageBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) found("no memory for the arena");
    mapping_ = static_cast<std::byte*>(mapping);
    memory.actual = mapping_ + kPageBytes;
    if (mprotect(memory.actual, kMemoryBytes, PROT_READ | PROT_WRITE) != 0) found("mprotect");
    memory.make(kMemoryBytes);
    for (Space& file : files) {
        file.is_file = true;
        file.is_direct = &file == &files[1];
        file.is_dirty = true;
        file.fd = make_file();
        file.make(kFileTrackedBytes);
    }
    for (Space& space : allocated) space.make(kAllocatedBytesMax);
    for (std::uint64_t salt = 0; salt < 3; ++salt) {
        std::vector<std::byte>& bytes = pristine_[salt];
        bytes.resize(salt == 0 ? kMemoryBytes : kFileTrackedBytes);
        const std::uint64_t end = salt == 0 ? kMemoryBytes : kFileBytes;
        for (std::uint64_t i = 0; i < end; ++i) bytes[i] = pattern(salt * 77, i);
    }
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) found("no pipe");
    odd_fds[0] = ends[0];
    odd_fds[1] = ends[1];
    odd_fds[2] = eventfd(0, EFD_CLOEXEC);
    odd_fds[3] = open("/", O_RDONLY | O_CLOEXEC);
    remove_orphans();
    store_folder_ = std::string(parent_folder()) + "/bwrt-fuzz-stores-" + std::to_string(getpid());
    std::filesystem::remove_all(store_folder_);
}

World::~World() {
    for (const Space& file : files) close(file.fd);
    for (const int fd : odd_fds) close(fd);
    munmap(mapping_, kMemoryBytes + 2 * kPageBytes);
    std::error_code ignored;
    std::filesystem::remove_all(store_folder_, ignored);
}

const std::string& World::store_folder() {
    if (mkdir(store_folder_.c_str(), 0700) != 0 && errno != EEXIST) {
        found("no folder for a store: %s", std::strerror(errno));
    }
    is_store_folder_used_ = true;
    return store_folder_;
}

void World::reset() {
    memory.value = pristine_[0];
    std::memcpy(memory.actual, memory.value.data(), kMemoryBytes);
    for (Space& file : files) {
        if (!file.is_dirty) continue;
        std::fill(file.is_known.begin(), file.is_known.end(), std::uint8_t{1});
        file.value = pristine_[file.is_direct ? 1 : 2];
        write_file(file.fd, file.value.data(), kFileBytes);
        file.length_bytes = kFileBytes;
        file.is_dirty = false;
    }
    for (Space& space : allocated) {
        space.is_used = false;
        space.actual = nullptr;
    }
    if (is_store_folder_used_) empty_stores(store_folder_);
    is_store_folder_used_ = false;
}

bool World::is_in_arena(std::uint64_t address) const {
    const auto start = reinterpret_cast<std::uintptr_t>(memory.actual) + kCanaryBytes;
    return address >= start && address - start <= kArenaBytes;
}

Space* World::take_space(std::byte* actual, std::uint64_t bytes) {
    for (Space& space : allocated) {
        if (space.is_used || space.is_claimed()) continue;
        space.is_used = true;
        space.actual = actual;
        space.make(bytes);
        return &space;
    }
    return nullptr;
}

bool World::claim(const std::vector<Piece>& pieces, std::uint16_t wave) {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const Piece& piece = pieces[i];
        bool free = true;
        const std::uint64_t to =
            piece.target == nullptr ? 0
                                    : piece.target->tracked(piece.target_first, piece.length_bytes);
        for (std::uint64_t k = 0; k < to && free; ++k) {
            free = piece.target->writer[piece.target_first + k] == 0 &&
                   piece.target->readers[piece.target_first + k] == 0;
        }
        const std::uint64_t from =
            piece.source == nullptr ? 0
                                    : piece.source->tracked(piece.source_first, piece.length_bytes);
        for (std::uint64_t k = 0; k < from && free; ++k) {
            free = piece.source->writer[piece.source_first + k] == 0;
        }
        if (free && piece.source == piece.target) {
            free = piece.source_first + piece.length_bytes <= piece.target_first ||
                   piece.target_first + piece.length_bytes <= piece.source_first;
        }
        if (!free) {
            while (i > 0) unclaim(pieces[--i]);
            return false;
        }
        for (std::uint64_t k = 0; k < to; ++k) piece.target->writer[piece.target_first + k] = wave;
        for (std::uint64_t k = 0; k < from; ++k) ++piece.source->readers[piece.source_first + k];
    }
    return true;
}

void World::unclaim(const Piece& piece) {
    if (piece.target != nullptr) {
        const std::uint64_t to = piece.target->tracked(piece.target_first, piece.length_bytes);
        for (std::uint64_t k = 0; k < to; ++k) piece.target->writer[piece.target_first + k] = 0;
    }
    if (piece.source == nullptr) return;
    const std::uint64_t from = piece.source->tracked(piece.source_first, piece.length_bytes);
    for (std::uint64_t k = 0; k < from; ++k) --piece.source->readers[piece.source_first + k];
}

void World::expect_moved(const Piece& piece, std::uint16_t wave) {
    const std::uint64_t to = piece.target->tracked(piece.target_first, piece.length_bytes);
    const std::uint64_t from = piece.source->tracked(piece.source_first, piece.length_bytes);
    for (std::uint64_t k = 0; k < to; ++k) {
        Space& target = *piece.target;
        const std::uint64_t at = piece.target_first + k;
        const bool known = k < from && piece.source->is_known[piece.source_first + k] != 0;
        const std::byte value = known ? piece.source->value[piece.source_first + k] : std::byte{0};
        if (target.is_file) {
            target.is_known[at] = known ? 1 : 0;
            target.value[at] = value;
            continue;
        }
        if (target.actual == nullptr) continue;  // released since
        if (known && target.actual[at] != value) {
            found("wave %u: entry %u is called right, byte %llu of its piece is not", wave,
                  piece.entry, static_cast<unsigned long long>(k));
        }
        target.value[at] = target.actual[at];
    }
}

void World::believe(const Piece& piece) {
    if (piece.target == nullptr) return;
    Space& target = *piece.target;
    const std::uint64_t count = target.tracked(piece.target_first, piece.length_bytes);
    for (std::uint64_t at = piece.target_first; at < piece.target_first + count; ++at) {
        if (target.is_file) {
            target.is_known[at] = 0;
        } else if (target.actual != nullptr) {
            target.value[at] = target.actual[at];
        }
    }
}

void World::check_memory(const Space& space, const char* name) {
    if (space.actual == nullptr) return;
    // Bytes that a wave has are not even looked at.
    if (!space.is_claimed() &&
        std::memcmp(space.actual, space.value.data(), space.tracked_bytes) == 0) {
        return;
    }
    for (std::uint64_t i = 0; i < space.tracked_bytes; ++i) {
        if (space.writer[i] != 0 || space.actual[i] == space.value[i]) continue;
        found("%s changed at %llu, where no wave may write", name,
              static_cast<unsigned long long>(i));
    }
}

void World::check_files() {
    for (Space& file : files) {
        if (!file.is_dirty) continue;
        static std::byte bytes[kFileTrackedBytes];
        std::memset(bytes, 0, sizeof bytes);
        struct stat stat = {};
        if (fstat(file.fd, &stat) != 0 || pread(file.fd, bytes, sizeof bytes, 0) < 0) {
            found("the file cannot be read");
        }
        if (static_cast<std::uint64_t>(stat.st_size) > file.length_bytes) {
            found("the file has %lld bytes, %llu are the most it may have",
                  static_cast<long long>(stat.st_size),
                  static_cast<unsigned long long>(file.length_bytes));
        }
        if (std::memcmp(bytes, file.value.data(), sizeof bytes) == 0) continue;
        for (std::uint64_t i = 0; i < kFileTrackedBytes; ++i) {
            if (file.is_known[i] == 0 || file.writer[i] != 0 || bytes[i] == file.value[i]) continue;
            found("the %s file has wrong bytes at %llu", file.is_direct ? "direct" : "buffered",
                  static_cast<unsigned long long>(i));
        }
    }
}

bool World::cut_file(std::uint64_t length_bytes) {
    Space& file = files[0];
    for (std::uint64_t i = std::min(length_bytes, kFileTrackedBytes); i < kFileTrackedBytes; ++i) {
        if (file.writer[i] != 0 || file.readers[i] != 0) return false;
    }
    file.is_dirty = true;
    if (ftruncate(file.fd, static_cast<off_t>(length_bytes)) != 0) return false;
    file.length_bytes = std::max(file.length_bytes, length_bytes);
    for (std::uint64_t i = length_bytes; i < kFileTrackedBytes; ++i) {
        file.value[i] = std::byte{0};
        file.is_known[i] = 1;
    }
    return true;
}

}  // namespace bwrt::fuzz
