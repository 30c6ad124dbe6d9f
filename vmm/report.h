/* What a run counted, as JSON and as a table. */
#pragma once
#include <jansson.h>
#include <stdio.h>
#include "vmm/vmm.h"

/* The whole of a run as one JSON object; README says what each field means. NULL if there is no memory; the caller owns it. status: of
 * faultvisor. */
json_t *report_to_json(struct vmm *v, int status);

/* Write it to a file, or to standard output for "-". 0 or a negative errno, said. */
int report_write_json(struct vmm *v, int status, const char *path);

/* The table of --stats. */
void report_print(struct vmm *v, FILE *to);
