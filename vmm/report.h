/* What a run counted, as JSON and as a table. */
#pragma once
#include <jansson.h>
#include <stdio.h>
#include "vmm/vmm.h"

/* The whole of a run as one JSON object; README says what each field means. NULL if there is no memory; the caller owns it. status: of
 * faultvisor. */
json_t *report_to_json(struct vmm *v, int status);

/* Open the file for it, or standard output for "-": before the run, so that nothing is run whose counts cannot be kept.
 * NULL: said. */
FILE *report_open_json(const char *path);

/* Write it to that file, named path, and close it. 0 or a negative errno, said; not EPIPE of standard output (console.h). */
int report_write_json(struct vmm *v, int status, FILE *to, const char *path);

/* The table of --stats. */
void report_print(struct vmm *v, FILE *to);
