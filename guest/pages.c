/* Entries of level 1, and the references that they hold. */
#include "pages.h"
#include "kernel.h"
#include "policy.h"
#include "swap.h"

pfn_t entry_page(uint64_t entry)
{
    if (entry & PTE_PRESENT)
        return platform->entry_frame(entry);
    if (entry & ENTRY_PARKED)
        return pfn(entry >> PAGE_SHIFT);
    return pfn(NO_FRAME);
}

bool entry_is_swapped(uint64_t entry)
{
    return !(entry & PTE_PRESENT) && (entry & ENTRY_SWAPPED);
}

uint32_t entry_place(uint64_t entry)
{
    return (uint32_t)(entry >> PAGE_SHIFT);
}

uint64_t entry_for_place(uint32_t place)
{
    return (uint64_t)place << PAGE_SHIFT | ENTRY_SWAPPED;
}

uint64_t page_entry(const struct region *r, pfn_t f, uint64_t state)
{
    struct frame *d = frame_of(f);
    if (!r->rights) {
        d->dirty |= !!(state & PTE_DIRTY);
        return pfn_to_gpa(f) | ENTRY_PARKED;
    }
    uint64_t bits = PTE_USER | state;
    if ((r->rights & ACCESS_WRITE) && d->kind == FRAME_ANONYMOUS && d->sharers == 1)
        bits |= PTE_WRITE;
    if (!(r->rights & ACCESS_EXEC))
        bits |= PTE_NX;
    return platform->make_entry(f, bits);
}

void page_release(uint64_t entry)
{
    if (entry_is_swapped(entry))
        swap_release(entry_place(entry));
    pfn_t f = entry_page(entry);
    if (!pfn_is_valid(f))
        return;
    struct frame *d = frame_of(f);
    if ((entry & PTE_PRESENT) && (entry & PTE_DIRTY))
        d->dirty = 1;
    kassert(frame_is_page(d) && d->sharers);
    if (--d->sharers)
        return;
    if (d->place != NO_PLACE)
        swap_release(d->place);
    policy->page_gone(f);
    frames_give(f);
}

void page_share(uint64_t entry)
{
    if (entry_is_swapped(entry))
        swap_hold(entry_place(entry));
    pfn_t f = entry_page(entry);
    if (pfn_is_valid(f))
        frame_of(f)->sharers++;
}

bool page_next_mapping(struct mapping *m)
{
    const struct frame *d = frame_of(m->frame);
    gva_t at = frame_address(m->frame);
    while (m->found < d->sharers && (m->space = spaces_next(m->space)) != NULL) {
        if (!tables_find(m->space, at, &m->slot))
            continue;
        m->entry = slot_read(m->slot);
        if (entry_page(m->entry).n != m->frame.n)
            continue;
        m->found++;
        return true;
    }
    return false;
}
