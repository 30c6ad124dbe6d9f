/* Requests to a block device. The jobs, in this order: collecting memory, decoding, performing. See
 * block_request.h. */
#include "vmm/block_request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* 1. Collecting memory. */

void block_request_init(struct block_request *r)
{
    r->nr_out = r->nr_pieces = 0;
    r->out_bytes = r->in_bytes = 0;
    r->status = NULL;
}

bool block_request_add(struct block_request *r, void *memory, uint64_t bytes, bool device_writes)
{
    if (bytes > BLOCK_REQUEST_MAX_BYTES + sizeof(r->header) + 1 - r->out_bytes - r->in_bytes)
        return false;
    assert(r->nr_pieces < BLOCK_REQUEST_MAX_PIECES && (device_writes || r->in_bytes == 0));
    r->pieces[r->nr_pieces++] = (struct iovec){ memory, bytes };
    if (device_writes) {
        r->in_bytes += bytes;
    } else {
        r->out_bytes += bytes;
        r->nr_out = r->nr_pieces;
    }
    return true;
}

/* 2. Decoding. */

/* The first bytes of what is to be read. What is left of the pieces begins after them. */
static void take_header(struct block_request *r)
{
    char *to = (char *)&r->header;
    size_t missing = sizeof(r->header);

    for (unsigned i = 0; missing; i++) {
        struct iovec *p = &r->pieces[i];
        size_t n = p->iov_len < missing ? p->iov_len : missing;
        memcpy(to, p->iov_base, n);
        p->iov_base = (char *)p->iov_base + n;
        p->iov_len -= n;
        to += n;
        missing -= n;
    }
    r->out_bytes -= sizeof(r->header);
}

/* The last byte of what is to be written. */
static void take_status(struct block_request *r)
{
    struct iovec *last = &r->pieces[r->nr_pieces - 1];

    last->iov_len--;
    r->status = (uint8_t *)last->iov_base + last->iov_len;
    r->in_bytes--;
}

const char *block_request_decode(struct block_request *r)
{
    if (r->out_bytes < sizeof(r->header))
        return "a request is shorter than its header";
    if (r->in_bytes < 1)
        return "a request has no room for its status";
    take_header(r);
    take_status(r);
    return NULL;
}

/* 3. Performing. */

/* The disk's name, and zeroes behind it. */
static int get_id(struct block_request *r, const struct disk *disk)
{
    char id[VIRTIO_BLK_ID_BYTES] = { 0 };
    size_t at = 0;

    memcpy(id, disk_serial(disk), strnlen(disk_serial(disk), sizeof(id)));
    for (unsigned i = r->nr_out; i < r->nr_pieces; i++) {
        struct iovec *p = &r->pieces[i];
        size_t n = p->iov_len < sizeof(id) - at ? p->iov_len : sizeof(id) - at;
        memcpy(p->iov_base, id + at, n);
        memset((char *)p->iov_base + n, 0, p->iov_len - n);
        at += n;
    }
    return 0;
}

static int perform(struct block_request *r, struct disk *disk)
{
    switch (r->header.type) {
    case VIRTIO_BLK_T_IN:
        return disk_read(disk, r->header.sector, r->pieces + r->nr_out, r->nr_pieces - r->nr_out);
    case VIRTIO_BLK_T_OUT:
        return disk_write(disk, r->header.sector, r->pieces, r->nr_out);
    case VIRTIO_BLK_T_FLUSH:
        return disk_flush(disk);
    case VIRTIO_BLK_T_GET_ID:
        return get_id(r, disk);
    }
    return -ENOSYS;
}

uint32_t block_request_perform(struct block_request *r, struct disk *disk)
{
    bool fills = r->header.type == VIRTIO_BLK_T_IN || r->header.type == VIRTIO_BLK_T_GET_ID;
    int err = perform(r, disk);

    *r->status = err == 0 ? VIRTIO_BLK_S_OK : err == -ENOSYS ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
    bool gap = r->in_bytes && (err || !fills);
    return gap ? 0 : (uint32_t)r->in_bytes + 1;
}
