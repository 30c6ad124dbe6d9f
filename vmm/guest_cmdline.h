/* The guest kernel's command line, the same in all modes: guest/command_line.h says how it reads. */
#pragma once
#include "vmm/options.h"

/* The command line of a run. tsc_khz: what a native kernel is told of its time stamp counter, as Linux has it by the same
 * option (tsc_early_khz); not told if it is not positive. -E2BIG, said, if it does not fit into size bytes. */
int guest_cmdline_format(const struct options *o, int tsc_khz, char *to, uint64_t size);
