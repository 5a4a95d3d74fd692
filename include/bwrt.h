/* SPDX-License-Identifier: Apache-2.0
 *
 * bwrt.h — the C interface of bwrt, the movement engine below an inference
 * engine, and its manual.  What this header does not promise is not promised;
 * docs/abi.md says how it may grow.
 *
 * The model in one paragraph.  Open a runtime.  Add *regions*: memory, files.
 * Optionally describe paged memory once as a *layout*: slots x planes.  Fill a
 * *wave*, an array of operations (copy, read, write, flush, signal) with a
 * deadline, and submit it.  The wave is checked whole and taken whole, or
 * refused whole.  Exactly one *completion* tells what became of it.
 *
 *   bwrt_open -> bwrt_region_add -> bwrt_submit_wave -> bwrt_wait -> bwrt_close
 *
 * True of every function below:
 *
 *   Errors     A call that can fail returns BWRT_OK or a negative BWRT_E_*.
 *              On failure its outputs are untouched, nothing has happened, and
 *              the optional bwrt_error (last argument, may be NULL) says which
 *              field of which operation was wrong, in a sentence.
 *   Structs    One that starts with struct_size may grow at its end: zero it,
 *              set struct_size to its sizeof, fill what you need.  Zero is the
 *              default of every field.  A longer struct from a later header is
 *              accepted while the part this library does not know is zero, and
 *              refused with BWRT_E_ABI otherwise.  Arrays of such elements
 *              carry the size of one element beside their count.  A struct
 *              without struct_size never changes size.  Fields named reserved
 *              must be zero.
 *   Memory     Pointers passed in are borrowed until the call returns, except
 *              two things that belong to bwrt from submission until the wave's
 *              completion can be had, also after a cancel and after a deadline:
 *              the bytes that its operations name, and its results and groups
 *              arrays.
 *   Threads    Any function may be called from any thread at any time, unless
 *              it says otherwise.  Nothing waits for I/O but bwrt_wait,
 *              bwrt_shutdown, bwrt_close and, for a quiesce, bwrt_region_set;
 *              calls that add, release or sample wait for the driver's turn.
 *              No callback runs on our threads but the log function, which is
 *              called without locks held.  A write that meets RLIMIT_FSIZE
 *              fails; in caller mode ignore SIGXFSZ, as for your own writes.
 *   Fork       A child of fork() gets BWRT_E_FORKED from every call on a
 *              runtime of its parent; the parent is not disturbed.
 *   Units      A name ends in its unit: _bytes, _ns, _count, _index.  Times are
 *              CLOCK_MONOTONIC nanoseconds.  Ranges are half-open.
 *   Timeouts   int64_t nanoseconds: negative waits for ever, 0 only looks.
 *
 * 64-bit Linux, little-endian.  Compiles as C99 to C17 and C++11 to C++20.
 */
#ifndef BWRT_H
#define BWRT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BWRT_API __attribute__((visibility("default")))
#else
#define BWRT_API
#endif

/* major << 16 | minor.  Within one major, and one soname, only additions. */
#define BWRT_ABI_VERSION 0x00000004u

/* ---- Status --------------------------------------------------------------
 *
 * One table, used by calls, completions and results alike. */

typedef int32_t bwrt_status;

enum {
    BWRT_OK = 0,

    /* The caller's. */
    BWRT_E_INVAL = -1,   /* a field has a value it cannot have */
    BWRT_E_ABI = -2,     /* a struct this library does not know */
    BWRT_E_HANDLE = -3,  /* stale, delivered or foreign handle */
    BWRT_E_RANGE = -4,   /* outside a region, a layout or a table */
    BWRT_E_OVERLAP = -5, /* two targets, or source and target, share bytes */
    BWRT_E_BUSY = -6,    /* in use; finish or release that first */
    BWRT_E_CLOSED = -7,  /* the runtime is shutting down */
    BWRT_E_FORKED = -8,  /* called in a child of fork() */

    /* The moment's: nothing was taken, try again. */
    BWRT_E_AGAIN = -20,   /* a bounded table is full, or a region is quiesced */
    BWRT_E_TIMEOUT = -21, /* the wait ended; what was waited for goes on */

    /* A wave's. */
    BWRT_E_CANCELLED = -30,
    BWRT_E_LATE = -31,       /* the deadline passed, or cannot be met */
    BWRT_E_WINDOW = -32,     /* its window closed */
    BWRT_E_DEPENDENCY = -33, /* a wave it waited for failed */

    /* A block's. */
    BWRT_E_MISS = -40,     /* not stored, or not with these bytes' layout */
    BWRT_E_CORRUPT = -41,  /* what was stored did not come back whole; now it is a miss */
    BWRT_E_CONFLICT = -42, /* stored with another length or layout; with STRICT: at all */

    /* The world's. */
    BWRT_E_IO = -50,        /* os_code has the errno */
    BWRT_E_TRUNCATED = -51, /* the file ended before the bytes asked for */
    BWRT_E_NOSPC = -52,     /* no space, quota or file size limit; of a PUT also that only the disk
                               could have taken it, and write_touch_count or write_bytes_per_day
                               kept it from there */
    BWRT_E_NOMEM = -53,
    BWRT_E_DEVICE = -54,      /* os_code has what the device's driver said, CUDA's number */
    BWRT_E_DEVICE_LOST = -55, /* and it says so from now on: this process cannot use it any more */
    BWRT_E_LOCKED = -56, /* another process writes this shard */
    BWRT_E_FORMAT = -57, /* a file of another kind, or of a newer version */
    BWRT_E_PARSE = -58,
    BWRT_E_UNSUPPORTED = -59, /* not on this machine, or not in this version */

    /* Ours. */
    BWRT_E_INTERNAL = -99
};

/* The constant's name without its prefix, "E_INVAL"; "unknown" for others.
 * Never NULL, static, never freed. */
BWRT_API const char* bwrt_status_name(bwrt_status status);

#define BWRT_NONE 0xFFFFFFFFu /* no operation; in a slot array: skip this pair */

/* Written only on failure; 256 bytes for ever; needs no initialisation. */
typedef struct bwrt_error {
    bwrt_status status;
    uint32_t operation_index; /* BWRT_NONE when no operation is to blame */
    int32_t os_code;          /* errno, or what a device's driver said; 0 when neither was involved */
    uint32_t reserved;
    char field[48];    /* "operations[].length_bytes"; empty when none */
    char message[192]; /* "length_bytes 8192 at offset 4096 passes the region's end 8192" */
} bwrt_error;

/* ---- Life ------------------------------------------------------------------ */

typedef struct bwrt_runtime bwrt_runtime;

/* 4 bits of kind, 16 of slot, 44 of generation; never 0.  Looked up, never
 * dereferenced: a stale or foreign one is BWRT_E_HANDLE. */
typedef uint64_t bwrt_handle;

enum { BWRT_LOG_ERROR = 1, BWRT_LOG_WARNING = 2, BWRT_LOG_INFO = 3 };

/* May run on any thread of bwrt or of the caller; must not call bwrt. */
typedef void (*bwrt_log_function)(void* user, int32_t level, const char* sentence);

/* Who drives the work. */
enum {
    BWRT_PROGRESS_THREAD = 0, /* an executor thread of the runtime's own */
    BWRT_PROGRESS_CALLER = 1  /* no thread: whoever waits or polls drives all waves */
};

/* How files are reached. */
enum {
    BWRT_STORAGE_AUTO = 0,  /* io_uring where it works, else the pool; caps say why */
    BWRT_STORAGE_URING = 1, /* io_uring or BWRT_E_UNSUPPORTED */
    BWRT_STORAGE_POOL = 2   /* threads with preadv and pwritev */
};

/* Whether bwrt_open() looks for devices, with the CUDA driver of the process (libcuda.so.1).  None is
 * no refusal: caps say why.  No context is made by this. */
enum {
    BWRT_DEVICE_LATER = 0, /* not before it is needed */
    BWRT_DEVICE_LOAD = 1,  /* loads the driver and asks for its version: some milliseconds */
    BWRT_DEVICE_START = 2  /* also starts it and counts the devices: a second for each, on some
                              machines, and a child of fork() can use none of them any more */
};

/* The block store of a runtime: a tier in host memory, a tier on disk, or both (Blocks, below;
 * since ABI 0.4).  What the disk holds outlives the process.
 *
 * One process writes a shard: another is refused with BWRT_E_LOCKED.  A writer finds what is in its
 * own shard; who needs all of them opens a reader beside it.  A directory is made where it is
 * missing, with mode 0700, not those above it, and must otherwise be empty or a store's, and be
 * writable by its owner alone; nothing outside of it is opened.  A block lies in the directory of
 * its parent as long as there is room.
 *
 * Any number of processes read beside the writers (READER): they look up in, GET from and follow
 * the events of every shard in these directories, up to 256, whose writer shares its index
 * (SHARED).  A reader needs the rights of the store's owner and the secrets of the tenants, writes
 * nothing and is in nobody's way.  It has directories, their count, and where it wants
 * transit_bytes, block_bytes_max, flight_count_max, tenant_count_max and index_directory; the
 * rest is 0.
 *
 * A reader's hit is a hint, for nobody keeps the block there for it: what has been moved
 * meanwhile it finds in its new place, what is gone is BWRT_E_MISS, and what does not verify and
 * has not been touched since is BWRT_E_CORRUPT, and then a miss to this reader.  A HIT in
 * BWRT_TIER_HOST says that some part is in its writer's memory alone, from where a GET here
 * misses it: that is news for who sends requests to the writer, and a lookup's prefix ends before
 * it.  What is read here counts as no use of the block there, and a time to live is over
 * for readers when its writer has taken the block out.  Lookups and bwrt_events answer from the
 * shards that are known; where one of them, or a GET, misses something, another thread looks for
 * shards that have come or begun anew, at most every 100 ms: the GET waits for it, and the next
 * lookup sees what it found.  That thread is there in caller mode, too.  What a writer that is
 * gone left in its index is read from disk, and after a restart of the machine its index is there
 * again when the next writer is.  PUT, PREFETCH, MOVE, DROP, PIN, UNPIN, leases and quotas are
 * BWRT_E_UNSUPPORTED. */
typedef struct bwrt_store {
    uint32_t struct_size;
    uint32_t flags;                 /* BWRT_STORE_* */
    const char* const* directories; /* directory_count paths, one a device; the first has the log;
                                       always in this order */
    const char* shard;       /* 1 to 64 of A-Z a-z 0-9 . _ -, no '.' in front; NULL: "0" */
    uint64_t disk_bytes;     /* in each directory, never exceeded; at least 128 MiB.  With less than
                                before, the segments that are too many are removed at open, and
                                what is in them: disk_reason says how many blocks that were.  Less
                                than five segments' length is refused */
    uint64_t host_bytes;     /* of the host tier, 2 MiB or more; 0: none */
    uint64_t transit_bytes;  /* memory that blocks pass through on their way to and from the disk,
                                beside the host tier; 2 MiB or more; 0: 128 MiB or eight of the
                                longest blocks, whichever is more, and none without directories */
    uint64_t write_bytes_per_day; /* to the disk, for the life of flash; a restart begins no new
                                     day; a block above it is never written; 0: as many as come */
    uint32_t directory_count;     /* 1 to 16; 0: no disk tier */
    uint32_t block_count_max;     /* known at a time; 16 to 2^27; 0: 2^20; some 150 bytes each */
    uint32_t block_bytes_max;     /* 4 KiB to 256 MiB, and an eighth of each memory above; 0: that,
                                     or 16 MiB */
    uint32_t flight_count_max;    /* blocks on their way at a time; 2 to 65,536; 0: 1,024 */
    uint32_t tenant_count_max;    /* with blocks here; 1 to 4,096; 0: 64 */
    uint32_t lease_count_max;     /* at a time, in each tier; 1 to 2^24; 0: 65,536 */
    uint32_t write_touch_count;   /* a block is written to disk when it has been asked for or put
                                     that often; 1 to 15; 0: 1, the first time.  What this or
                                     write_bytes_per_day keeps in memory keeps its children there:
                                     without it they would be of no use on the disk */
    uint32_t eviction;            /* BWRT_EVICTION_*: who goes when there is no room */
    const char* index_directory;  /* where shared indices lie, in a tmpfs; the same for all who open
                                     the store; NULL: /dev/shm */
} bwrt_store;

enum {
    BWRT_STORE_HUGE = 1u << 0,   /* its memory in huge pages where the system has them */
    BWRT_STORE_SHARED = 1u << 1, /* readers may look at the index: a file of 91 bytes a block and 4
                                    MiB in index_directory, all of it there from the start */
    BWRT_STORE_READER = 1u << 2, /* no shard of its own: reads those that there are */
    BWRT_STORE_EXPORT = 1u << 3  /* the host tier lies in a memfd that other processes can map, to
                                    read and not to write; all of it is there from the start.  See
                                    bwrt_store_info */
};

/* Who goes from a tier that is full, expired blocks apart, which go first, and never a block that
 * another needs, or that is pinned, leased or in use.  What is learnt is learnt anew by each process,
 * from PUTs and loads; lookups teach nothing. */
enum {
    BWRT_EVICTION_DEFAULT = 0, /* LRU */
    BWRT_EVICTION_LRU = 1,     /* what was used least recently; whoever comes has a place */
    BWRT_EVICTION_LEARNED = 2, /* what is worth least, by how soon blocks that were used as often and
                                  as fast were used again.  Who comes and would be worth less than all
                                  that may go is not kept in that tier, unless the operation names the
                                  tier or is DURABLE, or is a PREFETCH, MOVE or PIN: a PUT for which
                                  there is no other tier ends with BWRT_E_NOSPC then, and
                                  unworthy_count counts it.  For want of block_count_max whoever is
                                  worth least goes all the same.  Another 80 bytes for each block that
                                  may be known, in each tier, touched as they are used, and 0.5 MiB a
                                  tier */
    BWRT_EVICTION_RANKED = 3   /* in host memory what is worth least, as LEARNED has it, but whoever
                                  comes has a place; on disk LRU.  80 bytes for each block that may be
                                  in host memory, likewise (since ABI 0.4) */
};

/* The planner of waves with BWRT_WAVE_PLANNED (docs/planner.md; since ABI 0.4).  Such a wave waits
 * for the plan of a window of time: the most urgent first, within what a tier may receive and a
 * tenant may move in that time, and blocks that several waves want from the disk counted once.  A
 * window is planned when somebody waits for it and the last one is window_ns ago, by a thread of the
 * planner's, or in caller mode by whoever drives.  What does not fit is carried into the next.
 *
 * With prefetch_bytes_max it also learns which chains of blocks are asked for again, and when: those
 * that have left the host tier are read back from the disk before that, while the disk has nothing
 * else to do, and in memory until they are used or were waited for in vain.  They are planned as
 * waves are, behind all of them, and bound by the same credits and budgets.  A chain is what a wave
 * GETs or PINs, block behind block, and goes on with what is PUT behind it; bwrt_wave.session says
 * who asks.  Nothing of it is kept when the runtime is closed. */
typedef struct bwrt_planner {
    uint32_t struct_size;
    uint32_t flags;               /* BWRT_PLANNER_* */
    uint64_t window_ns;           /* 100,000 to 10^10; 0: 20 ms */
    uint64_t min_io_bytes;        /* what is smaller waits for company, others who want pages beside
                                     its own, as long as its deadline allows and a window before it
                                     is carried for the last time; 0: nothing waits.  The most that
                                     waits: with measured reads less, where shorter ones are as
                                     fast, and nothing while the disk has nothing to do */
    uint64_t caller_budget_bytes; /* into the callers' memory, in a window; 0: as many as come */
    uint64_t host_budget_bytes;   /* into the host tier */
    uint64_t disk_budget_bytes;   /* onto disks */
    uint32_t operation_count_max; /* of each of the three, in a window; 0: as many as come */
    uint32_t row_count_max;       /* a window has room for so many runs of blocks and pieces of
                                     waves; 2,048 to 2^20; 0: 4,096; some 1.3 KiB each */
    uint32_t alpha_milli;         /* popularity = alpha x heat + beta x 1, all in thousandths; */
    uint32_t beta_milli;          /*     alpha 0: 1,000 */
    uint32_t pmin_milli;          /* what has no more popularity than this and no more slack than
                                     umin is as good as late; 0: 1,000 */
    int32_t umin_milli;           /* in thousandths of a millisecond's time until the deadline */
    uint32_t age_first;           /* what was carried so often goes before all that is younger; to
                                     254; 0: 4 */
    uint32_t age_max;             /* and so often it ends with BWRT_E_AGAIN; age_first + 1 to 255;
                                     0: twice age_first */
    uint64_t half_life_ns;        /* of heat, the count of how often blocks are asked for; 17 ms or
                                     more; 0: 69.3 s */
    uint64_t prefetch_bytes_max;  /* of the host tier, for chains that nobody has asked for yet, with
                                     what was there of them; to half of store.host_bytes, of a store
                                     with a disk too; 0: nothing is read before it is asked for */
    uint64_t prefetch_horizon_ns; /* what is not to be used so soon is not read; 10^8 to 7.2 x 10^12;
                                     0: 20 s */
    uint32_t prefetch_wasted_milli;    /* how much of what is read may be in vain, in thousandths, in
                                          the long run; to 900; 0: 200 */
    uint32_t prefetch_chain_count_max; /* chains that are remembered, some 180 bytes each; to 2^24;
                                          0: 65,536 */
} bwrt_planner;

/* Each switches a stage off: what it would keep back moves. */
enum {
    BWRT_PLANNER_NO_FILTER = 1u << 0,  /* pmin and umin */
    BWRT_PLANNER_NO_CREDITS = 1u << 1, /* of tenants */
    BWRT_PLANNER_NO_BUDGETS = 1u << 2, /* of tiers */
    BWRT_PLANNER_NO_MERGE = 1u << 3,   /* each run of blocks is an operation of its own */
    BWRT_PLANNER_TAKE_LATE = 1u << 4,  /* what would be late by the measured rates */
    BWRT_PLANNER_NO_FEEDBACK = 1u << 5 /* what was measured sets the mean rates, and nothing else:
                                          what is small waits as it was told */
};

/* Everything is bounded here and allocated here; what is full later says
 * BWRT_E_AGAIN.  Memory for tables is touched only as it is used. */
typedef struct bwrt_config {
    uint32_t struct_size;
    uint32_t progress;                /* BWRT_PROGRESS_* */
    uint32_t storage;                 /* BWRT_STORAGE_* */
    uint32_t wave_count_max;          /* undelivered waves; 1 to 32,768; default 1,024 */
    uint32_t operation_count_max;     /* operations in all of them; up to 2^22; default 131,072 */
    uint32_t slot_count_max;          /* slot indices in all of them; up to 2^26; default 1,048,576 */
    uint32_t region_count_max;        /* 1 to 65,535; default 1,024 */
    uint32_t layout_count_max;        /* 1 to 65,535; default 64 */
    uint32_t plane_count_max;         /* planes of one layout; 1 to 65,536; default 4,096 */
    uint32_t group_count_max;         /* groups of one wave; 1 to 32,768; default 1,024 */
    uint32_t queue_depth;             /* I/O requests in flight; 1 to 4,096; default 128 */
    uint32_t io_bytes_max;            /* largest one; 64 KiB to 16 MiB, of 4 KiB; default 1 MiB */
    uint32_t staging_count;           /* bounce buffers of io_bytes_max; 1 to 256; default 16 */
    uint32_t pool_thread_count;       /* of the pool; 1 to 64; default 4 */
    uint32_t spin_ns;                 /* before a thread sleeps; default 20,000; BWRT_NONE: none */
    uint32_t reserved;
    bwrt_log_function log;            /* NULL: nothing is logged */
    void* log_user;
    const char* calibration;          /* path of a table by `bwrt calibrate`; NULL: none.  What it
                                         measured takes the place of the defaults of queue_depth,
                                         io_bytes_max and staging_count, and says from which length
                                         on direct I/O is staged.  BWRT_E_IO, _PARSE or _FORMAT
                                         when it cannot be understood; that of another machine is
                                         not used, which caps say (since ABI 0.2) */
    const bwrt_store* store;          /* NULL: no block store (since ABI 0.4) */
    const bwrt_planner* planner;      /* NULL: no wave can be planned (since ABI 0.4) */
    uint32_t device;                  /* BWRT_DEVICE_* (since ABI 0.4) */
    uint32_t reserved2;
    const char* tuning;               /* path of a file by `bwrt tune`; NULL: none.  What it says of
                                         policy takes the place of zeros in store and planner: what
                                         the caller set is his.  BWRT_E_IO, _PARSE or _FORMAT when it
                                         cannot be understood; caps say what it set (since ABI 0.4) */
} bwrt_config;

/* The version of the library, comparable with BWRT_ABI_VERSION. */
BWRT_API uint32_t bwrt_abi_version(void);

/* Starts a runtime; config NULL takes all defaults.  The caller ends it with
 * bwrt_shutdown() and bwrt_close().  Runtimes share nothing. */
BWRT_API bwrt_status bwrt_open(const bwrt_config* config, bwrt_runtime** runtime_out,
                               bwrt_error* error);

enum {
    BWRT_SHUTDOWN_DRAIN = 0, /* accepted waves run to their end */
    BWRT_SHUTDOWN_CANCEL = 1 /* accepted waves are cancelled */
};

/* From now on submissions get BWRT_E_CLOSED.  Returns BWRT_OK once no wave
 * runs any more (undelivered completions can still be had), BWRT_E_TIMEOUT while
 * some still do; may be called again, also with CANCEL after DRAIN. */
BWRT_API bwrt_status bwrt_shutdown(bwrt_runtime* runtime, uint32_t flags, int64_t timeout_ns,
                                   bwrt_error* error);

/* Frees the runtime, its regions and undelivered completions.  Call it last
 * and alone: BWRT_E_BUSY before bwrt_shutdown() returned BWRT_OK or while another
 * call is seen inside.  NULL is allowed. */
BWRT_API bwrt_status bwrt_close(bwrt_runtime* runtime, bwrt_error* error);

/* ---- Memory: regions ---------------------------------------------------------
 *
 * Every address is (region, offset, length), so every operation is checked
 * before anything happens, and what kind of transfer it is follows. */

/* Any host memory of this process; the offset is the pointer as an integer.
 * Nothing can check its bounds: prefer a region. */
#define BWRT_PROCESS_MEMORY (~(uint64_t)0)

enum {
    BWRT_REGION_HOST = 1,      /* memory of the caller, [address, address + length_bytes) */
    BWRT_REGION_ALLOCATED = 2, /* memory bwrt allocates, zeroed, on 2 MiB bounds, and frees */
    BWRT_REGION_FILE = 3,      /* a regular file or block device, given as an fd */
    BWRT_REGION_DEVICE = 4     /* memory of a device, of the caller or allocated (since ABI 0.4) */
};

enum {
    BWRT_REGION_READ_ONLY = 1u << 0, /* may not be a target */
    BWRT_REGION_DIRECT = 1u << 1,    /* FILE: past the page cache where the file system can */
    BWRT_REGION_HUGE = 1u << 2,      /* ALLOCATED: huge pages where the system has them */
    BWRT_REGION_PREFAULT = 1u << 3,  /* ALLOCATED: touch every page now, not in the first wave */
    BWRT_REGION_EXPORT = 1u << 4     /* ALLOCATED: a memfd another process can map */
};

typedef struct bwrt_region {
    uint32_t struct_size;
    uint32_t kind;   /* BWRT_REGION_HOST, _ALLOCATED, _FILE or _DEVICE; 0 is refused */
    uint32_t flags;  /* BWRT_REGION_* */
    int32_t fd;      /* FILE: reopened at once; closing it stays the caller's */
    void* address;   /* HOST; DEVICE: as the device's driver knows it (a CUdeviceptr), NULL: bwrt
                        allocates it, and frees it on release */
    uint64_t length_bytes; /* FILE: 0 means the file's length now */
    uint32_t device;       /* DEVICE: its number, from 0, as the driver counts (since ABI 0.4) */
    uint32_t reserved;
} bwrt_region;

/* What was made of it; also for a region that could not be all it asked for. */
typedef struct bwrt_region_info {
    uint32_t struct_size;
    uint32_t flags;        /* those in force: DIRECT, HUGE and EXPORT only where they hold */
    void* address;         /* HOST, ALLOCATED, DEVICE; stays valid until release */
    uint64_t length_bytes;
    int32_t fd;            /* EXPORT: the memfd, bwrt's own: dup it to keep it; else -1 */
    uint32_t registered;   /* 1 when the ring has the memory as a fixed buffer */
    uint32_t memory_align_bytes; /* DIRECT: what I/O without a bounce needs, of the address */
    uint32_t offset_align_bytes; /*         and of the offset and length */
    char reason[160];      /* why something asked for is not in force; empty when all is */
} bwrt_region_info;

/* Adds a region.  info may be NULL.
 *
 * Files.  The description behind fd is reopened, so the caller's flags and position
 * never change; it must be readable, and writable unless READ_ONLY.  What passes the
 * region's length is refused at submission (BWRT_E_RANGE); a read past the file's end, in
 * a region that is longer or a file that was cut, is BWRT_E_TRUNCATED with the bytes done.
 * A write past it extends the file by its bytes, as pwrite() does; with DIRECT the file
 * must already be as long as the region (BWRT_E_RANGE), for a direct write moves whole
 * blocks.  Offsets, lengths and addresses need no alignment in either case: what is not
 * aligned goes through bounce memory, exactly.  Do not use one file through a DIRECT
 * region and otherwise at once.
 *
 * A file whose flush failed is not believed again: every later operation on
 * the region fails with BWRT_E_IO.
 *
 * Devices (since ABI 0.4).  The first region of a device loads and starts the driver, whatever
 * bwrt_config.device says, and holds the device's primary context, the one that the CUDA runtime
 * uses, until bwrt_close(); it is never reset, and what is current to the calling thread stays so.
 * BWRT_E_UNSUPPORTED where there is no driver, with the reason that caps have.  Memory of the caller
 * lies whole in one allocation of that device, or in several that were mapped side by side, and is
 * neither managed memory nor the host's (BWRT_E_INVAL, _RANGE or _UNSUPPORTED).  What bwrt allocates
 * is filled with anything; BWRT_E_NOMEM where it does not fit.
 *
 * A COPY may have one side or both on a device, in every form and with a layout that lies there
 * whole, but not on two devices at once, nor in a planned wave.  A SIGNAL may lie there: its value is
 * written behind the copies of its group, in their stream where all of the group goes to that device,
 * so that kernels and streams which wait for it need no host.  Every other operation is
 * BWRT_E_UNSUPPORTED there.  bwrt copies in streams of its own, which wait for nobody's, stream 0
 * included: what the engine has enqueued is ordered with a wave by bwrt_wave.after and
 * bwrt_stream_wait(), or else must be over when the wave is submitted, and the wave before what comes
 * after it.  Copies that are out when a wave is cancelled or late run to their end, and the wave with
 * them.  One that the driver does not take fails alone with BWRT_E_DEVICE, or BWRT_E_NOMEM; when the
 * device is lost, all that goes there fails with BWRT_E_DEVICE_LOST, and everything else goes on. */
BWRT_API bwrt_status bwrt_region_add(bwrt_runtime* runtime, const bwrt_region* region,
                                     bwrt_handle* region_out, bwrt_region_info* info,
                                     bwrt_error* error);

enum {
    BWRT_REGION_QUIESCE = 1, /* returns once no wave uses the region; new ones get E_AGAIN */
    BWRT_REGION_RESUME = 2
};

/* For an engine that unmaps its memory while it sleeps.  A quiesce that times
 * out is undone. */
BWRT_API bwrt_status bwrt_region_set(bwrt_runtime* runtime, bwrt_handle region, uint32_t action,
                                     int64_t timeout_ns, bwrt_error* error);

/* ---- Memory: layouts ---------------------------------------------------------
 *
 * Paged KV described once.  A *block* is the unit of movement, block_bytes long;
 * its image is cut into planes (for each layer, K and V, say), and each plane
 * keeps its part of every block in one slot of a strided array:
 *
 *   plane p of slot s, row r, is `length_bytes` at
 *       memory or file:  offset_bytes + s * slot_stride_bytes + r * row_stride_bytes
 *       block image:     block_offset_bytes + r * block_row_stride_bytes
 *
 * The planes tile the image: every byte of it belongs to exactly one. */

typedef struct bwrt_plane {
    bwrt_handle region;
    uint64_t offset_bytes;         /* of slot 0, row 0, in the region */
    int64_t slot_stride_bytes;     /* may be negative; 0: rows packed */
    int64_t row_stride_bytes;      /* may be negative; 0: packed, length_bytes */
    uint64_t length_bytes;         /* of one row */
    uint32_t row_count;            /* 0: one */
    uint32_t group;                /* the layer, say; see Groups */
    uint64_t block_offset_bytes;   /* where row 0 lies in the block's image */
    uint64_t block_row_stride_bytes; /* 0: packed, length_bytes */
} bwrt_plane;

typedef struct bwrt_layout {
    uint32_t struct_size;
    uint32_t slot_count;    /* slots 0 to slot_count - 1 exist, and no other is touched */
    uint64_t block_bytes;
    const bwrt_plane* planes; /* all in memory or all in files; BWRT_PROCESS_MEMORY allowed */
    uint32_t plane_count;
    uint32_t plane_bytes;   /* sizeof(bwrt_plane) */
    uint64_t salt;          /* part of what blocks of this layout must have been stored with, beside
                               its block side: a dtype, say (since ABI 0.4) */
} bwrt_layout;

/* Its regions are in use until it is released. */
BWRT_API bwrt_status bwrt_layout_add(bwrt_runtime* runtime, const bwrt_layout* layout,
                                     bwrt_handle* layout_out, bwrt_error* error);

/* Releases a region, a layout or a plan.  BWRT_E_BUSY while a wave or layout uses it. */
BWRT_API bwrt_status bwrt_release(bwrt_runtime* runtime, bwrt_handle handle, bwrt_error* error);

/* ---- Work: operations ---------------------------------------------------------
 *
 * Seven forms, told apart by the kind and by which fields are not zero:
 *
 *   flat      length_bytes from source + source_offset to target + target_offset
 *   2-D       row_count rows of length_bytes, the strides apart on either side
 *   indexed   a side is a layout: slot_count pairs of slots, all planes of each
 *             block, or planes [plane_first, plane_first + plane_count), or (never
 *             both) bytes [image_offset_bytes, + length_bytes) of the block image.
 *             A layout side has its array of slots, in any order, BWRT_NONE in
 *             either skipping the pair; on a region side pair i's block lies at
 *             offset + i * block_bytes.  Two layouts must have the same block side.
 *   signal    a target of 4 or 8 bytes and two values
 *   flush     a target and nothing else
 *   block     whole blocks of the store, by identity (Blocks, below)
 *   gemm      two matrices and their product
 *
 * Operations of a wave are unordered.  Targets whose overlap can be proved from
 * bounds and strides are refused; the rest is the caller's duty (the same slot
 * twice in an array, say, or rows of different strides that interleave). */

enum {
    BWRT_OP_COPY = 1,  /* memory to memory, of the host or a device */
    BWRT_OP_READ = 2,  /* file to memory */
    BWRT_OP_WRITE = 3, /* memory to file */
    BWRT_OP_FLUSH = 4, /* fdatasync of target; covers what was complete when the wave started */
    BWRT_OP_SIGNAL = 5, /* target: 4 or 8 aligned bytes (length_bytes) become value_done when all
                          bytes of the group are visible, or value_failed; one of them always */
    BWRT_OP_PUT = 6,      /* memory to the store; the seven from here on since ABI 0.4 */
    BWRT_OP_GET = 7,      /* the store to memory */
    BWRT_OP_PREFETCH = 8, /* into the host tier */
    BWRT_OP_MOVE = 9,     /* to `tier`, and gone from the other one */
    BWRT_OP_DROP = 10,    /* gone from all; what is not there is dropped already */
    BWRT_OP_PIN = 11,     /* into the host tier, to stay there until UNPIN; needs results, which
                             say where */
    BWRT_OP_UNPIN = 12,
    BWRT_OP_GEMM = 13 /* C = A x B in fp32, in host memory: the compute of a wave that has to run
                         where there is no device, and no fast one */
};

typedef struct bwrt_block_options bwrt_block_options;

/* Of a GEMM: A, m x k, is the operation's source, C, m x n, its target, both and B, k x n,
 * row-major in regions of host memory or process memory, rows 4-byte aligned and the stride of each
 * apart, 0 being packed.  C shares no byte with A or B.  Each element is the sum of its products in
 * the order of k.  What a GEMM that does not end has made of C is undefined. */
typedef struct bwrt_gemm {
    uint32_t struct_size;
    uint32_t m, n, k; /* each 1 to 2^20 */
    bwrt_handle b;
    uint64_t b_offset_bytes;
    int64_t b_stride_bytes;
} bwrt_gemm;

typedef struct bwrt_operation {
    uint32_t kind;  /* BWRT_OP_*; 0 is refused */
    uint32_t flags; /* BWRT_BLOCK_* of a block operation */
    bwrt_handle source; /* region or layout; 0 for FLUSH and SIGNAL */
    bwrt_handle target;
    uint64_t source_offset_bytes; /* 0 on a layout side */
    uint64_t target_offset_bytes;
    uint64_t length_bytes; /* of one row; indexed: 0 means to the image's end; FLUSH: 0 */
    uint32_t group;        /* indexed: added to each plane's */
    uint32_t row_count;    /* 0: one */
    int64_t source_stride_bytes; /* may be negative; 0: packed */
    int64_t target_stride_bytes;
    const uint32_t* source_slots; /* slot_count of them on a layout side, else NULL */
    const uint32_t* target_slots;
    uint32_t slot_count;
    uint32_t plane_first;
    uint32_t plane_count; /* 0: all from plane_first on */
    uint32_t tier;        /* MOVE: BWRT_TIER_*.  PUT: NONE: the host tier where there is one, and
                             the disk, written behind; HOST: the host tier alone; DISK: the disk
                             alone, and over when it is written there */
    uint64_t image_offset_bytes;
    uint64_t value_done; /* SIGNAL; the two differ */
    uint64_t value_failed;
    const bwrt_block_options* block_options; /* of a block operation; NULL: none */
    uint32_t block_first; /* its first one in wave.blocks; it has slot_count of them */
    uint32_t reserved;
    const bwrt_gemm* gemm; /* of a GEMM, else NULL */
} bwrt_operation;

/* ---- Work: waves ------------------------------------------------------------
 *
 * Groups.  Every operation, or plane of an indexed one, belongs to a group, a
 * layer say.  Groups are served in ascending order, so that layer 0 does not
 * arrive with the last block (from files in bands of at least 64 KiB where a
 * block's groups lie together), and each is accounted and signalled by itself.
 *
 * Order between waves.  Up to four waves can be waited for, and a BARRIER waits
 * for everything accepted before it.  Ready waves are served by priority; within
 * one, earliest deadline first; a wave without a deadline, or with a later one,
 * counts as due a second after submission, and lower priorities keep a sixteenth
 * of the requests, so that nothing starves.
 *
 * Entries.  One per flat or 2-D operation, FLUSH or SIGNAL, one per slot pair of an indexed
 * operation, one per block of a block operation, in operation order.  results has one element per entry (a SIGNAL's has
 * the status of its group), and a prefix is a count of leading entries that are right. */

enum { BWRT_PRIORITY_NORMAL = 0, BWRT_PRIORITY_URGENT = 1, BWRT_PRIORITY_BACKGROUND = 2 };

enum {
    BWRT_DELIVER_WAIT = 0,    /* to bwrt_wait() only */
    BWRT_DELIVER_QUEUE = 1,   /* to bwrt_poll() and the event fd only */
    BWRT_DELIVER_DETACHED = 2 /* to nobody: counted in bwrt_sample(); no results, no groups */
};

/* What the deadline means; ABORT and REFUSE need one. */
enum {
    BWRT_LATE_FINISH = 0, /* order only: finishes, flagged late */
    BWRT_LATE_ABORT = 1,  /* ends at the deadline with BWRT_E_LATE and its valid prefix */
    BWRT_LATE_REFUSE = 2  /* as ABORT, and submission says BWRT_E_LATE when the measured
                             rates say the deadline cannot be met */
};

enum {
    BWRT_WAVE_BARRIER = 1u << 0,
    BWRT_WAVE_DEADLINE_RELATIVE = 1u << 1, /* deadline_ns counts from submission; not 0 */
    BWRT_WAVE_WINDOW_ABORT = 1u << 2,      /* the window's end aborts a running wave too */
    BWRT_WAVE_PLANNED = 1u << 3            /* since ABI 0.4; see below */
};

/* A planned wave is given to the planner (bwrt_planner) when it could start, and starts when plans
 * have let all of it through: of those in a window URGENT ones before NORMAL and BACKGROUND ones, in
 * each the first deadline first.  It moves whole: where blocks lie is asked when it is submitted, and what is
 * somewhere else by then moves all the same.  What a plan finds to be late ends with BWRT_E_LATE, or,
 * with BWRT_LATE_FINISH, goes on without a deadline.  What could not be let through in as many
 * windows as anything may wait, for want of credits or budgets, ends with BWRT_E_AGAIN, and nothing
 * of it was moved. */

/* Window: the wave starts inside [window_start, window_end) or ends with
 * BWRT_E_WINDOW; window_end 0: open.  The unit is the window's: nanoseconds of
 * CLOCK_MONOTONIC for TIME, the engine's own steps for TOKEN (bwrt_advance(); since
 * ABI 0.4).  Dependencies, a barrier and a plan are waited for first: what is ready
 * when its window is over does not start. */
enum { BWRT_WINDOW_NONE = 0, BWRT_WINDOW_TIME = 1, BWRT_WINDOW_TOKEN = 2 };

/* What an engine has enqueued on a device and must be over before the wave starts (since ABI 0.4):
 * all that is in a stream when the wave is submitted, or all that an event marks then.  It is noted on
 * the submitting thread, so the stream may go on and the event be recorded again, or either be
 * destroyed, as soon as the call has returned.  Stream 0 is that of after_device.  The driver asks
 * until it is over, and nothing of the wave is enqueued before: one that is cancelled or late
 * meanwhile ends at once, whatever the stream does.  An event that was never recorded is over.
 * Up to 256 waves of a device wait so at a time (BWRT_E_AGAIN); a stream or event that is being
 * captured into a graph is BWRT_E_UNSUPPORTED.  The driver looks whether there is such a one
 * (BWRT_E_INVAL) as it does in its own calls: of a handle that was never one it may not survive. */
enum { BWRT_AFTER_NOTHING = 0, BWRT_AFTER_STREAM = 1, BWRT_AFTER_EVENT = 2 };

enum { BWRT_RESULT_PRESENT = 1u << 0 }; /* PUT: the block was there, and is as it was */

typedef struct bwrt_result {
    bwrt_status status;
    uint32_t flags;   /* BWRT_RESULT_* */
    uint64_t bytes;   /* done */
    uint64_t address; /* of a PIN: where the block lies, until its last UNPIN is submitted */
    uint32_t tier;    /* BWRT_TIER_* that the status speaks of */
    int32_t os_code;
} bwrt_result;

typedef struct bwrt_group_result {
    bwrt_status status;    /* the group's first failure */
    uint32_t prefix_count; /* leading entries right in this group; those without a part count */
    uint64_t bytes;
} bwrt_group_result;

/* One part of a block; 36 bytes for ever. */
typedef struct bwrt_block {
    uint8_t identity[32]; /* bwrt_block_id(), or an engine's own: which bytes these are */
    uint32_t part;        /* of what is stored under it in several parts: a rank's, say */
} bwrt_block;

typedef struct bwrt_wave {
    uint32_t struct_size;
    uint32_t flags; /* BWRT_WAVE_* */
    const bwrt_operation* operations;
    uint32_t operation_count; /* not 0 */
    uint32_t operation_bytes; /* sizeof(bwrt_operation) */
    uint32_t priority;        /* BWRT_PRIORITY_* */
    uint32_t delivery;        /* BWRT_DELIVER_* */
    uint32_t late;            /* BWRT_LATE_* */
    uint32_t window;          /* BWRT_WINDOW_* */
    uint64_t deadline_ns;     /* 0: none */
    uint64_t window_start;
    uint64_t window_end;
    uint64_t user_data;       /* returned, unread, in the completion */
    bwrt_handle wait_for[4];  /* undelivered waves, 0 for none; a failed one fails this one */
    bwrt_result* results;     /* NULL, or written before the completion can be had */
    bwrt_group_result* groups;
    uint32_t result_count;    /* capacity of results: at least the wave's entries */
    uint32_t result_bytes;    /* sizeof(bwrt_result) */
    uint32_t group_count;     /* capacity of groups: at least the highest group + 1, of all planes
                                 of an indexed operation's layout, whichever of them move */
    uint32_t group_bytes;     /* sizeof(bwrt_group_result) */
    const bwrt_block* blocks; /* that its block operations name (since ABI 0.4) */
    uint32_t block_count;
    uint32_t block_bytes;     /* sizeof(bwrt_block), 36; 0 without blocks */
    uint64_t tenant;          /* whose they are; see bwrt_tenant_set() */
    uint64_t session;         /* whose request it is, one behind the other: what a session asks for
                                 next is learnt by it (bwrt_planner); 0: not said */
    uint64_t after;           /* STREAM: a CUstream; EVENT: a CUevent (since ABI 0.4) */
    uint32_t after_kind;      /* BWRT_AFTER_*; 0: after is not looked at */
    uint32_t after_device;    /* whose stream or event it is; a region of this runtime lies there */
} bwrt_wave;

/* Takes the wave whole, or refuses it whole with the first fault found.  The
 * wave and its arrays but results and groups are the caller's again on return. */
BWRT_API bwrt_status bwrt_submit_wave(bwrt_runtime* runtime, const bwrt_wave* wave,
                                      bwrt_handle* wave_out, bwrt_error* error);

/* The engine has come to this token, or step: one count for each runtime, which begins at 0 and
 * never goes back (BWRT_E_INVAL, and it stays where it is).  Waves whose windows begin start, and
 * those whose windows are over end, at the driver's next turn; it waits for neither.  Any thread
 * (since ABI 0.4). */
BWRT_API bwrt_status bwrt_advance(bwrt_runtime* runtime, uint64_t token, bwrt_error* error);

/* ---- Plans ------------------------------------------------------------------
 *
 * What another program has planned, as JSON (docs/planner.md, Plans as values): which bytes move, by
 * names.  A plan is taken and checked once, held by a handle, and run as often as wanted, each time
 * with the regions that its names stand for.  Up to 256 plans are held; bwrt_release() lets one go.
 * These three calls since ABI 0.4. */

enum {
    BWRT_PLAN_CACHE = 1,    /* CachePlan: transfers of KV */
    BWRT_PLAN_SWAP = 2,     /* SwapPlan: transfers of weights, inside a window of time */
    BWRT_PLAN_WAVE_SPEC = 3 /* WaveSpec: pages to load, a window of tokens, tiles to compute */
};

/* Takes a text of UTF-8, up to 64 MiB.  BWRT_E_PARSE where it is no such JSON, BWRT_E_INVAL where what
 * it says makes no sense; error.field is the text's own, "ops[3].length". */
BWRT_API bwrt_status bwrt_plan_parse(bwrt_runtime* runtime, uint32_t kind, const char* text,
                                     uint64_t text_bytes, bwrt_handle* plan_out,
                                     bwrt_error* error);

/* Writes the plan as JSON, without a 0 at its end.  *text_bytes is the room at text, and then the
 * length; what does not fit is BWRT_E_RANGE, with the length.  NULL with 0 asks for the length. */
BWRT_API bwrt_status bwrt_plan_print(bwrt_runtime* runtime, bwrt_handle plan, char* text,
                                     uint64_t* text_bytes, bwrt_error* error);

/* What a name of the plan stands for: the URI of a transfer, the layer of an extent, and "a", "b"
 * and "c" of what a wave spec computes. */
typedef struct bwrt_plan_binding {
    const char* name;
    bwrt_handle source; /* region that is read where the name is a source; 0: it is none */
    bwrt_handle target; /* and that is written where it is a target */
    uint64_t source_offset_bytes; /* where in the region what is named begins */
    uint64_t target_offset_bytes;
} bwrt_plan_binding;

typedef struct bwrt_plan_run {
    uint32_t struct_size;
    uint32_t binding_count;
    const bwrt_plan_binding* bindings;
    uint32_t binding_bytes; /* sizeof(bwrt_plan_binding), 40 */
    uint32_t reserved;
    const bwrt_wave* wave; /* as which its waves are submitted: deadline, priority, flags, and so on,
                              but no operations; NULL: as an ordinary one.  It has no window where
                              the plan has one */
    uint64_t page_bytes;   /* of a wave spec that does not say */
} bwrt_plan_run;

/* Runs a plan: a COPY, READ or WRITE for each transfer or extent, as the regions are files or
 * memory (page p of an extent lies at p * page_bytes in both), in one wave; and where "a", "b" and
 * "c" are bound a GEMM of as many tiles as the spec's order has, or one, packed, in a second one that
 * waits for the first.  Storage in a transfer's kind must be a file and everything else memory,
 * of the host or a device.  waves_out has two elements, the wave that moves and the one that
 * computes, 0 where there is none; where the second is refused, the first runs nevertheless.  Where
 * there are both, their delivery is WAIT.  The hashes in a swap plan's manifests are for whoever
 * wrote it: what is moved is not compared with them. */
BWRT_API bwrt_status bwrt_plan_submit(bwrt_runtime* runtime, bwrt_handle plan,
                                      const bwrt_plan_run* run, bwrt_handle* waves_out,
                                      bwrt_error* error);

/* ---- Plans: an engine's own queue ---------------------------------------------
 *
 * For an engine that keeps a queue of its own: window by window it hands in what its requests want,
 * and is told what should move, in which order, done when, and what became of each of them
 * (docs/planner.md, Windows of an engine).  Nothing is moved here.  The engine submits waves for
 * the transfers, or moves them itself, also on nodes and tiers that bwrt knows nothing of.
 *
 * What is kept from window to window is the runtime's: what is carried, the tenants' credits, and
 * heat, which is how often pages have been asked for.  Planned waves have all of that for
 * themselves.  The knobs are those of bwrt_planner, but for its budgets; without one the call is
 * BWRT_E_UNSUPPORTED.  A window that is refused has changed nothing.  (All since ABI 0.4.) */

/* Pages of a prefix of a model, wanted on another tier of a node.  Each layer is a row. */
typedef struct bwrt_request {
    uint64_t id;           /* the engine's; it comes back in decisions */
    uint64_t page_first;
    uint64_t page_count;   /* not 0, and none beyond page 2^62 */
    uint64_t page_bytes;   /* not 0; a window is of less than 2^61 bytes */
    uint64_t deadline_ns;  /* 0: none */
    uint64_t fill_ns;      /* that the engine believes it takes, in which slack is counted; less than
                              1 ms is that */
    uint64_t tenant;       /* 0, or one that was named in this window or before */
    uint32_t model;        /* numbers of the engine's: other models have others, and so */
    uint32_t prefix;       /*     have other prefixes */
    uint32_t layer_first;
    uint32_t layer_count;  /* 0: one; no layer above 65,534 */
    uint32_t node;         /* below 64 */
    uint32_t source_tier;  /* BWRT_TIER_DEVICE, _HOST or _DISK */
    uint32_t target_tier;  /* another one of them */
    uint32_t priority;     /* BWRT_PRIORITY_*: URGENT before NORMAL before BACKGROUND.  That is what
                              somebody may want one day: it adds nothing to heat */
    uint32_t weight_milli; /* of its tenant, for popularity; 0: 1,000 */
    uint32_t reserved;
} bwrt_request;

/* What a tier of a node takes in this window, from all others together.  One that is not listed
 * takes as much as comes. */
typedef struct bwrt_tier_budget {
    uint32_t node;
    uint32_t tier;
    uint64_t bytes;               /* 0: nothing */
    uint32_t operation_count_max; /* 0: as many as come */
    uint32_t reserved;
} bwrt_tier_budget;

/* How pages get from a tier to another one, on every node.  Between two that are not listed there is
 * no latency, on the bus of the number of BWRT_TIER_DISK if it is one of them, or else of the
 * target's number. */
typedef struct bwrt_tier_route {
    uint32_t source_tier;
    uint32_t target_tier;
    uint64_t latency_ns;
    uint64_t stream_bytes_per_s; /* of one copy alone; 0: that of the bus */
    uint32_t stream_count;       /* copies that may be under way at once; to 255; 0: any number */
    uint32_t bus;                /* 0 to 7; those with the same one wait for each other */
} bwrt_tier_route;

/* Of a bus that is not listed nothing is known, and nothing on it is predicted to be late. */
typedef struct bwrt_bus {
    uint32_t node;
    uint32_t bus;
    uint64_t bytes_per_s;  /* 0: not known */
    uint64_t queued_bytes; /* that it moves before those of this window */
} bwrt_bus;

/* What a tenant may have moved.  It stays so until another window says something else, which begins
 * with a full burst. */
typedef struct bwrt_tenant_credit {
    uint64_t tenant;      /* up to 1,023 besides 0 */
    uint64_t bytes_per_s; /* 0: as many as come */
    uint64_t burst_bytes; /* 0: a second's */
} bwrt_tenant_credit;

/* What became of a row.  Those that are carried are in the next window, too. */
enum {
    BWRT_DECISION_PLANNED = 1,      /* it moves */
    BWRT_DECISION_PLANNED_PART = 2, /* its first pages do; the others are carried */
    BWRT_DECISION_NO_CREDIT = 3,    /* carried: its tenant has used up what it may have moved */
    BWRT_DECISION_NO_BUDGET = 4,    /* carried: the tier takes no more bytes */
    BWRT_DECISION_NO_OPERATION = 5, /* carried: the tier takes no more operations */
    BWRT_DECISION_NO_PLACE = 6,     /* carried: its pages are too scattered among what moves already */
    BWRT_DECISION_TOO_SMALL = 7,    /* carried: it waits for company */
    BWRT_DECISION_NOT_WORTH = 8,    /* over: neither popular nor with time enough, by pmin and umin */
    BWRT_DECISION_LATE = 9,         /* over: it would not be there by its deadline */
    BWRT_DECISION_WAITED = 10       /* over: it was carried as often as anything may be */
};

typedef struct bwrt_decision {
    uint64_t id;             /* of its request */
    uint64_t finish_ns;      /* PLANNED and PLANNED_PART: predicted, now_ns while no rate is known */
    uint64_t rest_first;     /* PLANNED_PART: the first page that is carried */
    uint32_t layer;
    uint32_t verdict;        /* BWRT_DECISION_* */
    uint32_t transfer_index; /* the last to finish of those that move its pages; BWRT_NONE: none does */
    uint32_t transfer_count; /* how many these are */
    uint32_t age;            /* windows that it has been carried */
    uint32_t reserved;
} bwrt_decision;

/* A run of pages of one layer that moves, each once, however many ask for it. */
typedef struct bwrt_transfer {
    uint64_t page_first;
    uint64_t page_count;
    uint64_t page_bytes;   /* the most that any who asks says */
    uint64_t bytes;        /* of all its pages */
    uint64_t deadline_ns;  /* the first of those who ask; 0: none */
    uint64_t finish_ns;    /* as in a decision */
    uint32_t model;
    uint32_t prefix;
    uint32_t layer;
    uint32_t node;
    uint32_t source_tier;
    uint32_t target_tier;
    uint32_t priority;     /* the most urgent of those who ask */
    uint32_t served_count; /* rows that ask for pages of it */
    uint32_t position;     /* on its bus of its node: those with a smaller one go first */
    uint32_t overlap;      /* copies of its layer that should be under way at once */
} bwrt_transfer;

/* MEASURED: the bus of BWRT_TIER_DISK of node 0, where it is not listed, is what this runtime's own
 * reads and writes of files have measured in the last second, and what is queued for them. */
enum { BWRT_REQUEST_WINDOW_MEASURED = 1u << 0 };

typedef struct bwrt_request_window {
    uint32_t struct_size;
    uint32_t flags;                 /* BWRT_REQUEST_WINDOW_* */
    uint64_t now_ns;                /* not before that of the last window; 0: now */
    const bwrt_request* requests;   /* what is new; each array may be NULL where its count is 0 */
    const uint64_t* cancelled_ids;  /* of requests of earlier windows: what is carried of them is
                                       forgotten, without a decision */
    const bwrt_tier_budget* tiers;  /* these four name nothing twice */
    const bwrt_tier_route* routes;
    const bwrt_bus* buses;
    const bwrt_tenant_credit* tenants;
    const uint64_t* layer_ns;       /* that each layer takes to compute, from 0 on; 0: not known */
    bwrt_decision* decisions;       /* out, one for each row: what was carried, then the requests,
                                       layer by layer; or NULL */
    bwrt_transfer* transfers;       /* out, by node, source and target, on each bus by position; or
                                       NULL */
    uint32_t request_count;
    uint32_t request_bytes;         /* sizeof(bwrt_request) */
    uint32_t cancelled_count;
    uint32_t tier_count;
    uint32_t tier_bytes;            /* sizeof(bwrt_tier_budget) */
    uint32_t route_count;
    uint32_t route_bytes;           /* sizeof(bwrt_tier_route) */
    uint32_t bus_count;
    uint32_t bus_bytes;             /* sizeof(bwrt_bus) */
    uint32_t tenant_count;
    uint32_t tenant_bytes;          /* sizeof(bwrt_tenant_credit) */
    uint32_t layer_count;           /* to 65,535 */
    uint32_t decision_capacity;     /* room for all rows, those that are carried among them */
    uint32_t decision_bytes;        /* sizeof(bwrt_decision) */
    uint32_t transfer_capacity;     /* room for twice as many: a row may move before and behind what
                                       others move */
    uint32_t transfer_bytes;        /* sizeof(bwrt_transfer) */
    uint32_t decision_count;        /* out */
    uint32_t transfer_count;        /* out */
    uint32_t carried_count;         /* out: rows that are in the next window, too */
    uint32_t reserved;
} bwrt_request_window;

/* Plans a window.  BWRT_E_AGAIN where its rows and those that are carried pass row_count_max of
 * bwrt_planner, or 256 plans are held; error.field is "requests[3].page_bytes" where a request is to
 * blame.  10,000 rows take some 4 ms, a million up to a second; calls wait for each other, and for
 * nothing else.
 *
 * plan_out, where it is not NULL, becomes a plan for bwrt_plan_print(), a CachePlan with decisions
 * as verdicts.  Tier N of node M is tier://M/tierN there, the tensor of a page kv/model/prefix, and
 * offsets are page_first * page_bytes, whatever the prefix and layer.  It is 0 where that cannot be
 * said: of more than 262,144 pages, or of offsets beyond 2^64. */
BWRT_API bwrt_status bwrt_plan_window(bwrt_runtime* runtime, bwrt_request_window* window,
                                      bwrt_handle* plan_out, bwrt_error* error);

/* ---- Work: completions --------------------------------------------------------- */

/* DEVICE: of a COPY; blocks have no tier there. */
enum { BWRT_TIER_NONE = 0, BWRT_TIER_DEVICE = 1, BWRT_TIER_HOST = 2, BWRT_TIER_DISK = 3 };

enum {
    BWRT_VERDICT_LOADED = 1,   /* all bytes are right */
    BWRT_VERDICT_PARTIAL = 2,  /* the leading prefix_count entries are right */
    BWRT_VERDICT_RECOMPUTE = 3 /* not even the first is */
};

enum { BWRT_COMPLETION_LATE = 1u << 0 }; /* ended after its deadline */

/* 128 bytes for ever. */
typedef struct bwrt_completion {
    bwrt_handle wave;
    uint64_t user_data;
    bwrt_status status;       /* BWRT_OK, or the first failure of the wave */
    uint32_t verdict;         /* BWRT_VERDICT_* */
    uint32_t operation_index; /* that failed first; BWRT_NONE when none or the wave itself */
    uint32_t tier;            /* that failed */
    int32_t os_code;          /* errno behind status, of tier DEVICE its driver's number; or 0 */
    uint32_t flags;           /* BWRT_COMPLETION_* */
    uint64_t bytes;           /* moved and right, those of PRESENT blocks, and what a GEMM made */
    uint64_t prefix_count;    /* leading entries right in all groups */
    uint64_t submitted_ns;
    uint64_t finished_ns;
    uint64_t reserved[7];
} bwrt_completion;

/* Waits for a DELIVER_WAIT wave.  BWRT_OK: it is over, the outcome is
 * completion_out->status, and its handle is dead; of two waiters one gets it, the other
 * BWRT_E_HANDLE.  BWRT_E_TIMEOUT consumes nothing.  In caller mode it drives. */
BWRT_API bwrt_status bwrt_wait(bwrt_runtime* runtime, bwrt_handle wave, int64_t timeout_ns,
                               bwrt_completion* completion_out, bwrt_error* error);

/* Takes up to capacity completions of DELIVER_QUEUE waves, in the order they
 * ended; BWRT_OK with *count_out 0 when there is none.  In caller mode it drives. */
BWRT_API bwrt_status bwrt_poll(bwrt_runtime* runtime, bwrt_completion* completions,
                               uint32_t capacity, uint32_t* count_out, bwrt_error* error);

/* Makes a stream of the engine's, of a device with a region of this runtime, wait for a group of a
 * wave: what is enqueued there after this call comes after the group's bytes.  Waits itself, driving in
 * caller mode, until all of the group is either there or enqueued on a device; then the device does
 * the rest, and the host nothing.  BWRT_OK: so it is.  Where the group has failed its status is
 * returned, and BWRT_E_TIMEOUT when it is not enqueued in time (0: now, or not): then the stream does
 * not wait.  Of a copy from a device it says that the bytes may be overwritten there; on the host
 * they are when the wave is over.  BWRT_E_HANDLE for a delivered or DETACHED wave.
 *
 * stream is a CUstream; 0 is that of the device, and CU_STREAM_PER_THREAD is refused, as another
 * thread enqueues the wait.  BWRT_E_DEVICE with the driver's number where it refuses to, as of a
 * stream that is captured into a graph (since ABI 0.4). */
BWRT_API bwrt_status bwrt_stream_wait(bwrt_runtime* runtime, bwrt_handle wave, uint32_t group,
                                      uint32_t device, uint64_t stream, int64_t timeout_ns,
                                      bwrt_error* error);

/* Asks a wave to end.  It still completes, once, with BWRT_E_CANCELLED or, when it
 * was quicker, its own outcome; its memory is the caller's after that and not
 * before.  BWRT_E_HANDLE for a delivered wave. */
BWRT_API bwrt_status bwrt_cancel(bwrt_runtime* runtime, bwrt_handle wave, bwrt_error* error);

/* An fd for poll(), epoll, asyncio: readable while bwrt_poll() has something to
 * do.  Level-triggered, owned by the runtime: never read or close it.  In caller
 * mode it also becomes readable when waves need driving: call bwrt_poll(). */
BWRT_API bwrt_status bwrt_event_fd(bwrt_runtime* runtime, int32_t* fd_out, bwrt_error* error);

/* ---- Blocks: identity ----------------------------------------------------------
 *
 * KV can be used again where everything that shaped it is the same: the tokens and all
 * before them, the model, and how the bytes lie.  An identity is 32 bytes made of all
 * that (SHA-256 of an encoding of its own version, "bwrt/id/1", in docs/format.md).  The
 * same input has the same one in every process, on every machine and in every later
 * version of bwrt, and nobody can make another input that has it, too.
 *
 * What is left empty does not tell blocks apart, so fill all that may differ among those
 * who share a cache.  Byte strings are taken as they are: "bf16" is not "bfloat16".
 *
 * (Since ABI 0.3.) */

#define BWRT_BLOCK_ID_BYTES 32u

/* A byte string of the caller's; 16 bytes for ever.  Length 0 is none, whatever the address. */
typedef struct bwrt_span {
    const void* address;
    uint64_t length_bytes; /* up to 1 MiB in a bwrt_block_id_input */
} bwrt_span;

/* An image, a sound: what tokens of a prompt stand for without naming it. */
typedef struct bwrt_media_item {
    int64_t token_first;  /* counted from the call's first; negative: it began before the call */
    uint32_t token_count; /* not 0; none behind the call's last token: cut it there */
    uint32_t reserved;
    bwrt_span digest;     /* of its content, with shape and dtype; never empty */
} bwrt_media_item;

typedef struct bwrt_block_id_input {
    uint32_t struct_size;
    uint32_t block_token_count; /* tokens of a block; 0: all tokens are one block */
    const uint32_t* tokens;     /* token_count of them; with 0 not looked at */
    const void* parent;         /* identity of the block before the first; NULL: it is a root */
    const bwrt_media_item* media_items; /* token_first ascends; they may overlap */
    uint32_t token_count;
    uint32_t media_item_count;
    uint32_t media_item_bytes;  /* sizeof(bwrt_media_item) */
    uint32_t layer_first;       /* of the layers whose KV the block has */
    uint32_t layer_count;       /* 0: all from layer_first on */
    uint32_t rank;              /* whose part of KV, below rank_count; leave both 0 */
    uint32_t rank_count;        /*     where all ranks hold the same; 0: one */
    uint32_t reserved;
    bwrt_span model;            /* its name */
    bwrt_span weights;          /* version or digest of them */
    bwrt_span adapter;          /* digest of a LoRA, say, with its scale */
    bwrt_span dtype;            /* of K and V, with their scales where they are quantised */
    bwrt_span layout;           /* how a block's bytes lie: order of K, V, heads, tokens */
    bwrt_span rope;             /* base and scaling, or a digest of them */
    bwrt_span salt;             /* who has another cannot find, or be told of, the block */
    bwrt_span prompt_embeddings; /* digest of those that took the tokens' place */
} bwrt_block_id_input;

/* Names the whole blocks of a prompt: identity i, at ids_out + 32 * i, is of tokens
 * [i * block_token_count, + block_token_count), and i - 1 is its parent; what is behind the
 * last whole block has none.  No tokens have no block, also where block_token_count is 0:
 * BWRT_OK with *count_out 0.  BWRT_E_RANGE when there are more than id_capacity.  A prompt
 * may be named in several calls, parent being the last identity of the one before.
 *
 * Needs no runtime, and is allowed in a child of fork(). */
BWRT_API bwrt_status bwrt_block_id(const bwrt_block_id_input* input, void* ids_out,
                                   uint32_t id_capacity, uint32_t* count_out, bwrt_error* error);

/* The other way to name a block, for who addresses by bytes: SHA-256 over all spans one after the
 * other, K and then V, say.  The identity is the first 32 hexadecimal digits of it, in lower case,
 * as characters.  So equal bytes have one name and are stored once for a tenant; who puts them with
 * BWRT_BLOCK_CONTENT sees in bwrt_store_counters what that saves.  Parents mean nothing to such
 * blocks: they are BWRT_BLOCK_UNRELATED.
 *
 * Reads the bytes, some 2 GB/s; needs no runtime, and is allowed in a child of fork().  (Since ABI
 * 0.4.) */
BWRT_API bwrt_status bwrt_content_id(const bwrt_span* spans, uint32_t span_count, void* id_out,
                                     bwrt_error* error);

/* ---- Blocks: the store -----------------------------------------------------------
 *
 * A block is an immutable run of bytes under a key: tenant, identity, part.  bwrt never
 * returns bytes of it that it has not verified.  A GET fills its target with exactly what was
 * stored under that key, or fails and says so; a PUT is visible only when it is complete; after
 * a crash an entry may be missing, none is wrong.
 *
 * A block operation names slot_count blocks, wave.blocks[block_first] and those behind it, in
 * the order of their prefix: each is the child of the one before (see BWRT_BLOCK_UNRELATED).
 * PUT has a source, GET a target: a layout with a slot a block, BWRT_NONE skipping one, or a
 * region, where block i lies at offset + i * length_bytes.  The others name neither.  What
 * moves are whole blocks: a layout's block_bytes, or the length given; no planes and no part of
 * an image.  Groups work as in an indexed operation, by layers for a GET.  From a slow tier a
 * group may be right before those behind it are verified: when one of them is not, the GET has
 * failed, the bytes of its result are right, and what lies where the others belong is undefined.
 *
 * A block of another length or another layout digest is BWRT_E_MISS to a GET.  A second PUT of
 * a block that is there, or on its way, succeeds with BWRT_RESULT_PRESENT, its bytes unread.
 * Loads and stores of one block at a time cost one: the others wait for it.
 *
 * Two operations of one wave on the same block have no order. */

enum {
    BWRT_BLOCK_STRICT = 1u << 0,    /* PUT: what is there already is BWRT_E_CONFLICT */
    BWRT_BLOCK_UNRELATED = 1u << 1, /* the blocks have no parents */
    BWRT_BLOCK_CONTINUES = 1u << 2, /* the first one's parent is wave.blocks[block_first - 1] */
    BWRT_BLOCK_DURABLE = 1u << 3,   /* PUT: over only when it is on the disk to stay, fdatasync;
                                       write_touch_count is no matter, write_bytes_per_day is */
    BWRT_BLOCK_CONTENT = 1u << 4    /* PUT: named by bwrt_content_id(); counted where it saves one */
};

/* With what else of its prefix a block is useful, which eviction honours. */
enum {
    BWRT_CLOSURE_PREFIX = 0,    /* with all of it: full attention */
    BWRT_CLOSURE_WINDOW = 1,    /* with the window_blocks before it: sliding window */
    BWRT_CLOSURE_LAST_STATE = 2 /* alone, and it takes the place of its parent: state-space models */
};

struct bwrt_block_options {
    uint32_t struct_size;
    uint32_t closure;       /* PUT: BWRT_CLOSURE_* */
    uint64_t layout_digest; /* PUT, GET of a region: how its bytes lie, in the caller's numbers;
                               0: opaque.  That of a layout is made of its block side and salt */
    uint32_t window_blocks; /* PUT: of CLOSURE_WINDOW; 1 to 2,047 */
    uint32_t ttl_s;         /* PUT: served so many seconds; 0: as long as there is room */
    uint32_t access_count;        /* PUT: hints, 0 where nothing is known.  With one of the three */
    uint32_t complexity_milli;    /*      set, ttl_s 0 and tier NONE follow from them by the rules */
    uint32_t time_variance_milli; /*      of planner/tiers/lifetime.h; these two in thousandths */
    uint32_t reserved;
};

/* Tenants do not see each other's blocks: another secret is another tenant.  Tenant 0 is there
 * from the start, with a secret that the store keeps; the others are set by each process, for as
 * long as it runs, with the same secret as in the last one or their blocks are not found. */
typedef struct bwrt_tenant {
    uint32_t struct_size;
    uint32_t flags;            /* none yet */
    uint64_t number;           /* the caller's; not all ones, which is no tenant in an event */
    const void* secret;        /* 32 bytes; NULL: 0 keeps its own, others as they are */
    uint64_t host_quota_bytes; /* of the host tier; 0: none.  Who has more loses first */
    uint64_t disk_quota_bytes; /* of this shard's disk tier */
    uint64_t credit_bytes_per_s; /* that its planned waves may move; 0: as many as come.  What is not
                                    used is kept, up to credit_burst_bytes */
    uint64_t credit_burst_bytes; /* 0: a second's */
} bwrt_tenant;

/* Adds a tenant, or changes its quotas and credits; another secret than before is BWRT_E_BUSY.
 * Each call that names credits begins with a full burst; credits without a planner are
 * BWRT_E_UNSUPPORTED. */
BWRT_API bwrt_status bwrt_tenant_set(bwrt_runtime* runtime, const bwrt_tenant* tenant,
                                     bwrt_error* error);

enum {
    BWRT_LOOKUP_MISS = 0,
    BWRT_LOOKUP_HIT = 1,
    BWRT_LOOKUP_PENDING = 2 /* being stored */
};

/* 16 bytes for ever. */
typedef struct bwrt_lookup_answer {
    uint32_t state;    /* BWRT_LOOKUP_*, of all parts together */
    uint32_t tier;     /* HIT: BWRT_TIER_*, of the slowest part */
    uint64_t ready_ns; /* PENDING: when it is predicted to be there; 0: not known */
} bwrt_lookup_answer;

enum {
    BWRT_SPLIT_BY_LAYER = 1,     /* a layer is computed as soon as its own pages are there, layer by
                                    layer; else nothing before all that is loaded is there */
    BWRT_SPLIT_LEAST_COMPUTE = 2 /* the longest load that is in time, rather than the earliest end;
                                    without a deadline the earliest end */
};

/* How many of the leading hits to load, and from where on to compute: the engine says how fast it
 * computes, bwrt how fast it was of late and what is queued.  A prediction, that is of the moment
 * of the call and moves nothing. */
typedef struct bwrt_split {
    uint32_t struct_size;
    uint32_t flags;                /* BWRT_SPLIT_* */
    uint32_t token_count;          /* of the whole prompt; 1 or more */
    uint32_t block_tokens;         /* of a block; 1 or more */
    uint64_t block_bytes;          /* of a block, all parts that are asked for; 1 or more */
    uint64_t prefill_tokens_per_s; /* without attention; 1 or more */
    uint64_t attention_ps;         /* that a token takes for one earlier token, over all layers */
    uint64_t deadline_ns;          /* 0: none */
    uint32_t layer_count;          /* of SPLIT_BY_LAYER, 1 or more; else 0 */
    uint32_t reserved;
    uint32_t load_count;           /* out: leading identities; 0: compute all */
    uint32_t is_late;              /* out: 1: behind the deadline, wherever it is split */
    uint64_t loaded_ns;            /* out: when these are there */
    uint64_t finish_ns;            /* out: when all is computed */
    uint64_t load_finish_ns;       /* out: the same, had all hits been loaded */
    uint64_t compute_finish_ns;    /* out: the same, had none been */
    uint64_t disk_bytes_per_s;     /* out: reckoned with; 0: it has not moved for 10 s or ever, and */
    uint64_t host_bytes_per_s;     /* is reckoned to take no time, so that what is loaded measures */
} bwrt_split;

enum {
    BWRT_QUERY_EXPECTED = 1 /* the hits will have been asked for in lease_ms: as long as anything else
                               can go they stay; see bwrt_lookup() */
};

typedef struct bwrt_lookup_query {
    uint32_t struct_size;
    uint32_t flags;          /* BWRT_QUERY_* */
    uint64_t tenant;
    const void* identities;  /* identity_count of 32 bytes each, in the order of their prefix */
    uint32_t identity_count; /* 1 to 2^20 */
    uint32_t part_first;
    uint32_t part_count;     /* a block is there when all its parts are; 1 to 65,536, none above
                                part 2^32 - 1; 0: one */
    uint32_t lease_ms;       /* 1 to 600,000: the leading hits stay for that long; 0: no lease */
    bwrt_handle layout;      /* a HIT must be of this layout; 0: of whatever layout */
    bwrt_split* split;       /* answered from the answers, which must be there; NULL: not asked */
} bwrt_lookup_query;

/* Asks where blocks are.  *prefix_count_out is the count of leading identities that are hits and
 * can be loaded here: all hits, but to a reader of a store (BWRT_STORE_READER) only those on the
 * disk.  answers, identity_count of them, or NULL.  Without a lease it takes no lock and waits for
 * nobody: it may be asked a million times a second beside the work.  A hit is history when the
 * call returns, but for a lease: of as many leading hits as there were leases left for, which
 * *leased_count_out, where it is not NULL, says.
 *
 * A lease keeps a block, and those it needs, from making room for others: in one tier, and it may
 * leave the other.  It ends by itself, no sooner than lease_ms after the call and no more than
 * 150 ms later, or when the runtime is closed; no call ends it, and each lookup takes leases of its
 * own.  What goes in spite of it: a block that is dropped or moved, whose time to live is over,
 * that does not verify, or that the disk can keep no more.
 *
 * With BWRT_QUERY_EXPECTED the lease yields: it keeps the blocks in every tier they are in, while
 * anything else can make room there; when nothing else can, what is wanted last goes first, the
 * ends of prefixes before what they begin with.  It is for the queue of an engine: ask for each
 * request when it is queued, with the time until it will have been loaded, and again when blocks
 * that it lacked have been stored.  Blocks that need each other take one lease, in each tier and of
 * each part: a prefix of full attention, or what of it was stored behind the block in front of it. */
BWRT_API bwrt_status bwrt_lookup(bwrt_runtime* runtime, const bwrt_lookup_query* query,
                                 bwrt_lookup_answer* answers, uint32_t* prefix_count_out,
                                 uint32_t* leased_count_out, bwrt_error* error);

enum {
    BWRT_EVENT_STORED = 1,  /* the block is in that tier now */
    BWRT_EVENT_REMOVED = 2, /* and not any more */
    BWRT_EVENT_RESYNC = 3   /* forget all: what follows begins anew with all that is there */
};

enum {
    BWRT_REASON_NONE = 0,
    BWRT_REASON_PUT = 1,
    BWRT_REASON_PROMOTED = 2, /* into the host tier, by a GET, PREFETCH, MOVE or PIN */
    BWRT_REASON_EVICTED = 3,
    BWRT_REASON_EXPIRED = 4,
    BWRT_REASON_DROPPED = 5,
    BWRT_REASON_MOVED = 6,
    BWRT_REASON_CORRUPT = 7, /* or not readable */
    BWRT_REASON_SNAPSHOT = 8 /* it was there before */
};

/* 64 bytes for ever. */
typedef struct bwrt_event {
    uint32_t kind;   /* BWRT_EVENT_* */
    uint32_t tier;   /* BWRT_TIER_* */
    uint32_t reason; /* BWRT_REASON_* */
    uint32_t part;
    uint64_t tenant; /* its number; of a block whose tenant was not set, all ones */
    uint64_t time_ns;
    uint8_t identity[32];
} bwrt_event;

/* What comes and goes, for who keeps a map of it: a router.  *cursor, 0 at first, is where the
 * reader is; up to capacity events, 1 or more, are written, and *cursor goes behind them.  There
 * are no more when *count_out is 0.  The last 65,536 are kept.  With 0, and when a reader is so
 * late that events were lost, it begins with a RESYNC and all blocks there are, as they were at one
 * moment: that is kept for its reader until he has had it, for the last 16 who began so.
 *
 * A reader of a store (BWRT_STORE_READER) is told of all shards, and begins anew also when one comes,
 * goes or loses its writer; it may be told twice of what changed during a RESYNC, and of a tenant's
 * number only once that is set. */
BWRT_API bwrt_status bwrt_events(bwrt_runtime* runtime, uint64_t* cursor, bwrt_event* events,
                                 uint32_t capacity, uint32_t* count_out, bwrt_error* error);

/* ---- Asking ----------------------------------------------------------------- */

enum {
    BWRT_FEATURE_URING = 1u << 0,         /* files go through io_uring */
    BWRT_FEATURE_FIXED_BUFFERS = 1u << 1, /* ALLOCATED regions are registered with it */
    BWRT_FEATURE_FIXED_FILES = 1u << 2,
    BWRT_FEATURE_HUGE_PAGES = 1u << 3,
    BWRT_FEATURE_DIRECT = 1u << 4, /* statx() reports direct I/O alignment */
    BWRT_FEATURE_CUDA = 1u << 5   /* built for CUDA devices (since ABI 0.4) */
};

/* What was found, what was not, and why not. */
typedef struct bwrt_caps {
    uint32_t struct_size;
    uint32_t abi_version;
    char version[32];  /* "0.1.0" */
    uint32_t features; /* BWRT_FEATURE_* */
    uint32_t progress; /* BWRT_PROGRESS_* */
    uint32_t storage;  /* BWRT_STORAGE_URING or _POOL */
    uint32_t wave_count_max; /* the limits in force, as in bwrt_config */
    uint32_t operation_count_max;
    uint32_t slot_count_max;
    uint32_t region_count_max;
    uint32_t layout_count_max;
    uint32_t plane_count_max;
    uint32_t group_count_max;
    uint32_t queue_depth;
    uint32_t io_bytes_max;
    uint32_t staging_count;
    uint32_t pool_thread_count; /* those that could be started */
    uint32_t spin_ns;
    uint32_t reserved;
    char storage_reason[256];      /* each step of the ladder not taken, and why */
    char fixed_buffers_reason[128];
    char fixed_files_reason[128];
    char huge_pages_reason[128];
    char machine[128];            /* what a calibration table is bound to (since ABI 0.2) */
    char calibration_reason[256]; /* what the table chose, or why it is not in force; empty: none */
    uint32_t driver_version; /* of the process's CUDA driver, 13000 is 13.0; 0: none was loaded, by
                                this runtime or another (since ABI 0.4, as all that follows) */
    uint32_t batch_copy_abi; /* by which it copies batches, 12080 or 13000; 0: it does not */
    uint32_t device_count;   /* 0 before it was started */
    uint32_t reserved2;
    char device_reason[256]; /* why there is no driver, or why it could not be started; empty: neither */
    char tuning_reason[512]; /* what a tuning file set, and what it left to the caller; empty: none */
} bwrt_caps;

/* Fills *caps up to its struct_size.  runtime NULL: what bwrt_open(NULL) would find. */
BWRT_API bwrt_status bwrt_get_caps(bwrt_runtime* runtime, bwrt_caps* caps, bwrt_error* error);

/* Latencies are counted in log-linear buckets: below 16 ns one bucket a
 * nanosecond; above, 16 to an octave, so a bucket's middle is within 3.2 % of any
 * value in it.  Bucket 16 + 16 * e + m, m in [0, 16), begins at (16 + m) << e ns. */
#define BWRT_LATENCY_BUCKET_COUNT 592u /* up to 2^40 ns; later ones count in the last */

/* One pair of tiers.  Latency is per request to the backend, queueing there included. */
typedef struct bwrt_route {
    uint32_t source_tier;
    uint32_t target_tier; /* equal DISK tiers: flushes */
    uint64_t request_count; /* finished, after merging and splitting */
    uint64_t piece_count;   /* before it */
    uint64_t bytes;
    uint64_t error_count;
    uint64_t resubmit_count; /* after a short read or write, EINTR or EAGAIN */
    uint64_t staged_bytes;   /* of bytes, through bounce memory */
    uint64_t inflight_count; /* now */
    uint64_t latency_sum_ns;
    uint64_t latency_buckets[BWRT_LATENCY_BUCKET_COUNT];
} bwrt_route;

/* A consistent snapshot: waves_accepted = waves_pending + the outcomes. */
typedef struct bwrt_counters {
    uint32_t struct_size;
    uint32_t route_capacity; /* in: elements at routes; 7 are enough in this version */
    bwrt_route* routes;      /* in: or NULL */
    uint32_t route_bytes;    /* in: sizeof(bwrt_route) */
    uint32_t route_count;    /* out: routes there are; min(capacity, this) were written */
    uint64_t time_ns;
    uint64_t waves_accepted;
    uint64_t waves_refused; /* by bwrt_submit_wave, for whatever reason */
    uint64_t waves_pending; /* accepted and not over */
    uint64_t waves_ok;
    uint64_t waves_cancelled;
    uint64_t waves_late;
    uint64_t waves_window;
    uint64_t waves_dependency;
    uint64_t waves_failed; /* otherwise */
    uint64_t waves_overdue; /* of all outcomes, those after their deadline */
    uint64_t undelivered;   /* over, and not yet waited for or polled */
    uint64_t ring_occupancy;
    uint64_t ring_capacity;
    uint64_t queued_bytes;   /* accepted, not yet handed to a backend */
    uint64_t inflight_count; /* requests at the storage backend */
    uint64_t sleeps;         /* times the driver went to sleep */
    uint64_t wakes;          /* times a submitter had to wake it */
    uint64_t unknown_completions; /* a backend answered what was not asked: 0 */
    uint64_t plan_count;           /* windows planned (since ABI 0.4) */
    uint64_t plan_row_count;       /* rows in them: runs of blocks and pieces of waves */
    uint64_t plan_carried_count;   /* of them, left for the next window */
    uint64_t plan_late_count;      /* found to be late; with BWRT_LATE_FINISH they are carried, too */
    uint64_t plan_waited_count;    /* given back, having waited for as long as anything may */
    uint64_t plan_operation_count; /* what the others became */
    uint64_t plan_served_count;    /* rows that these serve: over operations, the fan-out */
    uint64_t plan_bytes;           /* that these move */
    uint64_t plan_ns;              /* that planning took */
    uint64_t token;                /* of bwrt_advance() */
    uint64_t plan_finished_count;  /* planned waves that succeeded, and for which an end had been
                                      predicted: not while the rate of what they need is not known */
    uint64_t plan_on_time_count;   /* of them, done by their deadlines */
    uint64_t plan_error_ns;        /* sum, over them, of how far the end was from its prediction */
    /* Chains that were to be read before anybody asked, and the bytes that were missing of them.
     * Each ends as one of the four, or is still open: the sums add up. */
    uint64_t prefetch_count;
    uint64_t prefetch_bytes;
    uint64_t prefetch_right_count;  /* in memory when they were used */
    uint64_t prefetch_right_bytes;
    uint64_t prefetch_late_count;   /* used before they were */
    uint64_t prefetch_late_bytes;
    uint64_t prefetch_wasted_count; /* dropped before they were used */
    uint64_t prefetch_wasted_bytes;
    uint64_t prefetch_failed_count; /* did not arrive: not read in time, not what was stored, no room */
    uint64_t prefetch_failed_bytes;
    uint64_t prefetch_open_count;   /* on their way, or in memory and not used yet */
    uint64_t prefetch_open_bytes;
    uint64_t prefetch_lead_ns;      /* sum, over those that were right, from arrival to use */
    uint64_t prefetch_missed_count; /* chains that were known and not in memory when they were used,
                                       late ones among them */
} bwrt_counters;

BWRT_API bwrt_status bwrt_sample(bwrt_runtime* runtime, bwrt_counters* counters,
                                 bwrt_error* error);

/* One tier of the store, or what one tenant has of it. */
typedef struct bwrt_tier_counters {
    uint64_t capacity_bytes; /* of a tenant its quota; 0: none */
    uint64_t used_bytes;
    uint64_t block_count;
    uint64_t hit_count;  /* blocks that a GET, PREFETCH or PIN found here */
    uint64_t hit_bytes;
    uint64_t stored_count; /* blocks that came, by a PUT or from the other tier */
    uint64_t stored_bytes;
    uint64_t evicted_count; /* for want of room */
    uint64_t expired_count;
} bwrt_tier_counters;

/* What became of a bwrt_store: what is in force, and why the rest of it is not.  What a store has
 * none of is 0, NULL or, an fd, -1; a reader of stores has directories, transit memory and its
 * limits.  Reasons are NULL where all is as it was asked for.  Strings are the runtime's, and stay
 * as they are until it is closed.
 *
 * EXPORT.  A process that is given host_fd, over a socket or by /proc, maps it with PROT_READ and
 * finds a block that is pinned at the PIN's address - host_address.  It may look from the PIN's
 * completion until the UNPIN is submitted, which the two agree upon themselves.  What lies
 * elsewhere, or later, may be anything, another tenant's block as well.  Its mapping outlives the
 * runtime. */
typedef struct bwrt_store_info {
    uint32_t struct_size;
    uint32_t flags;              /* BWRT_STORE_* in force: HUGE where all its memory has them */
    void* host_address;          /* of the host tier, until the runtime is closed: what is pinned
                                    lies in there */
    uint64_t host_bytes;
    uint64_t transit_bytes;
    uint64_t disk_bytes;         /* of all segments together: what blocks, living and dead, may
                                    take */
    uint64_t segment_bytes;      /* of each: an earlier writer of the shard may have chosen it */
    uint64_t log_bytes;          /* now */
    uint64_t log_bytes_max;      /* of the log; while a shorter one is made in its place there are
                                    two */
    int32_t host_fd;             /* EXPORT: the memfd, bwrt's own: dup it to keep it; else -1 */
    uint32_t block_count_max;    /* the limits in force, as in bwrt_store */
    uint32_t block_bytes_max;
    uint32_t flight_count_max;
    uint32_t tenant_count_max;
    uint32_t lease_count_max;
    uint32_t disk_block_count_max; /* of block_count_max, on the disk: their records are a quarter
                                      of the log at most */
    uint32_t directory_count;
    uint32_t segment_count;      /* in all directories; each is made when it is first filled */
    uint32_t reserved_count;     /* segments that this process has begun to fill: space of theirs */
    uint32_t unreserved_count;   /* and those that have a length and no space: a disk that is full
                                    fails writes of blocks there */
    uint32_t striped_count;      /* that it has made, and laid over several servers */
    uint32_t stripe_count;       /* so many of them, or all there are, were asked for; Lustre */
    uint32_t stripe_bytes;
    const char* checksum;        /* "SSE2" or "AVX2": how XXH3 is computed on this processor */
    const char* huge_reason;     /* why its memory is not in huge pages, where it was to be */
    const char* disk_reason;     /* why disk_bytes is less than the directories have, which blocks
                                    are too long for it, and how many the log has that cannot be had
                                    any more: of segments and directories that are not there, say.
                                    The log function is told, too.  Of a reader: why a shard is not
                                    read, the last there is */
    const char* direct_reason;   /* why a segment is not read and written past the page cache */
    const char* reserve_reason;  /* why a segment's space is not reserved */
    const char* striping_reason; /* why a segment is not striped.  Nobody has to ask for that: it
                                    is NULL only on Lustre, and where there are no segments */
    uint32_t write_touch_count;  /* in force, as in bwrt_store; of a reader 0 */
    uint32_t eviction;           /* BWRT_EVICTION_*, likewise */
} bwrt_store_info;

typedef struct bwrt_store_counters {
    uint32_t struct_size;
    uint32_t flags;  /* in: BWRT_COUNTERS_TENANT: of that tenant alone; else 0 */
    uint64_t tenant; /* in */
    bwrt_tier_counters host;
    bwrt_tier_counters disk;
    uint64_t miss_count;     /* blocks that a GET, PREFETCH or PIN did not find */
    uint64_t put_count;      /* blocks stored by PUT */
    uint64_t present_count;  /* PUT and there already */
    uint64_t present_bytes;  /* not moved for that reason */
    uint64_t joined_count;   /* loads that another one's read served */
    uint64_t corrupt_count;  /* blocks that did not verify, and were taken out */
    uint64_t failed_count;   /* blocks that could not be read, and were taken out */
    uint64_t dedup_count;    /* of present_count, those put with BWRT_BLOCK_CONTENT */
    uint64_t dedup_bytes;
    /* The rest is of the whole store: 0 with TENANT. */
    uint64_t written_bytes;  /* to segments: stored and carried */
    uint64_t carried_bytes;  /* of it, blocks moved so that their segment can be used again */
    uint64_t refused_count;  /* blocks not written to disk: seen too rarely, no budget, no room;
                                and PUTs for which there was no room anywhere */
    uint64_t write_budget_left_bytes; /* of write_bytes_per_day; UINT64_MAX: that is no limit */
    uint64_t log_bytes;
    uint64_t recovery_ns;    /* that opening took */
    uint64_t recovered_count;
    uint64_t flight_count;   /* blocks on their way now */
    uint64_t unworthy_count; /* blocks that a tier has not taken, as all it has is worth more
                                (BWRT_EVICTION_LEARNED); a block may count in both tiers */
    bwrt_store_info* info;   /* in: NULL, or where it is told what became of the store */
} bwrt_store_counters;

enum { BWRT_COUNTERS_TENANT = 1u << 0 };

/* BWRT_E_UNSUPPORTED without a store. */
BWRT_API bwrt_status bwrt_sample_store(bwrt_runtime* runtime, bwrt_store_counters* counters,
                                       bwrt_error* error);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* BWRT_H */
