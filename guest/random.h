/* Bytes for getrandom and AT_RANDOM. From the command line's seed: runs can be repeated; nothing here is
 * secret. */
#pragma once
#include <stdint.h>

void random_seed(uint64_t seed);
void random_fill(void *to, uint64_t bytes);
