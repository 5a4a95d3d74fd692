// SPDX-License-Identifier: Apache-2.0
//
// calls_region.cpp — regions: added, quiesced, released, and a file that is cut.
//
// A HOST region lies in the arena or is refused.  An ALLOCATED one is small, or larger than there
// are addresses: nobody shall pin or touch gigabytes.

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/fuzz/machine.h"

namespace bwrt::fuzz {
namespace {

constexpr std::uint64_t kHugeBytes = std::uint64_t{1} << 47;  // more than there are addresses

std::uint32_t flag_if(bool set, std::uint32_t flag) { return set ? flag : 0; }

}  // namespace

void Runner::draw_host(Bytecode* code, std::uint8_t what, std::uint8_t oddity, bwrt_region* region,
                       Thing* thing) {
    World& world = machine_.world;
    thing->base = std::min<std::uint64_t>(code->byte() * 512u, World::kArenaBytes - 64);
    const std::uint64_t most = World::kArenaBytes - thing->base;
    const std::uint8_t part = code->byte();
    region->length_bytes = part < 0x80 ? most : std::min<std::uint64_t>(most, part * 8u);
    region->address = world.arena() + thing->base;
    region->flags = flag_if((what & 0x10) != 0, BWRT_REGION_READ_ONLY);
    thing->base += World::kCanaryBytes;
    thing->space = &world.memory;
    if ((oddity & 2) != 0) region->address = nullptr;
    if ((oddity & 4) != 0) {  // wraps, or is nothing
        region->length_bytes = (code->byte() & 1) != 0 ? ~std::uint64_t{0} - code->byte() : 0;
    }
}

void Runner::draw_allocated(Bytecode* code, std::uint8_t what, std::uint8_t oddity,
                            bwrt_region* region) {
    region->length_bytes = 1 + code->word() % World::kAllocatedBytesMax;
    region->flags = flag_if((what & 0x10) != 0, BWRT_REGION_EXPORT) |
                    flag_if((what & 0x20) != 0, BWRT_REGION_HUGE) |
                    flag_if((what & 0xC0) == 0xC0, BWRT_REGION_PREFAULT);
    if ((oddity & 6) == 6) {
        region->length_bytes = std::max(kHugeBytes, code->wild(kHugeBytes));
    } else if ((oddity & 4) != 0) {
        region->length_bytes = 0;
    }
}

void Runner::draw_file(Bytecode* code, std::uint8_t what, std::uint8_t oddity, bwrt_region* region,
                       Thing* thing) {
    World& world = machine_.world;
    Space& file = world.files[(what & 0x10) != 0 ? 1 : 0];
    region->fd = file.fd;
    region->flags = flag_if(file.is_direct, BWRT_REGION_DIRECT) |
                    flag_if((what & 0x20) != 0, BWRT_REGION_READ_ONLY);
    thing->space = &file;
    const std::uint8_t length = (what & 0x40) != 0 ? code->byte() : 0;
    region->length_bytes = std::min<std::uint64_t>(length * 640u, World::kFileTrackedBytes);
    if ((oddity & 2) != 0) {
        const std::uint8_t odd = code->byte();
        region->fd = odd < 4 ? world.odd_fds[odd] : odd < 8 ? -1 : odd < 12 ? 4000 : region->fd;
    }
    if ((oddity & 4) != 0) region->length_bytes = code->wild(World::kFileBytes);
}

// What was overwritten does not make a region of files or memory that are not ours, nor one that
// is reached both ways.
bool Runner::is_lawful(const bwrt_region& region, const Thing& thing) {
    if (region.kind != BWRT_REGION_FILE) return true;
    const bool direct = (region.flags & BWRT_REGION_DIRECT) != 0;
    return thing.space == &machine_.world.files[direct ? 1 : 0];
}

void Runner::add_region(Bytecode* code) {
    const std::uint8_t what = code->byte();
    const std::uint8_t oddity = code->byte();
    Sized<bwrt_region> sized((oddity & 1) != 0 ? code->byte() : 0);
    bwrt_region& region = *sized.get();
    region.kind = 1 + (what & 3) % 3;
    Thing thing;
    if (region.kind == BWRT_REGION_HOST) {
        draw_host(code, what, oddity, &region, &thing);
    } else if (region.kind == BWRT_REGION_ALLOCATED) {
        draw_allocated(code, what, oddity, &region);
    } else {
        draw_file(code, what, oddity, &region, &thing);
    }
    if ((oddity & 8) != 0) {  // of another kind its fields would not be its own
        region.kind = static_cast<std::uint32_t>(code->wild(4));
        if (region.kind <= BWRT_REGION_FILE) region.kind = 0;
    }
    if ((oddity & 16) != 0) region.flags ^= 1u << code->byte() % 32;
    if ((oddity & 32) != 0) {
        const int fd = code->byte();
        region.fd = region.kind == BWRT_REGION_FILE ? machine_.world.odd_fds[fd % 4] : fd;
    }
    if (region.length_bytes >= kHugeBytes) region.flags &= ~std::uint32_t{BWRT_REGION_PREFAULT};
    if (is_lawful(region, thing)) add_drawn_region(code->byte(), sized.get(), &thing);
}

void Runner::add_drawn_region(std::uint8_t form, const bwrt_region* region, Thing* thing) {
    {
        const Lock lock(machine_.mutex);
        if (session().runtime == nullptr ||
            session().things.size() >= Machine::kThingCountMax / (alone_ ? 1 : 2)) {
            return;
        }
    }
    constexpr bwrt_handle kUntouched = 0xABCDEF;
    Sized<bwrt_region_info> info(form >= 0x40 ? form : 0);
    // Without info nobody knows where ALLOCATED memory is.
    const bool ask_info =
        region->kind == BWRT_REGION_ALLOCATED || form % 2 == 0 || region->length_bytes == 0;
    bwrt_handle handle = kUntouched;
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_region_add(session().runtime, region, &handle,
                                     ask_info ? info.get() : nullptr, answer.place()),
                     "bwrt_region_add");
    const Lock lock(machine_.mutex);
    if (status != BWRT_OK) {
        if (handle != kUntouched) found("a refused region has a handle");
        return;
    }
    const bwrt_region_info& made = *info.get();
    if (ask_info && made.struct_size != info.bytes) found("an info of another size");
    thing->handle = handle;
    thing->is_live = true;
    thing->kind = region->kind;
    thing->flags = region->flags;
    thing->length_bytes = region->length_bytes;
    if (region->kind == BWRT_REGION_FILE && region->length_bytes == 0) {
        thing->length_bytes = made.length_bytes;  // the file's now
    }
    if (ask_info && made.length_bytes != thing->length_bytes) found("a region of another length");
    if (region->kind == BWRT_REGION_ALLOCATED) {
        const bool exported = (region->flags & BWRT_REGION_EXPORT) != 0;
        if ((made.fd >= 0) != exported || made.address == nullptr) found("an odd info");
        if (region->length_bytes <= World::kAllocatedBytesMax) {
            thing->space = machine_.world.take_space(static_cast<std::byte*>(made.address),
                                                     region->length_bytes);
        }
        if (thing->space == nullptr) {  // too large, or too many
            if (bwrt_release(session().runtime, handle, nullptr) != BWRT_OK) {
                found("a new region cannot be released");
            }
            return;
        }
    }
    session().things.push_back(*thing);
}

// Nothing that runs still uses what was quiesced or released: more cannot run than what does not
// name it.
void Runner::check_unused(bwrt_handle handle) {
    const auto names = [&](bwrt_handle side) {
        if (side == handle) return true;
        const auto& things = session().things;
        return std::any_of(things.begin(), things.end(), [&](const Thing& thing) {
            return thing.is_layout && thing.handle == side &&
                   std::any_of(thing.plan.planes.begin(), thing.plan.planes.end(),
                               [&](const bwrt_plane& plane) { return plane.region == handle; });
        });
    };
    const auto count =
        std::count_if(machine_.waves.begin(), machine_.waves.end(), [&](const WaveRecord& record) {
            return record.session == session_ && record.state == WaveRecord::State::kLive &&
                   std::none_of(record.operations.begin(), record.operations.end(),
                                [&](const bwrt_operation& op) {
                                    return names(op.source) || names(op.target);
                                });
        });
    if (take_sample().waves_pending > static_cast<std::uint64_t>(count)) {
        found("a wave runs that uses what was quiesced or released");
    }
}

bwrt_status Runner::release_thing(bwrt_handle handle) {
    Space* space = nullptr;
    std::byte* actual = nullptr;
    {
        // From here on nobody looks at memory that may be gone.
        const Lock lock(machine_.mutex);
        const Thing* thing = machine_.find(&session(), handle);
        if (thing != nullptr && thing->kind == BWRT_REGION_ALLOCATED) {
            space = thing->space;
            World::check_memory(*space, "an ALLOCATED region");
            actual = std::exchange(space->actual, nullptr);
        }
    }
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_release(session().runtime, handle, answer.place()), "bwrt_release");
    const Lock lock(machine_.mutex);
    Thing* thing = machine_.find(&session(), handle);
    if (thing == nullptr) {
        if (status == BWRT_OK && alone_) found("what does not exist was released");
        return status;
    }
    if (status == BWRT_E_HANDLE && alone_) found("what exists cannot be released");
    if (status == BWRT_OK) {
        thing->is_live = false;
        if (space != nullptr) space->is_used = false;
    } else if (space != nullptr) {
        space->actual = actual;
    }
    return status;
}

void Runner::release(Bytecode* code) {
    bwrt_handle handle = 0;
    {
        const Lock lock(machine_.mutex);
        handle = draw_handle(code);
    }
    if (session().runtime == nullptr) return;
    if (release_thing(handle) == BWRT_OK && alone_) check_unused(handle);
}

void Runner::set_region(Bytecode* code) {
    constexpr std::int64_t kTimes[] = {0, 1, 100'000, 400'000};
    const std::uint8_t form = code->byte();
    const std::uint32_t action = form < 0xF0 ? 1 + form % 2u : form % 8u;
    std::int64_t timeout_ns = kTimes[(form >> 1) % 4];
    bwrt_handle handle = 0;
    bool is_region = false;
    {
        const Lock lock(machine_.mutex);
        handle = draw_handle(code);
        const Thing* thing = machine_.find(&session(), handle);
        is_region = thing != nullptr && !thing->is_layout;
        if ((form & 0x08) != 0 && !session().has_distant_wave) timeout_ns = -1;
    }
    if (session().runtime == nullptr) return;
    Answer answer(ask_error_);
    const bwrt_status status =
        answer.check(bwrt_region_set(session().runtime, handle, action, timeout_ns, answer.place()),
                     "bwrt_region_set");
    if (status == BWRT_E_TIMEOUT && timeout_ns < 0) found("a quiesce for ever timed out");
    if (!alone_) return;
    if (status == BWRT_OK && action == BWRT_REGION_QUIESCE) check_unused(handle);
    if (status == BWRT_OK && !is_region) found("what is no region was set");
    if (status == BWRT_E_HANDLE && is_region) found("a live region cannot be set");
}

void Runner::cut_file(Bytecode* code) {
    const std::uint64_t length_bytes = std::uint64_t{code->byte()} * 640;
    if (alone_) settle();
    const Lock lock(machine_.mutex);
    machine_.world.cut_file(std::min(length_bytes, World::kFileTrackedBytes));
}

}  // namespace bwrt::fuzz
