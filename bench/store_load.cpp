// SPDX-License-Identifier: Apache-2.0
//
// store_load.cpp — see store_load.h.

#include "bench/store_load.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>

#include "bench/measure.h"
#include "bench/test_file.h"

namespace bwrt::bench {
namespace {

constexpr std::uint64_t kSlotBytesMin = std::uint64_t{256} << 20;  // beyond the caches
constexpr std::uint64_t kBlockBytesMax = std::uint64_t{16} << 20;
constexpr std::size_t kContainsCount = 64;

void fill(std::mt19937_64* random, std::byte* data, std::uint64_t length_bytes) {
    for (std::uint64_t i = 0; i + sizeof(std::uint64_t) <= length_bytes; i += 8) {
        const std::uint64_t word = (*random)();
        std::memcpy(data + i, &word, sizeof word);
    }
}

std::vector<Key> random_keys(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Key> keys(count);
    for (Key& key : keys) fill(&random, key.bytes.data(), key.bytes.size());
    return keys;
}

}  // namespace

StoreLoad::StoreLoad(std::uint64_t total_bytes, std::uint32_t wave_count)
    : total_bytes_(total_bytes),
      wave_count_(wave_count),
      values_(total_bytes, Pages::kHuge),
      slots_(std::max(kSlotBytesMin, wave_count * std::min(kBlockBytesMax, total_bytes)),
             Pages::kHuge) {
    std::mt19937_64 random(1);
    fill(&random, values_.data(), total_bytes);
}

void StoreLoad::cut_into(std::uint64_t block_bytes) {
    if (block_bytes == 0 || block_bytes > std::min(kBlockBytesMax, total_bytes_)) {
        throw Failure("E_INVAL", "blocks of " + std::to_string(block_bytes) +
                                     " bytes: at most 16 MiB, and no more than there is in all");
    }
    block_bytes_ = block_bytes;
    slot_count_ = slots_.length_bytes() / block_bytes;
    next_slot_ = 0;
    keys_ = random_keys(total_bytes_ / block_bytes, 2);
    absent_keys_ = random_keys(kContainsCount, 3);
}

void StoreLoad::fill_wave(const std::uint32_t* blocks, std::size_t count,
                          std::vector<GetRequest>* wave) {
    wave->clear();
    for (std::size_t i = 0; i < count; ++i) {
        std::byte* const slot = slots_.data() + next_slot_ * block_bytes_;
        wave->push_back({&keys_[blocks[i]], slot, block_bytes_, false});
        next_slot_ = (next_slot_ + 1) % slot_count_;
    }
}

Pass StoreLoad::put_all(Peer* peer, std::uint64_t* flush_ns_out) const {
    std::vector<PutRequest> wave;
    wave.reserve(wave_count_);
    Pass pass;
    const std::uint64_t cpu_before_ns = peer->cpu_time_ns(), begin_ns = now_ns();
    for (std::size_t first = 0; first < keys_.size(); first += wave_count_) {
        throw_if_interrupted();
        const std::size_t end = std::min<std::size_t>(first + wave_count_, keys_.size());
        wave.clear();
        for (std::size_t i = first; i < end; ++i) {
            wave.push_back({&keys_[i], value(i), block_bytes_});
        }
        peer->put_many(wave);
    }
    const std::uint64_t put_ns = now_ns();
    peer->flush();
    *flush_ns_out = now_ns() - put_ns;
    pass.bytes = keys_.size() * block_bytes_;
    pass.wall_ns = put_ns - begin_ns;
    pass.cpu_ns = peer->cpu_time_ns() - cpu_before_ns;
    return pass;
}

Pass StoreLoad::get_all(Peer* peer, std::uint32_t seed) {
    std::vector<std::uint32_t> order(keys_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
    std::vector<GetRequest> wave;
    wave.reserve(wave_count_);
    Pass pass;
    const std::uint64_t cpu_before_ns = peer->cpu_time_ns(), begin_ns = now_ns();
    for (std::size_t first = 0; first < order.size(); first += wave_count_) {
        throw_if_interrupted();
        fill_wave(&order[first], std::min<std::size_t>(wave_count_, order.size() - first), &wave);
        peer->get_many(wave);
        for (const GetRequest& request : wave) {
            if (!request.found) throw Failure("E_CORRUPT", "a value is gone");
        }
    }
    pass.wall_ns = now_ns() - begin_ns;
    pass.cpu_ns = peer->cpu_time_ns() - cpu_before_ns;
    pass.bytes = keys_.size() * block_bytes_;
    return pass;
}

std::size_t StoreLoad::check(Peer* peer) {
    std::vector<std::uint32_t> order(keys_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::vector<GetRequest> wave;
    std::size_t lost_count = 0;
    for (std::size_t first = 0; first < order.size(); first += wave_count_) {
        throw_if_interrupted();
        fill_wave(&order[first], std::min<std::size_t>(wave_count_, order.size() - first), &wave);
        // What an earlier pass has left in a slot must not pass for what this one should bring.
        for (const GetRequest& request : wave) std::memset(request.buffer, 0, block_bytes_);
        peer->get_many(wave);
        for (std::size_t i = 0; i < wave.size(); ++i) {
            const bool equal =
                wave[i].found && std::memcmp(wave[i].buffer, value(first + i), block_bytes_) == 0;
            lost_count += equal ? 0 : 1;
        }
    }
    return lost_count;
}

std::size_t StoreLoad::check_contains(Peer* peer) const {
    std::size_t wrong_count = 0;
    const std::size_t count = std::min(keys_.size(), kContainsCount);
    for (std::size_t i = 0; i < count; ++i) {
        if (!peer->contains(keys_[i * keys_.size() / count])) ++wrong_count;
        if (peer->contains(absent_keys_[i])) ++wrong_count;
    }
    return wrong_count;
}

}  // namespace bwrt::bench
