/* Numbers from a seed. SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
#include "native_kernel.h"

uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

uint64_t random_below(struct random *r, uint64_t n)
{
    return random_next(r) % n;
}

bool random_once_in(struct random *r, uint64_t n)
{
    return random_below(r, n) == 0;
}
