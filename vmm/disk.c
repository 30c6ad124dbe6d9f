/* Virtual disks at work. The jobs, in this order: requests, closing. See disk.h; disk_open.c opens them. */
#include "vmm/disk.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* 1. Requests. */

/* What a request asks for is on the disk, all of it, and not injected to fail. */
static int check_range(const struct disk *d, uint64_t sector, const struct iovec *pieces, unsigned n,
                       uint64_t *bytes)
{
    *bytes = 0;
    for (unsigned i = 0; i < n; i++)
        if (__builtin_add_overflow(*bytes, pieces[i].iov_len, bytes))
            return -EINVAL;

    uint64_t count = *bytes / SECTOR_SIZE;
    if (*bytes % SECTOR_SIZE || sector > d->sectors || count > d->sectors - sector)
        return -EINVAL;
    if (sector < d->bad_end && d->bad_first < sector + count)
        return -EIO;
    return 0;
}

/* Drop the first bytes of the pieces: they are done. */
static void advance(struct iovec **pieces, unsigned *n, size_t bytes)
{
    while (*n && bytes >= (*pieces)->iov_len) {
        bytes -= (*pieces)->iov_len;
        (*pieces)++;
        (*n)--;
    }
    if (*n) {
        (*pieces)->iov_base = (char *)(*pieces)->iov_base + bytes;
        (*pieces)->iov_len -= bytes;
    }
}

static int transfer(struct disk *d, off_t at, struct iovec *pieces, unsigned n, bool write)
{
    advance(&pieces, &n, 0);
    while (n) {
        int batch = n < IOV_MAX ? (int)n : IOV_MAX;
        ssize_t done = write ? pwritev(d->fd, pieces, batch, at) : preadv(d->fd, pieces, batch, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO; /* 0: the file has shrunk */
        at += done;
        advance(&pieces, &n, (size_t)done);
    }
    return 0;
}

int disk_read(struct disk *d, uint64_t sector, struct iovec *pieces, unsigned n)
{
    uint64_t bytes;
    int err = check_range(d, sector, pieces, n, &bytes);

    if (!err)
        err = transfer(d, (off_t)(sector * SECTOR_SIZE), pieces, n, false);
    d->stats.reads++;
    if (err)
        d->stats.errors++;
    else
        d->stats.bytes_read += bytes;
    return err;
}

int disk_write(struct disk *d, uint64_t sector, struct iovec *pieces, unsigned n)
{
    uint64_t bytes;
    int err = d->read_only ? -EROFS : check_range(d, sector, pieces, n, &bytes);

    if (!err)
        err = transfer(d, (off_t)(sector * SECTOR_SIZE), pieces, n, true);
    d->stats.writes++;
    if (err)
        d->stats.errors++;
    else
        d->stats.bytes_written += bytes;
    return err;
}

int disk_flush(struct disk *d)
{
    return !d->read_only && fdatasync(d->fd) ? -errno : 0;
}

const char *disk_serial(const struct disk *d)
{
    return d->swap ? "faultvisor-swap" : "faultvisor-archive";
}

/* 2. Closing. The lock and a private file go with the descriptor. */
void disk_close(struct disk *d)
{
    if (d->fd >= 0)
        close(d->fd);
    free(d->name);
    *d = (struct disk){ .fd = -1 };
}
