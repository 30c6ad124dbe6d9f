/* The file that a command writes its result to; "-" is standard output. */
#pragma once
#include <stdio.h>

/* what: the result's name in messages, as "the page". NULL: it cannot be opened, said. */
FILE *output_open(const char *path, const char *what);

/* Write out what is buffered, and close what output_open opened. error: the errno of a write that failed before, or 0. 0 or a negative
 * errno, said. */
int output_close(FILE *to, int error, const char *path, const char *what);
