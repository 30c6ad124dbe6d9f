/* Faults of a trace: 1. all of them, shortly, 2. the typical one, 3. all events of some. */
#include <errno.h>
#include <stdlib.h>
#include "vmm/error.h"
#include "vmm/trace_pick.h"

#define MOST_FAULTS 16000000u
#define MOST_EVENTS 4096u

/* 1. All. */

/* Room for one more of an array of items. NULL: there is none, said. */
static void *grow(void *list, size_t *room, size_t count, size_t item_bytes)
{
    if (count < *room)
        return list;
    size_t more = *room ? *room * 2 : 64;
    void *larger = realloc(list, more * item_bytes);
    if (larger)
        *room = more;
    else
        fail(ENOMEM, "cannot keep the faults of the trace");
    return larger;
}

static bool list_fault(void *arg, const struct trace_record *r)
{
    struct trace_faults *faults = arg;
    if (r->kind != RECORD_FAULT)
        return true;
    if (faults->count == MOST_FAULTS) {
        fail(0, "the trace has more than %u faults", MOST_FAULTS);
        return false;
    }
    struct trace_fault *list = grow(faults->list, &faults->room, faults->count, sizeof(*list));
    if (!list)
        return false;
    faults->list = list;
    list[faults->count++] = (struct trace_fault){ r->fault, r->exits, r->what, r->duration_ns };
    return true;
}

int trace_list_faults(const char *path, struct trace_origin *origin, struct trace_faults *faults)
{
    *faults = (struct trace_faults){ 0 };
    return trace_read(path, origin, list_fault, faults);
}

/* 2. The typical one. */

static int order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* By class, exits, time, and number, so that the result does not depend on the order in the file. */
static int compare_faults(const void *left, const void *right)
{
    const struct trace_fault *a = left, *b = right;
    int by = order(a->class, b->class);
    if (!by)
        by = order(a->exits, b->exits);
    if (!by)
        by = order(a->duration_ns, b->duration_ns);
    return by ? by : order(a->number, b->number);
}

/* How many from this one on are of the same class with the same exits. */
static size_t alike_from(const struct trace_faults *faults, size_t first)
{
    const struct trace_fault *f = &faults->list[first];
    size_t end = first + 1;
    while (end < faults->count && faults->list[end].class == f->class && faults->list[end].exits == f->exits)
        end++;
    return end - first;
}

bool trace_pick_typical(struct trace_faults *faults, int class, struct trace_story *story)
{
    if (faults->count > 1)
        qsort(faults->list, faults->count, sizeof(faults->list[0]), compare_faults);
    *story = (struct trace_story){ 0 };
    for (size_t i = 0, n; i < faults->count; i += n) {
        n = alike_from(faults, i);
        if (faults->list[i].class != (uint32_t) class)
            continue;
        story->of_class += n;
        if (n <= story->alike)
            continue;
        story->alike = n;
        story->number = faults->list[i + (n - 1) / 2].number;
    }
    return story->of_class > 0;
}

/* 3. Stories. */

struct search {
    struct trace_story *stories;
    size_t count;
};

static bool add_event(struct trace_story *story, const struct trace_record *r)
{
    if (story->count == MOST_EVENTS) {
        fail(0, "fault %u of the trace has more than %u events", r->fault, MOST_EVENTS);
        return false;
    }
    struct trace_record *events = grow(story->events, &story->room, story->count, sizeof(*events));
    if (!events)
        return false;
    story->events = events;
    events[story->count++] = *r;
    return true;
}

static bool add_to_story(void *arg, const struct trace_record *r)
{
    struct search *s = arg;
    for (size_t i = 0; i < s->count; i++) {
        struct trace_story *story = &s->stories[i];
        if (!r->fault || story->number != r->fault)
            continue;
        if (r->kind != RECORD_FAULT)
            return add_event(story, r);
        if (story->found) {
            fail(0, "fault %u is twice in the trace", r->fault);
            return false;
        }
        story->found = true;
        story->fault = *r;
    }
    return true;
}

int trace_read_stories(const char *path, struct trace_origin *origin, struct trace_story *stories,
                       size_t count)
{
    struct search s = { stories, count };
    return trace_read(path, origin, add_to_story, &s);
}

void trace_story_free(struct trace_story *story)
{
    free(story->events);
    story->events = NULL;
    story->count = story->room = 0;
}
