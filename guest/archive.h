/* The disk: a plain ustar archive, read in place. POSIX.1-2017, pax, "ustar Interchange Format". */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* A member of the archive. Its content is contiguous on the disk. */
struct file {
    const char *path;      /* without a leading "/" or "./", as looked up */
    uint64_t start_sector; /* of its content, 512 bytes each */
    uint64_t size_bytes;
    uint32_t mode; /* permission bits, and S_IFREG, S_IFDIR as in Linux's stat */
    uint32_t inode;
    uint64_t mtime_s;
};

/* Read the directory of the archive from its disk. False, with a reason on the console, if it is no ustar archive or ends early; what
 * was found before the damage stays usable. */
bool archive_open(unsigned disk);

/* The disk that it is on, for those who read sectors of a file by themselves. */
unsigned archive_disk(void);

/* Look a path up, "." and ".." and a leading "/" resolved, symbolic and hard links followed: but the last part only if `follow`, or if
 * a "/" is behind it. 0, or -ENOENT, -ENOTDIR (a file where a directory is meant), -ELOOP, -ENAMETOOLONG. */
int archive_lookup(const char *path, bool follow, const struct file **f);
/* The same, with links followed. NULL: no such file. */
const struct file *archive_find(const char *path);

/* Where a symbolic link leads to; NULL: it is none. */
const char *archive_link(const struct file *f);

/* What is in a directory, one after the other: starts with NULL, ends with NULL. Links are told as links. */
const struct file *archive_next_member(const struct file *directory, const struct file *after);

/* Read bytes of a file into kernel memory (linear map). Returns the bytes read, short only at the end of the file, or -EIO. */
int64_t archive_read(const struct file *f, uint64_t offset, void *to, uint64_t bytes);
