/* A virtio console without any feature: one port, whose other end is the host's console. What is sent arrives
 * at once; nothing is ever received, though a driver may offer buffers for it. Virtio 1.2, 5.3;
 * <linux/virtio_console.h>. */
#pragma once
#include "vmm/device_virtio_mmio.h"

#define VIRTIO_CONSOLE_RECEIVE  0 /* queues */
#define VIRTIO_CONSOLE_TRANSMIT 1

/* Bytes were sent. A buffer comes in pieces of a page at most. */
typedef void virtio_console_output_fn(void *ctx, const void *data, uint64_t bytes);

struct virtio_console {
    virtio_console_output_fn *output;
    void *ctx;
};

extern const struct virtio_kind virtio_console; /* device: struct virtio_console */
