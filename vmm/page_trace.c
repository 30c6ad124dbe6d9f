/* Pictures of a trace.
 *   1. faults over time: how many there were by then, of each class
 *   2. where the time of a fault goes: the steps of the typical one of each class */
#include <errno.h>
#include <stdlib.h>
#include "vmm/error.h"
#include "vmm/html.h"
#include "vmm/page_write.h"
#include "vmm/svg.h"
#include "vmm/trace_pick.h"

#define MOST_POINTS 240
#define MOST_STEPS  32
#define MOST_SPANS  256

/* 1. Faults over time. */

struct curve {
    double *ms; /* [count]: when each began */
    size_t count, room;
};

struct curves {
    struct curve classes[NR_TRACE_CLASSES];
    double last_ms;
    int err;
};

static bool take_fault(void *arg, const struct trace_record *r)
{
    struct curves *curves = arg;
    if (r->kind != RECORD_FAULT)
        return true;
    struct curve *c = &curves->classes[r->what];
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 256;
        double *ms = reallocarray(c->ms, room, sizeof(*ms));
        if (!ms) {
            curves->err = fail(ENOMEM, "cannot draw a trace");
            return false;
        }
        c->ms = ms;
        c->room = room;
    }
    c->ms[c->count] = (double)r->ns / 1e6;
    curves->last_ms = c->ms[c->count] > curves->last_ms ? c->ms[c->count] : curves->last_ms;
    c->count++;
    return true;
}

/* As many points as can be told apart, and the end. Returns how many; x and y have room for MOST_POINTS + 2.
 */
static unsigned thin_out(const struct curve *c, double last_ms, double *x, double *y)
{
    unsigned n = 0;
    size_t every = c->count / MOST_POINTS + 1;
    for (size_t i = 0; i < c->count; i += every) {
        x[n] = c->ms[i];
        y[n++] = (double)(i + 1);
    }
    x[n] = last_ms;
    y[n++] = (double)c->count;
    return n;
}

static void draw_curves(FILE *to, const struct curves *curves)
{
    static double x[NR_TRACE_CLASSES][MOST_POINTS + 2], y[NR_TRACE_CLASSES][MOST_POINTS + 2];
    struct svg_line lines[NR_TRACE_CLASSES];
    const char *names[NR_TRACE_CLASSES] = { NULL };
    char text[512] = "Faults over time, added up.";
    size_t used = 27;
    unsigned nr_lines = 0;
    for (unsigned class = 0; class < NR_TRACE_CLASSES; class ++) {
        const struct curve *c = &curves->classes[class];
        if (!c->count)
            continue;
        names[class] = trace_class_name(class);
        lines[nr_lines++] =
            (struct svg_line){ names[class], class, thin_out(c, curves->last_ms, x[class], y[class]),
                               x[class], y[class] };
        used += (size_t)snprintf(text + used, sizeof(text) - used, " %s: %zu.", names[class], c->count);
    }
    if (!nr_lines) { /* in hw, nobody sees them */
        fputs("<p>No fault of a program made an exit.</p>\n", to);
        return;
    }
    page_open_figure(to, "Faults over time: how many there were by then");
    svg_draw_lines(
        to, text,
        &(struct svg_lines){ .x_unit = "ms", .y_unit = "faults", .lines = lines, .nr_lines = nr_lines });
    svg_draw_legend(to, names, NR_TRACE_CLASSES, LEGEND_OF_LINES);
    page_close_figure(to);
}

/* 2. The typical fault. */

static int compare_times(const void *a, const void *b)
{
    const struct trace_record *left = a, *right = b;
    return (left->ns > right->ns) - (left->ns < right->ns);
}

static double since_fault_us(const struct trace_story *s, uint64_t ns)
{
    return ns > s->fault.ns ? (double)(ns - s->fault.ns) / 1e3 : 0;
}

/* The steps, each until the next. Who is at work then follows from the exits: what is no exit, the guest
 * kernel has, with the monitor and KVM. */
static unsigned make_spans(const struct trace_story *s, struct svg_span spans[MOST_STEPS],
                           char names[MOST_STEPS][40])
{
    unsigned n = 0;
    for (size_t i = 0; i < s->count && n < MOST_STEPS; i++) {
        const struct trace_record *r = &s->events[i];
        if (r->kind != RECORD_STEP)
            continue;
        if (n > 0)
            spans[n - 1].to = since_fault_us(s, r->ns);
        snprintf(names[n], 40, "%s%s", trace_step_name(r->what), r->from == SOURCE_SEEN ? "" : "*");
        spans[n] = (struct svg_span){ names[n], LANE_KERNEL, since_fault_us(s, r->ns), 0 };
        n++;
    }
    if (n > 0)
        spans[n - 1].to = since_fault_us(s, s->fault.ns + s->fault.duration_ns);
    return n;
}

/* Into step, the parts of it that events of a kind lasted. */
static unsigned add_parts(const struct trace_story *s, const struct svg_span *step, enum trace_kind kind,
                          enum trace_lane lane, struct svg_span *spans, unsigned room)
{
    unsigned n = 0;
    for (size_t i = 0; i < s->count && n < room; i++) {
        const struct trace_record *r = &s->events[i];
        double from = since_fault_us(s, r->ns), to = since_fault_us(s, r->ns + r->duration_ns);
        from = from > step->from ? from : step->from;
        to = to < step->to ? to : step->to;
        if (r->kind == kind && to > from)
            spans[n++] = (struct svg_span){ NULL, lane, from, to };
    }
    return n;
}

static unsigned divide_spans(const struct trace_story *s, const struct svg_span *steps, unsigned nr_steps,
                             struct svg_span spans[MOST_SPANS])
{
    unsigned n = 0;
    for (unsigned i = 0; i < nr_steps && n < MOST_SPANS; i++) {
        spans[n++] = steps[i];
        n += add_parts(s, &steps[i], RECORD_EXIT, LANE_VMM, spans + n, MOST_SPANS - n);
        n += add_parts(s, &steps[i], RECORD_DISK, LANE_DISK, spans + n, MOST_SPANS - n);
    }
    return n;
}

static void write_story(FILE *to, struct trace_story *s)
{
    static const char *const lanes[NR_TRACE_LANES] = {
        [LANE_KERNEL] = "guest kernel, monitor, KVM",
        [LANE_VMM] = "VMM",
        [LANE_DISK] = "VMM, reading or writing the disk",
    };
    struct svg_span steps[MOST_STEPS], spans[MOST_SPANS];
    char names[MOST_STEPS][40], caption[256], text[2048];
    qsort(s->events, s->count, sizeof(s->events[0]), compare_times);
    unsigned nr_steps = make_spans(s, steps, names);
    snprintf(caption, sizeof(caption),
             "Where the time of a %s fault goes: the typical one of %zu (%.1f us, %u exit%s), from each step "
             "to the next",
             trace_class_name(s->fault.what), s->of_class, (double)s->fault.duration_ns / 1e3,
             s->fault.exits, s->fault.exits == 1 ? "" : "s");
    int used = snprintf(text, sizeof(text), "%s.", caption);
    for (unsigned i = 0; i < nr_steps && used < (int)sizeof(text); i++)
        used += snprintf(text + used, sizeof(text) - (size_t)used, " %s: %.1f.", steps[i].name,
                         steps[i].to - steps[i].from);
    page_open_figure(to, caption);
    svg_draw_spans(to, text, "microseconds", spans, divide_spans(s, steps, nr_steps, spans));
    svg_draw_legend(to, lanes, NR_TRACE_LANES, LEGEND_OF_BARS);
    page_close_figure(to);
}

static int write_typical_faults(FILE *to, const char *path, struct trace_origin *origin)
{
    struct trace_faults faults = { 0 };
    struct trace_story stories[NR_TRACE_CLASSES] = { 0 };
    size_t count = 0;
    int err = trace_list_faults(path, origin, &faults);
    for (int class = 0; !err && class < NR_TRACE_CLASSES; class ++)
        count += trace_pick_typical(&faults, class, &stories[count]);
    if (!err)
        err = trace_read_stories(path, origin, stories, count);
    for (size_t i = 0; i < count; i++) {
        if (!err && stories[i].found)
            write_story(to, &stories[i]);
        trace_story_free(&stories[i]);
    }
    free(faults.list);
    return err;
}

static void write_heading(FILE *to, const struct trace_origin *origin)
{
    fputs("<h2>", to);
    html_text(to, origin->program);
    fputs(": a trace of mode ", to);
    html_text(to, origin->mode);
    fputs(" on ", to);
    html_text(to, origin->substrate);
    fputs("</h2>\n", to);
}

static int write_section(FILE *to, const char *path, struct trace_origin *origin, const struct curves *curves)
{
    fputs("<section>", to);
    write_heading(to, origin);
    fputs("<div class=\"figures\">\n", to);
    draw_curves(to, curves);
    int err = write_typical_faults(to, path, origin);
    fputs("</div>\n<p>* happens inside the guest kernel: told by it, or inferred from what it "
          "does.</p>\n</section>\n",
          to);
    return err;
}

/* The file is looked through again for the typical faults: it may be larger than memory. */
int page_write_trace(FILE *to, const char *path)
{
    struct trace_origin origin = { 0 };
    struct curves curves = { .err = 0 };
    int err = trace_read(path, &origin, take_fault, &curves);
    if (curves.err)
        err = curves.err;
    if (!err)
        err = write_section(to, path, &origin, &curves);
    for (int class = 0; class < NR_TRACE_CLASSES; class ++)
        free(curves.classes[class].ms);
    return err;
}
