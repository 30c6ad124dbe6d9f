#include <string.h>
#include "vmm/shell_quote.h"

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%"

/* Between single quotes all is plain but the single quote. */
void shell_quote(const char *word, FILE *to)
{
    if (*word && word[strspn(word, PLAIN)] == '\0') {
        fputs(word, to);
        return;
    }
    fputc('\'', to);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", to);
        else
            fputc(*word, to);
    }
    fputc('\'', to);
}
