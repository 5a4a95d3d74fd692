// SPDX-License-Identifier: Apache-2.0
//
// system_seam.cpp — the system as a modelled world has it: files have their length and take no
// room, nothing has to outlive a crash, memory is only addresses, and chance is the same each time.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/memory.h"
#include "runtime/model/chance.h"
#include "runtime/store/file_io.h"
#include "runtime/store/uninterrupted.h"

namespace bwrt::runtime {
namespace {

// Reached without a call, in the room that the loader keeps for libraries that come later: where it
// is asked for by one, LeakSanitizer of clang 14 takes what lies before it for the loader's header.
[[gnu::tls_model("initial-exec")]] thread_local std::uint64_t chance = 0;

}  // namespace

bool reserve(int fd, std::uint64_t length_bytes, bool* reserved_out) noexcept {
    const auto length = static_cast<off_t>(length_bytes);
    *reserved_out = uninterrupted([&] { return ftruncate(fd, length); }) == 0;
    return *reserved_out;
}

bool flush(int /*fd*/) noexcept { return true; }

int region_mapping_flags() noexcept { return MAP_ANONYMOUS | MAP_PRIVATE | MAP_NORESERVE; }

void begin_chance() noexcept { chance = 0; }

// splitmix64.
bool fill_random(void* bytes, std::size_t count) noexcept {
    for (std::size_t at = 0; at < count; at += sizeof(std::uint64_t)) {
        std::uint64_t z = chance += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        std::memcpy(static_cast<std::byte*>(bytes) + at, &z, std::min(sizeof z, count - at));
    }
    return true;
}

}  // namespace bwrt::runtime
