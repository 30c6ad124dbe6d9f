/* Requests to a block device. The jobs, in this order: decoding, performing, the queue. See block_request.h.
 */
#include "vmm/block_request.h"
#include "vmm/clock.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <string.h>

struct block_request {
    struct virtqueue_chain *chain; /* less header and status: the data */
    struct virtio_blk_outhdr header;
    uint8_t *status;
};

/* 1. Decoding. */

/* The first bytes of what is to be read. What is left of the pieces begins after them. */
static void take_header(struct block_request *r)
{
    char *to = (char *)&r->header;
    size_t missing = sizeof(r->header);

    for (unsigned i = 0; missing; i++) {
        struct iovec *p = &r->chain->pieces[i];
        size_t n = p->iov_len < missing ? p->iov_len : missing;
        memcpy(to, p->iov_base, n);
        p->iov_base = (char *)p->iov_base + n;
        p->iov_len -= n;
        to += n;
        missing -= n;
    }
    r->chain->out_bytes -= sizeof(r->header);
}

/* The last byte of what is to be written. */
static void take_status(struct block_request *r)
{
    struct iovec *last = &r->chain->pieces[r->chain->nr_pieces - 1];

    last->iov_len--;
    r->status = (uint8_t *)last->iov_base + last->iov_len;
    r->chain->in_bytes--;
}

static const char *decode(struct block_request *r)
{
    if (r->chain->out_bytes < sizeof(r->header))
        return "a request is shorter than its header";
    if (r->chain->in_bytes < 1)
        return "a request has no room for its status";
    take_header(r);
    take_status(r);
    return NULL;
}

/* 2. Performing. */

/* The disk's name, and zeroes behind it. */
static int get_id(struct block_request *r, const struct disk *disk)
{
    char id[VIRTIO_BLK_ID_BYTES] = { 0 };
    size_t at = 0;

    memcpy(id, disk_serial(disk), strnlen(disk_serial(disk), sizeof(id)));
    for (unsigned i = r->chain->nr_out; i < r->chain->nr_pieces; i++) {
        struct iovec *p = &r->chain->pieces[i];
        size_t n = p->iov_len < sizeof(id) - at ? p->iov_len : sizeof(id) - at;
        memcpy(p->iov_base, id + at, n);
        memset((char *)p->iov_base + n, 0, p->iov_len - n);
        at += n;
    }
    return 0;
}

static int do_transfer(struct block_request *r, struct disk *disk)
{
    struct virtqueue_chain *c = r->chain;

    switch (r->header.type) {
    case VIRTIO_BLK_T_IN:
        return disk_read(disk, r->header.sector, c->pieces + c->nr_out, c->nr_pieces - c->nr_out);
    case VIRTIO_BLK_T_OUT:
        return disk_write(disk, r->header.sector, c->pieces, c->nr_out);
    case VIRTIO_BLK_T_FLUSH:
        return disk_flush(disk);
    case VIRTIO_BLK_T_GET_ID:
        return get_id(r, disk);
    }
    return -ENOSYS;
}

/* Do it, and store the status. Returns the length for the used ring. A run that is to stop must not wait for the rest of a ring,
 * of which one exit may hold 64 GiB; its guest does not see what became of them. */
static uint32_t perform(struct block_request *r, struct disk *disk)
{
    bool fills = r->header.type == VIRTIO_BLK_T_IN || r->header.type == VIRTIO_BLK_T_GET_ID;
    int err = clock_stop_signal() ? -EINTR : do_transfer(r, disk);

    *r->status = err == 0 ? VIRTIO_BLK_S_OK : err == -ENOSYS ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
    bool gap = r->chain->in_bytes && (err || !fills);
    return gap ? 0 : (uint32_t)r->chain->in_bytes + 1;
}

/* 3. The queue. */

static const char *take_request(void *device, struct virtqueue_chain *chain, uint32_t *written)
{
    struct block_request r = { .chain = chain };
    const char *reason = decode(&r);

    if (!reason)
        *written = perform(&r, device);
    return reason;
}

int block_requests_process(struct virtqueue *q, struct disk *disk)
{
    if (q->ready)
        disk->stats.notifies++;
    return virtqueue_process(q, take_request, disk);
}
