/* Looking paths up in the archive: every component may be a symbolic link. */
#include "archive_index.h"
#include "kernel.h"

#define MAX_LINKS 40

struct archive_entry *archive_entry_find(const char *path)
{
    for (struct archive_entry *e = archive_entries; e; e = e->next)
        if (!strcmp(e->file.path, path))
            return e;
    return NULL;
}

/* The length of the first component; *from is moved to its start. */
static unsigned next_component(const char **from)
{
    unsigned n = 0;
    while (**from == '/')
        ++*from;
    while ((*from)[n] && (*from)[n] != '/')
        n++;
    return n;
}

static void remove_last(char *path)
{
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] != '/')
        n--;
    path[n ? n - 1 : 0] = 0;
}

/* Append a component of n bytes; false if there is no room. */
static bool append(char *path, unsigned size, const char *component, unsigned n)
{
    size_t have = strlen(path);
    if (have + 1 + n >= size)
        return false;
    if (have)
        path[have++] = '/';
    memcpy(path + have, component, n);
    path[have + n] = 0;
    return true;
}

/* Take one component; false if it does not fit. */
static bool step(char *path, unsigned size, const char *component, unsigned n)
{
    if (n == 1 && component[0] == '.')
        return true;
    if (n == 2 && component[0] == '.' && component[1] == '.') {
        remove_last(path);
        return true;
    }
    return append(path, size, component, n);
}

bool path_normalize(char *path, unsigned size, const char *from)
{
    unsigned n;
    path[0] = 0;
    for (; (n = next_component(&from)) > 0; from += n)
        if (!step(path, size, from, n))
            return false;
    return true;
}

/* The path that goes on behind a link: its target, then what was left of the path. */
static bool redirect(char *rest, const char *target, const char *left)
{
    char joined[PATH_SIZE];
    size_t n = strlen(target), m = strlen(left);
    if (n + m >= sizeof joined)
        return false;
    memcpy(joined, target, n);
    memcpy(joined + n, left, m + 1);
    memcpy(rest, joined, n + m + 1);
    return true;
}

static bool is_link(const struct archive_entry *e)
{
    return e && (e->file.mode & S_IFMT) == S_IFLNK;
}

/* What path has below a directory; NULL: it is not in there. All is below the root, which is "". */
static const char *below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    if (!length)
        return path;
    return !strncmp(path, directory, length) && path[length] == '/' ? path + length + 1 : NULL;
}

/* Directories need no entry of their own: those on the way to one have none, perhaps. */
static bool is_on_the_way(const char *path)
{
    for (const struct archive_entry *e = archive_entries; e; e = e->next)
        if (below(e->file.path, path))
            return true;
    return false;
}

/* 0 if a path may go on behind what was found, or end with a "/". */
static int check_directory(const char *done, const struct archive_entry *e)
{
    if (e)
        return (e->file.mode & S_IFMT) == S_IFDIR ? 0 : -ENOTDIR;
    return !done[0] || is_on_the_way(done) ? 0 : -ENOENT;
}

int archive_lookup(const char *path, bool follow, const struct file **f)
{
    static const struct archive_entry root = { .file = { .path = "", .mode = S_IFDIR | 0755, .inode = 1 } };
    char done[PATH_SIZE] = "", rest[PATH_SIZE];
    const struct archive_entry *e = NULL;
    unsigned links = 0, n;

    if (strlen(path) >= sizeof rest)
        return -ENAMETOOLONG;
    memcpy(rest, path, strlen(path) + 1);
    const char *left = rest;
    while ((n = next_component(&left)) > 0) {
        int error = check_directory(done, e);
        if (error)
            return error;
        if (!step(done, sizeof done, left, n))
            return -ENAMETOOLONG;
        left += n;
        e = archive_entry_find(done);
        if (!e && n >= PART_SIZE)
            return -ENAMETOOLONG;
        if (!is_link(e) || (!follow && !left[0]))
            continue;
        if (++links > MAX_LINKS)
            return -ELOOP;
        if (!e->link[0])
            return -ENOENT;
        if (!redirect(rest, e->link, left))
            return -ENAMETOOLONG;
        remove_last(done);
        if (e->link[0] == '/')
            done[0] = 0;
        left = rest;
        e = archive_entry_find(done);
    }
    bool ends_with_slash = left > rest && left[-1] == '/';
    if (done[0] && !e)
        return -ENOENT;
    if (ends_with_slash && check_directory(done, e))
        return -ENOTDIR;
    *f = e ? &e->file : &root.file;
    return 0;
}

const struct file *archive_find(const char *path)
{
    const struct file *f;
    return archive_lookup(path, true, &f) ? NULL : f;
}

const char *archive_link(const struct file *f)
{
    return ((const struct archive_entry *)f)->link;
}

static bool is_member(const struct file *directory, const struct archive_entry *e)
{
    const char *name = below(e->file.path, directory->path);
    return name && name[0] && !strchr(name, '/') && !e->replaced;
}

const struct file *archive_next_member(const struct file *directory, const struct file *after)
{
    const struct archive_entry *e = after ? ((const struct archive_entry *)after)->next : archive_entries;
    while (e && !is_member(directory, e))
        e = e->next;
    return e ? &e->file : NULL;
}

_Static_assert(offsetof(struct archive_entry, file) == 0, "an entry is found by its file");
