// SPDX-License-Identifier: Apache-2.0

#include "runtime/region.h"

#include <new>

#include "runtime/check.h"
#include "runtime/devices.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint32_t kFlagsByKind[] = {
    0,
    BWRT_REGION_READ_ONLY,
    BWRT_REGION_HUGE | BWRT_REGION_PREFAULT | BWRT_REGION_EXPORT,
    BWRT_REGION_READ_ONLY | BWRT_REGION_DIRECT,
    BWRT_REGION_READ_ONLY,
};

bwrt_status check_description(const bwrt_region& description, const ErrorSink& sink) {
    if (description.kind < BWRT_REGION_HOST || description.kind > BWRT_REGION_DEVICE) {
        return fail(sink, BWRT_E_INVAL, "region.kind", "kind %u is not a BWRT_REGION_* kind",
                    description.kind);
    }
    if ((description.flags & ~kFlagsByKind[description.kind]) != 0) {
        return fail(sink, BWRT_E_INVAL, "region.flags", "flags 0x%x are not all known for kind %u",
                    description.flags, description.kind);
    }
    const bool has_address =
        description.kind == BWRT_REGION_HOST || description.kind == BWRT_REGION_DEVICE;
    if (!has_address && description.address != nullptr) {
        return fail(sink, BWRT_E_INVAL, "region.address", "address is set for kind %u",
                    description.kind);
    }
    if (description.kind != BWRT_REGION_FILE && description.fd != 0) {
        return fail(sink, BWRT_E_INVAL, "region.fd", "fd %d is set for kind %u", description.fd,
                    description.kind);
    }
    if (description.kind != BWRT_REGION_FILE && description.length_bytes == 0) {
        return fail(sink, BWRT_E_INVAL, "region.length_bytes", "length_bytes is 0");
    }
    if (description.kind != BWRT_REGION_DEVICE && description.device != 0) {
        return fail(sink, BWRT_E_INVAL, "region.device", "device %u is set for kind %u",
                    description.device, description.kind);
    }
    if (description.reserved != 0) {
        return fail(sink, BWRT_E_INVAL, "region.reserved", "not zero: 0x%x", description.reserved);
    }
    return BWRT_OK;
}

}  // namespace

RegionTable::RegionTable(std::uint32_t count_max, std::uint64_t first_generation,
                         std::uint32_t own_count, const WaveTable* waves)
    : devices_(std::make_unique<Devices>(waves)),
      regions_(std::size_t{count_max} + own_count),
      count_max_(count_max),
      generation_(first_generation) {}

DeviceRoom* RegionTable::find_device(std::uint32_t number) const noexcept {
    return devices_->find(number);
}

RegionTable::~RegionTable() {
    for (std::uint32_t slot = 0; slot < regions_.count(); ++slot) {
        // Slots are used from the first on; the own ones are few.
        if (slot >= next_slot_ && slot < count_max_) continue;
        if (regions_[slot].generation != 0) remove(slot);
    }
}

bwrt_status RegionTable::add(const bwrt_region& description, std::uint32_t* slot_out,
                             Region** region_out, char* reason, std::size_t reason_bytes,
                             const ErrorSink& sink) {
    if (const bwrt_status status = check_description(description, sink)) return status;
    std::uint32_t slot = 0;
    while (slot < next_slot_ && regions_[slot].generation != 0) ++slot;
    if (slot == count_max_) {
        return fail(sink, BWRT_E_AGAIN, "config.region_count_max", "all %u regions are in use",
                    count_max_);
    }
    if (slot == next_slot_) {
        new (&regions_[slot]) Region();
        ++next_slot_;
    }
    Region& region = regions_[slot];
    if (const bwrt_status status = fill(&region, description, reason, reason_bytes, sink)) {
        return status;
    }
    region.generation = generation_;
    generation_ = next_generation(generation_);
    *slot_out = slot;
    *region_out = &region;
    return BWRT_OK;
}

bwrt_status RegionTable::fill_own(std::uint32_t slot, const bwrt_region& description, char* reason,
                                  std::size_t reason_bytes, const ErrorSink& sink) {
    BWRT_CHECK(slot >= count_max_ && slot < regions_.count());
    Region* region = new (&regions_[slot]) Region();
    const bwrt_status status = fill(region, description, reason, reason_bytes, sink);
    if (status == BWRT_OK) region->generation = 1;
    return status;
}

bwrt_status RegionTable::fill(Region* region, const bwrt_region& description, char* reason,
                              std::size_t reason_bytes, const ErrorSink& sink) {
    region->kind = description.kind;
    region->flags = description.flags;
    region->length_bytes = description.length_bytes;
    region->address = nullptr;
    region->fixed_buffer = -1;
    region->quiesced = false;
    if (description.kind == BWRT_REGION_HOST) {
        const auto start = reinterpret_cast<std::uintptr_t>(description.address);
        if (start == 0) return fail(sink, BWRT_E_INVAL, "region.address", "address is NULL");
        if (start + description.length_bytes < start) {
            return fail(sink, BWRT_E_RANGE, "region.length_bytes",
                        "length_bytes %llu wraps around the address space",
                        static_cast<unsigned long long>(description.length_bytes));
        }
        region->address = static_cast<std::byte*>(description.address);
        return BWRT_OK;
    }
    if (description.kind == BWRT_REGION_ALLOCATED) {
        const int os_code =
            RegionMemory::allocate(description.length_bytes, description.flags, &region->memory);
        if (os_code != 0) {
            return fail_os(sink, BWRT_E_NOMEM, os_code, "region.length_bytes",
                           "%llu bytes cannot be allocated: %s",
                           static_cast<unsigned long long>(description.length_bytes),
                           errno_name(os_code));
        }
        if (!region->memory.huge) region->flags &= ~std::uint32_t{BWRT_REGION_HUGE};
        region->flags &= ~kRegionSealed;
        std::snprintf(reason, reason_bytes, "%s", region->memory.reason);
        region->address = region->memory.mapping.as<std::byte>();
        return BWRT_OK;
    }
    if (description.kind == BWRT_REGION_DEVICE) return fill_on_device(region, description, sink);
    auto file = std::make_unique<FileState>();
    const bwrt_status status = open_file(description, file.get(), &region->length_bytes,
                                         &region->flags, reason, reason_bytes, sink);
    if (status == BWRT_OK) region->file = file.release();
    return status;
}

bwrt_status RegionTable::fill_on_device(Region* region, const bwrt_region& description,
                                        const ErrorSink& sink) {
    DeviceRoom* room = nullptr;
    if (const bwrt_status status = devices_->open(description.device, &room, sink)) return status;
    Device* const device = room->device.get();
    auto address = reinterpret_cast<std::uint64_t>(description.address);
    const bool is_ours = address == 0;
    const bwrt_status status = is_ours
                                   ? device->allocate(description.length_bytes, &address, sink)
                                   : device->check_range(address, description.length_bytes, sink);
    if (status != BWRT_OK) return status;
    region->address = reinterpret_cast<std::byte*>(address);
    region->room = room;
    region->owns_device_bytes = is_ours;
    return BWRT_OK;
}

bwrt_handle RegionTable::publish(std::uint32_t slot) noexcept {
    Region& region = regions_[slot];
    region.gate.open(region.generation);
    return make_handle(HandleKind::kRegion, slot, region.generation);
}

FreedDeviceBytes::~FreedDeviceBytes() {
    if (room_ != nullptr) room_->device->free(address_);
}

FreedDeviceBytes RegionTable::remove(std::uint32_t slot) noexcept {
    Region& region = regions_[slot];
    BWRT_CHECK(region.generation != 0);
    region.gate.free();
    region.generation = 0;
    delete region.file;
    region.file = nullptr;
    FreedDeviceBytes freed;
    if (region.owns_device_bytes) {
        freed = {region.room, reinterpret_cast<std::uint64_t>(region.address)};
    }
    region.room = nullptr;
    region.owns_device_bytes = false;
    region.memory = RegionMemory();
    return freed;
}

}  // namespace bwrt::runtime
