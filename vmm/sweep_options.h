/* The command line of `faultvisor sweep`. */
#pragma once
#include "vmm/sweep_grid.h"

struct sweep_options {
    struct sweep_grid grid;
    struct run_words words; /* what all points share, as given */
    const char *path;       /* results; "-": standard output */
    unsigned jobs;          /* runs at a time; 0: one for each CPU */
    bool dry_run, retry_failed;
    bool has_timeout;   /* it was given */
    unsigned timeout_s; /* of one run; 0: none */
};

/* Every point is judged by run's own parser. 0, or as options_parse: what to exit with, and 1 more. Free *o
 * in any case. */
int sweep_options_parse(struct sweep_options *o, int argc, char **argv);
void sweep_options_free(struct sweep_options *o);
