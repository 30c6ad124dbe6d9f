/* A table drawn.
 *   1. text
 *   2. Markdown
 *   3. CSV
 *   4. JSON */
#include <stdlib.h>
#include <string.h>
#include "vmm/json_text.h"
#include "vmm/table.h"
#include "vmm/wrap.h"

/* Is this the first row of its section? */
static bool row_opens_section(const struct table *t, unsigned row)
{
    return row == 0 || strcmp(t->rows[row].section, t->rows[row - 1].section);
}

static const char *cell_text(const struct table_cell *c, const char *empty)
{
    return c->kind == CELL_EMPTY ? empty : c->text;
}

/* 1. Text. */

static int widest(int a, int b)
{
    return a > b ? a : b;
}

/* Sections have their lines for themselves. */
static int width_of_names(const struct table *t)
{
    int width = 0;
    for (unsigned row = 0; row < t->nr_rows; row++)
        width = widest(width, 2 + wrap_columns(t->rows[row].name));
    return width;
}

static int width_of_column(const struct table *t, unsigned column)
{
    int width = widest(7, wrap_columns(t->columns[column]));
    for (unsigned row = 0; row < t->nr_rows; row++)
        width = widest(width, wrap_columns(t->rows[row].cells[column].text));
    return width;
}

static void print_padded(FILE *to, const char *text, int width, bool to_the_right)
{
    int blanks = width - wrap_columns(text);
    fprintf(to, "%*s%s%*s", to_the_right ? blanks : 0, "", text, to_the_right ? 0 : blanks, "");
}

static void print_header(const struct table *t, int names, FILE *to)
{
    fprintf(to, "%*s", names, "");
    for (unsigned column = 0; column < t->nr_columns; column++) {
        fputs("  ", to);
        print_padded(to, t->columns[column], width_of_column(t, column), true);
    }
    fputc('\n', to);
}

static void print_row(const struct table *t, unsigned row, int names, FILE *to)
{
    fputs("  ", to);
    print_padded(to, t->rows[row].name, names - 2, false);
    for (unsigned column = 0; column < t->nr_columns; column++) {
        fputs("  ", to);
        print_padded(to, cell_text(&t->rows[row].cells[column], "-"), width_of_column(t, column), true);
    }
    fputc('\n', to);
}

void table_print_text(const struct table *t, const char *title, FILE *to)
{
    int names = width_of_names(t);
    if (title)
        fprintf(to, "%s\n\n", title);
    if (t->nr_rows)
        print_header(t, names, to);
    for (unsigned row = 0; row < t->nr_rows; row++) {
        if (row_opens_section(t, row))
            fprintf(to, "%s\n", t->rows[row].section);
        print_row(t, row, names, to);
    }
    if (t->nr_rows && t->nr_notes)
        fputc('\n', to);
    for (unsigned i = 0; i < t->nr_notes; i++)
        wrap_text(to, t->notes[i]);
}

/* 2. Markdown. */

static void print_marked_down(const char *text, FILE *to)
{
    for (; *text; text++) {
        if (strchr("\\`*_|<>[]#&~", *text))
            fputc('\\', to);
        fputc(*text, to);
    }
}

void table_print_markdown(const struct table *t, const char *title, FILE *to)
{
    if (title) {
        print_marked_down(title, to);
        fputs("\n\n", to);
    }
    fputs("| |", to);
    for (unsigned column = 0; column < t->nr_columns; column++) {
        fputc(' ', to);
        print_marked_down(t->columns[column], to);
        fputs(" |", to);
    }
    fputs("\n|:--|", to);
    for (unsigned column = 0; column < t->nr_columns; column++)
        fputs("--:|", to);
    fputc('\n', to);
    for (unsigned row = 0; row < t->nr_rows; row++) {
        fputs("| ", to);
        print_marked_down(t->rows[row].section, to);
        fputs(": ", to);
        print_marked_down(t->rows[row].name, to);
        fputs(" |", to);
        for (unsigned column = 0; column < t->nr_columns; column++) {
            fputc(' ', to);
            print_marked_down(cell_text(&t->rows[row].cells[column], ""), to);
            fputs(" |", to);
        }
        fputc('\n', to);
    }
    for (unsigned i = 0; i < t->nr_notes; i++) {
        fputc('\n', to);
        print_marked_down(t->notes[i], to);
        fputc('\n', to);
    }
}

/* 3. CSV. */

static void print_field(const char *text, FILE *to)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

void table_print_csv(const struct table *t, FILE *to)
{
    fputs("section,row", to);
    for (unsigned column = 0; column < t->nr_columns; column++) {
        fputc(',', to);
        print_field(t->columns[column], to);
    }
    fputc('\n', to);
    for (unsigned row = 0; row < t->nr_rows; row++) {
        print_field(t->rows[row].section, to);
        fputc(',', to);
        print_field(t->rows[row].name, to);
        for (unsigned column = 0; column < t->nr_columns; column++) {
            fputc(',', to);
            print_field(cell_text(&t->rows[row].cells[column], ""), to);
        }
        fputc('\n', to);
    }
    for (unsigned i = 0; i < t->nr_notes; i++) {
        fputs("note,", to);
        print_field(t->notes[i], to);
        for (unsigned column = 0; column < t->nr_columns; column++)
            fputc(',', to);
        fputc('\n', to);
    }
}

/* 4. JSON. */

static json_t *cell_json(const struct table_cell *c)
{
    if (c->kind == CELL_TEXT)
        return json_text(c->text);
    if (c->kind == CELL_EMPTY)
        return json_null();
    return strchr(c->text, '.') ? json_real(strtod(c->text, NULL)) : json_integer(strtoll(c->text, NULL, 10));
}

static json_t *row_json(const struct table *t, const struct table_row *row)
{
    json_t *cells = json_array();
    for (unsigned column = 0; column < t->nr_columns; column++)
        json_array_append_new(cells, cell_json(&row->cells[column]));
    return json_pack("{s:o, s:o, s:o}", "section", json_text(row->section), "row", json_text(row->name),
                     "cells", cells);
}

json_t *table_to_json(const struct table *t)
{
    json_t *columns = json_array(), *rows = json_array(), *notes = json_array();
    for (unsigned column = 0; column < t->nr_columns; column++)
        json_array_append_new(columns, json_text(t->columns[column]));
    for (unsigned row = 0; row < t->nr_rows; row++)
        json_array_append_new(rows, row_json(t, &t->rows[row]));
    for (unsigned i = 0; i < t->nr_notes; i++)
        json_array_append_new(notes, json_text(t->notes[i]));
    return json_pack("{s:o, s:o, s:o}", "columns", columns, "rows", rows, "notes", notes);
}
