/* The command line of `faultvisor compare`. */
#include <stdio.h>
#include <string.h>
#include "vmm/compare_parts.h"
#include "vmm/error.h"

#define DEFAULT_TIMEOUT "600"

static const char *const format_names[NR_FORMATS + 1] = { "table", "json", "csv", "markdown", NULL };

enum { OPT_MODES = 1000, OPT_FORMAT, OPT_SHOW_OUTPUT };

static const struct option own_options[] = {
    { "modes", required_argument, NULL, OPT_MODES },
    { "format", required_argument, NULL, OPT_FORMAT },
    { "show-output", no_argument, NULL, OPT_SHOW_OUTPUT },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static const char *const refused[] = { "mode", "stats", "stats-json", "trace", NULL };

static void print_help(void)
{
    puts("Usage: faultvisor compare [OPTION]... [RUN OPTION]... -- PROGRAM [ARGUMENT]...\n"
         "Run PROGRAM once in each mode, check that its output and exit status are the\n"
         "same, and print the counts side by side: faults by class, exits per fault, exits\n"
         "by cause, disk requests, KVM's own counters, time per fault, and the ratio of\n"
         "each to the first mode.\n"
         "\n"
         "      --modes LIST     the modes, with commas between (default: all); the first\n"
         "                       is what ratios refer to\n"
         "      --format FORMAT  table (default), json, csv or markdown\n"
         "      --show-output    print the program's output, of the first mode that runs\n"
         "                       here, before the table (not with json or csv); it is\n"
         "                       only compared otherwise\n"
         "\n"
         "Options of run say what the guest is like: --memory, --disk, --swap, --policy\n"
         "and the others; 'faultvisor run --help' tells them. Each run ends after\n"
         "--timeout seconds (default 600; 0: never).\n"
         "\n"
         "A mode that cannot run on this machine is shown with the reason, and the others\n"
         "are compared. Counts are the result; times are a footnote, and hold for the\n"
         "substrate (what KVM itself stands on) that is named with them.\n"
         "\n"
         "Exit status: 0 the outputs and exit statuses agree, 1 they do not, else as for\n"
         "run, of the first run that failed (whatever the exit status of PROGRAM is).\n"
         "\n"
         "Example:\n"
         "  faultvisor compare --modes pv,fv --memory 4M --disk sample.tar \\\n"
         "      -- /bin/sha256 /data/big");
}

static bool take_own(void *arg, int option, const char *value)
{
    struct compare *c = arg;
    switch (option) {
    case OPT_MODES:
        return word_list_parse(&c->modes, "modes", value, options_modes);
    case OPT_FORMAT:
        for (int i = 0; i < NR_FORMATS; i++)
            if (!strcmp(value, format_names[i])) {
                c->format = i;
                return true;
            }
        fail(0, "--format %s: expected one of table, json, csv, markdown", value);
        return false;
    default:
        c->show_output = true;
        return true;
    }
}

/* What a program reads must be nothing else. */
static bool output_fits_format(const struct compare *c)
{
    if (!c->show_output || (c->format != FORMAT_JSON && c->format != FORMAT_CSV))
        return true;
    fail(0, "--show-output: the program's output would stand before the %s, and spoil it; take another --format",
         c->format == FORMAT_JSON ? "JSON" : "CSV");
    return false;
}

int compare_options_parse(struct compare *c, int argc, char **argv)
{
    int end = run_words_parse(&c->words, argc, argv, own_options, take_own, c);
    if (end == 1)
        print_help();
    if (end)
        return end;
    for (int i = 0; refused[i]; i++)
        if (run_words_have(&c->words, refused[i])) {
            fail(0, "--%s is no option of compare: it runs the modes of --modes, and prints the counts of all",
                 refused[i]);
            fputs("Try 'faultvisor compare --help'.\n", stderr);
            return STATUS_USAGE + 1;
        }
    if (!output_fits_format(c))
        return STATUS_USAGE + 1;
    if (!c->modes.count)
        word_list_set(&c->modes, options_modes);
    if (!run_words_have(&c->words, "timeout") && !run_words_add(&c->words, "timeout", DEFAULT_TIMEOUT))
        return STATUS_HOST + 1;
    return run_words_check(&c->words, &c->options);
}
