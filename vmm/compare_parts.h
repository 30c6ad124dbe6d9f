/* The parts of `faultvisor compare`: its command line, what it found, and how that is told. */
#pragma once
#include "vmm/child_run.h"
#include "vmm/run_words.h"
#include "vmm/word_list.h"

enum compare_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV, FORMAT_MARKDOWN, NR_FORMATS };

struct compare {
    struct word_list modes;
    enum compare_format format;
    bool show_output;
    struct run_words words;
    struct options options;                      /* of run, as its parser understood the words */
    struct child_result results[MAX_LIST_WORDS]; /* of each mode */
    int disagreements; /* modes whose output or status is not that of the first that ran */
    uint64_t began_ns;
    char **argv; /* of the run in progress */
    char mode_word[64];
};

/* 0, or as options_parse: what to exit with, and 1 more. */
int compare_options_parse(struct compare *c, int argc, char **argv);

/* Once that is known: what to exit with. */
int compare_status(const struct compare *c);

/* Compare the results, and print the table to standard output. 0 or a negative errno, said. */
int compare_tell(struct compare *c);
