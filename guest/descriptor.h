/* File descriptors: numbers of a process for open files, which dup and fork share with their offset. */
#pragma once
#include "archive.h"

enum open_kind {
    OPEN_FREE,
    OPEN_FILE,    /* a file or a directory of the archive, for reading */
    OPEN_INPUT,   /* standard input: always at its end */
    OPEN_CONSOLE, /* standard output */
    OPEN_ERRORS,  /* standard error */
};

struct open_file {
    enum open_kind kind;
    unsigned references;
    const struct file *file; /* OPEN_FILE */
    uint64_t offset;
    int flags; /* as given to open: O_* of Linux */
};

#define MAX_DESCRIPTORS 32
#define MAX_OPEN_FILES  64

struct descriptor_table {
    struct open_file *open[MAX_DESCRIPTORS]; /* NULL: not open */
    uint32_t close_on_exec;                  /* bit n: descriptor n */
};

/* 0, 1 and 2 of the first process. */
void descriptor_open_standard(struct descriptor_table *t);
/* What number fd stands for; NULL: -EBADF. */
struct open_file *descriptor_get(const struct descriptor_table *t, uint64_t fd);
/* The lowest free number from first on, for a file of the archive. -EMFILE; too many open files in all count
 * as that too. */
int descriptor_open(struct descriptor_table *t, const struct file *f, int flags, bool close_on_exec);
/* Another number, the lowest from first on, for the same open file. The number, -EBADF, -EMFILE or -EINVAL.
 */
int descriptor_duplicate(struct descriptor_table *t, uint64_t fd, uint64_t first, bool close_on_exec);
/* The same, with a number that is asked for; what was open there is closed. */
int descriptor_duplicate_to(struct descriptor_table *t, uint64_t fd, uint64_t to, bool close_on_exec);
int descriptor_close(struct descriptor_table *t, uint64_t fd);
void descriptor_close_all(struct descriptor_table *t);
void descriptor_exec(struct descriptor_table *t);
void descriptor_fork(struct descriptor_table *child, const struct descriptor_table *parent);
void descriptor_set_close_on_exec(struct descriptor_table *t, unsigned fd, bool on);
