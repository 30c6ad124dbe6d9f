/* One request to a virtio block device: the pieces of guest memory that its descriptors name, in order, and
 * what is done with them. Virtio 1.2, 5.2.6. The driver may cut header, data and status into descriptors as
 * it likes (2.7.4.1). */
#pragma once
#include "vmm/disk.h"

#include <linux/virtio_blk.h>

/* The bytes are at most so many besides header and status, from at most so many descriptors: a descriptor of
 * n bytes touches n / 4096 + 2 pages at most. */
#define BLOCK_REQUEST_MAX_BYTES       (4ull << 20)
#define BLOCK_REQUEST_MAX_DESCRIPTORS 256
#define BLOCK_REQUEST_MAX_PIECES      (BLOCK_REQUEST_MAX_BYTES / 4096 + 1 + 2 * BLOCK_REQUEST_MAX_DESCRIPTORS)

struct block_request {
    unsigned nr_out, nr_pieces; /* pieces[0, nr_out) are for the device to read, the others for it to write */
    uint64_t out_bytes, in_bytes;
    struct iovec pieces[BLOCK_REQUEST_MAX_PIECES];

    /* Set by block_request_decode, and no longer part of pieces. */
    struct virtio_blk_outhdr header;
    uint8_t *status;
};

void block_request_init(struct block_request *r);

/* Append memory; all that is to be read comes before what is to be written. False: too much. */
bool block_request_add(struct block_request *r, void *memory, uint64_t bytes, bool device_writes);

/* Take header and status off the pieces. NULL, or why that is not possible. */
const char *block_request_decode(struct block_request *r);

/* Do it, and store the status. Returns the length for the used ring: of what was written, from the start of
 * the writable part without a gap (2.7.8.2). */
uint32_t block_request_perform(struct block_request *r, struct disk *disk);
