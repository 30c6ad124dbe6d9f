/* Four-level paging of x86-64: entry bits, error-code bits, the split of an address.
 * Intel SDM vol. 3, 4.5 (4-level paging), 4.7 (page-fault exceptions).
 *
 *   63     48 47    39 38    30 29    21 20    12 11         0
 *  | sign    | l4     | l3     | l2     | l1     | offset     |
 *
 * Levels count from 1 (the table whose entries map 4 KiB pages) to 4 (the root). */
#pragma once
#include "address.h"

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITE    (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_PWT      (1ull << 3)
#define PTE_PCD      (1ull << 4)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_PAT      (1ull << 7) /* in a level 1 entry */
#define PTE_LARGE    (1ull << 7) /* in a level 2 or 3 entry: maps 2 MiB or 1 GiB */
#define PTE_GLOBAL   (1ull << 8)
#define PTE_SOFT     (7ull << 9) /* ignored by the CPU, free for software */
#define PTE_NX       (1ull << 63)

#define PTE_FRAME_MASK 0x000ffffffffff000ull

#define PT_LEVELS  4
#define PT_ENTRIES 512

/* Error code of #PF. */
#define PF_ERR_PRESENT  (1u << 0) /* a translation was there, its rights forbade the access */
#define PF_ERR_WRITE    (1u << 1)
#define PF_ERR_USER     (1u << 2)
#define PF_ERR_RESERVED (1u << 3)
#define PF_ERR_FETCH    (1u << 4)

static inline unsigned pt_index(gva_t a, int level)
{
    return (unsigned)(a >> (PAGE_SHIFT + 9 * (level - 1))) & (PT_ENTRIES - 1);
}

/* How many bytes one entry of a table of this level maps. */
static inline uint64_t pt_entry_span(int level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

static inline uint64_t pte_frame_number(uint64_t pte)
{
    return (pte & PTE_FRAME_MASK) >> PAGE_SHIFT;
}

static inline bool gva_is_canonical(gva_t a)
{
    return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}
