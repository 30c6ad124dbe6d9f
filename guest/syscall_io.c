/* Bytes to and from programs.
 *
 *   1. reading   from the archive straight into the program's frames
 *   2. writing   to the console, by way of a buffer
 *   3. vectors */
#include <linux/uio.h>
#include "file_mode.h"
#include "kernel.h"
#include "syscall.h"

#define MAX_VECTORS 1024

/* The platform sends what it was given at the resume, and reads it only then: a buffer of the kernel stays as
 * it is until then, a program's page might have been evicted. Programs try again with what a short write
 * left. */
#define CONSOLE_BUFFER_BYTES 16384

/* 1. Reading. */

/* How much of [address, address + bytes) lies in the address's own page. */
static uint64_t bytes_in_page(gva_t address, uint64_t bytes)
{
    uint64_t rest = PAGE_SIZE - page_offset(address);
    return bytes < rest ? bytes : rest;
}

/* A page's piece. */
static int64_t read_piece(struct process *p, const struct file *f, uint64_t offset, gva_t to, uint64_t bytes)
{
    enum touch why;
    void *at = space_reach(p->space, to, ACCESS_WRITE, &why);
    return at ? archive_read(f, offset, at, bytes) : -EFAULT;
}

static int64_t read_file(struct process *p, const struct file *f, uint64_t offset, gva_t to, uint64_t bytes)
{
    uint64_t done = 0;
    if (file_is_directory(f))
        return -EISDIR;
    if (offset >= f->size_bytes)
        return 0;
    if (bytes > f->size_bytes - offset)
        bytes = f->size_bytes - offset;
    while (done < bytes) {
        uint64_t piece = bytes_in_page(to + done, bytes - done);
        int64_t got = read_piece(p, f, offset + done, to + done, piece);
        if (got < 0)
            return done ? (int64_t)done : got;
        done += (uint64_t)got;
        if ((uint64_t)got < piece)
            break;
    }
    return (int64_t)done;
}

static int64_t read_open(struct process *p, struct open_file *o, gva_t to, uint64_t bytes)
{
    if (o->kind == OPEN_INPUT)
        return 0;
    if (o->kind != OPEN_FILE)
        return -EBADF;
    int64_t got = read_file(p, o->file, o->offset, to, bytes);
    if (got > 0)
        o->offset += (uint64_t)got;
    return got;
}

int64_t sys_read(struct process *p, const uint64_t args[])
{
    struct open_file *o = descriptor_get(&p->files, args[0]);
    return o ? read_open(p, o, args[1], args[2]) : -EBADF;
}

int64_t sys_pread64(struct process *p, const uint64_t args[])
{
    struct open_file *o = descriptor_get(&p->files, args[0]);
    if (!o)
        return -EBADF;
    if (o->kind != OPEN_FILE)
        return -ESPIPE;
    if ((int64_t)args[3] < 0)
        return -EINVAL;
    return read_file(p, o->file, args[3], args[1], args[2]);
}

/* 2. Writing. */
static char console_buffer[CONSOLE_BUFFER_BYTES];

/* Where the console's kinds of output go; 0 for what cannot be written. */
static enum pv_console_stream stream_of(const struct open_file *o)
{
    return o->kind == OPEN_CONSOLE ? PV_CONSOLE_OUT : o->kind == OPEN_ERRORS ? PV_CONSOLE_ERR : 0;
}

/* Append to the buffer what fits. Bytes taken, or -EFAULT. */
static int64_t buffer_add(struct process *p, uint64_t used, gva_t from, uint64_t bytes)
{
    if (bytes > CONSOLE_BUFFER_BYTES - used)
        bytes = CONSOLE_BUFFER_BYTES - used;
    return space_read(p->space, console_buffer + used, from, bytes) < 0 ? -EFAULT : (int64_t)bytes;
}

static int64_t buffer_send(const struct open_file *o, uint64_t bytes)
{
    if (bytes)
        platform->console_write(stream_of(o), console_buffer, bytes);
    return (int64_t)bytes;
}

int64_t sys_write(struct process *p, const uint64_t args[])
{
    struct open_file *o = descriptor_get(&p->files, args[0]);
    if (!o || !stream_of(o))
        return -EBADF;
    int64_t taken = buffer_add(p, 0, args[1], args[2]);
    return taken < 0 ? taken : buffer_send(o, (uint64_t)taken);
}

/* 3. Vectors. */
static int read_vector(struct process *p, const uint64_t args[], uint64_t i, uint64_t v[2])
{
    if (space_read(p->space, v, args[1] + i * sizeof(struct iovec), sizeof(struct iovec)) < 0)
        return -EFAULT;
    return (int64_t)v[1] < 0 ? -EINVAL : 0;
}

int64_t sys_readv(struct process *p, const uint64_t args[])
{
    struct open_file *o = descriptor_get(&p->files, args[0]);
    int64_t done = 0;
    if (!o)
        return -EBADF;
    if (args[2] > MAX_VECTORS)
        return -EINVAL;
    for (uint64_t i = 0; i < args[2]; i++) {
        uint64_t v[2];
        int error = read_vector(p, args, i, v);
        int64_t got = error ? error : read_open(p, o, v[0], v[1]);
        if (got < 0)
            return done ? done : got;
        done += got;
        if ((uint64_t)got < v[1])
            break;
    }
    return done;
}

int64_t sys_writev(struct process *p, const uint64_t args[])
{
    struct open_file *o = descriptor_get(&p->files, args[0]);
    uint64_t used = 0;
    if (!o || !stream_of(o))
        return -EBADF;
    if (args[2] > MAX_VECTORS)
        return -EINVAL;
    for (uint64_t i = 0; i < args[2] && used < CONSOLE_BUFFER_BYTES; i++) {
        uint64_t v[2];
        int error = read_vector(p, args, i, v);
        int64_t taken = error ? error : buffer_add(p, used, v[0], v[1]);
        if (taken < 0 && !used)
            return taken;
        if (taken < 0)
            break;
        used += (uint64_t)taken;
    }
    return buffer_send(o, used);
}
