/* Page tables: what an entry may say, what it refers to, and what happens when a frame becomes a table or
 * stops being one. A table of level n refers to tables of level n - 1, so that recursion ends after
 * PT_LEVELS. */
#pragma once
#include <stddef.h>
#include "pv.h"
#include "x86_paging.h"

/* The bits that a present entry may have; the frame is checked when it is taken. */
#define PV_ENTRY_ALLOWED                                                                                     \
    (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_PWT | PTE_PCD | PTE_ACCESSED | PTE_DIRTY | PTE_SOFT | PTE_NX | \
     PTE_FRAME_MASK)

/* The tables that lead to an entry, from its own table upwards: none of them may be below it again. */
struct pv_path {
    mfn_t table;
    const struct pv_path *above;
};

static inline mfn_t pv_entry_frame(uint64_t entry)
{
    return mfn(pte_frame_number(entry));
}

/* Is this entry well-formed? 0 or -PV_EINVAL. Changes nothing. */
int pv_entry_check(uint64_t entry);

/* Take the reference that an entry of a table of this level stands for; none if it is not present.
 * 0, -PV_EPERM, -PV_EBUSY, -PV_ELOOP, or what is wrong inside a new table: nothing taken. */
int pv_entry_take(struct pv_domain *d, int level, uint64_t entry, const struct pv_path *path);
void pv_entry_drop(struct pv_domain *d, int level, uint64_t entry);

/* One more use of the frame as a table of this level; the first one checks and takes all of its entries, and
 * writes the monitor's slot of a root. Errors as pv_entry_take(). path is NULL where the use is not an entry
 * of a table. */
int pv_table_get(struct pv_domain *d, mfn_t m, int level, const struct pv_path *path);
/* One use less; the last one drops all of its entries, and clears the monitor's slot. */
void pv_table_put(struct pv_domain *d, mfn_t m);

/* Each request may check, or drop, a tree as large as the domain, and an exit may hold many: is this one too many?
 * To be asked before a request; what it begins is finished, and what is refused is undone, whatever that takes. */
bool pv_tables_are_too_many(const struct pv_domain *d);
