/* The rings. The jobs, in this order: guest memory, setup, chains of descriptors, the rings at work. See
 * virtqueue.h.
 *
 *   desc   struct vring_desc[size]                      16-byte aligned   what to read and write, linked by
 * next avail  flags, idx: uint16_t;  uint16_t[size]        2-byte aligned    heads of chains, from the driver
 *   used   flags, idx: uint16_t;  vring_used_elem[size] 4-byte aligned    the same back, from us
 *
 * The alignment keeps each field inside one page, though a ring may cross pages, which lie anywhere. */
#include "vmm/virtqueue.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#define RING_IDX_OFFSET     2
#define RING_ENTRIES_OFFSET 4

/* 1. Guest memory. */

static bool range_is_memory(const struct virtqueue *q, gpa_t gpa, uint64_t bytes, bool write)
{
    if (gpa + bytes < gpa)
        return false;
    while (bytes) {
        uint64_t n = PAGE_SIZE - page_offset(gpa);
        n = n < bytes ? n : bytes;
        if (!q->memory(q->ctx, gpa, n, write))
            return false;
        gpa += n;
        bytes -= n;
    }
    return true;
}

static int broken(struct virtqueue *q, const char *reason)
{
    q->ready = false;
    q->broken_reason = reason;
    return -EPROTO;
}

/* 2. Setup. */

void virtqueue_init(struct virtqueue *q, guest_memory_fn *memory, void *ctx)
{
    *q = (struct virtqueue){ .memory = memory, .ctx = ctx };
}

int virtqueue_setup(struct virtqueue *q, uint64_t size, gpa_t desc, gpa_t avail, gpa_t used)
{
    virtqueue_init(q, q->memory, q->ctx);
    if (size == 0 || size > VIRTQUEUE_MAX_SIZE || size & (size - 1))
        return -EINVAL;
    if (desc % VRING_DESC_ALIGN_SIZE || avail % VRING_AVAIL_ALIGN_SIZE || used % VRING_USED_ALIGN_SIZE)
        return -EINVAL;
    if (!range_is_memory(q, desc, size * sizeof(struct vring_desc), false) ||
        !range_is_memory(q, avail, RING_ENTRIES_OFFSET + size * sizeof(uint16_t), false) ||
        !range_is_memory(q, used, RING_ENTRIES_OFFSET + size * sizeof(struct vring_used_elem), true))
        return -EFAULT;
    q->size = (uint16_t)size;
    q->desc = desc;
    q->avail = avail;
    q->used = used;
    q->ready = true;
    return 0;
}

/* 3. Chains of descriptors. Guest memory is looked up anew each time: what was memory at the setup may have
 * become a page table. */

static bool read_descriptor(const struct virtqueue *q, unsigned index, struct vring_desc *d)
{
    const struct vring_desc *from = q->memory(q->ctx, q->desc + index * sizeof(*d), sizeof(*d), false);

    if (!from)
        return false;
    d->addr = __atomic_load_n(&from->addr, __ATOMIC_RELAXED);
    d->len = __atomic_load_n(&from->len, __ATOMIC_RELAXED);
    d->flags = __atomic_load_n(&from->flags, __ATOMIC_RELAXED);
    d->next = __atomic_load_n(&from->next, __ATOMIC_RELAXED);
    return true;
}

/* False: too much. */
static bool add_piece(struct virtqueue_chain *c, void *memory, uint64_t bytes, bool device_writes)
{
    if (bytes > VIRTQUEUE_MAX_BYTES - c->out_bytes - c->in_bytes)
        return false;
    assert(c->nr_pieces < VIRTQUEUE_MAX_PIECES && (device_writes || c->in_bytes == 0));
    c->pieces[c->nr_pieces++] = (struct iovec){ memory, bytes };
    if (device_writes) {
        c->in_bytes += bytes;
    } else {
        c->out_bytes += bytes;
        c->nr_out = c->nr_pieces;
    }
    return true;
}

static const char *add_buffer(const struct virtqueue *q, struct virtqueue_chain *c,
                              const struct vring_desc *d)
{
    bool write = d->flags & VRING_DESC_F_WRITE;
    uint64_t bytes = d->len;
    gpa_t at = d->addr;

    if (!write && c->in_bytes)
        return "a buffer to read comes after one to write";
    if (at + bytes < at)
        return "a buffer wraps around";
    while (bytes) {
        uint64_t n = PAGE_SIZE - page_offset(at);
        n = n < bytes ? n : bytes;
        void *memory = q->memory(q->ctx, at, n, write);
        if (!memory)
            return write ? "a buffer is not in memory that a device may write" : "a buffer is not in memory";
        if (!add_piece(c, memory, n, write))
            return "a request is larger than 4 MiB";
        at += n;
        bytes -= n;
    }
    return NULL;
}

/* All buffers of the chain that begins at head. NULL, or what is wrong with it. */
static const char *collect_chain(const struct virtqueue *q, unsigned head, struct virtqueue_chain *c)
{
    struct vring_desc d = { .flags = VRING_DESC_F_NEXT, .next = (uint16_t)head };

    c->nr_out = c->nr_pieces = 0;
    c->out_bytes = c->in_bytes = 0;
    for (unsigned n = 0; d.flags & VRING_DESC_F_NEXT; n++) {
        if (n == q->size)
            return "a chain of descriptors is a loop";
        if (d.next >= q->size)
            return "the index of a descriptor is outside the table";
        if (!read_descriptor(q, d.next, &d))
            return "the descriptor table is not in memory";
        if (d.flags & VRING_DESC_F_INDIRECT)
            return "a descriptor is indirect, which was not offered";

        const char *reason = add_buffer(q, c, &d);
        if (reason)
            return reason;
    }
    return NULL;
}

/* 4. The rings at work. The driver writes an entry, then idx; we read idx (acquire), then the entry. The way
 * back is the same: we write data, status and entry, then idx (release). */

static uint16_t *avail_field(const struct virtqueue *q, uint64_t offset)
{
    return q->memory(q->ctx, q->avail + offset, sizeof(uint16_t), false);
}

static bool push_used(struct virtqueue *q, unsigned head, uint32_t bytes)
{
    gpa_t at = q->used + RING_ENTRIES_OFFSET + (q->next_used % q->size) * sizeof(struct vring_used_elem);
    uint32_t *id = q->memory(q->ctx, at, sizeof(uint32_t), true);
    uint32_t *len = q->memory(q->ctx, at + sizeof(uint32_t), sizeof(uint32_t), true);
    uint16_t *idx = q->memory(q->ctx, q->used + RING_IDX_OFFSET, sizeof(uint16_t), true);

    if (!id || !len || !idx)
        return false;
    *id = head;
    *len = bytes;
    __atomic_store_n(idx, ++q->next_used, __ATOMIC_RELEASE);
    return true;
}

static int take_next_chain(struct virtqueue *q, virtqueue_take_fn *take, void *device)
{
    struct virtqueue_chain chain;
    uint32_t written;
    uint16_t *entry = avail_field(q, RING_ENTRIES_OFFSET + (q->next_avail % q->size) * sizeof(uint16_t));

    if (!entry)
        return broken(q, "the available ring is not in memory");

    uint16_t head = __atomic_load_n(entry, __ATOMIC_RELAXED);
    const char *reason = collect_chain(q, head, &chain);
    if (!reason)
        reason = take(device, &chain, &written);
    if (reason)
        return broken(q, reason);
    q->next_avail++;
    if (!push_used(q, head, written))
        return broken(q, "the used ring is not in memory that a device may write");
    return 0;
}

int virtqueue_process(struct virtqueue *q, virtqueue_take_fn *take, void *device)
{
    if (!q->ready)
        return 0;

    uint16_t *idx = avail_field(q, RING_IDX_OFFSET);
    if (!idx)
        return broken(q, "the available ring is not in memory");

    uint16_t todo = (uint16_t)(__atomic_load_n(idx, __ATOMIC_ACQUIRE) - q->next_avail);
    if (todo > q->size)
        return broken(q, "the available ring moved by more than its size");
    for (unsigned done = 0; done < todo; done++) {
        int err = take_next_chain(q, take, device);
        if (err)
            return err;
    }
    return todo;
}

bool virtqueue_wants_interrupt(const struct virtqueue *q)
{
    uint16_t *flags = q->ready ? avail_field(q, 0) : NULL;

    return flags && !(__atomic_load_n(flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT);
}
