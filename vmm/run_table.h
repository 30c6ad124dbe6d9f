/* The counts of several runs of one program, side by side: a column for each run, and then, for each but the
 * first, a column with its ratio to the first. */
#pragma once
#include <jansson.h>
#include "vmm/table.h"

struct run_column {
    const char *name; /* mostly the mode */
    const json_t
        *run; /* what run --stats-json wrote; NULL: that run did not come to an end, its cells are empty */
};

/* What is not in a run is an empty cell; nothing in it is trusted. *t is the caller's to free, after an error
 * too. 0 or a negative errno, said. */
int run_table_make(struct table *t, const struct run_column *columns, unsigned nr_columns);
