/* The walk of a guest's own page tables, as its CPU would do it: what an address means, whether the access is
 * allowed, which error code a fault has, and which accessed and dirty bits the access sets.
 * Intel SDM vol. 3: 4.5 (4-level paging), 4.6 (access rights), 4.7 (error codes), 4.8 (accessed and dirty).
 *
 * The CPU it models has 1 GiB pages and a no-execute bit, and has no SMEP, SMAP, PCID, protection keys or
 * fifth level. A walk decides and changes nothing; setting the bits is its owner's business, since the tables
 * may be shadowed. */
#pragma once
#include "address.h"
#include "x86_paging.h"

/* How an address is translated: the part of the control registers that matters, and the guest's memory. */
struct guest_paging {
    /* The 4 KiB of a guest frame, or NULL if there is no memory: a table there reads as all ones. */
    void *(*frame)(void *ctx, pfn_t f);
    void *ctx;
    unsigned maxphyaddr; /* bits of a gpa: 36 to 52 */
    pfn_t root;          /* CR3 */
    bool wp;             /* CR0.WP: the supervisor obeys PTE_WRITE too */
    bool nxe;            /* EFER.NXE: PTE_NX means no-execute; else it is reserved */
};

/* What a walk found. Tables are indexed by level, PT_LEVELS down to leaf_level. */
struct guest_walk {
    uint64_t entry[PT_LEVELS + 1]; /* as read */
    gpa_t entry_at[PT_LEVELS + 1]; /* where it lies */
    int leaf_level;                /* of the entry that maps the page: 1, 2 or 3; or where the walk stopped */
    gpa_t gpa;                     /* what the address means, if the access is allowed */
    uint32_t error;                /* PF_ERR_* of the fault, if it is not */
};

/* Walk for an access: PF_ERR_WRITE, PF_ERR_FETCH (or neither: a read), and PF_ERR_USER for user mode. gva is
 * canonical. True: allowed, w->gpa is valid. False: a page fault with w->error. */
bool guest_walk(const struct guest_paging *g, gva_t gva, uint32_t access, struct guest_walk *w);

/* The bits that an allowed access sets in the entry of this level: accessed in all, dirty in the leaf by a
 * write. */
uint64_t guest_walk_sets(const struct guest_walk *w, int level, uint32_t access);

/* Does a present entry of this level have a bit set that must be zero? */
bool guest_entry_is_reserved(uint64_t entry, int level, unsigned maxphyaddr, bool nxe);

/* Does a present entry of this level map a page, and not a table? */
static inline bool guest_entry_is_leaf(uint64_t entry, int level)
{
    return level == 1 || (level < PT_LEVELS && (entry & PTE_LARGE));
}

/* The gpa where the page or table of an entry begins. Bit 12 of a large page is its PAT, not address. */
static inline gpa_t guest_entry_base(uint64_t entry, int level)
{
    uint64_t span = guest_entry_is_leaf(entry, level) ? pt_entry_span(level) : PAGE_SIZE;

    return entry & PTE_FRAME_MASK & ~(span - 1);
}
