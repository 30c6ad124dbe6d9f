/* What compare found.
 *   1. do the runs agree?
 *   2. table, and JSON */
#include <errno.h>
#include <string.h>
#include "vmm/compare_parts.h"
#include "vmm/error.h"
#include "vmm/json_text.h"
#include "vmm/run_table.h"
#include "vmm/size.h"
#include "vmm/vmm.h"

/* 1. Do they agree? */

static long length_of(FILE *f)
{
    return fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
}

/* The first byte in which they differ, or where one ends; -1: they are the same. */
static long first_difference(FILE *a, FILE *b)
{
    rewind(a);
    rewind(b);
    for (long at = 0;; at++) {
        int byte = getc(a), other = getc(b);
        if (byte != other)
            return at;
        if (byte == EOF)
            return -1;
    }
}

/* The run of other against that of first. */
static void compare_two(struct compare *c, struct table *t, unsigned first, unsigned other)
{
    const struct child_result *a = &c->results[first], *b = &c->results[other];
    const char *mode = c->modes.words[first], *other_mode = c->modes.words[other];
    long at = first_difference(a->output, b->output);
    if (at >= 0)
        table_add_note(t, "%s does NOT print what %s prints: the first difference is at byte %ld.",
                       other_mode, mode, at);
    if (a->status != b->status)
        table_add_note(t, "%s ends with status %d, NOT %d as %s.", other_mode, b->status, a->status, mode);
    if (at < 0 && a->status == b->status)
        table_add_note(t, "%s: the same output and status.", other_mode);
    else
        c->disagreements++;
}

static bool ends_with_stop(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && text[length - 1] == '.';
}

static void add_notes(struct compare *c, struct table *t)
{
    unsigned first = c->modes.count;
    for (unsigned i = 0; i < c->modes.count; i++) {
        const struct child_result *r = &c->results[i];
        const char *mode = c->modes.words[i];
        if (child_result_failed(r)) {
            table_add_note(t, "%s %s: %s%s", mode, r->status == STATUS_NO_KVM ? "cannot run here" : "failed",
                           r->reason, ends_with_stop(r->reason) ? "" : ".");
        } else if (first == c->modes.count) {
            table_add_note(t, r->status && r->said[0] ? "%s: %ld bytes of output, exit status %d, and at last: %s"
                                                      : "%s: %ld bytes of output, exit status %d.",
                           mode, length_of(r->output), r->status, r->said);
            first = i;
        } else {
            compare_two(c, t, first, i);
        }
        if (!child_result_failed(r) && !mode_counts_faults(mode))
            table_add_note(t, "%s: page faults make no exits that could be counted.", mode);
    }
}

/* 2. Table, and JSON. */

static int make_table(struct compare *c, struct table *t)
{
    struct run_column columns[MAX_LIST_WORDS];
    for (unsigned i = 0; i < c->modes.count; i++) {
        const struct child_result *r = &c->results[i];
        columns[i] = (struct run_column){ c->modes.words[i], child_result_failed(r) ? NULL : r->run };
    }
    int err = run_table_make(t, columns, c->modes.count);
    if (!err)
        add_notes(c, t);
    return err;
}

static void make_title(const struct compare *c, char *title, size_t bytes)
{
    int used = snprintf(title, bytes, "faultvisor compare:");
    for (int i = 0; i < c->words.nr_program && used < (int)bytes; i++)
        used += snprintf(title + used, bytes - (size_t)used, " %s", c->words.program[i]);
    char memory[SIZE_TEXT_BYTES];
    size_format(c->options.memory_bytes, memory);
    if (used < (int)bytes)
        snprintf(title + used, bytes - (size_t)used, " (memory %s)", memory);
    table_make_plain(title);
}

static json_t *result_json(const char *mode, const struct child_result *r)
{
    json_t *o = json_pack("{s:s, s:i}", "mode", mode, "status", r->status);
    if (child_result_failed(r))
        json_object_set_new(o, "failure", json_text(r->reason));
    json_object_set(o, "run", r->run ? r->run : json_null());
    return o;
}

static void print_json(const struct compare *c, const struct table *t)
{
    json_t *results = json_array();
    for (unsigned i = 0; i < c->modes.count; i++)
        json_array_append_new(results, result_json(c->modes.words[i], &c->results[i]));
    json_t *o = json_pack("{s:s, s:b, s:o, s:o}", "faultvisor", FV_VERSION, "agree", compare_status(c) == 0,
                          "compare", results, "table", table_to_json(t));
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
}

/* Of the first mode that ran: what the others are compared with. */
static void print_output(const struct compare *c)
{
    char buffer[65536];
    size_t got;
    unsigned first = 0;
    while (first + 1 < c->modes.count && child_result_failed(&c->results[first]))
        first++;
    FILE *from = c->results[first].output;
    rewind(from);
    while ((got = fread(buffer, 1, sizeof(buffer), from)) > 0)
        fwrite(buffer, 1, got, stdout);
}

static void print_table(const struct compare *c, const struct table *t)
{
    char title[256];
    make_title(c, title, sizeof(title));
    switch (c->format) {
    case FORMAT_JSON:
        print_json(c, t);
        break;
    case FORMAT_CSV:
        table_print_csv(t, stdout);
        break;
    case FORMAT_MARKDOWN:
        table_print_markdown(t, title, stdout);
        break;
    default:
        table_print_text(t, title, stdout);
    }
}

int compare_tell(struct compare *c)
{
    struct table t;
    int err = make_table(c, &t);
    if (!err) {
        if (c->show_output)
            print_output(c);
        print_table(c, &t);
    }
    table_free(&t);
    if (!err && (fflush(stdout) == EOF || ferror(stdout)))
        err = fail(errno, "cannot write the table to standard output");
    return err;
}
