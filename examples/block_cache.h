/* SPDX-License-Identifier: Apache-2.0
 *
 * block_cache.h — which block lies in which slot, least recently used out first;
 * and what a block's bytes are.
 *
 * The replay keeps two of these, one over the slots in memory and one over those in
 * the block file.  A slot goes through
 *
 *   free ──take──▶ taken, not ready ──ready = true──▶ ready ──(another take)──▶ evicted
 *                        └────────────── drop ─────────────┴──▶ free
 *
 * and cannot be evicted while pinned: a wave moves its bytes, or a request still
 * has to check them.  A block that was dropped while pinned has lost its name, so
 * nobody finds it any more, and its slot is free once the last pin is gone. */

#ifndef BWRT_EXAMPLES_BLOCK_CACHE_H
#define BWRT_EXAMPLES_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_NONE UINT32_MAX

typedef struct BlockSlot {
    uint64_t block_id;
    uint32_t pin_count;
    uint32_t newer_slot; /* the list by use */
    uint32_t older_slot;
    uint32_t chain_slot; /* the next one in the same bucket */
    bool named;          /* block_id can be found */
    bool ready;          /* the bytes are those of block_id */
} BlockSlot;

typedef struct BlockCache {
    BlockSlot* slots;
    uint32_t* buckets;
    uint32_t slot_count;
    uint32_t bucket_mask;
    uint32_t newest_slot;
    uint32_t oldest_slot;
} BlockCache;

/* False when out of memory.  The caller ends it with block_cache_free(). */
bool block_cache_init(BlockCache* cache, uint32_t slot_count);
void block_cache_free(BlockCache* cache);

/* The slot that bears the block's name, ready or not; or SLOT_NONE. */
uint32_t block_cache_find(const BlockCache* cache, uint64_t block_id);

/* True while the slot has the block's bytes. */
bool block_cache_holds(const BlockCache* cache, uint32_t slot, uint64_t block_id);

/* Names the least recently used slot that nobody pins after the block, which must not
 * have one yet, and pins it once; not ready.  SLOT_NONE when all are pinned. */
uint32_t block_cache_take(BlockCache* cache, uint64_t block_id);

/* Makes the slot the most recently used. */
void block_cache_touch(BlockCache* cache, uint32_t slot);

void block_cache_pin(BlockCache* cache, uint32_t slot);
void block_cache_unpin(BlockCache* cache, uint32_t slot);

/* The slot's block is not there any more. */
void block_cache_drop(BlockCache* cache, uint32_t slot);

/* A block's bytes are a stream of 64-bit words mixed from its id and the position, so
 * that a wrong, stale, torn, shifted or swapped block shows. */
void block_fill(uint64_t block_id, void* bytes, size_t length_bytes);

/* How many bytes differ from what block_fill() writes: 0 for a block that is right. */
uint64_t block_wrong_bytes(uint64_t block_id, const void* bytes, size_t length_bytes);

#endif
