/* For suites of the shadow MMU: a guest that maps all its memory at 0, and an audit when its machine is
 * destroyed. */
#pragma once
#include <check.h>
#include "shadow_machine.h"

#define ALL_BITS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

static struct machine *m;

static inline void create(uint32_t pool, uint32_t ahead)
{
    m = machine_create(pool, ahead);
}

static inline void destroy(void)
{
    ck_assert_uint_eq(machine_audit(m), 0);
    machine_destroy(m);
}

static inline uint64_t entry_of(uint64_t f)
{
    return f << PAGE_SHIFT | ALL_BITS;
}

static inline uint64_t address(unsigned l4, unsigned l3, unsigned l2, unsigned l1)
{
    uint64_t a = (uint64_t)l4 << 39 | (uint64_t)l3 << 30 | (uint64_t)l2 << 21 | (uint64_t)l1 << 12;

    return (uint64_t)((int64_t)(a << 16) >> 16);
}

/* Root 1, tables 2, 3 and 4, which map all memory at 0. */
static inline void boot_linear(void)
{
    m->ram[1][0] = entry_of(2);
    m->ram[2][0] = entry_of(3);
    m->ram[3][0] = entry_of(4);
    for (uint64_t f = 0; f < NR_PFNS; f++)
        m->ram[4][f] = entry_of(f);
    machine_load_cr3(m, 1 << PAGE_SHIFT);
}

static inline uint64_t linear(uint64_t f)
{
    return f << PAGE_SHIFT;
}
