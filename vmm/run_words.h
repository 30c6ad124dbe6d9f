/* The command line of a command that takes the options of run besides its own (compare, sweep). Its own are
 * handed to it; those of run are checked, and kept as words for the child processes that do the runs. */
#pragma once
#include "vmm/options.h"

#define MAX_RUN_WORDS 64

/* Takes one of the command's own options. False: it was wrong, and that was told. */
typedef bool take_option_fn(void *arg, int option, const char *value);

struct run_words {
    unsigned nr_words;
    char *words[MAX_RUN_WORDS]; /* "--memory=4M": owned */
    int nr_program;
    char **program; /* and its arguments, in argv, which ends with NULL */
};

/* Parse argv, whose first word is the command, as "faultvisor sweep". own: its options, ending with a row of zeros, with values as
 * for getopt_long; where a value is one of run's (its --mode), the command takes that option from run. 0: *w
 * is filled; otherwise as options_parse, and 1 for --help, which the command then prints itself. */
int run_words_parse(struct run_words *w, int argc, char **argv, const struct option *own,
                    take_option_fn *take, void *arg);

/* One more option for run. False: there is no room or memory, told. */
bool run_words_add(struct run_words *w, const char *name, const char *value);

/* Is run's option name there? */
bool run_words_have(const struct run_words *w, const char *name);

/* Let run's own parser judge words and program. *o is filled (its pointers point into *w). 0 or as
 * options_parse. */
int run_words_check(const struct run_words *w, struct options *o);

void run_words_free(struct run_words *w);
