/* SPDX-License-Identifier: Apache-2.0
 *
 * block_cache.c — see block_cache.h.
 *
 * Every slot is always in the list by use, free ones at its old end; a chained hash
 * table finds names.  Both are indices into one array: nothing is allocated after
 * block_cache_init(). */

#include "block_cache.h"

#include <stdlib.h>
#include <string.h>

/* The finaliser of SplitMix64: every bit of the input changes half of the output. */
static uint64_t mix(uint64_t word) {
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    return word ^ (word >> 31);
}

static uint32_t* bucket_of(const BlockCache* cache, uint64_t block_id) {
    return &cache->buckets[mix(block_id) & cache->bucket_mask];
}

static void unlink_slot(BlockCache* cache, uint32_t slot) {
    const BlockSlot* entry = &cache->slots[slot];
    if (entry->newer_slot == SLOT_NONE)
        cache->newest_slot = entry->older_slot;
    else
        cache->slots[entry->newer_slot].older_slot = entry->older_slot;
    if (entry->older_slot == SLOT_NONE)
        cache->oldest_slot = entry->newer_slot;
    else
        cache->slots[entry->older_slot].newer_slot = entry->newer_slot;
}

static void link_newest(BlockCache* cache, uint32_t slot) {
    cache->slots[slot].newer_slot = SLOT_NONE;
    cache->slots[slot].older_slot = cache->newest_slot;
    if (cache->newest_slot == SLOT_NONE)
        cache->oldest_slot = slot;
    else
        cache->slots[cache->newest_slot].newer_slot = slot;
    cache->newest_slot = slot;
}

static void link_oldest(BlockCache* cache, uint32_t slot) {
    cache->slots[slot].older_slot = SLOT_NONE;
    cache->slots[slot].newer_slot = cache->oldest_slot;
    if (cache->oldest_slot == SLOT_NONE)
        cache->newest_slot = slot;
    else
        cache->slots[cache->oldest_slot].older_slot = slot;
    cache->oldest_slot = slot;
}

static void forget_name(BlockCache* cache, uint32_t slot) {
    BlockSlot* entry = &cache->slots[slot];
    if (!entry->named) return;
    uint32_t* link = bucket_of(cache, entry->block_id);
    while (*link != slot) link = &cache->slots[*link].chain_slot;
    *link = entry->chain_slot;
    entry->named = false;
    entry->ready = false;
}

bool block_cache_init(BlockCache* cache, uint32_t slot_count) {
    uint32_t bucket_count = 1;
    while (bucket_count < slot_count && bucket_count < 1u << 31) bucket_count *= 2;

    *cache = (BlockCache){.slots = calloc(slot_count, sizeof(BlockSlot)),
                          .buckets = malloc(bucket_count * sizeof(uint32_t)),
                          .slot_count = slot_count,
                          .bucket_mask = bucket_count - 1,
                          .newest_slot = SLOT_NONE,
                          .oldest_slot = SLOT_NONE};
    if (cache->slots == NULL || cache->buckets == NULL) {
        block_cache_free(cache);
        return false;
    }
    memset(cache->buckets, 0xFF, bucket_count * sizeof(uint32_t)); /* SLOT_NONE */
    for (uint32_t slot = slot_count; slot-- > 0;) link_newest(cache, slot);
    return true;
}

void block_cache_free(BlockCache* cache) {
    free(cache->slots);
    free(cache->buckets);
    *cache = (BlockCache){0};
}

uint32_t block_cache_find(const BlockCache* cache, uint64_t block_id) {
    uint32_t slot = *bucket_of(cache, block_id);
    while (slot != SLOT_NONE && cache->slots[slot].block_id != block_id)
        slot = cache->slots[slot].chain_slot;
    return slot;
}

bool block_cache_holds(const BlockCache* cache, uint32_t slot, uint64_t block_id) {
    return cache->slots[slot].ready && cache->slots[slot].block_id == block_id;
}

uint32_t block_cache_take(BlockCache* cache, uint64_t block_id) {
    uint32_t slot = cache->oldest_slot;
    while (slot != SLOT_NONE && cache->slots[slot].pin_count > 0)
        slot = cache->slots[slot].newer_slot;
    if (slot == SLOT_NONE) return SLOT_NONE;

    forget_name(cache, slot);
    BlockSlot* entry = &cache->slots[slot];
    uint32_t* bucket = bucket_of(cache, block_id);
    entry->block_id = block_id;
    entry->chain_slot = *bucket;
    entry->named = true;
    entry->pin_count = 1;
    *bucket = slot;
    block_cache_touch(cache, slot);
    return slot;
}

void block_cache_touch(BlockCache* cache, uint32_t slot) {
    unlink_slot(cache, slot);
    link_newest(cache, slot);
}

void block_cache_pin(BlockCache* cache, uint32_t slot) { cache->slots[slot].pin_count++; }

void block_cache_unpin(BlockCache* cache, uint32_t slot) { cache->slots[slot].pin_count--; }

void block_cache_drop(BlockCache* cache, uint32_t slot) {
    forget_name(cache, slot);
    unlink_slot(cache, slot);
    link_oldest(cache, slot);
}

static uint64_t word_at(uint64_t key, uint64_t index) {
    return mix(key + index * 0x9E3779B97F4A7C15u);
}

void block_fill(uint64_t block_id, void* bytes, size_t length_bytes) {
    const uint64_t key = mix(block_id + 1);
    for (size_t i = 0; i < length_bytes / sizeof(uint64_t); i++) {
        const uint64_t word = word_at(key, i);
        memcpy((char*)bytes + i * sizeof(word), &word, sizeof(word));
    }
}

uint64_t block_wrong_bytes(uint64_t block_id, const void* bytes, size_t length_bytes) {
    const uint64_t key = mix(block_id + 1);
    uint64_t wrong_count = 0;
    for (size_t i = 0; i < length_bytes / sizeof(uint64_t); i++) {
        uint64_t word = 0;
        memcpy(&word, (const char*)bytes + i * sizeof(word), sizeof(word));
        for (uint64_t differs = word ^ word_at(key, i); differs != 0; differs >>= 8)
            wrong_count += (differs & 0xFF) != 0;
    }
    return wrong_count;
}
