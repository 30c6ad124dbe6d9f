/* The runs of a report, sorted by what they ran, and added up by mode. */
#pragma once
#include "vmm/page_data.h"

#define SUBJECT_MOST_MODES 8

/* What the runs of one mode counted together. Medians and other quantiles are means of those of the runs,
 * weighted by how many events each had. */
struct subject_mode {
    const char *mode;
    unsigned nr_runs;
    struct page_tally faults[NR_FAULT_CLASSES], system_calls, timer;
    uint64_t exits, wall_ns, start_ns;
};

/* One program, with its arguments. */
struct page_subject {
    const char *program;
    const struct page_run **runs; /* those that were done; borrowed, but the list */
    unsigned nr_runs, nr_of_sweep;
    struct subject_mode modes[SUBJECT_MOST_MODES]; /* in the order of the files; of the runs that are no
                                                      sweep, if there are any */
    unsigned nr_modes;
    const char *substrate; /* of the first run that is in the sums */
    bool is_mixed;         /* there are runs on others in them */
};

/* A list of the subjects, in the order of the files. 0 or -ENOMEM, said. Free it with page_subjects_free. */
int page_subjects_make(const struct page_data *d, struct page_subject **list, unsigned *count);
void page_subjects_free(struct page_subject *list, unsigned count);
