/* The device's side of a split virtqueue. Virtio 1.2, 2.7; <linux/virtio_ring.h>.
 *
 * Rings and buffers lie in guest memory, and all that stands there is hostile and may change while it is
 * read: a chain is collected first (each field read once, each address turned into a pointer), then the
 * device takes it. No feature of rings is offered: no indirect descriptors, no event index. */
#pragma once
#include "address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define VIRTQUEUE_MAX_SIZE 256

/* A chain has 4 MiB at most, and 17 bytes for a block request's header and status; a descriptor of n bytes
 * touches n / 4096 + 2 pages at most. */
#define VIRTQUEUE_MAX_BYTES  ((4ull << 20) + 17)
#define VIRTQUEUE_MAX_PIECES (VIRTQUEUE_MAX_BYTES / 4096 + 1 + 2 * VIRTQUEUE_MAX_SIZE)

/* The memory that one chain of descriptors names, in order. No piece is empty or crosses a page. */
struct virtqueue_chain {
    unsigned nr_out, nr_pieces; /* pieces[0, nr_out) are for the device to read, the others for it to write */
    uint64_t out_bytes, in_bytes;
    struct iovec pieces[VIRTQUEUE_MAX_PIECES];
};

/* What a device does with a chain, which it may use up. NULL, and *written is the length for the used ring:
 * of what was written, from the start of the writable part without a gap (2.7.8.2); or what is wrong with the
 * chain, which breaks the queue: then nothing was done. */
typedef const char *virtqueue_take_fn(void *device, struct virtqueue_chain *chain, uint32_t *written);

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

/* Have the device take all chains that are available, in order; each is in the used ring when this returns.
 * Returns how many were taken; or -EPROTO, once: the guest broke the rules of the rings so that no answer can
 * be trusted to reach it, broken_reason is set, chains before that one are done, and the queue stays silent
 * until it is set up again. 0 if it is not ready. */
int virtqueue_process(struct virtqueue *q, virtqueue_take_fn *take, void *device);

/* Does the driver want to hear of used buffers? It may say no, to save interrupts. */
bool virtqueue_wants_interrupt(const struct virtqueue *q);
