/* Which faults of a trace to look at, and all that belongs to them. */
#pragma once
#include <stddef.h>
#include "vmm/trace_read.h"

/* What is kept of every fault. */
struct trace_fault {
    uint32_t number, exits, class;
    uint64_t duration_ns;
};

/* All faults of a trace, in the order in which they ended. */
struct trace_faults {
    struct trace_fault *list;
    size_t count, room;
};

/* The events of one fault. */
struct trace_story {
    uint32_t number;
    /* Why this one: among so many faults of its class, so many with its number of exits. 0: it was asked for.
     */
    size_t of_class, alike;
    struct trace_record fault; /* its span */
    bool found;
    struct trace_record *events; /* the others, as they are in the file */
    size_t count, room;
};

/* List all faults. 0 or a negative errno, said. free(faults->list) whatever the result. */
int trace_list_faults(const char *path, struct trace_origin *origin, struct trace_faults *faults);

/* The typical fault of a class: among those with the most common number of exits, the one with the median
 * time. False: there is no fault of this class. Sorts the list. */
bool trace_pick_typical(struct trace_faults *faults, int class, struct trace_story *story);

/* Read the events of these faults. A story that is not found is no error. 0 or a negative errno, said.
 * trace_story_free(), whatever the result. */
int trace_read_stories(const char *path, struct trace_origin *origin, struct trace_story *stories,
                       size_t count);
void trace_story_free(struct trace_story *story);
