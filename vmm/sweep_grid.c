#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/json_text.h"
#include "vmm/size.h"
#include "vmm/sweep_grid.h"

#define MOST_REPEATS 1000

static const char *const axis_names[NR_AXES] = {
    [AXIS_MEMORY] = "memory",
    [AXIS_SWAP] = "swap",
    [AXIS_POLICY] = "policy",
    [AXIS_MODE] = "mode",
};

const char *sweep_axis_name(enum sweep_axis axis)
{
    return axis_names[axis];
}

/* One way to write each size, so that a run is known again. */
static bool write_sizes_alike(struct word_list *l, const char *option)
{
    char text[MAX_LIST_WORDS * SIZE_TEXT_BYTES] = "", size[SIZE_TEXT_BYTES];
    uint64_t bytes;
    for (unsigned i = 0; i < l->count; i++) {
        if (size_parse(l->words[i], &bytes) < 0) {
            fail(0, "--%s %s: expected sizes like 4M, with commas between", option, l->words[i]);
            return false;
        }
        size_format(bytes, size);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "," : "", size);
    }
    return word_list_parse(l, option, text, NULL);
}

bool sweep_grid_set_axis(struct sweep_grid *g, enum sweep_axis axis, const char *text)
{
    struct word_list *l = &g->axes[axis];
    switch (axis) {
    case AXIS_MODE:
        return word_list_parse(l, "modes", text, options_modes);
    case AXIS_POLICY:
        return word_list_parse(l, "policy", text, options_policies);
    default:
        return word_list_parse(l, axis_names[axis], text, NULL) && write_sizes_alike(l, axis_names[axis]);
    }
}

bool sweep_grid_set_repeat(struct sweep_grid *g, const char *text)
{
    unsigned first = 1, last = 0;
    char rest = 0;
    bool good = text[0] >= '0' && text[0] <= '9' &&
                ((sscanf(text, "%4u-%4u%c", &first, &last, &rest) == 2) ||
                 (first = 1, sscanf(text, "%4u%c", &last, &rest) == 1));
    if (!good || first < 1 || last < first || last > MOST_REPEATS) {
        fail(0, "--repeat %s: expected a number up to %d, or FIRST-LAST", text, MOST_REPEATS);
        return false;
    }
    g->repeat_first = first;
    g->repeat_last = last;
    return true;
}

void sweep_grid_free(struct sweep_grid *g)
{
    for (int axis = 0; axis < NR_AXES; axis++)
        word_list_free(&g->axes[axis]);
}

/* An axis without words has one place: where run's default is. */
static unsigned places(const struct word_list *l)
{
    return l->count ? l->count : 1;
}

static unsigned repeats(const struct sweep_grid *g)
{
    return g->repeat_last - g->repeat_first + 1;
}

unsigned long sweep_grid_count(const struct sweep_grid *g)
{
    unsigned long count = repeats(g);
    for (int axis = 0; axis < NR_AXES; axis++)
        count *= places(&g->axes[axis]);
    return count;
}

/* A number whose digits have as many values as the axes have places; the repetitions are the highest digit.
 */
struct sweep_point sweep_grid_point(const struct sweep_grid *g, unsigned i)
{
    struct sweep_point p = { 0 };
    for (int axis = NR_AXES - 1; axis >= 0; axis--) {
        const struct word_list *l = &g->axes[axis];
        p.values[axis] = l->count ? l->words[i % l->count] : NULL;
        i /= places(l);
    }
    p.repeat = g->repeat_first + i;
    return p;
}

json_t *sweep_point_json(const struct sweep_point *p, const struct run_words *w)
{
    json_t *o = json_object(), *options = json_array(), *program = json_array();
    for (int axis = 0; axis < NR_AXES; axis++)
        if (p->values[axis])
            json_object_set_new(o, axis_names[axis], json_text(p->values[axis]));
    json_object_set_new(o, "repeat", json_integer(p->repeat));
    for (unsigned i = 0; i < w->nr_words; i++)
        json_array_append_new(options, json_text(w->words[i]));
    for (int i = 0; i < w->nr_program; i++)
        json_array_append_new(program, json_text(w->program[i]));
    json_object_set_new(o, "options", options);
    json_object_set_new(o, "program", program);
    return o;
}

unsigned sweep_point_axis_words(const struct sweep_point *p, char axis_words[NR_AXES][SWEEP_WORD_BYTES])
{
    unsigned n = 0;
    for (int axis = 0; axis < NR_AXES; axis++)
        if (p->values[axis])
            snprintf(axis_words[n++], SWEEP_WORD_BYTES, "--%s=%s", axis_names[axis], p->values[axis]);
    return n;
}

char **sweep_point_words(const struct sweep_point *p, const struct run_words *w,
                         char axis_words[NR_AXES][SWEEP_WORD_BYTES])
{
    char **words = calloc(NR_AXES + w->nr_words + (size_t)w->nr_program + 2, sizeof(*words));
    if (!words) {
        fail(ENOMEM, "cannot prepare a run");
        return NULL;
    }
    unsigned n = sweep_point_axis_words(p, axis_words);
    for (unsigned i = 0; i < n; i++)
        words[i] = axis_words[i];
    for (unsigned i = 0; i < w->nr_words; i++)
        words[n++] = w->words[i];
    words[n++] = "--";
    for (int i = 0; i < w->nr_program; i++)
        words[n++] = w->program[i];
    return words;
}
