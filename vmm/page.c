/* The page of a report.
 *   1. head: style, and a policy that forbids everything but that style
 *   2. what it is about
 *   3. a section for each program, and each trace */
#include <string.h>
#include "vmm/html.h"
#include "vmm/page_write.h"
#include "vmm/substrate.h"
#include "vmm/svg.h"

#define MOST_SECTIONS 40

/* 1. Head. Telephones first; then wider, dark, paper. */

static const char style[] =
    ":root{--text:#1b1b1b;--back:#fff;--soft:#595959;--grid:#d9d9d9;--card:#f7f7f5}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--back);color:var(--text);font:16px/1.45 system-ui,sans-serif}\n"
    "header,main,footer{max-width:1180px;margin:0 auto;padding:0 12px}\n"
    "h1{font-size:1.6rem;line-height:1.2;margin:1.2rem 0 .4rem}\n"
    "h2{font-size:1.2rem;margin:2rem 0 .6rem;overflow-wrap:anywhere;border-bottom:2px solid var(--grid)}\n"
    "p,li{overflow-wrap:anywhere}\n"
    ".figures{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr))}\n"
    "figure{margin:0;padding:8px 0;min-width:0}\n"
    "figcaption{font-size:14px;font-weight:600;margin-bottom:8px}\n"
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 14px;margin:6px "
    "0;padding:0;font-size:13px}\n"
    ".legend li{display:flex;align-items:center;gap:5px}\n"
    ".legend svg{display:inline-block;height:14px}\n"
    ".scroll{overflow-x:auto;margin:12px 0}\n"
    "table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;font-weight:600;font-size:14px;padding-bottom:4px}\n"
    "th,td{padding:2px 7px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}\n"
    "thead th:first-child{text-align:left}\n"
    "tbody th{text-align:left;font-weight:400;white-space:normal;overflow-wrap:anywhere;min-width:96px}\n"
    "tbody th.section{font-weight:600;padding-top:9px;background:var(--card)}\n"
    "td.failure{text-align:left;white-space:normal}\n"
    "footer{color:var(--soft);font-size:14px;padding-bottom:24px}\n"
    "@media (prefers-color-scheme:dark){:root{--text:#ececec;--back:#161616;--soft:#b5b5b5;--grid:#454545;"
    "--card:#222}}\n"
    "@media print{:root{--text:#000;--back:#fff;--soft:#333;--grid:#bbb;--card:#f2f2f2}"
    "@page{margin:15mm}body{font-size:10pt}"
    ".figures{display:block;columns:2;column-gap:10mm}"
    "figure,tr{break-inside:avoid}.section{break-after:avoid}h2{break-after:avoid}thead{display:table-header-"
    "group}"
    ".scroll{overflow:visible}table{font-size:8.5pt}}\n";

static void write_head(FILE *to)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n"
          "<title>What a page fault costs: a faultvisor report</title>\n<style>\n",
          to);
    fputs(style, to);
    svg_style(to);
    fputs("</style>\n</head>\n<body>\n", to);
    svg_definitions(to);
}

/* 2. What it is about. */

static bool was_named_before(const struct page_data *d, unsigned run)
{
    for (unsigned i = 0; i < run; i++)
        if (!strcmp(d->runs[i].substrate, d->runs[run].substrate))
            return true;
    return false;
}

static void write_substrates(FILE *to, const struct page_data *d)
{
    const char *separator = "";
    fputs("<p>Counts are the result. Times are a footnote, and hold for ", to);
    for (unsigned i = 0; i < d->nr_runs; i++) {
        if (!d->runs[i].substrate[0] || was_named_before(d, i))
            continue;
        fputs(separator, to);
        html_text(to, d->runs[i].substrate);
        const char *about = substrate_about(d->runs[i].substrate);
        if (about)
            fprintf(to, " (%s)", about);
        separator = ", ";
    }
    fputs(*separator ? ".</p>\n" : "the substrate of each trace.</p>\n", to);
}

static void write_number_of(FILE *to, unsigned count, const char *things)
{
    if (count)
        fprintf(to, "%u %s%s", count, things, count == 1 ? "" : "s");
}

static void write_introduction(FILE *to, const struct page_data *d)
{
    fputs("<header><h1>What a page fault costs</h1>\n", to);
    fputs("<p>", to);
    write_number_of(to, d->nr_runs, "run");
    fputs(d->nr_runs && d->nr_traces ? " and " : "", to);
    write_number_of(to, d->nr_traces, "trace");
    fputs(" by faultvisor " FV_VERSION ".</p>\n", to);
    write_substrates(to, d);
    fputs(
        "<p>An exit is one return of KVM_RUN to the hypervisor. pv: paravirtualized, page tables change by\n"
        "hypercall. fv: shadow paging, the guest does not know. hw: what KVM itself gives.</p>\n</header>\n",
        to);
}

/* 3. Sections. */

static int write_subject(FILE *to, const struct page_subject *s)
{
    fputs("<section><h2>", to);
    html_text(to, s->program);
    fputs("</h2>\n<div class=\"figures\">\n", to);
    int err = page_write_sweep_figures(to, s);
    page_write_fault_figures(to, s);
    fputs("</div>\n", to);
    if (!err)
        err = page_write_side_by_side(to, s);
    fputs("</section>\n", to);
    return err;
}

static int write_subjects(FILE *to, const struct page_data *d)
{
    struct page_subject *list;
    unsigned count;
    int err = page_subjects_make(d, &list, &count);
    for (unsigned i = 0; !err && i < count && i < MOST_SECTIONS; i++)
        err = write_subject(to, &list[i]);
    if (!err && count > MOST_SECTIONS)
        fprintf(to, "<p>%u more programs are in the list of all runs only.</p>\n", count - MOST_SECTIONS);
    page_subjects_free(list, count);
    return err;
}

int page_write(FILE *to, const struct page_data *d)
{
    write_head(to);
    write_introduction(to, d);
    fputs("<main>\n", to);
    int err = write_subjects(to, d);
    for (unsigned i = 0; !err && i < d->nr_traces; i++)
        err = page_write_trace(to, d->traces[i]);
    if (!err && d->nr_runs) {
        fputs("<section><h2>All runs</h2>\n", to);
        page_write_all_runs(to, d);
        fputs("</section>\n", to);
    }
    fputs("</main>\n<footer>Written by faultvisor " FV_VERSION
          "; the page needs nothing from elsewhere.</footer>\n</body>\n</html>\n",
          to);
    return err;
}
