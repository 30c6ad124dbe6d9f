/* What the charts are made of. Lengths are px of a chart that is SVG_WIDTH wide. */
#pragma once
#include "vmm/svg.h"

#define SVG_WIDTH 340

/* An axis from zero to at least most, with few round ticks. */
struct svg_scale {
    double tick, top; /* distance of ticks; the last of them */
    double from_px, to_px;
};
struct svg_scale svg_scale_make(double most, unsigned max_ticks, double from_px, double to_px);
double svg_scale_px(const struct svg_scale *s, double value);

/* A number on an axis or beside a bar: 1200000 is "1.2M"; decimals hold below 1000. */
void svg_format(double value, unsigned decimals, char text[32]);

void svg_open(FILE *to, const char *title, double height);
void svg_close(FILE *to);

/* anchor: "start", "middle", "end". At most max_px wide: cut with an ellipsis; 0: as wide as it is. */
void svg_text(FILE *to, double x, double y, const char *anchor, double max_px, const char *text);

/* Vertical lines and numbers at the ticks of a horizontal axis, from top to bottom, the numbers and the unit
 * below. */
void svg_axis_below(FILE *to, const struct svg_scale *s, double top, double bottom, const char *unit);

/* A rectangle in a colour, with its hatching. */
void svg_rect(FILE *to, double x, double y, double width, double height, unsigned colour);

/* The marker of a colour, at a point: its shape differs from colour to colour. */
void svg_marker(FILE *to, double x, double y, unsigned colour);
