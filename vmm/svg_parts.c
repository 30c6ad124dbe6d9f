/* What the charts are made of.
 *   1. scales and numbers
 *   2. frame, text, axis
 *   3. shapes
 *   4. style */
#include <math.h>
#include <string.h>
#include "vmm/html.h"
#include "vmm/svg_parts.h"

#define CHARACTER_PX 6.6 /* of the 12 px text, on average */

/* 1. Scales. */

/* The round number (1, 2 or 5 times a power of ten) that is not below x. */
static double round_up(double x)
{
    double power = pow(10, floor(log10(x)));
    double rest = x / power;
    return (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10) * power;
}

struct svg_scale svg_scale_make(double most, unsigned max_ticks, double from_px, double to_px)
{
    struct svg_scale s = { .from_px = from_px, .to_px = to_px };
    if (!(most > 0) || !isfinite(most))
        most = 1;
    s.tick = round_up(most / max_ticks);
    s.top = ceil(most / s.tick - 1e-9) * s.tick;
    return s;
}

double svg_scale_px(const struct svg_scale *s, double value)
{
    double part = value / s->top;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return s->from_px + part * (s->to_px - s->from_px);
}

void svg_format(double value, unsigned decimals, char text[32])
{
    static const char units[] = "kMGT";
    int unit = -1;
    if (value < 10000) {
        snprintf(text, 32, "%.*f", value >= 1000 ? 0 : (int)decimals, value);
        return;
    }
    for (; value >= 1000 && unit < 3; unit++)
        value /= 1000;
    int len = snprintf(text, 32, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
    if (strchr(text, '.'))
        while (text[len - 1] == '0' || text[len - 1] == '.')
            if (text[--len] == '.')
                break;
    text[len] = units[unit];
    text[len + 1] = '\0';
}

/* 2. Frame, text, axis. */

void svg_open(FILE *to, const char *title, double height)
{
    fprintf(to, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", SVG_WIDTH, height);
    html_text(to, title);
    fputs("\">\n", to);
}

void svg_close(FILE *to)
{
    fputs("</svg>\n", to);
}

/* Bytes of the first so many characters of a UTF-8 text; *cut: there are more. */
static size_t bytes_of(const char *text, unsigned characters, bool *cut)
{
    size_t i = 0;
    for (unsigned n = 0; text[i]; n++) {
        if (n == characters) {
            *cut = true;
            return i;
        }
        do
            i++;
        while (((unsigned char)text[i] & 0xc0) == 0x80);
    }
    *cut = false;
    return i;
}

void svg_text(FILE *to, double x, double y, const char *anchor, double max_px, const char *text)
{
    char shown[256];
    bool cut;
    unsigned most = max_px > 0 ? (unsigned)(max_px / CHARACTER_PX) : 60;
    size_t bytes = bytes_of(text, most, &cut);
    if (cut)
        bytes = bytes_of(text, most > 1 ? most - 1 : 0, &cut);
    if (bytes > sizeof(shown) - 8)
        bytes = 0;
    snprintf(shown, sizeof(shown), "%.*s%s", (int)bytes, text, cut ? "\xe2\x80\xa6" : "");
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    html_text(to, shown);
    fputs("</text>\n", to);
}

static unsigned decimals_of(double tick)
{
    return tick >= 1 ? 0 : tick >= 0.1 ? 1 : 2;
}

void svg_axis_below(FILE *to, const struct svg_scale *s, double top, double bottom, const char *unit)
{
    for (int i = 0; i * s->tick <= s->top * 1.0001; i++) {
        char text[32];
        double x = svg_scale_px(s, i * s->tick);
        fprintf(to, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x, top, x,
                bottom);
        svg_format(i * s->tick, decimals_of(s->tick), text);
        svg_text(to, x, bottom + 15, "middle", 0, text);
    }
    svg_text(to, s->to_px, bottom + 31, "end", 0, unit);
}

/* 3. Shapes. */

void svg_rect(FILE *to, double x, double y, double width, double height, unsigned colour)
{
    colour %= SVG_MAX_SERIES;
    fprintf(to, "<rect class=\"bar c%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", colour, x,
            y, width, height);
    if (colour > 0)
        fprintf(to, "<rect fill=\"url(#h%u)\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", colour,
                x, y, width, height);
    fputc('\n', to);
}

void svg_marker(FILE *to, double x, double y, unsigned colour)
{
    static const char *const shapes[] = {
        "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
        "M-4,-4h8v8h-8z",
        "M0,-5L5,4H-5z",
        "M0,-5.5L5.5,0L0,5.5L-5.5,0z",
        "M0,5L5,-4H-5z",
        "M-5,-1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z",
        "M-5,-2.5h10v5h-10z",
        "M-2.5,-5h5v10h-5z",
    };
    colour %= SVG_MAX_SERIES;
    fprintf(to, "<path class=\"bar c%u\" transform=\"translate(%.1f %.1f)\" d=\"%s\"/>\n", colour, x, y,
            shapes[colour]);
}

/* 4. Style. The colours are those of Okabe and Ito, "Color Universal Design" (2008), yellow left out. */

static const char *const colours[SVG_MAX_SERIES] = { "#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                                     "#56b4e9", "#d55e00", "#999999", "#ffffff" };

/* Hatchings, as paths in a square of 6 px. The first colour has none. */
static const char *const hatchings[SVG_MAX_SERIES] = {
    "",       "M0,6L6,0",     "M0,0L6,6",         "M3,0V6",
    "M0,3H6", "M0,3H6M3,0V6", "M0,0L6,6M0,6L6,0", "M2,2h1v1h-1zM5,5h1v1h-1z",
};

static const char *const dashes[SVG_MAX_SERIES] = { "none", "7 3", "2 3",     "8 3 2 3",
                                                    "12 3", "4 2", "1 2 5 2", "3 6" };

void svg_style(FILE *to)
{
    fputs("svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif;overflow:visible}\n"
          "svg text{fill:var(--text);stroke:var(--back);stroke-width:3px;paint-order:stroke}svg "
          ".head{font-weight:600}\n"
          ".grid{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--text);stroke-width:1}\n"
          ".bar{stroke:var(--text);stroke-width:1}.whisker{stroke:var(--text);stroke-width:1.5;fill:none}\n"
          ".curve{fill:none;stroke-width:2.2;stroke-linejoin:round}\n",
          to);
    for (int i = 0; i < SVG_MAX_SERIES; i++)
        fprintf(to, ".c%d{fill:%s}.g%d{stroke:%s;stroke-dasharray:%s}\n", i, colours[i], i,
                i == 7 ? "var(--text)" : colours[i], dashes[i]);
}

void svg_definitions(FILE *to)
{
    fputs("<svg width=\"0\" height=\"0\" style=\"position:absolute;width:0\" aria-hidden=\"true\"><defs>\n",
          to);
    for (int i = 1; i < SVG_MAX_SERIES; i++)
        fprintf(to,
                "<pattern id=\"h%d\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
                "<path d=\"%s\" stroke=\"#000\" stroke-opacity=\".55\" stroke-width=\"1\" "
                "fill=\"none\"/></pattern>\n",
                i, hatchings[i]);
    fputs("</defs></svg>\n", to);
}
