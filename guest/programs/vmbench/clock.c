/* The clock of vmbench. */
#include <time.h>
#include "vmbench.h"

uint64_t spent_ns;
static uint64_t clock_cost_ns, started_ns;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ul + (uint64_t)t.tv_nsec;
}

void start(void)
{
    started_ns = now_ns();
}

void stop(void)
{
    uint64_t elapsed = now_ns() - started_ns;

    spent_ns += elapsed > clock_cost_ns ? elapsed - clock_cost_ns : 0;
}

void measure_clock(void)
{
    uint64_t first = now_ns(), last = first;

    for (int i = 0; i < 20; i++)
        last = now_ns();
    clock_cost_ns = (last - first) / 20;
}
