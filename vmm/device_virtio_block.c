/* The block device, as device_virtio_mmio.c asks for it. */
#include "vmm/device_virtio_block.h"
#include "vmm/block_request.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <string.h>

static uint64_t features(const void *device)
{
    const struct disk *disk = device;

    return 1ull << VIRTIO_BLK_F_FLUSH | (disk->read_only ? 1ull << VIRTIO_BLK_F_RO : 0);
}

/* Fields of features that were not offered are zero. */
static uint64_t read_config(const void *device, uint64_t offset, unsigned size)
{
    const struct disk *disk = device;
    struct virtio_blk_config config = { .capacity = disk->sectors };
    uint64_t value = 0;

    if (offset <= sizeof(config) && size <= sizeof(config) - offset)
        memcpy(&value, (const char *)&config + offset, size);
    return value;
}

static int process(void *device, unsigned number, struct virtqueue *q)
{
    (void)number;
    return block_requests_process(q, device);
}

const struct virtio_kind virtio_block = {
    .id = VIRTIO_ID_BLOCK,
    .nr_queues = 1,
    .features = features,
    .read_config = read_config,
    .process = process,
};
