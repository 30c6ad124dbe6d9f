/* getdents64: what is in a directory, in the form that Linux gives it. The descriptor's offset counts
 * entries: ".", "..", then the archive's. */
#include "file_mode.h"
#include "kernel.h"
#include "syscall.h"

#define NAME_BYTES 256 /* of the last part of a path, with its NUL */

enum { KIND_DIRECTORY = 4, KIND_REGULAR = 8, KIND_LINK = 10 };

/* struct linux_dirent64, and room for its name. */
struct directory_entry {
    uint64_t inode;
    int64_t next_offset;
    uint16_t bytes;
    uint8_t kind;
    char name[NAME_BYTES];
};

#define NAME_AT offsetof(struct directory_entry, name)

/* The entry of that number in a directory; NULL: there are no more. */
static const struct file *member_at(const struct file *directory, uint64_t n)
{
    const struct file *f = archive_next_member(directory, NULL);
    for (; f && n > 0; n--)
        f = archive_next_member(directory, f);
    return f;
}

static const char *last_part(const char *path)
{
    for (const char *slash; (slash = strchr(path, '/'));)
        path = slash + 1;
    return path;
}

static const struct file *entry_at(const struct file *directory, uint64_t offset)
{
    return offset < 2 ? directory : member_at(directory, offset - 2);
}

/* The one after f, which is at that offset: the whole directory is gone through once in a call, not once for
 * each entry. */
static const struct file *entry_after(const struct file *directory, uint64_t offset, const struct file *f)
{
    return offset < 2 ? entry_at(directory, offset + 1) : archive_next_member(directory, f);
}

/* f, as the entry at an offset. */
static void make_entry(struct directory_entry *e, const struct file *f, uint64_t offset)
{
    const char *name = offset == 0 ? "." : offset == 1 ? ".." : last_part(f->path);
    size_t length = strlen(name) < NAME_BYTES ? strlen(name) : NAME_BYTES - 1;
    memset(e, 0, sizeof *e);
    memcpy(e->name, name, length);
    e->inode = f->inode;
    e->next_offset = (int64_t)offset + 1;
    e->bytes = (uint16_t)((NAME_AT + length + 1 + 7) & ~7ull);
    e->kind = file_is_directory(f) ? KIND_DIRECTORY : file_is_regular(f) ? KIND_REGULAR : KIND_LINK;
}

/* getdents64(fd, to, bytes). */
int64_t sys_getdents64(struct process *p, const uint64_t args[])
{
    struct directory_entry e;
    uint64_t used = 0;
    struct open_file *o = descriptor_get(&p->files, args[0]);
    if (!o)
        return -EBADF;
    if (o->kind != OPEN_FILE || !file_is_directory(o->file))
        return -ENOTDIR;
    for (const struct file *f = entry_at(o->file, o->offset); f; f = entry_after(o->file, o->offset++, f)) {
        make_entry(&e, f, o->offset);
        if (args[2] < e.bytes || used > args[2] - e.bytes)
            return used ? (int64_t)used : -EINVAL;
        if (space_write(p->space, args[1] + used, &e, e.bytes) < 0)
            return used ? (int64_t)used : -EFAULT;
        used += e.bytes;
    }
    return (int64_t)used;
}
