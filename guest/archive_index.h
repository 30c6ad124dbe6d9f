/* The index of the archive: what archive.c found, for archive_path.c to look up. */
#pragma once
#include "archive.h"

/* Linux's file types in struct file.mode. */
#define S_IFMT  0170000u
#define S_IFDIR 0040000u
#define S_IFREG 0100000u
#define S_IFLNK 0120000u

#define PATH_SIZE 512 /* of paths that are looked up, and names in the archive, with their NUL */
#define PART_SIZE 256 /* of what is between two "/", with a NUL: Linux finds nothing that is longer */

struct archive_entry {
    struct file file;
    const char *link;           /* S_IFLNK: where to; else NULL */
    struct archive_entry *next; /* found earlier in the archive: of two with one name, the later one counts */
    bool replaced;              /* it is not the later one */
};

extern struct archive_entry *archive_entries;

/* Take a path's components one by one, "." and empty ones left out, into path[size], joined by "/"; ".."
 * takes the last one away. False if it does not fit. */
bool path_normalize(char *path, unsigned size, const char *from);

/* The entry of exactly that name, or NULL. */
struct archive_entry *archive_entry_find(const char *path);
