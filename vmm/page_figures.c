/* Pictures of a program's runs, by mode.
 *   1. bars for each class of faults and mode: exits, time
 *   2. where the time of the run goes */
#include <string.h>
#include "vmm/html.h"
#include "vmm/page_write.h"
#include "vmm/svg.h"

#define MOST_BARS (NR_FAULT_CLASSES * SUBJECT_MOST_MODES)

void page_open_figure(FILE *to, const char *caption)
{
    fputs("<figure><figcaption>", to);
    html_text(to, caption);
    fputs("</figcaption>\n", to);
}

void page_close_figure(FILE *to)
{
    fputs("</figure>\n", to);
}

/* 1. Bars. */

static const char *const group_names[NR_FAULT_CLASSES] = {
    [FAULT_MINOR] = "minor: no disk",
    [FAULT_MAJOR] = "major: from the disk",
    [FAULT_COW] = "cow: a copy on write",
    [FAULT_PROTECTION] = "protection: not allowed",
};

/* What a bar is of one class in one mode: value, and perhaps low and high. */
typedef void measure_fn(const struct page_tally *t, struct svg_bar *bar);

static void measure_exits(const struct page_tally *t, struct svg_bar *bar)
{
    bar->value = (double)t->exits / (double)t->count;
    bar->low = (double)t->min;
    bar->high = (double)t->max;
    bar->decimals = 2;
}

static void measure_time(const struct page_tally *t, struct svg_bar *bar)
{
    bar->value = t->median_ns / 1000;
    bar->low = t->p10_ns / 1000;
    bar->high = t->p90_ns / 1000;
    bar->decimals = 1;
}

static unsigned make_bars(const struct page_subject *s, measure_fn *measure, struct svg_bar bars[MOST_BARS])
{
    unsigned count = 0;
    for (int class = 0; class < NR_FAULT_CLASSES; class ++)
        for (unsigned i = 0; i < s->nr_modes; i++) {
            const struct page_tally *t = &s->modes[i].faults[class];
            if (!t->count)
                continue;
            struct svg_bar *bar = &bars[count++];
            *bar = (struct svg_bar){ .group = group_names[class], .name = s->modes[i].mode, .colour = i };
            measure(t, bar);
        }
    return count;
}

/* Lines of spread that would make the bars too short to be compared are left out: the table has the numbers.
 */
static bool keep_spread(struct svg_bar *bars, unsigned count)
{
    double most_value = 0, most_high = 0;
    bool any = false;
    for (unsigned i = 0; i < count; i++) {
        most_value = bars[i].value > most_value ? bars[i].value : most_value;
        most_high = bars[i].high > most_high ? bars[i].high : most_high;
        any = any || bars[i].high > bars[i].low;
    }
    if (most_high <= 3 * most_value)
        return any;
    for (unsigned i = 0; i < count; i++)
        bars[i].low = bars[i].high = 0;
    return false;
}

/* What the picture says, in words. */
static void describe(const char *what, const struct svg_bar *bars, unsigned count, char *text, size_t room)
{
    int used = snprintf(text, room, "%s.", what);
    for (unsigned i = 0; i < count && used < (int)room; i++)
        used += snprintf(text + used, room - (size_t)used, " %s, %s: %.*f.", bars[i].group, bars[i].name,
                         (int)bars[i].decimals, bars[i].value);
}

static void write_bars(FILE *to, const struct page_subject *s, measure_fn *measure, const char *caption,
                       const char *spread, const char *unit)
{
    struct svg_bar bars[MOST_BARS];
    char text[4096], with_spread[256];
    unsigned count = make_bars(s, measure, bars);
    if (!count)
        return;
    snprintf(with_spread, sizeof(with_spread), "%s%s", caption, keep_spread(bars, count) ? spread : "");
    describe(caption, bars, count, text, sizeof(text));
    page_open_figure(to, with_spread);
    svg_draw_bars(to, text, unit, bars, count);
    page_close_figure(to);
}

/* A time is of a substrate: if not of one, that is in the caption. */
static void write_times(FILE *to, const struct page_subject *s)
{
    write_bars(to, s, measure_time,
               s->is_mixed ? "Time of one fault, on several substrates together: median" : "Time of one fault: median",
               ", with the range of the middle 80\u00a0%", "microseconds");
}

/* 2. Where the time goes. */

enum { PART_SYSTEM_CALLS = NR_FAULT_CLASSES, PART_TIMER, PART_PROGRAM, NR_PARTS };

static const char *const part_names[NR_PARTS] = {
    [FAULT_MINOR] = "minor faults",
    [FAULT_MAJOR] = "major faults",
    [FAULT_COW] = "copies on write",
    [FAULT_PROTECTION] = "protection faults",
    [PART_SYSTEM_CALLS] = "system calls",
    [PART_TIMER] = "timer",
    [PART_PROGRAM] = "the program, and all else",
};

static void divide_time(const struct subject_mode *m, double parts[NR_PARTS])
{
    double rest = m->wall_ns > m->start_ns ? (double)(m->wall_ns - m->start_ns) : 0;
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        parts[i] = (double)m->faults[i].ns;
    parts[PART_SYSTEM_CALLS] = (double)m->system_calls.ns;
    parts[PART_TIMER] = (double)m->timer.ns;
    for (int i = 0; i < PART_PROGRAM; i++)
        rest -= parts[i];
    parts[PART_PROGRAM] = rest > 0 ? rest : 0;
    for (int i = 0; i < NR_PARTS; i++)
        parts[i] /= 1e6 * m->nr_runs;
}

static bool is_anywhere(const double *parts, unsigned nr_rows, unsigned part)
{
    for (unsigned row = 0; row < nr_rows; row++)
        if (parts[row * NR_PARTS + part] > 0)
            return true;
    return false;
}

static void write_time_of_run(FILE *to, const struct page_subject *s)
{
    double parts[SUBJECT_MOST_MODES * NR_PARTS];
    const char *rows[SUBJECT_MOST_MODES];
    char text[4096] = "Where the time of the run goes, in milliseconds.";
    size_t used = strlen(text);
    for (unsigned i = 0; i < s->nr_modes; i++) {
        rows[i] = s->modes[i].mode;
        divide_time(&s->modes[i], &parts[i * NR_PARTS]);
        for (int part = 0; part < NR_PARTS && used < sizeof(text) - 200; part++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, " %s, %s: %.1f.", rows[i],
                                     part_names[part], parts[i * NR_PARTS + (unsigned)part]);
    }
    const char *shown[NR_PARTS];
    for (unsigned part = 0; part < NR_PARTS; part++)
        shown[part] = is_anywhere(parts, s->nr_modes, part) ? part_names[part] : NULL;
    page_open_figure(to, s->is_mixed ? "Where the time of the run goes, on several substrates together"
                                     : "Where the time of the run goes");
    svg_draw_stack(to, text, "ms", &(struct svg_stack){ rows, s->nr_modes, NR_PARTS, parts });
    svg_draw_legend(to, shown, NR_PARTS, LEGEND_OF_BARS);
    page_close_figure(to);
}

void page_write_fault_figures(FILE *to, const struct page_subject *s)
{
    write_bars(to, s, measure_exits, "Exits per fault: mean", ", with the range from least to most", "exits");
    write_times(to, s);
    write_time_of_run(to, s);
}
