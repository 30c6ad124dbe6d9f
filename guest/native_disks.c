/* Disks: virtio block devices. Their queues are the caller's, who polls the used rings. The first read-only
 * disk is the archive, the first writable one is swap. Virtual I/O Device (VIRTIO) 1.1, 5.2. */
#include "kernel.h"
#include "native.h"

#define FEATURE_READONLY  (1u << 5)
#define CONFIG_CAPACITY   0
#define QUEUE_OF_REQUESTS 0

static virtio_t archive, swap;
static virtio_t disks[MAX_DISKS]; /* as in boot_info */

void native_disk_found(virtio_t device)
{
    uint32_t agreed;

    if (!virtio_negotiate(device, FEATURE_READONLY, &agreed))
        return;
    bool read_only = agreed & FEATURE_READONLY;
    if (read_only && !archive)
        archive = device;
    else if (!read_only && !swap)
        swap = device;
}

static void add_disk(struct boot_info *boot, virtio_t device, bool read_only)
{
    unsigned n = boot->nr_disks++;

    disks[n] = device;
    boot->disks[n].sectors = virtio_read_config64(device, CONFIG_CAPACITY);
    boot->disks[n].read_only = read_only;
    boot->disks[n].swap = !read_only;
}

void native_disks_tell(struct boot_info *boot)
{
    if (archive)
        add_disk(boot, archive, true);
    if (swap)
        add_disk(boot, swap, false);
}

void native_disk_setup(unsigned disk, const struct pv_disk_queue *q)
{
    if (!virtio_start(disks[disk], QUEUE_OF_REQUESTS, q))
        panic("disk %u: a queue of %lu is too long", disk, q->size);
}

/* From the highest number down: swap, which a victim goes to, before the archive. */
void native_disk_notify(uint64_t mask)
{
    for (unsigned i = MAX_DISKS; i-- > 0;) {
        if (mask >> i & 1)
            virtio_notify(disks[i], QUEUE_OF_REQUESTS);
    }
}
