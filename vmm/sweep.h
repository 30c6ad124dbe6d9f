/* `faultvisor sweep`: a program at every point of a grid of modes, memory sizes, policies and swap sizes. */
#pragma once

/* argv[0] is the command. Returns the exit status: 0, 1 when a run failed, or one of options.h. */
int sweep_command(int argc, char **argv);
