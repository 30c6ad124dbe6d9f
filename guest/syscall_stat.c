/* stat and its kin: what is known of a file, as Linux tells it. */
#include <asm/stat.h>
#include <linux/fcntl.h>
#include "file_mode.h"
#include "kernel.h"
#include "syscall.h"

#define BLOCK_BYTES  512
#define CONSOLE_MODE (MODE_PIPE | 0600) /* what a program sees whose output goes into a pipe */

static struct stat stat_of_file(const struct file *f)
{
    const char *target = archive_link(f);
    uint64_t bytes = target ? strlen(target) : f->size_bytes;
    return (struct stat){
        .st_dev = 1,
        .st_ino = f->inode,
        .st_nlink = 1,
        .st_mode = f->mode,
        .st_size = (int64_t)bytes,
        .st_blksize = PAGE_SIZE,
        .st_blocks = (int64_t)((bytes + BLOCK_BYTES - 1) / BLOCK_BYTES),
        .st_atime = f->mtime_s,
        .st_mtime = f->mtime_s,
        .st_ctime = f->mtime_s,
    };
}

static int64_t write_stat(struct process *p, gva_t to, const struct stat *s)
{
    return space_write(p->space, to, s, sizeof *s) < 0 ? -EFAULT : 0;
}

static int64_t stat_descriptor(struct process *p, uint64_t fd, gva_t to)
{
    struct open_file *o = descriptor_get(&p->files, fd);
    if (!o)
        return -EBADF;
    struct stat s = o->kind == OPEN_FILE
                        ? stat_of_file(o->file)
                        : (struct stat){ .st_nlink = 1, .st_mode = CONSOLE_MODE, .st_blksize = PAGE_SIZE };
    return write_stat(p, to, &s);
}

static int64_t stat_path(struct process *p, int dirfd, gva_t path_at, gva_t to, bool follow)
{
    const struct file *f;
    int error = find_from_program(p, dirfd, path_at, follow, &f);
    if (error)
        return error;
    struct stat s = stat_of_file(f);
    return write_stat(p, to, &s);
}

int64_t sys_stat(struct process *p, const uint64_t args[])
{
    return stat_path(p, AT_FDCWD, args[0], args[1], true);
}

int64_t sys_lstat(struct process *p, const uint64_t args[])
{
    return stat_path(p, AT_FDCWD, args[0], args[1], false);
}

int64_t sys_fstat(struct process *p, const uint64_t args[])
{
    return stat_descriptor(p, args[0], args[1]);
}

static int64_t stat_here(struct process *p, gva_t to)
{
    const struct file *here = archive_find(p->cwd);
    if (!here)
        return -ENOENT;
    struct stat s = stat_of_file(here);
    return write_stat(p, to, &s);
}

/* newfstatat(dirfd, path, to, flags). */
int64_t sys_newfstatat(struct process *p, const uint64_t args[])
{
    char first;
    if (args[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    if (args[3] & AT_EMPTY_PATH) {
        if (space_read(p->space, &first, args[1], sizeof first) < 0)
            return -EFAULT;
        if (!first)
            return (int)args[0] == AT_FDCWD ? stat_here(p, args[2]) : stat_descriptor(p, args[0], args[2]);
    }
    return stat_path(p, (int)args[0], args[1], args[2], !(args[3] & AT_SYMLINK_NOFOLLOW));
}
