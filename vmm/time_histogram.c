#include "vmm/time_histogram.h"

/* Below 16 each value has its own bucket; above, the highest bit and the four after it choose. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < 16)
        return (unsigned)ns;
    unsigned top = 63 - (unsigned)__builtin_clzll(ns);
    return (top - 3) * 16 + ((ns >> (top - 4)) & 15);
}

static uint64_t middle_of(unsigned bucket)
{
    if (bucket < 16)
        return bucket;
    unsigned shift = bucket / 16 - 1;
    uint64_t low = (uint64_t)(16 + bucket % 16) << shift;
    return low + ((1ull << shift) >> 1);
}

void time_histogram_add(struct time_histogram *h, uint64_t ns)
{
    h->count++;
    h->buckets[bucket_of(ns)]++;
}

uint64_t time_histogram_quantile(const struct time_histogram *h, unsigned permille)
{
    if (!h->count)
        return 0;
    uint64_t wanted = (h->count * permille + 999) / 1000, seen = 0;
    unsigned bucket = 0;
    for (; bucket + 1 < TIME_BUCKETS; bucket++) {
        seen += h->buckets[bucket];
        if (seen >= wanted && seen > 0)
            break;
    }
    return middle_of(bucket);
}
