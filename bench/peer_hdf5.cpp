// SPDX-License-Identifier: Apache-2.0
//
// peer_hdf5.cpp — HDF5: a data set for each value, its name the key in hexadecimal.
//
//   cold   a file through the page cache, of which nothing is in memory (Debian's library has no
//          driver for direct I/O); the kernel is told of all values of a wave before the first is
//          read
//   hot    the core driver: the whole file is one piece of memory, and there is no other
//
// Data sets are contiguous, aligned to pages, not filled before they are written, and not buffered
// again by the library.  There is no durable HDF5: a flush is not atomic, and a crash between its
// writes leaves a file that does not open.  The library has one lock around everything, so threads
// would only wait.  clear() makes a new file in the cold tier; in the hot one it unlinks the data
// sets, whose memory is then used again.

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "bench/memory.h"
#include "bench/peer.h"
#include "bench/peer_files.h"

namespace bwrt::bench {
namespace {

// A handle of any kind, or the result of a call that gives none.
template <typename Result>
Result must(Result result, const char* what) {
    if (result < 0) throw Failure("E_IO", std::string("hdf5: ") + what + " failed");
    return result;
}

class Handle {
 public:
    using Close = herr_t (*)(hid_t);

    Handle() = default;
    Handle(hid_t id, Close close) : id_(id), close_(close) {}
    ~Handle() { reset(); }
    Handle(Handle&& other) noexcept
        : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }

    [[nodiscard]] hid_t get() const { return id_; }
    void reset() {
        if (id_ >= 0) close_(id_);
        id_ = H5I_INVALID_HID;
    }

 private:
    hid_t id_ = H5I_INVALID_HID;
    Close close_ = nullptr;
};

using Name = std::array<char, 65>;

Name name_of(const Key& key) {
    static const char digits[] = "0123456789abcdef";
    Name name = {};
    for (std::size_t i = 0; i < key.bytes.size(); ++i) {
        const auto byte = std::to_integer<std::uint8_t>(key.bytes[i]);
        name[2 * i] = digits[byte >> 4];
        name[2 * i + 1] = digits[byte & 15];
    }
    return name;
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

class Hdf5Peer : public Peer {
 public:
    explicit Hdf5Peer(const PeerOptions& options) : options_(options) {
        must(H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr), "H5Eset_auto");
        creation_ = {must(H5Pcreate(H5P_DATASET_CREATE), "H5Pcreate"), H5Pclose};
        must(H5Pset_layout(creation_.get(), H5D_CONTIGUOUS), "H5Pset_layout");
        must(H5Pset_fill_time(creation_.get(), H5D_FILL_TIME_NEVER), "H5Pset_fill_time");
        access_ = {must(H5Pcreate(H5P_FILE_ACCESS), "H5Pcreate"), H5Pclose};
        must(H5Pset_libver_bounds(access_.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST),
             "H5Pset_libver_bounds");
        must(H5Pset_alignment(access_.get(), kPageBytes, kPageBytes), "H5Pset_alignment");
        must(H5Pset_sieve_buf_size(access_.get(), 0), "H5Pset_sieve_buf_size");
        if (options_.tier == Tier::kHot) {
            must(H5Pset_fapl_core(access_.get(), kImageStepBytes, 0), "H5Pset_fapl_core");
        }
        create();
    }
    ~Hdf5Peer() override { close_file(); }

    void put_many(std::span<const PutRequest> requests) override {
        for (const PutRequest& request : requests) {
            const hsize_t length = request.length_bytes;
            const Handle space(must(H5Screate_simple(1, &length, nullptr), "H5Screate"), H5Sclose);
            const Handle set(
                must(H5Dcreate2(file_.get(), name_of(*request.key).data(), H5T_NATIVE_UCHAR,
                                space.get(), H5P_DEFAULT, creation_.get(), H5P_DEFAULT),
                     "H5Dcreate"),
                H5Dclose);
            must(
                H5Dwrite(set.get(), H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, request.value),
                "H5Dwrite");
        }
    }

    void get_many(std::span<GetRequest> requests) override {
        std::vector<Handle> sets;
        sets.reserve(requests.size());
        for (GetRequest& request : requests) {
            sets.emplace_back(H5Dopen2(file_.get(), name_of(*request.key).data(), H5P_DEFAULT),
                              H5Dclose);
            const hid_t set = sets.back().get();
            request.found = set >= 0 && H5Dget_storage_size(set) == request.length_bytes;
            if (request.found && hints_ >= 0) read_ahead(H5Dget_offset(set), request.length_bytes);
        }
        for (std::size_t i = 0; i < requests.size(); ++i) {
            if (!requests[i].found) continue;
            must(H5Dread(sets[i].get(), H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         requests[i].buffer),
                 "H5Dread");
        }
    }

    bool contains(const Key& key) override {
        return must(H5Lexists(file_.get(), name_of(key).data(), H5P_DEFAULT), "H5Lexists") > 0;
    }

    void clear() override {
        if (options_.tier == Tier::kCold) {
            create();
            return;
        }
        std::vector<std::string> names;
        must(H5Literate(file_.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, collect_name, &names),
             "H5Literate");
        for (const std::string& name : names) {
            must(H5Ldelete(file_.get(), name.c_str(), H5P_DEFAULT), "H5Ldelete");
        }
    }

    void flush() override {
        must(H5Fflush(file_.get(), H5F_SCOPE_GLOBAL), "H5Fflush");
        if (hints_ >= 0 && fdatasync(hints_) != 0) fail_system(path(), errno);
    }

    void drop_caches() override {
        close_file();
        evict_files(options_.folder);
        file_ = {must(H5Fopen(path().c_str(), H5F_ACC_RDWR, access_.get()), "H5Fopen"), H5Fclose};
        open_hints();
    }

 private:
    void read_ahead(std::uint64_t offset, std::uint64_t length_bytes) const {
        for (const std::uint64_t end = offset + length_bytes; offset < end; offset += kHintBytes) {
            const std::uint64_t part = std::min(kHintBytes, end - offset);
            posix_fadvise(hints_, static_cast<off_t>(offset), static_cast<off_t>(part),
                          POSIX_FADV_WILLNEED);
        }
    }

    [[nodiscard]] std::string path() const { return options_.folder + "/data.h5"; }

    void create() {
        close_file();
        file_ = {
            must(H5Fcreate(path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access_.get()), "H5Fcreate"),
            H5Fclose};
        open_hints();
    }

    // A descriptor of ours on the same file, for hints and for the sync.
    void open_hints() {
        if (options_.tier == Tier::kHot) return;
        hints_ = open(path().c_str(), O_RDWR | O_CLOEXEC);
        if (hints_ < 0) fail_system(path(), errno);
    }

    void close_file() {
        file_.reset();
        if (hints_ >= 0) close(hints_);
        hints_ = -1;
    }

    static constexpr std::size_t kImageStepBytes = std::size_t{64} << 20;

    PeerOptions options_;
    Handle creation_, access_, file_;
    int hints_ = -1;
};

}  // namespace

PeerKind hdf5_peer() {
    PeerKind kind;
    kind.name = "hdf5";
    kind.what = "HDF5";
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    kind.version =
        std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
    kind.why_absent = [](const PeerOptions& options) {
        return std::string(options.durable ? "it has no durable PUT" : "");
    };
    kind.make = [](const PeerOptions& options) { return std::make_unique<Hdf5Peer>(options); };
    return kind;
}

}  // namespace bwrt::bench
