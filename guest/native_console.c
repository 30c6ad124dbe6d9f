/* The console: virtio consoles where there are any, 16550s before they are found and for streams that have
 * none. In the order of their places the first is for what programs print, the second for their errors, the
 * third for the kernel's log. What is sent goes out of the caller's memory, however much it is, with one
 * notification; it is waited for. Virtual I/O Device (VIRTIO) 1.1, 5.3. */
#include <linux/virtio_ring.h>
#include "image.h"
#include "kernel.h"
#include "native.h"

#define NR_STREAMS     3
#define QUEUE_TRANSMIT 1

/* How long a console may take. The clock may stand still while the kernel runs, hence the second bound. */
#define ANSWER_NS    (10ull * 1000 * 1000 * 1000)
#define ANSWER_SPINS (200u * 1000 * 1000)

/* A queue of one descriptor. */
struct console_queue {
    struct vring_desc desc;
    struct {
        uint16_t flags, idx, ring[1];
    } avail;
    struct {
        _Alignas(VRING_USED_ALIGN_SIZE) uint16_t flags;
        uint16_t idx;
        struct vring_used_elem ring[1];
    } used;
};

static struct console {
    virtio_t device; /* NULL: not there, or it does not answer */
    uint16_t sent;   /* as its ring counts */
    _Alignas(VRING_DESC_ALIGN_SIZE) struct console_queue queue;
} consoles[NR_STREAMS];

void native_console_found(virtio_t device)
{
    static unsigned nr_found;
    struct console_queue *q = &consoles[nr_found].queue;
    struct pv_disk_queue where;
    uint32_t agreed;

    if (nr_found == NR_STREAMS || !virtio_negotiate(device, 0, &agreed))
        return;
    q->avail.flags = VRING_AVAIL_F_NO_INTERRUPT;
    where = (struct pv_disk_queue){ .size = 1,
                                    .desc = image_to_gpa(&q->desc),
                                    .avail = image_to_gpa(&q->avail),
                                    .used = image_to_gpa(&q->used) };
    if (virtio_start(device, QUEUE_TRANSMIT, &where))
        consoles[nr_found++].device = device;
}

static bool answers(struct console *c)
{
    uint64_t start = 0;

    for (unsigned spins = 0; __atomic_load_n(&c->queue.used.idx, __ATOMIC_ACQUIRE) != c->sent; spins++) {
        if (spins == 0)
            start = native_clock_ns();
        if (spins == ANSWER_SPINS || (spins % 1024 == 1023 && native_clock_ns() - start > ANSWER_NS))
            return false;
        __builtin_ia32_pause();
    }
    return true;
}

static gpa_t kernel_gpa(const void *p)
{
    return (gva_t)p >= KERNEL_BASE ? image_to_gpa(p) : virt_to_gpa(p);
}

static bool console_send(struct console *c, const void *data, uint32_t bytes)
{
    c->queue.desc = (struct vring_desc){ .addr = kernel_gpa(data), .len = bytes };
    __atomic_store_n(&c->queue.avail.idx, ++c->sent, __ATOMIC_RELEASE);
    virtio_notify(c->device, QUEUE_TRANSMIT);
    return answers(c);
}

/* What a console did not take, it may have sent all the same: better twice than never. */
void native_console_write(enum pv_console_stream stream, const void *data, uint64_t bytes)
{
    unsigned n = stream == PV_CONSOLE_OUT ? 0 : stream == PV_CONSOLE_ERR ? 1 : 2;
    struct console *c = &consoles[n];

    if (c->device && console_send(c, data, (uint32_t)bytes))
        return;
    c->device = NULL;
    native_uart_write(stream, data, bytes);
}
