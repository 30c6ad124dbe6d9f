/* The grid of a sweep: axes, and points, which are numbered. */
#pragma once
#include <jansson.h>
#include "vmm/run_words.h"
#include "vmm/word_list.h"

/* The first varies slowest. */
enum sweep_axis { AXIS_MEMORY, AXIS_SWAP, AXIS_POLICY, AXIS_MODE, NR_AXES };

struct sweep_grid {
    struct word_list axes[NR_AXES];     /* an axis that was not asked for has no words */
    unsigned repeat_first, repeat_last; /* each point is run so often; the numbers tell the runs apart */
};

/* One point. */
struct sweep_point {
    const char *values[NR_AXES]; /* NULL: not an axis; in the grid */
    unsigned repeat;
};

#define MAX_SWEEP_POINTS 10000

/* The option for run, and the coordinate in the results: "memory", "swap", "policy", "mode". */
const char *sweep_axis_name(enum sweep_axis axis);

/* The words of an axis. Sizes are written in one way from then on (4096K is 4M). False: wrong, told. */
bool sweep_grid_set_axis(struct sweep_grid *g, enum sweep_axis axis, const char *text);
/* "3": runs 1 to 3; "3-3": only the third. */
bool sweep_grid_set_repeat(struct sweep_grid *g, const char *text);
void sweep_grid_free(struct sweep_grid *g);

/* How many points, repetitions counted. More than MAX_SWEEP_POINTS: too many. */
unsigned long sweep_grid_count(const struct sweep_grid *g);
struct sweep_point sweep_grid_point(const struct sweep_grid *g, unsigned i);

/* What tells this run from all others, as it stands in its line of the results: the coordinates, "options",
 * "program". w: what all points share. Two are equal if and only if their JSON is. The caller owns it. */
json_t *sweep_point_json(const struct sweep_point *p, const struct run_words *w);

/* The words of `faultvisor run` for it. NULL: no memory, told. free() the array, not the words: they are
 * those of *w, and axis_words. */
#define SWEEP_WORD_BYTES 80
char **sweep_point_words(const struct sweep_point *p, const struct run_words *w,
                         char axis_words[NR_AXES][SWEEP_WORD_BYTES]);

/* Only the words that the coordinates are: "--memory=4M". How many. */
unsigned sweep_point_axis_words(const struct sweep_point *p, char axis_words[NR_AXES][SWEEP_WORD_BYTES]);
