/* The console, as device_virtio_mmio.c asks for it. */
#include "vmm/device_virtio_console.h"

#include <linux/virtio_ids.h>
#include <stddef.h>

static const char *transmit(void *device, struct virtqueue_chain *chain, uint32_t *written)
{
    const struct virtio_console *console = device;

    if (chain->nr_pieces > chain->nr_out)
        return "a buffer to be sent is one for the device to write";
    for (unsigned i = 0; i < chain->nr_out; i++)
        console->output(console->ctx, chain->pieces[i].iov_base, chain->pieces[i].iov_len);
    *written = 0;
    return NULL;
}

/* Buffers to receive in stay available for ever. */
static int process(void *device, unsigned number, struct virtqueue *q)
{
    return number == VIRTIO_CONSOLE_TRANSMIT ? virtqueue_process(q, transmit, device) : 0;
}

const struct virtio_kind virtio_console = {
    .id = VIRTIO_ID_CONSOLE,
    .nr_queues = 2,
    .process = process,
};
