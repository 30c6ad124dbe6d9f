/* Sizes with units. See size.h. */
#include "vmm/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* The power of two that a unit stands for, or -1. */
static int unit_shift(char unit)
{
    switch (unit) {
    case 0:
        return 0;
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    }
    return -1;
}

int size_parse(const char *text, uint64_t *bytes)
{
    const char *p = text;
    uint64_t n = 0;
    bool fits = true;

    for (; *p >= '0' && *p <= '9'; p++)
        fits = fits && !__builtin_mul_overflow(n, 10u, &n) &&
               !__builtin_add_overflow(n, (unsigned)(*p - '0'), &n);

    int shift = unit_shift(*p);
    if (p == text || shift < 0 || (*p && p[1]))
        return -EINVAL;
    if (!fits || n > UINT64_MAX >> shift)
        return -ERANGE;
    *bytes = n << shift;
    return 0;
}

const char *size_format(uint64_t bytes, char *buffer)
{
    static const char units[] = { 0, 'K', 'M', 'G' };
    unsigned unit = 0;

    while (bytes && bytes % 1024 == 0 && unit + 1 < sizeof(units)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(buffer, SIZE_TEXT_BYTES, unit ? "%" PRIu64 "%c" : "%" PRIu64, bytes, units[unit]);
    return buffer;
}
