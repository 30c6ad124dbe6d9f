/* Guest memory by gva: the walk of the guest's tables, and copies that check every page before the first byte
 * moves.
 *
 * Entries of tables were checked when they were stored, so a walk need not doubt them; that the page in the
 * end is the domain's is checked all the same, since a mistake here would be the host's memory. */
#include "guest_access.h"
#include "frame_types.h"
#include "memory_functions.h"
#include "tables.h"

bool pv_walk(const struct pv_domain *d, mfn_t root, gva_t a, struct pv_walk *w)
{
    if (!gva_is_canonical(a) || pt_index(a, PT_LEVELS) == PV_RESERVED_SLOT)
        return false;
    mfn_t table = root;
    w->rights = PTE_USER | PTE_WRITE;
    for (int level = PT_LEVELS;; level--) {
        if (table.n >= d->nr_mfns)
            return false;
        const uint64_t *entries = d->ops->frame(d->ctx, table);
        w->entry = entries[pt_index(a, level)];
        w->rights &= w->entry;
        if (level == 1)
            break;
        if (!(w->entry & PTE_PRESENT))
            return false;
        table = pv_entry_frame(w->entry);
    }
    w->at = mfn_to_maddr(table) + pt_index(a, 1) * sizeof(uint64_t);
    return true;
}

uint64_t pv_lookup(const struct pv_domain *d, mfn_t root, gva_t a)
{
    struct pv_walk w;
    return pv_walk(d, root, a, &w) && w.entry & PTE_PRESENT ? w.entry : 0;
}

void *pv_reach(const struct pv_domain *d, gva_t a, bool write)
{
    struct pv_walk w;
    if (!pv_walk(d, d->kernel_root, a, &w) || !(w.entry & PTE_PRESENT) || !(w.rights & PTE_USER))
        return NULL;
    if (write && !(w.rights & PTE_WRITE))
        return NULL;
    mfn_t m = pv_entry_frame(w.entry);
    if (!pv_frame_is_own(d, m))
        return NULL;
    if (write)
        pv_frame_note_host_write(d, m);
    return (uint8_t *)d->ops->frame(d->ctx, m) + page_offset(a);
}

static uint64_t bytes_in_page(gva_t a, uint64_t bytes)
{
    uint64_t rest = PAGE_SIZE - page_offset(a);
    return bytes < rest ? bytes : rest;
}

bool pv_range_is_mapped(const struct pv_domain *d, gva_t a, uint64_t bytes, bool write)
{
    if (bytes == 0)
        return true;
    gva_t last = a + bytes - 1;
    if (last < a)
        return false;
    for (gva_t page = a - page_offset(a); page <= last; page += PAGE_SIZE) {
        if (!pv_reach(d, page, write))
            return false;
        if (page + PAGE_SIZE < page)
            break;
    }
    return true;
}

int pv_copy_from_guest(const struct pv_domain *d, void *to, gva_t from, uint64_t bytes)
{
    if (!pv_range_is_mapped(d, from, bytes, false))
        return -PV_EFAULT;
    for (uint64_t done = 0, n; done < bytes; done += n) {
        n = bytes_in_page(from + done, bytes - done);
        memcpy((uint8_t *)to + done, pv_reach(d, from + done, false), n);
    }
    return 0;
}

int pv_copy_to_guest(const struct pv_domain *d, gva_t to, const void *from, uint64_t bytes)
{
    if (!pv_range_is_mapped(d, to, bytes, true))
        return -PV_EFAULT;
    for (uint64_t done = 0, n; done < bytes; done += n) {
        n = bytes_in_page(to + done, bytes - done);
        memcpy(pv_reach(d, to + done, true), (const uint8_t *)from + done, n);
    }
    return 0;
}
