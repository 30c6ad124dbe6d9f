/* SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). */
#include "random.h"
#include "kernel.h"

static uint64_t state;

void random_seed(uint64_t seed)
{
    state = seed;
}

static uint64_t next(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

void random_fill(void *to, uint64_t bytes)
{
    char *at = to;
    while (bytes) {
        uint64_t word = next();
        uint64_t n = bytes < sizeof word ? bytes : sizeof word;
        memcpy(at, &word, n);
        at += n;
        bytes -= n;
    }
}
