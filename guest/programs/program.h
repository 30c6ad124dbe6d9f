/* What the sample programs share. They are ordinary static Linux programs: each runs in the guest and on the
 * host as it is, and prints the same in both, so they print no addresses, no times, no process numbers. They
 * keep to the system calls that the guest kernel has: files are read-only, there are no pipes and no threads.
 */
#pragma once
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PROGRAM_PAGE 4096ul

/* Say why on standard error, and end with status 1. */
static inline _Noreturn __attribute__((format(printf, 1, 2))) void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* A number, with K, M or G behind it for the powers of 1024. */
static inline uint64_t parse_number(const char *text)
{
    char *end;

    errno = 0;
    uint64_t n = strtoull(text, &end, 0);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;

    if (shift)
        end++;
    if (errno || end == text || *end || *text == '-' || n > UINT64_MAX >> shift)
        fail("not a number: %s", text);
    return n << shift;
}

/* The next of a sequence of well-mixed numbers; the state is any number, and is all there is (SplitMix64:
 * Steele, Lea and Flood, OOPSLA 2014). */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* A checksum that notices a change of order too. */
static inline uint64_t checksum_add(uint64_t sum, uint64_t value)
{
    return (sum << 7 | sum >> 57) * 31 + value;
}

/* Zeroed memory of so many pages, none of it there before it is touched. */
static inline unsigned char *map_pages(uint64_t pages)
{
    void *p = mmap(NULL, pages * PROGRAM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        fail("no memory for %lu pages: %s", (unsigned long)pages, strerror(errno));
    return p;
}
