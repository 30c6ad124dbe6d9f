#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/guest_cmdline.h"

static bool must_be_escaped(char c)
{
    return (unsigned char)c <= ' ' || c == '\\' || (unsigned char)c == 0x7f;
}

static int append(char *to, uint64_t size, const char *text)
{
    uint64_t used = strlen(to);
    if (strlen(text) >= size - used)
        return fail(E2BIG, "the program's arguments are too long: %llu bytes at most",
                    (unsigned long long)size - 1);
    strcpy(to + used, text);
    return 0;
}

int guest_cmdline_format(const struct options *o, int tsc_khz, char *to, uint64_t size)
{
    char text[64], clock[32] = "";
    if (tsc_khz > 0)
        snprintf(clock, sizeof(clock), "tsc_early_khz=%d ", tsc_khz);
    snprintf(text, sizeof(text), "policy=%s seed=%llu ", o->policy ? o->policy : "clock",
             (unsigned long long)o->seed);
    to[0] = '\0';
    int err = append(to, size, text);
    err = err ? err : append(to, size, clock);
    err = err ? err : append(to, size, "--");
    for (int i = 0; !err && i < o->argc; i++) {
        err = append(to, size, " ");
        for (const char *c = o->argv[i]; !err && *c; c++) {
            snprintf(text, sizeof(text), must_be_escaped(*c) ? "\\x%02X" : "%c", (unsigned char)*c);
            err = append(to, size, text);
        }
    }
    return err;
}
