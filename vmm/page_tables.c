/* Tables of a report. */
#include <stdlib.h>
#include <string.h>
#include "vmm/html.h"
#include "vmm/page_write.h"
#include "vmm/run_table.h"
#include "vmm/size.h"
#include "vmm/vmm.h"

#define MOST_COLUMNS 4

/* Wide tables scroll in their own box, which the keyboard reaches. */
static void open_table(FILE *to, const char *caption)
{
    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", to);
    html_text(to, caption);
    fputs("\">\n<table><caption>", to);
    html_text(to, caption);
    fputs("</caption>\n", to);
}

static void close_table(FILE *to)
{
    fputs("</table></div>\n", to);
}

static void write_section(FILE *to, const struct table *t, const char *section)
{
    fprintf(to, "</tbody>\n<tbody><tr><th class=\"section\" colspan=\"%u\" scope=\"colgroup\">",
            t->nr_columns + 1);
    html_text(to, section);
    fputs("</th></tr>\n", to);
}

static void write_table(FILE *to, const struct table *t, const char *caption)
{
    open_table(to, caption);
    fputs("<thead><tr><td></td>", to);
    for (unsigned column = 0; column < t->nr_columns; column++) {
        fputs("<th scope=\"col\">", to);
        html_text(to, t->columns[column]);
        fputs("</th>", to);
    }
    fputs("</tr></thead>\n<tbody>", to);
    for (unsigned row = 0; row < t->nr_rows; row++) {
        const struct table_row *r = &t->rows[row];
        if (row == 0 || strcmp(r->section, t->rows[row - 1].section))
            write_section(to, t, r->section);
        fputs("<tr><th scope=\"row\">", to);
        html_text(to, r->name);
        fputs("</th>", to);
        for (unsigned column = 0; column < t->nr_columns; column++) {
            fputs("<td>", to);
            html_text(to, r->cells[column].text);
            fputs("</td>", to);
        }
        fputs("</tr>\n", to);
    }
    fputs("</tbody>", to);
    close_table(to);
}

static int write_columns(FILE *to, const struct run_column *columns, unsigned count)
{
    struct table t;
    int err = run_table_make(&t, columns, count);
    if (!err)
        write_table(to, &t,
                    count > 1 ? "Counts side by side, and their ratio to the first" : "Counts of the run");
    table_free(&t);
    return err;
}

int page_write_side_by_side(FILE *to, const struct page_subject *s)
{
    struct run_column columns[MOST_COLUMNS];
    unsigned count = 0, left_out = 0;
    for (unsigned i = 0; i < s->nr_runs; i++) {
        if (s->runs[i]->of_sweep)
            continue;
        if (count < MOST_COLUMNS)
            columns[count++] = (struct run_column){ s->runs[i]->mode, s->runs[i]->json };
        else
            left_out++;
    }
    if (!count)
        return 0;
    int err = write_columns(to, columns, count);
    if (left_out)
        fprintf(to, "<p>%u more runs of this program are in the list of all runs.</p>\n", left_out);
    return err;
}

static void write_cell(FILE *to, const char *text)
{
    fputs("<td>", to);
    html_text(to, text);
    fputs("</td>", to);
}

static void write_number(FILE *to, uint64_t n)
{
    fprintf(to, "<td>%llu</td>", (unsigned long long)n);
}

/* What was run, and how. */
static void write_point(FILE *to, const struct page_run *r, bool with_swap)
{
    char memory[SIZE_TEXT_BYTES] = "default";
    if (r->memory_bytes)
        size_format(r->memory_bytes, memory);
    fputs("<tr><th scope=\"row\">", to);
    html_text(to, r->program);
    fputs("</th>", to);
    write_cell(to, r->mode);
    write_cell(to, memory);
    if (with_swap)
        write_cell(to, r->swap);
    write_cell(to, page_run_policy(r));
    fprintf(to, "<td>%lld</td>", (long long)r->status);
}

static void write_faults(FILE *to, const struct page_run *r)
{
    if (!mode_counts_faults(r->mode)) {
        for (int i = 0; i < 1 + NR_FAULT_CLASSES; i++)
            write_cell(to, "");
        return;
    }
    write_number(to, page_run_faults(r));
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        write_number(to, r->faults[i].count);
}

static void write_counts(FILE *to, const struct page_run *r)
{
    write_faults(to, r);
    write_number(to, r->exits);
    fprintf(to, "<td>%.0f</td>", (double)r->wall_ns / 1e6);
}

static void write_failure(FILE *to, const struct page_run *r)
{
    fprintf(to, "<td class=\"failure\" colspan=\"%d\">failed: ", 3 + NR_FAULT_CLASSES);
    html_text(to, r->failure);
    fputs("</td>", to);
}

/* Other runs do not tell of it. */
static bool is_swap_an_axis(const struct page_data *d)
{
    for (unsigned i = 0; i < d->nr_runs; i++)
        if (d->runs[i].swap[0])
            return true;
    return false;
}

static void write_heads(FILE *to, bool with_swap)
{
    fprintf(to,
            "<thead><tr><th scope=\"col\">program</th><th scope=\"col\">mode</th><th scope=\"col\">memory</th>%s"
            "<th scope=\"col\">policy</th><th scope=\"col\">status</th><th scope=\"col\">faults</th>",
            with_swap ? "<th scope=\"col\">swap</th>" : "");
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        fprintf(to, "<th scope=\"col\">%s</th>", fault_class_name(i));
    fputs("<th scope=\"col\">exits</th><th scope=\"col\">ms</th></tr></thead>\n<tbody>\n", to);
}

void page_write_all_runs(FILE *to, const struct page_data *d)
{
    bool with_swap = is_swap_an_axis(d);
    open_table(to, "Each run: faults by class, and the time of the whole in ms");
    write_heads(to, with_swap);
    for (unsigned i = 0; i < d->nr_runs; i++) {
        write_point(to, &d->runs[i], with_swap);
        if (page_run_is_done(&d->runs[i]))
            write_counts(to, &d->runs[i]);
        else
            write_failure(to, &d->runs[i]);
        fputs("</tr>\n", to);
    }
    fputs("</tbody>", to);
    close_table(to);
}
