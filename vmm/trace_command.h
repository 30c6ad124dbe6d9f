/* `faultvisor trace`: what a recorded run says of its faults. argv[0] is the command; returns the exit
 * status. */
#pragma once

int trace_command(int argc, char **argv);
