/* Pages go out. A fault takes frames from a small reserve, and sends as many pages out while it is at it: the reads and
 * writes of one fault are one batch, and no read waits for a frame that is still being written. */
#pragma once
#include "blk.h"
#include "frames.h"

#define FRAME_RESERVE 8
#define EVICT_BATCH   16

_Static_assert(EVICT_BATCH < BLK_BATCH, "room for the read that goes out with the writes");

/* Pages that are being written. */
struct eviction {
    unsigned nr_writes;
    struct {
        pfn_t frame;
        uint32_t place;
        struct blk_request request;
    } writes[EVICT_BATCH];
};

/* Choose pages until `frames` are free, or will be when the writes are done. Clean ones go at once; writes of dirty ones
 * join the batch: the caller calls blk_run(), then evict_finish(). A page whose write failed stays, so that fewer may be free. */
void evict_start(struct eviction *e, uint64_t frames);
void evict_finish(struct eviction *e);

/* All of that at once, repeated until so many are free; false if nothing more can go. Not while a batch is being put together. */
bool evict_ensure(uint64_t frames);
