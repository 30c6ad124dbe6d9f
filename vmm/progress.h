/* A line that says how far we are: on a terminal, and nowhere else. */
#pragma once

/* Put text in the place of the line before, on standard error, if that is a terminal. Text that is too long
 * is cut. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Take the line away, before anything else is printed. */
void progress_clear(void);
