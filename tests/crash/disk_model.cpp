// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/disk_model.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/crash/blocks.h"

namespace bwrt::crash {
namespace {

constexpr std::uint64_t kNever = ~std::uint64_t{0};

unsigned long long ull(std::uint64_t number) noexcept { return number; }

// What a call changes, and so what must be flushed.
std::uint32_t changed_by(const TapedCall& call) noexcept {
    switch (call.call) {
        case Call::kWrite:
        case Call::kExtend:
            return call.object;
        case Call::kTruncate:
            return call.object;
        default:
            return call.directory;
    }
}

}  // namespace

// ---- a disk

void Disk::become(const Disk& other) {
    objects_ = other.objects_;
    made_.clear();
}

// The other's sectors may be this one's, which go last.
void Disk::copy(const Disk& other) {
    std::deque<Sector> made;
    objects_ = other.objects_;
    for (Object& object : objects_) {
        for (const unsigned char*& sector : object.sectors) {
            if (sector == nullptr) continue;
            std::memcpy(made.emplace_back().data(), sector, kSectorBytes);
            sector = made.back().data();
        }
    }
    made_.swap(made);
}

Disk::Object& Disk::at(std::uint32_t object) {
    if (object >= objects_.size()) objects_.resize(object + 1);
    return objects_[object];
}

void Disk::write(const Tape& tape, const TapedCall& call, std::uint64_t i) {
    Object& file = at(call.object);
    const std::uint64_t number = call.offset_bytes / kSectorBytes + i;
    const std::uint64_t begin = number * kSectorBytes;
    const std::uint64_t first = std::max(call.offset_bytes, begin);
    const std::uint64_t last =
        std::min(call.offset_bytes + call.length_bytes, begin + kSectorBytes);
    file.length_bytes = std::max(file.length_bytes, last);
    if (file.sectors.size() <= number) file.sectors.resize(number + 1);
    const std::uint32_t place = tape.sectors[call.first_sector + i];
    const unsigned char* bytes = place == 0 ? nullptr : tape.stored[place];
    if (last - first == kSectorBytes) {
        file.sectors[number] = bytes;
        return;
    }
    Sector& both = made_.emplace_back();
    both.fill(0);
    if (file.sectors[number] != nullptr) {
        std::memcpy(both.data(), file.sectors[number], kSectorBytes);
    }
    if (bytes != nullptr) {
        std::memcpy(both.data() + (first - begin), bytes + (first - begin), last - first);
    } else {
        std::memset(both.data() + (first - begin), 0, last - first);
    }
    file.sectors[number] = both.data();
}

bool Disk::put_bytes(const Object& file, int fd) const {
    if (syscall(SYS_ftruncate, fd, file.length_bytes) != 0) return false;
    constexpr std::size_t kRun = 128;
    unsigned char run[kRun * kSectorBytes];
    const std::size_t count = std::min<std::size_t>(
        file.sectors.size(), (file.length_bytes + kSectorBytes - 1) / kSectorBytes);
    for (std::size_t i = 0; i < count;) {
        std::size_t taken = 0;
        while (i + taken < count && taken < kRun && file.sectors[i + taken] != nullptr) {
            std::memcpy(run + taken * kSectorBytes, file.sectors[i + taken], kSectorBytes);
            ++taken;
        }
        if (taken == 0) {
            ++i;
            continue;
        }
        const std::uint64_t offset = i * kSectorBytes;
        const std::size_t bytes =
            std::min<std::size_t>(taken * kSectorBytes, file.length_bytes - offset);
        if (syscall(SYS_pwrite64, fd, run, bytes, offset) != static_cast<long>(bytes)) return false;
        i += taken;
    }
    return true;
}

bool Disk::put(std::uint32_t number, const std::string& path, Tape* tape) const {
    const Object& object = objects_[number];
    bool done = true;
    if (object.is_directory) {
        done = number == 0 || mkdir(path.c_str(), 0700) == 0;
        for (const auto& [name, entry] : object.entries) {
            done = done && put(entry, path + "/" + name, tape);
        }
    } else {
        const auto fd = static_cast<int>(
            syscall(SYS_openat, AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
        done = fd >= 0 && put_bytes(object, fd);
        if (fd >= 0) close(fd);
    }
    struct stat found = {};
    if (tape == nullptr || !done) return done;
    if (stat(path.c_str(), &found) != 0) return false;
    tape->inodes[number] = found.st_ino;
    return true;
}

bool Disk::materialise(const std::string& folder) const { return put(0, folder, nullptr); }

// Objects without a name are nowhere, and have no number that a file could have.
bool Disk::materialise_for(Tape* tape, const std::string& folder) const {
    tape->object_count = object_count();
    std::fill_n(tape->inodes, object_count(), 0);
    return object_count() <= Tape::kObjectCountMax && put(0, folder, tape);
}

bool Disk::matches(std::uint32_t number, const std::string& path, std::string* what_out) const {
    const Object& object = objects_[number];
    const auto differs = [&](const char* how) {
        *what_out = path + ": " + how;
        return false;
    };
    if (object.is_directory) {
        std::size_t count = 0;
        DIR* entries = opendir(path.c_str());
        if (entries == nullptr) return differs("cannot be listed");
        while (const dirent* entry = readdir(entries)) {
            const std::string name = entry->d_name;
            if (name != "." && name != "..") count += object.entries.count(name) != 0 ? 1 : 1 << 20;
        }
        closedir(entries);
        if (count != object.entries.size()) return differs("other entries");
        return std::all_of(object.entries.begin(), object.entries.end(), [&](const auto& entry) {
            return matches(entry.second, path + "/" + entry.first, what_out);
        });
    }
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<unsigned char> bytes(object.length_bytes + 1);
    const ssize_t got = fd < 0 ? -1 : pread(fd, bytes.data(), bytes.size(), 0);
    if (fd >= 0) close(fd);
    if (got != static_cast<ssize_t>(object.length_bytes)) return differs("of another length");
    static constexpr unsigned char kZeros[kSectorBytes] = {};
    for (std::uint64_t at = 0; at < object.length_bytes; at += kSectorBytes) {
        const std::size_t i = at / kSectorBytes;
        const unsigned char* sector = i < object.sectors.size() ? object.sectors[i] : nullptr;
        const std::size_t count = std::min<std::size_t>(kSectorBytes, object.length_bytes - at);
        if (std::memcmp(&bytes[at], sector != nullptr ? sector : kZeros, count) != 0) {
            return differs("other bytes");
        }
    }
    return true;
}

bool Disk::is_as(const std::string& folder, std::string* what_out) const {
    return matches(0, folder, what_out);
}

// ---- power cuts

PowerCuts::PowerCuts(const Disk* base, const Tape* tape)
    : base_(*base), tape_(*tape), safe_at_(tape->call_count, kNever) {
    struct Flush {
        std::uint64_t begun, safe_at;
    };
    std::vector<std::vector<Flush>> flushes(tape->object_count);
    for (std::uint32_t i = tape->call_count; i > 0; --i) {
        const TapedCall& call = tape->calls[i - 1];
        if (call.directory != kNoObject) names_.push_back(call.ended);
        if (call.call == Call::kFlush) flushes_.push_back(call.ended);
        if (call.call == Call::kFlush) {
            // From the last one backwards: the first that is over of those that begin later.
            flushes[call.object].push_back({call.begun, call.ended});
            continue;
        }
        const std::uint32_t changed = changed_by(call);
        if (changed == kNoObject) continue;
        for (const Flush& flush : flushes[changed]) {
            if (flush.begun > call.ended) {
                safe_at_[i - 1] = std::min(safe_at_[i - 1], flush.safe_at);
            }
        }
    }
    const std::uint32_t words =
        std::min(tape->word_count.load(), std::uint32_t{Tape::kWordCountMax});
    for (std::uint32_t i = 0; i < words; ++i) {
        if (tape->words[i].said == Said::kDurable) flushes_.push_back(tape->words[i].when);
    }
}

PowerCuts::Loss PowerCuts::cut(std::uint64_t when, test::Random* random, Disk* disk_out) const {
    // Each object has its own luck, and some cuts all or none at all.
    constexpr std::uint64_t kChances[] = {0, 1, 5, 9, 10};
    const std::uint64_t all = random->one_in(8) ? 0 : random->one_in(12) ? 10 : 99;
    std::vector<std::uint64_t> chance(tape_.object_count);
    for (std::uint64_t& one : chance) one = all != 99 ? all : kChances[random->below(5)];
    const std::uint64_t tears = all != 99 ? 0 : random->below(6);

    Loss loss;
    disk_out->become(base_);
    for (std::uint32_t i = 0; i < tape_.call_count; ++i) {
        const TapedCall& call = tape_.calls[i];
        if (call.ended > when) break;
        loss.fates.push_back('s');
        if (call.call == Call::kFlush) continue;
        if (safe_at_[i] <= when) {
            disk_out->apply(tape_, call, [](auto, auto) { return true; });
            continue;
        }
        if (call.call == Call::kWrite && random->below(10) < tears) {
            // Its beginning, its end, or any sectors of it.
            const std::uint64_t how = random->below(3);
            const std::uint64_t share = random->below(1000);
            disk_out->apply(tape_, call, [&](std::uint64_t sector, std::uint64_t count) {
                if (how == 2) return random->one_in(2);
                const bool in_front = sector * 1000 < share * count;
                return how == 0 ? in_front : !in_front;
            });
            ++loss.torn;
            loss.fates.back() = 't';
            continue;
        }
        const bool keeps = random->below(10) < chance[changed_by(call)];
        disk_out->apply(tape_, call, [&](auto, auto) { return keeps; });
        ++(keeps ? loss.kept : loss.dropped);
        loss.fates.back() = keeps ? 'k' : 'd';
    }
    return loss;
}

void PowerCuts::keep_all(Disk* disk_out) const {
    disk_out->become(base_);
    for (std::uint32_t i = 0; i < tape_.call_count; ++i) {
        disk_out->apply(tape_, tape_.calls[i], [](auto, auto) { return true; });
    }
}

void PowerCuts::describe(const Loss& loss, const std::string& path) const {
    constexpr const char* kCalls[] = {"mkdir",    "create", "link",  "rename", "unlink",
                                      "truncate", "extend", "write", "flush"};
    constexpr const char* kWords[] = {"attempted", "stored", "durable", "dropping", "evicted"};
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) return;
    const std::uint32_t words =
        std::min(tape_.word_count.load(), std::uint32_t{Tape::kWordCountMax});
    std::uint32_t word = 0;
    for (std::size_t i = 0; i <= loss.fates.size(); ++i) {
        const bool is_last = i == loss.fates.size();
        for (; word < words && (is_last || tape_.words[word].when < tape_.calls[i].ended); ++word) {
            const TapedWord& one = tape_.words[word];
            std::fprintf(file, "%llu %s: chain %u position %u\n", ull(one.when),
                         kWords[static_cast<int>(one.said)], one.key / kChainBlocks,
                         one.key % kChainBlocks);
        }
        if (is_last) break;
        const TapedCall& call = tape_.calls[i];
        std::fprintf(file, "%llu %c %s: directory %d object %d '%s' '%s' %llu at %llu\n",
                     ull(call.ended), loss.fates[i], kCalls[static_cast<int>(call.call)],
                     static_cast<int>(call.directory), static_cast<int>(call.object), call.name,
                     call.new_name, ull(call.length_bytes), ull(call.offset_bytes));
    }
    std::fclose(file);
}

std::uint64_t PowerCuts::choose(test::Random* random) const {
    const std::uint64_t last = tape_.now;
    const std::vector<std::uint64_t>& times = random->one_in(2) ? names_ : flushes_;
    if (times.empty() || random->one_in(3)) return random->below(last + 1);
    const std::uint64_t near = times[random->below(times.size())] + random->below(16);
    return std::min(near >= 4 ? near - 4 : 0, last);
}

}  // namespace bwrt::crash
