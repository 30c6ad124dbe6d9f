/* The audit: every statement that the rest of shadow/ relies on, checked one by one and in another way than
 * it was brought about.
 *   1. sptes: each is what the guest's entry, the p2m and the role make of it, and reaches nothing that it
 * must not
 *   2. lists: each spte hangs under what it points at, and under nothing else
 *   3. frames and pages: tracked if and only if there is a shadow of it; found by its key; counted; free ones
 * empty */
#include "page.h"

/* A large page, a bit that is reserved or a cache attribute in an spte would be more than the guest asked for. */
#define SPTE_BITS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY | PTE_NX | PTE_FRAME_MASK)

struct audit {
    const struct shadow *s;
    void (*report)(void *arg, const char *text, uint64_t number);
    void *arg;
    unsigned wrong;
};

static void expect(struct audit *a, bool holds, const char *text, uint64_t number)
{
    if (holds)
        return;
    a->wrong++;
    a->report(a->arg, text, number);
}

/* 1. Sptes. */

/* What the guest's entry allows in this role, as the bits P, W and NX; 0: nothing. */
static uint64_t rights_allowed(const struct shadow *s, const struct shadow_page *p, uint64_t entry)
{
    bool leaf = guest_entry_is_leaf(entry, p->level), user = p->role & ROLE_USER;
    uint64_t need = PTE_PRESENT | PTE_ACCESSED | (user ? PTE_USER : 0);

    if ((entry & need) != need)
        return 0;
    if (!p->direct && guest_entry_is_reserved(entry, p->level, s->maxphyaddr, p->role & ROLE_NXE))
        return 0;
    if (!user && !(p->role & ROLE_WP))
        entry |= PTE_WRITE;
    if (leaf && !(entry & PTE_DIRTY))
        entry &= ~PTE_WRITE;
    return entry & (PTE_PRESENT | PTE_WRITE | PTE_NX);
}

static bool frame_is_in_pool(const struct shadow *s, uint64_t m)
{
    return m - s->first_frame.n < s->nr_frames;
}

static void audit_leaf(struct audit *a, const struct shadow_page *p, uint64_t spte, uint64_t entry)
{
    const struct shadow *s = a->s;
    uint64_t m = pte_frame_number(spte);
    pfn_t f = pfn(pte_frame_number(entry));
    struct shadow_place place = s->ops->place(s->ctx, f);
    bool table = shadow_frame_is_table(s, f);

    expect(a, !frame_is_in_pool(s, m), "an spte maps a shadow table", m);
    if (place.kind == SHADOW_PLACE_RAM) {
        expect(a, m == place.mfn.n + (table ? s->window : 0), "an spte maps another frame than the p2m says",
               m);
        expect(a, s->ops->owns_frame(s->ctx, mfn(table ? m - s->window : m)), "an spte maps a foreign frame",
               m);
    } else {
        expect(a, place.kind == SHADOW_PLACE_DEVICE, "an spte maps what has no place", m);
        expect(a, m == place.mfn.n, "an spte maps another device frame than the p2m says", m);
        expect(a, !s->ops->owns_frame(s->ctx, mfn(m)), "a device frame is memory", m);
    }
    expect(a, rights_allowed(s, p, entry) == (spte & (PTE_PRESENT | PTE_WRITE | PTE_NX)), "rights of an spte",
           m);
}

static void audit_child(struct audit *a, const struct shadow_page *p, uint64_t spte, uint64_t entry)
{
    const struct shadow *s = a->s;
    bool leaf = guest_entry_is_leaf(entry, p->level);
    uint64_t m = pte_frame_number(spte);
    const struct shadow_page *c;

    expect(a, frame_is_in_pool(s, m), "a link leads out of the pool", m);
    if (!frame_is_in_pool(s, m))
        return;
    c = &s->pages[m - s->first_frame.n];
    expect(a, c->used && c->level == p->level - 1, "a link leads to a table of the wrong level", m);
    expect(a, c->pfn.n == guest_entry_base(entry, p->level) >> PAGE_SHIFT, "a link leads to another table",
           m);
    expect(a, c->direct == leaf && (leaf || c->role == p->role), "a link changes the role", m);
    expect(a, rights_allowed(s, p, entry) == (spte & (PTE_PRESENT | PTE_WRITE | PTE_NX)), "rights of a link",
           m);
}

static bool spte_must_be_there(const struct shadow *s, const struct shadow_page *p, uint64_t entry)
{
    struct shadow_place place;

    if (p->level > 1 || !rights_allowed(s, p, entry))
        return false; /* links are made as frames allow */
    place = s->ops->place(s->ctx, pfn(pte_frame_number(entry)));
    return place.kind == SHADOW_PLACE_DEVICE ||
           (place.kind == SHADOW_PLACE_RAM && pte_frame_number(entry) < s->nr_pfns);
}

static void audit_spte(struct audit *a, const struct shadow_page *p, unsigned index, uint64_t spte)
{
    const struct shadow *s = a->s;
    uint64_t entry;

    if (is_monitor_entry(s, p, index)) {
        expect(a, spte == s->monitor_entry, "a root lacks the monitor", page_mfn(s, p).n);
        return;
    }
    entry = shadow_guest_entry(s, p, index);
    if (!spte)
        expect(a, !spte_must_be_there(s, p, entry), "an entry has no spte", page_mfn(s, p).n);
    else if (p->level == 1)
        audit_leaf(a, p, spte, entry);
    else
        audit_child(a, p, spte, entry);
    expect(a, !(spte & ~SPTE_BITS), "an spte has a bit that none has", page_mfn(s, p).n);
    if (spte)
        expect(a, (spte & PTE_USER) && (spte & PTE_ACCESSED) && (p->level > 1 || (spte & PTE_DIRTY)),
               "an spte lacks U, A or D", page_mfn(s, p).n);
}

/* 2. Lists. */
static uint64_t slot_spte(const struct shadow *s, uint32_t slot)
{
    return page_table(s, &s->pages[slot / PT_ENTRIES])[slot % PT_ENTRIES];
}

/* All slots of the list lead to this frame, or its window. Returns how many. */
static uint64_t audit_list(struct audit *a, uint32_t head, uint64_t frame, bool leaves)
{
    const struct shadow *s = a->s;
    uint32_t prev = LINK_HEAD | head;
    uint64_t length = 0;

    for (uint32_t slot = s->heads[head]; slot != NONE; prev = slot, slot = s->links[slot].next, length++) {
        const struct shadow_page *p = &s->pages[slot / PT_ENTRIES];

        expect(a, s->links[slot].prev == prev, "a list is torn", frame);
        expect(a, p->used && (p->level == 1) == leaves, "a list has a slot of the wrong level", frame);
        expect(a, pte_frame_number(slot_spte(s, slot)) == frame, "a list has a slot that points elsewhere",
               frame);
        if (length > (uint64_t)s->nr_frames * PT_ENTRIES)
            break;
    }
    return length;
}

/* An spte to a device is in no list; any other one but the monitor's is in exactly one. */
static uint64_t count_listed(struct audit *a, const struct shadow_page *p)
{
    const struct shadow *s = a->s;
    const uint64_t *table = page_table(s, p);
    uint64_t n = 0;

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        uint64_t spte = table[i];
        bool listed = s->links[slot_of(s, p, i)].prev != NONE;

        expect(a, spte || !listed, "an empty spte is in a list", page_mfn(s, p).n);
        n += listed;
        if (!spte || is_monitor_entry(s, p, i) || listed)
            continue;
        expect(a, p->level == 1 && !s->ops->owns_frame(s->ctx, mfn(pte_frame_number(spte))),
               "an spte is in no list", page_mfn(s, p).n);
    }
    return n;
}

/* 3. Frames and pages. */
static void audit_frame(struct audit *a, pfn_t f, uint64_t *listed)
{
    const struct shadow *s = a->s;
    uint32_t tables = s->frames[f.n].tables;
    struct shadow_place place = s->ops->place(s->ctx, f);

    *listed += audit_list(a, head_of_pfn(s, f), place.mfn.n + (tables ? s->window : 0), true);
    for (unsigned bit = 0; bit < PT_LEVELS * NR_ROLES; bit++) {
        struct page_key k = { .pfn = f, .level = bit / NR_ROLES + 1, .role = bit % NR_ROLES };
        bool exists = shadow_page_find(s, k) != NULL;

        expect(a, exists == (tables >> bit & 1), "tracking of a frame (a pfn) is not as its shadows are",
               f.n);
    }
}

static void audit_page(struct audit *a, const struct shadow_page *p, uint64_t *in_lists, uint64_t *listed)
{
    const struct shadow *s = a->s;
    struct page_key k = { .pfn = p->pfn, .level = p->level, .role = p->role, .direct = p->direct };
    const uint64_t *table = page_table(s, p);
    uint64_t m = page_mfn(s, p).n;

    if (!p->used) {
        for (unsigned i = 0; i < PT_ENTRIES; i++)
            expect(a, !table[i], "a free shadow frame is not empty", m);
        return;
    }
    expect(a, shadow_page_find(s, k) == p, "a shadow table is not found, or there are two", m);
    expect(a, !p->unsettled, "a table is not settled: shadow_enter() was not called", m);
    expect(a, p->level == PT_LEVELS || s->heads[head_of_page(s, p)] != NONE, "a shadow table has no parent",
           m);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        audit_spte(a, p, i, table[i]);
    *in_lists += count_listed(a, p);
    *listed += audit_list(a, head_of_page(s, p), m, false);
}

/* How many unused pages hang here. */
static uint64_t count_unused(const struct shadow *s, uint32_t head)
{
    uint64_t n = 0;

    for (; head != NONE && !s->pages[head].used && n <= s->nr_frames; head = s->pages[head].hash_next)
        n++;
    return n;
}

/* How many pages the order of use has, in which each knows both neighbours. */
static uint64_t count_ordered(struct audit *a)
{
    const struct shadow *s = a->s;
    uint32_t older = NONE;
    uint64_t ordered = 0;

    for (uint32_t n = s->oldest; n != NONE && ordered <= s->nr_frames; older = n, n = s->pages[n].newer) {
        expect(a, s->pages[n].older == older, "the order of use is torn", s->first_frame.n + n);
        ordered++;
    }
    expect(a, s->newest == older, "the order of use does not end with the newest", s->first_frame.n + s->newest);
    return ordered;
}

static void audit_counts(struct audit *a)
{
    const struct shadow *s = a->s;
    uint64_t used = 0;

    for (uint32_t n = 0; n < s->nr_frames; n++)
        used += s->pages[n].used;
    expect(a, used == count_ordered(a) && used == s->stats.tables_in_use, "the count of shadow tables", used);
    expect(a, count_unused(s, s->free_head) == s->nr_free && count_unused(s, s->resting_head) == s->nr_resting &&
                  used + s->nr_free + s->nr_resting == s->nr_frames, "the count of free frames", s->nr_free);
    expect(a, s->loaded == NONE || (s->pages[s->loaded].used && s->pages[s->loaded].level == PT_LEVELS),
           "the loaded root is none", s->first_frame.n + s->loaded);
    expect(a, !s->nr_unsettled, "the count of unsettled tables", s->nr_unsettled);
}

unsigned shadow_audit(const struct shadow *s, void (*report)(void *arg, const char *text, uint64_t number),
                      void *arg)
{
    struct audit a = { .s = s, .report = report, .arg = arg };
    uint64_t in_lists = 0, listed = 0;

    for (uint32_t n = 0; n < s->nr_frames; n++)
        audit_page(&a, &s->pages[n], &in_lists, &listed);
    for (uint64_t n = 0; n < s->nr_pfns; n++)
        audit_frame(&a, pfn(n), &listed);
    audit_counts(&a);
    expect(&a, in_lists == listed, "the count of listed sptes", listed);
    return a.wrong;
}
