/* `faultvisor run`. */
#pragma once
#include "vmm/options.h"

/* Run the program; returns the exit status of faultvisor. */
int run_command(const struct options *o);
