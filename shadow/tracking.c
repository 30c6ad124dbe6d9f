/* Which guest frames are tables. A frame is tracked from the first shadow page that is made of it to the last
 * that is freed; all that time every spte that maps it goes through the read-only window.
 *
 * When a table becomes one by a store, the CPU goes on with the old sptes until the monitor runs, and the
 * guest may change the table unseen: such a page is unsettled, and read again by shadow_settle(). */
#include "page.h"

bool shadow_frame_is_table(const struct shadow *s, pfn_t f)
{
    return f.n < s->nr_pfns && s->frames[f.n].tables;
}

/* All sptes that map the frame, to its own machine frame or to the window. */
static void redirect_mappings(struct shadow *s, pfn_t f, uint64_t offset)
{
    uint64_t frame = mfn_to_maddr(mfn(s->ops->place(s->ctx, f).mfn.n + offset));

    for (uint32_t slot = s->heads[head_of_pfn(s, f)]; slot != NONE; slot = s->links[slot].next) {
        struct shadow_page *p = &s->pages[slot / PT_ENTRIES];
        unsigned index = slot % PT_ENTRIES;

        shadow_write_spte(s, p, index, (page_table(s, p)[index] & ~PTE_FRAME_MASK) | frame);
    }
}

void shadow_track(struct shadow *s, struct shadow_page *p)
{
    struct shadow_guest_frame *f = &s->frames[p->pfn.n];
    bool was_table = f->tables;

    f->tables |= table_bit(p->level, p->role);
    f->suspicion = 0;
    f->swept = 0;
    if (!was_table) {
        redirect_mappings(s, p->pfn, s->window);
        shadow_flush_all(s); /* old translations may outlive their sptes, so also when there are none */
    }
    if (s->in_store) {
        p->unsettled = true;
        s->nr_unsettled++;
    }
}

void shadow_untrack(struct shadow *s, struct shadow_page *p)
{
    struct shadow_guest_frame *f = &s->frames[p->pfn.n];

    if (p->unsettled)
        s->nr_unsettled--;
    f->tables &= ~table_bit(p->level, p->role);
    if (!f->tables)
        redirect_mappings(s, p->pfn, 0);
}

void shadow_settle(struct shadow *s)
{
    for (uint32_t n = 0; s->nr_unsettled && n < s->nr_frames; n++) {
        struct shadow_page *p = &s->pages[n];

        if (!p->unsettled)
            continue;
        p->unsettled = false;
        s->nr_unsettled--;
        shadow_sync_page(s, p);
    }
}

/* The shadow of frame f as a table of this level and role, if there is one. */
static struct shadow_page *table_page(const struct shadow *s, pfn_t f, unsigned level, unsigned role)
{
    if (!(s->frames[f.n].tables & table_bit(level, role)))
        return NULL;
    return shadow_page_find(s, (struct page_key){ .pfn = f, .level = level, .role = role });
}

/* Pages come and go while entries are brought in step (a table may hold itself), so each is looked for anew.
 */
void shadow_sync_all(struct shadow *s, pfn_t f, unsigned index)
{
    for (unsigned level = PT_LEVELS; level > 0 && shadow_frame_is_table(s, f); level--) {
        for (unsigned role = 0; role < NR_ROLES; role++) {
            struct shadow_page *p = table_page(s, f, level, role);

            if (p)
                shadow_sync_entry(s, p, index, WHEN_FREE);
        }
    }
}

void shadow_drop_tables(struct shadow *s, pfn_t f)
{
    for (unsigned level = PT_LEVELS; level > 0; level--) {
        for (unsigned role = 0; role < NR_ROLES; role++) {
            struct shadow_page *p = table_page(s, f, level, role);

            if (p && !page_is_root_in_use(s, p))
                shadow_page_free(s, p);
        }
    }
}
