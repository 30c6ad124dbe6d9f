/* The pages that benchmarks protect, and access to them. */
#include "vmbench.h"

unsigned char *area;
uint64_t order[BATCH];

void make_area(void)
{
    area = fresh_pages(AREAS * BATCH);
    fill(area, AREAS * BATCH);
    shuffle(order, BATCH, 1991);
}

void check_area(void)
{
    for (uint64_t i = 0; i < AREAS * BATCH; i++)
        if (*(uint64_t *)page(i) != i + 1)
            fail("vmbench: page %lu has lost what was in it", (unsigned long)i);
}

void protect(unsigned char *first, uint64_t pages, int rights)
{
    if (mprotect(first, pages * PROGRAM_PAGE, rights))
        fail("vmbench: mprotect: %s", strerror(errno));
}
