/* A virtio block device, with a struct disk behind it. Virtio 1.2, 5.2; <linux/virtio_blk.h>. One queue; what
 * it carries is in block_request.h. */
#pragma once
#include "vmm/device_virtio_mmio.h"

extern const struct virtio_kind virtio_block; /* device: struct disk */
