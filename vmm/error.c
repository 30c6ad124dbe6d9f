/* Failures and warnings, one line each. See error.h. */
#include "vmm/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmm/plain_text.h"

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

static void emit(int error, const char *prefix, const char *format, va_list args)
{
    char text[MAX_LINE_BYTES - 128], line[MAX_LINE_BYTES];

    vsnprintf(text, sizeof(text), format, args);
    snprintf(line, sizeof(line), "%s%s%s%s", prefix, text, error ? ": " : "", error ? strerror(error) : "");
    plain_text(line, '?');
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
