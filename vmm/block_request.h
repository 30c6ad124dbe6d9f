/* Requests to a virtio block device: what is done with the memory that a chain names. Virtio 1.2, 5.2.6;
 * <linux/virtio_blk.h>. The driver may cut header, data and status into descriptors as it likes (2.7.4.1). */
#pragma once
#include "vmm/disk.h"
#include "vmm/virtqueue.h"

/* Do all requests that are available, in order: virtqueue_process for a disk, which counts it as a
 * notification. What a disk cannot do is told in the request's own status, and is no error here; a chain that
 * has no room for header and status breaks the queue. After a signal that stops the run (clock.h) they fail, unread and unwritten. */
int block_requests_process(struct virtqueue *q, struct disk *disk);
