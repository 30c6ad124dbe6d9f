#include "vmm/html.h"

/* What stands for a character that cannot stand for itself, or NULL. HTML Living Standard, 13.1.4 and 13.3.
 */
static const char *substitute(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
    case '\t':
        return NULL;
    default:
        return c < 0x20 || c == 0x7f ? "\xef\xbf\xbd" : NULL;
    }
}

void html_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        const char *instead = substitute((unsigned char)*text);
        if (instead)
            fputs(instead, to);
        else
            fputc(*text, to);
    }
}
