/* Virtual disks, backed by files: the archive, which is only read, and swap. Sectors are 512 bytes.
 *
 * The host's problems while opening are told by fail(). Later ones are counted, and told to the guest by the
 * request's status; nothing is printed, for a guest could ask for bad sectors forever. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define SECTOR_SHIFT 9
#define SECTOR_SIZE  512ull

/* What was asked of a disk since it was opened. */
struct disk_stats {
    uint64_t reads, writes; /* requests, also those that failed */
    uint64_t bytes_read, bytes_written;
    uint64_t errors;   /* requests that failed */
    uint64_t notifies; /* counted by who takes the rings: block_requests_process */
};

struct disk {
    uint64_t sectors;
    bool read_only;
    bool swap;
    char *name; /* for messages */
    int fd;
    uint64_t bad_first, bad_end; /* sectors [first, end) fail with EIO */
    struct disk_stats stats;
};

/* An archive: a regular file or block device, of whole sectors, at least one. Another run may read it, none
 * may swap to it. 0: to be given back with disk_close. Negative errno: the reason was told. */
int disk_open_archive(struct disk *d, const char *path);

/* Swap. argument is a size as size_parse reads it: then a private file without a name, in $TMPDIR or /tmp, or
 * in memory if that directory cannot hold such a file; or else the path of an existing regular file, whose
 * content is lost, and which no other run may use meanwhile. Sizes are multiples of 4096, not zero. (A file
 * named like a size: ./64M.) */
int disk_open_swap(struct disk *d, const char *argument);

/* Read a range of sectors, "FIRST-LAST" or one sector "FIRST". False: it is none. */
bool disk_parse_sectors(const char *range, uint64_t *first, uint64_t *last);

/* Make requests fail with EIO as a worn disk does. range: as above. 0, or -EINVAL
 * and the reason was told. */
int disk_inject_errors(struct disk *d, const char *range);

/* One request: from sector on, to or from n pieces of host memory. bytes is their sum, a multiple of 512.
 * pieces is used up (changed). 0; -EINVAL: not whole sectors, or not all on the disk; -EROFS; -EIO; or what
 * the host's file says. After an error some of the data may have been transferred. */
int disk_read(struct disk *d, uint64_t sector, struct iovec *pieces, unsigned n);
int disk_write(struct disk *d, uint64_t sector, struct iovec *pieces, unsigned n);

/* What was written is on the host's storage. */
int disk_flush(struct disk *d);

/* A short name that tells the guest which disk it is; at most 20 characters. */
const char *disk_serial(const struct disk *d);

/* Does nothing to one that is closed. One that never was opened: all zero, but fd -1. */
void disk_close(struct disk *d);
