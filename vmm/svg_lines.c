/* Charts of lines. */
#include "vmm/svg_parts.h"

#define TOP_PX    22.0
#define BOTTOM_PX 220.0
#define LEFT_PX   48.0
#define RIGHT_PX  (SVG_WIDTH - 18.0)

struct frame {
    struct svg_scale x, y;
    bool named;
    double step; /* between names */
};

static double x_px(const struct frame *f, double x)
{
    return f->named ? LEFT_PX + f->step * (x + 0.5) : svg_scale_px(&f->x, x);
}

static struct frame frame_of(const struct svg_lines *l)
{
    double x_most = 0, y_most = 0;
    for (unsigned i = 0; i < l->nr_lines; i++)
        for (unsigned n = 0; n < l->lines[i].nr_points; n++) {
            x_most = l->lines[i].x[n] > x_most ? l->lines[i].x[n] : x_most;
            y_most = l->lines[i].y[n] > y_most ? l->lines[i].y[n] : y_most;
        }
    return (struct frame){
        .x = svg_scale_make(x_most, 5, LEFT_PX, RIGHT_PX),
        .y = svg_scale_make(y_most, 5, BOTTOM_PX, TOP_PX),
        .named = l->x_names != NULL,
        .step = l->nr_x_names ? (RIGHT_PX - LEFT_PX) / l->nr_x_names : 0,
    };
}

static void draw_axis_at_left(FILE *to, const struct frame *f, const char *unit)
{
    for (int i = 0; i * f->y.tick <= f->y.top * 1.0001; i++) {
        char text[32];
        double y = svg_scale_px(&f->y, i * f->y.tick);
        fprintf(to, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                i ? "grid" : "axis", LEFT_PX, y, RIGHT_PX, y);
        svg_format(i * f->y.tick, f->y.tick < 1 ? 1 : 0, text);
        svg_text(to, LEFT_PX - 6, y + 4, "end", 0, text);
    }
    svg_text(to, 0, 11, "start", SVG_WIDTH, unit);
}

/* As many names as there is room for. */
static void draw_names_below(FILE *to, const struct frame *f, const struct svg_lines *l)
{
    unsigned every = 1 + (unsigned)(38 / f->step);
    for (unsigned i = 0; i < l->nr_x_names; i += every)
        svg_text(to, x_px(f, i), BOTTOM_PX + 16, "middle", f->step * every, l->x_names[i]);
    svg_text(to, RIGHT_PX, BOTTOM_PX + 33, "end", 0, l->x_unit);
}

static void draw_line(FILE *to, const struct frame *f, const struct svg_line *line, bool markers)
{
    fprintf(to, "<path class=\"curve g%u\" d=\"", line->colour % SVG_MAX_SERIES);
    for (unsigned n = 0; n < line->nr_points; n++)
        fprintf(to, "%c%.1f,%.1f", n ? 'L' : 'M', x_px(f, line->x[n]), svg_scale_px(&f->y, line->y[n]));
    fputs("\"/>\n", to);
    for (unsigned n = 0; markers && n < line->nr_points; n++)
        svg_marker(to, x_px(f, line->x[n]), svg_scale_px(&f->y, line->y[n]), line->colour);
}

void svg_draw_lines(FILE *to, const char *title, const struct svg_lines *l)
{
    struct frame f = frame_of(l);
    svg_open(to, title, BOTTOM_PX + 38);
    draw_axis_at_left(to, &f, l->y_unit);
    if (f.named)
        draw_names_below(to, &f, l);
    else
        svg_axis_below(to, &f.x, TOP_PX, BOTTOM_PX, l->x_unit);
    for (unsigned i = 0; i < l->nr_lines; i++)
        draw_line(to, &f, &l->lines[i], l->markers);
    svg_close(to);
}
