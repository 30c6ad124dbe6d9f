/* The guest kernel's command line, the same in all modes: guest/command_line.h says how it reads. */
#pragma once
#include "vmm/options.h"

/* The command line of a run. -E2BIG, said, if it does not fit into size bytes. */
int guest_cmdline_format(const struct options *o, char *to, uint64_t size);
