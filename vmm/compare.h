/* `faultvisor compare`: one program in each mode, the counts side by side. */
#pragma once

/* argv[0] is the command. Returns the exit status: 0, 1 when outputs or exit statuses differ, or one of
 * options.h. */
int compare_command(int argc, char **argv);
