/* A diagram in the terminal: time, five lanes, and what happens at the right.
 *
 *     column   0       9         13 + lane * spacing      4 after the last lane
 *              | time  | lanes                           | text
 */
#include <string.h>
#include "vmm/trace_diagram.h"

#define FIRST_LANE   13
#define TEXT_ROOM    31 /* beside the lanes, in 80 columns */
#define MOST_COLUMNS 160

enum glyph {
    G_SPACE,
    G_WORKS,
    G_WAITS,
    G_LINE,
    G_FROM_LEFT,
    G_FROM_RIGHT,
    G_HEAD_RIGHT,
    G_HEAD_LEFT,
    G_DOT,
    NR_GLYPHS
};

static const char *const ascii_glyphs[NR_GLYPHS] = { " ", "|", ":", "-", "|", "|", ">", "<", "#" };
static const char *const utf8_glyphs[NR_GLYPHS] = {
    " ", "\u2502", "\u250a", "\u2500", "\u251c", "\u2524", "\u25ba", "\u25c4", "\u25a0",
};

struct canvas {
    unsigned spacing;
    unsigned columns; /* of the lanes' part */
    enum glyph cells[MOST_COLUMNS];
};

static unsigned column_of(const struct canvas *c, enum trace_lane lane)
{
    return FIRST_LANE + lane * c->spacing;
}

static struct canvas make_canvas(unsigned width)
{
    struct canvas c = { .spacing = 8 };
    if (width > FIRST_LANE + 4 * 8 + 4 + TEXT_ROOM)
        c.spacing = (width - FIRST_LANE - 4 - TEXT_ROOM) / 4;
    if (c.spacing > 16)
        c.spacing = 16;
    c.columns = FIRST_LANE + 4 * c.spacing + 4;
    return c;
}

static void draw_lanes(struct canvas *c, const struct diagram *d, size_t row)
{
    for (unsigned i = 0; i < c->columns; i++)
        c->cells[i] = G_SPACE;
    for (int lane = 0; lane < NR_TRACE_LANES; lane++)
        c->cells[column_of(c, lane)] = diagram_lane_works(d, row, lane) ? G_WORKS : G_WAITS;
}

static void draw_arrow(struct canvas *c, const struct diagram_row *row)
{
    unsigned from = column_of(c, row->from), to = column_of(c, row->to);
    unsigned left = from < to ? from : to, right = from < to ? to : from;
    for (unsigned i = left + 1; i < right; i++)
        c->cells[i] = G_LINE;
    c->cells[from] = from < to ? G_FROM_LEFT : G_FROM_RIGHT;
    c->cells[to] = G_WORKS;
    c->cells[from < to ? to - 1 : to + 1] = from < to ? G_HEAD_RIGHT : G_HEAD_LEFT;
    unsigned monitor = column_of(c, LANE_MONITOR);
    if (row->by_monitor && monitor > left && monitor < right)
        c->cells[monitor] = G_DOT;
}

static void print_headings(const struct canvas *c, FILE *to)
{
    static const char *const headings[2][NR_TRACE_LANES] = {
        { "", "guest", "", "", "" },
        { "program", "kernel", "monitor", "VMM", "disk" },
    };
    for (int line = 0; line < 2; line++) {
        unsigned at = (unsigned)fprintf(to, "%8s", line ? "us" : "");
        for (int lane = 0; lane < NR_TRACE_LANES; lane++) {
            unsigned length = (unsigned)strlen(headings[line][lane]);
            unsigned start = column_of(c, lane) - length / 2;
            if (length)
                at += (unsigned)fprintf(to, "%*s%s", (int)(start - at), "", headings[line][lane]);
        }
        fputc('\n', to);
    }
}

static void print_row(const struct diagram *d, size_t i, struct canvas *c, FILE *to,
                      const char *const *glyphs)
{
    const struct diagram_row *row = &d->rows[i];
    draw_lanes(c, d, i);
    if (row->from != row->to)
        draw_arrow(c, row);
    else
        c->cells[column_of(c, row->from)] = G_DOT;
    fprintf(to, "%8.1f ", (double)row->ns / 1000);
    for (unsigned column = 9; column < c->columns; column++)
        fputs(glyphs[c->cells[column]], to);
    fputs(row->text, to);
    if (row->times > 1)
        fprintf(to, " x%u", row->times);
    fputc('\n', to);
}

void diagram_print(const struct diagram *d, FILE *to, unsigned width, bool utf8)
{
    struct canvas c = make_canvas(width);
    fprintf(to, "%s\n%s\n%s\n%s%s\n", d->title, d->subtitle, d->error, d->reason, d->reason[0] ? "\n" : "");
    print_headings(&c, to);
    for (size_t i = 0; i < d->count; i++)
        print_row(d, i, &c, to, utf8 ? utf8_glyphs : ascii_glyphs);
    fprintf(to, "\n%s\n", d->summary);
}
