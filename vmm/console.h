/* Where the guest's output goes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* stream: enum pv_console_stream. A program's output goes to standard output, its errors and (unless quiet) the kernel's messages to
 * standard error. 0, or a negative errno, said once; not EPIPE: who reads no more wants no more, as of any program in a pipe.
 * What is not written yet when the run is to stop (clock_stop_signal) is lost. */
int console_write(bool quiet, unsigned stream, const void *data, uint64_t bytes);

/* The errno of the first output of a program that could not be written, or 0. */
int console_error(void);
