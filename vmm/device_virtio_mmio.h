/* A virtio block device behind memory-mapped registers, version 2. Virtio 1.2, 4.2 (MMIO), 3.1
 * (initialization), 5.2 (block device); <linux/virtio_mmio.h>. One queue, worked off inside the access that
 * notifies it. */
#pragma once
#include "vmm/virtqueue.h"

#define VIRTIO_MMIO_BYTES 0x200

struct virtio_mmio {
    struct disk *disk; /* NULL: a place without a device, whose device number is 0 */
    struct virtqueue queue;

    /* private */
    uint32_t status;
    uint32_t interrupt_status;
    uint32_t device_features_select, driver_features_select;
    uint64_t driver_features;
    uint32_t queue_select;
    uint32_t queue_size;
    uint64_t queue_desc, queue_avail, queue_used;
};

/* disk is borrowed. memory and ctx as in virtqueue.h. */
void virtio_mmio_init(struct virtio_mmio *v, struct disk *disk, guest_memory_fn *memory, void *ctx);

/* An access at offset from the device's start; *value is read or filled. An access that the standard does not
 * allow (registers below 0x100: 32 bits and aligned; above: aligned) reads as zero, or is ignored. False:
 * some of it is beyond the device. */
bool virtio_mmio_access(struct virtio_mmio *v, uint64_t offset, bool is_write, unsigned size,
                        uint64_t *value);

/* Is the interrupt line up? */
bool virtio_mmio_interrupt(const struct virtio_mmio *v);
