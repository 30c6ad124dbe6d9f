/* The walk of a guest's page tables: read an entry, stop if it is absent or malformed, collect the rights on
 * the way down, judge the access by all of them at the leaf. */
#include "walk.h"

#define OPEN_BUS (~0ull) /* what the bus answers where no memory is */

bool guest_entry_is_reserved(uint64_t entry, int level, unsigned maxphyaddr, bool nxe)
{
    uint64_t must_be_zero = PTE_FRAME_MASK & ~((1ull << maxphyaddr) - 1);

    if (!nxe)
        must_be_zero |= PTE_NX;
    if (level == PT_LEVELS)
        must_be_zero |= PTE_LARGE;
    else if (level > 1 && (entry & PTE_LARGE))
        must_be_zero |= (pt_entry_span(level) - 1) & ~(PAGE_SIZE | PAGE_MASK); /* bit 12 is PAT */
    return entry & must_be_zero;
}

static uint64_t read_entry(const struct guest_paging *g, gpa_t at)
{
    const uint64_t *table = g->frame(g->ctx, gpa_to_pfn(at));

    return table ? table[page_offset(at) / sizeof(uint64_t)] : OPEN_BUS;
}

/* The bits of the error code that tell the access itself. Whether it was a fetch is only told with no-execute
 * on. */
static uint32_t access_error(const struct guest_paging *g, uint32_t access)
{
    return access & (PF_ERR_WRITE | PF_ERR_USER | (g->nxe ? PF_ERR_FETCH : 0));
}

/* all: the bits that every entry on the way has; any: those that some entry has. */
static bool rights_allow(const struct guest_paging *g, uint64_t all, uint64_t any, uint32_t access)
{
    bool user = access & PF_ERR_USER;

    if (user && !(all & PTE_USER))
        return false;
    if ((access & PF_ERR_WRITE) && !(all & PTE_WRITE) && (user || g->wp))
        return false;
    return !((access & PF_ERR_FETCH) && g->nxe && (any & PTE_NX));
}

bool guest_walk(const struct guest_paging *g, gva_t gva, uint32_t access, struct guest_walk *w)
{
    uint64_t all = ~0ull, any = 0, entry;
    gpa_t table = pfn_to_gpa(g->root);
    int level = PT_LEVELS;

    w->error = access_error(g, access);
    for (;; level--) {
        w->leaf_level = level;
        w->entry_at[level] = table + pt_index(gva, level) * sizeof(uint64_t);
        w->entry[level] = entry = read_entry(g, w->entry_at[level]);
        if (!(entry & PTE_PRESENT))
            return false;
        if (guest_entry_is_reserved(entry, level, g->maxphyaddr, g->nxe)) {
            w->error |= PF_ERR_PRESENT | PF_ERR_RESERVED;
            return false;
        }
        all &= entry;
        any |= entry;
        table = guest_entry_base(entry, level);
        if (guest_entry_is_leaf(entry, level))
            break;
    }
    if (!rights_allow(g, all, any, access)) {
        w->error |= PF_ERR_PRESENT;
        return false;
    }
    w->gpa = table | (gva & (pt_entry_span(level) - 1));
    return true;
}

uint64_t guest_walk_sets(const struct guest_walk *w, int level, uint32_t access)
{
    bool dirties = level == w->leaf_level && (access & PF_ERR_WRITE);
    uint64_t bits = PTE_ACCESSED | (dirties ? PTE_DIRTY : 0);

    return bits & ~w->entry[level];
}
