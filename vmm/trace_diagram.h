/* One fault as a sequence diagram: rows in the order of time, for the terminal and for SVG. */
#pragma once
#include <stdio.h>
#include "vmm/trace_pick.h"

/* A row is an arrow from one lane to another, or something that happens in one (from == to). */
struct diagram_row {
    uint64_t ns; /* since the fault began */
    enum trace_lane from, to;
    bool by_monitor; /* the arrow passes the monitor, which does its part */
    unsigned times;  /* so often in a row */
    char text[48];
};

struct diagram {
    char title[160], subtitle[160], error[160], summary[160];
    char reason[160]; /* why this fault; empty if it was asked for */
    struct diagram_row *rows;
    size_t count;
};

/* Make it from a story that was found. 0 or -ENOMEM, said. diagram_free, whatever the result. */
int diagram_build(struct diagram *d, const struct trace_origin *origin, const struct trace_story *story);
void diagram_free(struct diagram *d);

/* Is the lane at work after row i? (Before the first: the program.) */
bool diagram_lane_works(const struct diagram *d, size_t row, enum trace_lane lane);

/* To a terminal or file, in lines of at most width columns, if it is 80 or more. */
void diagram_print(const struct diagram *d, FILE *to, unsigned width, bool utf8);

/* All of them, one below the other, as one SVG picture; path "-" is standard output. 0 or a negative errno, said. */
int diagram_write_svg(const struct diagram *list, size_t count, const char *path);
