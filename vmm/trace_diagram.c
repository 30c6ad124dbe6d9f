/* From the events of a fault to rows.
 *   1. moments: each event has one, an exit and a disk request have two
 *   2. rows: arrows, and steps; a step that says the same as an arrow becomes the arrow's text
 *   3. the texts around them */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/trace_diagram.h"
#include "vmm/vmm.h"

/* 1. Moments. At the same time, this is the order. */
enum moment_kind {
    MOMENT_EXIT,
    MOMENT_STEP,
    MOMENT_DISK,
    MOMENT_DISK_DONE,
    MOMENT_WORK,
    MOMENT_DEPARTURE,
    MOMENT_RESUME
};

struct moment {
    uint64_t ns;
    enum moment_kind kind;
    size_t order;
    const struct trace_record *r;
};

static bool is_departure(enum trace_step step)
{
    return step == STEP_UPCALL || step == STEP_INJECTED || step == STEP_RESUMED;
}

static bool is_arrival(enum trace_step step)
{
    return step == STEP_CAUGHT || step == STEP_ADDRESS_READ || step == STEP_STORE_TRAPPED ||
           step == STEP_RETURN_TRAPPED;
}

static size_t add_moments(struct moment *to, const struct trace_record *r, size_t order)
{
    uint64_t end = r->ns + r->duration_ns;
    switch (r->kind) {
    case RECORD_EXIT:
        to[0] = (struct moment){ r->ns, MOMENT_EXIT, order, r };
        to[1] = (struct moment){ end, MOMENT_RESUME, order, r };
        return 2;
    case RECORD_DISK:
        to[0] = (struct moment){ r->ns, MOMENT_DISK, order, r };
        to[1] = (struct moment){ end, MOMENT_DISK_DONE, order, r };
        return 2;
    case RECORD_STEP:
        to[0] = (struct moment){ r->ns, is_departure(r->what) ? MOMENT_DEPARTURE : MOMENT_STEP, order, r };
        return 1;
    default:
        to[0] = (struct moment){ r->ns, MOMENT_WORK, order, r };
        return 1;
    }
}

static int compare_moments(const void *left, const void *right)
{
    const struct moment *a = left, *b = right;
    if (a->ns != b->ns)
        return a->ns < b->ns ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* 2. Rows. */

struct builder {
    struct diagram *d;
    uint64_t began_ns;
    const struct trace_record *departure; /* a step that the next arrow to the guest tells of */
    uint64_t departure_ns;
};

static struct diagram_row *add_row(struct builder *b, uint64_t ns, enum trace_lane from, enum trace_lane to)
{
    struct diagram_row *row = &b->d->rows[b->d->count++];
    *row = (struct diagram_row){
        .ns = ns > b->began_ns ? ns - b->began_ns : 0, .from = from, .to = to, .times = 1
    };
    return row;
}

/* Does this kind of exit pass the monitor? */
static bool is_by_monitor(enum exit_cause cause)
{
    return cause == EXIT_PAGE_FAULT || cause == EXIT_EXCEPTION || cause == EXIT_SYSTEM_CALL ||
           cause == EXIT_HYPERCALL || cause == EXIT_TIMER || cause == EXIT_PRIVILEGED;
}

/* The instruction, if it is known; else as in statistics, but for one that is too long for the terminal. */
static void label_exit(char *text, size_t size, const struct trace_record *r)
{
    if (r->instruction == TRACE_IN || r->instruction == TRACE_OUT)
        snprintf(text, size, "%s 0x%x", trace_instruction_name(r->instruction), r->port);
    else if (r->instruction != FV_NONE)
        snprintf(text, size, "%s", trace_instruction_name(r->instruction));
    else
        snprintf(text, size, "%s", r->what == EXIT_PRIVILEGED ? "privileged" : exit_cause_name(r->what));
}

static void add_exit(struct builder *b, const struct moment *m)
{
    struct diagram_row *row = add_row(b, m->ns, m->r->from, LANE_VMM);
    row->by_monitor = is_by_monitor(m->r->what);
    label_exit(row->text, sizeof(row->text), m->r);
}

static void add_step(struct builder *b, const struct moment *m)
{
    struct diagram_row *last = b->d->count ? &b->d->rows[b->d->count - 1] : NULL;
    if (is_arrival(m->r->what) && last && last->from != last->to && last->to == LANE_VMM &&
        !strchr(last->text, ':')) {
        size_t used = strlen(last->text);
        snprintf(last->text + used, sizeof(last->text) - used, ": %s", trace_step_name(m->r->what));
        return;
    }
    enum trace_lane lane = trace_step_lane(m->r->what);
    char text[sizeof(last->text)];
    snprintf(text, sizeof(text), m->r->from == SOURCE_SEEN ? "%s" : "%s (%s)", trace_step_name(m->r->what),
             trace_source_name(m->r->from));
    if (last && last->from == lane && last->to == lane && !strcmp(last->text, text))
        last->times++;
    else
        strcpy(add_row(b, m->ns, lane, lane)->text, text);
}

static const char *plural(unsigned count)
{
    return count == 1 ? "" : "s";
}

static void add_work(struct builder *b, const struct moment *m)
{
    const struct trace_record *r = m->r;
    struct diagram_row *row = add_row(b, m->ns, LANE_MONITOR, LANE_MONITOR);
    char *text = row->text;
    if (r->exits)
        text += sprintf(text, "%u store%s", r->exits, plural(r->exits));
    if (r->error)
        text += sprintf(text, "%s%u flush%s", row->text[0] ? ", " : "", r->error, r->error == 1 ? "" : "es");
    if (r->from)
        sprintf(text, "%snew root", row->text[0] ? ", " : "");
}

/* A departure that no resume follows stands for itself. */
static void add_late_departure(struct builder *b)
{
    const struct trace_record *r = b->departure;
    b->departure = NULL;
    if (r)
        add_step(b, &(struct moment){ .ns = b->departure_ns, .r = r });
}

static void add_resume(struct builder *b, const struct moment *m)
{
    const struct trace_record *departure = b->departure;
    enum trace_lane to = m->r->to;
    b->departure = NULL;
    if (to == LANE_VMM) { /* the run ends here */
        strcpy(add_row(b, m->ns, LANE_VMM, LANE_VMM)->text, "the run stops");
        return;
    }
    struct diagram_row *row = add_row(b, m->ns, LANE_VMM, to);
    row->by_monitor = is_by_monitor(m->r->what) || (to != m->r->from);
    bool interrupted = departure && departure->what == STEP_RESUMED && to != LANE_PROGRAM; /* a tick was waiting */
    snprintf(row->text, sizeof(row->text), "%s%s", departure ? trace_step_name(departure->what) : "goes on",
             interrupted ? ", interrupted" : "");
}

static void add_disk(struct builder *b, const struct moment *m)
{
    bool done = m->kind == MOMENT_DISK_DONE;
    struct diagram_row *row = add_row(b, m->ns, done ? LANE_DISK : LANE_VMM, done ? LANE_VMM : LANE_DISK);
    if (done)
        strcpy(row->text, "done");
    else
        snprintf(row->text, sizeof(row->text), "%u request%s", m->r->exits, plural(m->r->exits));
}

static void add_moment(struct builder *b, const struct moment *m)
{
    switch (m->kind) {
    case MOMENT_EXIT:
        add_exit(b, m);
        break;
    case MOMENT_STEP:
        add_step(b, m);
        break;
    case MOMENT_DISK:
    case MOMENT_DISK_DONE:
        add_disk(b, m);
        break;
    case MOMENT_WORK:
        add_work(b, m);
        break;
    case MOMENT_DEPARTURE:
        add_late_departure(b);
        b->departure = m->r;
        b->departure_ns = m->ns;
        break;
    case MOMENT_RESUME:
        add_resume(b, m);
        break;
    }
}

/* 3. Texts. */

static void write_titles(struct diagram *d, const struct trace_origin *o, const struct trace_story *s)
{
    const struct trace_record *f = &s->fault;
    const char *class = trace_class_name(f->what);
    char error[TRACE_ERROR_BYTES];
    snprintf(d->title, sizeof(d->title), "%s fault %u: %s at 0x%llx", class, f->fault,
             trace_access_name(f->error), (unsigned long long)f->address);
    snprintf(d->subtitle, sizeof(d->subtitle), "%s on %s, %u exit%s, %.1f us", o->mode, o->substrate, f->exits,
             plural(f->exits), (double)f->duration_ns / 1000);
    trace_describe_error(f->error, error);
    snprintf(d->error, sizeof(d->error), "error code %u: %s", f->error, error);
    if (s->of_class == 1)
        snprintf(d->reason, sizeof(d->reason), "the only %s fault", class);
    else if (s->of_class && s->of_class == s->alike)
        snprintf(d->reason, sizeof(d->reason), "the median of all %zu %s faults", s->alike, class);
    else if (s->of_class)
        snprintf(d->reason, sizeof(d->reason), "the median of the %zu with %u exit%s, of %zu %s faults",
                 s->alike, f->exits, plural(f->exits), s->of_class, class);
}

/* Where the time went: what lies outside of the VMM is the guest kernel, the monitor and the way there and
 * back. */
static void write_summary(struct diagram *d, const struct trace_story *s)
{
    uint64_t vmm = 0, disk = 0, all = s->fault.duration_ns;
    for (size_t i = 0; i < s->count; i++) {
        if (s->events[i].kind == RECORD_EXIT)
            vmm += s->events[i].duration_ns;
        if (s->events[i].kind == RECORD_DISK)
            disk += s->events[i].duration_ns;
    }
    uint64_t below = all > vmm ? all - vmm : 0;
    vmm = vmm > disk ? vmm - disk : 0;
    int used = snprintf(d->summary, sizeof(d->summary), "VMM %.1f us", (double)vmm / 1000);
    if (disk)
        used += snprintf(d->summary + used, sizeof(d->summary) - (size_t)used, ", disk %.1f us",
                         (double)disk / 1000);
    snprintf(d->summary + used, sizeof(d->summary) - (size_t)used, "; guest kernel, monitor and KVM %.1f us",
             (double)below / 1000);
}

static void build_rows(struct builder *b, const struct trace_story *s, struct moment *moments)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += add_moments(moments + n, &s->events[i], i);
    if (n > 1)
        qsort(moments, n, sizeof(moments[0]), compare_moments);
    for (size_t i = 0; i < n; i++)
        add_moment(b, &moments[i]);
    add_late_departure(b);
}

int diagram_build(struct diagram *d, const struct trace_origin *origin, const struct trace_story *story)
{
    *d = (struct diagram){ 0 };
    write_titles(d, origin, story);
    write_summary(d, story);
    struct moment *moments = calloc(2 * story->count + 1, sizeof(*moments));
    d->rows = calloc(2 * story->count + 1, sizeof(d->rows[0]));
    if (moments && d->rows) {
        struct builder b = { .d = d, .began_ns = story->fault.ns };
        build_rows(&b, story, moments);
    }
    bool bad = !moments || !d->rows;
    free(moments);
    return bad ? fail(ENOMEM, "cannot draw the fault") : 0;
}

void diagram_free(struct diagram *d)
{
    free(d->rows);
    d->rows = NULL;
    d->count = 0;
}

bool diagram_lane_works(const struct diagram *d, size_t row, enum trace_lane lane)
{
    for (size_t i = row + 1; i-- > 0;)
        if (d->rows[i].from != d->rows[i].to)
            return d->rows[i].to == lane;
    return lane == LANE_PROGRAM;
}
