/* What a report is made of: runs (of run --stats-json, compare, sweep), read from files that are not trusted
 * into plain numbers, once. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "vmm/ledger.h"

#define PAGE_MODE_BYTES    16
#define PAGE_PROGRAM_BYTES 160

/* Of faults of one class, or of system calls, or of the timer. */
struct page_tally {
    uint64_t count, exits, min, max, ns;
    double p10_ns, median_ns, p90_ns; /* not whole numbers: they may be means */
};

struct page_run {
    char mode[PAGE_MODE_BYTES], policy[16], swap[24], substrate[48], program[PAGE_PROGRAM_BYTES];
    uint64_t memory_bytes; /* 0: not told */
    uint64_t exits, wall_ns, start_ns;
    int64_t status;
    struct page_tally faults[NR_FAULT_CLASSES], system_calls, timer;
    bool of_sweep;     /* a point of a grid */
    unsigned order;    /* place in the files */
    char failure[200]; /* why faultvisor could not do it, or not to its end; or "" */
    json_t *json;      /* all that was in the file; of a sweep, point. Owned */
    json_t *point;     /* of a sweep: the run's identity; borrowed */
};

struct page_data {
    struct page_run *runs;
    unsigned nr_runs;
    const char **traces; /* paths of files that are traces; borrowed */
    unsigned nr_traces;
};

/* Read one more file. What it is shows in what it holds: the JSON of a run, the JSON of compare, the lines of
 * a sweep, a trace (of which only the path is kept). 0 or a negative errno, said: the file cannot be read, or
 * holds something else. */
int page_data_read(struct page_data *d, const char *path);

/* Of the lines of a sweep that are for the same run, keep the last. */
void page_data_drop_repeated(struct page_data *d);

/* Sweeps come after other runs, and in the order of their grid, in whatever order they were done: by program,
 * swap, mode, memory and policy. */
void page_data_sort(struct page_data *d);

void page_data_free(struct page_data *d);

/* Did faultvisor do it to its end? If not, its counts, if there are any, are not to be compared. */
bool page_run_is_done(const struct page_run *r);

/* The policy as it is shown: "default" where none was asked for. */
const char *page_run_policy(const struct page_run *r);

/* All faults of a run. */
uint64_t page_run_faults(const struct page_run *r);

/* Fill *r from the JSON of a run. 0; or a constant text says what is wrong with it. */
const char *page_run_from_json(struct page_run *r, const json_t *o);

/* Fill *r from a result of compare that failed. like: the JSON of a run of the same comparison, which tells what was
 * run; or NULL. */
void page_run_from_failed(struct page_run *r, const json_t *result, const json_t *like);
