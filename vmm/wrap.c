#include "vmm/wrap.h"

#include <stdarg.h>
#include <string.h>

#define WIDTH 79 /* some terminals go to the next line by themselves after the 80th column */

int wrap_columns(const char *text)
{
    int columns = 0;
    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

void wrap_item(struct wrap *w, const char *format, ...)
{
    char item[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(item, sizeof(item), format, args);
    va_end(args);
    int columns = wrap_columns(item);
    if (w->column > w->indent && w->column + 1 + columns > WIDTH) {
        fprintf(w->to, "\n%*s", w->indent, "");
        w->column = w->indent;
    } else if (w->column > w->indent) {
        fputc(' ', w->to);
        w->column++;
    }
    fputs(item, w->to);
    w->column += columns;
}

void wrap_text(FILE *to, const char *text)
{
    struct wrap w = { .to = to };
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (len)
            wrap_item(&w, "%.*s", len, text);
        text += len + (text[len] == ' ');
    }
    fputc('\n', to);
}
