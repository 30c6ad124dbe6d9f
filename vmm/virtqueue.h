/* The device's side of a split virtqueue that carries block requests. Virtio 1.2, 2.7 (split virtqueues)
 * and 5.2 (block device); <linux/virtio_ring.h>, <linux/virtio_blk.h>.
 *
 * Rings, headers and data lie in guest memory, and all that stands there is hostile and may change while it
 * is read: a request is decoded first (each field read once, each address turned into a pointer), then
 * performed. No feature of rings is offered: no indirect descriptors, no event index. */
#pragma once
#include "address.h"
#include "vmm/disk.h"

#define VIRTQUEUE_MAX_SIZE 256

/* The host's pointer to [gpa, gpa + bytes), which lies in one 4 KiB page and is not empty; NULL if the guest
 * has no memory there, or if write is set and the device must not write it. That is the case of a validated
 * page table (a disk read into it would get past the validation); a frame under write tracking must be
 * treated as stored to. The pointer must stay good until the call of virtqueue_* that asked for it returns.
 */
typedef void *guest_memory_fn(void *ctx, gpa_t gpa, uint64_t bytes, bool write);

struct virtqueue {
    guest_memory_fn *memory;
    void *ctx;
    bool ready;                /* setup succeeded, and not broken since */
    const char *broken_reason; /* why it is broken, for messages; else NULL */

    /* private */
    uint16_t size;
    uint16_t next_avail, next_used;
    gpa_t desc, avail, used;
};

/* A queue that is not ready: it does nothing until it is set up. Also resets one. */
void virtqueue_init(struct virtqueue *q, guest_memory_fn *memory, void *ctx);

/* Where the rings lie, as the guest says; both indices start at zero. 0; -EINVAL: size is no power of two up
 * to VIRTQUEUE_MAX_SIZE, or a ring is misaligned; -EFAULT: a ring is not in memory, all of it. After an error
 * the queue is not ready. */
int virtqueue_setup(struct virtqueue *q, uint64_t size, gpa_t desc, gpa_t avail, gpa_t used);

/* Do all requests that are available, in order; each is in the used ring when this returns. What a disk
 * cannot do is told in the request's own status, and is no error here. Returns how many were done; or
 * -EPROTO, once: the guest broke the rules of the rings so that no status can be trusted to reach it,
 * broken_reason is set, requests before that one are done, and the queue stays silent until it is set up
 * again. 0 if it is not ready. */
int virtqueue_process(struct virtqueue *q, struct disk *disk);

/* Does the driver want to hear of used buffers? It may say no, to save interrupts. */
bool virtqueue_wants_interrupt(const struct virtqueue *q);
