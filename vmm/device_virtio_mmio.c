/* The registers of a virtio block device. The jobs, in this order: features and status, the queue, registers
 * to read, registers to write, accesses. See device_virtio_mmio.h. */
#include "vmm/device_virtio_mmio.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#define MAGIC         0x74726976 /* "virt" */
#define VERSION       2
#define VENDOR        0x75614676  /* "vFau" */
#define NO_SHARED_MEM 0xffffffffu /* length and place of a region that there is not */

#define DRIVER_STATUS                                                                                        \
    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |                    \
     VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED)

/* 1. Features and status. */

static void reset(struct virtio_mmio *v)
{
    struct virtio_mmio fresh = { .disk = v->disk };

    virtqueue_init(&fresh.queue, v->queue.memory, v->queue.ctx);
    *v = fresh;
}

void virtio_mmio_init(struct virtio_mmio *v, struct disk *disk, guest_memory_fn *memory, void *ctx)
{
    *v = (struct virtio_mmio){ .disk = disk };
    virtqueue_init(&v->queue, memory, ctx);
}

static uint64_t device_features(const struct virtio_mmio *v)
{
    return 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_BLK_F_FLUSH |
           (v->disk && v->disk->read_only ? 1ull << VIRTIO_BLK_F_RO : 0);
}

static uint32_t half(uint64_t value, uint32_t select)
{
    return select == 0 ? (uint32_t)value : select == 1 ? (uint32_t)(value >> 32) : 0;
}

static void set_half(uint64_t *value, unsigned which, uint32_t to)
{
    unsigned shift = 32 * which;

    *value = (*value & ~(0xffffffffull << shift)) | (uint64_t)to << shift;
}

static bool features_are_acceptable(const struct virtio_mmio *v)
{
    return !(v->driver_features & ~device_features(v)) && v->driver_features & 1ull << VIRTIO_F_VERSION_1;
}

/* Once agreed on, features stay until a reset. */
static void write_driver_features(struct virtio_mmio *v, uint32_t value)
{
    if (v->driver_features_select < 2 && !(v->status & VIRTIO_CONFIG_S_FEATURES_OK))
        set_half(&v->driver_features, v->driver_features_select, value);
}

/* Zero resets. Other bits stay once they are set; FEATURES_OK is refused by not being there when it is read
 * back. */
static void write_status(struct virtio_mmio *v, uint32_t value)
{
    if (value == 0) {
        reset(v);
        return;
    }
    value &= DRIVER_STATUS;
    if (value & VIRTIO_CONFIG_S_FEATURES_OK && !features_are_acceptable(v))
        value &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
    v->status |= value;
}

/* Nothing works any more until the driver resets us. */
static void ask_for_reset(struct virtio_mmio *v)
{
    v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    if (v->status & VIRTIO_CONFIG_S_DRIVER_OK)
        v->interrupt_status |= VIRTIO_MMIO_INT_CONFIG;
}

/* 2. The queue. */

static void write_queue_ready(struct virtio_mmio *v, uint32_t value)
{
    if (!(value & 1))
        virtqueue_init(&v->queue, v->queue.memory, v->queue.ctx);
    else if (!v->queue.ready &&
             virtqueue_setup(&v->queue, v->queue_size, v->queue_desc, v->queue_avail, v->queue_used))
        ask_for_reset(v);
}

/* Before DRIVER_OK no buffer may be taken. */
static void notify(struct virtio_mmio *v, uint32_t queue)
{
    const uint32_t live = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;

    if (queue != 0 || (v->status & live) != live || v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
        return;

    int done = virtqueue_process(&v->queue, v->disk);
    if (done < 0)
        ask_for_reset(v);
    else if (done > 0 && virtqueue_wants_interrupt(&v->queue))
        v->interrupt_status |= VIRTIO_MMIO_INT_VRING;
}

/* Of queue 0, the only one, while it is at rest. */
static void write_queue_register(struct virtio_mmio *v, unsigned offset, uint32_t value)
{
    if (v->queue_select != 0)
        return;
    if (offset == VIRTIO_MMIO_QUEUE_READY) {
        write_queue_ready(v, value);
        return;
    }
    if (v->queue.ready)
        return;
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
        v->queue_size = value;
        break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        set_half(&v->queue_desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
        set_half(&v->queue_avail, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
        set_half(&v->queue_used, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
        break;
    }
}

/* 3. Registers to read. What is only to be written reads as zero. */
static uint32_t read_register(const struct virtio_mmio *v, unsigned offset)
{
    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return MAGIC;
    case VIRTIO_MMIO_VERSION:
        return VERSION;
    case VIRTIO_MMIO_DEVICE_ID:
        return v->disk ? VIRTIO_ID_BLOCK : 0;
    case VIRTIO_MMIO_VENDOR_ID:
        return VENDOR;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return half(device_features(v), v->device_features_select);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return v->disk && v->queue_select == 0 ? VIRTQUEUE_MAX_SIZE : 0;
    case VIRTIO_MMIO_QUEUE_READY:
        return v->queue_select == 0 && v->queue.ready;
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return v->interrupt_status;
    case VIRTIO_MMIO_STATUS:
        return v->status;
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
        return NO_SHARED_MEM;
    }
    return 0;
}

/* 4. Registers to write. What is only to be read ignores it. */
static void write_register(struct virtio_mmio *v, unsigned offset, uint32_t value)
{
    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        v->device_features_select = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        write_driver_features(v, value);
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        v->driver_features_select = value;
        break;
    case VIRTIO_MMIO_QUEUE_SEL:
        v->queue_select = value;
        break;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
        notify(v, value);
        break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        v->interrupt_status &= ~value;
        break;
    case VIRTIO_MMIO_STATUS:
        write_status(v, value);
        break;
    default:
        write_queue_register(v, offset, value);
    }
}

/* 5. Accesses. */

/* Fields of features that were not offered are zero. Nothing there can be written. */
static uint64_t read_config(const struct virtio_mmio *v, uint64_t offset, unsigned size)
{
    struct virtio_blk_config config = { .capacity = v->disk ? v->disk->sectors : 0 };
    uint64_t value = 0;

    if (offset <= sizeof(config) && size <= sizeof(config) - offset)
        memcpy(&value, (const char *)&config + offset, size);
    return value;
}

static bool access_is_allowed(uint64_t offset, unsigned size)
{
    return offset % size == 0 && (size == 4 || offset >= VIRTIO_MMIO_CONFIG);
}

bool virtio_mmio_access(struct virtio_mmio *v, uint64_t offset, bool is_write, unsigned size, uint64_t *value)
{
    if (size == 0 || size > 8 || offset > VIRTIO_MMIO_BYTES - size)
        return false;

    bool allowed = access_is_allowed(offset, size);
    if (is_write && allowed && v->disk && offset < VIRTIO_MMIO_CONFIG)
        write_register(v, (unsigned)offset, (uint32_t)*value);
    else if (!is_write)
        *value = !allowed                      ? 0
                 : offset < VIRTIO_MMIO_CONFIG ? read_register(v, (unsigned)offset)
                                               : read_config(v, offset - VIRTIO_MMIO_CONFIG, size);
    return true;
}

bool virtio_mmio_interrupt(const struct virtio_mmio *v)
{
    return v->interrupt_status != 0;
}
