/* One entry of the shadow: what the guest's entry, its p2m and the role let it hold, and how it gets there.
 *
 *   guest's entry                       shadow's entry
 *   absent, malformed, A clear          absent
 *   U/S clear, in the user's role       absent
 *   a page: D set and writable          writable (WP clear: the kernel's role takes all for writable)
 *   a large page                        a link to a direct page, writable by the same rule
 *   a table                             a link to its shadow in the same role, writable as the guest says
 *   a page that is a table              the same rights, through the read-only window
 *
 * Each spte has A and D set, so that the CPU never writes to our tables by itself. */
#include "page.h"

#define SPTE_BASE    (PTE_PRESENT | PTE_USER | PTE_ACCESSED)
#define DIRECT_ROLE  (ROLE_WP | ROLE_NXE)
#define DIRECT_ENTRY (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

void shadow_write_spte(struct shadow *s, const struct shadow_page *p, unsigned index, uint64_t spte)
{
    s->stats.spte_writes++;
    s->ops->write_spte(s->ctx, mfn_to_maddr(page_mfn(s, p)) + index * sizeof spte, spte);
}

static void free_if_orphan(struct shadow *s, struct shadow_page *p)
{
    if (!p->dying && s->heads[head_of_page(s, p)] == NONE)
        shadow_page_free(s, p);
}

/* Does the new spte lead elsewhere, or allow less? */
static bool spte_loses(uint64_t old, uint64_t spte)
{
    return (old & PTE_PRESENT) && (((old ^ spte) & (PTE_PRESENT | PTE_FRAME_MASK)) || (old & ~spte & PTE_WRITE) ||
                                   (spte & ~old & PTE_NX));
}

/* The only way in which an spte changes what it points at; head is that, or NONE for a device or nothing. */
void shadow_set_spte(struct shadow *s, struct shadow_page *p, unsigned index, uint64_t spte, uint32_t head)
{
    uint64_t old = page_table(s, p)[index];
    uint32_t slot = slot_of(s, p, index);

    if (old == spte)
        return;
    s->links_lost |= p->level > 1 && spte_loses(old, spte);
    shadow_link_remove(s, slot);
    shadow_write_spte(s, p, index, spte);
    if (head != NONE)
        shadow_link_add(s, slot, head);
    if (old && p->level > 1 && !is_monitor_entry(s, p, index))
        free_if_orphan(s, spte_page(s, old));
}

/* The guest's entry behind an spte; of a direct page: what a table there would have said. */
uint64_t shadow_guest_entry(const struct shadow *s, const struct shadow_page *p, unsigned index)
{
    const uint64_t *table;

    if (p->direct)
        return (pfn_to_gpa(p->pfn) + index * pt_entry_span(p->level)) | DIRECT_ENTRY |
               (p->level > 1 ? PTE_LARGE : 0);
    table = s->ops->guest_frame(s->ctx, p->pfn);
    return table[index];
}

static bool entry_is_usable(const struct shadow *s, const struct shadow_page *p, uint64_t entry)
{
    if (!(entry & PTE_PRESENT) || !(entry & PTE_ACCESSED))
        return false;
    if ((p->role & ROLE_USER) && !(entry & PTE_USER))
        return false;
    return p->direct || !guest_entry_is_reserved(entry, p->level, s->maxphyaddr, p->role & ROLE_NXE);
}

static uint64_t rights_of(const struct shadow_page *p, uint64_t entry)
{
    bool writable = (entry & PTE_WRITE) || !(p->role & (ROLE_USER | ROLE_WP));

    if (guest_entry_is_leaf(entry, p->level) && !(entry & PTE_DIRTY))
        writable = false;
    return SPTE_BASE | (writable ? PTE_WRITE : 0) | (entry & PTE_NX);
}

static void sync_leaf(struct shadow *s, struct shadow_page *p, unsigned index, uint64_t entry)
{
    pfn_t f = gpa_to_pfn(guest_entry_base(entry, 1));
    struct shadow_place place = s->ops->place(s->ctx, f);
    uint64_t spte = rights_of(p, entry) | PTE_DIRTY;

    if (place.kind == SHADOW_PLACE_DEVICE) {
        shadow_set_spte(s, p, index, spte | mfn_to_maddr(place.mfn), NONE);
    } else if (place.kind == SHADOW_PLACE_RAM && f.n < s->nr_pfns) {
        if (shadow_frame_is_table(s, f))
            place.mfn.n += s->window;
        shadow_set_spte(s, p, index, spte | mfn_to_maddr(place.mfn), head_of_pfn(s, f));
    } else {
        shadow_set_spte(s, p, index, 0, NONE);
    }
}

static struct page_key child_key(const struct shadow_page *p, uint64_t entry)
{
    struct page_key k = { .pfn = gpa_to_pfn(guest_entry_base(entry, p->level)), .level = p->level - 1 };

    k.direct = guest_entry_is_leaf(entry, p->level);
    k.role = k.direct ? DIRECT_ROLE : p->role;
    return k;
}

/* Ahead of need, a page of 1 GiB is not splintered further than the part that is touched. */
static struct shadow_page *find_or_create(struct shadow *s, const struct shadow_page *parent,
                                          struct page_key k, enum effort e, bool *created)
{
    struct shadow_page *p = shadow_page_find(s, k);

    *created = false;
    if (p || (e == WHEN_FREE && parent->direct))
        return p;
    if (!k.direct && (k.pfn.n >= s->nr_pfns || !s->ops->guest_frame(s->ctx, k.pfn)))
        return NULL;
    p = shadow_page_create(s, k, e);
    *created = p != NULL;
    if (p && e == FOR_SURE && parent->direct && s->reason == SHADOW_HIDDEN_TABLE)
        s->reason = SHADOW_HIDDEN_LARGE;
    return p;
}

static void sync_link(struct shadow *s, struct shadow_page *p, unsigned index, uint64_t entry, enum effort e)
{
    struct page_key k = child_key(p, entry);
    bool created;
    struct shadow_page *child = find_or_create(s, p, k, e, &created);

    if (!child) {
        shadow_set_spte(s, p, index, 0, NONE);
        return;
    }
    shadow_set_spte(s, p, index, rights_of(p, entry) | mfn_to_maddr(page_mfn(s, child)),
                    head_of_page(s, child));
    if (created)
        shadow_sync_page(s, child);
}

/* Bring one entry in step with the guest's. */
void shadow_sync_entry(struct shadow *s, struct shadow_page *p, unsigned index, enum effort e)
{
    uint64_t entry;

    if (is_monitor_entry(s, p, index))
        return;
    entry = shadow_guest_entry(s, p, index);
    if (!entry_is_usable(s, p, entry))
        shadow_set_spte(s, p, index, 0, NONE);
    else if (p->level == 1)
        sync_leaf(s, p, index, entry);
    else
        sync_link(s, p, index, entry, e);
}

/* Most entries of most tables are absent, and were: then there is nothing to do. */
void shadow_sync_page(struct shadow *s, struct shadow_page *p)
{
    const uint64_t *table = page_table(s, p);
    const uint64_t *guest = p->direct ? NULL : s->ops->guest_frame(s->ctx, p->pfn);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (table[i] || !guest || guest[i] & PTE_PRESENT)
            shadow_sync_entry(s, p, i, WHEN_FREE);
}
