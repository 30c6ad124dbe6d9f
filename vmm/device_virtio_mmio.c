/* The registers of a virtio device. The jobs, in this order: features and status, queues, registers to read,
 * registers to write, accesses. See device_virtio_mmio.h. */
#include "vmm/device_virtio_mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stddef.h>

#define MAGIC         0x74726976 /* "virt" */
#define VERSION       2
#define VENDOR        0x75614676  /* "vFau" */
#define NO_SHARED_MEM 0xffffffffu /* length and place of a region that there is not */

#define DRIVER_STATUS                                                                                        \
    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |                    \
     VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED)

/* 1. Features and status. */

void virtio_mmio_init(struct virtio_mmio *v, const struct virtio_kind *kind, void *device,
                      guest_memory_fn *memory, void *ctx)
{
    *v = (struct virtio_mmio){ .kind = kind, .device = device };
    for (unsigned i = 0; i < VIRTIO_MMIO_MAX_QUEUES; i++)
        virtqueue_init(&v->queues[i].ring, memory, ctx);
}

static void reset(struct virtio_mmio *v)
{
    const struct virtqueue any = v->queues[0].ring;

    virtio_mmio_init(v, v->kind, v->device, any.memory, any.ctx);
}

static uint64_t device_features(const struct virtio_mmio *v)
{
    return 1ull << VIRTIO_F_VERSION_1 | (v->kind && v->kind->features ? v->kind->features(v->device) : 0);
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

/* 2. Queues. */

/* NULL: the device has no queue of that number. */
static struct virtio_mmio_queue *queue_at(struct virtio_mmio *v, uint32_t number)
{
    return v->kind && number < v->kind->nr_queues ? &v->queues[number] : NULL;
}

static void write_queue_ready(struct virtio_mmio *v, struct virtio_mmio_queue *q, uint32_t value)
{
    if (!(value & 1))
        virtqueue_init(&q->ring, q->ring.memory, q->ring.ctx);
    else if (!q->ring.ready && virtqueue_setup(&q->ring, q->size, q->desc, q->avail, q->used))
        ask_for_reset(v);
}

/* Before DRIVER_OK no buffer may be taken. */
static void notify(struct virtio_mmio *v, uint32_t number)
{
    const uint32_t live = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
    struct virtio_mmio_queue *q = queue_at(v, number);

    if (!q || (v->status & live) != live || v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
        return;

    int done = v->kind->process(v->device, number, &q->ring);
    if (done < 0)
        ask_for_reset(v);
    else if (done > 0 && virtqueue_wants_interrupt(&q->ring))
        v->interrupt_status |= VIRTIO_MMIO_INT_VRING;
}

/* Of the queue that is selected, while it is at rest. */
static void write_queue_register(struct virtio_mmio *v, unsigned offset, uint32_t value)
{
    struct virtio_mmio_queue *q = queue_at(v, v->queue_select);

    if (!q)
        return;
    if (offset == VIRTIO_MMIO_QUEUE_READY) {
        write_queue_ready(v, q, value);
        return;
    }
    if (q->ring.ready)
        return;
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
        q->size = value;
        break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        set_half(&q->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
        set_half(&q->avail, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
        set_half(&q->used, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
        break;
    }
}

/* 3. Registers to read. What is only to be written reads as zero. */
static uint32_t read_register(struct virtio_mmio *v, unsigned offset)
{
    const struct virtio_mmio_queue *q = queue_at(v, v->queue_select);

    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return MAGIC;
    case VIRTIO_MMIO_VERSION:
        return VERSION;
    case VIRTIO_MMIO_DEVICE_ID:
        return v->kind ? v->kind->id : 0;
    case VIRTIO_MMIO_VENDOR_ID:
        return VENDOR;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return half(device_features(v), v->device_features_select);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return q ? VIRTQUEUE_MAX_SIZE : 0;
    case VIRTIO_MMIO_QUEUE_READY:
        return q && q->ring.ready;
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

/* Nothing there can be written. */
static uint64_t read_config(const struct virtio_mmio *v, uint64_t offset, unsigned size)
{
    return v->kind && v->kind->read_config ? v->kind->read_config(v->device, offset, size) : 0;
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
    if (is_write && allowed && v->kind && offset < VIRTIO_MMIO_CONFIG)
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
