#include <errno.h>
#include <unistd.h>
#include "pv/abi.h"
#include "vmm/clock.h"
#include "vmm/console.h"
#include "vmm/error.h"

/* Whoever reads it may not, for ever: then a signal that stops the run, or its time limit, ends the wait, and the rest is lost. */
static int write_all(int fd, const uint8_t *data, uint64_t bytes)
{
    while (bytes > 0 && !clock_stop_signal()) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        bytes -= (uint64_t)n;
    }
    return 0;
}

static int first_error;

int console_write(bool quiet, unsigned stream, const void *data, uint64_t bytes)
{
    if (stream == PV_CONSOLE_LOG && quiet)
        return 0;
    int err = write_all(stream == PV_CONSOLE_OUT ? STDOUT_FILENO : STDERR_FILENO, data, bytes);
    if (!err || stream != PV_CONSOLE_OUT)
        return 0;
    if (!first_error && err != -EPIPE)
        fail(-err, "cannot write the program's output to standard output");
    if (!first_error)
        first_error = -err;
    return err;
}

int console_error(void)
{
    return first_error;
}
