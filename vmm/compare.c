/* faultvisor compare.
 *   1. the command line
 *   2. the runs, one after the other, so that they do not disturb each other's times
 *   3. do they agree?
 *   4. telling */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm/child_run.h"
#include "vmm/clock.h"
#include "vmm/compare.h"
#include "vmm/error.h"
#include "vmm/json_text.h"
#include "vmm/progress.h"
#include "vmm/run_table.h"
#include "vmm/run_words.h"
#include "vmm/size.h"
#include "vmm/word_list.h"

#define DEFAULT_TIMEOUT "600"
#define GRACE_S         30 /* for a run that does not heed its --timeout */
#define STATUS_DIFFER   1

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV, FORMAT_MARKDOWN, NR_FORMATS };

static const char *const format_names[NR_FORMATS + 1] = { "table", "json", "csv", "markdown", NULL };

struct compare {
    struct word_list modes;
    enum format format;
    bool show_output;
    struct run_words words;
    struct options options;
    struct child_result results[MAX_LIST_WORDS];
    unsigned nr_done;
    uint64_t began_ns;
    char **argv; /* of the run in progress */
    char mode_word[64];
    int disagreements;
};

/* 1. The command line. */

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
    puts("Usage: faultvisor compare [OPTION]... [OPTION OF RUN]... -- PROGRAM [ARGUMENT]...\n"
         "Run PROGRAM once in each mode, check that its output and exit status are the same, and print the "
         "counts\n"
         "side by side: faults by class, exits per fault, exits by cause, disk requests, KVM's own counters, "
         "time per\n"
         "fault, and the ratio of each to the first mode.\n"
         "\n"
         "      --modes LIST       the modes, with commas between (default: all); the first is what ratios "
         "refer to\n"
         "      --format FORMAT    table (default), json, csv or markdown\n"
         "      --show-output      print the program's output, of the first mode, before the table; it is "
         "only\n"
         "                         compared otherwise\n"
         "\n"
         "Options of run say what the guest is like: --memory, --disk, --swap, --policy and the others; "
         "'faultvisor\n"
         "run --help' tells them. Each run ends after --timeout seconds (default 600; 0: never).\n"
         "\n"
         "A mode that cannot run on this machine is shown with the reason, and the others are compared. "
         "Counts are the\n"
         "result; times are a footnote, and hold for the substrate that is named with them.\n"
         "\n"
         "Exit status: 0 the outputs and exit statuses agree, 1 they do not, else as for run, of the first "
         "run that\n"
         "failed (whatever the exit status of PROGRAM is).\n"
         "\n"
         "Example:\n"
         "  faultvisor compare --modes pv,fv --memory 4M --disk sample.tar -- /bin/sha256 /data/big");
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

static int parse(struct compare *c, int argc, char **argv)
{
    int end = run_words_parse(&c->words, argc, argv, own_options, take_own, c);
    if (end == 1)
        print_help();
    if (end)
        return end;
    for (int i = 0; refused[i]; i++)
        if (run_words_have(&c->words, refused[i])) {
            fail(0, "--%s is no option of compare: it runs several modes, and tells the counts of all",
                 refused[i]);
            return STATUS_USAGE + 1;
        }
    if (!c->modes.count)
        word_list_set(&c->modes, options_modes);
    if (!run_words_have(&c->words, "timeout") && !run_words_add(&c->words, "timeout", DEFAULT_TIMEOUT))
        return STATUS_HOST + 1;
    return run_words_check(&c->words, &c->options);
}

/* 2. The runs. */

static char *const *words_of(void *arg, unsigned i)
{
    struct compare *c = arg;
    unsigned n = 0;
    snprintf(c->mode_word, sizeof(c->mode_word), "--mode=%s", c->modes.words[i]);
    c->argv[n++] = c->mode_word;
    for (unsigned w = 0; w < c->words.nr_words; w++)
        c->argv[n++] = c->words.words[w];
    c->argv[n++] = "--";
    for (int w = 0; w < c->words.nr_program; w++)
        c->argv[n++] = c->words.program[w];
    c->argv[n] = NULL;
    return c->argv;
}

static bool take_result(void *arg, unsigned i, struct child_result *r)
{
    struct compare *c = arg;
    c->results[i] = *r;
    c->nr_done++;
    return true;
}

static void show_progress(void *arg, unsigned running, unsigned which)
{
    const struct compare *c = arg;
    (void)running;
    progress_show("mode %s (%u of %u), %llu s", c->modes.words[which], which + 1, c->modes.count,
                  (unsigned long long)((clock_now_ns() - c->began_ns) / 1000000000u));
}

static int do_runs(struct compare *c)
{
    c->argv = calloc(c->words.nr_words + (size_t)c->words.nr_program + 3, sizeof(*c->argv));
    if (!c->argv) {
        fail(ENOMEM, "cannot start runs");
        return STATUS_HOST;
    }
    c->began_ns = clock_now_ns();
    int end = child_runs_do(&(struct child_runs){
        .count = c->modes.count,
        .at_a_time = 1,
        .limit_s = c->options.timeout_s ? c->options.timeout_s + GRACE_S : 0,
        .arg = c,
        .words = words_of,
        .ended = take_result,
        .tick = show_progress,
    });
    progress_clear();
    free(c->argv);
    return end;
}

/* 3. Do they agree? */

static long length_of(FILE *f)
{
    return fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
}

/* The first byte in which they differ, or where one ends; -1: they are the same. */
static long first_difference(FILE *a, FILE *b)
{
    rewind(a);
    rewind(b);
    for (long at = 0;; at++) {
        int byte = getc(a), other = getc(b);
        if (byte != other)
            return at;
        if (byte == EOF)
            return -1;
    }
}

/* The run of other against that of first. */
static void compare_two(struct compare *c, struct table *t, unsigned first, unsigned other)
{
    const struct child_result *a = &c->results[first], *b = &c->results[other];
    const char *mode = c->modes.words[first], *other_mode = c->modes.words[other];
    long at = first_difference(a->output, b->output);
    if (at >= 0)
        table_add_note(t, "%s does NOT print what %s prints: the first difference is at byte %ld.",
                       other_mode, mode, at);
    if (a->status != b->status)
        table_add_note(t, "%s ends with status %d, NOT %d as %s.", other_mode, b->status, a->status, mode);
    if (at < 0 && a->status == b->status)
        table_add_note(t, "%s: the same output and status.", other_mode);
    else
        c->disagreements++;
}

static void add_notes(struct compare *c, struct table *t)
{
    unsigned first = c->modes.count;
    for (unsigned i = 0; i < c->modes.count; i++) {
        const struct child_result *r = &c->results[i];
        const char *mode = c->modes.words[i];
        if (child_result_failed(r)) {
            table_add_note(t, "%s %s: %s.", mode, r->status == STATUS_NO_KVM ? "cannot run here" : "failed",
                           r->reason);
        } else if (first == c->modes.count) {
            table_add_note(t, "%s: %ld bytes of output, exit status %d.", mode, length_of(r->output),
                           r->status);
            first = i;
        } else {
            compare_two(c, t, first, i);
        }
    }
}

/* Of a failure for the whole: a mode that cannot be had here is none, if another can. */
static int status_of_all(const struct compare *c)
{
    bool any = false;
    for (unsigned i = 0; i < c->modes.count; i++) {
        bool failed = child_result_failed(&c->results[i]);
        if (failed && c->results[i].status != STATUS_NO_KVM)
            return c->results[i].status;
        any = any || !failed;
    }
    if (!any)
        return STATUS_NO_KVM;
    return c->disagreements ? STATUS_DIFFER : 0;
}

/* 4. Telling. */

static int make_table(struct compare *c, struct table *t)
{
    struct run_column columns[MAX_LIST_WORDS];
    for (unsigned i = 0; i < c->modes.count; i++) {
        const struct child_result *r = &c->results[i];
        columns[i] = (struct run_column){ c->modes.words[i], child_result_failed(r) ? NULL : r->run };
    }
    int err = run_table_make(t, columns, c->modes.count);
    if (!err)
        add_notes(c, t);
    return err;
}

static void make_title(const struct compare *c, char *title, size_t bytes)
{
    int used = snprintf(title, bytes, "faultvisor compare:");
    for (int i = 0; i < c->words.nr_program && used < (int)bytes; i++)
        used += snprintf(title + used, bytes - (size_t)used, " %s", c->words.program[i]);
    char memory[SIZE_TEXT_BYTES];
    size_format(c->options.memory_bytes, memory);
    if (used < (int)bytes)
        snprintf(title + used, bytes - (size_t)used, " (memory %s)", memory);
}

static json_t *result_json(const char *mode, const struct child_result *r)
{
    json_t *o = json_pack("{s:s, s:i}", "mode", mode, "status", r->status);
    if (child_result_failed(r))
        json_object_set_new(o, "failure", json_text(r->reason));
    json_object_set(o, "run", r->run ? r->run : json_null());
    return o;
}

static void print_json(const struct compare *c, const struct table *t)
{
    json_t *results = json_array();
    for (unsigned i = 0; i < c->modes.count; i++)
        json_array_append_new(results, result_json(c->modes.words[i], &c->results[i]));
    json_t *o = json_pack("{s:s, s:b, s:o, s:o}", "faultvisor", FV_VERSION, "agree", c->disagreements == 0,
                          "compare", results, "table", table_to_json(t));
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
}

static void print_output(const struct compare *c)
{
    char buffer[65536];
    size_t got;
    FILE *from = c->results[0].output;
    rewind(from);
    while ((got = fread(buffer, 1, sizeof(buffer), from)) > 0)
        fwrite(buffer, 1, got, stdout);
}

static void print_table(const struct compare *c, const struct table *t)
{
    char title[256];
    make_title(c, title, sizeof(title));
    switch (c->format) {
    case FORMAT_JSON:
        print_json(c, t);
        break;
    case FORMAT_CSV:
        table_print_csv(t, stdout);
        break;
    case FORMAT_MARKDOWN:
        table_print_markdown(t, title, stdout);
        break;
    default:
        table_print_text(t, title, stdout);
    }
}

static int tell(struct compare *c)
{
    struct table t;
    int err = make_table(c, &t);
    if (!err) {
        if (c->show_output)
            print_output(c);
        print_table(c, &t);
    }
    table_free(&t);
    if (err)
        return STATUS_HOST;
    if (fflush(stdout) == EOF || ferror(stdout)) {
        fail(0, "cannot write the table to standard output");
        return STATUS_HOST;
    }
    return status_of_all(c);
}

int compare_command(int argc, char **argv)
{
    static struct compare c;
    int end = parse(&c, argc, argv);
    int status = end ? end - 1 : do_runs(&c);
    if (!end && !status)
        status = tell(&c);
    for (unsigned i = 0; i < c.modes.count; i++)
        child_result_free(&c.results[i]);
    run_words_free(&c.words);
    word_list_free(&c.modes);
    return status;
}
