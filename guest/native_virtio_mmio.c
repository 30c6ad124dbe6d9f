/* Disks: virtio block devices behind virtio-mmio, at the places where QEMU's microvm machine has them. Their
 * queues are the caller's, who polls the used rings: no interrupts. The first read-only disk is the archive,
 * the first writable one is swap. Virtual I/O Device (VIRTIO) 1.1, 4.2 (MMIO) and 5.2 (block device). */
#include "kernel.h"
#include "native.h"

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
#define REG_CAPACITY        0x100

#define MAGIC            0x74726976
#define VERSION_MODERN   2
#define DEVICE_ID_BLOCK  2
#define FEATURE_READONLY (1u << 5) /* in features 0 to 31 */
#define FEATURE_MODERN   (1u << 0) /* VIRTIO_F_VERSION_1, in features 32 to 63 */

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

typedef volatile uint32_t *mmio_t;

static mmio_t disks[MAX_DISKS]; /* as in boot_info */

static uint32_t read_register(mmio_t device, unsigned offset)
{
    return device[offset / 4];
}

static void write_register(mmio_t device, unsigned offset, uint32_t value)
{
    device[offset / 4] = value;
}

static void write_register64(mmio_t device, unsigned offset, uint64_t value)
{
    write_register(device, offset, (uint32_t)value);
    write_register(device, offset + 4, (uint32_t)(value >> 32));
}

static bool is_block_device(mmio_t device)
{
    return read_register(device, REG_MAGIC) == MAGIC &&
           read_register(device, REG_VERSION) == VERSION_MODERN &&
           read_register(device, REG_DEVICE_ID) == DEVICE_ID_BLOCK;
}

/* Reset, and agree on features; false if the device does not. */
static bool negotiate(mmio_t device, bool *read_only)
{
    write_register(device, REG_STATUS, 0);
    write_register(device, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    write_register(device, REG_FEATURES_SELECT, 0);
    *read_only = read_register(device, REG_DEVICE_FEATURES) & FEATURE_READONLY;
    write_register(device, REG_DRIVER_SELECT, 0);
    write_register(device, REG_DRIVER_FEATURES, *read_only ? FEATURE_READONLY : 0);
    write_register(device, REG_DRIVER_SELECT, 1);
    write_register(device, REG_DRIVER_FEATURES, FEATURE_MODERN);
    write_register(device, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return read_register(device, REG_STATUS) & STATUS_FEATURES_OK;
}

static uint64_t read_capacity(mmio_t device)
{
    uint32_t generation;
    uint64_t sectors;

    do {
        generation = read_register(device, REG_GENERATION);
        sectors = read_register(device, REG_CAPACITY) | (uint64_t)read_register(device, REG_CAPACITY + 4)
                                                            << 32;
    } while (read_register(device, REG_GENERATION) != generation);
    return sectors;
}

static void add_disk(struct boot_info *boot, mmio_t device, bool read_only)
{
    unsigned n = boot->nr_disks++;

    disks[n] = device;
    boot->disks[n].sectors = read_capacity(device);
    boot->disks[n].read_only = read_only;
    boot->disks[n].swap = !read_only;
}

void native_disks_probe(struct boot_info *boot)
{
    volatile char *places = native_map_device(PLACES_START, page_round_up(NR_PLACES * PLACE_BYTES));
    mmio_t archive = NULL, swap = NULL;

    for (unsigned i = 0; i < NR_PLACES; i++) {
        mmio_t device = (mmio_t)(places + i * PLACE_BYTES);
        bool read_only;

        if (!is_block_device(device) || !negotiate(device, &read_only))
            continue;
        if (read_only && !archive)
            archive = device;
        else if (!read_only && !swap)
            swap = device;
    }
    if (archive)
        add_disk(boot, archive, true);
    if (swap)
        add_disk(boot, swap, false);
}

void native_disk_setup(unsigned disk, const struct pv_disk_queue *q)
{
    mmio_t device = disks[disk];

    write_register(device, REG_QUEUE_SELECT, 0);
    if (q->size > read_register(device, REG_QUEUE_MAX))
        panic("disk %u: a queue of %lu is too long", disk, q->size);
    write_register(device, REG_QUEUE_SIZE, (uint32_t)q->size);
    write_register64(device, REG_QUEUE_DESC, q->desc);
    write_register64(device, REG_QUEUE_AVAIL, q->avail);
    write_register64(device, REG_QUEUE_USED, q->used);
    write_register(device, REG_QUEUE_READY, 1);
    write_register(device, REG_STATUS,
                   STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

/* From the highest number down: swap, which a victim goes to, before the archive. */
void native_disk_notify(uint64_t mask)
{
    for (unsigned i = MAX_DISKS; i-- > 0;) {
        if (mask >> i & 1)
            write_register(disks[i], REG_QUEUE_NOTIFY, 0);
    }
}
