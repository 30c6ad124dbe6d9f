/* The results of a sweep.
 *   1. locks
 *   2. the set of runs that are there, and of those that somebody does
 *   3. reading
 *   4. repair: what a killed writer left behind
 *   5. appending */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vmm/error.h"
#include "vmm/sweep_file.h"

/* 1. Locks, which end with whoever holds them (fcntl(2), F_OFD_SETLK); a file system without them is let pass. Whoever repairs or
 * appends holds one byte, so that a line that is being written is never taken for a torn one. Each run has a byte, too, which
 * is held by whoever does it; all lie where no file ends. */

#define APPENDING (1ll << 62)
#define FIRST_RUN (APPENDING + 1)
#define RUN_BYTES (1ull << 61)

static int lock(const struct sweep_file *f, off_t at, short type, int how)
{
    struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
    return fcntl(f->fd, how, &l);
}

static void begin_appending(const struct sweep_file *f)
{
    lock(f, APPENDING, F_WRLCK, F_OFD_SETLKW);
}

static void end_appending(const struct sweep_file *f)
{
    lock(f, APPENDING, F_UNLCK, F_OFD_SETLK);
}

/* 2. The set. */

static char *key_of(const json_t *sweep)
{
    return json_dumps(sweep, JSON_COMPACT | JSON_SORT_KEYS);
}

bool sweep_file_has(const struct sweep_file *f, const json_t *sweep)
{
    char *key = key_of(sweep);
    bool has = key && json_object_get(f->done, key);
    free(key);
    return has;
}

static void remember(struct sweep_file *f, const json_t *sweep)
{
    char *key = key_of(sweep);
    if (key)
        json_object_set_new(f->done, key, json_true());
    free(key);
}

/* By a hash of its key (FNV-1a). */
static off_t byte_of_run(const char *key)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *key; key++)
        hash = (hash ^ (uint8_t)*key) * 0x100000001b3;
    return (off_t)(FIRST_RUN + hash % RUN_BYTES);
}

bool sweep_file_claim(const struct sweep_file *f, const json_t *sweep)
{
    char *key = f->is_regular ? key_of(sweep) : NULL;
    bool taken = key && lock(f, byte_of_run(key), F_WRLCK, F_OFD_SETLK) < 0 && (errno == EAGAIN || errno == EACCES);
    free(key);
    return !taken;
}

/* 3. Reading. */

/* The start of an object that is not whole: it may be a line of ours. */
static bool is_torn(const char *line, size_t len, const json_t *o)
{
    return line[len - 1] != '\n' && !o && !strncmp(line, "{\"", len > 2 ? 2 : len);
}

static int take_line(struct sweep_file *f, const char *line, size_t len, unsigned number, bool again)
{
    json_t *o = json_loadb(line, len, 0, NULL);
    const json_t *sweep = json_object_get(o, "sweep");
    int err = 0;
    if (is_torn(line, len, o))
        return 0; /* it goes when the file is repaired */
    if (!json_is_object(sweep))
        err =
            fail(0, "line %u of %s is no result of a sweep; give another file with -o, or take the line out",
                 number, f->path);
    else if (line[len - 1] == '\n' && (!again || !json_object_get(o, "failure")))
        remember(f, sweep);
    json_decref(o);
    return err;
}

static int read_lines(struct sweep_file *f, bool again)
{
    int copy = dup(f->fd);
    FILE *from = copy < 0 ? NULL : fdopen(copy, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int err = 0;
    if (!from)
        return fail(errno, "cannot read %s", f->path);
    rewind(from);
    for (unsigned number = 1; !err && (len = getline(&line, &room, from)) > 0; number++)
        err = take_line(f, line, (size_t)len, number, again);
    if (!err && ferror(from))
        err = fail(errno, "cannot read %s", f->path);
    free(line);
    fclose(from);
    return err;
}

/* 4. Repair. */

/* Where the last whole line ends, for a file of so many bytes. -1: cannot be read. */
static off_t end_of_lines(int fd, off_t bytes)
{
    char block[4096];
    while (bytes > 0) {
        off_t from = bytes > (off_t)sizeof(block) ? bytes - (off_t)sizeof(block) : 0;
        ssize_t got = pread(fd, block, (size_t)(bytes - from), from);
        if (got != bytes - from)
            return -1;
        const char *newline = memrchr(block, '\n', (size_t)got);
        if (newline)
            return from + (newline - block) + 1;
        bytes = from;
    }
    return 0;
}

/* Take away a last line without its newline. Returns the size, or a negative errno, said. */
static off_t repair(const struct sweep_file *f)
{
    off_t bytes = lseek(f->fd, 0, SEEK_END), end = bytes < 0 ? -1 : end_of_lines(f->fd, bytes);
    if (end < 0)
        return fail(errno, "cannot read %s", f->path);
    if (end < bytes && ftruncate(f->fd, end) < 0)
        return fail(errno, "cannot take the torn last line out of %s", f->path);
    return end;
}

static int open_path(struct sweep_file *f, const char *path)
{
    struct stat about;
    f->path = strcmp(path, "-") ? path : "standard output";
    f->fd = strcmp(path, "-") ? open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666)
                              : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (f->fd < 0 || fstat(f->fd, &about) < 0)
        return fail(errno, "cannot open %s", f->path);
    f->is_regular = strcmp(path, "-") && S_ISREG(about.st_mode);
    return 0;
}

int sweep_file_read(struct sweep_file *f, bool again)
{
    if (!f->is_regular)
        return 0;
    begin_appending(f);
    int err = read_lines(f, again); /* first, so that nothing is taken out of a file of somebody else's */
    off_t bytes = err ? 0 : repair(f);
    end_appending(f);
    return bytes < 0 ? (int)bytes : err;
}

int sweep_file_open(struct sweep_file *f, const char *path, bool again)
{
    *f = (struct sweep_file){ .fd = -1, .done = json_object() };
    int err = open_path(f, path);
    return err ? err : sweep_file_read(f, again);
}

/* 5. Appending. */

static int write_whole(const struct sweep_file *f, const char *text, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t wrote = write(f->fd, text + done, len - done);
        if (wrote < 0 && errno != EINTR)
            return fail(errno, "cannot write to %s", f->path);
        if (wrote > 0)
            done += (size_t)wrote;
    }
    return 0;
}

static int append_locked(const struct sweep_file *f, const char *text, size_t len)
{
    off_t before = repair(f);
    if (before < 0)
        return (int)before;
    int err = write_whole(f, text, len);
    if (err && ftruncate(f->fd, before) < 0)
        fail(errno, "cannot take a torn line out of %s", f->path);
    return err;
}

int sweep_file_append(struct sweep_file *f, const json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;
    if (!text)
        return fail(ENOMEM, "cannot write to %s", f->path);
    text[len++] = '\n'; /* in the place of the terminating zero */
    int err;
    if (f->is_regular) {
        begin_appending(f);
        err = append_locked(f, text, len);
        end_appending(f);
    } else {
        err = write_whole(f, text, len);
    }
    if (!err)
        remember(f, json_object_get(line, "sweep"));
    free(text);
    return err;
}

void sweep_file_close(struct sweep_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    json_decref(f->done);
    *f = (struct sweep_file){ .fd = -1 };
}
