/* What the native drivers of virtio devices share: the registers of a device behind virtio-mmio. Virtual I/O
 * Device (VIRTIO) 1.1, 4.2. Nobody waits for interrupts: who notifies a queue polls its used ring. */
#pragma once
#include "platform.h"

typedef volatile uint32_t *virtio_t; /* a device: its registers */

#define VIRTIO_CONFIG_AT 0x100 /* the configuration of its kind */

uint32_t virtio_read(virtio_t device, unsigned offset);
/* 64 bits of the configuration, as they are at one moment. */
uint64_t virtio_read_config64(virtio_t device, unsigned offset);

/* Reset, and agree on those of the features wanted (0 to 31) that the device offers, and on being a modern
 * device. *agreed are the former. False if the device does not want to. */
bool virtio_negotiate(virtio_t device, uint32_t wanted, uint32_t *agreed);

/* Set up the queue of that number, the only one that the driver uses, and begin. False: the device has no
 * queue of that size. */
bool virtio_start(virtio_t device, unsigned number, const struct pv_disk_queue *q);
void virtio_notify(virtio_t device, unsigned number);
