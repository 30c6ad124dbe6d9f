/* Times of many events in little space, for medians: sixteen buckets to each power of two, so that a quantile is
 * known within a thirtieth of its value. */
#pragma once
#include <stdint.h>

#define TIME_BUCKETS (64 * 16)

struct time_histogram {
    uint64_t count;
    uint32_t buckets[TIME_BUCKETS];
};

void time_histogram_add(struct time_histogram *h, uint64_t ns);

/* The time that permille of 1000 events do not exceed: the middle of its bucket. 0 if there are none. */
uint64_t time_histogram_quantile(const struct time_histogram *h, unsigned permille);
