/* The command line of `faultvisor run`. */
#pragma once
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

/* Exit statuses of faultvisor itself; below, and between, are the program's. From sysexits.h and timeout(1). */
enum {
    STATUS_USAGE = 64,
    STATUS_BAD_INPUT = 65,  /* kernel, disk, swap */
    STATUS_NO_KVM = 69,
    STATUS_INTERNAL = 70,   /* a bug of ours */
    STATUS_HOST = 71,       /* the host failed: memory, files */
    STATUS_CRASHED = 120,   /* the guest cannot go on */
    STATUS_TIMEOUT = 124,
    STATUS_SIGNAL = 128,    /* + signal */
};

struct options {
    const char *mode;         /* "pv", "fv", "hw" */
    uint64_t memory_bytes;    /* of the guest; a multiple of 4096 */
    uint64_t shadow_bytes;    /* fv: most memory for shadow tables; a multiple of 4096 */
    const char *kernel;       /* NULL: the one that is built in */
    const char *disk;         /* NULL: none */
    const char *swap;         /* size or file; NULL: none */
    const char *policy;       /* NULL: the kernel's default */
    uint64_t seed;            /* for the random policy, and AT_RANDOM */
    const char *disk_error;   /* "FIRST-LAST": sectors that cannot be read, for tests; or NULL */
    const char *stats_json;   /* file, or NULL */
    const char *trace;        /* file, or NULL */
    bool stats;
    uint64_t audit_exits;     /* recount after so many exits, and at the end; 0: never */
    bool quiet;
    unsigned timeout_s;       /* 0: none */
    int argc;                 /* the program and its arguments */
    char **argv;
};

/* Parse argv, whose first word is "faultvisor run". 0: *o is filled. Positive: print nothing more and exit with that status minus 1 (--help: 1, i.e. status 0; a usage error, told:
 * STATUS_USAGE + 1). */
int options_parse(struct options *o, int argc, char **argv);

void options_print_help(void);

/* For commands that take the options of run besides their own: its tables for getopt_long (the long one ends with a row of
 * zeros; values of options without a letter begin at 256), and the words that --mode and --policy take (NULL at the end). */
extern const struct option options_long[];
extern const char options_short[];
extern const char *const options_modes[], *const options_policies[];
