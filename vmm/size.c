/* Sizes with units. See size.h. */
#include "vmm/size.h"

#include <errno.h>
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

void size_format(uint64_t bytes, char text[SIZE_TEXT_BYTES])
{
    static const char units[] = "KMG";
    int unit = -1;
    while (bytes && bytes % 1024 == 0 && unit < 2) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, SIZE_TEXT_BYTES, unit < 0 ? "%llu" : "%llu%c", (unsigned long long)bytes,
             unit < 0 ? 0 : units[unit]);
}
