#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vmm/progress.h"

static bool is_shown;

static int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
        return 79;
    return size.ws_col - 1;
}

/* Is it a terminal, and one that knows more than to print? */
static bool terminal_obeys(void)
{
    const char *kind = getenv("TERM");
    return kind && *kind && strcmp(kind, "dumb") && isatty(STDERR_FILENO);
}

/* ECMA-48: CR goes to the start of the line, EL (CSI K) erases from there to its end. */
void progress_show(const char *format, ...)
{
    char text[256];
    va_list args;
    if (!terminal_obeys())
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "\r\033[K%.*s", terminal_columns(), text);
    fflush(stderr);
    is_shown = true;
}

void progress_clear(void)
{
    if (is_shown)
        fputs("\r\033[K", stderr);
    is_shown = false;
}
