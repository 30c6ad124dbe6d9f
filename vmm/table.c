/* What a table holds. table_print.c draws it. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include "vmm/error.h"
#include "vmm/plain_text.h"
#include "vmm/table.h"

#define ROWS_AT_A_TIME 64 /* a power of two */

int table_init(struct table *t, unsigned nr_columns)
{
    *t = (struct table){ .nr_columns = nr_columns };
    t->columns = calloc(nr_columns, sizeof(t->columns[0]));
    return t->columns ? 0 : fail(ENOMEM, "cannot make a table");
}

void table_free(struct table *t)
{
    for (unsigned i = 0; i < t->nr_rows; i++)
        free(t->rows[i].cells);
    free(t->rows);
    free(t->columns);
    free(t->notes);
    *t = (struct table){ 0 };
}

void table_make_plain(char *text)
{
    plain_text(text, ' ');
}

void table_name_column(struct table *t, unsigned column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->columns[column], TABLE_NAME_BYTES, format, args);
    va_end(args);
    table_make_plain(t->columns[column]);
}

/* Room for one more element at the end, made for many at once. */
static void *make_room(void *array, unsigned used, size_t element_bytes)
{
    if (used % ROWS_AT_A_TIME)
        return array;
    return reallocarray(array, used + ROWS_AT_A_TIME, element_bytes);
}

struct table_row *table_add_row(struct table *t, const char *section, const char *name)
{
    struct table_row *rows = make_room(t->rows, t->nr_rows, sizeof(*rows));
    if (rows)
        t->rows = rows;
    struct table_cell *cells = rows ? calloc(t->nr_columns, sizeof(*cells)) : NULL;
    if (!cells) {
        fail(ENOMEM, "cannot make a table");
        return NULL;
    }
    struct table_row *row = &t->rows[t->nr_rows++];
    row->cells = cells;
    snprintf(row->section, sizeof(row->section), "%s", section);
    snprintf(row->name, sizeof(row->name), "%s", name);
    table_make_plain(row->section);
    table_make_plain(row->name);
    return row;
}

int table_add_note(struct table *t, const char *format, ...)
{
    char(*notes)[TABLE_NOTE_BYTES] = make_room(t->notes, t->nr_notes, sizeof(*notes));
    if (!notes)
        return fail(ENOMEM, "cannot make a table");
    t->notes = notes;
    va_list args;
    va_start(args, format);
    vsnprintf(t->notes[t->nr_notes], TABLE_NOTE_BYTES, format, args);
    va_end(args);
    table_make_plain(t->notes[t->nr_notes++]);
    return 0;
}

void table_cell_set_text(struct table_cell *c, const char *text)
{
    c->kind = CELL_TEXT;
    snprintf(c->text, sizeof(c->text), "%s", text);
    table_make_plain(c->text);
}

void table_cell_set_integer(struct table_cell *c, uint64_t n)
{
    c->kind = CELL_NUMBER;
    snprintf(c->text, sizeof(c->text), "%llu", (unsigned long long)n);
}

void table_cell_set_real(struct table_cell *c, double x, unsigned decimals)
{
    c->kind = CELL_NUMBER;
    snprintf(c->text, sizeof(c->text), "%.*f", (int)decimals, x);
}
