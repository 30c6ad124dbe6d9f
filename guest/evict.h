/* Pages go out. A fault takes frames from a small reserve: the reads and writes of one fault are one batch,
 * and no read waits for a frame that is still being written. A fault that rings the disks anyway fills the
 * reserve up; one that does not leaves that to others until the reserve is low, so that the pages that many
 * zero-filled ones drive out are written together. */
#pragma once
#include "blk.h"
#include "frames.h"

#define FRAMES_LOW  8
#define FRAMES_HIGH 16
#define EVICT_BATCH 16 /* pages at a time */

_Static_assert(FRAMES_LOW > 4, "a fault takes up to four: a page and three tables");
_Static_assert(EVICT_BATCH < BLK_BATCH, "room for the read that goes out with the writes");

/* How many of the last pages that came in stay: as many as one instruction of a program can need, and some. (A
 * copy from memory to memory, or a call through memory, touches six: code, source and destination, each across the
 * end of a page.) */
#define EVICT_NEWCOMERS 8

/* None came yet; a page came in. */
void evict_start_newcomers(void);
void evict_page_came(pfn_t f);

/* Pages that are being written. */
struct eviction {
    unsigned nr_writes;
    struct {
        pfn_t frame;
        uint32_t place;
        struct blk_request request;
    } writes[EVICT_BATCH];
};

/* Choose pages until `frames` are free, or will be when the writes are done. Clean ones go at once; writes of
 * dirty ones join the batch: the caller calls blk_run(), then evict_finish(). A page whose write failed
 * stays, so that fewer may be free. */
void evict_start(struct eviction *e, uint64_t frames);
void evict_finish(struct eviction *e);

/* All of that at once, repeated until so many are free; false if nothing more can go. Page tables that became
 * empty may go, too: keep none across this. Not while a batch is being put together. */
bool evict_ensure(uint64_t frames);
