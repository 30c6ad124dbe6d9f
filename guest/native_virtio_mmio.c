/* Virtio devices, at the places where QEMU's microvm machine has them. The jobs, in this order: registers,
 * features, queues, which devices there are. See native_virtio.h. */
#include "kernel.h"
#include "native.h"
#include "native_virtio.h"

#define PLACES_START 0xfeb00000ull
#define PLACE_BYTES  0x200
#define NR_PLACES    24

#define REG_MAGIC           0x000
#define REG_VERSION         0x004
#define REG_DEVICE_ID       0x008
#define REG_DEVICE_FEATURES 0x010
#define REG_FEATURES_SELECT 0x014
#define REG_DRIVER_FEATURES 0x020
#define REG_DRIVER_SELECT   0x024
#define REG_QUEUE_SELECT    0x030
#define REG_QUEUE_MAX       0x034
#define REG_QUEUE_SIZE      0x038
#define REG_QUEUE_READY     0x044
#define REG_QUEUE_NOTIFY    0x050
#define REG_STATUS          0x070
#define REG_QUEUE_DESC      0x080 /* each of these three: low half, then high half */
#define REG_QUEUE_AVAIL     0x090
#define REG_QUEUE_USED      0x0a0
#define REG_GENERATION      0x0fc

#define MAGIC             0x74726976
#define VERSION_MODERN    2
#define DEVICE_ID_BLOCK   2
#define DEVICE_ID_CONSOLE 3
#define FEATURE_MODERN    (1u << 0) /* VIRTIO_F_VERSION_1, in features 32 to 63 */

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

/* 1. */

uint32_t virtio_read(virtio_t device, unsigned offset)
{
    return device[offset / 4];
}

static void write_register(virtio_t device, unsigned offset, uint32_t value)
{
    device[offset / 4] = value;
}

static void write_register64(virtio_t device, unsigned offset, uint64_t value)
{
    write_register(device, offset, (uint32_t)value);
    write_register(device, offset + 4, (uint32_t)(value >> 32));
}

uint64_t virtio_read_config64(virtio_t device, unsigned offset)
{
    unsigned at = VIRTIO_CONFIG_AT + offset;
    uint32_t generation;
    uint64_t value;

    do {
        generation = virtio_read(device, REG_GENERATION);
        value = virtio_read(device, at) | (uint64_t)virtio_read(device, at + 4) << 32;
    } while (virtio_read(device, REG_GENERATION) != generation);
    return value;
}

/* 2. */

bool virtio_negotiate(virtio_t device, uint32_t wanted, uint32_t *agreed)
{
    write_register(device, REG_STATUS, 0);
    write_register(device, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    write_register(device, REG_FEATURES_SELECT, 0);
    *agreed = virtio_read(device, REG_DEVICE_FEATURES) & wanted;
    write_register(device, REG_DRIVER_SELECT, 0);
    write_register(device, REG_DRIVER_FEATURES, *agreed);
    write_register(device, REG_DRIVER_SELECT, 1);
    write_register(device, REG_DRIVER_FEATURES, FEATURE_MODERN);
    write_register(device, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return virtio_read(device, REG_STATUS) & STATUS_FEATURES_OK;
}

/* 3. */

bool virtio_start(virtio_t device, unsigned number, const struct pv_disk_queue *q)
{
    write_register(device, REG_QUEUE_SELECT, number);
    if (q->size > virtio_read(device, REG_QUEUE_MAX))
        return false;
    write_register(device, REG_QUEUE_SIZE, (uint32_t)q->size);
    write_register64(device, REG_QUEUE_DESC, q->desc);
    write_register64(device, REG_QUEUE_AVAIL, q->avail);
    write_register64(device, REG_QUEUE_USED, q->used);
    write_register(device, REG_QUEUE_READY, 1);
    write_register(device, REG_STATUS,
                   STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
    return true;
}

void virtio_notify(virtio_t device, unsigned number)
{
    write_register(device, REG_QUEUE_NOTIFY, number);
}

/* 4. */

/* 0 where there is no modern device. */
static uint32_t device_id(virtio_t device)
{
    if (virtio_read(device, REG_MAGIC) != MAGIC || virtio_read(device, REG_VERSION) != VERSION_MODERN)
        return 0;
    return virtio_read(device, REG_DEVICE_ID);
}

void native_virtio_probe(struct boot_info *boot)
{
    volatile char *places = native_map_device(PLACES_START, page_round_up(NR_PLACES * PLACE_BYTES));

    for (unsigned i = 0; i < NR_PLACES; i++) {
        virtio_t device = (virtio_t)(places + i * PLACE_BYTES);
        uint32_t id = device_id(device);

        if (id == DEVICE_ID_BLOCK)
            native_disk_found(device);
        else if (id == DEVICE_ID_CONSOLE)
            native_console_found(device);
    }
    native_disks_tell(boot);
}
