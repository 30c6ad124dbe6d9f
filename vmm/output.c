#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/output.h"

FILE *output_open(const char *path, const char *what)
{
    FILE *to = strcmp(path, "-") ? fopen(path, "we") : stdout;
    if (!to)
        fail(errno, "cannot write %s to %s", what, path);
    return to;
}

int output_close(FILE *to, int error, const char *path, const char *what)
{
    bool is_stdout = to == stdout;
    if (fflush(to) == EOF)
        error = errno;
    if (!is_stdout && fclose(to) == EOF && !error)
        error = errno;
    return error ? fail(error, "cannot write %s to %s", what, is_stdout ? "standard output" : path) : 0;
}
