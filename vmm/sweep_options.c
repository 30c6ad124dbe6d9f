#include <stdio.h>
#include <stdlib.h>
#include "vmm/error.h"
#include "vmm/sweep_options.h"

#define DEFAULT_TIMEOUT_S 600
#define MOST_JOBS         256

enum { OPT_MODES = 1000, OPT_REPEAT, OPT_DRY_RUN, OPT_AGAIN };

static const struct option own_options[] = {
    { "modes", required_argument, NULL, OPT_MODES },
    { "memory", required_argument, NULL, 'm' },
    { "policy", required_argument, NULL, 'p' },
    { "swap", required_argument, NULL, 's' },
    { "repeat", required_argument, NULL, OPT_REPEAT },
    { "jobs", required_argument, NULL, 'j' },
    { "output", required_argument, NULL, 'o' },
    { "dry-run", no_argument, NULL, OPT_DRY_RUN },
    { "retry-failed", no_argument, NULL, OPT_AGAIN },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static const char *const refused[] = { "mode", "stats", "stats-json", "trace", NULL };

static void print_help(void)
{
    puts("Usage: faultvisor sweep [OPTION]... [RUN OPTION]... -- PROGRAM [ARGUMENT]...\n"
         "Run PROGRAM at every point of a grid, several runs at a time, and write what\n"
         "each counted as one line of JSON, for 'faultvisor report' and other tools.\n"
         "\n"
         "The axes; LIST is words with commas between:\n"
         "      --modes LIST     modes (default pv)\n"
         "  -m, --memory LIST    memory sizes\n"
         "  -p, --policy LIST    policies\n"
         "  -s, --swap LIST      sizes of swap; each run has its own\n"
         "      --repeat N|A-B   each point N times, or only the times A to B of them\n"
         "\n"
         "  -o, --output FILE    append the lines to FILE (default: standard output). Runs\n"
         "                       whose lines are there already are not done again: after\n"
         "                       an interruption, give the same command. Several sweeps\n"
         "                       may write to FILE at once, if no run is of two of them.\n"
         "      --retry-failed   do runs that failed again; a later line holds\n"
         "  -j, --jobs N         runs at a time (default: one for each CPU). Counts do not\n"
         "                       depend on it; for times take 1\n"
         "      --dry-run        run nothing; print a command for each run that is left to\n"
         "                       do, which does it and appends its line: for GNU parallel,\n"
         "                       or many machines\n"
         "\n"
         "Options of run hold for all points; 'faultvisor run --help' tells them. Each run\n"
         "ends after --timeout seconds (default 600; 0: never).\n"
         "\n"
         "A line is the JSON of run --stats-json, with a member \"sweep\": the coordinates,\n"
         "the other options, the program. A run that failed has a member \"failure\" with\n"
         "the reason, and its \"exit_status\".\n"
         "\n"
         "Exit status: 0 every run was done, 1 one of them failed (not: PROGRAM ended with\n"
         "another status than 0), else as for run.\n"
         "\n"
         "Examples:\n"
         "  faultvisor sweep --memory 2M,4M,8M --policy clock,fifo,lru,random --swap 64M \\\n"
         "      --disk sample.tar -o results.jsonl -- /bin/sort /data/text\n"
         "  faultvisor sweep --memory 2M,4M --disk sample.tar --dry-run -o results.jsonl \\\n"
         "      -- /bin/hello | parallel");
}

static bool take_jobs(struct sweep_options *o, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || n < 1 || n > MOST_JOBS) {
        fail(0, "--jobs %s: expected a number from 1 to %d", text, MOST_JOBS);
        return false;
    }
    o->jobs = (unsigned)n;
    return true;
}

static bool take_own(void *arg, int option, const char *value)
{
    struct sweep_options *o = arg;
    switch (option) {
    case OPT_MODES:
        return sweep_grid_set_axis(&o->grid, AXIS_MODE, value);
    case 'm':
        return sweep_grid_set_axis(&o->grid, AXIS_MEMORY, value);
    case 'p':
        return sweep_grid_set_axis(&o->grid, AXIS_POLICY, value);
    case 's':
        return sweep_grid_set_axis(&o->grid, AXIS_SWAP, value);
    case OPT_REPEAT:
        return sweep_grid_set_repeat(&o->grid, value);
    case 'j':
        return take_jobs(o, value);
    case 'o':
        o->path = value;
        return true;
    case OPT_DRY_RUN:
        o->dry_run = true;
        return true;
    default:
        o->retry_failed = true;
        return true;
    }
}

static int usage_error(void)
{
    fputs("Try 'faultvisor sweep --help'.\n", stderr);
    return STATUS_USAGE + 1;
}

/* Every word of the axes is judged by run's parser before anything starts. */
static int check_points(struct sweep_options *o)
{
    unsigned long count = sweep_grid_count(&o->grid);
    if (count > MAX_SWEEP_POINTS) {
        fail(0, "the grid has %lu points; up to %d are taken at once", count, MAX_SWEEP_POINTS);
        return usage_error();
    }
    for (unsigned i = 0; i < count; i++) {
        char axis_words[NR_AXES][SWEEP_WORD_BYTES];
        struct sweep_point p = sweep_grid_point(&o->grid, i);
        struct run_words words = o->words; /* its words stay those of o->words */
        for (unsigned n = sweep_point_axis_words(&p, axis_words); n > 0 && words.nr_words < MAX_RUN_WORDS;
             n--)
            words.words[words.nr_words++] = axis_words[n - 1];
        struct options of_run;
        int end = run_words_check(&words, &of_run);
        if (end)
            return end;
        o->timeout_s = of_run.timeout_s;
    }
    return 0;
}

static int refuse_options(const struct sweep_options *o)
{
    for (int i = 0; refused[i]; i++)
        if (run_words_have(&o->words, refused[i])) {
            fail(0, "--%s is no option of sweep: the axis of modes is --modes, and all counts go to --output",
                 refused[i]);
            return usage_error();
        }
    return 0;
}

static bool is_utf8(const char *word)
{
    json_t *s = json_string(word);
    json_decref(s);
    return s != NULL;
}

/* The lines are JSON, where words that are no UTF-8 would be alike; and by its words a run is known again. */
static int refuse_words(const struct sweep_options *o)
{
    bool good = true;
    for (unsigned i = 0; i < o->words.nr_words; i++)
        good = good && is_utf8(o->words.words[i]);
    for (int i = 0; i < o->words.nr_program; i++)
        good = good && is_utf8(o->words.program[i]);
    if (good)
        return 0;
    fail(0, "a word is not UTF-8: a sweep could not tell its runs from others");
    return usage_error();
}

int sweep_options_parse(struct sweep_options *o, int argc, char **argv)
{
    *o = (struct sweep_options){ .path = "-", .grid = { .repeat_first = 1, .repeat_last = 1 } };
    int end = run_words_parse(&o->words, argc, argv, own_options, take_own, o);
    if (end == 1)
        print_help();
    if (!end)
        end = refuse_options(o);
    if (!end)
        end = refuse_words(o);
    if (!end && !o->grid.axes[AXIS_MODE].count && !sweep_grid_set_axis(&o->grid, AXIS_MODE, "pv"))
        end = STATUS_HOST + 1;
    if (!end)
        end = check_points(o);
    o->has_timeout = run_words_have(&o->words, "timeout");
    if (!o->has_timeout)
        o->timeout_s = DEFAULT_TIMEOUT_S;
    return end;
}

void sweep_options_free(struct sweep_options *o)
{
    run_words_free(&o->words);
    sweep_grid_free(&o->grid);
}
