/* Requests to the disks, through one split virtqueue each: virtio 1.x, 2.7 (split virtqueues), 5.2 (block
 * device).
 *
 * Any number of requests is submitted, to whichever disks; then blk_run() rings all those disks at once and
 * waits. The order in which they are done is not known, so no request of one batch may depend on another. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct boot_info;

enum blk_result {
    BLK_DONE,
    BLK_FAILED, /* the disk said so, or the request was never given to it */
    BLK_LOST,   /* no answer in time: the disk is dead from now on, and might still store to the data */
};

/* The caller's, and unchanged until blk_run() has returned. */
struct blk_request {
    unsigned disk;
    bool write;
    uint64_t sector; /* of 512 bytes */
    void *data;      /* in the linear map */
    uint32_t bytes;  /* a multiple of 512 */
    enum blk_result result;
};

/* At most so many requests for one disk in a batch; more fail. */
#define BLK_BATCH 21

/* Set the queues of all disks up. Takes a frame each. */
void blk_init(const struct boot_info *boot);
/* Join the batch. A request beyond the disk's end, for a disk that is dead or not there, or a write to a
 * read-only one, fails without being given to it. */
void blk_submit(struct blk_request *r);
/* One notification, if there is anything to do; then every request of the batch has its result. */
void blk_run(void);

/* Is there such a disk, and did it answer so far? */
bool blk_is_alive(unsigned disk);
uint64_t blk_sectors(unsigned disk); /* 0 if there is no such disk */
