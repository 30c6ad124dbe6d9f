/* Numbers that are worth trying. */
#include "hostile_pv.h"

uint64_t next(void)
{
    uint64_t z = dice += 0x9e3779b97f4a7c15ull; /* splitmix64 */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

uint64_t any(uint64_t n)
{
    return next() % n;
}

bool once_in(uint64_t n)
{
    return any(n) == 0;
}

uint64_t mfn_of(uint64_t frame)
{
    return ((const uint64_t *)info->p2m)[frame];
}

uint64_t *frame_at(uint64_t frame)
{
    return (uint64_t *)(PV_LINEAR_BASE + frame * PAGE_SIZE);
}

uint64_t pool_frame(void)
{
    return pool[any(POOL)];
}

uint64_t some_mfn(void)
{
    switch (any(16)) {
    case 0:
        return any(info->max_mfn + 64);
    case 1:
        return next() & (PTE_FRAME_MASK >> PAGE_SHIFT);
    case 2:
        return mfn_of(any(info->nr_frames));
    case 3:
        return root;
    case 4:
        return mfn_of(info->root_pfn + any(4));
    default:
        return mfn_of(pool_frame());
    }
}

uint64_t some_entry(void)
{
    uint64_t rights = PTE_PRESENT | PTE_USER | (once_in(2) ? PTE_WRITE : 0);

    switch (any(8)) {
    case 0:
        return next();
    case 1:
        return some_mfn() << PAGE_SHIFT | (next() & (PAGE_MASK | PTE_NX));
    case 2:
        return 0;
    default:
        return some_mfn() << PAGE_SHIFT | rights;
    }
}

uint64_t some_number(void)
{
    switch (any(6)) {
    case 0:
        return any(1024);
    case 1:
        return 1ull << any(64);
    case 2:
        return (uint64_t)frame_at(pool_frame()) + any(PAGE_SIZE);
    case 3:
        return ~any(PAGE_SIZE);
    case 4:
        return any(2) ? (uint64_t)updates : (uint64_t)calls + any(64);
    default:
        return next();
    }
}

unsigned some_index(void)
{
    static const unsigned few[] = { 0, 1, 2, 255, 256, 272, 510, 511 };

    return once_in(8) ? (unsigned)any(PT_ENTRIES) : few[any(8)];
}
