/* The kernel's command line: options, then "--", then the program and its arguments.
 *
 *     policy=clock seed=1 -- /bin/sha256 /data/big
 *
 * Words are separated by single spaces. A space, a backslash or a byte below 0x20 in an argument is written \xHH.
 * Options: policy=clock|fifo|lru|random, seed=N (for the random policy), tsc_early_khz=N (Linux's name: the frequency of the time
 * stamp counter, for native boots). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define MAX_ARGS 64

struct command_line {
    const char *policy; /* NULL: the default */
    uint64_t seed;
    uint64_t tsc_khz; /* 0: not told */
    int argc;
    const char *argv[MAX_ARGS + 1]; /* decoded, NULL-terminated */
};

/* Parse text (at most PV_CMDLINE_SIZE with its NUL) into *out; the strings live in a static buffer. On an unknown option or
 * too many words: false, and out->policy names the offending word. */
bool command_line_parse(struct command_line *out, const char *text);
