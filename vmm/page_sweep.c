/* Pictures of a sweep: faults over memory size, a line for each policy, a picture for each mode and size of
 * swap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/html.h"
#include "vmm/page_write.h"
#include "vmm/size.h"
#include "vmm/svg.h"
#include "vmm/vmm.h"

#define MOST_SIZES    64
#define MOST_POLICIES SVG_MAX_SERIES

/* One picture. */
struct plane {
    const char *mode, *swap;
    unsigned nr_sizes, nr_policies;
    uint64_t sizes[MOST_SIZES]; /* rising */
    const char *policies[MOST_POLICIES];
    double faults[MOST_POLICIES][MOST_SIZES]; /* mean of the repetitions */
    unsigned runs[MOST_POLICIES][MOST_SIZES]; /* 0: there is none */
    unsigned nr_left_out;                     /* runs of sizes or policies for which there is no room */
};

static bool is_in_plane(const struct plane *p, const struct page_run *r)
{
    return r->of_sweep && !strcmp(r->mode, p->mode) && !strcmp(r->swap, p->swap);
}

/* Where size belongs in the sorted list; it is put there if it is not. */
static void add_size(struct plane *p, uint64_t size)
{
    unsigned at = 0;
    while (at < p->nr_sizes && p->sizes[at] < size)
        at++;
    if ((at < p->nr_sizes && p->sizes[at] == size) || p->nr_sizes == MOST_SIZES)
        return;
    memmove(&p->sizes[at + 1], &p->sizes[at], (p->nr_sizes - at) * sizeof(p->sizes[0]));
    p->sizes[at] = size;
    p->nr_sizes++;
}

static void add_policy(struct plane *p, const char *policy)
{
    for (unsigned i = 0; i < p->nr_policies; i++)
        if (!strcmp(p->policies[i], policy))
            return;
    if (p->nr_policies < MOST_POLICIES)
        p->policies[p->nr_policies++] = policy;
}

static void add_faults(struct plane *p, const struct page_run *r)
{
    bool found = false;
    for (unsigned i = 0; i < p->nr_policies; i++)
        for (unsigned n = 0; n < p->nr_sizes; n++) {
            if (strcmp(p->policies[i], page_run_policy(r)) || p->sizes[n] != r->memory_bytes)
                continue;
            unsigned before = p->runs[i][n]++;
            p->faults[i][n] = (p->faults[i][n] * before + (double)page_run_faults(r)) / (before + 1);
            found = true;
        }
    p->nr_left_out += !found;
}

static void fill_plane(struct plane *p, const struct page_subject *s)
{
    for (unsigned i = 0; i < s->nr_runs; i++)
        if (is_in_plane(p, s->runs[i])) {
            add_size(p, s->runs[i]->memory_bytes);
            add_policy(p, page_run_policy(s->runs[i]));
        }
    for (unsigned i = 0; i < s->nr_runs; i++)
        if (is_in_plane(p, s->runs[i]))
            add_faults(p, s->runs[i]);
}

static void draw_plane(FILE *to, const struct plane *p, const char *caption)
{
    struct svg_line lines[MOST_POLICIES];
    double x[MOST_POLICIES][MOST_SIZES], y[MOST_POLICIES][MOST_SIZES];
    char names[MOST_SIZES][SIZE_TEXT_BYTES];
    const char *x_names[MOST_SIZES];
    for (unsigned n = 0; n < p->nr_sizes; n++) {
        size_format(p->sizes[n], names[n]);
        x_names[n] = names[n];
    }
    for (unsigned i = 0; i < p->nr_policies; i++) {
        lines[i] = (struct svg_line){ .name = p->policies[i], .colour = i, .x = x[i], .y = y[i] };
        for (unsigned n = 0; n < p->nr_sizes; n++)
            if (p->runs[i][n]) {
                x[i][lines[i].nr_points] = n;
                y[i][lines[i].nr_points++] = p->faults[i][n];
            }
    }
    svg_draw_lines(to, caption,
                   &(struct svg_lines){ .x_unit = "memory",
                                        .y_unit = "faults",
                                        .x_names = x_names,
                                        .nr_x_names = p->nr_sizes,
                                        .markers = true,
                                        .lines = lines,
                                        .nr_lines = p->nr_policies });
    svg_draw_legend(to, p->policies, p->nr_policies, LEGEND_OF_MARKED_LINES);
}

/* The numbers of the picture. */
static void write_numbers(FILE *to, const struct plane *p)
{
    char size[SIZE_TEXT_BYTES];
    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Faults by memory and policy\">\n"
          "<table><thead><tr><th scope=\"col\">memory</th>",
          to);
    for (unsigned i = 0; i < p->nr_policies; i++) {
        fputs("<th scope=\"col\">", to);
        html_text(to, p->policies[i]);
        fputs("</th>", to);
    }
    fputs("</tr></thead>\n<tbody>\n", to);
    for (unsigned n = 0; n < p->nr_sizes; n++) {
        size_format(p->sizes[n], size);
        fprintf(to, "<tr><th scope=\"row\">%s</th>", size);
        for (unsigned i = 0; i < p->nr_policies; i++)
            if (p->runs[i][n])
                fprintf(to, "<td>%.0f</td>", p->faults[i][n]);
            else
                fputs("<td></td>", to);
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div>\n", to);
}

static int write_plane(FILE *to, const struct page_subject *s, const struct page_run *like)
{
    char caption[128];
    struct plane *p = calloc(1, sizeof(*p));
    if (!p)
        return fail(ENOMEM, "cannot draw a sweep");
    p->mode = like->mode;
    p->swap = like->swap;
    fill_plane(p, s);
    snprintf(caption, sizeof(caption),
             "Working set against frames: faults over memory size, by policy (mode %s%s%s)", p->mode,
             p->swap[0] ? ", swap " : "", p->swap);
    page_open_figure(to, caption);
    draw_plane(to, p, caption);
    write_numbers(to, p);
    if (p->nr_left_out)
        fprintf(to, "<p>%u more runs, of other sizes, are in the list of all runs.</p>\n", p->nr_left_out);
    page_close_figure(to);
    free(p);
    return 0;
}

/* Is this the first run of its picture? Where faults are not counted, there is none. */
static bool opens_plane(const struct page_subject *s, unsigned run)
{
    const struct plane p = { .mode = s->runs[run]->mode, .swap = s->runs[run]->swap };
    for (unsigned i = 0; i < run; i++)
        if (is_in_plane(&p, s->runs[i]))
            return false;
    return s->runs[run]->of_sweep && mode_counts_faults(s->runs[run]->mode);
}

int page_write_sweep_figures(FILE *to, const struct page_subject *s)
{
    int err = 0;
    for (unsigned i = 0; !err && i < s->nr_runs; i++)
        if (opens_plane(s, i))
            err = write_plane(to, s, s->runs[i]);
    return err;
}
