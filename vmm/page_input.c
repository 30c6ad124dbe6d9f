/* Files of a report.
 *   1. lists that grow
 *   2. objects: a run, the runs of compare
 *   3. files: what are they? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "vmm/error.h"
#include "vmm/options.h"
#include "vmm/page_data.h"

#define MOST_RUNS     20000
#define MOST_COMPARED 32

/* 1. Lists. */

static struct page_run *add_run(struct page_data *d)
{
    if (d->nr_runs == MOST_RUNS) {
        fail(0, "there are more than %d runs", MOST_RUNS);
        return NULL;
    }
    struct page_run *runs = d->runs;
    if (d->nr_runs % 64 == 0)
        runs = reallocarray(runs, d->nr_runs + 64, sizeof(*runs));
    if (!runs) {
        fail(ENOMEM, "cannot keep a run");
        return NULL;
    }
    d->runs = runs;
    return &d->runs[d->nr_runs++];
}

static int add_trace(struct page_data *d, const char *path)
{
    const char **traces = reallocarray(d->traces, d->nr_traces + 1, sizeof(*traces));
    if (!traces)
        return fail(ENOMEM, "cannot keep the name of a trace");
    d->traces = traces;
    d->traces[d->nr_traces++] = path;
    return 0;
}

/* 2. Objects. */

/* where: "FILE" or "line 3 of FILE" */
static int take_run(struct page_data *d, json_t *o, const char *where)
{
    struct page_run r;
    const char *wrong = page_run_from_json(&r, o);
    if (wrong)
        return fail(0, "%s is not the JSON of a run: %s", where, wrong);
    struct page_run *place = add_run(d);
    if (!place)
        return -ENOMEM;
    *place = r;
    place->json = json_incref(r.of_sweep ? r.point : o); /* of a sweep there may be many */
    return 0;
}

/* The JSON of the first run that there is. */
static json_t *any_run(const json_t *results)
{
    size_t i;
    json_t *result;
    json_array_foreach(results, i, result)
        if (json_is_object(json_object_get(result, "run")))
            return json_object_get(result, "run");
    return NULL;
}

static int take_failed_mode(struct page_data *d, const json_t *result, const json_t *like)
{
    struct page_run *r = add_run(d);
    if (!r)
        return -ENOMEM;
    page_run_from_failed(r, result, like);
    return 0;
}

static int take_compare(struct page_data *d, const json_t *results, const char *where)
{
    size_t count = json_array_size(results);
    int err = 0;
    if (count == 0 || count > MOST_COMPARED)
        return fail(0, "%s: \"compare\" is not a list of up to %d runs", where, MOST_COMPARED);
    const json_t *like = any_run(results);
    for (size_t i = 0; !err && i < count; i++) {
        json_t *result = json_array_get(results, i), *run = json_object_get(result, "run");
        err = json_is_object(run) && !json_object_get(result, "failure") ? take_run(d, run, where)
                                                                         : take_failed_mode(d, result, like);
    }
    return err;
}

static int take_object(struct page_data *d, json_t *o, const char *where)
{
    const json_t *compare = json_object_get(o, "compare");
    return compare ? take_compare(d, compare, where) : take_run(d, o, where);
}

/* 3. Files. */

static int take_lines(struct page_data *d, FILE *f, const char *path)
{
    char *line = NULL, where[512];
    size_t room = 0;
    ssize_t len;
    int err = 0;
    unsigned number = 0;
    while (!err && (len = getline(&line, &room, f)) > 0) {
        json_error_t wrong;
        json_t *o = json_loadb(line, (size_t)len, 0, &wrong);
        number++;
        snprintf(where, sizeof(where), "line %u of %s", number, path);
        if (o)
            err = take_object(d, o, where);
        else if (line[len - 1] != '\n')
            warn("the last line of %s is torn; it is left out", path);
        else
            err = fail(0, "%s is not JSON: %s", where, wrong.text);
        json_decref(o);
    }
    free(line);
    return !err && number == 0 ? fail(0, "%s is empty", path) : err;
}

/* A trace is known by its first line, as run --trace writes it. The colon is of a member's name: the word by itself may be
 * a program's argument. */
static bool is_trace(FILE *f)
{
    static const char name[] = "\"traceEvents\"", blanks[] = " \t\r\n";
    char start[65536 + 1];
    const char *at = start;
    size_t got = fread(start, 1, sizeof(start) - 1, f);
    start[got] = '\0';
    rewind(f);
    while ((at = memmem(at, (size_t)(start + got - at), name, strlen(name)))) {
        at += strlen(name);
        if (at[strspn(at, blanks)] == ':')
            return true;
    }
    return false;
}

static bool first_line_is_object(FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len = getline(&line, &room, f);
    json_t *o = len > 0 ? json_loadb(line, (size_t)len, 0, NULL) : NULL;
    bool is_object = json_is_object(o);
    json_decref(o);
    free(line);
    rewind(f);
    return is_object;
}

static int take_file(struct page_data *d, FILE *f, const char *path)
{
    json_error_t wrong;
    if (is_trace(f))
        return add_trace(d, path);
    json_t *o = json_loadf(f, 0, &wrong);
    if (!o && ftell(f) == 0)
        return fail(0, "%s is empty: it holds no JSON", path);
    rewind(f);
    if (!o && first_line_is_object(f))
        return take_lines(d, f, path);
    if (!o)
        return fail(0, "%s is not JSON: %s (line %d)", path, wrong.text, wrong.line);
    int err = take_object(d, o, path);
    json_decref(o);
    return err;
}

int page_data_read(struct page_data *d, const char *path)
{
    struct stat about;
    FILE *f = fopen(path, "re");
    if (!f)
        return fail(errno, "cannot open %s", path);
    int err = fstat(fileno(f), &about) == 0 && S_ISREG(about.st_mode)
                  ? take_file(d, f, path)
                  : fail(0, "%s is not a regular file", path);
    if (!err && ferror(f))
        err = fail(errno, "cannot read %s", path);
    fclose(f);
    return err;
}

void page_data_drop_repeated(struct page_data *d)
{
    json_t *places = json_object(); /* key of a point -> its place in the list */
    unsigned kept = 0;
    for (unsigned i = 0; i < d->nr_runs; i++) {
        char *key = d->runs[i].of_sweep ? json_dumps(d->runs[i].point, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        const json_t *place = key ? json_object_get(places, key) : NULL;
        unsigned to = place ? (unsigned)json_integer_value(place) : kept++;
        if (key)
            json_object_set_new(places, key, json_integer(to));
        free(key);
        struct page_run run = d->runs[i];
        if (place)
            json_decref(d->runs[to].json);
        d->runs[to] = run;
    }
    d->nr_runs = kept;
    json_decref(places);
}

/* pv, fv, hw, as everywhere; then others. */
static int rank_of_mode(const char *mode)
{
    int rank = 0;
    while (options_modes[rank] && strcmp(options_modes[rank], mode))
        rank++;
    return rank;
}

static int compare_points(const struct page_run *a, const struct page_run *b)
{
    int by_program = strcmp(a->program, b->program), by_swap = strcmp(a->swap, b->swap);
    int by_rank = rank_of_mode(a->mode) - rank_of_mode(b->mode), by_mode = strcmp(a->mode, b->mode);
    int by_memory = (a->memory_bytes > b->memory_bytes) - (a->memory_bytes < b->memory_bytes);
    int by_policy = strcmp(a->policy, b->policy);
    return by_program  ? by_program
           : by_swap   ? by_swap
           : by_rank   ? by_rank
           : by_mode   ? by_mode
           : by_memory ? by_memory
                       : by_policy;
}

static int compare_runs(const void *left, const void *right)
{
    const struct page_run *a = left, *b = right;
    int order = a->of_sweep - b->of_sweep;
    if (!order && a->of_sweep)
        order = compare_points(a, b);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

void page_data_sort(struct page_data *d)
{
    for (unsigned i = 0; i < d->nr_runs; i++)
        d->runs[i].order = i;
    if (d->nr_runs)
        qsort(d->runs, d->nr_runs, sizeof(d->runs[0]), compare_runs);
}

void page_data_free(struct page_data *d)
{
    for (unsigned i = 0; i < d->nr_runs; i++)
        json_decref(d->runs[i].json);
    free(d->runs);
    free(d->traces);
    *d = (struct page_data){ 0 };
}
