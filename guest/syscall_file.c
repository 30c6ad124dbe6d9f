/* Files by name and by number. The archive is read-only, and everybody is root.
 *
 *   1. paths
 *   2. names: open, access, chdir, getcwd, readlink
 *   3. descriptors: close, dup, fcntl, ioctl, lseek */
#include <linux/fcntl.h>
#include "file_mode.h"
#include "kernel.h"
#include "syscall.h"

#define FILE_FLAGS_SHOWN (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECTORY)

enum { SEEK_FROM_START = 0, SEEK_FROM_HERE = 1, SEEK_FROM_END = 2 };
enum { ACCESS_OK_EXECUTE = 1, ACCESS_OK_WRITE = 2, ACCESS_OK_READ = 4 };

/* 1. Paths. */

/* What a relative path starts at. */
static int base_of(struct process *p, int dirfd, const char **base)
{
    *base = p->cwd;
    if (dirfd == AT_FDCWD)
        return 0;
    struct open_file *o = descriptor_get(&p->files, (uint64_t)(int64_t)dirfd);
    if (!o)
        return -EBADF;
    if (o->kind != OPEN_FILE || !file_is_directory(o->file))
        return -ENOTDIR;
    *base = o->file->path;
    return 0;
}

int path_from_program(struct process *p, int dirfd, gva_t at, const struct program_path **path)
{
    static struct program_path the_path;
    const char *base = "";
    int length = space_read_string(p->space, the_path.given, at, sizeof the_path.given);
    if (length < 0)
        return length;
    if (length == 0)
        return -ENOENT;
    int error = the_path.given[0] == '/' ? 0 : base_of(p, dirfd, &base);
    if (error)
        return error;
    ksnprintf(the_path.absolute, sizeof the_path.absolute, "%s/%s", base, the_path.given);
    *path = &the_path;
    return 0;
}

int find_from_program(struct process *p, int dirfd, gva_t at, bool follow, const struct file **f)
{
    const struct program_path *path;
    int error = path_from_program(p, dirfd, at, &path);
    return error ? error : archive_lookup(path->absolute, follow, f);
}

/* 2. Names. */
static int64_t open_at(struct process *p, int dirfd, gva_t path, uint64_t flags)
{
    const struct file *f;
    bool is_new = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    int error = find_from_program(p, dirfd, path, !is_new && !(flags & O_NOFOLLOW), &f);
    if (error)
        return error == -ENOENT && (flags & O_CREAT) ? -EROFS : error;
    if (is_new)
        return -EEXIST;
    if (archive_link(f))
        return flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
    if (file_is_directory(f) && (flags & O_CREAT))
        return -EISDIR;
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
        return file_is_directory(f) ? -EISDIR : -EROFS;
    if ((flags & O_DIRECTORY) && !file_is_directory(f))
        return -ENOTDIR;
    return descriptor_open(&p->files, f, (int)flags & FILE_FLAGS_SHOWN, flags & O_CLOEXEC);
}

int64_t sys_open(struct process *p, const uint64_t args[])
{
    return open_at(p, AT_FDCWD, args[0], args[1]);
}

int64_t sys_openat(struct process *p, const uint64_t args[])
{
    return open_at(p, (int)args[0], args[1], args[2]);
}

static int64_t access_at(struct process *p, int dirfd, gva_t path, uint64_t mode)
{
    const struct file *f;
    if (mode & ~(uint64_t)(ACCESS_OK_EXECUTE | ACCESS_OK_WRITE | ACCESS_OK_READ))
        return -EINVAL;
    int error = find_from_program(p, dirfd, path, true, &f);
    if (error)
        return error;
    if (mode & ACCESS_OK_WRITE)
        return -EROFS;
    return (mode & ACCESS_OK_EXECUTE) && !file_is_directory(f) && !(f->mode & 0111) ? -EACCES : 0;
}

int64_t sys_access(struct process *p, const uint64_t args[])
{
    return access_at(p, AT_FDCWD, args[0], args[1]);
}

int64_t sys_faccessat(struct process *p, const uint64_t args[])
{
    return access_at(p, (int)args[0], args[1], args[2]);
}

int64_t sys_chdir(struct process *p, const uint64_t args[])
{
    const struct file *f;
    int error = find_from_program(p, AT_FDCWD, args[0], true, &f);
    if (error)
        return error;
    if (!file_is_directory(f))
        return -ENOTDIR;
    if (strlen(f->path) + 2 > CWD_SIZE)
        return -ENAMETOOLONG;
    ksnprintf(p->cwd, CWD_SIZE, "/%s", f->path);
    size_t length = strlen(p->cwd);
    if (length > 1 && p->cwd[length - 1] == '/')
        p->cwd[length - 1] = 0;
    return 0;
}

int64_t sys_getcwd(struct process *p, const uint64_t args[])
{
    uint64_t bytes = strlen(p->cwd) + 1;
    if (args[1] < bytes)
        return -ERANGE;
    return space_write(p->space, args[0], p->cwd, bytes) < 0 ? -EFAULT : (int64_t)bytes;
}

/* readlink(path, to, bytes): without a NUL. */
int64_t sys_readlink(struct process *p, const uint64_t args[])
{
    const struct file *f;
    if ((int)args[2] <= 0)
        return -EINVAL;
    int error = find_from_program(p, AT_FDCWD, args[0], false, &f);
    if (error)
        return error;
    const char *target = archive_link(f);
    if (!target)
        return -EINVAL;
    uint64_t bytes = strlen(target) < args[2] ? strlen(target) : args[2];
    return space_write(p->space, args[1], target, bytes) < 0 ? -EFAULT : (int64_t)bytes;
}

/* 3. Descriptors. */
int64_t sys_close(struct process *p, const uint64_t args[])
{
    return descriptor_close(&p->files, args[0]);
}

int64_t sys_dup(struct process *p, const uint64_t args[])
{
    return descriptor_duplicate(&p->files, args[0], 0, false);
}

int64_t sys_dup2(struct process *p, const uint64_t args[])
{
    return descriptor_duplicate_to(&p->files, args[0], args[1], false);
}

int64_t sys_dup3(struct process *p, const uint64_t args[])
{
    if (args[0] == args[1] || (args[2] & ~(uint64_t)O_CLOEXEC))
        return -EINVAL;
    return descriptor_duplicate_to(&p->files, args[0], args[1], args[2] & O_CLOEXEC);
}

int64_t sys_fcntl(struct process *p, const uint64_t args[])
{
    struct open_file *o = descriptor_get(&p->files, args[0]);
    if (!o)
        return -EBADF;
    switch (args[1]) {
    case F_DUPFD:
        return descriptor_duplicate(&p->files, args[0], args[2], false);
    case F_DUPFD_CLOEXEC:
        return descriptor_duplicate(&p->files, args[0], args[2], true);
    case F_GETFD:
        return p->files.close_on_exec >> args[0] & 1 ? FD_CLOEXEC : 0;
    case F_SETFD:
        descriptor_set_close_on_exec(&p->files, (unsigned)args[0], args[2] & FD_CLOEXEC);
        return 0;
    case F_GETFL:
        return o->flags;
    case F_SETFL:
        o->flags = (o->flags & ~(O_APPEND | O_NONBLOCK)) | ((int)args[2] & (O_APPEND | O_NONBLOCK));
        return 0;
    default:
        return -EINVAL;
    }
}

/* Nothing here is a terminal or a device. */
int64_t sys_ioctl(struct process *p, const uint64_t args[])
{
    return descriptor_get(&p->files, args[0]) ? -ENOTTY : -EBADF;
}

int64_t sys_lseek(struct process *p, const uint64_t args[])
{
    struct open_file *o = descriptor_get(&p->files, args[0]);
    if (!o)
        return -EBADF;
    if (o->kind != OPEN_FILE)
        return -ESPIPE;
    int64_t base = args[2] == SEEK_FROM_START  ? 0
                   : args[2] == SEEK_FROM_HERE ? (int64_t)o->offset
                   : args[2] == SEEK_FROM_END  ? (int64_t)o->file->size_bytes
                                               : -1;
    int64_t to;
    if (base < 0 || __builtin_add_overflow(base, (int64_t)args[1], &to) || to < 0)
        return -EINVAL;
    o->offset = (uint64_t)to;
    return to;
}
