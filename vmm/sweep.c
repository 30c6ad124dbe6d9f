/* faultvisor sweep.
 *   1. the points that are left to do
 *   2. as commands (--dry-run)
 *   3. as runs, some at a time */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/child_run.h"
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/json_text.h"
#include "vmm/progress.h"
#include "vmm/shell_quote.h"
#include "vmm/sweep.h"
#include "vmm/sweep_file.h"
#include "vmm/sweep_options.h"

#define GRACE_S       30 /* for a run that does not heed its --timeout */
#define STATUS_FAILED 1

struct sweep {
    struct sweep_options options;
    struct sweep_file file;
    unsigned *todo, nr_todo; /* numbers of points */
    unsigned nr_done, nr_failed, nr_unhappy; /* unhappy: the program ended with another status than 0 */
    int first_status;                        /* the first of those, and the last that was said there */
    char first_said[CHILD_REASON_BYTES];
    uint64_t began_ns;
    struct run_words words; /* of the options, and a limit of time */
    char axis_words[NR_AXES][SWEEP_WORD_BYTES];
    char **argv; /* of the run that is being started */
};

/* 1. What is left. */

static json_t *key_of(const struct sweep *s, unsigned point)
{
    struct sweep_point p = sweep_grid_point(&s->options.grid, point);
    return sweep_point_json(&p, &s->options.words);
}

/* Each run that is not there is ours from now on, or another sweep's already; what that one has done in the meantime is read. */
static int claim_points(struct sweep *s)
{
    unsigned count = (unsigned)sweep_grid_count(&s->options.grid), taken = 0;
    for (unsigned point = 0; point < count; point++) {
        json_t *key = key_of(s, point);
        if (!sweep_file_has(&s->file, key) && !sweep_file_claim(&s->file, key))
            taken++;
        json_decref(key);
    }
    if (taken)
        return fail_as(EBUSY,
                       "another sweep is doing %u of the %u runs, for %s; wait until it has ended, or give another file with -o",
                       taken, count, s->file.path);
    return sweep_file_read(&s->file, s->options.retry_failed);
}

static int find_todo(struct sweep *s)
{
    unsigned count = (unsigned)sweep_grid_count(&s->options.grid);
    s->todo = calloc(count, sizeof(*s->todo));
    if (!s->todo)
        return fail(ENOMEM, "cannot list the runs");
    for (unsigned point = 0; point < count; point++) {
        json_t *key = key_of(s, point);
        if (!sweep_file_has(&s->file, key))
            s->todo[s->nr_todo++] = point;
        json_decref(key);
    }
    return 0;
}

/* 2. Commands. */

static void print_option(const char *name, const char *value)
{
    printf(" --%s=", name);
    shell_quote(value, stdout);
}

/* A sweep of one point, which appends its line and is nothing if that is there. */
static void print_command(const struct sweep *s, unsigned point)
{
    const struct sweep_options *o = &s->options;
    struct sweep_point p = sweep_grid_point(&o->grid, point);
    char repeat[32];
    shell_quote(program_invocation_name, stdout);
    fputs(" sweep", stdout);
    for (int axis = 0; axis < NR_AXES; axis++)
        if (p.values[axis])
            print_option(axis == AXIS_MODE ? "modes" : sweep_axis_name(axis), p.values[axis]);
    snprintf(repeat, sizeof(repeat), "%u-%u", p.repeat, p.repeat);
    print_option("repeat", repeat);
    for (unsigned i = 0; i < o->words.nr_words; i++) {
        putchar(' ');
        shell_quote(o->words.words[i], stdout);
    }
    if (o->retry_failed)
        fputs(" --retry-failed", stdout);
    print_option("output", o->path);
    fputs(" --", stdout);
    for (int i = 0; i < o->words.nr_program; i++) {
        putchar(' ');
        shell_quote(o->words.program[i], stdout);
    }
    putchar('\n');
}

static int print_commands(const struct sweep *s)
{
    for (unsigned i = 0; i < s->nr_todo; i++)
        print_command(s, s->todo[i]);
    if (fflush(stdout) == EOF || ferror(stdout)) {
        fail(errno, "cannot write the commands to standard output");
        return STATUS_HOST;
    }
    return 0;
}

/* 3. Runs. */

static char *const *words_of(void *arg, unsigned i)
{
    struct sweep *s = arg;
    struct sweep_point p = sweep_grid_point(&s->options.grid, s->todo[i]);
    free(s->argv);
    s->argv = sweep_point_words(&p, &s->words, s->axis_words);
    return s->argv;
}

static json_t *line_of(const struct sweep *s, unsigned i, const struct child_result *r)
{
    json_t *line = r->run ? json_incref(r->run)
                          : json_pack("{s:s, s:i}", "faultvisor", FV_VERSION, "exit_status", r->status);
    json_object_set_new(line, "sweep", key_of(s, s->todo[i]));
    if (child_result_failed(r))
        json_object_set_new(line, "failure", json_text(r->reason));
    return line;
}

static bool take_result(void *arg, unsigned i, struct child_result *r)
{
    struct sweep *s = arg;
    json_t *line = line_of(s, i, r);
    s->nr_done++;
    s->nr_failed += child_result_failed(r);
    if (!child_result_failed(r) && r->status && s->nr_unhappy++ == 0) {
        s->first_status = r->status;
        memcpy(s->first_said, r->said, sizeof(s->first_said));
    }
    progress_clear();
    int err = sweep_file_append(&s->file, line);
    json_decref(line);
    child_result_free(r);
    return err == 0;
}

static void show_progress(void *arg, unsigned running, unsigned which)
{
    const struct sweep *s = arg;
    unsigned long long seconds = (clock_now_ns() - s->began_ns) / 1000000000u;
    (void)which;
    if (s->nr_done)
        progress_show("%u of %u runs done, %u running, %u failed, %llu s, about %llu s to go", s->nr_done,
                      s->nr_todo, running, s->nr_failed, seconds,
                      seconds * (s->nr_todo - s->nr_done) / s->nr_done);
    else
        progress_show("0 of %u runs done, %u running, %llu s", s->nr_todo, running, seconds);
}

static unsigned nr_cpus(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);
    return count > 0 ? (unsigned)count : 1;
}

static int do_runs(struct sweep *s)
{
    const struct sweep_options *o = &s->options;
    char timeout[32];
    snprintf(timeout, sizeof(timeout), "--timeout=%u", o->timeout_s);
    s->words = o->words;
    if (!o->has_timeout && s->words.nr_words < MAX_RUN_WORDS)
        s->words.words[s->words.nr_words++] = timeout;
    s->began_ns = clock_now_ns();
    int end = child_runs_do(&(struct child_runs){
        .count = s->nr_todo,
        .at_a_time = o->jobs ? o->jobs : nr_cpus(),
        .limit_s = o->timeout_s ? o->timeout_s + GRACE_S : 0,
        .arg = s,
        .words = words_of,
        .ended = take_result,
        .tick = show_progress,
    });
    progress_clear();
    free(s->argv);
    if (!end && s->nr_unhappy)
        warn("the program ended with another status than 0 in %u of %u runs; at first with %d%s%s", s->nr_unhappy,
             s->nr_done, s->first_status, s->first_said[0] ? ": " : "", s->first_said);
    if (!end && s->nr_failed) {
        fail(0, "%u of %u runs failed; their lines in %s tell why", s->nr_failed, s->nr_done, s->file.path);
        return STATUS_FAILED;
    }
    return end;
}

static int sweep(struct sweep *s)
{
    int err = sweep_file_open(&s->file, s->options.path, s->options.retry_failed);
    if (!err && !s->options.dry_run)
        err = claim_points(s);
    if (err)
        return err == -EINVAL ? STATUS_BAD_INPUT : STATUS_HOST; /* what is in it, or that it cannot be had */
    if (find_todo(s) < 0)
        return STATUS_HOST;
    return s->options.dry_run ? print_commands(s) : do_runs(s);
}

int sweep_command(int argc, char **argv)
{
    static struct sweep s = { .file = { .fd = -1 } };
    int end = sweep_options_parse(&s.options, argc, argv);
    int status = end ? end - 1 : sweep(&s);
    sweep_file_close(&s.file);
    free(s.todo);
    sweep_options_free(&s.options);
    return status;
}
