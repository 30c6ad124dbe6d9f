/* Reading of a trace, one event after the other: the file may be larger than memory, and is not trusted. */
#pragma once
#include "vmm/trace_write.h"

/* What the file says of its run; printable ASCII, cut off where it is longer. */
struct trace_origin {
    char mode[16], substrate[64], program[160];
};

/* An event; only EXIT, STEP, DISK, WORK and FAULT are passed on, and times are from the start of the run.
 * False: stop reading; whoever stops has told why. */
typedef bool trace_visitor(void *arg, const struct trace_record *r);

/* Read the whole file. 0, or a negative errno, said. */
int trace_read(const char *path, struct trace_origin *origin, trace_visitor *visit, void *arg);
