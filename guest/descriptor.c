/* File descriptors and the open files behind them. */
#include "descriptor.h"
#include <linux/fcntl.h>
#include "kernel.h"

static struct open_file open_files[MAX_OPEN_FILES];

static struct open_file *take_open_file(enum open_kind kind)
{
    for (size_t i = 0; i < MAX_OPEN_FILES; i++) {
        if (open_files[i].kind != OPEN_FREE)
            continue;
        open_files[i] = (struct open_file){ .kind = kind, .references = 1 };
        return &open_files[i];
    }
    return NULL;
}

static void drop_open_file(struct open_file *o)
{
    if (--o->references == 0)
        o->kind = OPEN_FREE;
}

static int lowest_free(const struct descriptor_table *t, uint64_t first)
{
    for (uint64_t fd = first; fd < MAX_DESCRIPTORS; fd++)
        if (!t->open[fd])
            return (int)fd;
    return -EMFILE;
}

void descriptor_set_close_on_exec(struct descriptor_table *t, unsigned fd, bool on)
{
    t->close_on_exec = (t->close_on_exec & ~(1u << fd)) | (uint32_t)on << fd;
}

void descriptor_open_standard(struct descriptor_table *t)
{
    static const struct {
        enum open_kind kind;
        int flags;
    } standard[] = { { OPEN_INPUT, O_RDONLY }, { OPEN_CONSOLE, O_WRONLY }, { OPEN_ERRORS, O_WRONLY } };
    for (unsigned fd = 0; fd < sizeof standard / sizeof standard[0]; fd++) {
        t->open[fd] = take_open_file(standard[fd].kind);
        t->open[fd]->flags = standard[fd].flags;
    }
}

struct open_file *descriptor_get(const struct descriptor_table *t, uint64_t fd)
{
    return fd < MAX_DESCRIPTORS ? t->open[fd] : NULL;
}

int descriptor_open(struct descriptor_table *t, const struct file *f, int flags, bool close_on_exec)
{
    int fd = lowest_free(t, 0);
    struct open_file *o = fd < 0 ? NULL : take_open_file(OPEN_FILE);
    if (!o)
        return -EMFILE;
    o->file = f;
    o->flags = flags;
    t->open[fd] = o;
    descriptor_set_close_on_exec(t, (unsigned)fd, close_on_exec);
    return fd;
}

int descriptor_duplicate(struct descriptor_table *t, uint64_t fd, uint64_t first, bool close_on_exec)
{
    if (!descriptor_get(t, fd))
        return -EBADF;
    if (first >= MAX_DESCRIPTORS)
        return -EINVAL;
    int to = lowest_free(t, first);
    return to < 0 ? to : descriptor_duplicate_to(t, fd, (uint64_t)to, close_on_exec);
}

int descriptor_duplicate_to(struct descriptor_table *t, uint64_t fd, uint64_t to, bool close_on_exec)
{
    struct open_file *o = descriptor_get(t, fd);
    if (!o || to >= MAX_DESCRIPTORS)
        return -EBADF;
    if (fd == to)
        return (int)to;
    descriptor_close(t, to);
    o->references++;
    t->open[to] = o;
    descriptor_set_close_on_exec(t, (unsigned)to, close_on_exec);
    return (int)to;
}

int descriptor_close(struct descriptor_table *t, uint64_t fd)
{
    struct open_file *o = descriptor_get(t, fd);
    if (!o)
        return -EBADF;
    drop_open_file(o);
    t->open[fd] = NULL;
    return 0;
}

void descriptor_close_all(struct descriptor_table *t)
{
    for (uint64_t fd = 0; fd < MAX_DESCRIPTORS; fd++)
        descriptor_close(t, fd);
}

void descriptor_exec(struct descriptor_table *t)
{
    for (uint64_t fd = 0; fd < MAX_DESCRIPTORS; fd++)
        if (t->close_on_exec >> fd & 1)
            descriptor_close(t, fd);
    t->close_on_exec = 0;
}

void descriptor_fork(struct descriptor_table *child, const struct descriptor_table *parent)
{
    *child = *parent;
    for (uint64_t fd = 0; fd < MAX_DESCRIPTORS; fd++)
        if (child->open[fd])
            child->open[fd]->references++;
}
