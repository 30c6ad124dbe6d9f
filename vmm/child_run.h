/* Runs of our own binary as child processes: each is `faultvisor run` with its output, its messages and its
 * counts in temporary files. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define CHILD_REASON_BYTES 256

struct child_result {
    int status;                      /* the exit status; 128 + N if signal N ended the child */
    json_t *run;                     /* what --stats-json wrote; NULL if it ended before. Owned */
    char reason[CHILD_REASON_BYTES]; /* what faultvisor said against it, without "faultvisor: "; or "" */
    char said[CHILD_REASON_BYTES];   /* the last line of its standard error, the kernel's and the program's; or "" */
    FILE *output; /* the program's standard output, at its start; NULL if none could be had. Owned */
};

void child_result_free(struct child_result *r);

/* Did faultvisor itself fail (and not the program end with such a status)? */
bool child_result_failed(const struct child_result *r);

struct child_runs {
    unsigned count;     /* runs to do */
    unsigned at_a_time; /* 1 or more */
    unsigned limit_s;   /* a child that lasts longer is killed; 0: none */
    void *arg;
    /* The words after "run" of number i, ending with NULL; they are not used any more when the next are asked
     * for. NULL: start no more. */
    char *const *(*words)(void *arg, unsigned i);
    /* Number i ended. *r becomes the callee's. False: start no more, end the others. */
    bool (*ended)(void *arg, unsigned i, struct child_result *r);
    /* A few times a second, and after each end. running: how many; which: the lowest number that runs. NULL:
     * no one listens. */
    void (*tick)(void *arg, unsigned running, unsigned which);
};

/* Do them all. SIGINT, SIGTERM and SIGHUP, where they are not ignored, are passed on to the children, which
 * are waited for; of those, ended() is not told. If we are killed, the children get SIGTERM. 0; 128 + N when signal N came;
 * STATUS_HOST if a child could not be started, said, or ended() said so. */
int child_runs_do(const struct child_runs *r);
