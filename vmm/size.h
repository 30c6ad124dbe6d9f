/* Sizes as people write them on the command line: 4096, 64K, 16M, 2G. */
#pragma once
#include <stdint.h>

/* Decimal digits, and K, M or G (or k, m, g) for powers of 1024; nothing before, between or after.
 * 0, or -EINVAL for anything else, or -ERANGE if it does not fit. *bytes is set only on success; zero is a
 * size. Says nothing: the caller knows which option it was. */
int size_parse(const char *text, uint64_t *bytes);

/* The same size as people write it, with the largest unit that divides it: 6291456 is "6M". */
#define SIZE_TEXT_BYTES 24
void size_format(uint64_t bytes, char text[SIZE_TEXT_BYTES]);
