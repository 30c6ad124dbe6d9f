/* Text in lines of a terminal of 80 columns, broken between items. */
#pragma once
#include <stdio.h>

/* Columns on a terminal of a UTF-8 text: one for each character (none of ours is wide). */
int wrap_columns(const char *text);

struct wrap {
    FILE *to;
    int column; /* where the next character goes, from 0 */
    int indent; /* where further lines begin */
};

/* One item, which is not broken itself; a blank or a new line goes before it, unless it is the first at the indent. */
void wrap_item(struct wrap *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A text, broken at its blanks, and a newline at the end. */
void wrap_text(FILE *to, const char *text);
