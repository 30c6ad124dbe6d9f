/* A table of numbers and words: rows with names, in sections; columns with names; notes below. It can be
 * drawn as text, as Markdown, as CSV, and as JSON. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_CELL_BYTES 32
#define TABLE_NAME_BYTES 64
#define TABLE_NOTE_BYTES 512

enum cell_kind { CELL_EMPTY, CELL_TEXT, CELL_NUMBER };

struct table_cell {
    enum cell_kind kind;
    char text[TABLE_CELL_BYTES]; /* a number's digits, too */
};

struct table_row {
    char section[TABLE_NAME_BYTES], name[TABLE_NAME_BYTES];
    struct table_cell *cells; /* [nr_columns] */
};

struct table {
    unsigned nr_columns, nr_rows, nr_notes;
    char (*columns)[TABLE_NAME_BYTES]; /* [nr_columns] */
    struct table_row *rows;            /* [nr_rows] */
    char (*notes)[TABLE_NOTE_BYTES];   /* [nr_notes] */
};

/* An empty table with nr_columns columns without names. -ENOMEM, said, if there is no memory; so the others.
 */
int table_init(struct table *t, unsigned nr_columns);
void table_free(struct table *t);

void table_name_column(struct table *t, unsigned column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One more row, of empty cells, which stays where it is until the next is added. NULL: no memory. */
struct table_row *table_add_row(struct table *t, const char *section, const char *name);

int table_add_note(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Texts that are too long are cut; control characters in any text become blanks. */
void table_cell_set_text(struct table_cell *c, const char *text);
void table_cell_set_integer(struct table_cell *c, uint64_t n);
void table_cell_set_real(struct table_cell *c, double x, unsigned decimals);

/* A table is lines: what would break them, or do worse to a terminal, becomes blanks. All texts in it are so; its title
 * has to be. */
void table_make_plain(char *text);

/* Text for a terminal: sections as headings, numbers to the right. title: the line above, or NULL. */
void table_print_text(const struct table *t, const char *title, FILE *to);
/* GitHub Flavored Markdown, 4.10 Tables. */
void table_print_markdown(const struct table *t, const char *title, FILE *to);
/* RFC 4180, but lines end in LF: columns section, row, then those of the table. Notes are rows of a section
 * "note". */
void table_print_csv(const struct table *t, FILE *to);
/* {"columns": [...], "rows": [{"section", "row", "cells": [number, text or null]}], "notes": [...]}. The
 * caller owns it. */
json_t *table_to_json(const struct table *t);
