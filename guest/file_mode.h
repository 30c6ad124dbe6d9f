/* What kind of file a mode says: the upper bits of st_mode, as in Linux's linux/stat.h (whose names a hosted
 * build does not get). */
#pragma once
#include <stdbool.h>
#include "archive.h"

#define MODE_KIND      0170000u
#define MODE_PIPE      0010000u
#define MODE_DIRECTORY 0040000u
#define MODE_REGULAR   0100000u

static inline bool file_is_directory(const struct file *f)
{
    return (f->mode & MODE_KIND) == MODE_DIRECTORY;
}

static inline bool file_is_regular(const struct file *f)
{
    return (f->mode & MODE_KIND) == MODE_REGULAR;
}
