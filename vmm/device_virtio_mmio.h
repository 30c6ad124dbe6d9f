/* A virtio device behind memory-mapped registers, version 2. Virtio 1.2, 4.2 (MMIO), 3.1 (initialization);
 * <linux/virtio_mmio.h>. What kind of device it is, a small table says; its queues are worked off inside the
 * access that notifies them. */
#pragma once
#include "vmm/virtqueue.h"

#define VIRTIO_MMIO_BYTES      0x200
#define VIRTIO_MMIO_MAX_QUEUES 2

/* The device is the void * of virtio_mmio_init. */
struct virtio_kind {
    uint32_t id; /* VIRTIO_ID_* */
    unsigned nr_queues;
    /* Features besides VIRTIO_F_VERSION_1; NULL: none. */
    uint64_t (*features)(const void *device);
    /* size bytes, up to 8, of the configuration, from offset on; beyond it is zero. NULL: all of it is. */
    uint64_t (*read_config)(const void *device, uint64_t offset, unsigned size);
    /* The queue of that number was notified; returns what virtqueue_process does. */
    int (*process)(void *device, unsigned number, struct virtqueue *q);
};

/* One queue, and where the driver says it will lie. */
struct virtio_mmio_queue {
    struct virtqueue ring;
    uint32_t size;
    uint64_t desc, avail, used;
};

struct virtio_mmio {
    const struct virtio_kind *kind; /* NULL: a place without a device, whose device number is 0 */
    void *device;
    struct virtio_mmio_queue queues[VIRTIO_MMIO_MAX_QUEUES];

    /* private */
    uint32_t status;
    uint32_t interrupt_status;
    uint32_t device_features_select, driver_features_select;
    uint64_t driver_features;
    uint32_t queue_select;
};

/* kind and device are borrowed. memory and ctx as in virtqueue.h. */
void virtio_mmio_init(struct virtio_mmio *v, const struct virtio_kind *kind, void *device,
                      guest_memory_fn *memory, void *ctx);

/* An access at offset from the device's start; *value is read or filled. An access that the standard does not
 * allow (registers below 0x100: 32 bits and aligned; above: aligned) reads as zero, or is ignored. False:
 * some of it is beyond the device. */
bool virtio_mmio_access(struct virtio_mmio *v, uint64_t offset, bool is_write, unsigned size,
                        uint64_t *value);

/* Is the interrupt line up? */
bool virtio_mmio_interrupt(const struct virtio_mmio *v);
