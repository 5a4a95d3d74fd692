// SPDX-License-Identifier: Apache-2.0
//
// disk_model.h — what a power cut may leave of the files that a tape tells of.
//
//   base ──calls of the tape, up to the cut──▶ disk
//            flushed: as they were
//            not flushed: kept, dropped, or of a write any sectors, each call by itself
//
// No order holds but that of flushes: a later call may be there without an earlier one, entries
// without their files' bytes, lengths without them, and each of several writes to one place.  A
// name counts as flushed with its directory and not with the file, a length with the file.  That
// is as weak as POSIX is; file systems are better in parts, each in another.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/recorder.h"
#include "tests/support/random.h"

namespace bwrt::crash {

class Disk {
 public:
    using Sector = std::array<unsigned char, kSectorBytes>;

    // An empty folder, object 0.
    Disk() : objects_(1) { objects_[0].is_directory = true; }
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    // As another is, whose sectors it uses as long as that is there and unchanged.
    void become(const Disk& other);
    // Likewise, with sectors of its own.
    void copy(const Disk& other);

    // What is not kept has no effect; of a write `keeps` is asked for each of its sectors.
    template <typename Keeps>
    void apply(const Tape& tape, const TapedCall& call, Keeps&& keeps);

    // Makes it so in the folder, which is empty.  False and errno.
    [[nodiscard]] bool materialise(const std::string& folder) const;
    // As materialise(), and tells the tape which objects its files are.
    [[nodiscard]] bool materialise_for(Tape* tape, const std::string& folder) const;
    // Whether the folder is so; else *what_out says what is not.
    [[nodiscard]] bool is_as(const std::string& folder, std::string* what_out) const;

    [[nodiscard]] std::uint32_t object_count() const noexcept {
        return static_cast<std::uint32_t>(objects_.size());
    }

 private:
    struct Object {
        bool is_directory = false;
        std::uint64_t length_bytes = 0;
        std::vector<const unsigned char*> sectors;  // null: zeros
        std::map<std::string, std::uint32_t> entries;
    };

    Object& at(std::uint32_t object);
    void write(const Tape& tape, const TapedCall& call, std::uint64_t i);
    bool put(std::uint32_t object, const std::string& path, Tape* tape) const;
    bool put_bytes(const Object& file, int fd) const;
    bool matches(std::uint32_t object, const std::string& path, std::string* what_out) const;

    std::vector<Object> objects_;
    std::deque<Sector> made_;  // addresses stay
};

template <typename Keeps>
void Disk::apply(const Tape& tape, const TapedCall& call, Keeps&& keeps) {
    const std::uint64_t first = call.offset_bytes / kSectorBytes;
    switch (call.call) {
        case Call::kWrite: {
            const std::uint64_t count =
                (call.offset_bytes + call.length_bytes + kSectorBytes - 1) / kSectorBytes - first;
            for (std::uint64_t i = 0; i < count; ++i) {
                if (keeps(i, count)) write(tape, call, i);
            }
            return;
        }
        case Call::kMakeDirectory:
            at(call.object).is_directory = true;  // whether or not it has its name
            break;
        case Call::kFlush:
            return;
        default:
            break;
    }
    if (call.object != kNoObject) static_cast<void>(at(call.object));
    if (!keeps(0, 1)) return;
    switch (call.call) {
        case Call::kMakeDirectory:
        case Call::kCreate:
        case Call::kLink:
            at(call.directory).entries[call.name] = call.object;
            break;
        case Call::kRename:
            at(call.directory).entries.erase(call.name);
            at(call.directory).entries[call.new_name] = call.object;
            break;
        case Call::kUnlink:
            at(call.directory).entries.erase(call.name);
            break;
        case Call::kTruncate: {
            Object& file = at(call.object);
            file.length_bytes = call.length_bytes;
            file.sectors.resize((call.length_bytes + kSectorBytes - 1) / kSectorBytes);
            if (call.length_bytes % kSectorBytes == 0 || file.sectors.back() == nullptr) break;
            Sector& cut = made_.emplace_back();
            cut.fill(0);
            std::copy_n(file.sectors.back(), call.length_bytes % kSectorBytes, cut.begin());
            file.sectors.back() = cut.data();
            break;
        }
        case Call::kExtend:
            at(call.object).length_bytes =
                std::max(at(call.object).length_bytes, call.length_bytes);
            break;
        case Call::kWrite:
        case Call::kFlush:
            break;
    }
}

// Power cuts of one tape.
class PowerCuts {
 public:
    // Both stay as long as this does.
    PowerCuts(const Disk* base, const Tape* tape);

    struct Loss {
        std::uint32_t kept = 0, dropped = 0, torn = 0;  // calls that were not flushed
        [[nodiscard]] bool is_none() const noexcept { return dropped + torn == 0; }
        std::string fates;  // of each call up to the cut: 's'afe, or 'k', 'd', 't'
    };

    // What may be left after a cut at that time.
    Loss cut(std::uint64_t when, test::Random* random, Disk* disk_out) const;
    // All of it, to its end.
    void keep_all(Disk* disk_out) const;
    // The tape, a line a call or word, with what became of each; to be read by people.
    void describe(const Loss& loss, const std::string& path) const;
    // A time of the tape, more often one at which something is at stake.
    [[nodiscard]] std::uint64_t choose(test::Random* random) const;

 private:
    const Disk& base_;
    const Tape& tape_;
    std::vector<std::uint64_t> safe_at_;  // by call: when a flush that covers it was over
    std::vector<std::uint64_t> flushes_;  // times of those, and of words that something is durable
    std::vector<std::uint64_t> names_;    // of what changes an entry
};

}  // namespace bwrt::crash
