/* Frames of the domain and of the machine: which is which, and where the linear map's entries lie.
 *
 * The host's p2m stays where it is. m2p is ours: for mfns that are none of ours it holds NOT_OURS. */
#include "kernel.h"
#include "pv_platform.h"

#define NOT_OURS 0xffffffffu

static const uint64_t *p2m;
static uint64_t nr_frames;
static uint32_t *m2p;
static uint64_t nr_mfns;
static pfn_t root;

void pv_frames_init(const struct pv_start_info *start, pfn_t first)
{
    p2m = (const uint64_t *)start->p2m;
    nr_frames = start->nr_frames;
    m2p = pfn_to_virt(first);
    nr_mfns = start->max_mfn + 1;
    root = pfn(start->root_pfn);
    memset(m2p, 0xff, nr_mfns * sizeof(*m2p));
    for (uint64_t n = 0; n < nr_frames; n++)
        m2p[p2m[n]] = (uint32_t)n;
}

mfn_t pv_pfn_to_mfn(pfn_t f)
{
    kassert(f.n < nr_frames);
    return mfn(p2m[f.n]);
}

pfn_t pv_mfn_to_pfn(mfn_t m)
{
    kassert(m.n < nr_mfns && m2p[m.n] != NOT_OURS);
    return pfn(m2p[m.n]);
}

/* The kernel's half never changes above its level 1 entries, so any root leads there; tables are readable
 * where they lie. */
maddr_t pv_linear_entry(pfn_t f)
{
    gva_t address = LINEAR_BASE + pfn_to_gpa(f);
    mfn_t table = pv_pfn_to_mfn(root);

    for (int level = PT_LEVELS; level > 1; level--) {
        const uint64_t *entries = pfn_to_virt(pv_mfn_to_pfn(table));

        table = mfn(pte_frame_number(entries[pt_index(address, level)]));
    }
    return mfn_to_maddr(table) + pt_index(address, 1) * sizeof(uint64_t);
}
