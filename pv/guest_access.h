/* Guest memory by gva, as the kernel root maps it. */
#pragma once
#include "pv.h"
#include "x86_paging.h"

/* One translation. */
struct pv_walk {
    maddr_t at;      /* where the level 1 entry lies */
    uint64_t entry;  /* that entry */
    uint64_t rights; /* PTE_USER and PTE_WRITE, if all levels have them */
};

/* False if a level above 1 is not present, or the address is the monitor's or non-canonical. entry itself may
 * be not present. */
bool pv_walk(const struct pv_domain *d, mfn_t root, gva_t a, struct pv_walk *w);

/* Are all these bytes mapped for CPL 3, for writing if write? */
bool pv_range_is_mapped(const struct pv_domain *d, gva_t a, uint64_t bytes, bool write);

/* The byte at a, good to the end of its page; NULL if it is not mapped as needed. */
void *pv_reach(const struct pv_domain *d, gva_t a, bool write);
