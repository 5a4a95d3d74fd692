/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c — the block cache of a serving engine in small: one request after the other
 * through plan, load, check, compute and store.
 *
 * A prompt is a row of blocks, each of which depends on those before it, so only the
 * leading run of blocks that are somewhere is worth anything.  For each request:
 *
 *   plan    pin the prefix that lies in memory or in the file
 *   load    one indexed READ wave, with a deadline: file slots ─▶ memory slots
 *   check   every byte of the prefix; what came late or wrong is not used
 *   compute the rest (here: write down what its bytes have to be)
 *   store   one indexed WRITE wave: new blocks ─▶ slots of the file
 *
 * Several requests are under way at once.  Their loads are checked in the order of
 * arrival, so a request may count on a block that an earlier one is still loading; the
 * store of one request runs beside the loads of the next.  A request's place in the
 * ring of active requests is free again when its store has ended:
 *
 *   retired_count ≤ checked_count ≤ started_count ≤ retired_count + in_flight_count
 *        └─ storing ─┘      └─ loading ─┘
 *
 * A slot that a wave reads or writes is pinned until that wave's completion, and
 * so is never given to another block before.  A block in the file counts as there when its
 * store has completed, not when it was submitted.
 *
 * A late load is no failure: its completion says how many leading blocks are right.
 * They are used, the others computed.  Nothing here outlives the process, so nothing is
 * flushed. */

#define _GNU_SOURCE 1 /* pread */

#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bwrt_error last_error;

/* For what fails only when something is set up wrong.  The temporary file has no name
 * any more, so leaving leaves nothing behind. */
void must(bwrt_status status) {
    if (status == BWRT_OK) return;
    progress_clear();
    fprintf(stderr, "%s: %s\n", bwrt_status_name(status), last_error.message);
    exit(EXIT_FAILURE);
}

void must_system(int result, const char* what) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static uint64_t id_of(const Replay* replay, const TraceRequest* request, uint32_t block) {
    return replay->trace->block_ids[request->first_index + block];
}

static char* bytes_of(const Replay* replay, uint32_t memory_slot) {
    return replay->memory + memory_slot * BLOCK_BYTES;
}

/* ---- Waves ---- */

/* All pairs of the request in one operation; what it says is the wave's whole truth. */
static bwrt_status submit(Replay* replay, ActiveRequest* active, uint32_t kind) {
    const bool load = kind == BWRT_OP_READ;
    bwrt_operation operation = {
        .kind = kind,
        .source = load ? replay->file_layout : replay->memory_layout,
        .target = load ? replay->memory_layout : replay->file_layout,
        .source_slots = load ? active->file_slots : active->memory_slots,
        .target_slots = load ? active->memory_slots : active->file_slots,
        .slot_count = active->pair_count,
    };
    bwrt_wave wave = {
        .struct_size = sizeof(wave),
        .operations = &operation,
        .operation_count = 1,
        .operation_bytes = sizeof(operation),
        .priority = load ? BWRT_PRIORITY_NORMAL : BWRT_PRIORITY_BACKGROUND,
    };
    if (load && replay->options->deadline_ns > 0) {
        wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
        wave.deadline_ns = replay->options->deadline_ns;
        wave.late = BWRT_LATE_ABORT;
    }
    return bwrt_submit_wave(replay->runtime, &wave, &active->wave, &last_error);
}

/* False when the wave still ran after the time. */
static bool wait_for(Replay* replay, ActiveRequest* active, int64_t timeout_ns,
                     bwrt_completion* completion_out) {
    const bwrt_status status =
        bwrt_wait(replay->runtime, active->wave, timeout_ns, completion_out, &last_error);
    if (status == BWRT_E_TIMEOUT) return false;
    must(status);
    active->wave = 0;
    return true;
}

static void count_outcome(Replay* replay, const bwrt_completion* completion) {
    if (completion->status == BWRT_OK) return;
    if (completion->status == BWRT_E_LATE) {
        replay->totals.late_waves++;
        return;
    }
    progress_clear();
    fprintf(stderr, "a wave ended with %s, os_code %d, after %llu blocks\n",
            bwrt_status_name(completion->status), completion->os_code,
            (unsigned long long)completion->prefix_count);
    replay->totals.failed_waves++;
}

/* ---- Store: the request's last step ---- */

/* Flips one bit of a stored block behind the runtime's back (--damage). */
static void damage(Replay* replay, uint32_t file_slot) {
    const off_t offset = (off_t)(file_slot * BLOCK_BYTES + BLOCK_BYTES / 3);
    char byte = 0;

    must_system(pread(replay->fd, &byte, 1, offset) == 1 ? 0 : -1, "--damage");
    byte = (char)(byte ^ 4);
    must_system(pwrite(replay->fd, &byte, 1, offset) == 1 ? 0 : -1, "--damage");
    replay->totals.blocks_damaged++;
}

/* The pairs of a store, of which the first stored_count are in the file. */
static void finish_store(Replay* replay, ActiveRequest* active, uint64_t stored_count) {
    const uint32_t damage_every = replay->options->damage_every;

    for (uint32_t i = 0; i < active->pair_count; i++) {
        BlockSlot* slot = &replay->in_file.slots[active->file_slots[i]];
        if (i >= stored_count) {
            block_cache_drop(&replay->in_file, active->file_slots[i]);
        } else {
            slot->ready = slot->named; /* a wrong block may have been dropped meanwhile */
            replay->totals.blocks_stored++;
            if (damage_every > 0 && replay->totals.blocks_stored % damage_every == 0)
                damage(replay, active->file_slots[i]);
        }
        block_cache_unpin(&replay->in_file, active->file_slots[i]);
        block_cache_unpin(&replay->in_memory, active->memory_slots[i]);
    }
    active->pair_count = 0;
}

static bool finish_oldest_store(Replay* replay, int64_t timeout_ns) {
    ActiveRequest* active =
        &replay->active[replay->retired_count % replay->options->in_flight_count];
    bwrt_completion completion;

    if (replay->retired_count == replay->checked_count) return false;
    if (active->wave != 0) {
        if (!wait_for(replay, active, timeout_ns, &completion)) return false;
        count_outcome(replay, &completion);
        finish_store(replay, active, completion.prefix_count);
    }
    replay->retired_count++;
    return true;
}

static void start_store(Replay* replay, ActiveRequest* active) {
    bwrt_status status = BWRT_OK;

    if (active->pair_count == 0) return;
    do {
        status = submit(replay, active, BWRT_OP_WRITE);
    } while (status == BWRT_E_AGAIN && finish_oldest_store(replay, -1));
    if (status == BWRT_E_AGAIN) { /* no room for the wave: these stay in memory only */
        finish_store(replay, active, 0);
        return;
    }
    must(status);
    replay->totals.store_waves++;
}

/* ---- Check and compute ---- */

/* As children follow their parents, the last block is touched first: so a parent is never
 * older than its children, and never evicted before them. */
static void touch_blocks(Replay* replay, const TraceRequest* request) {
    for (uint32_t i = request->block_count; i-- > 0;) {
        const uint64_t id = id_of(replay, request, i);
        const uint32_t memory_slot = block_cache_find(&replay->in_memory, id);
        const uint32_t file_slot = block_cache_find(&replay->in_file, id);
        if (memory_slot != SLOT_NONE) block_cache_touch(&replay->in_memory, memory_slot);
        if (file_slot != SLOT_NONE) block_cache_touch(&replay->in_file, file_slot);
    }
}

/* What the completion says is right may be used; the rest was never there. */
static void finish_load(Replay* replay, ActiveRequest* active, const bwrt_completion* completion) {
    Totals* totals = &replay->totals;
    const uint64_t from_ns = completion->submitted_ns > replay->busy_until_ns
                                 ? completion->submitted_ns
                                 : replay->busy_until_ns;

    count_outcome(replay, completion);
    totals->latency_ns[totals->load_waves++] = completion->finished_ns - completion->submitted_ns;
    if (completion->finished_ns > from_ns) {
        totals->busy_ns += completion->finished_ns - from_ns;
        replay->busy_until_ns = completion->finished_ns;
    }
    for (uint32_t i = 0; i < active->pair_count; i++) {
        if (i < completion->prefix_count)
            replay->in_memory.slots[active->memory_slots[i]].ready = true;
        else
            block_cache_drop(&replay->in_memory, active->memory_slots[i]);
        block_cache_unpin(&replay->in_file, active->file_slots[i]);
    }
}

/* Compares every byte; returns how many leading blocks can be used. */
static uint32_t check_prefix(Replay* replay, const ActiveRequest* active) {
    uint32_t loaded_count = 0;

    for (uint32_t i = 0; i < active->prefix_count; i++) {
        const uint64_t id = id_of(replay, active->request, i);
        const uint32_t slot = active->prefix_slots[i];
        if (!block_cache_holds(&replay->in_memory, slot, id)) return i; /* late, or failed */

        const uint64_t wrong_bytes = block_wrong_bytes(id, bytes_of(replay, slot), BLOCK_BYTES);
        if (wrong_bytes > 0) {
            const uint32_t file_slot = block_cache_find(&replay->in_file, id);
            if (file_slot != SLOT_NONE) block_cache_drop(&replay->in_file, file_slot);
            block_cache_drop(&replay->in_memory, slot);
            replay->totals.wrong_bytes += wrong_bytes;
            return i;
        }
        if (loaded_count < active->pair_count && active->memory_slots[loaded_count] == slot) {
            loaded_count++;
            replay->totals.blocks_loaded++;
        } else {
            replay->totals.blocks_from_memory++;
        }
    }
    return active->prefix_count;
}

/* The blocks from first on: into memory, and those the file lacks into the next wave. */
static void compute_blocks(Replay* replay, ActiveRequest* active, uint32_t first) {
    active->pair_count = 0;
    replay->totals.blocks_computed += active->request->block_count - first;
    for (uint32_t i = first; i < active->request->block_count; i++) {
        const uint64_t id = id_of(replay, active->request, i);
        uint32_t memory_slot = block_cache_find(&replay->in_memory, id);
        if (memory_slot == SLOT_NONE) {
            memory_slot = block_cache_take(&replay->in_memory, id);
            if (memory_slot == SLOT_NONE) return; /* all pinned: the tail is not kept */
            block_fill(id, bytes_of(replay, memory_slot), BLOCK_BYTES);
            replay->in_memory.slots[memory_slot].ready = true;
        } else if (replay->in_memory.slots[memory_slot].ready) {
            block_cache_pin(&replay->in_memory, memory_slot); /* another request was quicker */
        } else {
            continue; /* a later request is loading it: the file has it */
        }

        uint32_t file_slot = block_cache_find(&replay->in_file, id);
        if (file_slot == SLOT_NONE) {
            file_slot = block_cache_take(&replay->in_file, id);
            if (file_slot != SLOT_NONE) {
                active->memory_slots[active->pair_count] = memory_slot;
                active->file_slots[active->pair_count++] = file_slot;
                continue; /* stays pinned until it is stored */
            }
        }
        block_cache_unpin(&replay->in_memory, memory_slot);
    }
}

bool step(Replay* replay, int64_t timeout_ns) {
    ActiveRequest* active =
        &replay->active[replay->checked_count % replay->options->in_flight_count];
    bwrt_completion completion;

    if (replay->checked_count == replay->started_count)
        return finish_oldest_store(replay, timeout_ns);
    if (active->wave != 0) {
        if (!wait_for(replay, active, timeout_ns, &completion)) return false;
        finish_load(replay, active, &completion);
    }
    compute_blocks(replay, active, check_prefix(replay, active));
    touch_blocks(replay, active->request);
    for (uint32_t i = 0; i < active->prefix_count; i++)
        block_cache_unpin(&replay->in_memory, active->prefix_slots[i]);
    start_store(replay, active);
    replay->checked_count++;
    replay->totals.requests_done++;
    while (finish_oldest_store(replay, 0)) continue;
    return true;
}

/* ---- Plan and load: the request's first step ---- */

static void plan(Replay* replay, ActiveRequest* active) {
    active->prefix_count = 0;
    active->pair_count = 0;
    for (uint32_t i = 0; i < active->request->block_count; i++) {
        const uint64_t id = id_of(replay, active->request, i);
        uint32_t memory_slot = block_cache_find(&replay->in_memory, id);
        if (memory_slot != SLOT_NONE) {
            block_cache_pin(&replay->in_memory, memory_slot);
        } else {
            const uint32_t file_slot = block_cache_find(&replay->in_file, id);
            if (file_slot == SLOT_NONE || !replay->in_file.slots[file_slot].ready) return;
            memory_slot = block_cache_take(&replay->in_memory, id);
            if (memory_slot == SLOT_NONE) return;
            block_cache_pin(&replay->in_file, file_slot);
            active->memory_slots[active->pair_count] = memory_slot;
            active->file_slots[active->pair_count++] = file_slot;
        }
        active->prefix_slots[active->prefix_count++] = memory_slot;
    }
}

void start_request(Replay* replay, const TraceRequest* request) {
    const uint32_t in_flight_count = replay->options->in_flight_count;
    bwrt_status status = BWRT_OK;

    while (replay->started_count - replay->retired_count == in_flight_count) step(replay, -1);
    ActiveRequest* active = &replay->active[replay->started_count % in_flight_count];
    active->request = request;
    touch_blocks(replay, request); /* or making room for its first blocks evicts its last */
    plan(replay, active);
    if (active->pair_count > 0) {
        do {
            status = submit(replay, active, BWRT_OP_READ);
        } while (status == BWRT_E_AGAIN && step(replay, -1)); /* full: something must end first */
        must(status);
    }
    replay->started_count++;
}
