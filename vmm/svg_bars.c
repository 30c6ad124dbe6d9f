/* Charts of horizontal bars: they grow with their rows, not with the width.
 *   1. bars
 *   2. stacked bars
 *   3. spans */
#include <string.h>
#include "vmm/html.h"
#include "vmm/svg_parts.h"

#define ROW_PX     22.0
#define BAR_PX     15.0
#define NAME_PX    52.0 /* names at the left */
#define NUMBER_PX  44.0 /* numbers at the right */
#define SPAN_NAMES 130.0
#define FOOT_PX    38.0

static double at_least(double a, double b)
{
    return a > b ? a : b;
}

/* 1. Bars. */

static bool opens_group(const struct svg_bar *bars, unsigned i)
{
    return i == 0 || strcmp(bars[i].group, bars[i - 1].group);
}

static void draw_whisker(FILE *to, double low, double high, double y)
{
    fprintf(to, "<path class=\"whisker\" d=\"M%.1f,%.1fV%.1fM%.1f,%.1fV%.1fM%.1f,%.1fH%.1f\"/>\n", low, y - 4,
            y + 4, high, y - 4, y + 4, low, y, high);
}

static void draw_bar(FILE *to, const struct svg_bar *b, const struct svg_scale *s, double y)
{
    char number[32];
    double end = svg_scale_px(s, b->value), middle = y + BAR_PX / 2;
    svg_text(to, NAME_PX - 6, middle + 4, "end", NAME_PX - 6, b->name);
    svg_rect(to, NAME_PX, y, at_least(end - NAME_PX, 0.5), BAR_PX, b->colour);
    if (b->high > b->low)
        draw_whisker(to, svg_scale_px(s, b->low), svg_scale_px(s, b->high), middle);
    svg_format(b->value, b->decimals, number);
    svg_text(to, at_least(end, b->high > b->low ? svg_scale_px(s, b->high) : 0) + 5, middle + 4, "start", 0,
             number);
}

void svg_draw_bars(FILE *to, const char *title, const char *unit, const struct svg_bar *bars, unsigned count)
{
    double most = 0, height = 4;
    for (unsigned i = 0; i < count; i++) {
        most = at_least(most, at_least(bars[i].value, bars[i].high));
        height += ROW_PX + (opens_group(bars, i) ? ROW_PX : 0);
    }
    struct svg_scale s = svg_scale_make(most, 4, NAME_PX, SVG_WIDTH - NUMBER_PX);
    svg_open(to, title, height + FOOT_PX);
    svg_axis_below(to, &s, 0, height, unit);
    double y = 2;
    for (unsigned i = 0; i < count; i++) {
        if (opens_group(bars, i)) {
            fputs("<g class=\"head\">", to);
            svg_text(to, 0, y + 15, "start", SVG_WIDTH, bars[i].group);
            fputs("</g>", to);
            y += ROW_PX;
        }
        draw_bar(to, &bars[i], &s, y + 3);
        y += ROW_PX;
    }
    svg_close(to);
}

/* 2. Stacked bars. */

static void draw_parts(FILE *to, const struct svg_stack *stack, unsigned row, const struct svg_scale *s,
                       double y)
{
    double sum = 0;
    for (unsigned part = 0; part < stack->nr_parts; part++) {
        double value = stack->parts[row * stack->nr_parts + part];
        double from = svg_scale_px(s, sum), end = svg_scale_px(s, sum + value);
        if (value > 0)
            svg_rect(to, from, y, end - from, BAR_PX + 4, part);
        sum += value;
    }
    char number[32];
    svg_format(sum, 1, number);
    svg_text(to, svg_scale_px(s, sum) + 5, y + 14, "start", 0, number);
}

void svg_draw_stack(FILE *to, const char *title, const char *unit, const struct svg_stack *stack)
{
    double most = 0, height = 4 + stack->nr_rows * (ROW_PX + 6);
    for (unsigned row = 0; row < stack->nr_rows; row++) {
        double sum = 0;
        for (unsigned part = 0; part < stack->nr_parts; part++)
            sum += stack->parts[row * stack->nr_parts + part];
        most = at_least(most, sum);
    }
    struct svg_scale s = svg_scale_make(most, 4, NAME_PX, SVG_WIDTH - NUMBER_PX);
    svg_open(to, title, height + FOOT_PX);
    svg_axis_below(to, &s, 0, height, unit);
    for (unsigned row = 0; row < stack->nr_rows; row++) {
        double y = 6 + row * (ROW_PX + 6);
        svg_text(to, NAME_PX - 6, y + 14, "end", NAME_PX - 6, stack->rows[row]);
        draw_parts(to, stack, row, &s, y);
    }
    svg_close(to);
}

/* 3. Spans. */

static void draw_span_name(FILE *to, const struct svg_span *span, const struct svg_scale *s, double y)
{
    char number[32];
    svg_format(span->to - span->from, 1, number);
    svg_text(to, SPAN_NAMES - 6, y + 12, "end", SPAN_NAMES - 6, span->name);
    svg_text(to, svg_scale_px(s, span->to) + 5, y + 12, "start", 0, number);
}

void svg_draw_spans(FILE *to, const char *title, const char *unit, const struct svg_span *spans,
                    unsigned count)
{
    double most = 0, height = 4, y = 4 - ROW_PX;
    for (unsigned i = 0; i < count; i++) {
        most = at_least(most, spans[i].to);
        height += spans[i].name ? ROW_PX : 0;
    }
    struct svg_scale s = svg_scale_make(most, 3, SPAN_NAMES, SVG_WIDTH - NUMBER_PX);
    svg_open(to, title, height + FOOT_PX);
    svg_axis_below(to, &s, 0, height, unit);
    for (unsigned i = 0; i < count; i++) {
        double from = svg_scale_px(&s, spans[i].from), end = svg_scale_px(&s, spans[i].to);
        y += spans[i].name ? ROW_PX : 0;
        svg_rect(to, from, y, at_least(end - from, 0.5), BAR_PX, spans[i].colour);
        if (spans[i].name)
            draw_span_name(to, &spans[i], &s, y);
    }
    svg_close(to);
}

void svg_draw_legend(FILE *to, const char *const *names, unsigned count, enum svg_legend kind)
{
    bool lines = kind != LEGEND_OF_BARS;
    fputs("<ul class=\"legend\">\n", to);
    for (unsigned i = 0; i < count; i++) {
        unsigned colour = i % SVG_MAX_SERIES;
        if (!names[i])
            continue;
        fprintf(to, "<li><svg viewBox=\"0 0 %d 14\" style=\"width:%dpx\" aria-hidden=\"true\">",
                lines ? 28 : 16, lines ? 28 : 16);
        if (lines) {
            fprintf(to, "<path class=\"curve g%u\" d=\"M0,7H28\"/>", colour);
            if (kind == LEGEND_OF_MARKED_LINES)
                svg_marker(to, 14, 7, colour);
        } else {
            svg_rect(to, 1, 1, 13, 12, colour);
        }
        fputs("</svg>", to);
        html_text(to, names[i]);
        fputs("</li>\n", to);
    }
    fputs("</ul>\n", to);
}
