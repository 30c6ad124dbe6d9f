/* The results of a sweep.
 *   1. the set of runs that are there
 *   2. reading
 *   3. repair: what a killed writer left behind
 *   4. appending
 * Whoever repairs or appends holds a lock on the file (flock), so that a line that is being written is never
 * taken for a torn one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vmm/error.h"
#include "vmm/sweep_file.h"

/* 1. The set. */

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

/* 2. Reading. */

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

/* 3. Repair. */

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

int sweep_file_open(struct sweep_file *f, const char *path, bool again)
{
    *f = (struct sweep_file){ .fd = -1, .done = json_object() };
    int err = open_path(f, path);
    if (err || !f->is_regular)
        return err;
    flock(f->fd, LOCK_EX);
    err = read_lines(f, again); /* first, so that nothing is taken out of a file of somebody else's */
    off_t bytes = err ? 0 : repair(f);
    flock(f->fd, LOCK_UN);
    return bytes < 0 ? (int)bytes : err;
}

/* 4. Appending. */

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
        flock(f->fd, LOCK_EX);
        err = append_locked(f, text, len);
        flock(f->fd, LOCK_UN);
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
