/* `faultvisor report`: a page of tables and pictures, of files with results. */
#pragma once

/* argv[0] is the command. Returns the exit status, as in options.h. */
int report_command(int argc, char **argv);
