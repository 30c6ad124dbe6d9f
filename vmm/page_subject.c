#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/page_subject.h"

static void add_tally(struct page_tally *sum, const struct page_tally *t)
{
    if (!t->count)
        return;
    double all = (double)sum->count + (double)t->count, old = (double)sum->count / all,
           new = (double)t->count / all;
    sum->p10_ns = sum->p10_ns * old + t->p10_ns * new;
    sum->median_ns = sum->median_ns * old + t->median_ns * new;
    sum->p90_ns = sum->p90_ns * old + t->p90_ns * new;
    sum->min = !sum->count || t->min < sum->min ? t->min : sum->min;
    sum->max = t->max > sum->max ? t->max : sum->max;
    sum->count += t->count;
    sum->exits += t->exits;
    sum->ns += t->ns;
}

static struct subject_mode *find_mode(struct page_subject *s, const char *mode)
{
    for (unsigned i = 0; i < s->nr_modes; i++)
        if (!strcmp(s->modes[i].mode, mode))
            return &s->modes[i];
    if (s->nr_modes == SUBJECT_MOST_MODES)
        return NULL;
    s->modes[s->nr_modes] = (struct subject_mode){ .mode = mode };
    return &s->modes[s->nr_modes++];
}

/* Modes beyond the most are left out of the sums; their runs are in the list of all runs. */
static void add_to_mode(struct page_subject *s, const struct page_run *r)
{
    struct subject_mode *m = find_mode(s, r->mode);
    if (!m)
        return;
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        add_tally(&m->faults[i], &r->faults[i]);
    add_tally(&m->system_calls, &r->system_calls);
    add_tally(&m->timer, &r->timer);
    m->nr_runs++;
    m->exits += r->exits;
    m->wall_ns += r->wall_ns;
    m->start_ns += r->start_ns;
}

static void add_up(struct page_subject *s)
{
    bool only_sweep = s->nr_of_sweep == s->nr_runs;
    for (unsigned i = 0; i < s->nr_runs; i++) {
        const struct page_run *r = s->runs[i];
        if (r->of_sweep && !only_sweep)
            continue;
        add_to_mode(s, r);
        s->substrate = s->substrate ? s->substrate : r->substrate;
        s->is_mixed |= strcmp(s->substrate, r->substrate) != 0;
    }
}

/* The text of a program may be cut, so its words decide, where they are known. */
static bool runs_the_same(const struct page_run *a, const struct page_run *b)
{
    const json_t *words = json_object_get(a->json, "program"), *others = json_object_get(b->json, "program");
    return !strcmp(a->program, b->program) && (!words || !others || json_equal(words, others));
}

static struct page_subject *find_subject(struct page_subject *list, unsigned *count, const struct page_run *r)
{
    for (unsigned i = 0; i < *count; i++)
        if (runs_the_same(list[i].runs[0], r))
            return &list[i];
    list[*count] = (struct page_subject){ .program = r->program };
    return &list[(*count)++];
}

static bool take(struct page_subject *s, const struct page_run *r)
{
    if (s->nr_runs % 16 == 0) {
        const struct page_run **runs = reallocarray(s->runs, s->nr_runs + 16, sizeof(*runs));
        if (!runs)
            return false;
        s->runs = runs;
    }
    s->runs[s->nr_runs++] = r;
    s->nr_of_sweep += r->of_sweep;
    return true;
}

int page_subjects_make(const struct page_data *d, struct page_subject **list, unsigned *count)
{
    *count = 0;
    *list = calloc(d->nr_runs + 1u, sizeof(**list));
    bool good = *list;
    for (unsigned i = 0; good && i < d->nr_runs; i++)
        if (page_run_is_done(&d->runs[i]))
            good = take(find_subject(*list, count, &d->runs[i]), &d->runs[i]);
    if (!good)
        return fail(ENOMEM, "cannot sort the runs");
    for (unsigned i = 0; i < *count; i++)
        add_up(&(*list)[i]);
    return 0;
}

void page_subjects_free(struct page_subject *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        free(list[i].runs);
    free(list);
}
