/* One run as a child process: what child_runs_do() is made of. */
#pragma once
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include "vmm/child_run.h"

/* Signals that end us, and are passed on to children. */
#define NR_CHILD_SIGNALS 3
extern const int child_signals[NR_CHILD_SIGNALS];

struct child {
    pid_t pid; /* 0: the place is free */
    unsigned number;
    uint64_t began_ns;
    FILE *output, *messages, *stats;
};

/* Start a run with these words, and with the signals of mask blocked. 0 or a negative errno, said. */
int child_start(struct child *c, unsigned number, char *const *words, const sigset_t *mask);

/* It ended, and wait_status is of waitpid(). Takes all of *c but its pid. */
struct child_result child_take_result(struct child *c, int wait_status);
