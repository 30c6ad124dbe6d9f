/* faultvisor compare: the runs, one after the other, so that they do not disturb each other's times. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "vmm/clock.h"
#include "vmm/compare.h"
#include "vmm/compare_parts.h"
#include "vmm/error.h"
#include "vmm/progress.h"

#define GRACE_S       30 /* for a run that does not heed its --timeout */
#define STATUS_DIFFER 1

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

/* Of a failure for the whole: a mode that cannot be had here is none, if another can. */
int compare_status(const struct compare *c)
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

int compare_command(int argc, char **argv)
{
    static struct compare c;
    int end = compare_options_parse(&c, argc, argv);
    int status = end ? end - 1 : do_runs(&c);
    if (!end && !status)
        status = compare_tell(&c) < 0 ? STATUS_HOST : compare_status(&c);
    for (unsigned i = 0; i < c.modes.count; i++)
        child_result_free(&c.results[i]);
    run_words_free(&c.words);
    word_list_free(&c.modes);
    return status;
}
