/* Failures and warnings, one line each. See error.h. */
#include "vmm/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_LINE_BYTES 1024

error_sink_fn *error_sink;

/* One write, so that lines of several processes do not mix. What does not fit is cut. */
static void emit_line(const char *line)
{
    if (error_sink)
        error_sink(line);
    else
        fprintf(stderr, "faultvisor: %s\n", line);
}

/* It is one line, and no file or argument that is named in it commands a terminal: C0 and C1 controls (the latter are two bytes
 * of UTF-8) become question marks. */
static void make_printable(char *line)
{
    for (; *line; line++)
        if ((unsigned char)*line < ' ' || *line == 0x7f)
            *line = '?';
        else if ((unsigned char)line[0] == 0xc2 && (unsigned char)line[1] >= 0x80 && (unsigned char)line[1] < 0xa0)
            line[0] = line[1] = '?';
}

static void emit(int error, const char *prefix, const char *format, va_list args)
{
    char text[MAX_LINE_BYTES - 128], line[MAX_LINE_BYTES];

    vsnprintf(text, sizeof(text), format, args);
    snprintf(line, sizeof(line), "%s%s%s%s", prefix, text, error ? ": " : "", error ? strerror(error) : "");
    make_printable(line);
    emit_line(line);
}

int fail(int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    emit(error, "", format, args);
    va_end(args);
    return error ? -error : -EINVAL;
}

int fail_as(int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    emit(0, "", format, args);
    va_end(args);
    return -error;
}

void warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    emit(0, "warning: ", format, args);
    va_end(args);
}
