/* A line of text, put together piece by piece, where printf() would take most of the time. A line is as long as its writer's
 * tables make it, and there is room: what does not fit is a mistake of ours. */
#pragma once
#include <assert.h>
#include <stdint.h>
#include <string.h>

#define LINE_BYTES 1024

struct text_line {
    unsigned length; /* 0 to begin with */
    char text[LINE_BYTES];
};

static inline void line_add(struct text_line *l, const char *text)
{
    size_t n = strlen(text);
    assert(n <= LINE_BYTES - l->length);
    memcpy(l->text + l->length, text, n);
    l->length += (unsigned)n;
}

/* base: 10 or 16. At least so many digits. */
static inline void line_add_number(struct text_line *l, uint64_t number, unsigned base, unsigned least)
{
    char digits[20];
    unsigned n = 0;
    for (; number || n < least; number /= base)
        digits[n++] = "0123456789abcdef"[number % base];
    assert(n <= LINE_BYTES - l->length);
    while (n)
        l->text[l->length++] = digits[--n];
}

static inline void line_add_decimal(struct text_line *l, uint64_t number)
{
    line_add_number(l, number, 10, 1);
}

static inline void line_add_hex(struct text_line *l, uint64_t number)
{
    line_add(l, "0x");
    line_add_number(l, number, 16, 1);
}
