/* The parts of a report's page. What cannot be written shows in ferror(to). */
#pragma once
#include <stdio.h>
#include "vmm/page_subject.h"

/* Counts of the runs, side by side; nothing if there is none that is no sweep. 0 or a negative errno, said.
 */
int page_write_side_by_side(FILE *to, const struct page_subject *s);

/* Every run, a row each. */
void page_write_all_runs(FILE *to, const struct page_data *d);

/* Pictures of one subject: exits per fault, time of a fault, where the time of the run goes. */
void page_write_fault_figures(FILE *to, const struct page_subject *s);

/* Faults over memory size, for each policy; nothing if there is no sweep in which they are counted. 0 or a negative errno,
 * said. */
int page_write_sweep_figures(FILE *to, const struct page_subject *s);

/* Pictures of a trace: faults over time, where the time of a fault goes. 0 or a negative errno, said: the
 * file is no trace, too. */
int page_write_trace(FILE *to, const char *path);

/* A figure: a caption, then what is drawn by the caller, then the end. */
void page_open_figure(FILE *to, const char *caption);
void page_close_figure(FILE *to);

/* The page. 0 or a negative errno, said. */
int page_write(FILE *to, const struct page_data *d);
