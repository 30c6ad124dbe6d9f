/* Virtqueues of the disks. A queue's frame holds all that the disk reads and writes but the data itself:
 *
 *   0                1024            1280            2048             3072
 *   | descriptors    | available     | used          | headers        | status bytes
 *
 * Request slot i owns descriptors 3i to 3i+2 (header, data, status), header i and status byte i. */
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include "blk.h"
#include "frames.h"
#include "kernel.h"

#define QUEUE_SIZE 64
#define AVAIL_AT   1024
#define USED_AT    1280
#define HEADERS_AT 2048
#define STATUS_AT  3072

_Static_assert(QUEUE_SIZE / 3 == BLK_BATCH, "three descriptors a request");
_Static_assert(AVAIL_AT + 2 * (3 + QUEUE_SIZE) <= USED_AT && USED_AT + 6 + 8 * QUEUE_SIZE <= HEADERS_AT,
               "layout");

/* How long a disk may take. The clock may stand still while the kernel runs, hence the second bound. */
#define ANSWER_NS    (10ull * 1000 * 1000 * 1000)
#define ANSWER_SPINS (200u * 1000 * 1000)

static struct queue {
    char *page; /* NULL: no such disk */
    uint64_t sectors;
    bool read_only, dead;
    uint16_t added;   /* requests ever made available, as the ring counts */
    uint16_t taken;   /* used entries ever seen */
    unsigned waiting; /* slots in use */
    struct blk_request *requests[BLK_BATCH];
} queues[MAX_DISKS];

static struct vring_desc *descriptors(const struct queue *q)
{
    return (struct vring_desc *)q->page;
}

static struct vring_avail *available(const struct queue *q)
{
    return (struct vring_avail *)(q->page + AVAIL_AT);
}

static struct vring_used *used(const struct queue *q)
{
    return (struct vring_used *)(q->page + USED_AT);
}

void blk_init(const struct boot_info *boot)
{
    memset(queues, 0, sizeof queues);
    for (unsigned i = 0; i < boot->nr_disks && i < MAX_DISKS; i++) {
        pfn_t f = frames_take(FRAME_KERNEL);
        kassert(pfn_is_valid(f));
        frame_zero(f);
        struct queue *q = &queues[i];
        q->page = pfn_to_virt(f);
        q->sectors = boot->disks[i].sectors;
        q->read_only = boot->disks[i].read_only;
        available(q)->flags = VRING_AVAIL_F_NO_INTERRUPT;
        gpa_t at = pfn_to_gpa(f);
        struct pv_disk_queue where = {
            .size = QUEUE_SIZE, .desc = at, .avail = at + AVAIL_AT, .used = at + USED_AT
        };
        platform->disk_setup(i, &where);
    }
}

bool blk_is_alive(unsigned disk)
{
    return disk < MAX_DISKS && queues[disk].page && !queues[disk].dead;
}

static bool is_possible(const struct blk_request *r)
{
    if (!blk_is_alive(r->disk))
        return false;
    const struct queue *q = &queues[r->disk];
    uint64_t sectors = r->bytes / 512;
    return q->waiting < BLK_BATCH && !(r->write && q->read_only) && r->bytes && r->bytes % 512 == 0 &&
           sectors <= q->sectors && r->sector <= q->sectors - sectors;
}

void blk_submit(struct blk_request *r)
{
    r->result = BLK_FAILED;
    if (!is_possible(r))
        return;
    struct queue *q = &queues[r->disk];
    unsigned slot = q->waiting++, d = slot * 3;
    struct virtio_blk_outhdr *header = (struct virtio_blk_outhdr *)(q->page + HEADERS_AT) + slot;
    uint8_t *status = (uint8_t *)q->page + STATUS_AT + slot;

    *header = (struct virtio_blk_outhdr){ .type = r->write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
                                          .sector = r->sector };
    *status = VIRTIO_BLK_S_IOERR; /* unless the disk says otherwise */
    struct vring_desc *desc = descriptors(q);
    desc[d] =
        (struct vring_desc){ virt_to_gpa(header), sizeof *header, VRING_DESC_F_NEXT, (uint16_t)(d + 1) };
    desc[d + 1] = (struct vring_desc){ virt_to_gpa(r->data), r->bytes,
                                       (uint16_t)(VRING_DESC_F_NEXT | (r->write ? 0 : VRING_DESC_F_WRITE)),
                                       (uint16_t)(d + 2) };
    desc[d + 2] = (struct vring_desc){ virt_to_gpa(status), 1, VRING_DESC_F_WRITE, 0 };

    available(q)->ring[q->added++ % QUEUE_SIZE] = (uint16_t)d;
    __atomic_store_n(&available(q)->idx, q->added, __ATOMIC_RELEASE);
    q->requests[slot] = r;
    r->result = BLK_LOST; /* until the disk answers */
}

/* Take what the disk has answered; false once it is clear that it talks nonsense. */
static bool collect(struct queue *q, unsigned *answered)
{
    while (q->taken != __atomic_load_n(&used(q)->idx, __ATOMIC_ACQUIRE)) {
        uint32_t id = used(q)->ring[q->taken % QUEUE_SIZE].id;
        unsigned slot = id / 3;
        if (id % 3 || slot >= q->waiting || q->requests[slot]->result != BLK_LOST)
            return false;
        uint8_t status = ((volatile uint8_t *)q->page)[STATUS_AT + slot];
        q->requests[slot]->result = status == VIRTIO_BLK_S_OK ? BLK_DONE : BLK_FAILED;
        q->taken++;
        ++*answered;
    }
    return true;
}

static void wait(struct queue *q, unsigned disk)
{
    unsigned answered = 0;
    uint64_t start = platform->clock_ns();
    bool sane = collect(q, &answered);
    for (unsigned spins = 0; sane && answered < q->waiting && spins < ANSWER_SPINS; spins++) {
        if (spins % 1024 == 0 && platform->clock_ns() - start > ANSWER_NS)
            break;
        __builtin_ia32_pause();
        sane = collect(q, &answered);
    }
    if (answered < q->waiting) {
        q->dead = true;
        kprintf("disk %u: %s; it is not used any more\n", disk, sane ? "no answer" : "a senseless answer");
    }
    q->waiting = 0;
}

void blk_run(void)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < MAX_DISKS; i++)
        if (queues[i].waiting)
            mask |= 1ull << i;
    if (!mask)
        return;
    platform->disk_notify(mask);
    for (unsigned i = 0; i < MAX_DISKS; i++)
        if (queues[i].waiting)
            wait(&queues[i], i);
}

uint64_t blk_sectors(unsigned disk)
{
    return disk < MAX_DISKS ? queues[disk].sectors : 0;
}
