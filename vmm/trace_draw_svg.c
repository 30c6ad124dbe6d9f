/* Diagrams as SVG: narrow enough that its text can be read on a telephone, black on white for paper. */
#include <errno.h>
#include <string.h>
#include "vmm/output.h"
#include "vmm/trace_diagram.h"

#define WIDTH        460
#define TIME_RIGHT   52
#define FIRST_LANE   84
#define LANE_SPACING 70
#define ROW_HEIGHT   28
#define HEAD_HEIGHT  134 /* titles and the names of the lanes */
#define FOOT_HEIGHT  44

static int lane_x(enum trace_lane lane)
{
    return FIRST_LANE + (int)lane * LANE_SPACING;
}

static void write_escaped(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", to);
        else if (*text == '>')
            fputs("&gt;", to);
        else if (*text == '&')
            fputs("&amp;", to);
        else
            fputc(*text, to);
    }
}

/* anchor: start, middle, end */
static void write_text(FILE *to, int x, int y, const char *class, const char *anchor, const char *text)
{
    fprintf(to, "<text x=\"%d\" y=\"%d\" class=\"%s\" text-anchor=\"%s\">", x, y, class, anchor);
    write_escaped(to, text);
    fputs("</text>\n", to);
}

static void write_style(FILE *to)
{
    fputs("<style>\n"
          "text { font-family: 'DejaVu Sans', Verdana, Arial, sans-serif; font-size: 12px; fill: #1a1a1a; }\n"
          ".title { font-size: 14px; font-weight: bold; }\n"
          ".note { font-size: 11px; }\n"
          ".lane { font-weight: bold; }\n"
          ".time { fill: #555; font-size: 11px; }\n"
          ".label { paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round; }\n"
          ".life { stroke: #999; stroke-dasharray: 3 4; }\n"
          ".busy { fill: #cfe0f5; stroke: #2b5c94; }\n"
          ".arrow { stroke: #1a1a1a; stroke-width: 1.4; fill: none; }\n"
          ".head, .dot { fill: #1a1a1a; }\n"
          "</style>\n",
          to);
}

static void write_lifelines(const struct diagram *d, FILE *to, int top)
{
    static const char *const names[NR_TRACE_LANES][2] = {
        { "", "program" }, { "guest", "kernel" }, { "", "monitor" }, { "", "VMM" }, { "", "disk" },
    };
    int bottom = top + HEAD_HEIGHT + (int)d->count * ROW_HEIGHT;
    for (int lane = 0; lane < NR_TRACE_LANES; lane++) {
        int x = lane_x(lane);
        write_text(to, x, top + HEAD_HEIGHT - 38, "lane", "middle", names[lane][0]);
        write_text(to, x, top + HEAD_HEIGHT - 23, "lane", "middle", names[lane][1]);
        fprintf(to, "<line class=\"life\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", x,
                top + HEAD_HEIGHT - 16, x, bottom);
    }
    write_text(to, TIME_RIGHT, top + HEAD_HEIGHT - 23, "time", "end", "\u00b5s");
}

static int row_y(int top, size_t row)
{
    return top + HEAD_HEIGHT + (int)row * ROW_HEIGHT + ROW_HEIGHT / 2;
}

/* A bar along the lane while it works: from the arrow that comes to the one that leaves. */
static void write_bars(const struct diagram *d, FILE *to, int top)
{
    int from = top + HEAD_HEIGHT - 16;
    enum trace_lane lane = LANE_PROGRAM;
    for (size_t i = 0; i <= d->count; i++) {
        if (i < d->count && d->rows[i].from == d->rows[i].to)
            continue;
        int y = i < d->count ? row_y(top, i) : top + HEAD_HEIGHT + (int)d->count * ROW_HEIGHT;
        fprintf(to, "<rect class=\"busy\" x=\"%d\" y=\"%d\" width=\"8\" height=\"%d\"/>\n", lane_x(lane) - 4,
                from, y - from);
        from = y;
        lane = i < d->count ? d->rows[i].to : lane;
    }
}

static void write_arrow(const struct diagram_row *row, FILE *to, int y, const char *text)
{
    int sign = row->from < row->to ? 1 : -1;
    int from = lane_x(row->from) + 4 * sign, end = lane_x(row->to) - 4 * sign;
    fprintf(to, "<path class=\"arrow\" d=\"M%d %dH%d\"/>\n", from, y, end - 6 * sign);
    fprintf(to, "<path class=\"head\" d=\"M%d %dl%d -4v8z\"/>\n", end, y, -8 * sign);
    write_text(to, (from + end) / 2, y - 8, "label", "middle", text);
    int monitor = lane_x(LANE_MONITOR);
    if (row->by_monitor && (monitor - from) * sign > 0 && (end - monitor) * sign > 0)
        fprintf(to, "<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"4\"/>\n", monitor, y);
}

static void write_row(const struct diagram_row *row, FILE *to, int y)
{
    char text[sizeof(row->text) + 16], time[24];
    snprintf(text, sizeof(text), row->times > 1 ? "%s \u00d7%u" : "%s", row->text, row->times);
    snprintf(time, sizeof(time), "%.1f", (double)row->ns / 1000);
    write_text(to, TIME_RIGHT, y + 4, "time", "end", time);
    if (row->from != row->to) {
        write_arrow(row, to, y, text);
        return;
    }
    fprintf(to, "<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"4\"/>\n", lane_x(row->from), y);
    write_text(to, lane_x(row->from) + 9, y + 4, "label", "start", text);
}

static void write_diagram(const struct diagram *d, FILE *to, int top)
{
    write_text(to, 8, top + 20, "title", "start", d->title);
    write_text(to, 8, top + 38, "note", "start", d->subtitle);
    write_text(to, 8, top + 54, "note", "start", d->error);
    write_text(to, 8, top + 70, "note", "start", d->reason);
    write_lifelines(d, to, top);
    write_bars(d, to, top);
    for (size_t i = 0; i < d->count; i++)
        write_row(&d->rows[i], to, row_y(top, i));
    write_text(to, 8, top + HEAD_HEIGHT + (int)d->count * ROW_HEIGHT + 22, "note", "start", d->summary);
}

static int height_of(const struct diagram *d)
{
    return HEAD_HEIGHT + (int)d->count * ROW_HEIGHT + FOOT_HEIGHT;
}

static void write_picture(const struct diagram *list, size_t count, FILE *to)
{
    int height = 0, top = 0;
    for (size_t i = 0; i < count; i++)
        height += height_of(&list[i]);
    fprintf(to,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
            " style=\"max-width:100%%;height:auto\" role=\"img\">\n",
            WIDTH, height, WIDTH, height);
    fputs("<title>Page faults, step by step</title>\n", to);
    write_style(to);
    fprintf(to, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, height);
    for (size_t i = 0; i < count; i++) {
        write_diagram(&list[i], to, top);
        top += height_of(&list[i]);
    }
    fputs("</svg>\n", to);
}

int diagram_write_svg(const struct diagram *list, size_t count, const char *path)
{
    FILE *to = output_open(path, "the picture");
    if (!to)
        return -EIO; /* said */
    write_picture(list, count, to);
    return output_close(to, ferror(to) ? EIO : 0, path, "the picture");
}
