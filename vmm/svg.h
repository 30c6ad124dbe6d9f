/* Charts as SVG inside an HTML page, by a little code of our own: bars, stacked bars, spans, lines.
 *
 * All are as wide as a telephone shows with text of 12 px, and may be shown larger. Colours are classes (c0
 * to c7, g0 to g7) of svg_style(), for light, dark and paper; each also has a shape (hatching, marker,
 * dashes), so that they can be told apart without colours. Names are text from outside: they are escaped
 * here, and cut where there is no room. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#define SVG_MAX_SERIES 8 /* colours; series from there on start again */

/* The style sheet of all charts, to stand once in the page. */
void svg_style(FILE *to);
/* Shared definitions (hatchings), to stand once in the page's body, before the first chart. */
void svg_definitions(FILE *to);

/* A row of one bar. */
struct svg_bar {
    const char *group; /* a heading above the first bar of each group */
    const char *name;
    unsigned colour;
    double value;
    double low, high;  /* a line from low to high, if high > low */
    unsigned decimals; /* of the number that is written beside it */
};

/* title: what the picture shows, for those who cannot see it: with its numbers. unit: of the axis. */
void svg_draw_bars(FILE *to, const char *title, const char *unit, const struct svg_bar *bars, unsigned count);

/* Rows of bars that are cut into parts: parts[row * nr_parts + part], in the unit of the rows' sums. Parts
 * take the colours in turn; svg_draw_legend() says which is which. */
struct svg_stack {
    const char **rows;
    unsigned nr_rows, nr_parts;
    const double *parts;
};
void svg_draw_stack(FILE *to, const char *title, const char *unit, const struct svg_stack *s);

/* What happened from when to when: each in a row of its own, below the one before, with its length. name
 * NULL: a part of the one before, drawn over it. */
struct svg_span {
    const char *name;
    unsigned colour;
    double from, to;
};
void svg_draw_spans(FILE *to, const char *title, const char *unit, const struct svg_span *spans,
                    unsigned count);

/* Lines through points. Where x_names is not NULL, x counts 0, 1, 2 ... nr_x_names - 1, and is named so. */
struct svg_line {
    const char *name;
    unsigned colour, nr_points;
    const double *x, *y;
};
struct svg_lines {
    const char *x_unit, *y_unit;
    const char **x_names;
    unsigned nr_x_names;
    bool markers;
    const struct svg_line *lines;
    unsigned nr_lines;
};
void svg_draw_lines(FILE *to, const char *title, const struct svg_lines *l);

/* A list of names with their colours; NULL: this colour is not there. */
enum svg_legend { LEGEND_OF_BARS, LEGEND_OF_LINES, LEGEND_OF_MARKED_LINES };
void svg_draw_legend(FILE *to, const char *const *names, unsigned count, enum svg_legend kind);
