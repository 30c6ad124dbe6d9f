/* Opening virtual disks. The jobs, in this order: what a file must be, archives, swap, injected errors. See
 * disk.h. */
#include "vmm/disk.h"
#include "vmm/error.h"
#include "vmm/size.h"
#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1. What a file must be. */

/* Tell whether two runs may share the file: readers may, with readers. File systems without locks are let
 * pass. */
static int lock_file(const struct disk *d, int operation)
{
    if (flock(d->fd, operation | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return 0;
    return fail_as(EBUSY, "cannot use disk %s: %s", d->name,
                   operation == LOCK_EX ? "another disk or another run uses it" : "it is in use as swap");
}

/* The size of a regular file or block device. */
static int get_size(const struct disk *d, uint64_t *bytes)
{
    struct stat st;

    if (fstat(d->fd, &st))
        return fail(errno, "cannot examine disk %s", d->name);
    if (S_ISDIR(st.st_mode))
        return fail_as(EISDIR,
                       "cannot use disk %s: it is a directory; make an archive of it: tar --format=ustar -C "
                       "%s -cf FILE .",
                       d->name, d->name);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return fail_as(EINVAL, "cannot use disk %s: it is neither a regular file nor a block device",
                       d->name);

    off_t end = lseek(d->fd, 0, SEEK_END);
    if (end < 0)
        return fail(errno, "cannot find the size of disk %s", d->name);
    *bytes = (uint64_t)end;
    return 0;
}

static int open_failed(struct disk *d, int err)
{
    disk_close(d);
    return err;
}

/* O_NONBLOCK: a pipe in the file's place must not hang us. It does nothing to files and block devices. */
static int open_file(struct disk *d, const char *path, int flags)
{
    d->name = strdup(path);
    if (!d->name)
        return fail(ENOMEM, "cannot open disk %s", path);
    d->fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (d->fd >= 0)
        return 0;
    if (errno == ENOENT && flags == O_RDWR)
        return fail_as(ENOENT,
                    "cannot open swap file %s: there is none; make it with truncate -s SIZE %s, or give a size, like 64M",
                    path, path);
    return fail(errno, "cannot open %s %s", flags == O_RDWR ? "swap file" : "disk", path);
}

/* 2. Archives. */

static int check_archive(struct disk *d)
{
    uint64_t bytes;
    int err = get_size(d, &bytes);

    if (err)
        return err;
    if (bytes == 0)
        return fail_as(EINVAL, "cannot use disk %s: it is empty", d->name);
    if (bytes % SECTOR_SIZE)
        return fail_as(EINVAL,
                       "cannot use disk %s: its %" PRIu64
                       " bytes are not whole sectors of 512, so it is cut short, or not made "
                       "by tar --format=ustar",
                       d->name, bytes);
    d->sectors = bytes / SECTOR_SIZE;
    return lock_file(d, LOCK_SH);
}

int disk_open_archive(struct disk *d, const char *path)
{
    *d = (struct disk){ .fd = -1, .read_only = true };

    int err = open_file(d, path, O_RDONLY);
    if (!err)
        err = check_archive(d);
    return err ? open_failed(d, err) : 0;
}

/* 3. Swap. */

static int check_swap_size(const struct disk *d, uint64_t bytes)
{
    if (bytes == 0 || bytes % PAGE_SIZE)
        return fail_as(EINVAL,
                       "cannot swap to %s: its size, %" PRIu64 " bytes, is not a positive multiple of 4096",
                       d->name, bytes);
    if (bytes > INT64_MAX)
        return fail_as(EFBIG, "cannot swap to %s: no file can be that large", d->name);
    return 0;
}

static int check_swap_file(struct disk *d)
{
    struct stat st;
    uint64_t bytes;

    if (fstat(d->fd, &st))
        return fail(errno, "cannot examine swap file %s", d->name);
    if (!S_ISREG(st.st_mode))
        return fail_as(EINVAL, "cannot swap to %s: it is not a regular file", d->name);

    int err = get_size(d, &bytes);
    if (!err)
        err = check_swap_size(d, bytes);
    if (err)
        return err;
    d->sectors = bytes / SECTOR_SIZE;
    return lock_file(d, LOCK_EX);
}

static int open_swap_file(struct disk *d, const char *path)
{
    int err = open_file(d, path, O_RDWR);

    return err ? err : check_swap_file(d);
}

static int open_private_swap(struct disk *d, const char *text, uint64_t bytes)
{
    const char *directory = getenv("TMPDIR");

    d->name = strdup(text);
    if (!d->name)
        return fail(ENOMEM, "cannot make swap of %s", text);
    int err = check_swap_size(d, bytes);
    if (err)
        return err;
    d->fd = open(directory && *directory ? directory : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (d->fd < 0)
        d->fd = memfd_create("swap", MFD_CLOEXEC);
    if (d->fd < 0 || ftruncate(d->fd, (off_t)bytes))
        return fail(errno, "cannot make swap of %s", text);
    d->sectors = bytes / SECTOR_SIZE;
    return 0;
}

int disk_open_swap(struct disk *d, const char *argument)
{
    uint64_t bytes;

    *d = (struct disk){ .fd = -1, .swap = true };

    int err = size_parse(argument, &bytes);
    if (err == -ERANGE)
        return fail_as(ERANGE, "cannot make swap of %s: no file can be that large", argument);
    err = err ? open_swap_file(d, argument) : open_private_swap(d, argument, bytes);
    return err ? open_failed(d, err) : 0;
}

/* 4. Injected errors. */

static bool parse_sector(const char **text, uint64_t *sector)
{
    char *end;

    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *sector = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0;
}

bool disk_parse_sectors(const char *range, uint64_t *first, uint64_t *last)
{
    const char *p = range;

    *first = 0;
    bool good = parse_sector(&p, first);

    *last = *first;
    if (good && *p == '-') {
        p++;
        good = parse_sector(&p, last);
    }
    return good && !*p && *last >= *first;
}

int disk_inject_errors(struct disk *d, const char *range)
{
    uint64_t first, last;

    if (!disk_parse_sectors(range, &first, &last))
        return fail(0, "cannot make sectors %s fail: give them as FIRST-LAST", range);
    if (last >= d->sectors)
        return fail(0, "cannot make sectors %s fail: disk %s has only sectors 0 to %" PRIu64, range, d->name,
                    d->sectors - 1);
    d->bad_first = first;
    d->bad_end = last + 1;
    return 0;
}
